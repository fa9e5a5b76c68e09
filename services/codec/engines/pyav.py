"""The real engine: FFmpeg through PyAV; decoding in a process of its own, encoding in this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO, Final, cast

import av
import av.error

from services.codec.completeness import damaged
from services.codec.decoder import Budget
from services.codec.engines.base import (
    Cancelled,
    CodecDescription,
    Decoded,
    DecodeOrder,
    Samples,
    Target,
    never,
)
from services.codec.engines.pyav_packets import PyavAudio, PyavPackets, measured_s
from services.codec.engines.resampling import frames, resample
from services.codec.limits import MAX_CHANNELS
from services.codec.sandbox import Sandbox
from services.codec.settings import CodecSettings
from services.codec.sniff import FFMPEG_CONTAINERS, Container
from services.codec.spool import spool
from services.shared.engines import Model

# Opus narrows a pair of channels towards one when bits are few: measured on turns of two speakers, one is
# heard on the other's channel at full level at 20 kbit/s, at -9 dB at 24, not at all from 28. And it takes
# three channels and more for surround sound. Mapping family 255 (RFC 7845, 5.1.1) codes each by itself, but
# some players lack it, so a pair with bits enough stays ordinary stereo.
_OPUS_STEREO_KBPS: Final = 40

_SPEECH_RATES: Final = (24_000, 8_000, 12_000, 16_000, 48_000)
_MP3_RATES: Final = (24_000, 16_000, 22_050, 32_000, 44_100, 48_000)
_PCM_RATES: Final = (24_000, 8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
# What opens a file that a muxer wrote, where it has another name.
_DEMUXERS: Final = {"ipod": "mov"}
_MODEL: Final = Model("ffmpeg", av.ffmpeg_version_info)
# FFmpeg's names of layouts that keep the channels' order in FLAC and WAV.
_LAYOUTS: Final = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


@dataclass(frozen=True, slots=True)
class Format:
    """How FFmpeg writes one codec.

    Attributes:
        description: What callers see.
        encoder: FFmpeg's encoder.
        muxer: FFmpeg's container.
        options: For the encoder.
    """

    description: CodecDescription
    encoder: str
    muxer: str
    options: Mapping[str, str] = field(default_factory=dict)


_AAC_RATES: Final = (24_000, 16_000, 22_050, 32_000, 44_100, 48_000)

# LAME's header cannot tell players of less than 529 samples to skip at the end: up to 46 of them are heard.
_MP3_SLACK: Final = 46
# AMR can tell none: a whole frame at most, after 50 samples that the encoder looks ahead.
_AMR_SLACK: Final = 50 + 160

# G.711, G.722 and AMR have the one rate of their standards. AMR's eight modes lie between 4.75 and
# 12.2 kbit/s; the encoder takes the nearest. GSM can be read but not written: FFmpeg here has no encoder.
FORMATS: Final = (
    Format(
        CodecDescription("opus", "audio/ogg", "ogg", (6, 256), 24, _SPEECH_RATES, 8, packet_ms=20),
        "libopus",
        "ogg",
        {"application": "voip"},
    ),
    Format(
        CodecDescription("mp3", "audio/mpeg", "mp3", (32, 160), 48, _MP3_RATES, 2, _MP3_SLACK),
        "libmp3lame",
        "mp3",
    ),
    Format(CodecDescription("aac", "audio/mp4", "m4a", (16, 256), 48, _AAC_RATES, 2, 1024), "aac", "ipod"),
    Format(CodecDescription("flac", "audio/flac", "flac", (), 0, _PCM_RATES, 8), "flac", "flac"),
    Format(CodecDescription("wav", "audio/wav", "wav", (), 0, _PCM_RATES, 8), "pcm_s16le", "wav"),
    Format(
        CodecDescription("mulaw", "audio/wav", "wav", (), 0, (8_000,), 8, packet_ms=20), "pcm_mulaw", "wav"
    ),
    Format(CodecDescription("alaw", "audio/wav", "wav", (), 0, (8_000,), 8, packet_ms=20), "pcm_alaw", "wav"),
    Format(CodecDescription("g722", "audio/G722", "g722", (), 0, (16_000,), 1, packet_ms=20), "g722", "g722"),
    Format(
        CodecDescription("amr", "audio/AMR", "amr", (5, 12), 12, (8_000,), 1, _AMR_SLACK),
        "libopencore_amrnb",
        "amr",
    ),
)


@dataclass(frozen=True, slots=True)
class PyavSettings:
    """What the decoder process may take.

    Attributes:
        cpu_s: Processor seconds for one file.
        wall_s: Seconds for one file.
        memory_bytes: Address space.
    """

    cpu_s: int = 300
    wall_s: float = 600
    memory_bytes: int = 1 << 30


class PyavEngine:
    """Everything that FFmpeg can do for calls.

    Args:
        settings: Limits of the decoder process.
    """

    def __init__(self, settings: PyavSettings) -> None:
        self._settings = settings
        self._sandbox = Sandbox(settings.wall_s)
        self._formats = {each.description.name: each for each in FORMATS}

    @property
    def model(self) -> Model:
        """FFmpeg has no weights."""
        return _MODEL

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """What `encode` writes."""
        return MappingProxyType({name: each.description for name, each in self._formats.items()})

    @property
    def containers(self) -> tuple[str, ...]:
        """What `decode` opens."""
        return FFMPEG_CONTAINERS

    def decode(
        self, source: BinaryIO, container: Container, order: DecodeOrder, cancelled: Cancelled
    ) -> Decoded:
        """Take a file apart in a decoder process."""
        sinks = tuple(spool() for _ in range(MAX_CHANNELS))
        used = 0
        try:
            budget: Budget = {
                "cpu_s": self._settings.cpu_s,
                "memory_bytes": self._settings.memory_bytes,
                "output_bytes": order.max_output_bytes,
            }
            report = self._sandbox.run(
                source,
                sinks,
                {
                    "container": container.name,
                    "demuxer": container.demuxer,
                    "options": dict(container.options),
                    "sample_rate_hz": order.sample_rate_hz,
                    "max_duration_ms": order.max_duration_ms,
                    "budget": budget,
                },
                cancelled,
            )
            used = report["channel_count"]
        finally:
            for sink in sinks[used:]:
                sink.close()
        return Decoded(
            codec=report["codec"],
            source_sample_rate_hz=report["source_sample_rate_hz"],
            sample_rate_hz=report["sample_rate_hz"],
            sample_count=report["sample_count"],
            channels=sinks[:used],
        )

    def encode(
        self, blocks: Iterable[Samples], target: Target, sink: BinaryIO, _cancelled: Cancelled = never
    ) -> str:
        """Write a file; encoder delay and padding are declared in it, so that players skip them."""
        form = self._formats[target.codec]
        layout = _LAYOUTS[target.channel_count - 1]
        with av.open(sink, "w", format=form.muxer) as container:
            stream = cast(
                "av.AudioStream",
                container.add_stream(
                    form.encoder,
                    rate=target.sample_rate_hz,
                    layout=layout,
                    options=_options(form, target),
                ),
            )
            if target.bitrate_kbps:
                stream.bit_rate = round(target.bitrate_kbps * 1000)
            for frame in frames(blocks, layout, target.sample_rate_hz):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return target.codec

    def measure(self, source: BinaryIO, target: Target, cancelled: Cancelled) -> float:
        """Decode it here: what we wrote is no stranger's file."""
        form = self._formats[target.codec]
        try:
            return measured_s(source, _DEMUXERS.get(form.muxer, form.muxer), {}, cancelled)
        except av.error.FFmpegError:
            raise damaged("It was written wrongly.") from None

    def packet_encoder(self, target: Target) -> PyavPackets:
        """Begin a stream."""
        form = self._formats[target.codec]
        return PyavPackets(form.encoder, target, form.description.packet_ms, form.options)

    def packet_decoder(self, target: Target) -> PyavAudio:
        """Begin to decode one."""
        form = self._formats[target.codec]
        return PyavAudio(form.encoder, target.sample_rate_hz)

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Convert with swresample."""
        return resample(blocks, source_hz, target_hz)

    def close(self) -> None:
        """Leave the decoder process to the collector, which ends it after its last file."""


def _options(form: Format, target: Target) -> dict[str, str]:
    options = dict(form.options)
    narrow = target.channel_count == 2 and target.bitrate_kbps < _OPUS_STEREO_KBPS  # noqa: PLR2004 - stereo
    if form.encoder == "libopus" and (narrow or target.channel_count > 2):  # noqa: PLR2004 - surround
        options["mapping_family"] = "255"
    return options


def load(settings: CodecSettings, _model: str = "") -> PyavEngine:
    """Make the engine with the settings' limits for its decoder process."""
    return PyavEngine(
        PyavSettings(
            cpu_s=settings.codec_decoder_cpu_s,
            wall_s=settings.codec_decoder_wall_s,
            memory_bytes=settings.codec_decoder_memory_bytes,
        )
    )
