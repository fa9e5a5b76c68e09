"""What a translation engine is: pairs of languages, and sentences translated one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.translation.languages import Pair


@dataclass(frozen=True, slots=True)
class Model:
    """Which weights translate.

    Attributes:
        name: Name in the model manifest.
        revision: Changes whenever the translation may change.
    """

    name: str
    revision: str


class TranslationEngine(Protocol):
    """A loaded engine; every method may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """The engine as a whole."""
        ...

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The directions it can translate."""
        ...

    @property
    def batch(self) -> int:
        """Sentences that it is best given at once, at least 1; between batches a call can be cancelled."""
        ...

    def model_of(self, pair: Pair) -> Model:
        """Return the model that translates one of `pairs`."""
        ...

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate sentences.

        Args:
            texts: Each one sentence with at least one letter, without space around it; `core` splits.
            pair: One of `pairs`.

        Returns:
            As many texts, in the same order.
        """
        ...
