"""The numbers of a text one by one, before those side by side are taken as rows."""

from __future__ import annotations

from collections.abc import Sequence

from services.shared.entities.reader import Group, Reader, digit
from services.shared.entities.sums import total
from services.shared.entities.tokens import Token
from services.shared.entities.words import Role, Vocabulary


def groups(text: str, tokens: Sequence[Token], words: Vocabulary) -> list[Group]:
    """The numbers of a text's tokens."""
    found: list[Group] = []
    reader = Reader(text, tokens, words.joined, words.commas)
    index = 0
    while index < len(tokens):
        group, index = _group(reader, index)
        if group:
            found.append(group)
    return found


def _group(reader: Reader, index: int) -> tuple[Group | None, int]:
    token = reader.tokens[index]
    if token.role in _READERS:
        return _READERS[token.role](reader, index)
    if reader.starts(index):
        return total(reader, index)
    if token.word is None:
        return Group(token.start, token.end, None, token.digits, tied=not token.row), index + 1
    return None, index + 1


def _digit_of_rows(reader: Reader, index: int) -> tuple[Group | None, int]:
    token = reader.tokens[index]
    said = str(token.word.value) if token.word else ""
    return Group(token.start, token.end, None, said, words=True, loose=True), index + 1


def _negative(reader: Reader, index: int) -> tuple[Group | None, int]:
    """The number after "minus"."""
    if not reader.near(index + 1) or not reader.starts(index + 1):
        return None, index + 1
    group, after = total(reader, index + 1)
    value = None if group.value is None else -group.value
    return Group(reader.tokens[index].start, group.end, value, words=True, ordinal=group.ordinal), after


def _repeated(reader: Reader, index: int) -> tuple[Group | None, int]:
    """The digit after "double" or "triple", so many times."""
    word, repeated = reader.tokens[index].word, reader.near(index + 1)
    said = digit(repeated) if repeated else ""
    if not word or not repeated or len(said) != 1:
        return None, index + 1
    return Group(reader.tokens[index].start, repeated.end, None, said * word.value, words=True), index + 2


def _half(reader: Reader, index: int) -> tuple[Group | None, int]:
    """Half a million."""
    last = reader.after_article(index + 1)
    word = reader.tokens[last].word if reader.has(last, Role.TIMES) else None
    if not word:
        return None, index + 1
    return Group(reader.tokens[index].start, reader.tokens[last].end, word.value // 2, words=True), last + 1


_READERS = {
    Role.MINUS: _negative,
    Role.REPEAT: _repeated,
    Role.HALF: _half,
    Role.ROW: _digit_of_rows,
}
