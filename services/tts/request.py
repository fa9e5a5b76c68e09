"""What is to be spoken, and what has been."""

from __future__ import annotations

from dataclasses import dataclass

from services.shared.engines import Model
from services.shared.glossary import Pronunciation
from services.shared.phrases import Phrase, find, replaced
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio


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
        model: That spoke.
        stretch: Rate applied on top of the one wished for, to fit the slot; at least 1, and 1 when there
            was no need.
        passes: Times the text was spoken to get there: 1, or 2 after a bad forecast; 0 for nothing.
        warnings: Stable codes: nothing_to_speak, cloned_voice, last_resort_voice, slot_overrun.
    """

    audio: Audio
    voice: str
    model: Model
    stretch: float
    passes: int
    warnings: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Length of the audio."""
        return length_ms(self.audio.size)


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known before a text is spoken piece by piece.

    Attributes:
        voice: Name of the voice that speaks.
        model: That speaks.
        stretch: As in Speech; there is no second pass.
        expected_ms: Forecast of the length.
        warnings: Stable codes: nothing_to_speak, cloned_voice, last_resort_voice.
    """

    voice: str
    model: Model
    stretch: float
    expected_ms: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closing:
    """What is known when all has been spoken.

    Attributes:
        duration_ms: Of all audio.
        warnings: Stable codes, those of the opening included.
    """

    duration_ms: int
    warnings: tuple[str, ...]


def length_ms(samples: int) -> int:
    """Return how long so many samples last."""
    return round(samples * 1000 / SAMPLE_RATE_HZ)
