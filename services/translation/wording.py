"""The texts of a call as the sentences that engines are given, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.shared.entities.kinds import Entity
from services.shared.glossary import Lookup, Term
from services.translation.fidelity import Fidelity
from services.translation.forcing import Sentence
from services.translation.sentences import has_letters, split
from services.translation.standins import Demand
from services.translation.terms import demands, rejoined


@dataclass(frozen=True, slots=True)
class Words:
    """A text, cut into pieces; those with letters are sentences.

    Attributes:
        text: As it is.
        pieces: Joined, they are the text.
        sentences: What is translated: pieces without the space around them.
        terms: Those that the text holds.
    """

    text: str
    pieces: Sequence[str]
    sentences: Sequence[Sentence]
    terms: Sequence[Term]

    @classmethod
    def of(cls, text: str, wanted: Lookup | None, fidelity: Fidelity) -> Words:
        """Cut a text; neither a term nor a number is cut in two.

        Args:
            text: Any.
            wanted: The terms of its call, if it has some.
            fidelity: Between the languages of its call.
        """
        terms = wanted.find(text) if wanted else []
        found = fidelity.found(text, [match for match, _ in terms])
        spans = [(match.start, match.end) for match, _ in terms]
        spans += [(each.start, each.end) for each in found]
        pieces = rejoined(split(text), spans) if spans else split(text)
        sentences = [
            _sentence(piece.strip(), _within(found, start, piece), wanted, fidelity)
            for start, piece in zip(_starts(pieces), pieces, strict=True)
            if has_letters(piece)
        ]
        return cls(text, pieces, sentences, [term for _, term in terms])

    def joined(self, translated: Sequence[str]) -> str:
        """Return the text with translations in place of its sentences."""
        rest = iter(translated)
        return "".join(_put_back(piece, rest) for piece in self.pieces)


def _sentence(
    text: str, found: Sequence[Entity] | None, wanted: Lookup | None, fidelity: Fidelity
) -> Sentence:
    of_terms = demands(text, wanted) if wanted else []
    phrases = [demand.phrase for demand in of_terms]
    if found is None:
        found = fidelity.found(text, [match for match, _ in wanted.find(text)] if wanted else ())
    both = [*of_terms, *(each for each in fidelity.demands(found) if not _overlaps(each, of_terms))]
    both.sort(key=lambda demand: demand.start)
    return Sentence(text, both, partial(fidelity.faults, found, phrases))


def _within(found: Sequence[Entity], start: int, piece: str) -> list[Entity] | None:
    """Return the entities of a piece, from its first letter on; None where one was cut in two."""
    end = start + len(piece)
    within = [each for each in found if each.start < end and each.end > start]
    if any(each.start < start or each.end > end for each in within):
        return None
    start += len(piece) - len(piece.lstrip())
    return [replace(each, start=each.start - start, end=each.end - start) for each in within]


def _overlaps(demand: Demand, others: Sequence[Demand]) -> bool:
    return any(demand.start < other.end and other.start < demand.end for other in others)


def _starts(pieces: Sequence[str]) -> Iterator[int]:
    start = 0
    for piece in pieces:
        yield start
        start += len(piece)


def _put_back(piece: str, translated: Iterator[str]) -> str:
    if not has_letters(piece):
        return piece
    body = piece.strip()
    before, _, after = piece.partition(body)
    return f"{before}{next(translated).strip()}{after}"
