"""Speech that fits its slot: choose a voice, split the text, forecast, set the rate, speak once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.shared import telemetry
from services.shared.errors import Cancelled, InvalidRequest, TooLarge
from services.shared.glossary import Pronunciation
from services.shared.phrases import Phrase, find, replaced
from services.tts import voices
from services.tts.engines.base import MAX_RATE, MIN_RATE, SAMPLE_RATE_HZ, Audio, TtsEngine
from services.tts.splitting import Piece, split

# Speech that runs over its slot by less than this is not worth the cost of speaking it again.
TOLERANCE: Final = 0.1
# Engines round durations, so the rate that a forecast asks for is approached in steps.
_FORECASTS: Final = 4


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to speak.

    Attributes:
        text: May be long, or hold nothing speakable.
        language: BCP-47.
        voice: Name; empty for the language's default voice.
        rate: Speaking rate wished for, MIN_RATE to MAX_RATE.
        slot_ms: Time to fit into by speaking faster; 0 for no limit.
        max_stretch: Most times faster than `rate` to fit the slot, 1 to 2; None for the room's default.
        pronunciations: How words are to be read, spelled by the rules of the language. Whole words are
            replaced, the longest first, in any case unless it counts; of two for the same, the first.
    """

    text: str
    language: str
    voice: str = ""
    rate: float = 1.0
    slot_ms: int = 0
    max_stretch: float | None = None
    pronunciations: tuple[Pronunciation, ...] = ()

    @property
    def script(self) -> str:
        """The text as it is to be read."""
        spoken: dict[Phrase, str] = {}
        for each in self.pronunciations:
            spoken.setdefault(Phrase(each.text, each.case_sensitive), each.spoken)
        found = find(self.text, spoken)
        return replaced(self.text, found, [spoken[match.phrase] for match in found])


@dataclass(frozen=True, slots=True)
class Speech:
    """What was spoken.

    Attributes:
        audio: float32 mono at SAMPLE_RATE_HZ, without silence at its ends.
        voice: Name of the voice that spoke.
        stretch: Rate applied on top of the one wished for, to fit the slot; at least 1, and 1 when there
            was no need.
        passes: Times the text was spoken to get there: 1, or 2 after a bad forecast; 0 for nothing.
        warnings: Stable codes: nothing_to_speak, slot_overrun.
    """

    audio: Audio
    voice: str
    stretch: float
    passes: int
    warnings: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Length of the audio."""
        return round(self.audio.size * 1000 / SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True)
class _Script:
    """Pieces in one voice."""

    engine: TtsEngine
    pieces: tuple[Piece, ...]
    voice: str
    cancelled: Callable[[], bool]

    def estimate_ms(self, rate: float) -> float:
        return sum(
            self.engine.estimate_ms(piece.text, self.voice, rate) + piece.pause_ms / rate
            for piece in self._uncancelled()
        )

    def speak(self, rate: float) -> Audio:
        parts = [np.zeros(0, np.float32)]
        for piece in self._uncancelled():
            pause = np.zeros(round(piece.pause_ms * SAMPLE_RATE_HZ / 1000 / rate), np.float32)
            parts += (self.engine.synthesize(piece.text, self.voice, rate, self.cancelled), pause)
        return np.concatenate(parts)

    def _uncancelled(self) -> Iterator[Piece]:
        for piece in self.pieces:
            if self.cancelled():
                raise Cancelled("The caller went away while its text was spoken.")
            yield piece


class TtsCore:
    """Speaks with one engine; every method may be called from several threads at once.

    Args:
        engine: A loaded engine.
        max_stretch: Default of SpeechRequest.max_stretch, 1 to 2.
        max_characters: Longest text accepted.
    """

    def __init__(self, engine: TtsEngine, max_stretch: float = 1.25, max_characters: int = 5_000) -> None:
        self.engine = engine
        self._max_stretch = max_stretch
        self._max_characters = max_characters

    def synthesize(self, request: SpeechRequest, cancelled: Callable[[], bool] = lambda: False) -> Speech:
        """Speak a text, faster where its slot asks for it.

        Speech shorter than its slot is left as it is. The forecast decides the rate, so that the
        text is spoken once; only when the result overruns by more than TOLERANCE and may still go
        faster is it spoken again.

        Args:
            request: What to speak.
            cancelled: Says whether to stop; asked before each piece, and by the engine.

        Raises:
            InvalidRequest: invalid_rate, invalid_max_stretch or invalid_slot.
            TooLarge: text_too_long.
            Unsupported: unsupported_language, unknown_voice or voice_language_mismatch.
            Cancelled: `cancelled()` became true.
        """
        most = self._checked(request)
        text = self._script_of(request)
        voice = voices.choose(self.engine.voices, request.language, request.voice).name
        script = _Script(self.engine, split(text), voice, cancelled)
        telemetry.BATCH_SIZE.labels("tts").observe(len(script.pieces))
        stretch = _fitting_stretch(script, request, most)
        audio = script.speak(request.rate * stretch)
        if not audio.size:
            return Speech(audio, voice, 1.0, 0, ("nothing_to_speak",))
        speech = Speech(audio, voice, stretch, 1)
        if _overruns(speech, request.slot_ms) and stretch < most:
            stretch = min(most, stretch * speech.duration_ms / request.slot_ms)
            speech = Speech(script.speak(request.rate * stretch), voice, stretch, 2)
        if _overruns(speech, request.slot_ms):
            return Speech(speech.audio, voice, stretch, speech.passes, ("slot_overrun",))
        return speech

    def _script_of(self, request: SpeechRequest) -> str:
        if len(request.text) > self._max_characters or len(text := request.script) > self._max_characters:
            raise TooLarge(
                f"The text, as it is to be read, is longer than {self._max_characters} characters.",
                code="text_too_long",
            )
        return text

    def _checked(self, request: SpeechRequest) -> float:
        """Return the highest stretch that the request and the engine's fastest rate allow."""
        most = self._max_stretch if request.max_stretch is None else request.max_stretch
        if not MIN_RATE <= request.rate <= MAX_RATE:
            raise InvalidRequest(f"rate must be {MIN_RATE} to {MAX_RATE}.", code="invalid_rate")
        if not 1 <= most <= MAX_RATE:
            raise InvalidRequest(f"max_stretch must be 1 to {MAX_RATE}.", code="invalid_max_stretch")
        if request.slot_ms < 0:
            raise InvalidRequest("slot_ms must not be negative; 0 means no limit.", code="invalid_slot")
        return min(most, MAX_RATE / request.rate)


def _fitting_stretch(script: _Script, request: SpeechRequest, most: float) -> float:
    """Return the smallest stretch whose forecast fits the slot, at most `most`."""
    stretch = 1.0
    if not request.slot_ms:
        return stretch
    for _ in range(_FORECASTS):
        expected_ms = script.estimate_ms(request.rate * stretch)
        if expected_ms <= request.slot_ms or stretch == most:
            break
        stretch = min(most, stretch * expected_ms / request.slot_ms)
    return stretch


def _overruns(speech: Speech, slot_ms: int) -> bool:
    return bool(slot_ms) and speech.duration_ms > slot_ms * (1 + TOLERANCE)
