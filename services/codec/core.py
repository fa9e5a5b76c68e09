"""The codec's use cases: say what a file is, take it apart, put clips on a timeline and compress them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO, Final

import numpy as np

from services.codec import limits, loudness
from services.codec.engines.base import (
    Cancelled,
    CodecDescription,
    CodecEngine,
    DecodeOrder,
    Samples,
    Target,
)
from services.codec.identity import identical_to
from services.codec.media import (
    MIXED,
    MULTICHANNEL,
    Caps,
    Clip,
    DecodeRequest,
    Encoded,
    EncodeRequest,
    Recording,
    to_ms,
)
from services.codec.sniff import HEAD_BYTES, RawFormat, sniff
from services.codec.spool import spool
from services.codec.timeline import BLOCK_SAMPLES, Placement, Timeline, place
from services.shared import errors

# Speech that is longer in its new language may run over the end of a recording that is as long as it may be.
MOST_OVERRUN_MS: Final = 60_000


class CodecCore:
    """Everything that the codec service does. Safe to use from several threads at once.

    Args:
        engine: Does the work on media.
        caps: Bounds of one call.
    """

    def __init__(self, engine: CodecEngine, caps: Caps) -> None:
        self._engine = engine
        self.caps = caps

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """What can be encoded, by name."""
        return self._engine.codecs

    @property
    def containers(self) -> tuple[str, ...]:
        """What can be decoded."""
        return self._engine.containers

    def probe(self, head: bytes, size_bytes: int, raw: RawFormat | None = None) -> str:
        """Say from a file's first bytes what it is.

        Raises:
            InvalidMedia: code empty_file or unknown_media.
            InvalidRequest: code invalid_raw_format.
        """
        return sniff(head if size_bytes else b"", raw).name

    def decode(self, source: BinaryIO, request: DecodeRequest, cancelled: Cancelled) -> Recording:
        """Take a file apart into mono channels of s16le, in the file's order, never mixed.

        Args:
            source: A real, seekable file.
            request: What is wanted.
            cancelled: Asked often; decoding ends soon after it says yes.

        Raises:
            InvalidRequest: codes invalid_sample_rate, invalid_time, invalid_raw_format.
            DragomanError: what `sniff` and `CodecEngine.decode` raise.
        """
        if request.sample_rate_hz and request.sample_rate_hz not in limits.RATES_HZ:
            raise _invalid_sample_rate()
        _check_times(request.max_duration_ms)
        cap_ms = self.caps.max_duration_ms
        order = DecodeOrder(
            sample_rate_hz=request.sample_rate_hz,
            max_duration_ms=min(request.max_duration_ms or cap_ms, cap_ms),
            max_output_bytes=self.caps.max_decoded_bytes,
        )
        source.seek(0)
        container = sniff(source.read(HEAD_BYTES), request.raw)
        media = self._engine.decode(source, container, order, cancelled)
        channels = [np.memmap(channel, np.int16, "r") for channel in media.channels]
        for channel in media.channels:
            channel.seek(0)
        return Recording(container.name, media, identical_to(channels))

    def encode(self, clips: Sequence[Clip], request: EncodeRequest, cancelled: Cancelled) -> Encoded:
        """Place clips on a timeline and compress it.

        Raises:
            Unsupported: codes unknown_codec, too_many_channels, unsupported_sample_rate.
            InvalidRequest: codes invalid_bitrate, invalid_layout, invalid_channel, invalid_time,
                invalid_sample_rate, empty_timeline.
            TooLarge: code media_too_long; clips may run over the cap by MOST_OVERRUN_MS.
            StorageFailure: the disk is full.
            Cancelled: `cancelled()` turned true.
        """
        codec, target = self._target(request)
        _check_clips(clips, request)
        rate_hz = target.sample_rate_hz
        placements = place(clips, rate_hz)
        asked = round(request.duration_ms * rate_hz / 1000)
        length = max(asked, *(placement.end for placement in placements), 0)
        if not length:
            raise errors.InvalidRequest("There are no clips and no duration.", code="empty_timeline")
        limits.check_duration(asked, rate_hz, self.caps.max_duration_ms)
        limits.check_duration(length, rate_hz, self.caps.max_duration_ms + MOST_OVERRUN_MS)
        timeline = Timeline(length, request.channel_count)
        for clip, placement in zip(clips, placements, strict=True):
            self._write(timeline, clip, placement, rate_hz, level=request.level)
            _stop_if(cancelled)
        mixed = request.layout == MIXED
        blocks = timeline.mixed(partial(_stop_if, cancelled)) if mixed else timeline.multichannel()
        file = spool()
        try:
            self._engine.encode(_until(cancelled, blocks), target, file)
            file.flush()
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return Encoded(
            file=file,
            codec=codec,
            target=target,
            duration_ms=to_ms(length, rate_hz),
            placements=tuple((to_ms(each.start, rate_hz), to_ms(each.end, rate_hz)) for each in placements),
        )

    def _write(
        self, timeline: Timeline, clip: Clip, placement: Placement, rate_hz: int, *, level: bool
    ) -> None:
        gain = loudness.gain(clip.samples, clip.sample_rate_hz) if level else 1.0
        blocks = (
            clip.samples[start : start + BLOCK_SAMPLES]
            for start in range(0, len(clip.samples), BLOCK_SAMPLES)
        )
        resampled = self._engine.resample(blocks, clip.sample_rate_hz, rate_hz)
        timeline.write(clip.channel, placement, resampled, gain)

    def _target(self, request: EncodeRequest) -> tuple[CodecDescription, Target]:
        codec = self.codecs.get(request.codec)
        if codec is None:
            raise errors.Unsupported(
                f"There is no codec of that name; supported: {', '.join(self.codecs)}.", code="unknown_codec"
            )
        if request.layout not in {MIXED, MULTICHANNEL}:
            raise errors.InvalidRequest(
                f"The layout must be {MULTICHANNEL} or {MIXED}.", code="invalid_layout"
            )
        channel_count = 1 if request.layout == MIXED else request.channel_count
        if channel_count > codec.max_channels:
            raise errors.Unsupported(
                f"{codec.name} takes at most {codec.max_channels} channels in one file.",
                code="too_many_channels",
            )
        rate_hz = request.sample_rate_hz or codec.sample_rates_hz[0]
        if rate_hz not in codec.sample_rates_hz:
            rates = ", ".join(map(str, sorted(codec.sample_rates_hz)))
            raise errors.Unsupported(
                f"{codec.name} is written at these sample rates: {rates} Hz.", code="unsupported_sample_rate"
            )
        return codec, Target(codec.name, rate_hz, channel_count, _bitrate_kbps(codec, request, channel_count))


def _bitrate_kbps(codec: CodecDescription, request: EncodeRequest, channel_count: int) -> int:
    if not codec.bitrates_kbps:
        if request.bitrate_kbps:
            raise errors.InvalidRequest(f"{codec.name} has no adjustable bitrate.", code="invalid_bitrate")
        return 0
    lowest, highest = codec.bitrates_kbps
    if not request.bitrate_kbps:
        return min(highest, codec.default_bitrate_kbps * channel_count)
    if not lowest <= request.bitrate_kbps <= highest:
        raise errors.InvalidRequest(
            f"{codec.name} takes {lowest} to {highest} kbit/s.", code="invalid_bitrate"
        )
    return request.bitrate_kbps


def _check_clips(clips: Sequence[Clip], request: EncodeRequest) -> None:
    if not 1 <= request.channel_count <= limits.MAX_CHANNELS:
        raise errors.InvalidRequest(
            f"A timeline has 1 to {limits.MAX_CHANNELS} channels.", code="invalid_channel"
        )
    _check_times(request.duration_ms)
    for clip in clips:
        _check_times(clip.start_ms)
        if not 0 <= clip.channel < request.channel_count:
            raise errors.InvalidRequest(
                f"A clip names channel {clip.channel}, but the timeline has {request.channel_count}.",
                code="invalid_channel",
            )
        if clip.sample_rate_hz not in limits.RATES_HZ:
            raise _invalid_sample_rate()


def _check_times(time_ms: int) -> None:
    if time_ms < 0:
        raise errors.InvalidRequest("Times and durations cannot be negative.", code="invalid_time")


def _invalid_sample_rate() -> errors.InvalidRequest:
    return errors.InvalidRequest(
        f"A sample rate lies between {limits.RATES_HZ[0]} and {limits.RATES_HZ[-1]} Hz.",
        code="invalid_sample_rate",
    )


def _until(cancelled: Cancelled, blocks: Iterable[Samples]) -> Iterator[Samples]:
    for block in blocks:
        _stop_if(cancelled)
        yield block


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise errors.Cancelled("The caller went away while its file was encoded.")
