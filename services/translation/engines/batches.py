"""An engine that takes sentences of several calls together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from services.shared.batching import Batcher, Limits
from services.shared.errors import Cancelled, DragomanError
from services.translation.engines.base import Closable, Context, Contextual, TranslationEngine, Versatile
from services.translation.languages import Pair
from services.translation.routes import Offer

# Batches' worth of sentences that one call has waiting: enough to find their like, few enough that calls take
# turns. An engine that takes one sentence at a time finds no like.
_AHEAD: Final = 4

_NOTHING: Final = Context()


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """Which sentences may share a batch: those of one pair, and of one call where a context is used."""

    pair: Pair
    context: Context


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    company: Company


class Batched:
    """An engine, and what waits for it; safe to call from several threads.

    Args:
        engine: The engine.
        delay_ms: How long a batch waits for more while the engine is free.
        runners: Batches at once.

    Attributes:
        engine: As given.
        offer: What it can do.
    """

    def __init__(self, engine: TranslationEngine, delay_ms: float = 0.0, runners: int = 1) -> None:
        self.engine = engine
        # Asked once: Python takes its time to answer.
        self._contextual = engine if isinstance(engine, Contextual) else None
        self._versatile = engine if isinstance(engine, Versatile) else None
        self.offer = Offer(engine.model, {pair: engine.model_of(pair) for pair in engine.pairs}, engine.batch)
        limits = Limits(engine.batch, delay_ms, runners)
        self._batcher: Batcher[_Sentence, str | DragomanError] = Batcher(
            self._run, limits, self._bucket, "translation"
        )

    @property
    def contextual(self) -> bool:
        """Whether the engine has a use for context."""
        return self._contextual is not None

    @property
    def versatile(self) -> bool:
        """Whether the engine knows other translations."""
        return self._versatile is not None

    def translate(
        self,
        texts: Sequence[str],
        pair: Pair,
        context: Context = _NOTHING,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """Translate sentences one to one, in order.

        Args:
            texts: As an engine takes them.
            pair: One of the engine's.
            context: Of the call.
            cancelled: Asked before each batch.

        Raises:
            Cancelled: `cancelled` said so.
            DragomanError: what the engine raised, or engine_broke_contract.
        """
        company = Company(pair, context)
        size = self.engine.batch * _AHEAD if self.engine.batch > 1 else 1
        done: list[str] = []
        for start in range(0, len(texts), size):
            sentences = [_Sentence(text, company) for text in texts[start : start + size]]
            done += map(_text, self._batcher.submit_all(sentences, cancelled))
        return done

    def others(
        self,
        texts: Sequence[str],
        limits: Sequence[int],
        pair: Pair,
        context: Context = _NOTHING,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[list[str]]:
        """Translate sentences in other ways, see Versatile; they are few, and wait for no company.

        Args:
            texts: As an engine takes them.
            limits: Characters that the translations of each should have at most; 0 for any length.
            pair: One of the engine's.
            context: Of the call.
            cancelled: Asked before each batch.

        Raises:
            Cancelled: `cancelled` said so.
            DragomanError: what the engine raised.
        """
        done: list[list[str]] = []
        if self._versatile is None:
            return [[] for _ in texts]
        # Several translations of a sentence take the memory of several sentences.
        size = max(1, self.engine.batch // _AHEAD)
        for start in range(0, len(texts), size):
            if cancelled():
                raise Cancelled("The caller went away.")
            part = slice(start, start + size)
            done += self._versatile.others(texts[part], pair, context, limits[part])
        return done

    def close(self) -> None:
        """Let the engine go."""
        self._batcher.close()
        if isinstance(self.engine, Closable):
            self.engine.close()

    def _bucket(self, sentence: _Sentence) -> Hashable:
        # What one caller said must not stand in another one's prompt.
        if self.contextual:
            return sentence.company
        # Sentences of about one length waste little on filling up; the classes are powers of two.
        return sentence.company.pair, len(sentence.text).bit_length()

    def _run(
        self, sentences: Sequence[_Sentence], _cancelled: Callable[[], bool]
    ) -> Sequence[str | DragomanError]:
        texts, company = [each.text for each in sentences], sentences[0].company
        if self._contextual is None:
            return self.engine.translate(texts, company.pair)
        try:
            return self._contextual.translate_in(texts, company.pair, company.context)
        except DragomanError as error:
            # An answer and no failure of the batch, whose sentences would each be tried again by themselves:
            # they are of one call, and it goes another way now.
            return [error] * len(texts)


def _text(result: str | DragomanError) -> str:
    if isinstance(result, DragomanError):
        raise result
    return result
