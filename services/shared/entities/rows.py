"""Numbers that stand side by side, taken as one row of digits, as a year, or apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.shared.entities.figures import LONG, YEAR
from services.shared.entities.reader import Group
from services.shared.entities.tokens import adjacent

Row = list[Group]

_PAIR = 2
_SERIES = 3
_FIRST_DECADES = ("17", "18", "19", "20")
# What closes a list of quantities before its last one, in any of the languages.
_LAST_ONE = re.compile(r",?\s+(?:and|or|nor|y|e|o|u|ou|et|ed)\s+")
# What a list of quantities counts.
_COUNTED = re.compile(
    r"\s*(?:[%$\u20ac\u00a3\u00a5]|(?:[ap]\.?\s?m|o'?\s?clock|(?:per|pour)\s?cento?|por\s?cien(?:to)?"
    r"|por cento|dollar[sio]?|d[o\u00f3]lar(?:es)?|euros?|pesos?|rea(?:l|is|les)|pounds?|libras?"
    r"|h|horas?|heures?|hours?|ore|minut\w+"
    r"|da (?:tarde|noite|manh\u00e3)|de la (?:tarde|noche|ma\u00f1ana))\b)",
    re.IGNORECASE,
)


def rows(text: str, groups: Sequence[Group]) -> Iterator[Row]:
    """The groups, those that are one row of digits together.

    One that is dictated with pauses may have commas: "4, 2, 7", "twenty-one, sixty-seven, oh nine".
    """
    run: Row = []
    for group in groups:
        if run and not (_joins(group) and _joins(run[-1]) and _beside(text, run, group)):
            yield from _parted(text, run, group)
            run = []
        run.append(group)
    yield from _parted(text, run, None)


def is_year(row: Row) -> bool:
    """Whether an English row is a year: "nineteen ninety nine", "twenty oh six"."""
    said = [group.digits for group in row]
    tail = "".join(said[1:])
    shaped = len(said) == _PAIR or (len(said) == _SERIES and said[1] == "0")
    return shaped and said[0] in _FIRST_DECADES and len(tail) == _PAIR and all(group.words for group in row)


def _joins(group: Group) -> bool:
    return bool(group.digits) and not group.tied


def _beside(text: str, run: Row, after: Group) -> bool:
    gap = (run[-1].end, after.start)
    return adjacent(text, *gap) or (_is_listed(run, after) and text[slice(*gap)].strip() == ",")


def _is_listed(run: Row, after: Group) -> bool:
    """Whether a comma may stand here: in digits, after a zero at the beginning, in words for two digits."""
    pair = (run[-1], after)
    return run[0].digits[0] == "0" or all(map(_is_single, pair)) or all(map(_is_said_short, pair))


def _is_said_short(group: Group) -> bool:
    return group.words and len(group.digits) <= _PAIR


def _parted(text: str, run: Row, after: Group | None) -> Iterator[Row]:
    """A run as one row, or else in the rows between its commas."""
    pieces = _pieces(text, run)
    if len(pieces) > 1 and _is_exclaimed(pieces):
        yield pieces[0]
        run, pieces = run[1:], pieces[1:]
    if len(pieces) > 1 and _is_dictated(pieces) and not _is_list(text, run, after):
        yield run
        return
    for piece in pieces:
        if len(piece) >= _PAIR and _is_row(piece):
            yield piece
        else:
            yield from ([group] for group in piece)


def _pieces(text: str, run: Row) -> list[Row]:
    """What stands between the commas of a run."""
    pieces = [run[:1]]
    for before, group in pairwise(run):
        if "," in text[before.end : group.start]:
            pieces.append([])
        pieces[-1].append(group)
    return pieces


def _is_dictated(pieces: Sequence[Row]) -> bool:
    """Whether pieces with commas between may be one number: three of them, or one that has "oh" in it."""
    if sum(map(len, pieces)) < _SERIES or all(map(_is_moment, pieces)):
        return False
    return len(pieces) >= _SERIES or any(map(_is_spelled, pieces))


def _is_moment(piece: Row) -> bool:
    """Whether a piece is a year or a time of the day."""
    return len(piece) >= _PAIR and (is_year(piece) or not _is_row(piece))


def _is_exclaimed(pieces: Sequence[Row]) -> bool:
    """Whether the first piece is no digit: "Oh, twenty-one, ..."."""
    first = pieces[0]
    singles = all(_is_single(group) for piece in pieces for group in piece)
    return len(first) == 1 and first[0].loose and first[0].digits == "0" and not singles


def _is_spelled(piece: Row) -> bool:
    """Whether a piece is no quantity: single digits, "oh nine", "meia dois"."""
    if len(piece) < _PAIR or any(group.apart for group in piece):
        return False
    return all(map(_is_single, piece)) or piece[0].digits[0] == "0" or any(group.loose for group in piece)


def _is_list(text: str, run: Row, after: Group | None) -> bool:
    """Whether numbers with commas between are quantities: "ten, twenty and thirty", "two, three percent"."""
    closed = after is not None and not after.loose and _LAST_ONE.fullmatch(text, run[-1].end, after.start)
    return bool(closed) or _COUNTED.match(text, run[-1].end) is not None


def _is_row(run: Row) -> bool:
    digits = "".join(group.digits for group in run)
    said = any(group.words for group in run)
    if not said:
        return all(map(_is_single, run)) or _is_grouped(run, len(digits))
    if len(run) == _PAIR and not all(group.words and not group.apart for group in run):
        return False  # "Formula 1 seven times", "press two one more time"
    if all(map(_is_single, run)):
        return len(digits) > _PAIR or not any(group.digits == "0" and group.loose for group in run)
    if is_year(run):
        return True
    return len(run) >= _SERIES or not _is_apart(run[0].digits, run[1].digits)


def _is_single(group: Group) -> bool:
    return len(group.digits) == 1 or (group.words and group.value is None)


def _is_grouped(run: Row, total: int) -> bool:
    """Whether figures with spaces between are one number: "341 351 5158", but not "May 5 2026"."""
    if len(run) == _PAIR and any(YEAR.fullmatch(group.digits) for group in run):
        return False
    lengths = {len(group.digits) for group in run}
    return total >= LONG or (len(lengths) == 1 and total == _PAIR * _SERIES and lengths == {_SERIES})


def _is_apart(first: str, second: str) -> bool:
    """Whether two numbers are a time of the day ("eleven thirty") or no digits at all ("two hundred")."""
    large = max(len(first), len(second)) > _PAIR
    return large or (int(first) <= 24 and 10 <= int(second) < 60)  # noqa: PLR2004 - hours and minutes
