"""Whether processes grow: their memory over time, and the trend of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import psutil

from tests.faults.member import Member

# A process takes its memory in the first seconds; that is no growth.
_WARM_UP_S = 30.0
_MIB = 2**20

Sample = tuple[float, float]


class Memory:
    """Samples of (seconds, MiB) for each life of each process."""

    def __init__(self) -> None:
        self._lives: dict[tuple[str, int], list[Sample]] = defaultdict(list)

    def look(self, members: Iterable[Member]) -> None:
        """Take one sample of each process that lives."""
        for member in members:
            with suppress(psutil.Error):
                if member.alive:
                    rss_bytes = psutil.Process(member.pid).memory_info().rss
                    self._lives[member.kind, member.pid].append((time.monotonic(), rss_bytes / _MIB))

    def growth(self) -> dict[str, float]:
        """Return the growth of each kind of process in MiB per hour."""
        kinds: dict[str, list[list[Sample]]] = defaultdict(list)
        for (kind, _), samples in self._lives.items():
            kinds[kind].append([each for each in samples if each[0] >= samples[0][0] + _WARM_UP_S])
        return {kind: slope(lives) * 3600 for kind, lives in sorted(kinds.items())}


def slope(lives: Iterable[list[Sample]]) -> float:
    """Return the least-squares slope over several series, each of which may begin at another level."""
    above, below = 0.0, 0.0
    for samples in lives:
        if not samples:
            continue
        middle_s = sum(at for at, _ in samples) / len(samples)
        middle = sum(value for _, value in samples) / len(samples)
        above += sum((at - middle_s) * (value - middle) for at, value in samples)
        below += sum((at - middle_s) ** 2 for at, _ in samples)
    return above / below if below else 0.0
