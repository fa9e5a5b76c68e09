"""The codec server: proto to dataclass and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, BinaryIO, Final

import grpc

from protos.v1 import codec_pb2, codec_pb2_grpc, common_pb2
from services.codec import privileges, stream_calls, uploads
from services.codec.core import CodecCore
from services.codec.engines.base import CodecDescription
from services.codec.engines.trade import residents
from services.codec.limits import MAX_CHANNELS
from services.codec.media import Caps, DecodeRequest, Encoded, EncodeRequest, Recording
from services.codec.settings import CodecSettings
from services.codec.sniff import RawFormat
from services.codec.spool import spool
from services.shared.config import load as load_settings
from services.shared.errors import InternalError
from services.shared.rpc.admission import Admission
from services.shared.rpc.server import Lazy, ServerSpec, run
from services.shared.rpc.wire import CHUNK_BYTES

GRPC_NAME: Final = "dragoman.v1.Codec"

_Context = grpc.aio.ServicerContext[Any, Any]


class CodecServicer(codec_pb2_grpc.CodecServicer):
    """Serves one core.

    Args:
        core: Once it is loaded.
        admission: Slots for decoding and encoding.
        settings: Largest recording, and how many streams.
    """

    def __init__(self, core: Lazy[CodecCore], admission: Admission, settings: CodecSettings) -> None:
        self._core = core
        self._admission = admission
        self._max_file_bytes = settings.codec_max_file_bytes
        self._streams = stream_calls.Streams(settings.codec_streams)

    async def Probe(  # noqa: N802 - the proto's name
        self, request: codec_pb2.ProbeRequest, _context: _Context
    ) -> codec_pb2.ProbeResponse:
        """Look at a file's first bytes."""
        container = self._core().probe(request.head, request.size_bytes, _raw(request))
        return codec_pb2.ProbeResponse(container=container)

    async def Decode(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[codec_pb2.DecodeRequest], _context: _Context
    ) -> AsyncIterator[codec_pb2.DecodeResponse]:
        """Take a file apart; answer with the info, then each channel."""
        core = self._core()
        with spool() as file:
            config = await uploads.receive_file(requests, file, self._max_file_bytes)
            wanted = DecodeRequest(_raw(config), config.sample_rate_hertz, config.max_duration_ms)
            recording = await self._admission.run(partial(core.decode, file, wanted))
        with recording:
            yield codec_pb2.DecodeResponse(info=_decode_info(recording))
            for index, channel in enumerate(recording.media.channels):
                for chunk in _chunks(channel):
                    audio = codec_pb2.ChannelAudio(channel=index, audio=chunk)
                    yield codec_pb2.DecodeResponse(audio=audio)

    async def Encode(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[codec_pb2.EncodeRequest], _context: _Context
    ) -> AsyncIterator[codec_pb2.EncodeResponse]:
        """Place clips and compress them; answer with the info, then the file."""
        core = self._core()
        with spool() as file:
            config, clips = await uploads.receive_clips(requests, file, core.caps.max_decoded_bytes)
            encoded = await self._admission.run(partial(core.encode, clips, _encode_request(config)))
        with encoded.file:
            yield codec_pb2.EncodeResponse(info=_encode_info(encoded))
            for chunk in _chunks(encoded.file):
                yield codec_pb2.EncodeResponse(file=chunk)

    async def EncodeStream(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[codec_pb2.EncodeStreamRequest], _context: _Context
    ) -> AsyncIterator[codec_pb2.EncodeStreamResponse]:
        """Compress audio while it comes."""
        async for response in stream_calls.encode_stream(self._core(), self._streams, requests):
            yield response

    async def DecodeStream(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[codec_pb2.DecodeStreamRequest], _context: _Context
    ) -> AsyncIterator[codec_pb2.DecodeStreamResponse]:
        """Do the other way round."""
        async for response in stream_calls.decode_stream(self._core(), self._streams, requests):
            yield response

    async def GetCapabilities(  # noqa: N802 - the proto's name
        self, _request: common_pb2.CapabilitiesRequest, _context: _Context
    ) -> codec_pb2.CodecCapabilities:
        """List codecs, containers and caps."""
        core = self._core()
        return codec_pb2.CodecCapabilities(
            codecs=map(_description, core.codecs.values()),
            containers=core.containers,
            max_duration_ms=core.caps.max_duration_ms,
            max_channels=MAX_CHANNELS,
            slots=self._admission.slots,
            batch=self._admission.batch,
        )


def _description(codec: CodecDescription) -> codec_pb2.CodecDescription:
    return codec_pb2.CodecDescription(
        name=codec.name,
        media_type=codec.media_type,
        file_extension=codec.file_extension,
        bitrates_kbps=codec.bitrates_kbps,
        default_bitrate_kbps=codec.default_bitrate_kbps,
        sample_rates_hertz=codec.sample_rates_hz,
        max_channels=codec.max_channels,
        packet_ms=codec.packet_ms,
        model=stream_calls.model_info(codec.model),
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, CHUNK_BYTES), b"")


def _raw(message: codec_pb2.ProbeRequest | codec_pb2.DecodeConfig) -> RawFormat | None:
    raw = message.raw_format
    return RawFormat(raw.encoding, raw.sample_rate_hertz, raw.channel_count) if raw.encoding else None


def _decode_info(recording: Recording) -> codec_pb2.DecodeInfo:
    media = recording.media
    return codec_pb2.DecodeInfo(
        container=recording.container,
        codec=media.codec,
        source_sample_rate_hertz=media.source_sample_rate_hz,
        sample_rate_hertz=media.sample_rate_hz,
        channel_count=len(media.channels),
        duration_ms=recording.duration_ms,
        identical_to=recording.identical_to,
        crosstalk=[
            codec_pb2.Crosstalk(
                channel=each.channel,
                of_channel=each.of,
                region=common_pb2.Region(start_ms=each.start_ms, end_ms=each.end_ms),
            )
            for each in recording.crosstalk
        ],
    )


def _encode_request(config: codec_pb2.EncodeConfig) -> EncodeRequest:
    return EncodeRequest(
        codec=config.codec,
        bitrate_kbps=config.bitrate_kbps,
        sample_rate_hz=config.sample_rate_hertz,
        layout=config.layout,
        channel_count=config.channel_count,
        duration_ms=config.duration_ms,
        level=config.level,
    )


def _encode_info(encoded: Encoded) -> codec_pb2.EncodeInfo:
    return codec_pb2.EncodeInfo(
        codec=encoded.codec.name,
        media_type=encoded.codec.media_type,
        file_extension=encoded.codec.file_extension,
        sample_rate_hertz=encoded.target.sample_rate_hz,
        bitrate_kbps=encoded.target.bitrate_kbps,
        duration_ms=encoded.duration_ms,
        placements=[common_pb2.Region(start_ms=start, end_ms=end) for start, end in encoded.placements],
    )


def load_core(settings: CodecSettings) -> CodecCore:
    """Make the engines, and take apart what the first has made, so that a broken one never serves."""
    caps = Caps(settings.codec_max_duration_s * 1000, settings.codec_max_decoded_bytes)
    core = CodecCore(residents(settings), caps, verify=settings.codec_verify)
    with spool() as file:
        made = core.encode([], EncodeRequest("wav", duration_ms=100), lambda: False)
        with made.file:
            file.write(made.file.read())
        file.flush()
        with core.decode(file, DecodeRequest(), lambda: False) as recording:
            if recording.duration_ms != made.duration_ms:
                raise InternalError("The codec engine lost time in its self-test.", code="self_test_failed")
    return core


def spec(settings: CodecSettings) -> ServerSpec[CodecCore]:
    """Describe the server."""

    def register(server: grpc.aio.Server, core: Lazy[CodecCore], admission: Admission) -> None:
        servicer = CodecServicer(core, admission, settings)
        codec_pb2_grpc.add_CodecServicer_to_server(servicer, server)

    return ServerSpec(
        service="codec",
        grpc_name=GRPC_NAME,
        load=partial(load_core, settings),
        register=register,
        slots=settings.codec_slots,
        queue=settings.codec_queue,
        residents=lambda core: core.residents,
    )


def main() -> None:
    """Serve until told to stop."""
    privileges.conceal()
    settings = load_settings(CodecSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
