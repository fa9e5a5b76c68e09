"""Running one unit: claim it, work on it under a lease, store its output, send the hints that follow."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from celery import Celery

from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import make_celery, send_hints
from services.shared.config import Settings
from services.shared.errors import (
    Cancelled,
    DragomanError,
    InternalError,
    Overloaded,
    StorageFailure,
    Unavailable,
)
from services.shared.leases import Lease, Leases
from services.shared.ledger.ledger import Ledger, connect
from services.shared.ledger.records import Child, Claim, Failure, Output
from services.shared.rpc import client
from services.shared.tasks import queues_of

__all__ = ["Child", "Handler", "Output", "StageRunner", "Work", "run_worker"]

_FIRST_DELAY_MS: Final = 500
_MOST_DELAY_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage's handler gets.

    Attributes:
        claim: The unit, its payload and its inputs.
        artifacts: Where to read inputs and store outputs.
        channels: gRPC channels to the model services.
        lease: Ends when the job is cancelled; calls are cancelled with it.
        deadline_s: Most seconds for one gRPC call.
        ledger: For outputs of other units of the job.
    """

    claim: Claim
    artifacts: ArtifactStore
    channels: client.Channels
    lease: Lease
    deadline_s: float
    ledger: Ledger

    @property
    def request_id(self) -> str:
        """Correlates the logs of all services that touch this unit."""
        return self.claim.unit

    @property
    def prefix(self) -> str:
        """Of the keys of this attempt's artifacts; another attempt has another one."""
        claim = self.claim
        return f"{claim.tenant}/{claim.job}/{claim.stage}/{claim.index}.{claim.attempt}/"

    def key(self, name: str) -> str:
        """Return the key for one of this attempt's artifacts."""
        return self.prefix + name

    def unary(self, method: Any, request: Any) -> Any:
        """Call a method that answers with one message; `request` is a message or an iterator of them.

        Raises:
            DragomanError: what the service raised; Cancelled if the job was cancelled meanwhile.
        """
        sent = _sent(request)
        call = method.future(sent, timeout=self.deadline_s)
        with self._watched(call, sent):
            return client.call(call.result)

    def stream(self, method: Any, request: Any) -> Iterator[Any]:
        """Call a method that answers with a stream; raises as `unary` does, while iterating."""
        sent = _sent(request)
        call = method(sent, timeout=self.deadline_s)
        with self._watched(call, sent):
            yield from client.stream(lambda: call)

    @contextmanager
    def _watched(self, call: Any, sent: Any) -> Iterator[None]:
        with self.lease.ending(call.cancel):
            try:
                yield
            except DragomanError:
                if isinstance(sent, _Requests) and sent.error is not None:
                    raise sent.error from None
                raise


class _Requests(Iterator[Any]):
    """Requests on their way into gRPC, which swallows what their iterator raises; here it is kept."""

    def __init__(self, requests: Iterator[Any]) -> None:
        self._requests = requests
        self.error: Exception | None = None

    def __next__(self) -> Any:
        try:
            return next(self._requests)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise


def _sent(request: Any) -> Any:
    return _Requests(request) if isinstance(request, Iterator) else request


Handler = Callable[[Work], Output]


class StageRunner:
    """Runs the units of one service's stages.

    Args:
        handlers: Per stage.
        ledger: The truth about units.
        artifacts: Where audio and text live.
        send: Sends hints.
        settings: For targets and deadlines.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        ledger: Ledger,
        artifacts: ArtifactStore,
        send: Callable[[list[Any]], None],
        settings: Settings,
    ) -> None:
        self._handlers = handlers
        self._ledger = ledger
        self._artifacts = artifacts
        self._send = send
        self._deadline_s = settings.unit_deadline_s
        self._channels = client.Channels(settings.target_of)
        self._leases = Leases(ledger)

    def run(self, unit: str) -> None:
        """Run a unit if it is to be had; a hint for one that is not is dropped."""
        claim = self._ledger.claim(unit)
        if claim is None:
            return
        began = time.monotonic()
        with self._leases.hold(claim) as lease:
            work = Work(claim, self._artifacts, self._channels, lease, self._deadline_s, self._ledger)
            outcome = self._settle(work)
        seconds = time.monotonic() - began
        telemetry.STAGE_SECONDS.labels(claim.stage, outcome).observe(seconds)
        telemetry.logger().info(
            "unit", unit=unit, attempt=claim.attempt, outcome=outcome, seconds=round(seconds, 3)
        )

    def _settle(self, work: Work) -> str:
        outcome = "done"
        try:
            try:
                hints = self._ledger.complete(work.claim, self._handle(work))
            except DragomanError as error:
                outcome = error.code
                hints = self._give_back(work, error)
        except Cancelled:
            # Whoever ended the unit never saw this attempt's artifacts.
            self._discard(work)
            return Cancelled.family
        self._send(hints)
        return outcome

    def _handle(self, work: Work) -> Output:
        try:
            return self._handlers[work.claim.stage](work)
        except DragomanError:
            raise
        except Exception as error:
            telemetry.logger().exception("unit failed", unit=work.claim.unit, error=type(error).__name__)
            raise InternalError("The stage worker failed; its log has the cause.") from error

    def _give_back(self, work: Work, error: DragomanError) -> list[Any]:
        self._discard(work)
        # A lease that ended makes calls fail as cancelled; the ledger then knows it already.
        away = isinstance(error, Unavailable | Overloaded)
        failure = Failure(
            code=error.code,
            detail=error.detail,
            retryable=error.retryable,
            burns=not away,
            delay_ms=_delay_ms(work.claim.attempt),
        )
        return self._ledger.fail(work.claim, failure)

    def _discard(self, work: Work) -> None:
        """Delete what this attempt stored; what a failing store keeps goes when the job is erased."""
        with suppress(StorageFailure):
            self._artifacts.delete_prefix(work.prefix)


def _delay_ms(attempt: int) -> int:
    """Exponential with jitter, so that units that failed together do not come back together."""
    longest = min(_FIRST_DELAY_MS * 2 ** min(attempt - 1, 16), _MOST_DELAY_MS)
    return int(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


def run_worker(service: str, handlers: Mapping[str, Handler], settings: Settings, concurrency: int) -> None:
    """Consume a service's hints until SIGTERM; running units are finished first.

    Threads, because a worker only waits for gRPC; its time limits are gRPC deadlines.
    """
    telemetry.configure(f"{service}-worker", settings)
    app = make_celery(settings, service)
    runner = StageRunner(
        handlers,
        Ledger(connect(settings.redis_url), settings.key_prefix),
        LocalArtifacts(settings.artifacts_dir),
        lambda hints: send_hints(app, hints),
        settings,
    )
    for stage in handlers:
        _register(app, stage, runner)
    app.worker_main(
        [
            "worker",
            "--pool=threads",
            f"--concurrency={concurrency}",
            f"--queues={','.join(queues_of(service))}",
            f"--hostname={service}@%h",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


def _register(app: Celery, stage: str, runner: StageRunner) -> None:
    @app.task(name=stage)  # type: ignore[untyped-decorator]  # celery has no types
    def run(unit: str) -> None:
        try:
            runner.run(unit)
        except Exception as error:  # noqa: BLE001 - the lease runs out, and the unit comes again
            # Celery would log what the exception says.
            telemetry.logger().exception("unit not settled", unit=unit, error=type(error).__name__)
