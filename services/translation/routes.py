"""Ways from one language to another over the engines there are: direct, or through English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

from services.shared.engines import Model, Reference
from services.translation.languages import Pair

PIVOT: Final = "en"


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What an engine can do; equal to itself only, for it may hold tens of thousands of pairs.

    Attributes:
        model: The engine as a whole.
        pairs: Its directions, each with its model.
        batch: Sentences that it is best given at once.
    """

    model: Model
    pairs: Mapping[Pair, Model]
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Leg:
    """One translation by one engine."""

    reference: Reference
    pair: Pair
    model: Model


@dataclass(frozen=True, slots=True)
class Route:
    """One leg, or two of which the second goes on where the first ends."""

    legs: tuple[Leg, ...]

    @property
    def models(self) -> tuple[Model, ...]:
        """Who makes the translation, in their order."""
        return tuple(leg.model for leg in self.legs)

    @property
    def pivot(self) -> str:
        """The language between; empty for a direct route."""
        return self.legs[0].pair.target if len(self.legs) > 1 else ""

    @property
    def references(self) -> frozenset[Reference]:
        """The engines that it needs."""
        return frozenset(leg.reference for leg in self.legs)


class Routes:
    """All ways over some engines.

    Args:
        offers: In order of preference.
    """

    def __init__(self, offers: Sequence[tuple[Reference, Offer]]) -> None:
        self._offers = tuple(offers)
        self._found: dict[tuple[Pair, str], tuple[Route, ...]] = {}

    @cached_property
    def best(self) -> Mapping[Pair, Route]:
        """The pairs that can be asked for, each with the way that is taken first."""
        direct = {pair for _, offer in self._offers for pair in offer.pairs}
        into = {pair.source for pair in direct if pair.target == PIVOT}
        out_of = {pair.target for pair in direct if pair.source == PIVOT}
        pivoted = {Pair(*both) for both in product(into, out_of) if both[0] != both[1]}
        return {pair: next(self._ways(pair)) for pair in sorted(direct | pivoted)}

    def of(self, pair: Pair, model: str = "") -> tuple[Route, ...]:
        """Return the ways to translate a pair, the preferred one first; none if there is none.

        A direct way goes before one through English, and engines go in their order.

        Args:
            pair: The direction.
            model: Name of the model, or of the engine as a whole, that alone may be used; empty for any.
        """
        found = self._found.get((pair, model))
        if found is None:
            found = self._found[pair, model] = tuple(self._ways(pair, model))
        return found

    def knows(self, model: str) -> bool:
        """Say whether an engine or one of its models has that name."""
        return any(model in _names(offer) for _, offer in self._offers)

    def _ways(self, pair: Pair, model: str = "") -> Iterator[Route]:
        yield from (Route((leg,)) for leg in self._legs(pair, model))
        if PIVOT not in (pair.source, pair.target):
            first, second = Pair(pair.source, PIVOT), Pair(PIVOT, pair.target)
            yield from map(Route, product(self._legs(first, model), self._legs(second, model)))

    def _legs(self, pair: Pair, model: str) -> Iterator[Leg]:
        for reference, offer in self._offers:
            made_by = offer.pairs.get(pair)
            if made_by is not None and model in ("", made_by.name, offer.model.name):
                yield Leg(reference, pair, made_by)


def _names(offer: Offer) -> set[str]:
    return {offer.model.name, *(model.name for model in offer.pairs.values())}
