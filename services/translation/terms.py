"""What the terms of a glossary demand of a text's translation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.shared.glossary import Lookup, Term
from services.translation.sentences import MOST_CHARACTERS
from services.translation.standins import Demand


def demands(text: str, terms: Lookup) -> list[Demand]:
    """Return what terms demand of a text's translation, in the order of the text."""
    return [
        Demand(
            match.start,
            match.end,
            _cased(term, text[match.start : match.end]),
            exact=term.case_sensitive,
            name=term.source == term.target,
        )
        for match, term in terms.find(text)
    ]


def rejoined(sentences: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[str]:
    """Return a text's sentences, joined where a term such as "Yahoo! Mail" spans two of them.

    Args:
        sentences: Of `split`.
        spans: Where their text holds what must not be cut in two.
    """
    within = {at for start, end in spans for at in range(start + 1, end)}
    joined: list[str] = []
    end = 0
    for sentence in sentences:
        if end in within and len(joined[-1]) + len(sentence) <= MOST_CHARACTERS:
            joined[-1] += sentence
        else:
            joined.append(sentence)
        end += len(sentence)
    return joined


def _cased(term: Term, found: str) -> str:
    """Return the target with a capital where the text has one that the term has not."""
    if not term.case_sensitive and found[:1].isupper() and term.source[:1].islower():
        return term.target[:1].upper() + term.target[1:]
    return term.target
