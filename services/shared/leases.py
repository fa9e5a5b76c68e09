"""Keeps the leases of a worker's units alive, and tells the work when one has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from services.shared import telemetry
from services.shared.ledger.records import Claim, Policy, Renewal


class Renewer(Protocol):
    """The part of the ledger that leases need."""

    policy: Policy

    def renew(self, claim: Claim) -> Renewal:
        """Prolong a lease; not held when it has ended."""
        ...


class Lease:
    """One unit's lease; calls that run under it are cancelled when it ends."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._lock = threading.Lock()
        self._ended = False
        self._reason = ""
        self._began_s = time.monotonic()
        self._cancels: list[Callable[[], object]] = []

    @property
    def ended(self) -> bool:
        """Whether the work must stop: the job was cancelled or the unit taken over."""
        return self._ended

    @property
    def reason(self) -> str:
        """Why this process gives the unit back itself: "drained", "overdue", or empty when it does not."""
        return self._reason

    @property
    def age_s(self) -> float:
        """Seconds since the claim."""
        return time.monotonic() - self._began_s

    @contextmanager
    def ending(self, cancel: Callable[[], object]) -> Iterator[None]:
        """While inside, `cancel()` is called if the lease ends; at once if it has."""
        with self._lock:
            self._cancels.append(cancel)
            if self._ended:
                cancel()
        try:
            yield
        finally:
            with self._lock:
                self._cancels.remove(cancel)

    def end(self, reason: str = "") -> None:
        """Cancel what runs."""
        with self._lock:
            self._ended = True
            self._reason = reason
            for cancel in self._cancels:
                cancel()


class Leases:
    """All leases of one process, renewed by one thread.

    Args:
        ledger: Renews them.
        most_s: Age at which a lease is renewed no more: what works so long hangs, and its unit goes to
            another worker.

    Attributes:
        drained: Whether the process ends: no lease lasts any more.
    """

    def __init__(self, ledger: Renewer, most_s: float) -> None:
        self._ledger = ledger
        self._most_s = most_s
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.drained = False
        self._interval_s = ledger.policy.renew_ms / 1000

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[Lease]:
        """Keep a claim alive while inside."""
        lease = Lease(claim)
        with self._lock:
            self._held.add(lease)
            if self.drained:
                lease.end("drained")
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, daemon=True, name="leases")
                self._thread.start()
        try:
            yield lease
        finally:
            with self._lock:
                self._held.discard(lease)

    def alive(self, slots: int) -> bool:
        """Say whether a process that holds at most `slots` leases can still work.

        It cannot when all of them hang, held on to long after their end, or when nobody renews them.
        Whether Redis can be reached makes no difference.
        """
        if self._thread is not None and not self._thread.is_alive():
            return False
        # One round may pass until it is ended, another until the work has noticed.
        most_s = self._most_s + 2 * self._interval_s
        with self._lock:
            return sum(lease.ended and lease.age_s > most_s for lease in self._held) < slots

    def drain(self) -> None:
        """End every lease, now and from now on, so that its unit is given back."""
        with self._lock:
            self.drained = True
            held = tuple(self._held)
        for lease in held:
            lease.end("drained")

    def _renew_all(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._interval_s):
            with self._lock:
                held = tuple(self._held)
            for lease in held:
                self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        if lease.age_s > self._most_s:
            if not lease.ended:
                telemetry.logger().error("unit hangs", unit=lease.claim.unit, seconds=round(lease.age_s))
                lease.end("overdue")
            return
        try:
            renewal = self._ledger.renew(lease.claim)
            if not renewal.held:
                if renewal.cancelled_ms:
                    telemetry.CANCEL_NOTICE_SECONDS.observe(renewal.cancelled_ms / 1000)
                lease.end()
        except Exception as error:  # noqa: BLE001 - Redis is away: the next round tries again
            telemetry.logger().warning("lease not renewed", error=type(error).__name__)
