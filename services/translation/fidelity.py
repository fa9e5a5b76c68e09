"""What a text's numbers, codes and names demand of its translation, and what of it one has wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.shared.entities.comparison import pairs
from services.shared.entities.extraction import entities
from services.shared.entities.kinds import IDENTIFIERS, Entity, Kind
from services.shared.entities.numerals import numerals
from services.shared.entities.writing import written
from services.shared.phrases import Match, Phrase, find, replaced
from services.translation.standins import Demand, Sort

# From here on models drop, double and swap digits: of numbers up to 9999, one in a thousand.
_LONG: Final = 5
_LONGEST_NAME: Final = 6
# It stands in no number and joins none.
_FILLER: Final = ";"

# Models drop the sign of a currency, or take it for another one.
_SIGNED: Final = re.compile(r"(?:[A-Z]{0,2}[$€£¥₹]\s?)\d[\d.,'\s]*|\d[\d.,'\s]*[$€£¥₹]")
# Of one language only: "14h30", "2:30 pm".
_HOURS: Final = re.compile(r"\d\d?h(?:\d\d)?|\d\d?:\d\d ?[ap]\.?m\.?", re.IGNORECASE)

_SORTS: Final = {
    Kind.MONEY: Sort.MONEY, Kind.DATE: Sort.DATE, Kind.TIME: Sort.TIME, Kind.NAME: Sort.NAME,
}  # fmt: skip
_AMOUNTS: Final = (Kind.MONEY, Kind.PERCENT, Kind.NUMBER)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Two languages between which what a text says must stay the same.

    Attributes:
        source: BCP-47.
        target: BCP-47.
    """

    source: str
    target: str

    def found(self, text: str, terms: Sequence[Match]) -> tuple[Entity, ...]:
        """Return what a text holds; a glossary's terms are no part of it.

        Args:
            text: Any.
            terms: Where it holds terms, in its order.
        """
        return entities(_without(text, terms), self.source)

    def demands(self, found: Sequence[Entity]) -> list[Demand]:
        """Return what entities demand of a translation, in their order."""
        return [self._demand(each) for each in found if not each.weak]

    def faults(self, found: Sequence[Entity], terms: Sequence[Phrase], translated: str) -> int:
        """Return how many entities of a text or of its translation have no partner that means the same.

        Args:
            found: The text's.
            terms: What the glossary puts into the translation.
            translated: The translation.
        """
        # A translation without digits is read only where there is something to look for in it: it takes time.
        sought = any(each.counts or not each.weak for each in found)
        if not sought and not _has_digits(translated):
            return 0
        there = entities(_without(translated, find(translated, terms) if terms else ()), self.target)
        return sum(not pair.match for pair in pairs(found, there))

    def _demand(self, entity: Entity) -> Demand:
        part = self._number(entity) or entity
        return Demand(
            part.start,
            part.end,
            written(part, self.source, self.target),
            exact=True,
            sort=_SORTS.get(part.kind, Sort.FIGURE),
            frail=_is_frail(part),
        )

    def _number(self, entity: Entity) -> Entity | None:
        """Return the number of an amount in digits whose unit is a word, so that a model translates that."""
        text = entity.text
        if entity.kind not in _AMOUNTS or text.isdecimal() or not _has_digits(text) or _is_signed(entity):
            return None
        parts = numerals(entity.text, self.source)
        if len(parts) != 1 or parts[0].words or parts[0].ordinal:
            return None
        (part,) = parts
        return replace(
            entity,
            kind=Kind.NUMBER,
            value=part.value,
            text=part.text,
            start=entity.start + part.start,
            end=entity.start + part.end,
        )


def _is_frail(entity: Entity) -> bool:
    """Say whether models change it so often that it is not left to them (README.md, Numbers and names)."""
    match entity.kind:
        case Kind.CODE if not any(map(str.isspace, entity.text)):
            # To a model a short one, or "COVID-19", is a name, and has an article of its own.
            return entity.text.isalnum() and len(entity.text) > _LONGEST_NAME
        case Kind.DATE:
            return not any(map(str.isalpha, entity.text))
        case Kind.TIME:
            return _HOURS.fullmatch(entity.text) is not None
        case Kind.MONEY:
            return _is_signed(entity)
        case Kind.NUMBER:
            # The marks between its digits are not the same in all languages.
            long = len(entity.text) >= _LONG or not entity.text.isdecimal()
            return long and not any(map(str.isalpha, entity.text))
        case kind:
            return kind is Kind.EMAIL or kind in IDENTIFIERS


def _has_digits(text: str) -> bool:
    return any(map(str.isdigit, text))


def _is_signed(entity: Entity) -> bool:
    return entity.kind is Kind.MONEY and _SIGNED.fullmatch(entity.text) is not None


def _without(text: str, terms: Sequence[Match]) -> str:
    return replaced(text, terms, [_FILLER * (term.end - term.start) for term in terms]) if terms else text
