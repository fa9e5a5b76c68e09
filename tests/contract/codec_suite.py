"""What every codec engine promises of what it writes, streams and resamples: checks that take an engine."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from services.codec.engines.base import CodecDescription, CodecEngine, Target
from services.codec.engines.trade import CodecTrade
from services.codec.limits import MAX_CHANNELS
from tests.support import recordings

Check = Callable[[CodecEngine], None]


def _target(codec: CodecDescription) -> Target:
    return Target(codec.name, codec.sample_rates_hz[0], 1, codec.default_bitrate_kbps)


def it_names_its_model(engine: CodecEngine) -> None:
    assert engine.model.name
    assert engine.model.revision


def it_lists_codecs_under_their_names(engine: CodecEngine) -> None:
    assert engine.codecs
    for name, codec in engine.codecs.items():
        assert codec.name == name
        assert codec.media_type.startswith("audio/")
        assert codec.file_extension.isalnum()
        assert codec.sample_rates_hz
        assert 1 <= codec.max_channels <= MAX_CHANNELS
        assert len(codec.bitrates_kbps) != 1
        assert bool(codec.default_bitrate_kbps) == bool(codec.bitrates_kbps)
        if codec.bitrates_kbps:
            assert list(codec.bitrates_kbps) == sorted(codec.bitrates_kbps)
            assert codec.bitrates_kbps[0] <= codec.default_bitrate_kbps <= codec.bitrates_kbps[-1]


def it_proves_itself(engine: CodecEngine) -> None:
    CodecTrade(lambda _: engine).prove(engine)


def it_measures_what_it_wrote(engine: CodecEngine) -> None:
    for codec in engine.codecs.values():
        target = _target(codec)
        samples = recordings.tone(0.513, target.sample_rate_hz)
        file = io.BytesIO()
        assert engine.encode([samples[:5000], samples[5000:]], target, file) == codec.name
        over_s = engine.measure(file, target, lambda: False) - len(samples) / target.sample_rate_hz
        assert -0.001 <= over_s <= 0.001 + codec.slack_samples / target.sample_rate_hz


def the_same_input_gives_the_same_file(engine: CodecEngine) -> None:
    for codec in engine.codecs.values():
        target = _target(codec)
        files = [io.BytesIO(), io.BytesIO()]
        for file in files:
            engine.encode([recordings.tone(0.2, target.sample_rate_hz)], target, file)
        if codec.file_extension != "ogg":  # Each Ogg stream has a number of its own.
            assert files[0].getvalue() == files[1].getvalue()


def packets_come_when_they_are_full(engine: CodecEngine) -> None:
    for codec in engine.codecs.values():
        if not codec.packet_ms:
            continue
        target = _target(codec)
        length = target.sample_rate_hz * codec.packet_ms // 1000
        samples = recordings.tone(codec.packet_ms * 20 / 1000, target.sample_rate_hz)[:, 0]
        encoder, decoder = engine.packet_encoder(target), engine.packet_decoder(target)
        counts, heard = [], 0
        for part in samples.reshape(20, length):
            packets = encoder.push(part)
            counts.append(len(packets))
            heard += sum(len(decoder.push(packet)) for packet in packets)
        # What looks ahead may begin late, but then keeps up.
        assert set(counts[2:]) == {1}
        rest = encoder.finish()
        heard += sum(len(decoder.push(packet)) for packet in rest) + len(decoder.finish())
        assert 20 <= sum(counts) + len(rest) <= 21
        assert abs(heard - length * (sum(counts) + len(rest))) <= 10


def resampling_keeps_time(engine: CodecEngine) -> None:
    for source_hz, target_hz in ((24_000, 8_000), (8_000, 24_000), (8_000, 8_000)):
        samples = recordings.tone(1, source_hz)[:, 0].copy()
        samples[: source_hz // 2] = 0
        blocks = (samples[start : start + 5000] for start in range(0, len(samples), 5000))
        result = np.concatenate([*engine.resample(blocks, source_hz, target_hz)])
        assert abs(len(result) - target_hz) <= 1
        assert recordings.onset_s(result, target_hz) == pytest.approx(0.5, abs=0.002)


CHECKS: Final[tuple[Check, ...]] = (
    it_names_its_model,
    it_lists_codecs_under_their_names,
    it_proves_itself,
    it_measures_what_it_wrote,
    the_same_input_gives_the_same_file,
    packets_come_when_they_are_full,
    resampling_keeps_time,
)


def named(check: Check) -> str:
    """Return a check's name for the list of tests."""
    return check.__name__
