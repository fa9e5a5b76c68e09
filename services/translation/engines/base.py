"""What a translation engine is: pairs of languages, and sentences translated one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from services.shared.engines import Model
from services.shared.errors import InternalError
from services.shared.glossary import Term
from services.translation.languages import Pair

# Translations of a sentence that a model gives at once: with more of them a beam hardly finds new wordings.
MOST_OTHERS: Final = 6


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said before.

    Attributes:
        role: Of who said it, such as "agent"; empty when it is not known.
        text: What was said.
        language: BCP-47, of the text.
    """

    role: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the sentences.

    Attributes:
        terms: What must become what; all of them stand in the texts of the call.
        turns: What was said before in the call, the oldest first.
    """

    terms: tuple[Term, ...] = ()
    turns: tuple[Turn, ...] = ()


class UnusableAnswer(InternalError):
    """What came back is no translation; the next answer may be one, and so may another engine's."""


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

        Raises:
            DragomanError: it cannot now; another engine may be asked.
        """
        ...


@runtime_checkable
class Contextual(Protocol):
    """What an engine has beside if it has a use for context; its batches are of one call then."""

    def translate_in(self, texts: Sequence[str], pair: Pair, context: Context) -> list[str]:
        """Translate as `translate` does, knowing more."""
        ...


@runtime_checkable
class Versatile(Protocol):
    """What an engine has beside if it knows several translations of a sentence, or can be asked for more."""

    def others(
        self, texts: Sequence[str], pair: Pair, context: Context, limits: Sequence[int]
    ) -> list[list[str]]:
        """Translate sentences in other ways than `translate` does.

        Args:
            texts: As for `translate`.
            pair: One of `pairs`.
            context: Of the call.
            limits: Characters that the translations of each text should have at most; 0 for any length.

        Returns:
            For each text any number, the likeliest first, also longer ones; none where it knows none.

        Raises:
            DragomanError: it cannot now.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """What an engine has beside if it holds what only it can free."""

    def close(self) -> None:
        """Free it; no call runs any more."""
        ...
