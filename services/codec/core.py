"""The codec's use cases: say what a file is, take it apart, put clips on a timeline and compress them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final

import numpy as np

from services.codec import limits, loudness, targets
from services.codec.crosstalk import Crosstalk, crosstalk
from services.codec.engines.base import (
    Cancelled,
    CodecDescription,
    CodecEngine,
    Decoded,
    DecodeOrder,
    Samples,
    Target,
)
from services.codec.engines.trade import Engines
from services.codec.identity import identical_to
from services.codec.media import (
    MIXED,
    Caps,
    Clip,
    DecodeRequest,
    Encoded,
    EncodeRequest,
    Recording,
    StreamRequest,
    to_ms,
)
from services.codec.packets import DecodingStream, EncodingStream
from services.codec.sniff import HEAD_BYTES, Container, RawFormat, sniff
from services.codec.spool import spool
from services.codec.timeline import BLOCK_SAMPLES, Placement, Timeline, place
from services.shared import errors
from services.shared.engines import Reference

# Speech that is longer in its new language may run over the end of a recording that is as long as it may be.
MOST_OVERRUN_MS: Final = 60_000
# Times in files are rounded; Opus counts at 48 kHz whatever it was made of.
_ROUNDING_S: Final = 0.001
# At the edges of sounds that are kept: short enough for a key's tone of 40 ms, long enough not to click.
_FADE_S: Final = 0.005


class CodecCore:
    """Everything that the codec service does. Safe to use from several threads at once.

    Args:
        residents: Do the work on media. Of two that can do the same the first does it.
        caps: Bounds of one call.
        verify: Whether every file is read back before it is given away.
    """

    def __init__(self, residents: Engines, caps: Caps, *, verify: bool = True) -> None:
        self.residents = residents
        self.caps = caps
        self._verify = verify

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """What can be encoded, by name."""
        found: dict[str, CodecDescription] = {}
        for status in self.residents.statuses:
            found = {**status.description.codecs, **found}
        return found

    @property
    def containers(self) -> tuple[str, ...]:
        """What can be decoded."""
        statuses = self.residents.statuses
        return tuple(dict.fromkeys(name for each in statuses for name in each.description.containers))

    def probe(self, head: bytes, size_bytes: int, raw: RawFormat | None = None) -> str:
        """Say from a file's first bytes what it is.

        Raises:
            InvalidMedia: code empty_file or unknown_media.
            Unsupported: code unsupported_container, no engine of this server opens it.
            InvalidRequest: code invalid_raw_format.
        """
        container = sniff(head if size_bytes else b"", raw)
        self._opener(container)
        return container.name

    def decode(self, source: BinaryIO, request: DecodeRequest, cancelled: Cancelled) -> Recording:
        """Take a file apart into mono channels of s16le, in the file's order, never mixed.

        Args:
            source: A real, seekable file.
            request: What is wanted.
            cancelled: Asked often; decoding ends soon after it says yes.

        Raises:
            InvalidRequest: codes invalid_sample_rate, invalid_time, invalid_raw_format.
            DragomanError: what `probe` and `CodecEngine.decode` raise.
        """
        if request.sample_rate_hz:
            targets.check_rate(request.sample_rate_hz)
        targets.check_time(request.max_duration_ms)
        cap_ms = self.caps.max_duration_ms
        order = DecodeOrder(
            sample_rate_hz=request.sample_rate_hz,
            max_duration_ms=min(request.max_duration_ms or cap_ms, cap_ms),
            max_output_bytes=self.caps.max_decoded_bytes,
        )
        source.seek(0)
        container = sniff(source.read(HEAD_BYTES), request.raw)
        with self.residents.use(self._opener(container)) as engine:
            media = engine.decode(source, container, order, cancelled)
        channels = [np.memmap(channel, np.int16, "r") for channel in media.channels]
        for channel in media.channels:
            channel.seek(0)
        same_as = identical_to(channels)
        return Recording(container.name, media, same_as, _crosstalk(channels, same_as, media, cancelled))

    def encode(self, clips: Sequence[Clip], request: EncodeRequest, cancelled: Cancelled) -> Encoded:
        """Place clips on a timeline and compress it. Clips that are kept lie below the others.

        Raises:
            Unsupported: codes unknown_codec, too_many_channels, unsupported_sample_rate.
            InvalidRequest: codes invalid_bitrate, invalid_layout, invalid_channel, invalid_time,
                invalid_sample_rate, empty_timeline.
            TooLarge: code media_too_long; clips may run over the cap by MOST_OVERRUN_MS.
            StorageFailure: the disk is full.
            InternalError: code encode_broken, the file could not be read back, or was too short or too long.
            Cancelled: `cancelled()` turned true.
        """
        target = targets.file_target(self.codecs, request)
        targets.check_clips(clips, request)
        rate_hz = target.sample_rate_hz
        placements = place(clips, rate_hz)
        length = self._length(request, placements, rate_hz)
        timeline = Timeline(length, request.channel_count)
        file = spool()
        try:
            with self.residents.use(self._writer(target.codec)) as engine:
                laid = list(zip(clips, placements, strict=True))
                for clip, placement, gain in _layers(timeline, laid, rate_hz, level=request.level):
                    _fill(timeline, engine, clip, placement, gain, rate_hz)
                    _stop_if(cancelled)
                mixed = request.layout == MIXED
                blocks = timeline.mixed(partial(_stop_if, cancelled)) if mixed else timeline.multichannel()
                target = replace(
                    target, codec=engine.encode(_until(cancelled, blocks), target, file, cancelled)
                )
                file.flush()
                codec = self.codecs[target.codec]
                if self._verify:
                    _check(engine, file, target, length / rate_hz, codec.slack_samples / rate_hz, cancelled)
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

    def encode_stream(self, request: StreamRequest) -> EncodingStream:
        """Begin to compress a recording while it comes.

        Raises:
            Unsupported: codes unknown_codec, not_streamable, unsupported_sample_rate.
            InvalidRequest: code invalid_bitrate.
        """
        target = targets.stream_target(self.codecs, request)
        with ExitStack() as held:
            engine = held.enter_context(self.residents.use(self._writer(target.codec)))
            encoder = engine.packet_encoder(target)
            codec = self.codecs[target.codec]
            return EncodingStream(codec, target, held.pop_all(), encoder, self.caps.max_duration_ms)

    def decode_stream(self, request: StreamRequest) -> DecodingStream:
        """Do the other way round; the same errors."""
        target = targets.stream_target(self.codecs, request)
        with ExitStack() as held:
            engine = held.enter_context(self.residents.use(self._writer(target.codec)))
            decoder = engine.packet_decoder(target)
            codec = self.codecs[target.codec]
            return DecodingStream(codec, target, held.pop_all(), decoder, self.caps.max_duration_ms)

    def _writer(self, codec: str) -> Reference:
        for each in self.residents.statuses:
            if codec in each.description.codecs:
                return each.reference
        raise errors.Unsupported(
            f"The engine that wrote {codec} has just been exchanged for another one.", code="unknown_codec"
        )

    def _opener(self, container: Container) -> Reference:
        for each in self.residents.statuses:
            if container.name in each.description.containers:
                return each.reference
        raise errors.Unsupported(
            f"No engine of this server opens {container.name} files; send another, or have one added to "
            "DRAGOMAN_CODEC_ENGINES.",
            code="unsupported_container",
        )

    def _length(self, request: EncodeRequest, placements: Sequence[Placement], rate_hz: int) -> int:
        """Return the timeline's length in samples."""
        asked = round(request.duration_ms * rate_hz / 1000)
        length = max(asked, *(placement.end for placement in placements), 0)
        if not length:
            raise errors.InvalidRequest("There are no clips and no duration.", code="empty_timeline")
        limits.check_duration(asked, rate_hz, self.caps.max_duration_ms)
        limits.check_duration(length, rate_hz, self.caps.max_duration_ms + MOST_OVERRUN_MS)
        return length


def _crosstalk(
    channels: Sequence[Samples], same_as: Sequence[int], media: Decoded, cancelled: Cancelled
) -> tuple[Crosstalk, ...]:
    """Find it among the channels that differ."""
    unique = sorted(set(same_as))
    try:
        found = crosstalk(
            [channels[index] for index in unique], media.sample_rate_hz, partial(_stop_if, cancelled)
        )
    except BaseException:
        for channel in media.channels:
            channel.close()
        raise
    return tuple(replace(each, channel=unique[each.channel], of=unique[each.of]) for each in found)


def _layers(
    timeline: Timeline, laid: Sequence[tuple[Clip, Placement]], rate_hz: int, *, level: bool
) -> Iterator[tuple[Clip, Placement, float]]:
    """Yield each clip with its gain, to be written before the next is asked for; the kept ones lie below."""
    fade = round(_FADE_S * rate_hz)
    kept = [each for each in laid if each[0].kept]
    rest = [each for each in laid if not each[0].kept]
    for clip, placement in kept:
        yield clip, placement, 1.0
        timeline.soften(clip.channel, placement, fade)
    for clip, placement in rest if kept else ():
        timeline.clear(clip.channel, placement, fade)
    for clip, placement in rest:
        yield clip, placement, loudness.gain(clip.samples, clip.sample_rate_hz) if level else 1.0


def _fill(
    timeline: Timeline, engine: CodecEngine, clip: Clip, placement: Placement, gain: float, rate_hz: int
) -> None:
    blocks = (
        clip.samples[start : start + BLOCK_SAMPLES] for start in range(0, len(clip.samples), BLOCK_SAMPLES)
    )
    timeline.write(clip.channel, placement, engine.resample(blocks, clip.sample_rate_hz, rate_hz), gain)


def _check(
    engine: CodecEngine, file: BinaryIO, target: Target, wanted_s: float, slack_s: float, cancelled: Cancelled
) -> None:
    """Read a file back that was just written."""
    try:
        seconds = engine.measure(file, target, cancelled)
    except errors.InvalidMedia as error:
        raise _broken(target.codec) from error
    if not -_ROUNDING_S <= seconds - wanted_s <= slack_s + _ROUNDING_S:
        raise _broken(target.codec)


def _broken(codec: str) -> errors.InternalError:
    return errors.InternalError(
        f"The {codec} file that was written does not read back as it should; try again, or another codec.",
        code="encode_broken",
    )


def _until(cancelled: Cancelled, blocks: Iterable[Samples]) -> Iterator[Samples]:
    for block in blocks:
        _stop_if(cancelled)
        yield block


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise errors.Cancelled("The caller went away while its file was made.")
