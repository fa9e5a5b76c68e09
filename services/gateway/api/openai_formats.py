"""What was said in a file, in each of the formats that a client may ask for."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.gateway.api.openai_views import (
    DiarizedView,
    DurationView,
    LogprobView,
    SegmentView,
    SpeakerView,
    TranscriptionView,
    VerboseView,
    WordView,
)
from services.gateway.inference.language_names import name_of
from services.gateway.inference.transcription import Segment
from services.gateway.jobs.subtitles import Utterance, srt, vtt

# The unit of Whisper's `seek`: a hundredth of a second.
_SEEK_MS: Final = 10
_LEAST_CONFIDENCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole file.

    Attributes:
        segments: What was said, in the order of time; those without a text are no part of any format.
        duration_ms: Of the file.
        language: BCP-47 code as asked for; None when it was to be detected.
        target: BCP-47 code of the text, where it is a translation.
        temperature: As asked for.
    """

    segments: Sequence[Segment]
    duration_ms: int
    language: str | None = None
    target: str | None = None
    temperature: float = 0.0

    @property
    def text(self) -> str:
        """All that was said."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def usage(self) -> DurationView:
        """How much audio was heard."""
        return DurationView(seconds=self.duration_ms / 1000)


def json(transcript: Transcript, *, logprobs: bool) -> TranscriptionView:
    """Return the format json."""
    sure = [each for segment in transcript.segments for each in confidences(segment)]
    return TranscriptionView(
        text=transcript.text, usage=transcript.usage, logprobs=sure if logprobs else None
    )


def verbose_json(transcript: Transcript, granularities: Sequence[str]) -> VerboseView:
    """Return the format verbose_json, with words and segments as asked for."""
    spoken = next((each.language for each in transcript.segments), transcript.language or "")
    words = [_word(word) for segment in transcript.segments for word in segment.words]
    numbered = enumerate(transcript.segments)
    segments = [_segment(number, segment, transcript.temperature) for number, segment in numbered]
    return VerboseView(
        task="transcribe" if transcript.target is None else "translate",
        language=name_of(transcript.target or spoken),
        duration=transcript.duration_ms / 1000,
        text=transcript.text,
        usage=transcript.usage,
        segments=segments if "segment" in granularities else None,
        words=words if "word" in granularities else None,
    )


def diarized_json(transcript: Transcript) -> DiarizedView:
    """Return the format diarized_json."""
    return DiarizedView(
        duration=transcript.duration_ms / 1000,
        text=transcript.text,
        segments=[spoken_by(number, segment) for number, segment in enumerate(transcript.segments)],
        usage=transcript.usage,
    )


def subtitles(transcript: Transcript, kind: str) -> str:
    """Return the format srt or vtt."""
    said = [
        Utterance(each.start_ms, each.end_ms, each.speaker, each.text, [asdict(word) for word in each.words])
        for each in transcript.segments
    ]
    return srt(said) if kind == "srt" else vtt(said)


def spoken_by(number: int, segment: Segment) -> SpeakerView:
    """Return a segment with its speaker."""
    return SpeakerView(
        id=f"seg_{number}",
        start=segment.start_ms / 1000,
        end=segment.end_ms / 1000,
        speaker=segment.speaker or "A",
        text=segment.text,
    )


def confidences(segment: Segment) -> list[LogprobView]:
    """Return how sure the recogniser is of each word of a segment."""
    return [
        LogprobView(
            token=word.text,
            logprob=math.log(max(word.confidence, _LEAST_CONFIDENCE)),
            bytes=list(word.text.encode()),
        )
        for word in segment.words
    ]


def compression_ratio(text: str) -> float:
    """Return how much smaller zlib makes a text, as Whisper does: a high one tells of circles."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def _segment(number: int, segment: Segment, temperature: float) -> SegmentView:
    return SegmentView(
        id=number,
        seek=segment.start_ms // _SEEK_MS,
        start=segment.start_ms / 1000,
        end=segment.end_ms / 1000,
        text=segment.text,
        temperature=temperature,
        avg_logprob=segment.average_log_probability,
        compression_ratio=compression_ratio(segment.text),
        no_speech_prob=segment.no_speech_probability,
        speaker=segment.speaker,
    )


def _word(word: Any) -> WordView:
    return WordView(word=word.text, start=word.start_ms / 1000, end=word.end_ms / 1000)
