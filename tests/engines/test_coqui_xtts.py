"""XTTS by the real coqui-tts: a model that it made itself, with random weights and one layer."""

from __future__ import annotations

import hashlib
import logging
import shutil
import socket
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models import xtts

from services.shared.engines import Reference
from services.shared.errors import Cancelled, Misconfigured
from services.tts.core import TtsCore
from services.tts.engines.coqui import CoquiEngine
from services.tts.engines.registry import create
from services.tts.engines.trade import alone
from services.tts.request import SpeechRequest
from services.tts.settings import TtsSettings
from tests.conftest import Logged
from tests.contract.tts_suite import CHECKS, Check, length_ms, named
from tests.engines.coqui_models import XTTS_MOST_CODES, save_xtts
from tests.support.cloned_voices import save_voice

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# A code is 1024 samples of 22,050 Hz; the last one is not spoken, and interpolation rounds down.
MOST_MS = XTTS_MOST_CODES * 1024 * 1000 / 22_050


def opened(folder: Path, voices_dir: Path | None = None) -> CoquiEngine:
    settings = TtsSettings(
        models_dir=folder.parent, tts_voices_dir=voices_dir, tts_device=DEVICE, tts_threads=1, tts_slots=1
    )
    engine = create(Reference("coqui", str(folder)), settings)
    assert isinstance(engine, CoquiEngine)
    return engine


def refusal(folder: Path) -> str:
    with pytest.raises(Misconfigured) as refused:
        opened(folder)
    return refused.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_xtts(tmp_path_factory.mktemp("coqui") / "tiny-xtts")


@pytest.fixture(scope="module")
def voices_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    save_voice(folder / "maria", name="maria", languages=["pt-BR"], gender="female")
    save_voice(folder / "someone", name="someone", consent={"statement": ""})
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path, voices_dir: Path) -> CoquiEngine:
    return opened(folder, voices_dir)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


# Its forecasts are of usual speech, which random weights are not.
@pytest.mark.parametrize(
    "check", [each for each in CHECKS if "forecast_is_within" not in named(each)], ids=named
)
def test_it_is_an_engine_like_the_others(engine: CoquiEngine, check: Check) -> None:
    check(engine)


def test_each_speaker_is_a_voice_in_each_language_that_can_be_read(engine: CoquiEngine) -> None:
    own = [each for each in engine.voices if not each.cloned]
    assert {each.name for each in own} >= {"Ana_Souza-en", "Ben_Reed-en", "Ana_Souza-pt", "Ben_Reed-pt"}
    assert [each.language_code for each in own if each.default][:1] in (["en"], ["zh-CN"])
    assert {each.language_code for each in own} <= {"en", "pt", "zh-CN"}
    assert {each.gender for each in own} == {""}


def test_it_runs_where_it_was_told_to(engine: CoquiEngine) -> None:
    model: Any = engine._speech
    assert {each.device.type for each in model._model.parameters()} == {DEVICE}


def test_it_speaks_something_audible_of_bounded_length(engine: CoquiEngine) -> None:
    audio = engine.synthesize("could you please tell me your number.", "Ana_Souza-en", 1.0)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert 0.5 * MOST_MS < length_ms(audio) <= MOST_MS
    assert 0 < np.abs(audio).max() <= 1


def test_speakers_and_languages_sound_different(engine: CoquiEngine) -> None:
    voices = ("Ana_Souza-en", "Ben_Reed-en", "Ana_Souza-pt")
    one, other, portuguese = (engine.synthesize("hello there.", name, 1.0)[:8000] for name in voices)
    assert not np.allclose(one, other)
    assert not np.allclose(one, portuguese)


def test_a_higher_rate_is_shorter(engine: CoquiEngine) -> None:
    slow, plain, fast = (
        length_ms(engine.synthesize("hello there.", "Ben_Reed-en", rate)) for rate in (0.8, 1.0, 2.0)
    )
    assert slow > plain > fast
    assert plain / fast == pytest.approx(2, rel=0.06)


def test_the_forecast_of_a_voice_gets_better_when_it_was_heard(copy: Path) -> None:
    engine = opened(copy)
    text = "a rather long sentence of which this model says only a part."
    typical_ms = engine.estimate_ms(text, "Ben_Reed-en", 1.0)
    truth_ms = length_ms(engine.synthesize(text, "Ben_Reed-en", 1.0))
    # It is not believed to be quicker than twice the usual.
    expected_ms = max(truth_ms, typical_ms / 2)
    assert expected_ms < typical_ms
    assert engine.estimate_ms(text, "Ben_Reed-en", 1.0) == pytest.approx(expected_ms, abs=2)
    assert engine.estimate_ms(text, "Ben_Reed-en", 2.0) < engine.estimate_ms(text, "Ben_Reed-en", 1.0)


@pytest.mark.parametrize("text", ["", "...", "?!"])
def test_nothing_speakable_is_empty_and_forecast_as_nothing(engine: CoquiEngine, text: str) -> None:
    assert engine.synthesize(text, "Ben_Reed-en", 1.0).size == 0
    assert engine.estimate_ms(text, "Ben_Reed-en", 1.0) == 0


def test_a_number_that_becomes_more_words_than_the_model_takes_is_cut(engine: CoquiEngine) -> None:
    audio = engine.synthesize(" ".join(["777777"] * 20), "Ben_Reed-en", 2.0)
    assert length_ms(audio) > MOST_MS / 2, "more than one part was spoken"


@pytest.mark.parametrize("voice", ["Ben_Reed-en", "Ben_Reed-pt"])
def test_a_number_that_has_no_words_is_read_in_groups(engine: CoquiEngine, voice: str) -> None:
    assert engine.synthesize("9" * 30, voice, 2.0).size


def test_a_cancelled_call_ends_within_a_few_codes(engine: CoquiEngine) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) > 4)
        return asked[-1]

    with pytest.raises(Cancelled):
        engine.synthesize("hello there, how are you.", "Ben_Reed-en", 1.0, cancelled)
    assert len(asked) == 6, "it was told once, and went on no longer"
    assert engine.synthesize("hello there.", "Ben_Reed-en", 2.0).any(), "one call's end is not another's"


def test_nothing_that_was_said_is_logged_or_printed(
    engine: CoquiEngine, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        engine.synthesize("my secret. " * 25, "Ben_Reed-en", 2.0)
    assert not [record for record in caplog.records if "secret" in record.getMessage()]
    assert capsys.readouterr() == ("", "")


def test_the_network_is_never_asked(copy: Path, voices_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: Any) -> None:
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert opened(copy, voices_dir).synthesize("hello.", "maria", 2.0).size


def test_a_cloned_voice_speaks_only_the_language_agreed_to(engine: CoquiEngine) -> None:
    (maria,) = (each for each in engine.voices if each.cloned)
    assert (maria.name, maria.language_code, maria.gender, maria.default) == ("maria", "pt", "female", False)
    speech = TtsCore(alone(engine)).synthesize(SpeechRequest("bom dia, tudo bem?", "pt-BR", voice="maria"))
    assert (speech.voice, speech.warnings) == ("maria", ("cloned_voice",))
    assert 200 < speech.duration_ms <= MOST_MS
    own = engine.synthesize("bom dia, tudo bem?", "Ana_Souza-pt", 1.0)
    assert not np.allclose(own[:8000], speech.audio[:8000])


def test_a_voice_without_consent_is_not_offered_and_the_log_says_so(
    copy: Path, voices_dir: Path, logged: Logged
) -> None:
    engine = opened(copy, voices_dir)
    assert [each.name for each in engine.voices if each.cloned] == ["maria"]
    (line,) = (each for each in logged() if each["event"] == "voice refused")
    assert (line["folder"], line["code"]) == ("someone", "consent_missing")


def test_what_is_made_of_a_sample_is_what_the_library_makes_of_it(
    engine: CoquiEngine, voices_dir: Path
) -> None:
    model: Any = engine._speech
    latents, embedding = model._conditioning["maria"]
    config = model._model.config
    audio = xtts.torchaudio.functional.resample(
        torch.from_numpy(model._cloned[0].samples)[None], 16_000, config.audio.sample_rate
    )
    audio = audio[:, : config.max_ref_len * config.audio.sample_rate].to(DEVICE)
    theirs = model._model.get_gpt_cond_latents(audio, 22_050, config.gpt_cond_len, config.gpt_cond_chunk_len)
    assert torch.allclose(latents, theirs, atol=1e-5)
    assert latents.shape == (1, 32, 64)
    assert embedding.shape == (1, 512, 1)


def test_without_speakers_of_its_own_a_cloned_voice_is_needed(copy: Path, voices_dir: Path) -> None:
    (copy / "speakers_xtts.pth").unlink()
    assert refusal(copy) == "no_voice"
    (maria,) = opened(copy, voices_dir).voices
    assert (maria.name, maria.default) == ("maria", True)


def test_a_folder_without_vocabulary_or_with_a_broken_one_is_refused(copy: Path) -> None:
    (copy / "vocab.json").write_text("{}")
    assert refusal(copy) == "model_unusable"
    (copy / "vocab.json").unlink()
    assert refusal(copy) == "model_missing"


def test_a_checkpoint_as_it_was_published_is_read_and_not_written_anew(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # XTTS-v2 holds its configuration as an object of a class that has moved since.
    weights = torch.load(copy / "model.pth", weights_only=True)
    with monkeypatch.context() as patch:
        for kind in (xtts.XttsArgs, xtts.XttsAudioConfig):
            patch.setattr(kind, "__module__", xtts.__name__)
        torch.save(weights | {"config": XttsConfig()}, copy / "model.pth")
    with pytest.raises(UnpicklingError):
        torch.load(copy / "model.pth", weights_only=True)
    before = hashlib.sha256((copy / "model.pth").read_bytes()).hexdigest()
    engine = opened(copy)
    assert hashlib.sha256((copy / "model.pth").read_bytes()).hexdigest() == before
    assert engine.voices
