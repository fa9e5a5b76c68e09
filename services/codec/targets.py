"""What of a request can be made: the file or the stream that fits it, or the error that says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.codec import limits
from services.codec.engines.base import CodecDescription, Target
from services.codec.media import MIXED, MULTICHANNEL, Clip, EncodeRequest, StreamRequest
from services.shared import errors

Codecs = Mapping[str, CodecDescription]


def file_target(codecs: Codecs, request: EncodeRequest) -> Target:
    """Return the file that a request asks for.

    Raises:
        Unsupported: codes unknown_codec, too_many_channels, unsupported_sample_rate.
        InvalidRequest: codes invalid_bitrate, invalid_layout.
    """
    codec = _codec(codecs, request.codec)
    if request.layout not in {MIXED, MULTICHANNEL}:
        raise errors.InvalidRequest(f"The layout must be {MULTICHANNEL} or {MIXED}.", code="invalid_layout")
    channel_count = 1 if request.layout == MIXED else request.channel_count
    if channel_count > codec.max_channels:
        raise errors.Unsupported(
            f"{codec.name} takes at most {codec.max_channels} channels in one file.",
            code="too_many_channels",
        )
    rate_hz = _rate_hz(codec, request.sample_rate_hz)
    bitrate_kbps = _bitrate_kbps(codec, request.bitrate_kbps, channel_count)
    return Target(codec.name, rate_hz, channel_count, bitrate_kbps)


def stream_target(codecs: Codecs, request: StreamRequest) -> Target:
    """Return the stream that a request asks for.

    Raises:
        Unsupported: codes unknown_codec, not_streamable, unsupported_sample_rate.
        InvalidRequest: code invalid_bitrate.
    """
    codec = _codec(codecs, request.codec)
    if not codec.packet_ms:
        able = ", ".join(each.name for each in codecs.values() if each.packet_ms)
        raise errors.Unsupported(
            f"{codec.name} cannot be streamed; of this server's codecs can: {able or 'none'}.",
            code="not_streamable",
        )
    rate_hz = _rate_hz(codec, request.sample_rate_hz)
    return Target(codec.name, rate_hz, 1, _bitrate_kbps(codec, request.bitrate_kbps, 1))


def check_clips(clips: Sequence[Clip], request: EncodeRequest) -> None:
    """Refuse clips that no timeline holds.

    Raises:
        InvalidRequest: codes invalid_channel, invalid_time, invalid_sample_rate.
    """
    if not 1 <= request.channel_count <= limits.MAX_CHANNELS:
        raise errors.InvalidRequest(
            f"A timeline has 1 to {limits.MAX_CHANNELS} channels.", code="invalid_channel"
        )
    check_time(request.duration_ms)
    for clip in clips:
        check_time(clip.start_ms)
        if not 0 <= clip.channel < request.channel_count:
            raise errors.InvalidRequest(
                f"A clip names channel {clip.channel}, but the timeline has {request.channel_count}.",
                code="invalid_channel",
            )
        check_rate(clip.sample_rate_hz)


def check_time(time_ms: int) -> None:
    """Refuse what lies before the beginning.

    Raises:
        InvalidRequest: code invalid_time.
    """
    if time_ms < 0:
        raise errors.InvalidRequest("Times and durations cannot be negative.", code="invalid_time")


def check_rate(rate_hz: int) -> None:
    """Refuse a sample rate that no recorder has.

    Raises:
        InvalidRequest: code invalid_sample_rate.
    """
    if rate_hz not in limits.RATES_HZ:
        raise errors.InvalidRequest(
            f"A sample rate lies between {limits.RATES_HZ[0]} and {limits.RATES_HZ[-1]} Hz.",
            code="invalid_sample_rate",
        )


def _codec(codecs: Codecs, name: str) -> CodecDescription:
    codec = codecs.get(name)
    if codec is None:
        raise errors.Unsupported(
            f"There is no codec of that name; supported: {', '.join(codecs)}.", code="unknown_codec"
        )
    return codec


def _rate_hz(codec: CodecDescription, wanted_hz: int) -> int:
    rate_hz = wanted_hz or codec.sample_rates_hz[0]
    if rate_hz not in codec.sample_rates_hz:
        rates = ", ".join(map(str, sorted(codec.sample_rates_hz)))
        raise errors.Unsupported(
            f"{codec.name} is written at these sample rates: {rates} Hz.", code="unsupported_sample_rate"
        )
    return rate_hz


def _bitrate_kbps(codec: CodecDescription, wanted_kbps: float, channel_count: int) -> float:
    if not codec.bitrates_kbps:
        if wanted_kbps:
            raise errors.InvalidRequest(f"{codec.name} has no adjustable bitrate.", code="invalid_bitrate")
        return 0
    lowest, *between, highest = codec.bitrates_kbps
    if not wanted_kbps:
        return min(highest, codec.default_bitrate_kbps * channel_count)
    if wanted_kbps not in codec.bitrates_kbps if between else not lowest <= wanted_kbps <= highest:
        takes = (
            f"{lowest:g}, {', '.join(f'{each:g}' for each in between)} or" if between else f"{lowest:g} to"
        )
        raise errors.InvalidRequest(f"{codec.name} takes {takes} {highest:g} kbit/s.", code="invalid_bitrate")
    return wanted_kbps
