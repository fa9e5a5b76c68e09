"""A worker that only notes that a task came: bare Celery, or a loop around a Redis list.

`python -m tests.bench.echo_worker celery`, or `raw`.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from services.shared import telemetry
from services.shared.broker import make_celery
from services.shared.config import Settings, load
from services.shared.redis_url import client as connect

QUEUE: Final = "echo"
TASKS, ECHOES = "bench:tasks", "bench:echoes"
CONCURRENCY: Final = 4


def run_celery(settings: Settings) -> None:
    """Run a Celery worker with run_worker's settings and options, and none of its work."""
    app = make_celery(settings, QUEUE)

    @app.task(name=QUEUE)  # type: ignore[untyped-decorator]  # celery has no types
    def echo(task: str, filler: str) -> None:
        _note(task)

    app.worker_main(
        [
            "worker",
            "--pool=threads",
            f"--concurrency={CONCURRENCY}",
            f"--queues={QUEUE}",
            "--hostname=echo@%h",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


def run_raw(settings: Settings) -> None:
    """Take tasks off a Redis list and push each one onto another list."""
    redis = connect(settings.redis_url)
    while True:
        popped: Any = redis.brpop([TASKS], timeout=1)
        if popped is not None:
            redis.lpush(ECHOES, popped[1])
            _note(json.loads(popped[1])["task"])


def _note(task: str) -> None:
    # As a stage worker does.
    telemetry.logger().info("unit", unit=task, attempt=1, outcome="done")


def main() -> None:
    """Run what the command line names."""
    settings = load(Settings)
    telemetry.configure("echo", settings)
    {"celery": run_celery, "raw": run_raw}[sys.argv[1]](settings)


if __name__ == "__main__":
    main()
