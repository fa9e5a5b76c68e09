"""EnCodec against the encodec package itself, with small models of its own classes and random weights."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from services.codec.core import CodecCore
from services.codec.engines import ecdc, encodec, encodec_entropy, encodec_model
from services.codec.engines.base import CodecEngine, Samples, Target
from services.codec.engines.encodec import EncodecEngine
from services.codec.engines.encodec_net import Done, Piece
from services.codec.engines.encodec_pieces import MOST_FRAMES
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.registry import create
from services.codec.engines.trade import given
from services.codec.media import Caps, Clip, DecodeRequest, EncodeRequest, StreamRequest
from services.codec.settings import CodecSettings
from services.shared.batching import Limits
from services.shared.engines import Model, Reference
from services.shared.errors import Cancelled, DragomanError, Misconfigured, TooLarge
from tests.contract.codec_suite import CHECKS, Check, named
from tests.engines import encodec_models
from tests.support import recordings, waiting

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RATE_HZ = 24_000

# The package is older than PyTorch's way of today to norm weights.
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Two threads are slower than one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def package() -> Any:
    """The package's own model."""
    return encodec_models.codec()


@pytest.fixture(scope="module")
def folder(package: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that and a language model are saved."""
    return encodec_models.save(tmp_path_factory.mktemp("encodec"), package, encodec_models.language())


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[CodecEngine]:
    """Our engine with the same weights."""
    made = create(Reference("encodec", str(folder)), CodecSettings(codec_device=DEVICE))
    yield made
    made.close()


@pytest.fixture(scope="module")
def core(engine: CodecEngine) -> CodecCore:
    """A core that has FFmpeg, too."""
    engines = given({Reference("pyav"): PyavEngine(PyavSettings()), Reference("encodec"): engine})
    return CodecCore(engines, Caps(max_duration_ms=60_000))


def sound(sample_count: int, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).normal(0, 900, sample_count)
    made: Samples = (3000 * np.sin(np.arange(sample_count) * 0.05) + noise).astype(np.int16)
    return made


def package_codes(package: Any, samples: Samples, kbps: float) -> ecdc.Codes:
    package.set_target_bandwidth(kbps)
    made: ecdc.Codes
    with torch.no_grad():
        ((codes, _),) = package.encode(torch.from_numpy(samples / np.float32(32_768))[None, None].float())
    made = codes[0].numpy().astype(np.int16)
    return made


def package_audio(package: Any, codes: ecdc.Codes) -> Samples:
    with torch.no_grad():
        audio = package.decode([(torch.from_numpy(codes.astype(np.int64))[None], None)])[0, 0]
    heard: Samples
    heard = (audio * 32_768).round().clamp(-32_768, 32_767).to(torch.int16).numpy()
    return heard


def written(engine: CodecEngine, samples: Samples, kbps: float, codec: str = encodec.PLAIN) -> bytes:
    sink = io.BytesIO()
    blocks = [samples[start : start + 9999, None] for start in range(0, len(samples), 9999)]
    assert engine.encode(blocks, Target(codec, RATE_HZ, 1, kbps), sink) == codec
    return sink.getvalue()


def read_codes(data: bytes) -> ecdc.Codes:
    source = io.BytesIO(data)
    return ecdc.read_codes(source, ecdc.read_header(source))


def alike(one: ecdc.Codes, other: ecdc.Codes) -> float:
    """Return the share of equal codes; sums in another order tip the balance between two entries at times."""
    assert one.shape == other.shape
    return float((one == other).mean())


# Loading


def test_it_loads_from_a_folder_onto_its_device(engine: CodecEngine, folder: Path) -> None:
    assert isinstance(engine, EncodecEngine)
    assert engine.model.name == folder.name
    assert len(engine.model.sha256) == 64
    assert engine.model.revision == engine.model.sha256[:12]
    assert set(engine.codecs) == {"encodec", "encodec-lm"}
    assert engine.codecs["encodec"].bitrates_kbps == (1.5, 3, 6, 12, 24)
    assert engine.codecs["encodec"].model == engine.model
    books = vars(engine)["_net"].__dict__["_codebooks"]
    assert {book.device.type for book in books} == {DEVICE}


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_it_keeps_the_promises_of_every_engine(engine: CodecEngine, check: Check) -> None:
    check(engine)


def test_it_loads_what_was_pulled_from_a_hub(package: Any, tmp_path: Path) -> None:
    encodec_models.save(tmp_path / "hub" / "somebody" / "encodec", package)
    made = encodec.load(CodecSettings(models_dir=tmp_path), "somebody/encodec")
    made.close()
    assert made.model.name == "somebody/encodec"
    # Without a language model there is one codec less.
    assert set(made.codecs) == {"encodec"}


@pytest.mark.parametrize("model", ["", "somebody/missing", "/nowhere/at/all"])
def test_a_model_that_is_not_here_says_so(model: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        encodec.load(CodecSettings(models_dir=tmp_path), model)
    assert caught.value.code == "model_missing"


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / encodec_models.CODEC_FILE)
    with pytest.raises(Misconfigured) as caught:
        encodec.load(CodecSettings(models_dir=tmp_path), str(tmp_path))
    assert caught.value.code == "model_damaged"


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"encoder": Path("/")}, tmp_path / encodec_models.CODEC_FILE)
    with pytest.raises(Misconfigured) as caught:
        encodec.load(CodecSettings(models_dir=tmp_path), str(tmp_path))
    assert caught.value.code == "model_damaged"


# Files: as the package does


@pytest.mark.parametrize("kbps", encodec_model.KBPS)
@pytest.mark.parametrize("sample_count", [1, 300, 320, 2239, 2240, 48_000, 100_001])
def test_codes_are_the_packages(engine: CodecEngine, package: Any, kbps: float, sample_count: int) -> None:
    samples = sound(sample_count)
    ours, theirs = read_codes(written(engine, samples, kbps)), package_codes(package, samples, kbps)
    assert len(ours) == kbps * 4 / 3
    assert alike(ours[:, : theirs.shape[1]], theirs) > 0.995


@pytest.mark.parametrize("sample_count", [1, 320, 2240, 48_000, 100_001])
def test_audio_is_the_packages(engine: CodecEngine, package: Any, sample_count: int) -> None:
    data = written(engine, sound(sample_count), 6)
    heard = package_audio(package, read_codes(data))[:sample_count]
    ours = recordings.opened(engine, data)
    assert (ours.container, ours.codec, ours.sample_rate_hz) == ("ecdc", "encodec", RATE_HZ)
    assert len(ours.channels[0]) == sample_count
    assert np.abs(ours.channels[0].astype(int) - heard).max() <= 3


def test_a_file_is_as_large_as_its_bitrate_says(engine: CodecEngine) -> None:
    for kbps in encodec_model.KBPS:
        assert len(written(engine, sound(10 * RATE_HZ), kbps)) == pytest.approx(kbps * 1250, abs=100)


def test_a_caller_gets_another_rate(engine: CodecEngine) -> None:
    media = recordings.opened(engine, written(engine, sound(48_000), 6), sample_rate_hz=16_000)
    assert (media.source_sample_rate_hz, media.sample_rate_hz) == (24_000, 16_000)
    assert len(media.channels[0]) == 32_000


def test_jobs_write_and_open_it_beside_ffmpeg(core: CodecCore) -> None:
    request = EncodeRequest("encodec", 12, duration_ms=3000)
    made = core.encode([Clip(0, 1000, 8000, sound(8000))], request, lambda: False)
    with made.file:
        assert (made.codec.file_extension, made.target.bitrate_kbps) == ("ecdc", 12)
        with core.decode(made.file, DecodeRequest(sample_rate_hz=16_000), lambda: False) as recording:
            assert (recording.container, recording.duration_ms) == ("ecdc", 3000)
    assert {"ecdc", "wav"} <= set(core.containers)
    assert {"opus", "encodec"} <= set(core.codecs)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (EncodeRequest("encodec", 7, duration_ms=100), "invalid_bitrate"),
        (EncodeRequest("encodec", channel_count=2, duration_ms=100), "too_many_channels"),
        (EncodeRequest("encodec", sample_rate_hz=48_000, duration_ms=100), "unsupported_sample_rate"),
    ],
)
def test_what_it_cannot_write_is_refused(core: CodecCore, request_: EncodeRequest, code: str) -> None:
    with pytest.raises(DragomanError) as caught:
        core.encode([], request_, lambda: False)
    assert caught.value.code == code


# The language model


def test_the_language_model_makes_files_that_come_back(engine: CodecEngine) -> None:
    samples = sound(12_345)
    modelled = written(engine, samples, 6, encodec.MODELLED)
    source = io.BytesIO(modelled)
    header = ecdc.read_header(source)
    assert header.modelled
    plain = recordings.opened(engine, written(engine, samples, 6))
    assert np.array_equal(recordings.opened(engine, modelled).channels[0], plain.channels[0])


def test_codes_that_do_not_come_back_are_written_plain(
    engine: CodecEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_source: object, shape: tuple[int, int], *_: object) -> ecdc.Codes:
        return np.zeros(shape, np.int16)

    monkeypatch.setattr(encodec_entropy, "read", other)
    sink = io.BytesIO()
    assert engine.encode([sound(9000)[:, None]], Target("encodec-lm", RATE_HZ, 1, 6), sink) == "encodec"
    sink.seek(0)
    assert not ecdc.read_header(sink).modelled


def test_what_takes_the_language_model_too_long_is_written_plain(folder: Path) -> None:
    made = encodec.load(CodecSettings(codec_language_max_s=1, codec_device=DEVICE), str(folder))
    target = Target("encodec-lm", RATE_HZ, 1, 6)
    assert made.encode([sound(RATE_HZ)[:, None]], target, io.BytesIO()) == "encodec-lm"
    assert made.encode([sound(RATE_HZ + 1)[:, None]], target, io.BytesIO()) == "encodec"
    made.close()


def test_a_file_too_long_for_the_language_model_is_refused(engine: CodecEngine, folder: Path) -> None:
    data = written(engine, sound(RATE_HZ + 1), 6, encodec.MODELLED)
    short = encodec.load(CodecSettings(codec_language_max_s=1, codec_device=DEVICE), str(folder))
    with pytest.raises(TooLarge):
        recordings.opened(short, data)
    short.close()


def test_without_a_language_model_its_files_are_refused(
    engine: CodecEngine, package: Any, tmp_path: Path
) -> None:
    bare = encodec.load(CodecSettings(codec_device=DEVICE), str(encodec_models.save(tmp_path / "m", package)))
    with pytest.raises(DragomanError) as caught:
        recordings.opened(bare, written(engine, sound(5000), 6, encodec.MODELLED))
    bare.close()
    assert caught.value.code == "unsupported_codec"


def test_a_caller_who_went_away_stops_the_language_model(engine: CodecEngine) -> None:
    with pytest.raises(Cancelled):
        engine.encode([sound(9000)[:, None]], Target("encodec-lm", RATE_HZ, 1, 6), io.BytesIO(), lambda: True)


# Damage


@pytest.mark.parametrize("codec", [encodec.PLAIN, encodec.MODELLED])
def test_no_damaged_file_passes_for_a_whole_one(engine: CodecEngine, codec: str) -> None:
    data = written(engine, sound(6000), 3, codec)
    rng = np.random.default_rng(3)
    start = 9 + int.from_bytes(data[5:9])
    for _ in range(40):
        broken = bytearray(data)
        broken[int(rng.integers(start, len(data) - 1))] ^= 1 << int(rng.integers(8))
        with pytest.raises(DragomanError) as caught:
            recordings.opened(engine, bytes(broken))
        assert caught.value.code in {"damaged_media", "truncated_media"}


@pytest.mark.parametrize("codec", [encodec.PLAIN, encodec.MODELLED])
def test_no_cut_file_passes_for_a_whole_one(engine: CodecEngine, codec: str) -> None:
    data = written(engine, sound(6000), 3, codec)
    for length in range(4, len(data) - 2, 7):
        with pytest.raises(DragomanError) as caught:
            recordings.opened(engine, data[:length])
        assert caught.value.code in {"damaged_media", "truncated_media"}


def test_a_header_cannot_ask_for_hours(engine: CodecEngine) -> None:
    sink = io.BytesIO()
    ecdc.write_header(sink, ecdc.Header(1 << 39, 8, modelled=False))
    with pytest.raises(TooLarge):
        recordings.opened(engine, sink.getvalue())


# Streams


@pytest.mark.parametrize("kbps", encodec_model.KBPS)
@pytest.mark.parametrize("step", [1920, 777])
def test_a_stream_is_the_whole_file(core: CodecCore, package: Any, kbps: float, step: int) -> None:
    samples = sound(5 * RATE_HZ + 111)
    with core.encode_stream(StreamRequest("encodec", kbps)) as stream:
        packets = [
            packet
            for start in range(0, len(samples), step)
            for packet in stream.push(samples[start : start + step].tobytes())
        ]
        packets += stream.finish()
    codes = np.concatenate([ecdc.unpack(each, int(kbps * 4 / 3)) for each in packets], axis=1)
    assert alike(codes, package_codes(package, samples, kbps)) > 0.995
    assert {len(packet) for packet in packets[:-1]} == {int(kbps * 10)}
    with core.decode_stream(StreamRequest("encodec", kbps)) as heard:
        audio = np.frombuffer(b"".join([*map(heard.push, packets), heard.finish()]), np.int16)
    assert np.abs(audio.astype(int) - package_audio(package, codes)).max() <= 3


def test_a_packet_and_its_audio_come_at_once(core: CodecCore) -> None:
    parts = sound(20 * 1920).reshape(20, -1)
    request = StreamRequest("encodec")
    with core.encode_stream(request) as stream, core.decode_stream(request) as heard:
        assert stream.codec.packet_ms == 80
        packets = [stream.push(part.tobytes()) for part in parts]
        # The first layer looks at 7 frames before it says anything, and a packet has 6.
        assert [len(each) for each in packets] == [0, 2] + [1] * 18
        audio = [len(heard.push(packet)) // 2 for each in packets for packet in each]
    assert audio == [0, 3840] + [1920] * 18


@pytest.mark.parametrize("frames", [1, 6, 7, 12])
def test_a_short_stream_is_heard(core: CodecCore, package: Any, frames: int) -> None:
    samples = sound(frames * 320 - 5)
    request = StreamRequest("encodec")
    with core.encode_stream(request) as stream, core.decode_stream(request) as heard:
        packets = [*stream.push(samples.tobytes()), *stream.finish()]
        audio = np.frombuffer(b"".join([*map(heard.push, packets), heard.finish()]), np.int16)
    expected = package_audio(package, package_codes(package, samples, 6))
    assert np.abs(audio.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("packet", [b"", bytes(59), bytes(61), bytes(600)])
def test_a_packet_of_another_size_is_refused(core: CodecCore, packet: bytes) -> None:
    with core.decode_stream(StreamRequest("encodec", 6)) as stream, pytest.raises(DragomanError) as caught:
        stream.push(packet)
    assert caught.value.code == "damaged_packet"


# Batches


def test_a_batch_gives_what_each_gives_alone(package: Any) -> None:
    model = encodec_model.codec_of(package.state_dict()).to(DEVICE)
    net = encodec_model.Encodec(model, Limits(items=8))
    engine = EncodecEngine(net, None, Model("test", "1"))
    sounds = [sound(MOST_FRAMES * 320 * 2 + 50, seed) for seed in range(6)]
    alone = [read_codes(written(engine, each, 6)) for each in sounds]
    sizes: list[int] = []

    def counting(pieces: Sequence[Piece]) -> list[Done]:
        sizes.append(len(pieces))
        return net.run(pieces)

    batches = vars(vars(net)["_batches"])
    batches["_run"] = counting
    # While the only runner is taken, all come to wait.
    batches["_free"].acquire()
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(written, engine, each, 6) for each in sounds]
        waiting.until(lambda: batches["_queued"] == 6)
        batches["_free"].release()
        together = [read_codes(future.result()) for future in futures]
    engine.close()
    assert max(sizes) > 1
    for codes, expected in zip(together, alone, strict=True):
        assert alike(codes, expected) > 0.995
