"""Language codes: what a request asks for, and which of an engine's pairs answers it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.shared.errors import InvalidRequest, Unsupported

# Language, then script, region and variants (BCP-47, RFC 5646 section 2.1), loosely.
_TAG: Final = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8})*")

# Pairs that an error lists; there may be tens of thousands.
_MOST_TOLD: Final = 60


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A direction of translation, as primary language subtags such as "en" and "pt"."""

    source: str
    target: str

    def __str__(self) -> str:
        """Return both, such as "en-pt"."""
        return f"{self.source}-{self.target}"


def primary(code: str) -> str:
    """Return the primary subtag of a BCP-47 code: "pt" for "pt-BR".

    Raises:
        InvalidRequest: it is not a language code (invalid_language).
    """
    match = _TAG.fullmatch(code)
    if not match:
        raise InvalidRequest(
            "Languages are BCP-47 codes such as en, pt or pt-BR; translation detects none.",
            code="invalid_language",
        )
    return match[1].lower()


def resolve(pairs: Collection[Pair], source: str, target: str) -> Pair:
    """Return the pair that translates `source` to `target`, whatever their regions.

    Raises:
        InvalidRequest: a code is malformed (invalid_language), or both are one language (same_language).
        Unsupported: no pair fits (unsupported_language_pair).
    """
    wanted = Pair(primary(source), primary(target))
    if wanted.source == wanted.target:
        raise InvalidRequest("Source and target are the same language.", code="same_language")
    if wanted not in pairs:
        known = ", ".join(map(str, sorted(pairs)[:_MOST_TOLD]))
        rest = "" if len(pairs) <= _MOST_TOLD else f" and {len(pairs) - _MOST_TOLD} more"
        raise Unsupported(
            f"{wanted} is not among the pairs: {known}{rest}.", code="unsupported_language_pair"
        )
    return wanted
