"""How many cores a process may keep busy: the machine's, those it is bound to, or its container's share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """Return the whole cores that this process may keep busy, at least 1.

    Args:
        quota: The control group's file of processor time, which containers are held to; "max" is no bound.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, _, period = quota.read_text(encoding="ascii").partition(" ")
        bound = int(share) / int(period)
    except (OSError, ValueError):
        return allowed
    return max(1, min(allowed, int(bound)))
