"""The decode stage: a job's file in, one mono recording per channel out."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from protos.v1 import codec_pb2, codec_pb2_grpc
from services.codec.spool import spool
from services.codec.stage_calls import raw_format
from services.shared import tasks
from services.shared.errors import InvalidRequest
from services.shared.rpc.wire import CHUNK_BYTES
from services.shared.stage import Child, Output, Work

_ASR_RATE_HZ: Final = 16_000
_CALLS: Final = ("speech_translation", "transcription")
_DIRECTION: Final = ("role", "source_language", "target_language", "voice", "translator")


def decode(work: Work) -> Output:
    """Take the job's file apart. Calls become 16 kHz channels with a child for each different one.

    Raises:
        InvalidRequest: code channel_count_mismatch, the file has not the channels that the spec lists.
    """
    spec = work.claim.spec
    call = spec["kind"] in _CALLS
    stub = codec_pb2_grpc.CodecStub(work.channels.to("codec"))
    responses = work.stream(stub.Decode, _decode_requests(work, _ASR_RATE_HZ if call else 0))
    info = next(responses).info
    wanted = _wanted_channels(spec, info) if call else range(info.channel_count)
    files = [
        _store_channel(work, index, info, parts)
        for index, parts in groupby((response.audio for response in responses), lambda part: part.channel)
        if index in wanted
    ]
    document = {
        "container": info.container,
        "codec": info.codec,
        "sample_rate_hertz": info.source_sample_rate_hertz,
        "channel_count": info.channel_count,
        "duration_ms": info.duration_ms,
        "identical_to": list(info.identical_to),
    }
    audio_ms = info.duration_ms * len(files)
    if call:
        children = tuple(
            Child(f"c{file['channel']}", _channel(spec, file, info), info.duration_ms) for file in files
        )
        return Output(document, children, audio_ms=audio_ms)
    # Only what a decode job asked for is a file of the job; an encode job passes them on.
    return Output(document | {"files" if spec["kind"] == "decode" else "channels": files}, audio_ms=audio_ms)


def _decode_requests(work: Work, sample_rate_hz: int) -> Iterator[codec_pb2.DecodeRequest]:
    # What came with the job, or what was fetched for it.
    source = work.claim.spec["input"] | work.claim.inputs.get(tasks.FETCH, {})
    config = codec_pb2.DecodeConfig(
        context=work.context, raw_format=raw_format(source), sample_rate_hertz=sample_rate_hz
    )
    yield codec_pb2.DecodeRequest(config=config)
    for chunk in work.artifacts.stream(source["key"]):
        yield codec_pb2.DecodeRequest(file=chunk)


def _wanted_channels(spec: Mapping[str, Any], info: codec_pb2.DecodeInfo) -> set[int]:
    """Return the channels that differ, after comparing the file with the spec."""
    unique, listed = set(info.identical_to), len(spec["channels"])
    same = len(unique) == 1
    if listed in (0, info.channel_count) or (listed == 1 and same):
        return unique
    advice = " All of them carry the same audio, so one entry is enough." if same else ""
    raise InvalidRequest(
        f"The file has {info.channel_count} channel(s), but `channels` lists {listed}.{advice} Write "
        "one entry for each channel of the file, in its order, or one source_language for all of them.",
        code="channel_count_mismatch",
    )


def _store_channel(
    work: Work, index: int, info: codec_pb2.DecodeInfo, parts: Iterator[codec_pb2.ChannelAudio]
) -> dict[str, Any]:
    name = f"channel-{index}.wav"
    with spool() as file:
        # The length stands in the header, and is only known at the end.
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(info.sample_rate_hertz)
            for part in parts:
                out.writeframesraw(part.audio)
        file.seek(0)
        stored = work.artifacts.put(work.key(name), iter(lambda: file.read(CHUNK_BYTES), b""))
    return {
        "name": name,
        "key": stored.key,
        "media_type": "audio/wav",
        "size_bytes": stored.size_bytes,
        "channel": index,
        "sample_rate_hertz": info.sample_rate_hertz,
        "duration_ms": info.duration_ms,
    }


def _channel(spec: Mapping[str, Any], file: Mapping[str, Any], info: codec_pb2.DecodeInfo) -> dict[str, Any]:
    channel = file["channel"]
    direction = next((each for each in spec["channels"] if each["index"] == channel), spec)
    return {
        **{name: direction.get(name) for name in _DIRECTION},
        "channel": channel,
        "audio": file["key"],
        "duration_ms": info.duration_ms,
        "max_stretch": spec.get("max_stretch"),
        "crosstalk": [
            {"of": each.of_channel, "start_ms": each.region.start_ms, "end_ms": each.region.end_ms}
            for each in info.crosstalk
            if each.channel == channel
        ],
    }
