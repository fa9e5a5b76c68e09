"""Finds the entities of a text: what a wrong character would make another account, amount, day or person."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from services.shared.entities.amounts import read_amounts
from services.shared.entities.clocks import read_clocks
from services.shared.entities.codes import read_mixed_codes, read_spelled_codes
from services.shared.entities.dates import read_dates, read_numeric_dates
from services.shared.entities.emails import read_emails
from services.shared.entities.identifiers import read_digits, read_written_identifiers
from services.shared.entities.kinds import Entity
from services.shared.entities.names import read_names
from services.shared.entities.others import (
    add_halves,
    read_dozens,
    read_numbers,
    read_romans,
    read_tens,
    share_scales,
)
from services.shared.entities.page import Page
from services.shared.entities.times import read_named_times, read_times

_DIGIT: Final = re.compile(r"\d")
_Readers = tuple[Callable[[Page], None], ...]

# In the order in which they take: what is longer or surer first. Names and addresses may hold no digit.
_ANY: Final[_Readers] = (read_names, read_emails)
_WITH_DIGITS: Final[_Readers] = (read_written_identifiers, read_numeric_dates, read_clocks, read_mixed_codes)
_WITH_NUMBERS: Final[_Readers] = (
    add_halves,
    share_scales,
    read_dates,
    read_times,
    read_amounts,
    read_digits,
)
_LAST: Final[_Readers] = (read_named_times, read_dozens, read_numbers, read_romans, read_tens)


@lru_cache(maxsize=1024)
def entities(text: str, language: str) -> tuple[Entity, ...]:
    """Return the entities of a text, in its order, none over another.

    Args:
        text: Of any length and script; no text raises an error.
        language: BCP-47. English, Spanish, Portuguese, French and Italian are read by their own words and
            formats, any other language by its digits alone.
    """
    page = Page(text, language)
    _read(page, _ANY)
    if _DIGIT.search(text):
        _read(page, _WITH_DIGITS)
    page.number()
    read_spelled_codes(page)
    if page.numbers:
        _read(page, _WITH_NUMBERS)
    _read(page, _LAST)
    return tuple(sorted(page.found, key=lambda each: each.start))


def _read(page: Page, readers: _Readers) -> None:
    for each in readers:
        each(page)
