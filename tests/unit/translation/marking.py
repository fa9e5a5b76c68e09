"""Engines that mark every word, with directions, a name and failures of the test's choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from services.shared.engines import Model, Reference
from services.shared.errors import DragomanError
from services.translation.core import TranslationCore
from services.translation.engines.base import Context
from services.translation.engines.trade import given
from services.translation.languages import Pair

_WORD = re.compile(r"[^\W\d]\w*")
_DIGITS = re.compile(r"\d+")


class Marking:
    """Turns "Order 12" into "Order_<target> 12"; raises `error` in its place while there is one.

    Args:
        name: Of its only model.
        pairs: Such as "en-pt pt-en".
    """

    def __init__(self, name: str, pairs: str, batch: int = 16) -> None:
        self.model = Model(name, "1")
        self.pairs = tuple(Pair(*each.split("-")) for each in pairs.split())
        self.batch = batch
        self.asked: list[tuple[str, Pair]] = []
        self.error: DragomanError | None = None

    def model_of(self, _pair: Pair) -> Model:
        return self.model

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        if self.error is not None:
            raise self.error
        self.asked += [(text, pair) for text in texts]
        return [_WORD.sub(rf"\g<0>_{pair.target}", text) for text in texts]


class Careless(Marking):
    """The same, but it changes every run of digits that is longer than it bears."""

    def __init__(
        self, change: Callable[[str], str], bears: int = 0, name: str = "a", pairs: str = "en-pt"
    ) -> None:
        super().__init__(name, pairs)
        self._change = change
        self._bears = bears

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        return [_DIGITS.sub(self._changed, text) for text in super().translate(texts, pair)]

    def _changed(self, match: re.Match[str]) -> str:
        return match[0] if len(match[0]) <= self._bears else self._change(match[0])


class Informed(Marking):
    """The same with a use for context; it obeys the terms that it is told."""

    def __init__(self, name: str, pairs: str, *, obedient: bool = True) -> None:
        super().__init__(name, pairs)
        self.told: list[Context] = []
        self._obedient = obedient

    def translate_in(self, texts: Sequence[str], pair: Pair, context: Context) -> list[str]:
        self.told.append(context)
        done = self.translate(texts, pair)
        for term in context.terms if self._obedient else ():
            done = [text.replace(f"{term.source}_{pair.target}", term.target) for text in done]
        return done


def core_of(*engines: Marking) -> TranslationCore:
    """Return a core with engines in order of preference, which have been asked nothing yet."""
    core = TranslationCore(given({Reference(engine.model.name): engine for engine in engines}), 10_000)
    for engine in engines:
        engine.asked.clear()
    return core
