"""Numbers as callers and agents say and write them: plain, in groups, in words digit by digit or in pairs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from random import Random
from typing import Final

# By kind and language: how it is printed, and the length of each group.
_GROUPS: Final = {
    ("phone", "en"): ("({}) {}-{}", (3, 3, 4)),
    ("phone", "pt"): ("({}) {}-{}", (2, 5, 4)),
    ("abroad", "en"): ("+1 {}-{}-{}", (3, 3, 4)),
    ("abroad", "pt"): ("+55 {} {}-{}", (2, 5, 4)),
    ("card", "en"): ("{} {} {} {}", (4, 4, 4, 4)),
    ("card", "pt"): ("{} {} {} {}", (4, 4, 4, 4)),
    ("document", "en"): ("{}-{}-{}", (3, 2, 4)),
    ("document", "pt"): ("{}.{}.{}-{}", (3, 3, 3, 2)),
    ("order", "en"): ("{}-{}", (3, 4)),
    ("order", "pt"): ("{}-{}", (5, 1)),
    ("protocol", "en"): ("{} {} {}", (4, 4, 4)),
    ("protocol", "pt"): ("{}.{}.{}", (4, 4, 4)),
}
KINDS: Final = ("phone", "card", "document", "order", "protocol")
_PLAIN_LENGTHS: Final = {
    "phone": (8, 11),
    "card": (16, 16),
    "document": (9, 11),
    "order": (4, 9),
    "protocol": (10, 15),
}
_WORDS: Final = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "pt": ("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"),
}

_TEENS: Final = {
    "en": "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    "pt": "dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove",
}
_TENS: Final = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
}
_OFTEN: Final = 0.3

Form = Callable[[Random, str, str], tuple[str, str]]


def plain(random: Random, kind: str, _language: str) -> tuple[str, str]:
    """Return a number without anything between its digits, and its digits."""
    digits = _digits(random, random.randint(*_PLAIN_LENGTHS[kind]))
    return digits, digits


def grouped(random: Random, kind: str, language: str) -> tuple[str, str]:
    """Return a number as it is printed, or in groups of its own with spaces or hyphens, and its digits."""
    if kind == "phone" and random.random() < _OFTEN:
        kind = "abroad"
    layout, lengths = _GROUPS[kind, language]
    if random.random() < _OFTEN:
        lengths = tuple(random.choices((2, 3, 4), k=random.randint(2, 4)))
        layout = random.choice((" ", "-")).join("{}" for _ in lengths)
    text = layout.format(*(_digits(random, length) for length in lengths))
    return text, "".join(filter(str.isdecimal, text))


def in_words(random: Random, kind: str, language: str) -> tuple[str, str]:
    """Return a number said digit by digit, with "double", "oh" or "meia" now and then, and its digits."""
    _, lengths = _GROUPS[kind, language]
    groups = [_digits(random, length) for length in lengths[: random.randint(2, len(lengths))]]
    said = random.choice((" ", ", ")).join(_said(random, group, language) for group in groups)
    return said, "".join(groups)


def in_pairs(random: Random, kind: str, language: str) -> tuple[str, str]:
    """Return a number said two digits at a time, as "forty-two seventeen oh five", and its digits."""
    _, lengths = _GROUPS[kind, language]
    pairs = [_digits(random, 2) for _ in range(sum(lengths) // 2)]
    return random.choice((" ", ", ")).join(_pair(random, pair, language) for pair in pairs), "".join(pairs)


FORMS: Final[dict[str, Form]] = {
    "plain": plain,
    "grouped": grouped,
    "in words": in_words,
    "in pairs": in_pairs,
}


def _digits(random: Random, length: int) -> str:
    """Return digits; repetitions are more frequent than by chance, for they are what gets lost."""
    digits = [random.choice("0123456789")]
    while len(digits) < length:
        digits.append(digits[-1] if random.random() < 0.15 else random.choice("0123456789"))
    return "".join(digits)


def _said(random: Random, digits: str, language: str) -> str:
    if language == "en" and random.random() < 0.5:
        return " ".join(_repeated(random, digit, len(list(group))) for digit, group in groupby(digits))
    return " ".join(_word(random, digit, language) for digit in digits)


def _repeated(random: Random, digit: str, times: int) -> str:
    word = _word(random, digit, "en")
    how = {2: "double ", 3: "triple "}.get(times)
    return how + word if how else " ".join([word] * times)


def _word(random: Random, digit: str, language: str) -> str:
    other = {("en", "0"): "oh", ("pt", "6"): "meia"}.get((language, digit))
    return other if other and random.random() < 0.5 else _WORDS[language][int(digit)]


def _pair(random: Random, digits: str, language: str) -> str:
    tens, units = map(int, digits)
    if not tens:
        return f"{_word(random, '0', language)} {_WORDS[language][units]}"
    if tens == 1:
        return _TEENS[language].split()[units]
    joint = {"en": "-", "pt": " e "}[language]
    return _TENS[language].split()[tens - 2] + (joint + _WORDS[language][units] if units else "")
