"""What there is, listed in the detail of an error: some of it where it is much."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final

# A translation model may have tens of thousands of pairs.
_MOST: Final = 60


def listed(names: Collection[str]) -> str:
    """Return names with commas: "none" of none, and of many the first ones and how many there are more."""
    shown = ", ".join(islice(names, _MOST)) or "none"
    more = len(names) - _MOST
    return f"{shown} and {more} more: see GET /v1/stages" if more > 0 else shown
