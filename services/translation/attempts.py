"""The sentences of one call on the ways that there are, until nothing is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from services.shared.engines import Reference
from services.shared.errors import DragomanError
from services.translation.crew import Crew, LegFailed
from services.translation.engines.base import Context
from services.translation.engines.trade import Engines
from services.translation.forcing import Candidate, Sentence
from services.translation.routes import Route


@dataclass(frozen=True, slots=True)
class Made:
    """A translated sentence.

    Attributes:
        best: The best translation that was had.
        route: The way on which it was made.
        fell_back: Whether a better way failed, or changed what must stay.
    """

    best: Candidate
    route: Route
    fell_back: bool


@dataclass(frozen=True, slots=True)
class Call:
    """What all sentences of a call share.

    Attributes:
        residents: The engines.
        context: What is known beside the sentences.
        cancelled: Asked before each batch of sentences.
    """

    residents: Engines
    context: Context
    cancelled: Callable[[], bool]

    def made(self, sentences: Sequence[Sentence], ways: Iterable[Route]) -> list[Made]:
        """Translate sentences on the first way that works; those with faults then on the next one too.

        Raises:
            Exchanged: see Crew.of.
            DragomanError: what the first way failed with, when all others failed too.
        """
        failed: dict[Reference, DragomanError] = {}
        made: list[Made] | None = None
        for route in ways:
            if failed and not route.references.isdisjoint(failed):
                continue
            try:
                if made is None:
                    made = self._first(sentences, route, fell_back=bool(failed))
                elif not _known(made, route):
                    return self._second(sentences, route, made)
            except LegFailed as failure:
                failed[failure.leg.reference] = failure.error
            if made is not None and not any(each.best.faults for each in made):
                return made
        if made is None:
            raise next(iter(failed.values()))
        return made

    def shorter(
        self, sentences: Sequence[Sentence], made: Sequence[Made], limits: Sequence[int]
    ) -> list[Made]:
        """Return other translations that are no worse: the likeliest that is short enough, or the shortest.

        Args:
            sentences: At least one.
            made: What was had of each.
            limits: Characters, for each.

        Raises:
            Exchanged: see Crew.of.
            Cancelled: the caller went away.
        """
        route = made[0].route
        at_route = [at for at, each in enumerate(made) if each.route == route]
        done = list(made)
        try:
            with ExitStack() as stack:
                crew = self._crew(route, stack)
                offered = _others(crew, [sentences[at] for at in at_route], [limits[at] for at in at_route])
        except LegFailed:
            return done
        for at, others in zip(at_route, offered, strict=True):
            done[at] = replace(made[at], best=_fitting(made[at].best, others, limits[at]))
        return done

    def _first(self, sentences: Sequence[Sentence], route: Route, *, fell_back: bool) -> list[Made]:
        return [Made(each, route, fell_back) for each in self._along(route, sentences)]

    def _second(self, sentences: Sequence[Sentence], route: Route, made: Sequence[Made]) -> list[Made]:
        wrong = [at for at, each in enumerate(made) if each.best.faults]
        again = dict(zip(wrong, self._along(route, [sentences[at] for at in wrong]), strict=True))
        return [
            Made(again[at], route, fell_back=True)
            if at in again and again[at].faults < had.best.faults
            else had
            for at, had in enumerate(made)
        ]

    def _along(self, route: Route, sentences: Sequence[Sentence]) -> list[Candidate]:
        with ExitStack() as stack:
            crew = self._crew(route, stack)
            done = crew.translate(sentences)
            wrong = [at for at, each in enumerate(done) if each.faults]
            for at, others in zip(wrong, _others(crew, [sentences[at] for at in wrong]), strict=True):
                done[at] = done[at].or_better(others)
            return done

    def _crew(self, route: Route, stack: ExitStack) -> Crew:
        return Crew.of(route, self.residents, stack, self.context, self.cancelled)


def _others(crew: Crew, sentences: Sequence[Sentence], limits: Sequence[int] = ()) -> list[list[Candidate]]:
    """Return what else engines know; nothing where one fails, for there is a translation already."""
    try:
        return crew.others(sentences, limits) if sentences else []
    except LegFailed:
        return [[] for _ in sentences]


def _known(made: Sequence[Made], route: Route) -> bool:
    """Say whether a way has no engine that the sentences have not met."""
    return route.references <= {reference for each in made for reference in each.route.references}


def _fitting(had: Candidate, others: Sequence[Candidate], limit: int) -> Candidate:
    fair = [each for each in (had, *others) if each.faults <= had.faults and each.missed <= had.missed]
    short = (each for each in fair if len(each.text) <= limit)
    return next(short, min(fair, key=lambda each: len(each.text)))
