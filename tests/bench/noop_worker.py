"""A worker process whose tasks do nothing: the service's own, or a bare Celery one with the same settings."""

from __future__ import annotations

import sys
from typing import Final

from services.shared.broker import make_celery
from services.shared.config import Settings, load
from services.shared.ledger.records import Node
from services.shared.redis_url import client as connect
from services.shared.stage import Child, Handler, Output, Work, run_worker

SERVICE: Final = "asr"
CONCURRENCY: Final = 4

# The speech_translation graph, all of it on one service so that one worker runs it.
GRAPH: Final = (
    Node(f"{SERVICE}.decode", "job"),
    Node(f"{SERVICE}.segment", "channel"),
    Node(f"{SERVICE}.transcribe", "region"),
    Node(f"{SERVICE}.translate", "region"),
    Node(f"{SERVICE}.synthesize", "region"),
    Node(f"{SERVICE}.encode", "job"),
)
CHANNELS: Final = 2
REGIONS: Final = 6
UNITS_PER_JOB: Final = 2 + CHANNELS + 3 * CHANNELS * REGIONS
SINGLE: Final = f"{SERVICE}.single"
NOOP, ECHO = f"{SERVICE}.noop", f"{SERVICE}.echo"
ECHOES: Final = "bench:echoes"


def nothing(_work: Work) -> Output:
    """Handle a unit as fast as can be."""
    return Output({})


def channels(_work: Work) -> Output:
    """Hand out channels, as decoding does."""
    return Output({}, tuple(Child(f"c{number}", {}) for number in range(CHANNELS)))


def regions(work: Work) -> Output:
    """Hand out regions, as segmenting does."""
    channel = work.claim.index
    return Output({}, tuple(Child(f"{channel}r{number}", {}) for number in range(REGIONS)))


def handlers() -> dict[str, Handler]:
    """Return what does nothing for every stage."""
    table: dict[str, Handler] = {node.stage: nothing for node in GRAPH}
    return table | {SINGLE: nothing, f"{SERVICE}.decode": channels, f"{SERVICE}.segment": regions}


def run_bare(settings: Settings) -> None:
    """Run a Celery worker with run_worker's settings and options, and none of its work."""
    app = make_celery(settings, SERVICE)
    redis = connect(settings.redis_url)

    @app.task(name=NOOP)  # type: ignore[untyped-decorator]  # celery has no types
    def noop() -> None:
        pass

    @app.task(name=ECHO)  # type: ignore[untyped-decorator]  # celery has no types
    def echo() -> None:
        redis.lpush(ECHOES, 1)

    app.worker_main(
        [
            "worker",
            "--pool=threads",
            f"--concurrency={CONCURRENCY}",
            f"--queues={SERVICE}",
            "--hostname=bare@%h",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


def main() -> None:
    """Run the worker that the command line names: "service" or "bare"."""
    settings = load(Settings)
    if sys.argv[1] == "bare":
        run_bare(settings)
    else:
        run_worker(SERVICE, handlers(), settings, CONCURRENCY)


if __name__ == "__main__":
    main()
