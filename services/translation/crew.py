"""The engines of one route at work: sentences go through its legs, and a glossary's terms through all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from services.shared.errors import DragomanError
from services.translation.engines.base import Context
from services.translation.engines.batches import Batched
from services.translation.engines.trade import Engines
from services.translation.forcing import Wanted, forced, forced_through
from services.translation.protection import as_itself, revealed
from services.translation.routes import Leg, Route
from services.translation.sentences import has_letters

T = TypeVar("T")


class LegFailed(Exception):
    """An engine failed: which one, and how."""

    def __init__(self, leg: Leg, error: DragomanError) -> None:
        super().__init__(error.code)
        self.leg = leg
        self.error = error


class Exchanged(Exception):
    """Another engine has taken the place of one, since the way was chosen."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An engine that is held for one leg."""

    leg: Leg
    engine: Batched
    context: Context
    cancelled: Callable[[], bool]

    def translate(self, texts: Sequence[str]) -> list[str]:
        try:
            return self.engine.translate(texts, self.leg.pair, self.context, self.cancelled)
        except DragomanError as error:
            raise LegFailed(self.leg, error) from error


class Crew:
    """The engines of a route, held for one call.

    Args:
        members: One per leg.
    """

    def __init__(self, members: Sequence[_Member]) -> None:
        self._members = members

    @classmethod
    def of(
        cls,
        route: Route,
        residents: Engines,
        stack: ExitStack,
        context: Context,
        cancelled: Callable[[], bool],
    ) -> Self:
        """Hold the engines of a route until `stack` ends.

        Terms are of the first language and of the last one, so that no leg of two is told them.

        Raises:
            LegFailed: one of them cannot be loaded again.
            Exchanged: one of them is another one by now.
        """
        if route.pivot:
            context = replace(context, terms=())
        held = [_hold(leg, residents, stack) for leg in route.legs]
        return cls([_Member(*each, context, cancelled) for each in zip(route.legs, held, strict=True)])

    def translate(self, texts: Sequence[str], wanted: Wanted) -> list[str]:
        """Translate sentences one to one, in order.

        Args:
            texts: Sentences as an engine takes them.
            wanted: What the glossary demands of each; often nothing.

        Raises:
            LegFailed: one of the engines did.
        """
        (first, *_) = self._members
        if len(self._members) == 1 and first.engine.contextual:
            return self._told(texts, wanted)
        at_terms = [at for at, demands in enumerate(wanted) if demands]
        done: list[str | None] = [None] * len(texts)
        for at, text in zip(at_terms, self._forced(_at(texts, at_terms), _at(wanted, at_terms)), strict=True):
            done[at] = text
        plain = iter(self._plainly([text for at, text in enumerate(texts) if done[at] is None]))
        return [next(plain) if text is None else text for text in done]

    def _told(self, texts: Sequence[str], wanted: Wanted) -> list[str]:
        """Translate with an engine that knows the terms, and force those that it leaves out."""
        done = self._plainly(texts)
        missed = []
        for at, demands in enumerate(wanted):
            kept = revealed(done[at].strip(), texts[at], demands, as_itself) if demands else done[at]
            if kept is None:
                missed.append(at)
            else:
                done[at] = kept
        for at, text in zip(missed, self._forced(_at(texts, missed), _at(wanted, missed)), strict=True):
            done[at] = done[at] if text is None else text
        return done

    def _forced(self, texts: Sequence[str], wanted: Wanted) -> list[str | None]:
        if len(self._members) == 1:
            return forced(texts, wanted, self._members[0].translate)
        first, second = self._members
        return forced_through(texts, wanted, first.translate, second.translate)

    def _plainly(self, texts: Sequence[str]) -> list[str]:
        done = list(texts)
        for member in self._members:
            # A first leg may leave nothing, of which a second one would make words up.
            going = [at for at, text in enumerate(done) if has_letters(text)]
            for at, text in zip(going, member.translate([done[at].strip() for at in going]), strict=True):
                done[at] = text
        return done


def _hold(leg: Leg, residents: Engines, stack: ExitStack) -> Batched:
    try:
        held = stack.enter_context(residents.use(leg.reference))
    except DragomanError as error:
        raise LegFailed(leg, error) from error
    if held.offer.pairs.get(leg.pair) != leg.model:
        raise Exchanged
    return held


def _at(items: Sequence[T], places: Sequence[int]) -> list[T]:
    return [items[at] for at in places]
