"""The use case: texts of any length in, as many translations out, with what looks wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.shared import telemetry
from services.shared.engines import Model, Reference
from services.shared.errors import (
    Cancelled,
    DragomanError,
    InvalidRequest,
    TooLarge,
    Unavailable,
    Unsupported,
)
from services.shared.glossary import Lookup, Term, TermUse, uses
from services.translation.crew import Crew, Exchanged, LegFailed
from services.translation.engines.base import Context, Turn
from services.translation.engines.trade import Engines
from services.translation.languages import Pair, resolve
from services.translation.routes import Offer, Route, Routes
from services.translation.sentences import has_letters, split
from services.translation.terms import demands, rejoined

EMPTY: Final = "empty_translation"
PIVOTED: Final = "pivoted"
FELL_BACK: Final = "fell_back"

# What no other engine can cure.
_FINAL: Final = (InvalidRequest, Cancelled)
# An engine may be exchanged between the look for a way and its use; more than one is a coincidence.
_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class Task:
    """What a call asks for.

    Attributes:
        texts: Any texts; line breaks and the space between sentences are kept.
        source: BCP-47; its region does not matter.
        target: BCP-47; its region does not matter.
        terms: What must become what; those that no text holds do nothing.
        turns: What was said before, the oldest first, for engines that have a use for it.
        model: Name of the only model, or engine, that may be used; empty for the best way there is.
    """

    texts: Sequence[str]
    source: str
    target: str
    terms: Sequence[Term] = ()
    turns: Sequence[Turn] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated text.

    Attributes:
        text: The translation; what has no letters in it is as it was.
        warnings: "empty_translation" when nothing is left of a text that was not empty, "pivoted" when it
            went through another language, "fell_back" when a better way failed.
        terms: Those that the text holds, in its order.
        models: That made it, in their order; none where nothing was to be translated.
    """

    text: str
    warnings: tuple[str, ...]
    terms: tuple[TermUse, ...] = ()
    models: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class Translations:
    """The translations of one call, in order, and the model that wrote them."""

    texts: tuple[Translation, ...]
    model: Model


@dataclass(frozen=True, slots=True)
class _Made:
    """Who made translations, and what is to be known of how."""

    models: tuple[Model, ...]
    notes: tuple[str, ...]


class TranslationCore:
    """Translates with the best engine for each pair; safe to call from several threads.

    Args:
        residents: The engines.
        max_characters: Most characters of one call, all its texts and turns together.

    Attributes:
        residents: As given.
    """

    def __init__(self, residents: Engines, max_characters: int) -> None:
        self.residents = residents
        self._max_characters = max_characters

    @property
    def models(self) -> tuple[Model, ...]:
        """The engines as wholes, in order of preference."""
        return tuple(status.model for status in self.residents.statuses)

    @property
    def batch(self) -> int:
        """Sentences that the first engine is best given at once."""
        return self.residents.statuses[0].description.batch

    @property
    def best(self) -> Mapping[Pair, Route]:
        """The directions that can be asked for, and the way that each takes if all goes well."""
        return self._routes().best

    def translate(self, task: Task, cancelled: Callable[[], bool] = lambda: False) -> Translations:
        """Translate texts one to one, in order.

        Where an engine fails, the next best way is taken, and the translations say so.

        Args:
            task: What is asked for.
            cancelled: Asked before each batch of sentences.

        Raises:
            InvalidRequest: invalid_language or same_language.
            Unsupported: unsupported_language_pair or unknown_model.
            TooLarge: texts and turns are longer than `max_characters` (text_too_long).
            Cancelled: `cancelled` said so.
            DragomanError: what the best way failed with, when all others failed too.
        """
        for _ in range(_LOOKS):
            with suppress(Exchanged):
                return self._translate(task, cancelled)
        raise Unavailable("The engines are being exchanged; try again.", code="engines_exchanged")

    def _translate(self, task: Task, cancelled: Callable[[], bool]) -> Translations:
        failed: dict[Reference, DragomanError] = {}
        for route in self._ways(task):
            if not route.references.isdisjoint(failed):
                continue
            try:
                return self._along(route, task, cancelled, (FELL_BACK,) if failed else ())
            except LegFailed as failure:
                if isinstance(failure.error, _FINAL):
                    raise failure.error from None
                _log(failure)
                failed[failure.leg.reference] = failure.error
        raise next(iter(failed.values()))

    def _along(
        self, route: Route, task: Task, cancelled: Callable[[], bool], notes: tuple[str, ...]
    ) -> Translations:
        wanted = Lookup(task.terms)
        found = [wanted.find(text) for text in task.texts]
        sentences = [rejoined(split(text), each) for text, each in zip(task.texts, found, strict=True)]
        spoken = [piece.strip() for pieces in sentences for piece in pieces if has_letters(piece)]
        terms = dict.fromkeys(term for each in found for _, term in each)
        context = Context(tuple(terms), tuple(task.turns))
        with ExitStack() as stack:
            crew = Crew.of(route, self.residents, stack, context, cancelled)
            done = iter(crew.translate(spoken, [demands(text, wanted) for text in spoken]))
        made = _Made(route.models, (*notes, PIVOTED) if route.pivot else notes)
        joined = ["".join(_put_back(piece, done) for piece in pieces) for pieces in sentences]
        pairs = zip(task.texts, joined, strict=True)
        return Translations(
            tuple(_translation(before, after, task.terms, made) for before, after in pairs), made.models[-1]
        )

    def _ways(self, task: Task) -> tuple[Route, ...]:
        """Return the ways to do a task, at least one."""
        routes = self._routes()
        pair = resolve(routes.best, task.source, task.target)
        if sum(map(len, (*task.texts, *(turn.text for turn in task.turns)))) > self._max_characters:
            raise TooLarge(
                f"One call takes {self._max_characters} characters; send the text in parts.",
                code="text_too_long",
            )
        if task.model and not routes.knows(task.model):
            known = ", ".join(model.name for model in self.models)
            raise Unsupported(f"No model of that name is here; there are {known}.", code="unknown_model")
        ways = routes.of(pair, task.model)
        if not ways:
            raise Unsupported(
                f"That model does not translate {pair}; name another one, or none.",
                code="unsupported_language_pair",
            )
        return ways

    def _routes(self) -> Routes:
        return _routes_over(tuple((each.reference, each.description) for each in self.residents.statuses))


@lru_cache(maxsize=8)
def _routes_over(offers: tuple[tuple[Reference, Offer], ...]) -> Routes:
    # Some engines have tens of thousands of pairs, and change seldom.
    return Routes(offers)


def _log(failure: LegFailed) -> None:
    telemetry.logger().warning(
        "engine failed",
        engine=failure.leg.reference.engine,
        model=failure.leg.model.name,
        code=failure.error.code,
    )


def _translation(before: str, after: str, terms: Sequence[Term], made: _Made) -> Translation:
    if not has_letters(before):
        return Translation(after, (), uses(before, after, terms))
    empty = () if after.strip() else (EMPTY,)
    return Translation(after, empty + made.notes, uses(before, after, terms), made.models)


def _put_back(piece: str, translated: Iterator[str]) -> str:
    if not has_letters(piece):
        return piece
    body = piece.strip()
    before, _, after = piece.partition(body)
    return f"{before}{next(translated).strip()}{after}"
