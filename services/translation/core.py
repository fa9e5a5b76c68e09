"""The use case: texts of any length in, as many translations out, with what looks wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.shared import telemetry
from services.shared.errors import Cancelled, InternalError, TooLarge
from services.shared.glossary import Lookup, Term, TermUse, uses
from services.translation.engines.base import Model, TranslationEngine
from services.translation.languages import Pair, resolve
from services.translation.protection import DISGUISES, disguised, revealed
from services.translation.sentences import split
from services.translation.terms import demands, rejoined

EMPTY: Final = "empty_translation"


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated text.

    Attributes:
        text: The translation; what has no letters in it is as it was.
        warnings: "empty_translation" when nothing is left of a text that was not empty.
        terms: Those that the text holds, in its order.
    """

    text: str
    warnings: tuple[str, ...]
    terms: tuple[TermUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Translations:
    """The translations of one call, in order, and the model that made them."""

    texts: tuple[Translation, ...]
    model: Model


class TranslationCore:
    """Translates with one engine; safe to call from several threads.

    Args:
        engine: The loaded engine.
        max_characters: Most characters of one call, all its texts together.
    """

    def __init__(self, engine: TranslationEngine, max_characters: int) -> None:
        self._engine = engine
        self._max_characters = max_characters

    @property
    def model(self) -> Model:
        """The engine's model."""
        return self._engine.model

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The directions that can be asked for."""
        return self._engine.pairs

    def translate(
        self,
        texts: Sequence[str],
        source: str,
        target: str,
        cancelled: Callable[[], bool],
        terms: Sequence[Term] = (),
    ) -> Translations:
        """Translate texts one to one, in order.

        Args:
            texts: Any texts; line breaks and the space between sentences are kept.
            source: BCP-47; its region does not matter.
            target: BCP-47; its region does not matter.
            cancelled: Asked between batches of sentences.
            terms: What must become what; those that no text holds do nothing.

        Raises:
            InvalidRequest: invalid_language or same_language.
            Unsupported: unsupported_language_pair.
            TooLarge: the texts are longer than `max_characters` (text_too_long).
            Cancelled: `cancelled` said so.
        """
        pair = resolve(self._engine.pairs, source, target)
        if sum(map(len, texts)) > self._max_characters:
            raise TooLarge(
                f"One call takes {self._max_characters} characters; send the text in parts.",
                code="text_too_long",
            )
        wanted = Lookup(terms)
        sentences = [rejoined(split(text), wanted.find(text)) for text in texts]
        spoken = [piece.strip() for pieces in sentences for piece in pieces if _has_letters(piece)]
        done = self._with_terms(spoken, pair, cancelled, wanted)
        joined = ["".join(_put_back(piece, done) for piece in pieces) for pieces in sentences]
        return Translations(
            tuple(
                Translation(after, _warnings(before, after), uses(before, after, terms))
                for before, after in zip(texts, joined, strict=True)
            ),
            self._engine.model_of(pair),
        )

    def _with_terms(
        self, texts: Sequence[str], pair: Pair, cancelled: Callable[[], bool], terms: Lookup
    ) -> Iterator[str]:
        """Translate sentences; those with terms in one disguise after the other, until one comes through."""
        wanted = {at: found for at, text in enumerate(texts) if (found := demands(text, terms))}
        done: dict[int, str] = {}
        for disguise in DISGUISES:
            tried = [at for at in wanted if at not in done]
            out = self._in_batches(
                [disguised(texts[at], wanted[at], disguise) for at in tried], pair, cancelled
            )
            for at, translated in zip(tried, out, strict=True):
                if (whole := revealed(translated.strip(), texts[at], wanted[at], disguise)) is not None:
                    done[at] = whole
        plain = self._in_batches([text for at, text in enumerate(texts) if at not in done], pair, cancelled)
        return (done[at] if at in done else next(plain) for at in range(len(texts)))

    def self_test(self) -> None:
        """Translate one sentence in each direction.

        Raises:
            InternalError: nothing came out (self_test_failed).
        """
        for pair in self.pairs:
            if not self._engine.translate(["Dragoman 1."], pair)[0].strip():
                raise InternalError(f"The engine says nothing for {pair}.", code="self_test_failed")

    def _in_batches(self, texts: Sequence[str], pair: Pair, cancelled: Callable[[], bool]) -> Iterator[str]:
        size = self._engine.batch
        for start in range(0, len(texts), size):
            if cancelled():
                raise Cancelled("The caller went away.")
            batch = texts[start : start + size]
            telemetry.BATCH_SIZE.labels("translation").observe(len(batch))
            out = self._engine.translate(batch, pair)
            if len(out) != len(batch):
                raise InternalError("The engine gave another number of texts.", code="engine_broke_contract")
            yield from out


def _has_letters(text: str) -> bool:
    # A model makes words up for lone marks and emoji; numbers alone are the same in every language.
    return any(map(str.isalpha, text))


def _put_back(piece: str, translated: Iterator[str]) -> str:
    if not _has_letters(piece):
        return piece
    body = piece.strip()
    before, _, after = piece.partition(body)
    return f"{before}{next(translated).strip()}{after}"


def _warnings(before: str, after: str) -> tuple[str, ...]:
    return (EMPTY,) if before.strip() and not after.strip() else ()
