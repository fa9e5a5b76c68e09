"""Every number of a text, from its digits and from its words."""

from __future__ import annotations

from dataclasses import dataclass

from services.shared.entities.figures import Number
from services.shared.entities.groups import groups
from services.shared.entities.lexicon import vocabulary
from services.shared.entities.rows import Row, is_year, rows
from services.shared.entities.tokens import tokens


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text.

    Attributes:
        start: First character in the text.
        end: After the last one.
        text: As it is written.
        value: A plain decimal without needless zeros ("1234.5", "-3"); when `spelled`, the digits in order
            ("0042").
        spelled: Whether it is digits one by one or in groups that are no quantity.
        ordinal: Whether it is an ordinal.
        words: Whether a word is part of it.
    """

    start: int
    end: int
    text: str
    value: str
    spelled: bool
    ordinal: bool
    words: bool


def numerals(text: str, language: str) -> list[Numeral]:
    """Every number of a text, in order, none within another.

    Args:
        text: Any text; its accents composed (NFC), else its words are not recognised.
        language: BCP-47 tag. Words are read in en, es, pt, fr and it; figures in all.
    """
    found = tokens(text, language)
    if not found:
        return []
    words = vocabulary(language)
    parts = rows(text, groups(text, found, words))
    return [numeral for row in parts if (numeral := _numeral(text, row, years=words.years))]


def _numeral(text: str, row: Row, *, years: bool) -> Numeral | None:
    start, end = row[0].start, row[-1].end
    digits = "".join(group.digits for group in row)
    words = any(group.words for group in row)
    if len(row) > 1:
        spelled = not (years and is_year(row) and "," not in text[start:end])
        return Numeral(start, end, text[start:end], digits, spelled, ordinal=False, words=words)
    group = row[0]
    if group.loose:
        return None
    if text[start] == "(":
        start, end = start + 1, end - 1
    value = digits if group.value is None else plain(group.value)
    spelled = group.value is None
    return Numeral(start, end, text[start:end], value, spelled, group.ordinal, words)


def plain(value: Number) -> str:
    """A number in digits, without needless zeros."""
    written = str(value) if isinstance(value, int) else f"{value:f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written == "-0" else written
