"""Engines with a script: one translation for everything, and perhaps others when they are asked for more."""

from __future__ import annotations

from collections.abc import Sequence

from services.shared.errors import Unavailable
from services.translation.core import Task, Translation
from services.translation.engines.base import Context
from services.translation.languages import Pair
from tests.unit.translation.marking import Marking, core_of


class Scripted(Marking):
    """Says always the same, and other things when it is asked for more."""

    def __init__(self, says: str, name: str = "a", pairs: str = "en-pt") -> None:
        super().__init__(name, pairs)
        self._says = says

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        return [self._says for _ in super().translate(texts, pair)]


class Knowing(Scripted):
    """The same with a few other translations up its sleeve."""

    def __init__(self, says: str, *others: str) -> None:
        super().__init__(says)
        self._others = list(others)
        self.limits: list[int] = []

    def others(
        self, texts: Sequence[str], _pair: Pair, _context: Context, limits: Sequence[int]
    ) -> list[list[str]]:
        self.limits += limits
        return [self._others for _ in texts]


class Leaving(Knowing):
    """Fails when it is asked for more."""

    def others(
        self, texts: Sequence[str], pair: Pair, context: Context, limits: Sequence[int]
    ) -> list[list[str]]:
        super().others(texts, pair, context, limits)
        raise Unavailable("away")


def translated(text: str, *engines: Marking, most: int = 0) -> Translation:
    task = Task([text], "en", "pt", max_characters=most)
    (done,) = core_of(*engines).translate(task).texts
    return done
