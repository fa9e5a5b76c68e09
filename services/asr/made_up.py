"""Leaves out what an engine makes up from sounds: speech where music plays, and words where nobody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.asr.engines.base import AsrEngine, Caution, Hypothesis, Span
from services.asr.sounds.base import Kind, Samples, Sound, floats, free, samples_of
from services.asr.sounds.listening import sounds
from services.asr.sounds.music import drowned

# Of a region in music, what its padding and a late end of the VAD reach beyond it.
_BESIDE: Final = samples_of(0.5)
_DOUBTS: Final = {
    Caution.UNLIKELY_SPEECH,
    Caution.LOW_CONFIDENCE,
    Caution.REPETITION,
    Caution.HIGH_COMPRESSION,
}


def spoken(engine: AsrEngine, samples: Samples, found: Sequence[Span], heard: Sequence[Sound]) -> list[Span]:
    """Leave out the regions in music in which nobody can be heard, or in which the engine hears nobody alone.

    A region that reaches out of the music stays, for somebody may go on where it ends. The VAD takes a bar of
    a melody for a voice now and then, but seldom if it hears that bar alone; and `transcribe` asks the same.
    """
    melodies = [sound.span for sound in heard if sound.kind is Kind.MUSIC]
    return [
        region
        for region in found
        if _reaches_out(region, melodies) or _heard_alone(engine, samples[region.start : region.end])
    ]


def is_made_up(heard: Hypothesis, samples: Samples) -> bool:
    """Return whether a text is no words, or words that a model doubts where there is music or a tone.

    Doubt alone is not enough: people who say a short word to a bad telephone are doubted as much.
    """
    if not any(map(str.isalnum, heard.text)):
        return True
    if _DOUBTS.isdisjoint(heard.warnings):
        return False
    sounding = sum(sound.end - sound.start for sound in sounds(samples) if sound.kind is not Kind.SILENCE)
    return sounding * 2 > len(samples)


def _heard_alone(engine: AsrEngine, part: Samples) -> bool:
    return not drowned(part) and bool(engine.speech_spans(floats(part)))


def _reaches_out(region: Span, melodies: Sequence[Span]) -> bool:
    return sum(part.end - part.start for part in free(region, melodies)) > _BESIDE
