"""Fractions: "point five", "and a half"."""

from __future__ import annotations

from decimal import Decimal

from services.shared.entities.figures import Number
from services.shared.entities.reader import HUNDRED, THOUSAND, Part, Reader, total_of
from services.shared.entities.words import Role


def fraction(reader: Reader, parts: list[Part], index: int) -> int | None:
    """Takes "point five" into the sum so far."""
    token = reader.near(index)
    whole = total_of(parts)
    if not token or token.role is not Role.POINT or _closed(parts, whole):
        return None
    digits, after = _decimals(reader, index + 1)
    if not digits:
        return None
    parts[:] = [Part(Decimal(f"{int(whole)}.{digits}"), 1, parts[0].index)]
    return after


def and_a_half(reader: Reader, parts: list[Part], index: int) -> int | None:
    """Takes "and a half" into the sum so far: of the last million, or of one."""
    token, room, total = reader.near(index), parts[-1].room, total_of(parts)
    half = reader.after_article(index + 1)
    if not token or token.role is not Role.AND or not reader.has(half, Role.HALF) or _closed(parts, total):
        return None
    parts[:] = [Part(total + Decimal(room if room >= THOUSAND else 1) / 2, 1, parts[0].index)]
    return half + 1


def _decimals(reader: Reader, index: int) -> tuple[str, int]:
    """The digits after the point, and where they end."""
    digits = ""
    while token := reader.near(index):
        said, index = _small(reader, index) if token.word else (token.digits, index + 1)
        if not said:
            return digits, index - 1
        digits += said
    return digits, index


def _small(reader: Reader, index: int) -> tuple[str, int]:
    """The digits of a number below a hundred, and where it ends; empty, one on, where there is none."""
    word = reader.tokens[index].word
    counted = reader.tokens[index].role in (Role.CARDINAL, Role.ROW) and reader.tokens[index].row
    if not word or not counted or word.value >= HUNDRED:
        return "", index + 1
    following = index + 1
    if (token := reader.near(following)) and token.role is Role.AND and word.room in reader.joined:
        following += 1
    unit = reader.near(following)
    if unit and unit.word and unit.role is Role.CARDINAL and 0 < unit.word.value < word.room:
        return str(word.value + unit.word.value), following + 1
    return str(word.value), index + 1


def _closed(parts: list[Part], total: Number) -> bool:
    """Whether no fraction may follow: one did, or the last part may be a number of its own."""
    return total % 1 != 0 or any(part.after_comma for part in parts)
