"""Composition root of the reconciler: mends lost hints and leases, finishes jobs, delivers the outbox.

Any number of copies may run; every step is atomic in the ledger, so there is no leader.
"""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway.capabilities import GrpcCapabilities
from services.gateway.hints import MissingHints
from services.gateway.jobs.finish import Finisher
from services.gateway.jobs.sweep import Sweeper
from services.gateway.outbox import Outbox, measure
from services.gateway.scaling.board import Board
from services.gateway.scaling.duty import Scaling
from services.gateway.scaling.settings import ScalingSettings
from services.gateway.settings import WebhookSettings
from services.gateway.storage.answers import RedisAnswers
from services.gateway.storage.redis import RedisJobStore
from services.gateway.uploads.records import Records
from services.gateway.uploads.service import Uploads
from services.gateway.webhooks.courier import open_courier
from services.gateway.webhooks.wiring import open_announcer
from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.store import open_store
from services.shared.broker import make_celery, queued_hints, send_hints
from services.shared.config import Settings, load
from services.shared.errors import DragomanError
from services.shared.ledger.ledger import Ledger, open_ledger
from services.shared.redis_url import client
from services.shared.rpc import health
from services.shared.rpc.client import Channels
from services.shared.tasks import Hint

_INTERVAL_S: Final = 1.0
# After which another copy looks for lost hints in place of one that is gone.
_TAKE_OVER_S: Final = 3.0
# Wait before a job is tried again that could not be finished.
_AGAIN_MS: Final = 2_000
_BATCH: Final = 200
# Wait for one model server to say what it can do, and how long that counts.
_ASK_S: Final = 2.0
_FRESH_S: Final = 30.0
# A copy whose loop does not come round for so long hangs: far above any step, even the sweep of a full store.
_HANGS_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Duties:
    """What a reconciler does beside looking at the ledger.

    Attributes:
        finisher: Composes results and gives jobs their final state.
        missing: Knows which hints are lost.
        send: Sends hints.
        outbox: Tells which jobs have ended.
        sweeper: Deletes artifacts that belong to nothing.
        sweep_interval_s: How often it does, whichever copy it is.
    """

    finisher: Finisher
    missing: MissingHints
    send: Callable[[Sequence[Hint]], None]
    outbox: Outbox
    sweeper: Sweeper
    sweep_interval_s: float


class ReconcilerSettings(ScalingSettings, WebhookSettings):
    """What the reconciler needs to know."""


class Reconciler:
    """One copy of the reconciler.

    Args:
        ledger: What is due.
        duties: What is done about it.
    """

    def __init__(self, ledger: Ledger, duties: Duties) -> None:
        self._ledger = ledger
        self._do = duties
        self._looked_s = 0.0
        self._name = uuid.uuid4().hex
        self._pulse = health.Pulse()

    @property
    def alive(self) -> bool:
        """Whether its loop comes round; with Redis away it does."""
        return self._pulse.beats(_HANGS_S)

    def run(self, ended: threading.Event) -> None:
        """Work until `ended` is set."""
        while not ended.is_set():
            self._pulse.beat()
            try:
                self._ledger.wait_for_work(_INTERVAL_S)
                self.step()
            except Exception as error:  # noqa: BLE001 - Redis is away
                telemetry.logger().exception("reconciler step failed", error=type(error).__name__)
                ended.wait(_INTERVAL_S)

    def step(self) -> None:
        """Finish what can be finished; look at what is due at most once per interval."""
        self._finish_all()
        self._do.outbox.deliver()
        if time.monotonic() - self._looked_s >= _INTERVAL_S:
            self._looked_s = time.monotonic()
            self._revive()
            self._resend()
            self._sweep()
            telemetry.LAST_STEP.set_to_current_time()

    def _finish_all(self) -> None:
        for job in self._ledger.take_finishing(_BATCH):
            try:
                self._do.finisher.finish(job)
            except Exception as error:  # noqa: BLE001 - this job comes again; the others must not wait
                telemetry.logger().exception("job not finished", job=job, error=type(error).__name__)
                self._ledger.hand_back(job, _AGAIN_MS)

    def _revive(self) -> None:
        due = self._ledger.due(_BATCH)
        telemetry.EXPIRED_LEASES.inc(due.expired)
        self._do.send(due.hints)

    def _resend(self) -> None:
        # One copy, as long as it looks: each would send what is missing.
        if not self._ledger.lock("hints", _TAKE_OVER_S, self._name):
            return
        try:
            self._do.send(self._do.missing.look())
        except Exception as error:  # noqa: BLE001 - the broker is away; it need not be the ledger's Redis
            telemetry.logger().warning("queues not seen", error=type(error).__name__)

    def _sweep(self) -> None:
        if not self._ledger.lock("sweep", self._do.sweep_interval_s):
            return
        try:
            telemetry.SWEPT_ARTIFACTS.inc(self._do.sweeper.sweep(self._ledger.now()))
        except DragomanError as error:
            telemetry.logger().warning("not swept", code=error.code)


def main() -> None:
    """Run one reconciler until SIGTERM."""
    settings = load(ReconcilerSettings)
    telemetry.configure("reconciler", settings)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    reconciler = reconciler_of(settings)
    scaling, sending = (
        threading.Thread(target=duty.run, args=(ended,), daemon=True)
        for duty in (scaling_of(settings), open_courier(settings))
    )
    scaling.start()
    sending.start()
    with health.serving(settings, lambda: reconciler.alive, lambda: reconciler.alive):
        reconciler.run(ended)
        sending.join(settings.drain_s)


def reconciler_of(settings: WebhookSettings) -> Reconciler:
    """Wire a reconciler as the settings say."""
    ledger, artifacts = open_ledger(settings), open_store(settings)
    app = make_celery(settings, "reconciler")
    store = RedisJobStore(ledger)
    duties = Duties(
        finisher=Finisher(store, artifacts),
        missing=MissingHints(ledger.waiting, lambda: queued_hints(app)),
        send=lambda hints: send_hints(app, hints),
        # What is only counted comes last: a subscriber that fails has all before it told again.
        outbox=Outbox(ledger, [open_announcer(settings, ledger), measure]),
        sweeper=Sweeper(store, artifacts, settings.sweep_age_s, _uploads(settings, artifacts)),
        sweep_interval_s=settings.sweep_interval_s,
    )
    return Reconciler(ledger, duties)


def _uploads(settings: Settings, artifacts: ArtifactStore) -> Uploads:
    """Return the uploads, for who only wants to know what they need."""
    return Uploads(Records(client(settings.redis_url), settings.key_prefix, ttl_s=0), artifacts, max_bytes=0)


def scaling_of(settings: ScalingSettings) -> Scaling:
    """Wire the duty of deciding on sizes as the settings say."""
    redis = client(settings.redis_url)
    answers = RedisAnswers(redis, settings.key_prefix)
    capabilities = GrpcCapabilities(Channels.of(settings), answers, _FRESH_S, _ASK_S)
    return Scaling(open_ledger(settings), Board(redis, settings.key_prefix), capabilities, settings)


if __name__ == "__main__":
    main()
