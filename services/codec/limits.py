"""The bounds on what a file may hold, with the errors that name them."""

from __future__ import annotations

from typing import Final

from services.shared.errors import InvalidMedia, TooLarge

MAX_CHANNELS: Final = 8
RATES_HZ: Final = range(4_000, 192_001)


def check_layout(channel_count: int, sample_rate_hz: int) -> None:
    """Refuse what no recorder writes.

    Raises:
        InvalidMedia: code too_many_channels or unsupported_sample_rate.
    """
    if channel_count not in range(1, MAX_CHANNELS + 1):
        raise InvalidMedia(
            f"The file has {channel_count} channels; 1 to {MAX_CHANNELS} are accepted.",
            code="too_many_channels",
        )
    if sample_rate_hz not in RATES_HZ:
        raise InvalidMedia(
            f"The file's sample rate of {sample_rate_hz} Hz is outside {RATES_HZ[0]} to {RATES_HZ[-1]} Hz.",
            code="unsupported_sample_rate",
        )


def check_duration(sample_count: int, sample_rate_hz: int, max_duration_ms: int) -> None:
    """Refuse what is too long.

    Raises:
        TooLarge: code media_too_long.
    """
    if sample_count * 1000 > max_duration_ms * sample_rate_hz:
        raise TooLarge(
            f"The audio is longer than {max_duration_ms / 1000:g} s. Cut it into parts, or have "
            "codec_max_duration_s raised.",
            code="media_too_long",
        )
