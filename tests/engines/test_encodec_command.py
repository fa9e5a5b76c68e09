"""Files go to the encodec package's own command and come from it, with weights of the true shape."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from services.codec.engines import ecdc, encodec
from services.codec.engines.base import CodecEngine, Samples, Target
from services.codec.settings import CodecSettings
from tests.engines import encodec_models
from tests.support import recordings

RATE_HZ = 24_000

# The package is older than PyTorch's way of today to norm weights.
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
# One of the lengths, 21 frames, for which the package's reader asks for a frame more than its writer wrote.
LENGTHS = (9_345, 21 * 320)

# The command itself; only to open and save WAV files it goes another way where torchaudio's is barred,
# because torchcodec finds no FFmpeg libraries on the machine.
COMMAND = """
import wave
import numpy
import torch
import torchaudio
from encodec.__main__ import main


def load(path):
    with wave.open(str(path)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
        return torch.from_numpy(samples / numpy.float32(32768))[None], file.getframerate()


def save(path, wav, sample_rate, encoding, bits_per_sample):
    assert (encoding, bits_per_sample) == ("PCM_S", 16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, sample_rate, 0, "NONE", ""))
        file.writeframes((wav[0] * 32768).round().to(torch.int16).numpy().tobytes())


try:
    import torchcodec
except (ImportError, OSError, RuntimeError):
    torchaudio.load, torchaudio.save = load, save
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights under the names, and in the place, that the command looks for before it would download them."""
    torch.set_num_threads(1)
    codec = encodec_models.codec(32, 128)
    language = encodec_models.language(dim=200, layers=5)
    return encodec_models.save(tmp_path_factory.mktemp("torch") / "hub" / "checkpoints", codec, language)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[CodecEngine]:
    """Ours, with the same weights, on the processor, as the command computes."""
    made = encodec.load(CodecSettings(), str(folder))
    yield made
    made.close()


def command(folder: Path, *arguments: str | Path) -> None:
    """Run the package's command in a process of its own, with no way to download anything."""
    environment = os.environ | {
        "TORCH_HOME": str(folder.parents[1]),
        "OMP_NUM_THREADS": "1",
        # Nothing but this machine can be reached through it.
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    words = [sys.executable, "-W", "ignore", "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def sound(sample_count: int) -> Samples:
    noise = np.random.default_rng(2).normal(0, 900, sample_count)
    made: Samples = (3000 * np.sin(np.arange(sample_count) * 0.05) + noise).astype(np.int16)
    return made


def samples_of(path: Path) -> Samples:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


@pytest.mark.parametrize("sample_count", LENGTHS)
@pytest.mark.parametrize("codec", [encodec.PLAIN, encodec.MODELLED])
def test_the_command_reads_our_files(
    engine: CodecEngine, folder: Path, tmp_path: Path, codec: str, sample_count: int
) -> None:
    sink = io.BytesIO()
    target = Target(codec, RATE_HZ, 1, 6)
    assert engine.encode([sound(sample_count)[:, None]], target, sink) == codec
    (tmp_path / "ours.ecdc").write_bytes(sink.getvalue())
    command(folder, tmp_path / "ours.ecdc", tmp_path / "heard.wav")
    heard = samples_of(tmp_path / "heard.wav")
    ours = recordings.opened(engine, sink.getvalue()).channels[0]
    assert len(heard) == len(ours) == sample_count
    # The command turns down what passes 0.99 of full scale.
    quiet = np.abs(ours.astype(int)) < 32_000
    assert np.abs(heard.astype(int) - ours)[quiet].max() <= 3


@pytest.mark.parametrize("words", [(), ("--lm",), ("--bandwidth", "24")])
def test_we_read_the_commands_files(
    engine: CodecEngine, folder: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    for sample_count in LENGTHS:
        source, made = tmp_path / "source.wav", tmp_path / "theirs.ecdc"
        source.write_bytes(recordings.wav(sound(sample_count), RATE_HZ))
        command(folder, source, made, "--force", *words)
        data = made.read_bytes()
        header = ecdc.read_header(io.BytesIO(data))
        assert (header.modelled, header.checksum) == ("--lm" in words, None)
        media = recordings.opened(engine, data)
        assert len(media.channels[0]) == sample_count
        if "--lm" not in words:
            kbps = float(words[1]) if words else 6
            sink = io.BytesIO()
            engine.encode([sound(sample_count)[:, None]], Target(encodec.PLAIN, RATE_HZ, 1, kbps), sink)
            ours = recordings.opened(engine, sink.getvalue()).channels[0].astype(float)
            theirs = media.channels[0].astype(float)
            assert np.corrcoef(ours, theirs)[0, 1] > 0.99
