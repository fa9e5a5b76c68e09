"""Every codec engine keeps the same promises: time, channel order, silence, and typed errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.codec.engines import registry
from services.codec.engines.base import CodecEngine, DecodeOrder, Samples, Target
from services.codec.engines.registry import create
from services.codec.limits import MAX_CHANNELS
from services.codec.media import EncodeRequest
from services.codec.server import load_core
from services.codec.settings import CodecSettings
from services.codec.sniff import sniff
from services.shared.engines import EngineSpec, Reference
from services.shared.errors import Cancelled, DragomanError, InvalidMedia, TooLarge
from tests.contract.codec_suite import CHECKS, Check, named
from tests.support import recordings

RATE_HZ = 8000
PITCHES = tuple(300.0 + 100 * index for index in range(MAX_CHANNELS))


# One line adds an engine. Those that need more than requirements/dev.txt run the checks in tests/engines.
CONFORMING = ("fake", "pyav", "gsm")
# Of these, the ones that open WAV files.
OPENING = ("fake", "pyav")


@pytest.fixture(scope="module", params=OPENING)
def engine(request: pytest.FixtureRequest) -> CodecEngine:
    """Each engine in turn."""
    return create(Reference(request.param), CodecSettings())


def decoding(engine: CodecEngine, data: bytes, order: DecodeOrder | None = None) -> DragomanError:
    """Return the error that decoding ends in."""
    order = order or DecodeOrder(0, 60_000, 1 << 30)
    with recordings.spooled(data) as file, pytest.raises(DragomanError) as caught:
        engine.decode(file, sniff(data), order, lambda: False)
    return caught.value


@pytest.mark.parametrize("check", CHECKS, ids=named)
@pytest.mark.parametrize("name", CONFORMING)
def test_it_keeps_its_promises(name: str, check: Check) -> None:
    engine = create(Reference(name), CodecSettings())
    check(engine)
    engine.close()


def test_it_writes_and_reads_wav(engine: CodecEngine) -> None:
    assert "wav" in engine.codecs
    assert "wav" in engine.containers


@pytest.mark.parametrize("channels", [1, 2, MAX_CHANNELS])
def test_channels_come_out_whole_and_in_order(engine: CodecEngine, channels: int) -> None:
    samples = recordings.tone(1, RATE_HZ, *PITCHES[:channels])
    media = recordings.opened(engine, recordings.wav(samples, RATE_HZ))
    assert (media.codec, media.source_sample_rate_hz, media.sample_rate_hz) == ("pcm_s16le", RATE_HZ, RATE_HZ)
    assert len(media.channels) == channels
    for index, channel in enumerate(media.channels):
        assert np.array_equal(channel, samples[:, index])


@pytest.mark.parametrize("target_hz", [8000, 16_000, 24_000, 48_000])
def test_another_rate_keeps_time_and_pitch(engine: CodecEngine, target_hz: int) -> None:
    data = recordings.wav(recordings.tone(2, RATE_HZ, 440, 700), RATE_HZ)
    media = recordings.opened(engine, data, sample_rate_hz=target_hz)
    assert (media.source_sample_rate_hz, media.sample_rate_hz) == (RATE_HZ, target_hz)
    assert abs(len(media.channels[0]) - 2 * target_hz) <= 2
    for channel, pitch in zip(media.channels, (440, 700), strict=True):
        assert recordings.pitch_hz(channel, target_hz) == pytest.approx(pitch, abs=1)


def test_files_are_read_from_their_start(engine: CodecEngine) -> None:
    data = recordings.wav(recordings.tone(0.1, RATE_HZ), RATE_HZ)
    with recordings.spooled(data) as file:
        file.seek(50)
        media = engine.decode(file, sniff(data), DecodeOrder(0, 60_000, 1 << 30), lambda: False)
        for channel in media.channels:
            channel.close()
    assert media.sample_count == RATE_HZ // 10


def test_a_file_without_samples_is_empty(engine: CodecEngine) -> None:
    error = decoding(engine, recordings.wav(np.zeros((0, 1), np.int16), RATE_HZ))
    assert isinstance(error, InvalidMedia)
    assert error.code == "empty_file"


def test_a_cut_file_is_truncated(engine: CodecEngine) -> None:
    data = recordings.wav(recordings.tone(1, RATE_HZ), RATE_HZ)
    assert decoding(engine, data[: len(data) // 2]).code == "truncated_media"


def test_too_much_audio_is_refused(engine: CodecEngine) -> None:
    data = recordings.wav(recordings.tone(2, RATE_HZ), RATE_HZ)
    error = decoding(engine, data, DecodeOrder(0, 1999, 1 << 30))
    assert isinstance(error, TooLarge)
    assert error.code == "media_too_long"
    with recordings.spooled(data) as file:
        media = engine.decode(file, sniff(data), DecodeOrder(0, 2000, 1 << 30), lambda: False)
        for channel in media.channels:
            channel.close()


def test_nine_channels_are_refused(engine: CodecEngine) -> None:
    data = recordings.wav(np.zeros((100, MAX_CHANNELS + 1), np.int16), RATE_HZ)
    assert decoding(engine, data).code == "too_many_channels"


@pytest.mark.parametrize("rate_hz", [1, 3999, 192_001, 2**31 - 1])
def test_a_rate_that_no_recorder_has_is_refused(engine: CodecEngine, rate_hz: int) -> None:
    chunks = [(b"fmt ", recordings.format_chunk(rate_hz=rate_hz)[:16]), (b"data", bytes(2000))]
    assert decoding(engine, recordings.riff(chunks)).code in {"unsupported_sample_rate", "damaged_media"}


def test_a_header_without_a_format_is_damage(engine: CodecEngine) -> None:
    assert decoding(engine, recordings.riff([(b"data", bytes(2000))])).code == "damaged_media"


def test_a_caller_who_went_away_stops_it(engine: CodecEngine) -> None:
    data = recordings.wav(recordings.tone(20, RATE_HZ), RATE_HZ)
    with recordings.spooled(data) as file, pytest.raises(Cancelled):
        engine.decode(file, sniff(data), DecodeOrder(48_000, 60_000, 1 << 30), lambda: True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8])
def test_what_it_wrote_as_wav_it_reads_back_bit_for_bit(engine: CodecEngine, channels: int) -> None:
    samples = recordings.tone(1.01, 24_000, *PITCHES[:channels])
    data = recordings.encoded(engine, samples, Target("wav", 24_000, channels, 0))
    media = recordings.opened(engine, data)
    for index, channel in enumerate(media.channels):
        assert np.array_equal(channel, samples[:, index])


def resampled(engine: CodecEngine, samples: Samples, source_hz: int, target_hz: int, block: int) -> Samples:
    blocks = (samples[start : start + block] for start in range(0, len(samples), block))
    return np.concatenate([np.zeros(0, np.int16), *engine.resample(blocks, source_hz, target_hz)])


@pytest.mark.parametrize("block", [160, 5000, 1 << 20])
@pytest.mark.parametrize(
    ("source_hz", "target_hz"), [(24_000, 8000), (24_000, 48_000), (8000, 24_000), (8000, 8000)]
)
def test_resampling_in_blocks_keeps_time(
    engine: CodecEngine, source_hz: int, target_hz: int, block: int
) -> None:
    samples = recordings.tone(1, source_hz)[:, 0].copy()
    samples[: source_hz // 2] = 0
    result = resampled(engine, samples, source_hz, target_hz, block)
    assert abs(len(result) - target_hz) <= 1
    assert recordings.onset_s(result, target_hz) == pytest.approx(0.5, abs=0.002)
    assert recordings.pitch_hz(result[target_hz // 2 :], target_hz) == pytest.approx(440, abs=2)


def test_resampling_nothing_gives_nothing(engine: CodecEngine) -> None:
    assert len(resampled(engine, np.zeros(0, np.int16), 24_000, 8000, 100)) == 0


ONE_FILE = """
from services.codec.engines.fake import FakeEngine
from services.shared.engines import Model


class Engine(FakeEngine):
    model = Model("mine", "3")

    @property
    def codecs(self):
        return {"mine": replace(super().codecs["wav"], name="mine")}


def load(settings, model):
    return Engine()
"""


def test_one_file_and_one_row_add_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_codec_engine.py").write_text("from dataclasses import replace\n" + ONE_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    row = EngineSpec("mine", "my_codec_engine", (), "", "Writes what the fake one writes.")
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "mine": row})
    for check in CHECKS:
        check(create(Reference("mine"), CodecSettings()))
    core = load_core(CodecSettings(codec_engines="fake,mine"))
    assert set(core.codecs) == {"wav", "mine"}
    made = core.encode([], EncodeRequest("mine", duration_ms=100), lambda: False)
    made.file.close()
    assert made.codec.name == "mine"
