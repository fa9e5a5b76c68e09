"""GSM 06.10: written by libsndfile, bare and as WAV49, read by FFmpeg."""

from __future__ import annotations

import io

import numpy as np
import pytest

from services.codec.core import CodecCore
from services.codec.engines.base import Target
from services.codec.engines.gsm import GsmEngine
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.trade import CodecTrade, given
from services.codec.media import Caps, Clip, EncodeRequest, StreamRequest
from services.codec.sniff import RawFormat
from services.shared.engines import Reference
from services.shared.errors import DragomanError
from tests.support import recordings

PYAV = PyavEngine(PyavSettings())
CORE = CodecCore(given({Reference("pyav"): PYAV, Reference("gsm"): GsmEngine()}), Caps())
RAW = {"gsm": RawFormat("gsm", 8000, 1), "wav49": None}
NAMES = {"gsm": "gsm", "wav49": "gsm_ms"}


def test_it_sees_itself_at_work() -> None:
    CodecTrade(lambda _: GsmEngine()).prove(GsmEngine())


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("duration_ms", [20, 2000, 3021])
def test_a_file_is_written_and_read(name: str, duration_ms: int) -> None:
    tone = recordings.tone(duration_ms / 1000, 24_000)[:, 0]
    made = CORE.encode([Clip(0, 0, 24_000, tone)], EncodeRequest(name), lambda: False)
    with made.file:
        data = made.file.read()
    media = recordings.opened(PYAV, data, RAW[name])
    assert media.codec == NAMES[name]
    assert 0 <= len(media.channels[0]) - 8 * duration_ms < {"gsm": 160, "wav49": 320}[name]
    if duration_ms > 1000:
        assert recordings.pitch_hz(media.channels[0], 8000) == pytest.approx(440, abs=3)
        # 13 kbit/s: 1,650 bytes a second, or 1,625 of the denser kind.
        assert len(data) == pytest.approx(1640 * duration_ms / 1000, rel=0.05)


def test_a_stream_is_the_file_in_frames() -> None:
    tone = recordings.tone(1.01, 8000)[:, 0]
    file = io.BytesIO()
    with CORE.residents.use(Reference("gsm")) as engine:
        engine.encode([tone[:, None]], Target("gsm", 8000, 1, 0), file)
    with CORE.encode_stream(StreamRequest("gsm")) as stream:
        packets = [packet for part in np.array_split(tone, 37) for packet in stream.push(part.tobytes())]
        packets += stream.finish()
    assert {len(packet) for packet in packets} == {33}
    assert b"".join(packets) == file.getvalue()
    with CORE.decode_stream(StreamRequest("gsm")) as heard:
        audio = np.frombuffer(b"".join([*map(heard.push, packets), heard.finish()]), np.int16)
    assert recordings.pitch_hz(audio, 8000) == pytest.approx(440, abs=3)
    assert len(audio) == 51 * 160


def test_it_opens_no_file() -> None:
    assert GsmEngine().containers == ()
    with pytest.raises(DragomanError) as caught, CORE.decode_stream(StreamRequest("gsm")) as stream:
        stream.push(b"")
    assert caught.value.code == "damaged_packet"
