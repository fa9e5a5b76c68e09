"""A file reads back as long as its codec lets it be, wherever in a frame its audio ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from services.codec.engines.base import CodecEngine, Target
from services.codec.engines.gsm import GsmEngine
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.spool import spool
from tests.support.recordings import tone

PYAV: Final = PyavEngine(PyavSettings())
# Of each codec with frames of its own: their length in samples, and ends that cover its least and most.
CODECS: Final[dict[str, tuple[CodecEngine, int, Sequence[int]]]] = {
    "mp3": (PYAV, 576, range(50)),
    "aac": (PYAV, 1024, range(0, 1024, 31)),
    "g722": (PYAV, 2, range(2)),
    "amr": (PYAV, 160, range(160)),
    "gsm": (GsmEngine(), 160, range(160)),
    "wav49": (GsmEngine(), 320, range(320)),
}


@pytest.mark.parametrize("name", CODECS)
def test_a_file_is_longer_by_no_more_than_its_codec_may_add(name: str) -> None:
    engine, frame, ends = CODECS[name]
    codec = engine.codecs[name]
    rate_hz = codec.sample_rates_hz[0]
    target = Target(name, rate_hz, 1, codec.default_bitrate_kbps)
    audio = tone(4 * frame / rate_hz, rate_hz)
    over = {}
    for end in ends:
        length = 3 * frame + end
        with spool() as file:
            engine.encode([audio[:length]], target, file)
            file.flush()
            over[end] = round(engine.measure(file, target, lambda: False) * rate_hz) - length
    # AAC counts its frames in milliseconds.
    assert min(over.values()) >= -rate_hz // 1000
    assert codec.slack_samples * 0.9 <= max(over.values()) <= codec.slack_samples
