"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from services.gateway.webhooks.model import DeliveryState, Verdict
from services.shared.errors import Misconfigured

# A delay is longer by up to this share of it, so that what failed together does not come back together.
JITTER: Final = 0.2
MOST_RETRY_AFTER_S: Final = 24 * 3600.0
# Of these the whole endpoint is spared for as long as it asks for, not the one delivery alone.
_BUSY: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits before each attempt, in seconds; the first one counts from the event."""

    delays_s: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read waits that are separated by commas.

        Raises:
            Misconfigured: there is none, or one is no number of at least 0.
        """
        try:
            delays_s = tuple(float(each) for each in text.split(","))
        except ValueError:
            delays_s = (-1.0,)
        if not all(0 <= each < float("inf") for each in delays_s):
            raise Misconfigured("DRAGOMAN_WEBHOOKS_SCHEDULE_S: write seconds, separated by commas.")
        return cls(delays_s)

    @property
    def attempts(self) -> int:
        """How often a delivery is tried."""
        return len(self.delays_s)

    def delay_ms(self, tried: int) -> int:
        """Return the wait before the attempt after `tried` ones."""
        base_s = self.delays_s[min(tried, self.attempts - 1)]
        return round(base_s * random.uniform(1, 1 + JITTER) * 1000)  # noqa: S311 - spreads load, guards nothing


def judge(status: int | None, headers: Mapping[str, str], now: datetime, left: int, delay_ms: int) -> Verdict:
    """Say what becomes of a delivery.

    Args:
        status: How its endpoint answered; None when it did not.
        headers: Of the answer, by names in lower case.
        now: The time (UTC).
        left: Attempts that are left.
        delay_ms: Wait before the next of them, by the schedule.
    """
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - the 2xx
        return Verdict(DeliveryState.DELIVERED)
    gone = status == HTTPStatus.GONE
    hold_ms = round(retry_after_s(headers, now) * 1000) if status in _BUSY else 0
    if left <= 0 or gone:
        return Verdict(DeliveryState.FAILED, hold_ms=hold_ms, gone=gone)
    return Verdict(DeliveryState.PENDING, max(delay_ms, hold_ms), hold_ms)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long an answer asks to wait, in seconds: 0 when it does not say, a day at most."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), MOST_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    wait_s = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(wait_s, 0.0), MOST_RETRY_AFTER_S)
