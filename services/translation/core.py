"""The use case: texts of any length in, as many translations out, with what looks wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from services.shared.engines import Model, Reference
from services.shared.errors import TooLarge, Unavailable, Unsupported
from services.shared.glossary import Lookup, Term, TermUse, uses
from services.translation.attempts import Call
from services.translation.crew import Exchanged
from services.translation.engines.base import Context, Turn
from services.translation.engines.trade import Engines
from services.translation.fidelity import Fidelity
from services.translation.languages import Pair, resolve
from services.translation.results import Result, shortened
from services.translation.routes import Offer, Route, Routes
from services.translation.wording import Words

EMPTY: Final = "empty_translation"
PIVOTED: Final = "pivoted"
FELL_BACK: Final = "fell_back"
MISMATCH: Final = "entity_mismatch"

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
        max_characters: That a translation should have at most, where a model knows one so short; 0 for any.
    """

    texts: Sequence[str]
    source: str
    target: str
    terms: Sequence[Term] = ()
    turns: Sequence[Turn] = ()
    model: str = ""
    max_characters: int = 0


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated text.

    Attributes:
        text: The translation; what has no letters in it is as it was.
        warnings: "empty_translation" when nothing is left of a text that was not empty, "entity_mismatch"
            when a number, a name or the like in it is not as in the text, "pivoted" when it went through
            another language, "fell_back" when a better way failed.
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
        ways = self._ways(task)
        wanted = Lookup(task.terms) if task.terms else None
        fidelity = Fidelity(task.source, task.target)
        words = [Words.of(text, wanted, fidelity) for text in task.texts]
        terms = tuple(dict.fromkeys(term for each in words for term in each.terms))
        call = Call(self.residents, Context(terms, tuple(task.turns)), cancelled)
        made = iter(call.made([each for text in words for each in text.sentences], ways))
        results = [Result(each, list(islice(made, len(each.sentences)))) for each in words]
        if task.max_characters:
            results = shortened(results, task.max_characters, call)
        texts = tuple([_translation(each, task.terms) for each in results])
        # Where nothing was to be translated, the model that would have done it.
        models = [each.models[-1] for each in texts if each.models] or [ways[0].models[-1]]
        return Translations(texts, models[0])

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


def _translation(result: Result, terms: Sequence[Term]) -> Translation:
    before, after = result.words.text, result.text
    empty = (EMPTY,) if result.made and not after.strip() else ()
    wrong = (MISMATCH,) if any(each.best.faults for each in result.made) else ()
    fell_back = (FELL_BACK,) if any(each.fell_back for each in result.made) else ()
    pivoted = (PIVOTED,) if any(each.route.pivot for each in result.made) else ()
    warnings = (*empty, *wrong, *fell_back, *pivoted)
    return Translation(after, warnings, uses(before, after, terms) if terms else (), result.models)
