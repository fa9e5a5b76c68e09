"""The model under faster-whisper: callers can leave between its steps, and its batches keep items apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from typing_extensions import override

from services.shared.errors import Cancelled


@dataclass(slots=True)
class Call:
    """What the steps for one region have in common.

    Attributes:
        cancelled: Says whether to stop.
        encoded: The first window, where it was needed before the library asks for it.
        first: The first window, once it was encoded.
    """

    cancelled: Callable[[], bool]
    encoded: Any = None
    first: Any = None


class Steps:
    """The model of the library, looking whether the thread's caller has gone before each of its steps.

    Nothing interrupts a step. The library takes several for a region: it encodes, decodes up to six
    times at rising temperatures when it is not satisfied, aligns, and does it again for a next window.

    Args:
        model: What the library calls.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._call: ContextVar[Call | None] = ContextVar("call", default=None)

    @contextmanager
    def until(self, cancelled: Callable[[], bool]) -> Iterator[Call]:
        """Ask `cancelled` before each step of this thread inside the block."""
        call = Call(cancelled)
        token = self._call.set(call)
        try:
            yield call
        finally:
            self._call.reset(token)

    def encode(self, *arguments: Any, **named: Any) -> Any:
        """Encode, unless that has been done."""
        call = self._call.get()
        if call is None:
            return self._model.encode(*arguments, **named)
        encoded, call.encoded = call.encoded, None
        if encoded is None:
            encoded = self._step(self._model.encode, *arguments, **named)
        if call.first is None:
            call.first = encoded
        return encoded

    def generate(self, *arguments: Any, **named: Any) -> Any:
        """Decode."""
        return self._step(self._model.generate, *arguments, **named)

    def align(self, *arguments: Any, **named: Any) -> Any:
        """Find out when each token was said."""
        return self._step(self._model.align, *arguments, **named)

    def _step(self, step: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        call = self._call.get()
        if call is not None and call.cancelled():
            raise Cancelled("The caller went away while its region was recognised.")
        return step(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        """Return what is no step."""
        return getattr(self._model, name)


@dataclass(frozen=True, slots=True)
class _Aligned:
    """In the place of an encoded window: what was read from it already."""

    words: list[dict[str, Any]]


class Whisper(WhisperModel):  # type: ignore[misc]  # the library is not typed
    """The library's model, in whose batches no region's times depend on the region before it.

    The library carries the end of one item over to the next, as if they followed each other in a recording.
    """

    @override
    def add_word_timestamps(
        self, segments: list[Any], tokenizer: Tokenizer, encoder_output: Any, *rest: Any, **named: Any
    ) -> Any:
        num_frames, *marks = rest
        if not isinstance(num_frames, Sequence):
            # One recording, window by window.
            return super().add_word_timestamps(segments, tokenizer, encoder_output, *rest, **named)
        texts = [_text_tokens(segment, tokenizer.eot) for segment in segments]
        found = self.find_alignment(tokenizer, texts, encoder_output, num_frames)
        for segment, words in zip(segments, found, strict=True):
            # The last argument is the end of what came before.
            super().add_word_timestamps([segment], tokenizer, _Aligned(words), 0, *marks[:-1], 0.0)
        return 0.0

    @override
    def find_alignment(
        self, tokenizer: Tokenizer, text_tokens: list[Any], encoder_output: Any, *rest: Any
    ) -> Any:
        if isinstance(encoder_output, _Aligned):
            return [encoder_output.words]
        return super().find_alignment(tokenizer, text_tokens, encoder_output, *rest)


def _text_tokens(segment: Sequence[Any], end: int) -> list[int]:
    return [token for part in segment for token in part["tokens"] if token < end]
