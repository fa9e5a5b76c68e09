"""Job ids: "job_" and a UUIDv7 (RFC 9562, section 5.7), so that they sort by time of creation."""

from __future__ import annotations

import re
import secrets
import time
from datetime import datetime
from typing import Final

JOB_ID: Final = re.compile(r"job_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def uuid7_hex(now_ms: int | None = None) -> str:
    """Return 32 hex digits: 48 bits of Unix time in ms, then version, variant and 74 random bits."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    value = (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return f"{value | 0b10 << 62 | secrets.randbits(62):032x}"


def first_job_id(moment: datetime) -> str:
    """Return an id that no job created at that moment or later sorts before."""
    return f"job_{max(0, round(moment.timestamp() * 1000)):012x}"


def new_job_id() -> str:
    """Return a fresh job id."""
    return f"job_{uuid7_hex()}"
