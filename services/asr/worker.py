"""The ASR stages of a job: segment a channel, transcribe a region."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.asr.settings import AsrSettings
from services.shared import tasks
from services.shared.config import load
from services.shared.glossary import Glossary, glossary_of, uses
from services.shared.rpc.client import chunks
from services.shared.stage import Child, Handler, Output, Work, run_worker

_SAMPLE_RATE_HZ: Final = 16_000
_BYTES_PER_MS: Final = _SAMPLE_RATE_HZ * 2 // 1000
# Channels are stored by codec.decode as 16 bit mono WAV with the plain header.
_WAV_HEADER_BYTES: Final = 44
_FORMAT: Final = common_pb2.PcmFormat(sample_rate_hertz=_SAMPLE_RATE_HZ, channel_count=1)
_ENGLISH: Final = "en"
# Below this another language is about as likely as the one that was detected.
_MIN_LANGUAGE_CONFIDENCE: Final = 0.5


def segment(work: Work) -> Output:
    """Find a channel's regions of speech; each becomes a unit."""
    payload = work.claim.payload
    config = asr_pb2.SegmentConfig(
        context=work.context,
        format=_FORMAT,
        language_code=payload["source_language"],
        model=work.model("asr"),
    )
    # gRPC swallows what an iterator of requests raises: a channel that is gone must fail before the call.
    work.artifacts.size(payload["audio"])
    found: asr_pb2.SegmentResponse = work.unary(_stub(work).Segment, _segment_stream(work, config))
    document = {
        "language": found.language_code,
        "language_confidence": round(found.language_confidence, 4),
        "duration_ms": found.duration_ms,
        "warnings": _warnings(found),
        "model": _model(found.model),
    }
    return Output(document, tuple(_children(work, found)))


def transcribe(work: Work) -> Output:
    """Write down one region, in English too where the recogniser is the job's translator."""
    audio = _region(work)
    heard = _heard(work, audio, asr_pb2.TRANSCRIBE_TASK_TRANSCRIBE)
    transcript: dict[str, Any] = {
        "text": heard.text,
        "language": heard.language_code,
        "confidence": round(heard.confidence, 4),
        "words": [_word(word, work.claim.payload["start_ms"]) for word in heard.words],
        "warnings": list(heard.warnings),
        "model": _model(heard.model),
    }
    if heard.text and work.claim.payload.get("translator") == "asr":
        transcript["translation"] = _in_english(work, audio, heard)
    key = work.key("transcript.json")
    work.artifacts.put(key, json.dumps(transcript, ensure_ascii=False).encode())
    return Output({"transcript": key, "empty": not heard.text})


def _in_english(work: Work, audio: bytes, heard: asr_pb2.TranscribeResponse) -> dict[str, Any]:
    # Where detection found English, there is nothing to translate.
    is_english = heard.language_code.partition("-")[0] == _ENGLISH
    english = heard if is_english else _heard(work, audio, asr_pb2.TRANSCRIBE_TASK_TRANSLATE)
    terms = [] if is_english else _glossary(work).terms(heard.language_code, _ENGLISH)
    found = [use.document() for use in uses(heard.text, english.text, terms)]
    return {
        "text": english.text,
        "warnings": list(english.warnings),
        "model": _model(english.model),
        **({"terms": found} if found else {}),
    }


def _region(work: Work) -> bytes:
    """Read only the region's part of the channel."""
    payload = work.claim.payload
    start = _WAV_HEADER_BYTES + payload["start_ms"] * _BYTES_PER_MS
    length = (payload["end_ms"] - payload["start_ms"]) * _BYTES_PER_MS
    return b"".join(work.artifacts.stream(payload["audio"], start, length))


def _heard(work: Work, audio: bytes, task: asr_pb2.TranscribeTask.ValueType) -> asr_pb2.TranscribeResponse:
    language = work.claim.payload["source_language"]
    written = _ENGLISH if task == asr_pb2.TRANSCRIBE_TASK_TRANSLATE else language
    config = asr_pb2.TranscribeConfig(
        context=work.context,
        format=_FORMAT,
        language_code=language,
        model=work.model("asr"),
        task=task,
        hints=_glossary(work).hints(written),
    )
    requests = (asr_pb2.TranscribeRequest(audio=chunk) for chunk in chunks(audio))
    response: asr_pb2.TranscribeResponse = work.unary(
        _stub(work).Transcribe, chain([asr_pb2.TranscribeRequest(config=config)], requests)
    )
    return response


def _glossary(work: Work) -> Glossary:
    return glossary_of(work.claim.spec, work.artifacts)


def _segment_stream(work: Work, config: asr_pb2.SegmentConfig) -> Iterator[asr_pb2.SegmentRequest]:
    yield asr_pb2.SegmentRequest(config=config)
    for chunk in work.artifacts.stream(work.claim.payload["audio"], _WAV_HEADER_BYTES):
        yield asr_pb2.SegmentRequest(audio=chunk)


def _children(work: Work, found: asr_pb2.SegmentResponse) -> Iterator[Child]:
    starts = [region.start_ms for region in found.regions]
    for number, (region, quiet_until_ms) in enumerate(
        zip(found.regions, [*starts[1:], found.duration_ms], strict=False)
    ):
        yield Child(
            f"{work.claim.index}r{number}",
            {
                **work.claim.payload,
                "region": number,
                "start_ms": region.start_ms,
                "end_ms": region.end_ms,
                "borrow_ms": quiet_until_ms - region.end_ms,
                "source_language": found.language_code,
            },
            audio_ms=region.end_ms - region.start_ms,
        )


def _warnings(found: asr_pb2.SegmentResponse) -> list[str]:
    guessed = found.regions and found.language_confidence < _MIN_LANGUAGE_CONFIDENCE
    return ["uncertain_language"] if guessed else []


def _word(word: asr_pb2.Word, offset_ms: int) -> dict[str, Any]:
    return {
        "text": word.text,
        "start_ms": word.start_ms + offset_ms,
        "end_ms": word.end_ms + offset_ms,
        "confidence": round(word.confidence, 4),
    }


def _model(model: common_pb2.ModelInfo) -> dict[str, str]:
    return {"name": model.name, "revision": model.revision, "sha256": model.sha256}


def _stub(work: Work) -> asr_pb2_grpc.AsrStub:
    return asr_pb2_grpc.AsrStub(work.channels.to("asr"))


HANDLERS: Final[Mapping[str, Handler]] = {tasks.SEGMENT: segment, tasks.TRANSCRIBE: transcribe}


def main() -> None:
    """Work until SIGTERM."""
    settings = load(AsrSettings)
    run_worker("asr", HANDLERS, settings, settings.asr_workers)


if __name__ == "__main__":
    main()
