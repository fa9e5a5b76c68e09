"""Every codec's file has the timeline's length and channels, with speech where it was placed."""

from __future__ import annotations

import numpy as np
import pytest

from services.codec.core import CodecCore
from services.codec.engines.base import CodecDescription, Samples
from services.codec.engines.pyav import FORMATS, PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, Clip, EncodeRequest
from services.codec.sniff import RawFormat
from services.shared.errors import DragomanError
from tests.support import recordings

ENGINE = PyavEngine(PyavSettings())
CORE = CodecCore(alone(ENGINE), Caps())
CODECS = {each.description.name: each.description for each in FORMATS}

# How many samples longer a decoded file may be.
MOST_OVER = {"aac": 1024, "amr": 210, "g722": 1, "mp3": 46}


def decoded(codec: CodecDescription, data: bytes) -> recordings.Opened:
    raw = RawFormat("g722", 16_000, 1) if codec.name == "g722" else None
    return recordings.opened(ENGINE, data, raw)


def encoded(name: str, clips: list[Clip], **request: float | str | bool) -> tuple[recordings.Opened, bytes]:
    """Encode clips and take the file apart again."""
    wanted = EncodeRequest(codec=name, **request)  # type: ignore[arg-type]  # fields by name
    made = CORE.encode(clips, wanted, lambda: False)
    with made.file:
        data = made.file.read()
    return decoded(CODECS[name], data), data


def burst(start_ms: int, channel: int = 0, pitch_hz: float = 440) -> Clip:
    return Clip(channel, start_ms, 24_000, recordings.tone(1, 24_000, pitch_hz)[:, 0])


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("duration_ms", [3000, 3021, 3333])
def test_a_file_is_as_long_as_its_timeline(name: str, duration_ms: int) -> None:
    media, _ = encoded(name, [burst(1000)], duration_ms=duration_ms)
    expected = duration_ms * media.sample_rate_hz / 1000
    # Opus decodes at 48 kHz whatever it was made of; a sample of the source is up to six of those.
    assert -6 <= len(media.channels[0]) - expected <= MOST_OVER.get(name, 6)


@pytest.mark.parametrize("name", CODECS)
def test_speech_lies_where_it_was_placed(name: str) -> None:
    media, _ = encoded(name, [burst(1000)], duration_ms=3000)
    channel, rate_hz = media.channels[0], media.sample_rate_hz
    assert recordings.onset_s(channel, rate_hz) == pytest.approx(1, abs=0.012)
    end = np.flatnonzero(np.abs(channel.astype(np.int32)) > 1000)[-1] / rate_hz
    assert end == pytest.approx(2, abs=0.012)
    middle = channel[rate_hz * 12 // 10 : rate_hz * 18 // 10]
    assert recordings.pitch_hz(middle, rate_hz) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("name", CODECS)
def test_silence_stays_silence(name: str) -> None:
    media, _ = encoded(name, [burst(2000)], duration_ms=4000)
    rate_hz = media.sample_rate_hz
    for start, end in ((0.1, 1.9), (3.1, 3.9)):
        quiet = media.channels[0][round(start * rate_hz) : round(end * rate_hz)]
        assert np.abs(quiet.astype(np.int32)).max() < 100


def all_channels(name: str) -> list[tuple[str, int]]:
    return [(name, count) for count in range(1, CODECS[name].max_channels + 1)]


@pytest.mark.parametrize(("name", "count"), [pair for name in CODECS for pair in all_channels(name)])
def test_channels_stay_apart_and_in_order(name: str, count: int) -> None:
    clips = [burst(0, channel, 300 + 150 * channel) for channel in range(count)]
    media, _ = encoded(name, clips, channel_count=count)
    assert len(media.channels) == count
    assert media.identical_to == tuple(range(count))
    for index, channel in enumerate(media.channels):
        rate_hz = media.sample_rate_hz
        assert recordings.pitch_hz(channel[rate_hz // 4 : rate_hz * 3 // 4], rate_hz) == pytest.approx(
            300 + 150 * index, abs=4
        )


@pytest.mark.parametrize("kbps", [None, 24, 32, 40, 64])
@pytest.mark.parametrize("name", ["opus", "mp3", "aac"])
def test_one_speaker_is_not_heard_on_the_others_channel(name: str, kbps: int | None) -> None:
    lowest = CODECS[name].bitrates_kbps[0]
    turns = [burst(1500 * turn, turn % 2, 250 + 200 * (turn % 2)) for turn in range(6)]
    media, _ = encoded(name, turns, channel_count=2, bitrate_kbps=max(lowest, kbps or lowest))
    rate_hz = media.sample_rate_hz
    for turn in range(6):
        middle = slice(round((1.5 * turn + 0.3) * rate_hz), round((1.5 * turn + 0.7) * rate_hz))
        speaking, listening = (media.channels[(turn + each) % 2][middle].astype(float) for each in (0, 1))
        assert np.mean(listening**2) < np.mean(speaking**2) / 1e4


@pytest.mark.parametrize("name", CODECS)
def test_one_channel_too_many_is_refused(name: str) -> None:
    with pytest.raises(DragomanError) as caught:
        encoded(name, [], channel_count=CODECS[name].max_channels + 1, duration_ms=100)
    assert caught.value.code == "too_many_channels"


@pytest.mark.parametrize("name", CODECS)
def test_every_rate_that_is_offered_can_be_written(name: str) -> None:
    for rate_hz in CODECS[name].sample_rates_hz:
        media, _ = encoded(name, [burst(100)], duration_ms=1500, sample_rate_hz=rate_hz)
        # 40 ms is AAC's frame at its lowest rate, twice over.
        assert media.duration_ms == pytest.approx(1500, abs=70)
        if name != "opus":
            assert media.sample_rate_hz == rate_hz


ADJUSTABLE = [name for name, codec in CODECS.items() if codec.bitrates_kbps]


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_both_ends_of_the_bitrates_can_be_written(name: str) -> None:
    clip = Clip(0, 0, 24_000, noise(3))
    lowest, highest = CODECS[name].bitrates_kbps
    sizes = []
    for bitrate in (lowest, highest):
        media, data = encoded(name, [clip], bitrate_kbps=bitrate)
        assert media.duration_ms == pytest.approx(3000, abs=70)
        sizes.append(len(data))
    assert sizes[0] < sizes[1]


def noise(seconds: float) -> Samples:
    return np.random.default_rng(5).normal(0, 4000, round(24_000 * seconds)).astype(np.int16)


@pytest.mark.parametrize("name", ["opus", "mp3", "aac"])
@pytest.mark.parametrize("bitrate_kbps", [32, 64])
def test_a_file_has_about_the_bitrate_that_was_asked(name: str, bitrate_kbps: int) -> None:
    _, data = encoded(name, [Clip(0, 0, 24_000, noise(10))], bitrate_kbps=bitrate_kbps)
    assert len(data) * 8 / 10_000 == pytest.approx(bitrate_kbps, rel=0.25)


@pytest.mark.parametrize("name", CODECS)
def test_a_bitrate_out_of_range_is_refused(name: str) -> None:
    for bitrate in (1, 1000):
        with pytest.raises(DragomanError) as caught:
            encoded(name, [], bitrate_kbps=bitrate, duration_ms=100)
        assert caught.value.code == "invalid_bitrate"


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_without_a_wish_each_channel_gets_the_default(name: str) -> None:
    codec = CODECS[name]
    for count in range(1, codec.max_channels + 1):
        request = EncodeRequest(name, channel_count=count, duration_ms=100)
        made = CORE.encode([], request, lambda: False)
        made.file.close()
        assert made.target.bitrate_kbps == min(codec.bitrates_kbps[1], codec.default_bitrate_kbps * count)


@pytest.mark.parametrize("name", ["flac", "wav"])
def test_lossless_codecs_lose_nothing(name: str) -> None:
    samples = noise(2)
    media, _ = encoded(name, [Clip(0, 0, 24_000, samples)])
    assert np.array_equal(media.channels[0], samples)


@pytest.mark.parametrize("name", CODECS)
def test_a_timeline_shorter_than_a_frame_is_a_file(name: str) -> None:
    media, _ = encoded(name, [], duration_ms=2)
    assert media.duration_ms <= 45
