"""The receipts of what was erased: that it was, and when, and nothing of what it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

ERASURE_ID: Final = re.compile(r"era_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
# Longer than a year: who has to show once a year that something was erased can do so.
KEPT_S: Final = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of a job that was erased.

    Attributes:
        id: "era_" and a UUIDv7 in hex.
        tenant: Whose job it was.
        job: Its id.
        erased_at: When (UTC).
    """

    id: str
    tenant: str
    job: str
    erased_at: datetime


class Erasures(Protocol):
    """Keeps receipts."""

    def keep(self, erasure: Erasure) -> None:
        """Keep a receipt for KEPT_S seconds."""
        ...

    def get(self, tenant: str, erasure_id: str) -> Erasure | None:
        """Return a tenant's receipt; None when there is none."""
        ...


class MemoryErasures:
    """Receipts of one process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Erasure] = {}

    def keep(self, erasure: Erasure) -> None:
        """Keep a receipt."""
        self._kept[erasure.tenant, erasure.id] = erasure

    def get(self, tenant: str, erasure_id: str) -> Erasure | None:
        """Return a tenant's receipt; None when there is none."""
        return self._kept.get((tenant, erasure_id))
