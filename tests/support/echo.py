"""A Celery worker process for tests that puts what it is told into a list, and needs no ledger."""

from __future__ import annotations

from typing import Final

from celery import Celery

from services.shared import redis_url
from services.shared.broker import make_celery
from services.shared.config import Settings, load

TASK: Final = "echo"
QUEUE: Final = "echoes"


def heard(settings: Settings) -> str:
    """Return the key of the list."""
    return f"{settings.key_prefix}heard"


def app_of(settings: Settings) -> Celery:
    """Make an app of the product with the one task."""
    app = make_celery(settings, "echo")
    ledger = redis_url.client(settings.redis_url)

    def echo(word: str) -> None:
        ledger.rpush(heard(settings), word)

    app.task(name=TASK)(echo)
    return app


def say(app: Celery, word: str) -> None:
    """Send a word to the worker, as a hint is sent."""
    app.send_task(TASK, args=[word], queue=QUEUE, retry=False)


if __name__ == "__main__":
    options = ("--pool", "threads", "--concurrency", "2", "--queues", QUEUE, "--loglevel", "ERROR")
    app_of(load(Settings)).worker_main(
        ["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )
