"""Finds in a recording what is no speech: keys, tones, music and long silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from services.asr.engines.base import Span
from services.asr.sounds.base import Flags, Kind, Numbers, Samples, Sound, free, samples_of
from services.asr.sounds.dtmf import dtmf
from services.asr.sounds.music import Notes, music
from services.asr.sounds.silence import silences
from services.asr.sounds.spectrum import HOP, WINDOW, spectra
from services.asr.sounds.tones import Burst, Peaks, are_melody, bursts, named

# Nobody speaks in these, whatever a model hears there. In music and in silence somebody may.
FIRM: Final = frozenset({Kind.DTMF, Kind.RING, Kind.BUSY, Kind.TONE})
# What comes again within this is the same sound: keys of one number, a telephone that rings on.
_APART: Final = {
    Kind.DTMF: samples_of(2),
    Kind.RING: samples_of(6.5),
    Kind.BUSY: samples_of(1),
    Kind.TONE: samples_of(1),
}
# What is left of a tone beside a key is its edge.
_LEAST: Final = samples_of(0.15)
# Of music and silence around speech, less than this is not worth telling.
_SHORTEST: Final = {Kind.MUSIC: samples_of(1), Kind.SILENCE: samples_of(10)}


def sounds(samples: Samples, check: Callable[[], None] = lambda: None) -> list[Sound]:
    """Return what there is besides speech: in order, disjoint; each key and each burst of a tone by itself.

    Somebody may speak over music: it is for `settled` to leave out where.

    Args:
        samples: The recording, of any length; memory grows by 4 kB for a second of it.
        check: Called now and then; it may raise to end the work.
    """
    keys = dtmf(samples, check)
    peaks, notes, powers = _looked_at(samples, keys, check)
    found = bursts(samples, peaks)
    melodies = [each for each in music(notes) if are_melody(_inside(found, each), each.end - each.start)]
    notes_too = {burst for melody in melodies for burst in _inside(found, melody)}
    signals = _beside(named([burst for burst in found if burst not in notes_too]), keys)
    firm = _sorted([*keys, *signals])
    loud = _sorted([*firm, *_beside(melodies, firm)])
    return _sorted([*loud, *_beside(silences(powers), loud)])


def settled(found: Sequence[Sound], speech: Sequence[Span]) -> list[Sound]:
    """Return sounds as they are told: beside speech, and what belongs together as one.

    Args:
        found: By `sounds`.
        speech: Regions, in order and disjoint, none of which touches a sound that is FIRM.
    """
    firm = _joined([sound for sound in found if sound.kind in FIRM], speech)
    taken = sorted([*speech, *(sound.span for sound in firm)], key=lambda span: span.start)
    rest = [
        replace(sound, start=part.start, end=part.end)
        for sound in found
        if sound.kind not in FIRM
        for part in free(sound.span, taken)
        if part.end - part.start >= _SHORTEST[sound.kind]
    ]
    return _sorted([*firm, *rest])


def _looked_at(
    samples: Samples, keys: Sequence[Sound], check: Callable[[], None]
) -> tuple[Peaks, Notes, Numbers]:
    peaks, notes, powers = [], [], [np.empty(0, np.float32)]
    first = 0
    for spectrum in spectra(samples):
        check()
        after = first + len(spectrum)
        peaks.append(Peaks.of(spectrum))
        notes.append(Notes.of(spectrum, _touched(keys, first, after)))
        powers.append(spectrum.sum(axis=1))
        first = after
    return Peaks.joined(peaks), Notes.joined(notes), np.concatenate(powers)


def _touched(keys: Sequence[Sound], first: int, after: int) -> Flags:
    """Return which frames hear a key."""
    starts = np.arange(first, after) * HOP
    touched = np.zeros(after - first, np.bool_)
    for key in keys:
        touched |= (starts < key.end) & (starts + WINDOW > key.start)
    return touched


def _inside(found: Sequence[Burst], melody: Sound) -> list[Burst]:
    return [burst for burst in found if melody.start <= (burst.start + burst.end) // 2 < melody.end]


def _sorted(found: Sequence[Sound]) -> list[Sound]:
    return sorted(found, key=lambda sound: sound.start)


def _beside(found: Sequence[Sound], others: Sequence[Sound]) -> list[Sound]:
    """Return the parts of sounds that others leave."""
    taken = [other.span for other in others]
    return [
        replace(sound, start=part.start, end=part.end)
        for sound in found
        for part in free(sound.span, taken)
        if part.end - part.start >= _LEAST
    ]


def _joined(firm: Sequence[Sound], speech: Sequence[Span]) -> list[Sound]:
    """Join neighbours of one kind, unless somebody speaks between them."""
    joined: list[Sound] = []
    for sound in firm:
        last = joined[-1] if joined else None
        if last and last.kind is sound.kind and _near(last, sound, speech):
            joined[-1] = replace(last, end=sound.end, digits=last.digits + sound.digits)
        else:
            joined.append(sound)
    return joined


def _near(one: Sound, other: Sound, speech: Sequence[Span]) -> bool:
    gap = Span(one.end, other.start)
    spoken = any(span.start < gap.end and gap.start < span.end for span in speech)
    return not spoken and gap.end - gap.start <= _APART[one.kind]
