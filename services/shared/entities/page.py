"""A text while its entities are read: which parts are taken, and where its numbers are."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from services.shared.entities.kinds import Entity, Kind
from services.shared.entities.numerals import Numeral, numerals

# A numeral on the page: a first character, and more up to its length. Both are of Unicode's private area.
FIRST, MORE = "\ue000", "\ue001"
_TAKEN: Final = "\ue002"  # each character of what is taken
N: Final = f"{FIRST}{MORE}*+"
_BREAK: Final = ";"  # no number goes over it
# By language, folded: words that are numbers elsewhere ("cuarto" is the fourth), and units with a figure.
_NO_NUMBERS: Final = {
    "es": r"\blas? \w+(?: y \w+)? (?P<words>(?:y|menos) cuarto)\b",
    "pt": r"\b(?:e|menos) um quarto\b",
    "it": r"\bun quarto\b|\btre quarti\b",
}
_UNITS: Final = r"\b(?:[kcdm]?m|mi|ft)[23]\b"
_NO_NUMBERS_HINT: Final = re.compile("cuarto|quart|m[23]|i[23]|t[23]")
_MARKS: Final = re.compile(f"[{FIRST}{MORE}{_TAKEN}]")
_ACCENTED: Final = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿ\u2019\u2018\u00a0\u202f\u2009\u2011"
_FOLDED: Final = dict(zip(_ACCENTED, "aaaaaaceeeeiiiinooooouuuuyy''   -", strict=True))


def base(language: str) -> str:
    """Return the language of a tag: "pt" of "pt-BR"."""
    return language.replace("_", "-").partition("-")[0].lower()


def folded(text: str) -> str:
    """Return a text of the same length in small letters, without accents, with plain spaces."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    # A text has few of them: that many replacements take less time than a look at each character.
    for accented in () if lower.isascii() else _FOLDED.keys() & set(lower):
        lower = lower.replace(accented, _FOLDED[accented])
    return lower


@lru_cache
def _no_numbers(language: str) -> re.Pattern[str]:
    return re.compile(f"{_NO_NUMBERS[language]}|{_UNITS}" if language in _NO_NUMBERS else _UNITS)


def _passed(plain: str, language: str) -> list[tuple[int, int]]:
    if not _NO_NUMBERS_HINT.search(plain):
        return []
    return [match.span(match.lastgroup or 0) for match in _no_numbers(language).finditer(plain)]


class Page:
    """A text, and what has been read of it.

    Attributes:
        text: As it was given.
        tag: Its BCP-47 tag.
        language: The language of that.
        plain: The text, folded; what is taken is masked, and so is, after `number`, every numeral.
        found: What was taken, in the order of the taking.
        numbers: By the character at which they start, after `number`.
    """

    def __init__(self, text: str, tag: str) -> None:
        self.text = _MARKS.sub(" ", text)
        self.tag = tag
        self.language = base(tag)
        self.plain = folded(self.text)
        self.found: list[Entity] = []
        self.numbers: dict[int, Numeral] = {}
        self._given = text

    def take(
        self, kind: Kind, value: str, start: int, end: int, *, weak: bool = False, counts: bool = False
    ) -> None:
        """Note an entity, and mask its place; one over a place that is taken is passed over."""
        if start >= end or _TAKEN in self.plain[start:end]:
            return
        self.found.append(Entity(kind, value, self._given[start:end], start, end, weak, counts))
        self._mask(start, end, _TAKEN * (end - start))

    def number(self) -> None:
        """Find the numbers in what is left."""
        text = list(self.text)
        for taken in self.found:
            text[taken.start : taken.end] = _BREAK * (taken.end - taken.start)
        found = numerals("".join(text) if self.found else self.text, self.tag)
        passed = _passed(self.plain, self.language) if found else []
        for each in found:
            if not any(start <= each.start and each.end <= end for start, end in passed):
                self.numbers[each.start] = each
                self._mask(each.start, each.end, FIRST + MORE * (each.end - each.start - 1))

    def has(self, number: Numeral) -> bool:
        """Whether a number is not taken yet."""
        return self.plain[number.start] == FIRST

    def replace(self, number: Numeral, value: str, end: int) -> None:
        """Give a number another value, and perhaps an end further on."""
        self.numbers[number.start] = replace(number, value=value, end=end, text=self.text[number.start : end])
        self._mask(number.end, end, MORE * (end - number.end))

    def at(self, match: re.Match[str], group: str) -> Numeral | None:
        """Return the number that a group of a match is."""
        return self.numbers.get(match.start(group))

    def _mask(self, start: int, end: int, mask: str) -> None:
        self.plain = self.plain[:start] + mask + self.plain[end:]
