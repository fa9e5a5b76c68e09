"""The same part of a sample each time, for shorter runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def sampled(items: Sequence[T], share: float, most: int | None = None) -> list[T]:
    """Return part of the items in their order: for the same arguments the same, and one at least.

    Args:
        items: All there are.
        share: Of what a full run takes, above 0 and at most 1.
        most: Of a full run; all of the items when None.
    """
    full = len(items) if most is None else min(most, len(items))
    chosen = Random(7).sample(range(len(items)), math.ceil(full * share))  # noqa: S311 - the same each time
    return [items[at] for at in sorted(chosen)]
