"""The encode stage: recordings or spoken regions in, compressed files on the call's timeline out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protos.v1 import codec_pb2, codec_pb2_grpc, common_pb2
from services.codec import clips
from services.codec.clips import Clip
from services.shared import tasks
from services.shared.errors import InvalidRequest
from services.shared.stage import Output, Work

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Timeline:
    """What is to be encoded.

    Attributes:
        name: First part of the files' names.
        channels: In order, by their numbers in the recording.
        clips: By channel and time; where each speech begins is decided here, for all files alike.
        duration_ms: 0 means to the end of the last clip.
        source_rate_hz: To be kept if the codec can; 0 means the codec's default.
        level: Whether to bring the clips to a common loudness.
    """

    name: str
    channels: tuple[int, ...]
    clips: tuple[Clip, ...]
    duration_ms: int = 0
    source_rate_hz: int = 0
    level: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a job's layout: its own layout, which is "multichannel" or "mixed", and its channels."""

    suffix: str
    layout: str
    channels: tuple[int, ...]


def encode(work: Work) -> Output:
    """Make the files that the job's `audio` asks for."""
    spec = work.claim.spec
    timeline = _TIMELINES[spec["kind"]](work)
    # A speech job has one voice: nothing to mix, nothing to keep apart.
    layout = "multichannel" if spec["kind"] == "speech" else spec["audio"]["layout"]
    files: list[Json] = []
    placements: dict[str, Json] = {}
    for file in _layout(layout, timeline.channels):
        made, placed = _encode_file(work, timeline, file)
        files.append(made)
        placements |= placed
    return Output({"files": files, "placements": placements})


def _call_timeline(work: Work) -> _Timeline:
    media = work.claim.inputs[tasks.DECODE]
    return _Timeline(
        name="speech",
        channels=tuple(sorted(set(media["identical_to"]))),
        clips=clips.of_call(work),
        duration_ms=media["duration_ms"],
        level=True,
    )


def _speech_timeline(work: Work) -> _Timeline:
    audio = work.claim.inputs[tasks.SYNTHESIZE]["audio"]
    if audio is None:
        raise InvalidRequest("The text holds nothing that can be spoken.", code="nothing_to_speak")
    return _Timeline("speech", (0,), (Clip(audio, 0, index=work.claim.index),), level=True)


def _file_timeline(work: Work) -> _Timeline:
    media = work.claim.inputs[tasks.DECODE]
    return _Timeline(
        name="audio",
        channels=tuple(each["channel"] for each in media["channels"]),
        clips=tuple(Clip(each["key"], each["channel"]) for each in media["channels"]),
        source_rate_hz=media["sample_rate_hertz"],
    )


_TIMELINES: Final = {
    "speech_translation": _call_timeline,
    "speech": _speech_timeline,
    "encode": _file_timeline,
}


def _layout(layout: str, channels: tuple[int, ...]) -> list[_File]:
    apart = [_File(f".channel-{channel}", "multichannel", (channel,)) for channel in channels]
    mixed = [_File(".mixed", "mixed", channels)]
    together = [_File("", "multichannel", channels)]
    return {"per_channel": apart, "mixed": mixed, "both": apart + mixed, "multichannel": together}[layout]


def _encode_file(work: Work, timeline: _Timeline, file: _File) -> tuple[Json, dict[str, Json]]:
    """Return what the client gets to know of a file, and where each unit's speech lies in it."""
    stub = codec_pb2_grpc.CodecStub(work.channels.to("codec"))
    laid = [clip for clip in timeline.clips if clip.channel in file.channels]
    audio = work.claim.spec["audio"]
    config = codec_pb2.EncodeConfig(
        context=work.context,
        codec=audio["codec"],
        bitrate_kbps=audio.get("bitrate_kbps") or 0,
        sample_rate_hertz=_sample_rate_hz(work, stub, audio["codec"], timeline.source_rate_hz),
        layout=file.layout,
        channel_count=len(file.channels),
        duration_ms=timeline.duration_ms,
        level=timeline.level,
    )
    responses = work.stream(stub.Encode, _encode_requests(work, config, file, laid))
    info = next(responses).info
    name = f"{timeline.name}{file.suffix}.{info.file_extension}"
    stored = work.artifacts.put(work.key(name), (response.file for response in responses))
    described = {
        "name": name,
        "key": stored.key,
        "media_type": info.media_type,
        "size_bytes": stored.size_bytes,
        "codec": info.codec,
        "bitrate_kbps": info.bitrate_kbps,
        "sample_rate_hertz": info.sample_rate_hertz,
        "duration_ms": info.duration_ms,
    }
    placements = {
        clip.index: {"start_ms": place.start_ms, "end_ms": place.end_ms}
        for clip, place in zip(laid, info.placements, strict=True)
        if clip.index is not None
    }
    return described, placements


def _sample_rate_hz(work: Work, stub: codec_pb2_grpc.CodecStub, codec: str, source_hz: int) -> int:
    """Return the codec's lowest rate that keeps all of the source, its highest if none does."""
    if not source_hz:
        return 0
    known = work.unary(stub.GetCapabilities, common_pb2.CapabilitiesRequest(context=work.context))
    rates = sorted(next((each.sample_rates_hertz for each in known.codecs if each.name == codec), ()))
    return next((rate for rate in rates if rate >= source_hz), rates[-1] if rates else 0)


def _encode_requests(
    work: Work, config: codec_pb2.EncodeConfig, file: _File, laid: Sequence[Clip]
) -> Iterator[codec_pb2.EncodeRequest]:
    yield codec_pb2.EncodeRequest(config=config)
    for clip in laid:
        with clip.opened(work.artifacts) as (rate_hz, pieces):
            start = codec_pb2.ClipStart(
                channel=file.channels.index(clip.channel),
                start_ms=clip.start_ms,
                format=common_pb2.PcmFormat(sample_rate_hertz=rate_hz, channel_count=1),
                kept=bool(clip.kept_ms),
            )
            yield codec_pb2.EncodeRequest(clip=start)
            for piece in pieces:
                yield codec_pb2.EncodeRequest(audio=piece)
