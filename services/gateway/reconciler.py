"""Composition root of the reconciler: re-sends due hints, ends leases, finishes jobs.

Any number of copies may run; every step is atomic in the ledger, so there is no leader.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from services.gateway.jobs.finish import Finisher
from services.gateway.storage.redis import RedisJobStore
from services.shared import telemetry
from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import make_celery, send_hints
from services.shared.config import Settings, load
from services.shared.ledger.ledger import Ledger, connect
from services.shared.tasks import Hint

_INTERVAL_S: Final = 1.0
_BATCH: Final = 200


class Reconciler:
    """One copy of the reconciler.

    Args:
        ledger: What is due.
        finisher: Composes results and gives jobs their final state.
        send: Sends hints.
    """

    def __init__(self, ledger: Ledger, finisher: Finisher, send: Callable[[list[Hint]], None]) -> None:
        self._ledger = ledger
        self._finisher = finisher
        self._send = send
        self._looked_s = 0.0

    def run(self, ended: threading.Event) -> None:
        """Work until `ended` is set."""
        while not ended.is_set():
            try:
                self._ledger.wait_for_work(_INTERVAL_S)
                self.step()
            except Exception as error:  # noqa: BLE001 - Redis is away or a job is odd: go on with the rest
                telemetry.logger().exception("reconciler step failed", error=type(error).__name__)
                ended.wait(_INTERVAL_S)

    def step(self) -> None:
        """Finish what can be finished; look at what is due at most once per interval."""
        for job in self._ledger.take_finishing(_BATCH):
            self._finish(job)
        if time.monotonic() - self._looked_s >= _INTERVAL_S:
            self._looked_s = time.monotonic()
            self._resend()

    def _finish(self, job: str) -> None:
        try:
            self._finisher.finish(job)
        except Exception as error:  # noqa: BLE001 - this job comes again; the others must not wait
            telemetry.logger().exception("job not finished", job=job, error=type(error).__name__)

    def _resend(self) -> None:
        due = self._ledger.due(_BATCH)
        for hint in due.hints:
            telemetry.RESENT_HINTS.labels(hint.stage).inc()
        telemetry.EXPIRED_LEASES.inc(due.expired)
        self._send(list(due.hints))


def main() -> None:
    """Run one reconciler until SIGTERM."""
    settings = load(Settings)
    telemetry.configure("reconciler", settings)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ledger = Ledger(connect(settings.redis_url), settings.key_prefix)
    app = make_celery(settings, "reconciler")
    finisher = Finisher(RedisJobStore(ledger), LocalArtifacts(settings.artifacts_dir))
    Reconciler(ledger, finisher, lambda hints: send_hints(app, hints)).run(ended)


if __name__ == "__main__":
    main()
