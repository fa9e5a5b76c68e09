"""How many regions a recogniser works on at once, and with how many threads each, where nobody said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A decoding thread reads all weights for every token: beyond this, more of them wait for memory.
_MOST_SLOTS: Final = 8
_CUDA_SLOTS: Final = 2
_CPU_BATCH: Final = 2
_CUDA_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Sizing:
    """How a recogniser uses its machine.

    Attributes:
        slots: Batches at once.
        threads: CPU threads of each.
        batch: Regions of one batch.
    """

    slots: int
    threads: int
    batch: int


def sizing(cores: int, device: str, slots: int = 0, threads: int = 0, batch: int = 0) -> Sizing:
    """Return what is asked for, and where that is 0 what measured best (README.md, Measured).

    Args:
        cores: That this process may keep busy, at least 1.
        device: "cpu" or "cuda".
        slots: As asked, or 0.
        threads: As asked, or 0.
        batch: As asked, or 0.
    """
    if device == "cuda":
        return Sizing(slots or _CUDA_SLOTS, threads or 1, batch or _CUDA_BATCH)
    slots = slots or min(max(1, cores // max(1, threads)), _MOST_SLOTS)
    return Sizing(slots, threads or max(1, cores // slots), batch or _CPU_BATCH)
