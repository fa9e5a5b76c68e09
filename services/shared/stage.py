"""Running one unit: claim it, work on it under a lease, store its output, send the hints that follow."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from celery import Celery, signals

from protos.v1 import common_pb2
from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.store import open_store
from services.shared.broker import Origin, make_celery, origin_of, send_hints
from services.shared.config import Settings
from services.shared.errors import (
    Cancelled,
    ConnectionLost,
    DragomanError,
    InternalError,
    Overloaded,
    StorageFailure,
    Timeout,
    Unavailable,
)
from services.shared.leases import Lease, Leases
from services.shared.ledger.ledger import Ledger, open_ledger
from services.shared.ledger.records import Child, Claim, Failure, Output
from services.shared.rpc import client, health, wire
from services.shared.tasks import Hint

__all__ = ["Child", "Handler", "Output", "StageRunner", "Work", "run_worker"]

_FIRST_DELAY_MS: Final = 500
_MOST_DELAY_MS: Final = 60_000
# Of what waits for a service that is away, or has just been started for it.
_MOST_AWAY_DELAY_MS: Final = 5_000
_DONE: Final = "done"
# Outcomes that are no failure of the unit's.
_WELL: Final = (_DONE, Cancelled.family)
_UNKNOWN: Final = Origin()
_PRIORITIES: Final = {"interactive": common_pb2.PRIORITY_INTERACTIVE}


@dataclass(slots=True)
class Work:
    """What a stage's handler gets.

    Attributes:
        claim: The unit, its payload and its inputs.
        artifacts: Where to read inputs and store outputs.
        channels: gRPC channels to the model services.
        lease: Ends when the job is cancelled; calls are cancelled with it.
        deadline_s: Most seconds for one gRPC call.
        ledger: For outputs of other units of the job.
        served_ms: How long its calls that went well have held slots of model servers, so far.
    """

    claim: Claim
    artifacts: ArtifactStore
    channels: client.Channels
    lease: Lease
    deadline_s: float
    ledger: Ledger
    served_ms: int = field(default=0, init=False)

    @property
    def request_id(self) -> str:
        """Correlates the logs of all services that touch this unit."""
        return self.claim.unit

    @property
    def may_call_again(self) -> bool:
        """Whether one more long call, and short ones after it, end before the unit is overdue."""
        return self.lease.age_s < self.deadline_s * 3 / 4

    @property
    def context(self) -> common_pb2.RequestContext:
        """Who asks, for every request to a model service."""
        return common_pb2.RequestContext(
            request_id=self.request_id,
            tenant=self.claim.tenant,
            priority=_PRIORITIES.get(self.claim.spec.get("priority", ""), common_pb2.PRIORITY_BATCH),
        )

    def model(self, service: str) -> str:
        """Return the model that the job names for a service; empty for the service's own choice."""
        named = self.claim.spec.get("models") or {}
        return str(named.get(service) or "")

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
            answer = client.call(call.result)
        self.served_ms += wire.served_ms(call.trailing_metadata())
        return answer

    def stream(self, method: Any, request: Any) -> Iterator[Any]:
        """Call a method that answers with a stream; raises as `unary` does, while iterating."""
        sent = _sent(request)
        call = method(sent, timeout=self.deadline_s)
        with self._watched(call, sent):
            try:
                yield from client.stream(lambda: call)
            finally:
                # Where nobody reads to its end: it would last until its deadline.
                call.cancel()
        self.served_ms += wire.served_ms(call.trailing_metadata())

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
        send: Callable[[Sequence[Hint]], None],
        settings: Settings,
    ) -> None:
        self._handlers = handlers
        self._ledger = ledger
        self._artifacts = artifacts
        self._send = send
        self._deadline_s = settings.unit_deadline_s
        self._channels = client.Channels.of(settings)
        # A unit makes one long call, perhaps two; for more see Work.may_call_again.
        self._leases = Leases(ledger, 2 * settings.unit_deadline_s)

    def run(self, service: str, origin: Origin = _UNKNOWN) -> None:
        """Run the service's next unit; a hint too many finds none, and one too late is dropped.

        The hint names no unit, so the unit's span belongs to the trace of its own job, and is only linked to
        the span that sent the hint.
        """
        claim = None if self._leases.drained else self._ledger.claim(service)
        if claim is None:
            telemetry.IDLE_HINTS.labels(service).inc()
            return
        telemetry.UNIT_WAIT_SECONDS.labels(claim.stage).observe(claim.waited_ms / 1000)
        link = "" if origin.traceparent == claim.trace else origin.traceparent
        with (
            telemetry.BUSY_SLOTS.track_inprogress(),
            telemetry.named(job=claim.job, request_id=claim.unit),
            telemetry.span(
                claim.stage,
                telemetry.SpanKind.CONSUMER,
                _described(claim, origin),
                parent=claim.trace,
                link=link,
            ),
        ):
            self._work_on(claim)

    def _work_on(self, claim: Claim) -> None:
        began = time.monotonic()
        with self._leases.hold(claim) as lease:
            work = Work(claim, self._artifacts, self._channels, lease, self._deadline_s, self._ledger)
            outcome = self._settle(work)
        seconds = time.monotonic() - began
        _measure(claim, outcome, seconds)
        telemetry.mark({"dragoman.outcome": outcome}, "" if outcome in _WELL else outcome)
        telemetry.logger().info(
            "unit", unit=claim.unit, attempt=claim.attempt, outcome=outcome, seconds=round(seconds, 3)
        )

    def drain(self) -> None:
        """Take no unit any more; end what runs and give it back, for another worker to do."""
        self._leases.drain()

    def alive(self, slots: int) -> bool:
        """Say whether a worker with `slots` threads can still work; see Leases.alive."""
        return self._leases.alive(slots)

    def _settle(self, work: Work) -> str:
        outcome = _DONE
        try:
            try:
                output = self._handle(work)
                hints: Sequence[Hint] = self._ledger.complete(work.claim, output, work.served_ms)
            except DragomanError as error:
                # A lease that ended makes calls fail as cancelled; the ledger says then why it ended.
                failure = _GIVEN_BACK.get(work.lease.reason) or _failure(error, work.claim.attempt)
                outcome = failure.code
                hints = self._give_back(work, failure)
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

    def _give_back(self, work: Work, failure: Failure) -> Sequence[Hint]:
        self._discard(work)
        return self._ledger.fail(work.claim, failure)

    def _discard(self, work: Work) -> None:
        """Delete what this attempt stored; what a failing store keeps goes when the job is erased."""
        with suppress(StorageFailure):
            self._artifacts.delete_prefix(work.prefix)


def _described(claim: Claim, origin: Origin) -> dict[str, str | int]:
    hint = {} if origin.waited_s is None else {"dragoman.hint_wait_ms": round(origin.waited_s * 1000)}
    return {
        "dragoman.job": claim.job,
        "dragoman.index": claim.index,
        "dragoman.attempt": claim.attempt,
        "dragoman.audio_ms": claim.audio_ms,
        "dragoman.waited_ms": claim.waited_ms,
        **hint,
    }


def _measure(claim: Claim, outcome: str, seconds: float) -> None:
    telemetry.STAGE_SECONDS.labels(claim.stage, outcome).observe(seconds)
    if outcome == _DONE and claim.audio_ms:
        audio_s = claim.audio_ms / 1000
        telemetry.AUDIO_SECONDS.labels(claim.stage).inc(audio_s)
        telemetry.REAL_TIME_FACTOR.labels(claim.stage).observe(seconds / audio_s)


# By why a lease was ended from within this process.
_GIVEN_BACK: Final = {
    "drained": Failure(
        "drained", "The worker that ran it was told to stop.", retryable=True, cost="none", delay_ms=0
    ),
    "overdue": Failure(
        "overdue", "The worker that ran it took too long.", retryable=True, cost="loss", delay_ms=0
    ),
}


def _failure(error: DragomanError, attempt: int) -> Failure:
    cost = _cost(error)
    most_ms = _MOST_AWAY_DELAY_MS if cost == "none" else _MOST_DELAY_MS
    return Failure(error.code, error.detail, error.retryable, cost, _delay_ms(attempt, most_ms))


def _cost(error: DragomanError) -> str:
    """Say which budget an error counts against: whose fault may it be?"""
    match error:
        case ConnectionLost() | Timeout():
            # A server that died or hung under the unit: by chance, or because of it.
            return "loss"
        case Unavailable() | Overloaded():
            return "none"
        case StorageFailure(code=code) if code != "artifact_corrupt":
            return "none"
        case _:
            return "failure"


def _delay_ms(attempt: int, most_ms: int) -> int:
    """Exponential with jitter, so that units that failed together do not come back together."""
    longest = min(_FIRST_DELAY_MS * 2 ** min(attempt - 1, 16), most_ms)
    return int(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


def run_worker(service: str, handlers: Mapping[str, Handler], settings: Settings, concurrency: int) -> None:
    """Consume a service's hints until SIGTERM.

    Then no unit is taken any more. Running ones get DRAGOMAN_DRAIN_S to end; after that they are given back.
    Threads, because a worker only waits for gRPC; its time limits are gRPC deadlines.
    """
    telemetry.configure(f"{service}-worker", settings)
    app = make_celery(settings, service)
    runner = StageRunner(
        handlers,
        open_ledger(settings),
        open_store(settings),
        lambda hints: send_hints(app, hints),
        settings,
    )
    telemetry.SLOTS.set(concurrency)
    _register(app, service, runner)
    _drain_on_shutdown(runner, settings.drain_s)
    with health.serving(settings, _consuming().is_set, lambda: runner.alive(concurrency)):
        app.worker_main(
            [
                # No banner: all that is logged is lines of JSON.
                "--quiet",
                "worker",
                "--pool=threads",
                f"--concurrency={concurrency}",
                f"--queues={service}",
                f"--hostname={service}@%h",
                "--loglevel=WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )


def _consuming() -> threading.Event:
    """Return what is set from the moment the worker takes hints until it is told to end."""
    consuming = threading.Event()
    signals.worker_ready.connect(lambda **_: consuming.set(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: consuming.clear(), weak=False)
    return consuming


def _drain_on_shutdown(runner: StageRunner, drain_s: float) -> None:
    def begin(**_: object) -> None:
        timer = threading.Timer(drain_s, runner.drain)
        timer.daemon = True
        timer.start()

    # Not weakly: nothing else keeps it.
    signals.worker_shutting_down.connect(begin, weak=False)


def _register(app: Celery, service: str, runner: StageRunner) -> None:
    @app.task(name=service, bind=True)  # type: ignore[untyped-decorator]  # celery has no types
    def run(task: Any) -> None:
        origin = origin_of(task.request.headers)
        if origin.waited_s is not None:
            telemetry.HINT_WAIT_SECONDS.labels(service).observe(origin.waited_s)
        try:
            runner.run(service, origin)
        except Exception as error:  # noqa: BLE001 - the lease runs out, and the unit comes again
            # Celery would log what the exception says.
            telemetry.logger().exception("unit not settled", service=service, error=type(error).__name__)
