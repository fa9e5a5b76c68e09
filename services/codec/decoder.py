"""What opens one customer's file, in a process of its own that may crash: `python -m services.codec.decoder`.

That command starts the server that such processes are forked from. Each gets the file as standard input and
one open file per channel to write to, so it never sees a path; its report goes as JSON to standard output. It
has no folder and no environment, and limits itself before the first byte is read.
Its imports are few on purpose: each process has them in its memory.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import wave
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TypedDict

import av
import av.error

from services.codec import completeness, fork_server, limits
from services.codec.spool import storing
from services.shared.errors import DragomanError, InvalidMedia, TooLarge, Unsupported

# FFmpeg decoders that may run: what recorders write, and nothing exotic.
_DECODERS: Final = frozenset(
    (
        *("aac", "alac", "amrnb", "amrwb", "flac", "mp3", "mp3float", "opus", "libopus", "speex", "vorbis"),
        *("adpcm_ima_wav", "adpcm_ms", "g722", "g726", "g726le", "gsm", "gsm_ms", "pcm_alaw", "pcm_mulaw"),
        *("pcm_u8", "pcm_s8", "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le"),
        *("pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le"),
    )
)
# Containers that announce their length in samples, with the slack that each needs, in seconds.
_ANNOUNCED_SLACK_S: Final = {"flac": 0.0, "aiff": 0.0, "au": 0.0, "ogg": 0.1, "mp4": 0.1}
# Containers whose timestamps are the recorder's clock, so that a leap is a pause; in Ogg it is a loss.
_CLOCKED: Final = frozenset(("matroska", "mp4"))
# Shorter leaps are rounding, an encoder's delay or a network's jitter.
_MIN_PAUSE_S: Final = 0.05


class Budget(TypedDict):
    """What one file may cost."""

    cpu_s: int
    memory_bytes: int
    output_bytes: int


class Order(TypedDict):
    """What to decode, and into what.

    Attributes:
        container: Name, demuxer and its options, from `sniff`.
        sample_rate_hz: Of the output; 0 keeps the source's.
        max_duration_ms: Longer audio is refused.
        budget: Enforced by the kernel; output_bytes counts all channels together.
    """

    container: str
    demuxer: str
    options: dict[str, str]
    sample_rate_hz: int
    max_duration_ms: int
    budget: Budget


class Report(TypedDict):
    """What was decoded."""

    codec: str
    source_sample_rate_hz: int
    sample_rate_hz: int
    channel_count: int
    sample_count: int


def limit(budget: Budget) -> None:
    """Have the kernel bound this process, and all that it could start."""
    # The hard limit kills; the soft one, reached first, says why.
    resource.setrlimit(resource.RLIMIT_CPU, (budget["cpu_s"], budget["cpu_s"] + 5))
    for kind, most in (
        (resource.RLIMIT_AS, budget["memory_bytes"]),
        (resource.RLIMIT_FSIZE, budget["output_bytes"]),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def decode(source: BinaryIO, sinks: list[int], order: Order) -> Report:
    """Decode the only audio stream into the sinks, file descriptors of one file per channel.

    Raises:
        InvalidMedia: codes empty_file, no_audio, too_many_channels, unsupported_sample_rate,
            format_changes, truncated_media, damaged_media.
        Unsupported: codes unsupported_codec, several_audio_tracks.
        TooLarge: code media_too_long.
        StorageFailure: the disk is full.
    """
    completeness.check(source, order["container"])
    options = {
        **order["options"],
        "format_whitelist": order["demuxer"],
        "codec_whitelist": ",".join(sorted(_DECODERS)),
        "protocol_whitelist": "none",
    }
    try:
        with av.open(source, "r", order["demuxer"], options=options) as container:
            return _decode_stream(container, sinks, order)
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError:
        raise completeness.damaged() from None


def _decode_stream(container: av.container.InputContainer, sinks: list[int], order: Order) -> Report:
    if not container.streams.audio:
        raise InvalidMedia("The file has no audio in it.", code="no_audio")
    if len(container.streams.audio) > 1:
        raise Unsupported(
            "The file has several audio tracks; export one file with a channel per speaker.",
            code="several_audio_tracks",
        )
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in _DECODERS:
        raise Unsupported(
            "The file's audio codec is not supported; export it as WAV or FLAC.", code="unsupported_codec"
        )
    context.thread_count = 1
    if order["container"] == "flac":  # Others' checksums are too often wrong to insist on.
        context.options = {"err_detect": "crccheck+explode"}
    # Zero means that only the first frame will tell.
    if context.layout.nb_channels and context.sample_rate:
        limits.check_layout(context.layout.nb_channels, context.sample_rate)
    writer = _Writer(sinks, order)
    # Live recordings count from any time; what starts first, be it a picture, starts the recording.
    origin_s, end_s = (container.start_time or 0) / av.time_base, 0.0
    clocked = order["container"] in _CLOCKED
    for frame in _frames(container, stream):
        writer.write(frame, frame.time - origin_s if clocked and frame.time is not None else 0.0)
        if frame.time is not None:
            end_s = frame.time + frame.samples / frame.sample_rate
    report = writer.finish(context.codec.canonical_name)
    if stream.duration is not None and stream.time_base is not None:
        _check_announced(order["container"], float(stream.duration * stream.time_base), writer.seconds, end_s)
    return report


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    packets = container.demux(stream)
    for packet in packets:
        try:
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            # A bad packet at the very end is what a cut leaves; before that it is damage.
            more = any(each.size for each in packets)
            raise (completeness.damaged() if more else completeness.truncated()) from None
        yield from frames


def _check_announced(container: str, announced_s: float, decoded_s: float, end_s: float) -> None:
    slack_s = _ANNOUNCED_SLACK_S.get(container)
    # Half a millisecond absorbs the rounding of time bases.
    if slack_s is None or decoded_s >= announced_s - slack_s - 0.0005:
        return
    reached_end = end_s >= announced_s - slack_s - 0.0005
    raise completeness.damaged("Audio is missing in the middle.") if reached_end else completeness.truncated()


class _Writer:
    """Resamples frames and takes their channels apart, each into its file, in the source's order."""

    def __init__(self, sinks: list[int], order: Order) -> None:
        self._order = order
        self._sinks = [os.fdopen(sink, "wb", closefd=False) for sink in sinks]
        self._resampler: av.AudioResampler | None = None
        self._source: tuple[int, int] = (0, 0)
        self._taken = 0
        self._written = 0

    @property
    def seconds(self) -> float:
        """Taken so far, pauses included."""
        return self._taken / self._source[0] if self._taken else 0.0

    def write(self, frame: av.AudioFrame, start_s: float) -> None:
        """Take one decoded frame, after silence up to `start_s` if the frames so far end before that."""
        source = (frame.sample_rate, frame.layout.nb_channels)
        if not any(self._source):
            limits.check_layout(source[1], source[0])
            self._source = source
        if source != self._source:
            raise InvalidMedia(
                "The audio changes its sample rate or channels halfway; export it as one WAV or FLAC.",
                code="format_changes",
            )
        pause = round(start_s * frame.sample_rate) - self._taken
        if pause > _MIN_PAUSE_S * frame.sample_rate:
            self._pause(pause)
        self._take(frame.samples)
        if self._resampler is None:
            # Interleaved, because PyAV miscounts the planes of eight channels.
            self._resampler = av.AudioResampler(format="s16", layout=frame.layout, rate=self._rate_hz)
        self._spread(self._resampler.resample(frame))

    def finish(self, codec: str) -> Report:
        """Write what is still held back, and describe the whole."""
        self._drain()
        if not self._written:
            raise InvalidMedia("The file holds no audio; send a recording.", code="empty_file")
        for sink in self._sinks:
            sink.flush()
        rate_hz, channel_count = self._source
        return {
            "codec": codec,
            "source_sample_rate_hz": rate_hz,
            "sample_rate_hz": self._rate_hz,
            "channel_count": channel_count,
            "sample_count": self._written,
        }

    @property
    def _rate_hz(self) -> int:
        return self._order["sample_rate_hz"] or self._source[0]

    def _pause(self, sample_count: int) -> None:
        """Write silence as long as some samples of the source."""
        self._take(sample_count)
        self._drain()
        silence = self._taken * self._rate_hz // self._source[0] - self._written
        self._grow(silence)
        for sink in self._sinks[: self._source[1]]:
            sink.flush()
            # Zeros at once, and not a hole that could find the disk full when it is mapped.
            os.posix_fallocate(sink.fileno(), sink.tell(), 2 * silence)
            sink.seek(2 * silence, os.SEEK_CUR)

    def _take(self, sample_count: int) -> None:
        self._taken += sample_count
        limits.check_duration(self._taken, self._source[0], self._order["max_duration_ms"])

    def _drain(self) -> None:
        """Write what the resampler still holds; the next frame gets a new one."""
        if self._resampler is not None:
            self._spread(self._resampler.resample(None))
        self._resampler = None

    def _grow(self, sample_count: int) -> None:
        self._written += sample_count
        if 2 * self._written * self._source[1] > self._order["budget"]["output_bytes"]:
            raise TooLarge(
                "The recording is too long for its channels and sample rate. Cut it into parts.",
                code="media_too_long",
            )

    def _spread(self, frames: Iterable[av.AudioFrame]) -> None:
        channel_count = self._source[1]
        for frame in frames:
            samples = array("h")
            samples.frombytes(memoryview(frame.planes[0])[: 2 * frame.samples * channel_count])
            self._grow(frame.samples)
            for channel in range(channel_count):
                self._sinks[channel].write(samples[channel::channel_count].tobytes())


def main(order: Order, sinks: list[int]) -> None:
    """Carry out one order and report."""
    limit(order["budget"])
    report: dict[str, Any]
    try:
        # What FFmpeg raises are OSErrors too, but `decode` has given those their names.
        with storing(), os.fdopen(0, "rb", buffering=0, closefd=False) as source:
            report = {"report": decode(source, sinks, order)}
    except DragomanError as error:
        report = {"error": [error.family, error.code, error.detail]}
    except MemoryError:
        report = {
            "error": [InvalidMedia.family, "decoder_limit", "The file takes too much memory to decode."]
        }
    sys.stdout.write(json.dumps(report))


def rehearse() -> None:
    """Decode a little silence, so that what FFmpeg and Python set up once is there after each fork."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(1_600))
    budget: Budget = {"cpu_s": 0, "memory_bytes": 0, "output_bytes": 1 << 20}
    order: Order = {
        "container": "wav",
        "demuxer": "wav",
        "options": {},
        "sample_rate_hz": 16_000,
        "max_duration_ms": 1_000,
        "budget": budget,
    }
    with Path(os.devnull).open("wb") as sink:
        decode(silence, [sink.fileno()], order)


if __name__ == "__main__":
    rehearse()
    fork_server.serve(main)
