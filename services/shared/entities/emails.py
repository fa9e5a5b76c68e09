"""Reads e-mail addresses, as they are written and as they are said."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import Page

_WRITTEN: Final = re.compile(r"[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b")
# By language, folded: how "@", ".", "_" and "-" are said.
_SAID: Final[dict[str, tuple[str, str, str, str]]] = {
    "en": ("at(?: sign)?", "dot|point", "underscore", "dash|hyphen|minus"),
    "es": ("arroba", "punto", "guion bajo", "guion(?: medio)?"),
    "pt": ("arroba", "ponto", "underline|underscore|traco baixo", "hifen|traco"),
    "fr": ("arobase|at", "point", "tiret bas|underscore", "tiret"),
    "it": ("chiocciola", "punto", "trattino basso|underscore", "trattino"),
}


def read_emails(page: Page) -> None:
    """Take addresses: john.smith@example.com, and "john dot smith at example dot com"."""
    if "@" in page.plain:
        for match in _WRITTEN.finditer(page.plain):
            page.take(Kind.EMAIL, match.group(), *match.span())
    if page.language in _SAID and _hint(page.language).search(page.plain):
        for match in _spoken(page.language).finditer(page.plain):
            page.take(Kind.EMAIL, _joined(match.group(), page.language), *match.span())


@lru_cache
def _hint(language: str) -> re.Pattern[str]:
    """Return what every spoken address has, and is found sooner."""
    at, dot, _, _ = _SAID[language]
    return re.compile(rf" (?:{at}) [a-z0-9 -]+(?: (?:{dot}) |\.[a-z])")


@lru_cache
def _spoken(language: str) -> re.Pattern[str]:
    at, dot, underscore, dash = _SAID[language]
    mark = rf" (?:{dot}|{underscore}|{dash}) "
    part = r"(?:[a-z0-9]+|[a-z0-9](?: [a-z0-9])+)"
    return re.compile(
        rf"\b{part}(?:(?:{mark}|[._-]){part})*+ (?:{at}) [a-z0-9]+(?:(?:{mark}|[.-])[a-z0-9]+)+\b"
    )


def _joined(said: str, language: str) -> str:
    at, dot, underscore, dash = _SAID[language]
    for words, sign in ((at, "@"), (dot, "."), (underscore, "_"), (dash, "-")):
        said = re.sub(rf" (?:{words}) ", sign, said, count=1 if sign == "@" else 0)
    return said.replace(" ", "")
