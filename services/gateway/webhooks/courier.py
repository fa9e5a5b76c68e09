"""Sends what is due to endpoints: several at a time, each signed, checked, capped, and leased meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.settings import WebhookSettings
from services.gateway.webhooks.model import Attempt, Claim, DeliveryState, Verdict
from services.gateway.webhooks.schedule import Schedule, judge
from services.gateway.webhooks.signing import signed_headers
from services.gateway.webhooks.store import WebhookStore
from services.gateway.webhooks.wiring import open_store, policy_of
from services.shared import telemetry
from services.shared.errors import DragomanError
from services.shared.outbound.asking import Caps, post
from services.shared.outbound.policy import Policy, check

# How long a courier that found nothing due waits for a word, and then looks by itself.
_POLL_S: Final = 1.0
# On top of a request's own time, for a process that is slow: after that somebody else sends it again.
_LEASE_MARGIN_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 0
# An answer that is not 2xx.
_REFUSED: Final = "url_status"


@dataclass(frozen=True, slots=True)
class Manner:
    """How deliveries are made.

    Attributes:
        schedule: When they are tried again.
        timeout_s: Time for one request, from the look-up of the name to the head of the answer.
        threads: Requests at a time.
        patience_s: An endpoint whose every attempt failed for so long is disabled.
    """

    schedule: Schedule
    timeout_s: float
    threads: int
    patience_s: float


class Courier:
    """Sends deliveries; any number of couriers share them.

    Args:
        store: What is due.
        policy: Which URLs may be used; it is asked again at each attempt.
        manner: How.
    """

    def __init__(self, store: WebhookStore, policy: Policy, manner: Manner) -> None:
        self._store = store
        self._policy = policy
        self._manner = manner
        self._caps = Caps(total_s=manner.timeout_s, max_bytes=_MAX_ANSWER_BYTES)
        self._lease_ms = round((manner.timeout_s + _LEASE_MARGIN_S) * 1000)
        self._free = threading.Semaphore(manner.threads)

    def run(self, ended: threading.Event) -> None:
        """Send until `ended` is set, and then let running requests end.

        A process that cannot wait for them may end: somebody else sends again what was not settled.
        """
        while not ended.is_set():
            try:
                self._next()
            except Exception as error:  # noqa: BLE001 - Redis is away
                telemetry.logger().exception("webhooks not looked at", error=type(error).__name__)
                ended.wait(_POLL_S)
        for _ in range(self._manner.threads):
            self._free.acquire()

    def _next(self) -> None:
        """Give the next delivery to a thread; wait for either when there is none."""
        if not self._free.acquire(timeout=_POLL_S):
            return
        claim = None
        try:
            claim = self._store.claim(self._lease_ms)
        finally:
            if claim is None:
                self._free.release()
        if claim is None:
            self._store.wait(_POLL_S)
        else:
            # Not of a pool, whose threads would hold up the end of the process.
            threading.Thread(target=self._deliver_one, args=(claim,), daemon=True).start()

    def _deliver_one(self, claim: Claim) -> None:
        try:
            self.deliver(claim)
        except Exception as error:  # noqa: BLE001 - it comes again when its lease ends
            telemetry.logger().exception(
                "webhook not settled", delivery=claim.message.id, error=type(error).__name__
            )
        finally:
            self._free.release()

    def deliver(self, claim: Claim) -> None:
        """Make one attempt and settle it.

        Raises:
            Unavailable: Redis is away; the delivery comes again.
        """
        began_s = time.monotonic()
        status, headers, error = self._ask(claim)
        duration_ms = round((time.monotonic() - began_s) * 1000)
        tried = claim.tried + 1
        left = claim.message.attempts - tried
        verdict = judge(status, headers, claim.at, left, self._manner.schedule.delay_ms(tried))
        if verdict.state is not DeliveryState.DELIVERED:
            error = error or _REFUSED
        attempt = Attempt(claim.at, duration_ms, status, error)
        answer = self._store.settle(claim, attempt, verdict, round(self._manner.patience_s * 1000))
        if answer != "lost":
            _tell(claim, attempt, verdict, answer)

    def _ask(self, claim: Claim) -> tuple[int | None, Mapping[str, str], str | None]:
        """Return the answer's status and headers, or the code of what went wrong."""
        body = claim.message.body.encode()
        headers = {"content-type": "application/json"}
        headers |= signed_headers(claim.secrets, claim.message.id, int(claim.at.timestamp()), body)
        try:
            answer = post(check(claim.url, self._policy), self._policy, self._caps, headers, body)
        except DragomanError as error:
            return None, {}, error.code
        return answer.status, answer.headers, None


def open_courier(settings: WebhookSettings) -> Courier:
    """Open what sends.

    Raises:
        Misconfigured: a setting cannot be understood.
    """
    manner = Manner(
        schedule=Schedule.parse(settings.webhooks_schedule_s),
        timeout_s=settings.webhooks_timeout_s,
        threads=settings.webhooks_concurrency,
        patience_s=settings.webhooks_disable_after_s,
    )
    return Courier(open_store(settings), policy_of(settings), manner)


def _tell(claim: Claim, attempt: Attempt, verdict: Verdict, answer: str) -> None:
    outcome = "retried" if verdict.state is DeliveryState.PENDING else str(verdict.state)
    telemetry.WEBHOOK_DELIVERIES.labels(outcome).inc()
    telemetry.logger().info(
        "webhook sent",
        webhook=claim.webhook,
        delivery=claim.message.id,
        outcome=outcome,
        status_code=attempt.status_code,
        code=attempt.error,
    )
    if answer != "settled":
        telemetry.logger().warning("webhook disabled", webhook=claim.webhook, reason=answer)
