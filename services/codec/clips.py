"""What lies on a call's timeline: the speech of its regions, and the recorded sounds that are kept."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from services.codec.placing import Spoken, starts_ms
from services.shared import tasks
from services.shared.artifacts.base import ArtifactStore
from services.shared.ledger.records import Unit
from services.shared.rpc.wire import CHUNK_BYTES
from services.shared.stage import Work

# Cross-talk is not among them: it is what the other speaker said, untranslated. Nor is silence a sound.
KEPT_KINDS: Final = frozenset(("music", "ring", "busy", "tone", "dtmf"))

# Channels of calls are stored by codec.decode as 16 bit mono WAV of this rate with the plain header.
_CHANNEL_RATE_HZ: Final = 16_000
_BYTES_PER_MS: Final = _CHANNEL_RATE_HZ * 2 // 1000
_WAV_HEADER_BYTES: Final = 44


@dataclass(frozen=True, slots=True)
class Clip:
    """A mono WAV artifact on the timeline, or a span of one.

    Attributes:
        key: Of the artifact.
        channel: Of the recording.
        start_ms: Where it begins.
        index: The unit that spoke it; None for a whole channel, or a sound of one.
        kept_ms: Length of a sound that stays where it is in the channel's own recording; 0 for all else.
    """

    key: str
    channel: int
    start_ms: int = 0
    index: str | None = None
    kept_ms: int = 0

    @contextmanager
    def opened(self, artifacts: ArtifactStore) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open it: its sample rate in Hz, and its samples in pieces; of a sound no more than that is read."""
        if self.kept_ms:
            start = _WAV_HEADER_BYTES + self.start_ms * _BYTES_PER_MS
            yield _CHANNEL_RATE_HZ, artifacts.stream(self.key, start, self.kept_ms * _BYTES_PER_MS)
            return
        with artifacts.open(self.key) as file, wave.open(file, "rb") as source:
            yield source.getframerate(), iter(partial(source.readframes, CHUNK_BYTES // 2), b"")


def of_call(work: Work) -> tuple[Clip, ...]:
    """Return the clips of a translated call, its speech placed, by channel and time."""
    clips = [*_speech(work), *(_sounds(work) if work.claim.spec.get("keep_sounds", True) else ())]
    return tuple(sorted(clips, key=lambda clip: (clip.channel, clip.start_ms)))


def _speech(work: Work) -> Iterator[Clip]:
    spoken = [
        (unit, unit.output)
        for unit in work.ledger.units(work.claim.job, tasks.SYNTHESIZE)
        if unit.output is not None and unit.output["audio"] is not None
    ]
    regions = [_region(unit, output["duration_ms"]) for unit, output in spoken]
    allow_overlap = bool(work.claim.spec.get("allow_overlap"))
    for (unit, output), start_ms in zip(spoken, starts_ms(regions, allow_overlap=allow_overlap), strict=True):
        yield Clip(output["audio"], unit.payload["channel"], start_ms, unit.index)


def _region(unit: Unit, duration_ms: int) -> Spoken:
    payload = unit.payload
    return Spoken(payload["channel"], payload["start_ms"], payload["end_ms"], duration_ms)


def _sounds(work: Work) -> Iterator[Clip]:
    for unit in work.ledger.units(work.claim.job, tasks.SEGMENT):
        # A unit from before an update names none.
        sounds: list[dict[str, Any]] = (unit.output or {}).get("sounds", [])
        for sound in sounds:
            start_ms, length_ms = sound["start_ms"], sound["end_ms"] - sound["start_ms"]
            if sound["kind"] in KEPT_KINDS and length_ms > 0:
                yield Clip(unit.payload["audio"], unit.payload["channel"], start_ms, kept_ms=length_ms)
