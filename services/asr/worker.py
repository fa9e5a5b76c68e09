"""The ASR stages of a job: segment a channel, transcribe a region."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
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
_AUTO: Final = "auto"
_VERIFY: Final = "verify"
# More than the server hears before it tells a language.
_VOTERS: Final = 30
# Below this another language is about as likely as the one that was detected.
_MIN_LANGUAGE_CONFIDENCE: Final = 0.5
# Of a region that is cross-talk; the rest is its padding, in pieces that have no room for a word of somebody
# else: the shortest takes 0.2 s, and as much again at both ends, where it is not told from the cross-talk.
_MOSTLY: Final = 0.8
_LONGEST_HOLE_MS: Final = 500


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
    found = _segmented(work, config, [(_WAV_HEADER_BYTES, None)])
    leaked, regions = _parted(found.regions, payload.get("crosstalk", ()))
    own = asr_pb2.SegmentResponse(
        regions=regions,
        language_code=found.language_code,
        language_confidence=found.language_confidence,
        duration_ms=found.duration_ms,
    )
    if leaked and config.language_code == _AUTO:
        _vote_again(work, config, own)
    document = {
        "language": own.language_code,
        "language_confidence": round(own.language_confidence, 4),
        "duration_ms": own.duration_ms,
        "warnings": _warnings(own),
        "model": _model(found.model),
        "sounds": sorted([*map(_sound, found.sounds), *leaked], key=itemgetter("start_ms")),
    }
    return Output(document, tuple(_children(work, own)))


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
    place = _place(payload["start_ms"], payload["end_ms"])
    return b"".join(work.artifacts.stream(payload["audio"], *place))


def _place(start_ms: int, end_ms: int) -> tuple[int, int]:
    """Return where a stretch of a channel begins in its file, and its length, in bytes."""
    return _WAV_HEADER_BYTES + start_ms * _BYTES_PER_MS, (end_ms - start_ms) * _BYTES_PER_MS


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
        check_numbers=work.claim.spec.get("quality") == _VERIFY,
    )
    requests = (asr_pb2.TranscribeRequest(audio=chunk) for chunk in chunks(audio))
    response: asr_pb2.TranscribeResponse = work.unary(
        _stub(work).Transcribe, chain([asr_pb2.TranscribeRequest(config=config)], requests)
    )
    return response


def _glossary(work: Work) -> Glossary:
    return glossary_of(work.claim.spec, work.artifacts)


def _segmented(
    work: Work, config: asr_pb2.SegmentConfig, places: Iterable[tuple[int, int | None]]
) -> asr_pb2.SegmentResponse:
    """Have the speech found in what stands at some places of the channel's file."""
    requests = (
        asr_pb2.SegmentRequest(audio=chunk)
        for place in places
        for chunk in work.artifacts.stream(work.claim.payload["audio"], *place)
    )
    response: asr_pb2.SegmentResponse = work.unary(
        _stub(work).Segment, chain([asr_pb2.SegmentRequest(config=config)], requests)
    )
    return response


def _vote_again(work: Work, config: asr_pb2.SegmentConfig, own: asr_pb2.SegmentResponse) -> None:
    """Have the language told from a channel's own speech: who leaks into it spoke with the rest."""
    places = [_place(region.start_ms, region.end_ms) for region in own.regions[:_VOTERS]]
    told = _segmented(work, config, places)
    # Regions need a language, even if nobody is heard in them by themselves.
    if told.language_code or not own.regions:
        own.language_code, own.language_confidence = told.language_code, told.language_confidence


def _parted(
    regions: Iterable[common_pb2.Region], crosstalk: Sequence[Mapping[str, int]]
) -> tuple[list[dict[str, Any]], list[common_pb2.Region]]:
    """Return what is heard of other channels, as sounds, and the regions of somebody who speaks here.

    Args:
        regions: Of the channel.
        crosstalk: In the channel, in order and disjoint.
    """
    leaked, own = [], []
    for region in regions:
        covered = {stretch["of"]: 0 for stretch in crosstalk}
        heard_ms, hole_ms = region.start_ms, 0
        for stretch in crosstalk:
            start_ms, end_ms = (
                max(region.start_ms, stretch["start_ms"]),
                min(region.end_ms, stretch["end_ms"]),
            )
            if start_ms < end_ms:
                covered[stretch["of"]] += end_ms - start_ms
                heard_ms, hole_ms = end_ms, max(hole_ms, start_ms - heard_ms)
        hole_ms = max(hole_ms, region.end_ms - heard_ms)
        least_ms = _MOSTLY * (region.end_ms - region.start_ms)
        if not covered or hole_ms > _LONGEST_HOLE_MS or sum(covered.values()) < least_ms:
            own.append(region)
        else:
            of = max(covered, key=covered.__getitem__)
            leaked.append(
                {"kind": "crosstalk", "start_ms": region.start_ms, "end_ms": region.end_ms, "of": of}
            )
    return leaked, own


def _sound(sound: asr_pb2.Sound) -> dict[str, Any]:
    where = {"kind": sound.kind, "start_ms": sound.region.start_ms, "end_ms": sound.region.end_ms}
    return where | ({"digits": sound.digits} if sound.digits else {})


def _children(work: Work, found: asr_pb2.SegmentResponse) -> Iterator[Child]:
    shared = {name: value for name, value in work.claim.payload.items() if name != "crosstalk"}
    starts = [region.start_ms for region in found.regions]
    for number, (region, quiet_until_ms) in enumerate(
        zip(found.regions, [*starts[1:], found.duration_ms], strict=False)
    ):
        yield Child(
            f"{work.claim.index}r{number}",
            {
                **shared,
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
