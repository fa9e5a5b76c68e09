"""Numbers in words: cardinals that agree with what they count, ordinals, decimals, digits one by one."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from num2words import num2words

from services.tts.spoken.tongues import Tongue, Unit

# Nobody has words at hand for more.
_MOST_DIGITS: Final = 15
# Decimals up to here are one number ("doze vírgula cinquenta"); English says them one by one.
_DECIMALS_TOGETHER: Final = 2
# What is counted in millions takes a preposition, and they and what is before them agree with nothing.
_MILLIONS: Final = re.compile(
    r".*\b\w+(?:ll[óo]n|llones|lh[ãõ]o|lhões|li[ãõ]o|liões|llions?|lliards?|lion[ei]|liard[oi])\b"
)


class Agreement(Enum):
    """What a number stands before."""

    NOTHING = auto()
    MASCULINE = auto()
    FEMININE = auto()


_AGREEING: Final[dict[tuple[str, Agreement], tuple[tuple[str, str], ...]]] = {
    ("es", Agreement.MASCULINE): ((r"veintiuno$", "veintiún"), (r"uno$", "un")),
    ("es", Agreement.FEMININE): ((r"uno$", "una"), (r"ientos\b", "ientas")),
    ("pt", Agreement.FEMININE): ((r"\bum\b", "uma"), (r"\bdois\b", "duas"), (r"ntos\b", "ntas")),
    ("fr", Agreement.FEMININE): ((r"\bun$", "une"),),
    ("it", Agreement.MASCULINE): ((r"^uno$", "un"),),
    ("it", Agreement.FEMININE): ((r"^uno$", "una"),),
}
# What num2words 0.5 gets wrong; and without its "and" nobody hears two numbers in one.
_REPAIRS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "en": ((r" and ", " "),),
    "es": ((r"veintiuno(?= mil)", "veintiún"), (r"uno(?= mil)", "un")),
    "it": ((r"dicotto", "diciotto"),),
}
_SPANISH_ORDINALS: Final = {11: "undécimo", 12: "duodécimo"}


def cardinal(value: int, tongue: Tongue, agreement: Agreement = Agreement.NOTHING) -> str:
    """Return a number in words; its digits one by one where nobody has words for it."""
    if abs(value) >= 10**_MOST_DIGITS:
        return said(str(abs(value)), tongue)
    words = _changed(_words(abs(value), tongue.cardinals), _REPAIRS.get(tongue.primary, ()))
    millions = _MILLIONS.match(words)
    head = millions.group() if millions else ""
    return head + _changed(words[len(head) :], _AGREEING.get((tongue.primary, agreement), ()))


def counted(value: int, unit: Unit, tongue: Tongue) -> str:
    """Return how many there are of something: "dos mil libras", "un million d'euros"."""
    words = cardinal(value, tongue, Agreement.FEMININE if unit.feminine else Agreement.MASCULINE)
    one = value == 1 or (value == 0 and tongue.primary == "fr")
    name = unit.one if one else unit.more
    link = _link(tongue.of, name) if _MILLIONS.fullmatch(words) else " "
    return words + link + name


def ordinal(value: int, tongue: Tongue, *, feminine: bool = False) -> str:
    """Return a number as the place in an order."""
    if not 0 < value < 10**_MOST_DIGITS:
        return cardinal(value, tongue)
    words = str(num2words(value, lang=tongue.cardinals, to="ordinal"))
    if tongue.primary == "es":
        words = _SPANISH_ORDINALS.get(value, words)
    if not feminine:
        return words
    return words.replace("premier", "première") if tongue.primary == "fr" else re.sub(r"o\b", "a", words)


def decimal(value: str, tongue: Tongue, agreement: Agreement = Agreement.NOTHING) -> str:
    """Return a decimal number ("-1234.50") in words; one that is whole agrees with what it counts."""
    whole, _, fraction = value.lstrip("-").partition(".")
    sign = f"{tongue.minus} " if value.startswith("-") else ""
    if not fraction:
        return sign + cardinal(int(whole or 0), tongue, agreement)
    together = tongue.primary != "en" and fraction[0] != "0" and len(fraction) <= _DECIMALS_TOGETHER
    decimals = cardinal(int(fraction), tongue) if together else said(fraction, tongue)
    return f"{sign}{cardinal(int(whole or 0), tongue)} {tongue.point} {decimals}"


def english_year(year: int) -> str:
    """Return a year as English says it: in two halves, mostly."""
    return str(num2words(year, lang="en", to="year")).replace(",", "")


def said(digits: str, tongue: Tongue) -> str:
    """Return digits one by one."""
    return " ".join(_words(int(digit), tongue.cardinals) for digit in digits)


@lru_cache(maxsize=1024)
def _words(value: int, cardinals: str) -> str:
    # Its commas would be heard as pauses.
    return str(num2words(value, lang=cardinals)).replace(",", "")


def _changed(words: str, changes: tuple[tuple[str, str], ...]) -> str:
    for pattern, by in changes:
        words = re.sub(pattern, by, words)
    return words


def _link(of: str, name: str) -> str:
    if not of.endswith("'"):
        return f" {of} " if of else " "
    return f" {of}" if name[0] in "aeiouyh" else f" {of[:-1]}e "
