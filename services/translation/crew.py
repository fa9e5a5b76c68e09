"""The engines of one route at work: sentences go through its legs, and a glossary's terms through all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final, Self, TypeVar

from services.shared import telemetry
from services.shared.errors import Cancelled, DragomanError, InvalidRequest
from services.translation.engines.base import Context
from services.translation.engines.batches import Batched
from services.translation.engines.trade import Engines
from services.translation.forcing import Candidate, Failed, Sentence, candidate, forced, forced_all_through
from services.translation.protection import disguised
from services.translation.routes import Leg, Route
from services.translation.sentences import has_letters
from services.translation.standins import DISGUISES, NONE, Disguise, as_code, as_its_like

T = TypeVar("T")

# A target's own word is of no language between.
_ON_ANY_WAY: Final = Disguise(terms=as_code, frail=as_its_like)


# What no other engine can cure.
_FINAL: Final = (InvalidRequest, Cancelled)


class LegFailed(Failed):
    """An engine failed: which one, and how, so that another one may be asked."""

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
        if not texts:
            return []
        return _blamed(
            self.leg, lambda: self.engine.translate(texts, self.leg.pair, self.context, self.cancelled)
        )

    def others(self, texts: Sequence[str], limits: Sequence[int]) -> list[list[str]]:
        return _blamed(
            self.leg,
            lambda: self.engine.others(texts, limits, self.leg.pair, self.context, self.cancelled),
        )


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

    def translate(self, sentences: Sequence[Sentence]) -> list[Candidate]:
        """Translate sentences one to one, in order, as well as these engines can.

        Raises:
            LegFailed: one of the engines did.
        """
        through = [at for at, each in enumerate(sentences) if len(self._members) > 1 and each.terms]
        rest = [at for at in range(len(sentences)) if at not in through]
        first, last = self._members[0], self._members[-1]
        disguises = (NONE, *DISGUISES) if self._told else DISGUISES
        made = forced(_at(sentences, rest), self._plainly, disguises)
        if through:
            routed = _at(sentences, through)
            made += forced_all_through(routed, first.translate, last.translate, self._plainly)
        done = dict(zip((*rest, *through), made, strict=True))
        # At last a sentence goes without any disguise, so that each has come to something.
        return [found for at in range(len(sentences)) if (found := done[at])]

    def others(self, sentences: Sequence[Sentence], limits: Sequence[int] = ()) -> list[list[Candidate]]:
        """Return what else the engines know for sentences, the likeliest first; often nothing.

        Args:
            sentences: Any.
            limits: Characters that each should have at most; none where any length will do.

        Raises:
            LegFailed: one of the engines did.
        """
        *before, last = self._members
        if not last.engine.versatile:
            return [[] for _ in sentences]
        disguise = NONE if self._told else _ON_ANY_WAY if before else DISGUISES[0]
        worn = [disguised(each.text, each.demands, disguise) for each in sentences]
        texts = _plainly([each.text for each in worn], before)
        offered = last.others(texts, limits or [0] * len(texts))
        return [
            [made for text in of_one if (made := candidate(sentence, each, text))]
            for sentence, each, of_one in zip(sentences, worn, offered, strict=True)
        ]

    @property
    def _told(self) -> bool:
        """Whether the one engine knows the terms; what it leaves out is put in disguise then."""
        return len(self._members) == 1 and self._members[0].engine.contextual

    def _plainly(self, texts: Sequence[str]) -> list[str]:
        return _plainly(texts, self._members)


def _plainly(texts: Sequence[str], members: Sequence[_Member]) -> list[str]:
    done = list(texts)
    for member in members:
        # A first leg may leave nothing, of which a second one would make words up.
        going = [at for at, text in enumerate(done) if has_letters(text)]
        for at, text in zip(going, member.translate([done[at].strip() for at in going]), strict=True):
            done[at] = text
    return done


def _blamed(leg: Leg, call: Callable[[], T]) -> T:
    """Do what needs an engine; what that fails with becomes LegFailed, and is logged.

    Raises:
        InvalidRequest, Cancelled: as they are.
        LegFailed: any other DragomanError.
    """
    try:
        return call()
    except _FINAL:
        raise
    except DragomanError as error:
        telemetry.logger().warning(
            "engine failed", engine=leg.reference.engine, model=leg.model.name, code=error.code
        )
        raise LegFailed(leg, error) from error


def _hold(leg: Leg, residents: Engines, stack: ExitStack) -> Batched:
    held = _blamed(leg, lambda: stack.enter_context(residents.use(leg.reference)))
    if held.offer.pairs.get(leg.pair) != leg.model:
        raise Exchanged
    return held


def _at(items: Sequence[T], places: Sequence[int]) -> list[T]:
    return [items[at] for at in places]
