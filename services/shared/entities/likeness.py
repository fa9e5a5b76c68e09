"""Tells whether two entities mean the same, although they are of other kinds or in other pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final

from services.shared.entities.currencies import NAMES, SIGNS
from services.shared.entities.kinds import IDENTIFIERS, Entity, Kind
from services.shared.entities.page import folded

_AMOUNTS: Final = frozenset((Kind.NUMBER, Kind.MONEY, Kind.PERCENT))
_PIECES: Final = IDENTIFIERS | {Kind.NUMBER}
_ALL: Final = frozenset(("", *SIGNS.values(), *(code for names in NAMES.values() for code in names.values())))
_DOLLARS: Final = frozenset(("", "USD", "MXN", "AUD", "CAD", "NZD", "HKD", "ARS"))  # what "$" alone may be
_DECADE: Final = re.compile("19[1-9]0")
# Thousands in one language, and two numbers in another.
_GROUPED: Final = re.compile(r"\d{1,3}(?:[., \u00a0\u202f\u2009]\d{3})+")
_GAP: Final = 6  # characters between the pieces of one identifier: " - ", ", and "
_MISREAD: Final = 0.5  # likeness of two values of different kinds, from which one may be the other, misread


def identity(entity: Entity) -> tuple[Kind, str]:
    """Return what is the same for entities of one value; what an identifier identifies does not matter."""
    return _family(entity.kind), _plain(entity)


def alike(one: Entity, other: Entity) -> bool:
    """Whether two entities mean the same, of whatever kinds."""
    return (
        identity(one) == identity(other)
        or _same_amount(one, other)
        or _crossed(one, other)
        or _crossed(other, one)
    )


def in_pieces(whole: Entity, among: Sequence[Entity]) -> Sequence[Entity]:
    """Return neighbours that have the digits of an identifier, or of "67 117", in its order, or none."""
    gap = _GAP if whole.kind in IDENTIFIERS else 1
    if gap == 1 and not (whole.kind is Kind.NUMBER and _GROUPED.fullmatch(whole.text)):
        return ()
    wanted = _plain(whole)
    for at in range(len(among)):
        said = ""
        for end, piece in enumerate(among[at:], at):
            if piece.kind not in _PIECES or (end > at and piece.start - among[end - 1].end > gap):
                break
            said += _plain(piece)
            if said == wanted and end > at:
                return among[at : end + 1]
    return ()


def as_numbers(whole: Entity, among: Sequence[Entity]) -> Sequence[Entity]:
    """Return the numbers that a date or a time has, where it is told by these: "9/11" and nine eleven."""
    if whole.kind not in (Kind.DATE, Kind.TIME):
        return ()
    wanted = [int(each) for each in whole.value.replace("-", ":").split(":") if each]
    in_digits = sum(map(str.isdecimal, whole.text)) > len("05") and not any(map(str.isalpha, whole.text))
    named = whole.kind is Kind.DATE and not in_digits
    for parts in (wanted, _without_month(whole) if named else []):
        found = [next((each for each in among if _is_number(each, part)), None) for part in parts]
        if parts and all(found) and len({id(each) for each in found}) == len(parts):
            return [each for each in found if each]
    return ()


def likeness(one: Entity, other: Entity) -> float:
    """Return how much one value looks like another that was misread: 0 (not at all) to 2 (the same)."""
    same_kind = _family(one.kind) is _family(other.kind)
    ratio = SequenceMatcher(None, _plain(one), _plain(other), autojunk=False).ratio()
    if same_kind:
        return 1 + ratio
    both_count = Kind.NAME not in (one.kind, other.kind)
    return ratio if both_count and ratio >= _MISREAD else 0


def _family(kind: Kind) -> Kind:
    return Kind.DIGITS if kind in IDENTIFIERS else kind


def _plain(entity: Entity) -> str:
    if entity.kind in IDENTIFIERS:
        return "".join(filter(str.isalnum, entity.value))
    return folded(entity.value) if entity.kind is Kind.NAME else entity.value


def _same_amount(one: Entity, other: Entity) -> bool:
    """Whether the amounts are the same, and nothing says that they count different things."""
    kinds = {one.kind, other.kind}
    if not kinds <= _AMOUNTS or kinds == {Kind.MONEY, Kind.PERCENT}:
        return False
    amount, other_amount = (each.value.partition(" ")[0] for each in (one, other))
    same = Decimal(amount) == Decimal(other_amount) or _same_decade(one, other) or _same_decade(other, one)
    return same and not _currencies(one).isdisjoint(_currencies(other))


def _currencies(entity: Entity) -> frozenset[str]:
    """Return the currencies that an amount may be of."""
    if code := entity.value.partition(" ")[2]:
        return frozenset((code,))
    return _DOLLARS if "$" in entity.text else _ALL


def _same_decade(one: Entity, other: Entity) -> bool:
    """Whether "the 90s" stands for what the other text has as 90, which is no decade there."""
    decade = one.kind is other.kind is Kind.NUMBER and _DECADE.fullmatch(one.value)
    return (
        bool(decade) and sum(map(str.isdecimal, one.text)) < len("1990") and one.value == f"19{other.value}"
    )


def _crossed(one: Entity, other: Entity) -> bool:
    """Whether an identifier or a time is an amount of the other, or the digits of another identifier."""
    if one.kind in IDENTIFIERS:
        return other.kind in _AMOUNTS and _plain(one) == other.value.partition(" ")[0]
    if one.kind is not Kind.TIME or other.kind not in _PIECES:
        return False
    hour, minutes = one.value[:2], one.value[2:]
    hours_only = minutes == ":00" and other.kind is Kind.NUMBER and Decimal(other.value) == int(hour)
    return hours_only or one.digits.lstrip("0") == other.value.lstrip("0")


def _without_month(date: Entity) -> list[int]:
    """Return the day and the year of a date whose month has a name, perhaps in an unknown language."""
    parts = date.value.lstrip("-").split("-")
    if date.value.startswith("--"):
        return [int(parts[1])]
    return [int(parts[0]), *(int(each) for each in parts[2:])]


def _is_number(entity: Entity, value: int) -> bool:
    return entity.kind in _PIECES and entity.value.isdecimal() and int(entity.value) == value
