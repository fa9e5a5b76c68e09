"""What tenants use: how it is counted where no job does it, and the report."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, Protocol

import redis

from services.shared import telemetry
from services.shared.ledger.accounts import Accounts, Spent, Use
from services.shared.tasks import SYNTHESIZE, TRANSCRIBE

# How long what was spent is gathered before it is written, so how much of it a crash can cost.
_GATHERED_S: Final = 1.0
# A request may go through several stages; its audio counts for the month where it is heard or made.
_HEARD_OR_MADE: Final = frozenset({TRANSCRIBE, SYNTHESIZE})


class Meter(Protocol):
    """Counts what routes use that call model servers themselves."""

    def spent(self, tenant: str, stage: str, audio_ms: int, served_ms: int) -> None:
        """Add one unit to a tenant's use of today. Never raises, never waits.

        Args:
            tenant: Who used it.
            stage: Such as "asr.transcribe".
            audio_ms: How much audio was heard or made.
            served_ms: How long a slot of a model server was held.
        """

    def flush(self) -> None:
        """Write what was not written yet, before the process ends. Never raises."""


class Unmetered:
    """Counts nothing."""

    def spent(self, tenant: str, stage: str, audio_ms: int, served_ms: int) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Batch:
    """What is written together, and again under the same name if the answer was lost."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    uses: defaultdict[tuple[str, str], Use] = field(default_factory=lambda: defaultdict(Use))

    def spent(self) -> list[Spent]:
        return [
            Spent(tenant, stage, use, use.audio_ms if stage in _HEARD_OR_MADE else 0)
            for (tenant, stage), use in self.uses.items()
        ]


class GatheringMeter:
    """Gathers for a moment what was spent, and writes it to the accounts from a thread of its own.

    While Redis is away it goes on to gather; the use then counts for the day on which it can be written.

    Args:
        accounts: Where it is written.
        gathered_s: After which it is written.
    """

    def __init__(self, accounts: Accounts, gathered_s: float = _GATHERED_S) -> None:
        self._accounts = accounts
        self._gathered_s = gathered_s
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._gathered = _Batch()
        self._unwritten: _Batch | None = None
        self._timer: threading.Timer | None = None

    def spent(self, tenant: str, stage: str, audio_ms: int, served_ms: int) -> None:
        """Add one unit to a tenant's use of today. Never raises, never waits."""
        with self._lock:
            self._gathered.uses[tenant, stage] += Use(1, max(0, audio_ms), max(0, served_ms))
            self._write_later()

    def flush(self) -> None:
        """Write what was not written yet. Never raises."""
        with self._writing:
            while batch := self._next():
                try:
                    self._accounts.spend(batch.name, batch.spent())
                except redis.RedisError as error:
                    telemetry.logger().warning("use not written yet", error=type(error).__name__)
                    with self._lock:
                        self._write_later()
                    return
                self._unwritten = None

    def _next(self) -> _Batch | None:
        with self._lock:
            self._timer = None
            if self._unwritten is None and self._gathered.uses:
                self._unwritten, self._gathered = self._gathered, _Batch()
            return self._unwritten

    def _write_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._gathered_s, self.flush)
            self._timer.daemon = True
            self._timer.start()
