"""What is to be spoken, and what has been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.shared.engines import Model
from services.shared.glossary import Pronunciation
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio
from services.tts.spoken.changes import changed, pronounced
from services.tts.spoken.reading import readings

# Of silence that a slot holds: a region is padded at both ends (services/shared/turns.py).
SLOT_PADDING_MS: Final = 600
# At most, for somebody who writes along.
SLOW_RATE: Final = 0.9


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to speak.

    Attributes:
        text: May be long, or hold nothing speakable.
        language: BCP-47.
        voice: Name; empty for the language's default voice.
        rate: Speaking rate wished for, MIN_RATE to MAX_RATE.
        slot_ms: Time to fit into by speaking faster, and to fill, but for its padding, by speaking more
            slowly; 0 for neither.
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
    def lengths_ms(self) -> tuple[int, int]:
        """The shortest length that fills the slot, that of what was said in it, and the longest that fits."""
        return max(0, self.slot_ms - SLOT_PADDING_MS), self.slot_ms

    @property
    def pronounced(self) -> str:
        """The text with its pronunciations."""
        return changed(self.text, pronounced(self.text, self.pronunciations))

    @property
    def script(self) -> str:
        """The text as it is to be read: with its pronunciations, and numbers beside them in words.

        Where both are about the same characters, the longer counts: "911" is no part of "911-555-0132".
        Who wishes for a slow rate gets a pause after every digit of an identifier.
        """
        wished = pronounced(self.text, self.pronunciations)
        numbers = [*readings(self.text, self.language, slowly=self.rate <= SLOW_RATE)]
        numbers = [each for each in numbers if not any(other.covers(each) for other in wished)]
        wished = [each for each in wished if not any(map(each.overlaps, numbers))]
        return changed(self.text, [*wished, *numbers])


@dataclass(frozen=True, slots=True)
class Speech:
    """What was spoken.

    Attributes:
        audio: float32 mono at SAMPLE_RATE_HZ, without silence at its ends.
        voice: Name of the voice that spoke.
        model: That spoke.
        stretch: Rate applied on top of the one wished for: above 1 to fit the slot, below 1 to fill it, 1
            when there was no need.
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
    """Return how long so many samples last, a millisecond that has begun included."""
    return -(-samples * 1000 // SAMPLE_RATE_HZ)
