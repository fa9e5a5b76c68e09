"""Italian writes a number up to a million as one word; this reads such a word."""

from __future__ import annotations

import re

_WORDS = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
    "sedici diciassette diciotto diciannove vent trent quarant cinquant sessant settant ottant novant"
)
_SMALL, _TENS = _WORDS.split()[:20], _WORDS.split()[20:]

_VALUES = {word: value for value, word in enumerate(_SMALL)} | {"un": 1, "tré": 3}
_DIGIT = "uno?|due|tr[eé]|quattro|cinque|sei|sette|otto|nove"
_BELOW_100 = f"(?P<tens>{'|'.join(_TENS)})[ia]?(?P<digit>{_DIGIT})?|(?P<small>{'|'.join(_SMALL)}|un|tré)"
_BELOW_1000 = re.compile(rf"(?:(?P<count>{_DIGIT})?(?P<hundred>cento|cent(?=[ou])))?(?:{_BELOW_100})?")
_CENTS = ("centesimo", "centesimi")  # of a euro, and seldom the hundredth
_ORDINAL = re.compile(r"(.+)esim[oaie]")


def compound(word: str) -> tuple[int | None, bool]:
    """The value of a number word ("milleduecento": 1200) or None, and whether it is an ordinal."""
    if word in _CENTS:
        return None, False
    value = _cardinal(word)
    if value is not None:
        return value, False
    if stem := _ORDINAL.fullmatch(word):
        value = next((value for end in ("", "i", "a", "e", "o") if (value := _cardinal(stem[1] + end))), None)
        return value, value is not None
    return None, False


def _cardinal(word: str) -> int | None:
    if word.startswith("mille"):
        head, tail = 1, word.removeprefix("mille")
    elif "mila" in word:
        before, _, tail = word.partition("mila")
        head = _below_1000(before) or 0
        if not head:
            return None
    else:
        return _below_1000(word) if word else None
    rest = _below_1000(tail) if tail else 0
    return None if rest is None else head * 1000 + rest


def _below_1000(word: str) -> int | None:
    found = _BELOW_1000.fullmatch(word)
    if not found:
        return None
    hundreds = _VALUES[found["count"] or "uno"] * 100 if found["hundred"] else 0
    if found["tens"]:
        tens = (_TENS.index(found["tens"]) + 2) * 10
        return hundreds + tens + (_VALUES[found["digit"]] if found["digit"] else 0)
    return hundreds + (_VALUES[found["small"]] if found["small"] else 0)
