"""What a reader looks for before it reads is in all that it reads."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.entities import clocks, codes, dates, identifiers, names, page

LANGUAGES = ("en", "es", "pt", "fr", "it")
HINTS = [
    ((identifiers._FORMATTED,), identifiers._FORMATTED_HINT),
    ((codes._MIXED,), codes._MIXED_HINT),
    ((dates._FULL, dates._SHORT), dates._NUMERIC_HINT),
    (tuple(map(page._no_numbers, (*LANGUAGES, "de"))), page._NO_NUMBERS_HINT),
    *((clocks._clocks(language), clocks._hint(language)) for language in LANGUAGES),
    *(((names._pattern(language),), names._hint(language)) for language in LANGUAGES),
]


@pytest.mark.parametrize(("patterns", "hint"), HINTS, ids=itertools.count())
@given(data=st.data())
def test_it_is_in_whatever_the_reader_would_find(
    patterns: tuple[re.Pattern[str], ...], hint: re.Pattern[str], data: st.DataObject
) -> None:
    assert hint.search(data.draw(st.sampled_from(patterns).flatmap(st.from_regex)))
