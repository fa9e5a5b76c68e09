"""What the terms of a glossary demand of a text's translation."""

from __future__ import annotations

from collections.abc import Sequence

from services.shared.glossary import Term, by_source
from services.shared.phrases import find
from services.translation.protection import Demand


def demands(text: str, terms: Sequence[Term]) -> list[Demand]:
    """Return what terms demand of a text's translation, in the order of the text."""
    by_phrase = by_source(terms)
    found = [(match, by_phrase[match.phrase]) for match in find(text, by_phrase)]
    return [
        Demand(
            match.start,
            match.end,
            _cased(term, text[match.start : match.end]),
            exact=term.case_sensitive,
            name=term.source == term.target,
        )
        for match, term in found
    ]


def _cased(term: Term, found: str) -> str:
    """Return the target with a capital where the text has one that the term has not."""
    if not term.case_sensitive and found[:1].isupper() and term.source[:1].islower():
        return term.target[:1].upper() + term.target[1:]
    return term.target
