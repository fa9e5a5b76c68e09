"""Number words and figures added and multiplied to one number: "two hundred and five", "100 mil"."""

from __future__ import annotations

from collections.abc import Sequence

from services.shared.entities.figures import Number
from services.shared.entities.fractions import and_a_half, fraction
from services.shared.entities.reader import HUNDRED, TEN, THOUSAND, Group, Part, Reader, digit, total_of
from services.shared.entities.tokens import Token
from services.shared.entities.words import Role

_CONTINUES = (Role.TIMES, Role.POINT, Role.AND)


def total(reader: Reader, index: int) -> tuple[Group, int]:
    """The sum that begins here, and where it ends."""
    after = index + 1
    if _stands_alone(reader, index):
        return _alone(reader.tokens[index]), after
    parts = [_part(reader, index)]
    while after < len(reader.tokens):
        step = fraction(reader, parts, after) or and_a_half(reader, parts, after)
        step = step or _add(reader, parts, after)
        if step is None:
            break
        after = step
    for place, part in enumerate(parts[1:], 1):
        if not _follows(parts, place):
            after, parts = part.index, parts[:place]
            break
    return _sum(reader, parts, index, after), after


def _stands_alone(reader: Reader, index: int) -> bool:
    """Whether the number is one token: most digits in a row."""
    if index + 1 == len(reader.tokens):
        return True
    return reader.tokens[index].room == 1 and reader.tokens[index + 1].role not in _CONTINUES


def _part(reader: Reader, index: int) -> Part:
    token = reader.tokens[index]
    if token.word:
        return Part(token.word.value, token.word.room, index)
    return Part(token.value or 0, 1, index)


def _add(reader: Reader, parts: list[Part], index: int) -> int | None:
    """Takes the token into the parts; the index after it, or None where the sum ends before it."""
    room = parts[-1].room
    comma = room >= THOUSAND and _after_comma(reader, parts[-1].index, index)
    token = reader.tokens[index] if comma else reader.near(index)
    if token and token.role is Role.AND and room in reader.joined:
        return _add_one(reader, parts, index + 1, joined=True) if reader.near(index + 1) else None
    if not token:
        return None
    after = _add_one(reader, parts, index, joined=False)
    if after is not None and comma:
        parts[-1].after_comma = True
    return after


def _after_comma(reader: Reader, part: int, index: int) -> bool:
    """Whether a comma between words continues the number: "one thousand, two hundred"."""
    words = all(reader.tokens[place].is_word for place in (part, index - 1, index))
    gap = reader.text[reader.tokens[index - 1].end : reader.tokens[index].start]
    return reader.commas and words and gap.strip() == ","


def _add_one(reader: Reader, parts: list[Part], index: int, *, joined: bool) -> int | None:
    token = reader.tokens[index]
    last = reader.tokens[index - 2 if joined else index - 1]
    if token.role is Role.TIMES and token.word and not joined and not last.word_ordinal:
        if _multiply(parts, token.word.value, token.word.room):
            return index + 1
        if not token.word.alone:
            return None
    ordinals = last.word_ordinal and not token.word_ordinal
    if not reader.starts(index) or ordinals or _is_article(reader, parts[-1], token):
        return None
    part = _part(reader, index)
    if not 0 < part.value < parts[-1].room or (not joined and _in_row(reader, parts[-1], index)):
        return None
    if not token.word and part.value % 1:
        return None
    parts.append(part)
    return index + 1


def _is_article(reader: Reader, part: Part, token: Token) -> bool:
    """Whether a word after tens counts nothing: "alle venti un treno". Elsewhere "and" tells."""
    return part.room == TEN and TEN not in reader.joined and token.is_word and not token.row


def _in_row(reader: Reader, part: Part, index: int) -> bool:
    """Whether a digit after hundreds is the first of a row: "eight hundred five five five" is no 805."""
    following = reader.near(index + 1)
    return (
        part.room >= HUNDRED
        and len(digit(reader.tokens[index])) == 1
        and following is not None
        and (len(digit(following)) == 1 or following.role is Role.REPEAT)
    )


def _sum(reader: Reader, parts: list[Part], first: int, after: int) -> Group:
    last = after - 1
    while reader.tokens[last].role is Role.AND:
        last -= 1
    read = reader.tokens[first : last + 1]
    if last == first and len(parts) == 1:
        return _alone(reader.tokens[first])
    value = total_of(parts)
    words = any(token.is_word for token in read)
    digits = str(value) if _in_rows(value, read) else ""
    tied = not all(token.row for token in read)
    return Group(read[0].start, read[-1].end, value, digits, words, read[-1].word_ordinal, tied=tied)


def _alone(token: Token) -> Group:
    if token.word is None:
        return Group(token.start, token.end, token.value, token.digits, tied=not token.row)
    value, words = token.word.value, token.value is None
    digits = str(value) if words and value < THOUSAND else ""
    tied = token.word.ordinal or not token.row
    return Group(
        token.start, token.end, value, digits, words, token.word.ordinal, tied=tied, apart=token.apart
    )


def _multiply(parts: list[Part], factor: int, room: int) -> bool:
    """Multiplies the parts below the factor by it: 2000 and 500 become 2500 million."""
    first = len(parts)
    while first and parts[first - 1].value < factor and (first == len(parts) or _follows(parts, first)):
        first -= 1
    if first == len(parts):
        return False
    value = total_of(parts[first:]) * factor
    parts[first:] = [Part(value, room, parts[first].index, parts[first].after_comma)]
    return True


def _follows(parts: Sequence[Part], place: int) -> bool:
    """Whether a part may be added to the one before it."""
    part = parts[place]
    return part.value < parts[place - 1].room and not (part.after_comma and part.value < HUNDRED)


def _in_rows(value: Number, read: Sequence[Token]) -> bool:
    return (
        value < THOUSAND
        and value % 1 == 0
        and all(token.is_word and not token.word_ordinal for token in read)
    )
