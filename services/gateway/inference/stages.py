"""The stages of a job as calls of one request: decode, segment, transcribe, translate, synthesize, encode."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from itertools import chain
from typing import IO, Final, Self

from protos.v1 import (
    asr_pb2,
    asr_pb2_grpc,
    codec_pb2,
    codec_pb2_grpc,
    common_pb2,
    translation_pb2,
    translation_pb2_grpc,
    tts_pb2,
    tts_pb2_grpc,
)
from services.gateway.inference.servers import Ask, Errand
from services.shared import tasks
from services.shared.errors import StorageFailure, TooLarge
from services.shared.rpc.client import chunks

ASR_RATE_HZ: Final = 16_000
_BYTES_PER_MS: Final = ASR_RATE_HZ * 2 // 1000
_FORMAT: Final = common_pb2.PcmFormat(sample_rate_hertz=ASR_RATE_HZ, channel_count=1)
# Of a message: each one costs a turn of the event loop here and there, and a short clip is one.
MESSAGE_BYTES: Final = 1024**2
# Two minutes of a channel; longer ones go to the disk.
_IN_MEMORY_BYTES: Final = 4 * 1024**2


class Pcm:
    """Mono 16 bit samples in a file without a name, in memory while they are few."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see __exit__
        self._size_bytes = 0

    def write(self, audio: bytes) -> None:
        """Append.

        Raises:
            StorageFailure: (code storage_full) the disk is full.
        """
        try:
            self._size_bytes += self._file.write(audio)
        except OSError as error:
            detail = "Temporary audio could not be stored; make room on the disk that TMPDIR points to."
            raise StorageFailure(detail, code="storage_full") from error

    def read(self, start_ms: int, end_ms: int) -> bytes:
        """Return a part, of audio at ASR_RATE_HZ."""
        self._file.seek(start_ms * _BYTES_PER_MS)
        return self._file.read((end_ms - start_ms) * _BYTES_PER_MS)

    def chunks(self) -> Iterator[bytes]:
        """Yield everything."""
        for start in range(0, self._size_bytes, MESSAGE_BYTES):
            self._file.seek(start)
            yield self._file.read(MESSAGE_BYTES)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that was taken apart.

    Attributes:
        channels: At ASR_RATE_HZ, in the file's order.
        identical_to: Per channel: the first one with the same audio.
        duration_ms: Of each of them.
    """

    channels: tuple[Pcm, ...]
    identical_to: tuple[int, ...]
    duration_ms: int


async def decode(errand: Errand, file: AsyncIterator[bytes], longest_ms: int, keep: ExitStack) -> Recording:
    """Have a file of any kind taken apart; `keep` lets go of the audio.

    Raises:
        TooLarge: (code media_too_long) there is more than `longest_ms` of audio.
        DragomanError: what the codec service raises.
    """

    async def requests() -> AsyncIterator[codec_pb2.DecodeRequest]:
        yield codec_pb2.DecodeRequest(
            config=codec_pb2.DecodeConfig(
                context=errand.context, sample_rate_hertz=ASR_RATE_HZ, max_duration_ms=longest_ms
            )
        )
        async for part in file:
            yield codec_pb2.DecodeRequest(file=part)

    ask = Ask(tasks.DECODE, codec_pb2_grpc.CodecStub, "Decode", requests())
    info = codec_pb2.DecodeInfo()
    channels: list[Pcm] = []
    try:
        async with aclosing(errand.many(ask)) as responses:
            async for response in responses:
                if response.HasField("info"):
                    info = response.info
                    ask.audio_ms = info.duration_ms
                    channels += (keep.enter_context(Pcm()) for _ in range(info.channel_count))
                else:
                    channels[response.audio.channel].write(response.audio.audio)
    except TooLarge as error:
        raise _too_long(longest_ms) if error.code == "media_too_long" else error from None
    return Recording(tuple(channels), tuple(info.identical_to), info.duration_ms)


def _too_long(longest_ms: int) -> TooLarge:
    return TooLarge(
        f"The audio is longer than {longest_ms // 1000} s, which is the most that is answered at once;"
        " send it to POST /v1/jobs.",
        code="media_too_long",
    )


async def mix(errand: Errand, recording: Recording, keep: ExitStack) -> Pcm:
    """Have the channels of a recording summed into one; `keep` lets go of it."""
    config = codec_pb2.EncodeConfig(
        context=errand.context,
        codec="wav",
        sample_rate_hertz=ASR_RATE_HZ,
        layout="mixed",
        channel_count=len(recording.channels),
    )

    def requests() -> Iterator[codec_pb2.EncodeRequest]:
        yield codec_pb2.EncodeRequest(config=config)
        for index, channel in enumerate(recording.channels):
            yield codec_pb2.EncodeRequest(clip=codec_pb2.ClipStart(channel=index, format=_FORMAT))
            yield from (codec_pb2.EncodeRequest(audio=part) for part in channel.chunks())

    mixed = keep.enter_context(Pcm())
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
        ask = Ask(tasks.ENCODE, codec_pb2_grpc.CodecStub, "Encode", requests(), recording.duration_ms)
        async with aclosing(errand.many(ask)) as responses:
            async for response in responses:
                file.write(response.file)
        file.seek(0)
        with wave.open(file, "rb") as wav:
            while part := wav.readframes(MESSAGE_BYTES // 2):
                mixed.write(part)
    return mixed


async def segment(
    errand: Errand, audio: Pcm, config: asr_pb2.SegmentConfig, duration_ms: int
) -> asr_pb2.SegmentResponse:
    """Have the regions of speech of a channel found, as a config without context and format says."""
    config.context.CopyFrom(errand.context)
    config.format.CopyFrom(_FORMAT)
    parts = (asr_pb2.SegmentRequest(audio=part) for part in audio.chunks())
    requests = chain([asr_pb2.SegmentRequest(config=config)], parts)
    found: asr_pb2.SegmentResponse = await errand.one(
        Ask(tasks.SEGMENT, asr_pb2_grpc.AsrStub, "Segment", requests, duration_ms)
    )
    return found


async def transcribe(
    errand: Errand, audio: bytes, config: asr_pb2.TranscribeConfig
) -> asr_pb2.TranscribeResponse:
    """Have a region written down, as a config without context and format says."""
    config.context.CopyFrom(errand.context)
    config.format.CopyFrom(_FORMAT)
    parts = (asr_pb2.TranscribeRequest(audio=part) for part in chunks(audio, MESSAGE_BYTES))
    requests = chain([asr_pb2.TranscribeRequest(config=config)], parts)
    heard: asr_pb2.TranscribeResponse = await errand.one(
        Ask(tasks.TRANSCRIBE, asr_pb2_grpc.AsrStub, "Transcribe", requests, len(audio) // _BYTES_PER_MS)
    )
    return heard


async def translate(errand: Errand, text: str, languages: tuple[str, str], audio_ms: int) -> str:
    """Have a text of `languages[0]` translated into `languages[1]`."""
    request = translation_pb2.TranslateRequest(
        context=errand.context, source_language=languages[0], target_language=languages[1], texts=[text]
    )
    response: translation_pb2.TranslateResponse = await errand.one(
        Ask(tasks.TRANSLATE, translation_pb2_grpc.TranslationStub, "Translate", request, audio_ms)
    )
    return response.translations[0].text


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said: mono 16 bit samples, none where nothing of a text can be said."""

    audio: bytes
    sample_rate_hz: int

    @property
    def duration_ms(self) -> int:
        """How long it lasts."""
        return round(len(self.audio) * 500 / self.sample_rate_hz) if self.audio else 0


async def synthesize(errand: Errand, request: tts_pb2.SynthesizeRequest) -> Spoken:
    """Have a text spoken, as a request without context says; return all of it."""
    parts = [part async for part in spoken(errand, request)]
    rate_hz = parts[0].sample_rate_hz if parts else 0
    return Spoken(b"".join(part.audio for part in parts), rate_hz)


async def spoken(errand: Errand, request: tts_pb2.SynthesizeRequest) -> AsyncGenerator[Spoken, None]:
    """Have a text spoken, as a request without context says; yield the audio as it comes.

    To be closed by whoever leaves early.
    """
    request.context.CopyFrom(errand.context)
    ask = Ask(tasks.SYNTHESIZE, tts_pb2_grpc.TtsStub, "Synthesize", request)
    rate_hz = 0
    async with aclosing(errand.many(ask)) as responses:
        async for response in responses:
            match response.WhichOneof("message"):
                case "info":
                    rate_hz = response.info.format.sample_rate_hertz
                    ask.audio_ms = response.info.duration_ms
                case "summary":  # the info held forecasts
                    ask.audio_ms = response.summary.duration_ms
                case _:
                    yield Spoken(response.audio, rate_hz)


async def encode(errand: Errand, speech: Sequence[Spoken], codec: str) -> AsyncGenerator[bytes, None]:
    """Have speech compressed into one file, its parts one after the other; yield the file."""
    rate_hz = speech[0].sample_rate_hz
    layout = common_pb2.PcmFormat(sample_rate_hertz=rate_hz, channel_count=1)
    config = codec_pb2.EncodeConfig(
        context=errand.context, codec=codec, layout="multichannel", channel_count=1
    )
    parts = (part for spoken in speech for part in chunks(spoken.audio, MESSAGE_BYTES))
    requests = chain(
        [codec_pb2.EncodeRequest(config=config)],
        [codec_pb2.EncodeRequest(clip=codec_pb2.ClipStart(format=layout))],
        (codec_pb2.EncodeRequest(audio=part) for part in parts),
    )
    duration_ms = sum(spoken.duration_ms for spoken in speech)
    ask = Ask(tasks.ENCODE, codec_pb2_grpc.CodecStub, "Encode", requests, duration_ms)
    async with aclosing(errand.many(ask)) as responses:
        async for response in responses:
            if response.file:
                yield response.file
