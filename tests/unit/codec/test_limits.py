"""The bounds are inclusive, and their errors name them."""

from __future__ import annotations

import pytest

from services.codec import limits
from services.shared.errors import InvalidMedia, TooLarge


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 4000), (8, 192_000), (2, 44_100)])
def test_what_recorders_write_passes(channels: int, rate_hz: int) -> None:
    limits.check_layout(channels, rate_hz)


@pytest.mark.parametrize("channels", [0, 9, 255, -1])
def test_other_channel_counts_are_named(channels: int) -> None:
    with pytest.raises(InvalidMedia, match=str(channels)) as caught:
        limits.check_layout(channels, 8000)
    assert caught.value.code == "too_many_channels"


@pytest.mark.parametrize("rate_hz", [0, 3999, 192_001])
def test_other_rates_are_named(rate_hz: int) -> None:
    with pytest.raises(InvalidMedia, match=str(rate_hz)) as caught:
        limits.check_layout(1, rate_hz)
    assert caught.value.code == "unsupported_sample_rate"


def test_a_duration_may_be_exactly_the_cap() -> None:
    limits.check_duration(8000, 8000, 1000)
    limits.check_duration(0, 8000, 0)
    with pytest.raises(TooLarge, match="1 s") as caught:
        limits.check_duration(8001, 8000, 1000)
    assert caught.value.code == "media_too_long"
