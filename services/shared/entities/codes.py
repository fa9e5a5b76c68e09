"""Reads codes: spelled letters, and letters mixed with digits."""

from __future__ import annotations

import re
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import FIRST, N, Page

_MIXED: Final = re.compile(
    r"(?<![\w@.,/$-])(?=[A-Z\d-]*\d)(?=[\d-]*[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*(?=s?\b)(?!s?@|s?[/-]\w|[.,]\d)"
    r"|(?<![\w@.,/-])[A-Z][A-Za-z]+-\d+(?=s?\b)(?!s?[/-]\w|[.,]\d)"
)
_MIXED_HINT: Final = re.compile(r"\d(?:[A-Z-]|(?<=[A-Za-z-]\d))")
_QUANTITY: Final = re.compile(r"\d+(?:[A-Z]|[AP]M|K[MG]|[MG]B|[MG]?HZ|[MC]M|ST|ND|RD|TH|HRS?|MIN)")
_DASH: Final = r"(?:dash |hyphen |traco |hifen |guion |tiret |trattino )?"
_ONE: Final = rf"(?:\b[a-z]\b|{N})"
_SPELLED: Final = re.compile(rf"(?<![\w'.-])\b[a-z]\b(?:(?:, ?|[ -]){_DASH}{_ONE})+(?![\w'])")
_LONE_CAPITAL: Final = re.compile(r"[A-Z][ ,-]")
_SHORTEST: Final = 3


def read_mixed_codes(page: Page) -> None:
    """Take what has capitals and digits: XK-4471, AB12C."""
    for match in _MIXED.finditer(page.text) if _MIXED_HINT.search(page.text) else ():
        if not _QUANTITY.fullmatch(match.group()):
            page.take(Kind.CODE, match.group().replace("-", "").upper(), *match.span())


def read_spelled_codes(page: Page) -> None:
    """Take capitals that are spelled, and the digits among them: A B C 1 2, A-B-C, X K four four seven."""
    for match in _SPELLED.finditer(page.plain) if _LONE_CAPITAL.search(page.text) else ():
        value = _joined(page, *match.span())
        letters = sum(map(str.isalpha, value))
        if letters > 1 and len(value) >= _SHORTEST:
            page.take(Kind.CODE, value, *match.span())


def _joined(page: Page, start: int, end: int) -> str:
    """Return letters and digits; nothing where a letter is small or a number has more than one digit."""
    value = []
    for at in range(start, end):
        if page.plain[at] == FIRST:
            number = page.numbers[at]
            if not (number.spelled or len(number.value) == 1):
                return ""
            value.append(number.value)
        elif page.plain[at].isalpha():
            if page.text[at].isupper() and not page.text[at + 1 : at + 2].isalpha():
                value.append(page.text[at])
            elif _lone(page.plain, at):
                return ""
    return "".join(value)


def _lone(text: str, at: int) -> bool:
    return not text[at - 1 : at].isalpha() and not text[at + 1 : at + 2].isalpha()
