"""Sentences that were translated, put together to texts again; and shorter ones where a text is too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.shared.engines import Model
from services.translation.attempts import Call, Made
from services.translation.routes import Route
from services.translation.wording import Words


@dataclass(frozen=True, slots=True)
class Result:
    """A text and the translations of its sentences.

    Attributes:
        words: The text.
        made: One for each of its sentences.
    """

    words: Words
    made: Sequence[Made]

    @property
    def text(self) -> str:
        """The translation."""
        return self.words.joined([each.best.text for each in self.made])

    @property
    def models(self) -> tuple[Model, ...]:
        """Who made it, in their order; none where nothing was to be translated."""
        routes: list[Route] = []
        for each in self.made:
            if each.route not in routes:
                routes.append(each.route)
        return tuple([model for route in routes for model in route.models])


def shortened(results: Sequence[Result], most_characters: int, call: Call) -> list[Result]:
    """Return texts, and in place of those that are too long shorter ones, where an engine knows them.

    Args:
        results: As they were made.
        most_characters: Of a translation.
        call: What made them.
    """
    done = list(results)
    for at, usual in enumerate(results):
        if usual.made and len(usual.text) > most_characters:
            shorter = _shorter(usual, most_characters, call)
            done[at] = shorter if len(shorter.text) <= most_characters else usual
    return done


def _shorter(usual: Result, most_characters: int, call: Call) -> Result:
    """Return a text with shorter sentences, each of which has its share of the characters."""
    length = len(usual.text)
    limits = [max(1, most_characters * len(each.best.text) // length) for each in usual.made]
    return replace(usual, made=call.shorter(usual.words.sentences, usual.made, limits))
