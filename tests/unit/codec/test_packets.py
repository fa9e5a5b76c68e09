"""Streams of packets: the audio that went in comes out, packet by packet."""

from __future__ import annotations

import numpy as np
import pytest

from services.codec.core import CodecCore
from services.codec.engines.base import Samples
from services.codec.engines.fake import FakeEngine
from services.codec.engines.pyav import FORMATS, PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, StreamRequest
from services.shared.errors import DragomanError, TooLarge
from tests.support import recordings

CORE = CodecCore(alone(PyavEngine(PyavSettings())), Caps(max_duration_ms=60_000))
STREAMED = {each.description.name: each.description for each in FORMATS if each.description.packet_ms}
# Bytes of 20 ms where that is fixed.
SIZES = {"mulaw": 160, "alaw": 160, "g722": 160}


def sent(core: CodecCore, request: StreamRequest, samples: Samples, step: int) -> list[bytes]:
    with core.encode_stream(request) as stream:
        packets = [
            packet
            for start in range(0, len(samples), step)
            for packet in stream.push(samples[start : start + step].tobytes())
        ]
        return packets + stream.finish()


def heard(core: CodecCore, request: StreamRequest, packets: list[bytes]) -> Samples:
    with core.decode_stream(request) as stream:
        audio = b"".join([*map(stream.push, packets), stream.finish()])
    return np.frombuffer(audio, np.int16)


def test_the_codecs_of_calls_can_be_streamed() -> None:
    assert set(STREAMED) == {"opus", "mulaw", "alaw", "g722"}


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("step", [77, 160, 5000])
def test_what_was_sent_is_heard(name: str, step: int) -> None:
    rate_hz = STREAMED[name].sample_rates_hz[0]
    request = StreamRequest(name)
    samples = recordings.tone(2.013, rate_hz)[:, 0]
    packets = sent(CORE, request, samples, step)
    # Opus may need one more for its delay.
    assert 101 <= len(packets) <= 102
    if name in SIZES:
        assert {len(packet) for packet in packets} == {SIZES[name]}
    result = heard(CORE, request, packets)
    assert len(packets) * rate_hz // 50 - 10 <= len(result) <= len(packets) * rate_hz // 50 + 10
    middle = result[rate_hz // 2 : rate_hz * 3 // 2]
    assert recordings.pitch_hz(middle, rate_hz) == pytest.approx(440, abs=2)
    assert np.abs(middle.astype(int)).max() == pytest.approx(8000, rel=0.15)


@pytest.mark.parametrize("name", STREAMED)
def test_a_packet_comes_as_soon_as_it_is_full(name: str) -> None:
    rate_hz = STREAMED[name].sample_rates_hz[0]
    samples = recordings.tone(1, rate_hz)[:, 0]
    with CORE.encode_stream(StreamRequest(name)) as stream:
        counts = [len(stream.push(part.tobytes())) for part in samples.reshape(50, -1)]
    assert sum(counts) >= 49
    assert set(counts[2:]) == {1}


@pytest.mark.parametrize("rate_hz", STREAMED["opus"].sample_rates_hz)
def test_opus_streams_at_each_of_its_rates(rate_hz: int) -> None:
    request = StreamRequest("opus", 32, rate_hz)
    samples = recordings.tone(1, rate_hz)[:, 0]
    result = heard(CORE, request, sent(CORE, request, samples, 1000))
    assert recordings.pitch_hz(result[rate_hz // 4 : rate_hz * 3 // 4], rate_hz) == pytest.approx(440, abs=2)


def code_of(request: StreamRequest) -> str:
    with pytest.raises(DragomanError) as caught, CORE.encode_stream(request):
        pass
    return caught.value.code


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (StreamRequest("flac"), "not_streamable"),
        (StreamRequest("realaudio"), "unknown_codec"),
        (StreamRequest("opus", 900), "invalid_bitrate"),
        (StreamRequest("mulaw", 64), "invalid_bitrate"),
        (StreamRequest("opus", 0, 44_100), "unsupported_sample_rate"),
    ],
)
def test_a_stream_that_cannot_be_made_is_refused(request_: StreamRequest, code: str) -> None:
    assert code_of(request_) == code


@pytest.mark.parametrize("packet", [b"", bytes(5000)])
@pytest.mark.parametrize("name", STREAMED)
def test_a_packet_of_no_size_is_refused(name: str, packet: bytes) -> None:
    with CORE.decode_stream(StreamRequest(name)) as stream, pytest.raises(DragomanError) as caught:
        stream.push(packet)
    assert caught.value.code == "damaged_packet"


def test_a_stream_that_never_ends_is_ended() -> None:
    core = CodecCore(alone(FakeEngine()), Caps(max_duration_ms=1000))
    with core.encode_stream(StreamRequest("wav")) as stream:
        assert len(stream.push(bytes(48_000))) == 50
        with pytest.raises(TooLarge):
            stream.push(bytes(2))


def test_half_a_sample_is_refused() -> None:
    with CORE.encode_stream(StreamRequest("opus")) as stream, pytest.raises(DragomanError) as caught:
        stream.push(b"abc")
    assert caught.value.code == "invalid_audio"


def test_a_stream_holds_its_engine_until_it_is_closed() -> None:
    core = CodecCore(alone(FakeEngine()), Caps())
    with core.encode_stream(StreamRequest("wav")):
        assert core.residents.statuses[0].calls == 1
    assert core.residents.statuses[0].calls == 0
