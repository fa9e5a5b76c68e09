"""VITS by the real coqui-tts, with small models that it made itself."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from TTS.tts.utils.text.phonemizers import espeak_wrapper

from services.shared.engines import Reference
from services.shared.errors import Cancelled, Misconfigured
from services.tts.core import TtsCore
from services.tts.engines.base import SAMPLE_RATE_HZ
from services.tts.engines.coqui import CoquiEngine
from services.tts.engines.coqui_library import finished
from services.tts.engines.registry import create
from services.tts.engines.trade import TtsTrade, alone
from services.tts.request import SpeechRequest
from services.tts.settings import TtsSettings
from tests.contract.tts_suite import CHECKS, Check, length_ms, named
from tests.engines.coqui_models import LETTERS, PHONEMES, VITS_RATE_HZ, rewrite, save_vits, tokens, vits_ms
from tests.support.absent import absent

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SENTENCE = "could you please tell me your account number."
TWO = f"{SENTENCE} thank you, one moment please."


def opened(folder: Path, models_dir: Path | None = None) -> CoquiEngine:
    settings = TtsSettings(
        models_dir=models_dir or folder.parent, tts_device=DEVICE, tts_threads=1, tts_slots=1
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
    return save_vits(tmp_path_factory.mktemp("coqui") / "narrator", languages=["en-us"])


@pytest.fixture(scope="module")
def engine(folder: Path) -> CoquiEngine:
    return opened(folder)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> CoquiEngine:
    folder = tmp_path_factory.mktemp("coqui") / "crowd"
    speakers = ["p225", "p226", "p227"]
    return opened(save_vits(folder, languages=["en"], speakers=speakers, use_speaker_embedding=True))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_it_is_an_engine_like_the_others(engine: CoquiEngine, check: Check) -> None:
    check(engine)


def test_a_model_of_one_speaker_has_one_voice_in_its_language(engine: CoquiEngine) -> None:
    (voice,) = engine.voices
    assert (voice.name, voice.language_code, voice.gender) == ("narrator", "en-US", "")
    assert voice.default
    assert not voice.cloned


def test_the_model_says_its_name_and_the_hash_of_its_weights(engine: CoquiEngine, copy: Path) -> None:
    assert engine.model.name == "narrator"
    assert len(engine.model.sha256) == 64
    assert engine.model.sha256.startswith(engine.model.revision)
    assert opened(copy).model.sha256 == engine.model.sha256


def test_it_runs_where_it_was_told_to(engine: CoquiEngine) -> None:
    model: Any = engine._speech
    assert {each.device.type for each in model._model.parameters()} == {DEVICE}
    assert not model._model.training


def test_speech_is_as_long_as_its_tokens_after_a_change_of_the_sample_rate(engine: CoquiEngine) -> None:
    audio = engine.synthesize(SENTENCE, "narrator", 1.0)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert length_ms(audio) == pytest.approx(vits_ms(tokens(SENTENCE)), abs=20)
    assert 0 < np.abs(audio).max() <= 1


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_the_rate_changes_the_length_of_tokens_and_not_the_pitch(engine: CoquiEngine, rate: float) -> None:
    audio = engine.synthesize(SENTENCE, "narrator", rate)
    assert length_ms(audio) == pytest.approx(vits_ms(tokens(SENTENCE), rate), abs=20)


def test_the_forecast_is_the_length(engine: CoquiEngine) -> None:
    for rate in (0.8, 1.0, 1.25):
        truth_ms = length_ms(engine.synthesize(TWO, "narrator", rate))
        assert engine.estimate_ms(TWO, "narrator", rate) == pytest.approx(truth_ms, rel=0.03)


def test_a_forecast_costs_no_speech(engine: CoquiEngine) -> None:
    model: Any = engine._speech
    spoken: list[object] = []
    hook = model._model.waveform_decoder.register_forward_hook(lambda *_: spoken.append(1))
    try:
        assert engine.estimate_ms("a text of its own.", "narrator", 1.0) > 0
        assert not spoken
        engine.synthesize("a text of its own.", "narrator", 1.0)
        assert len(spoken) == 1
    finally:
        hook.remove()


def test_speaking_leaves_the_random_numbers_of_others_alone(engine: CoquiEngine) -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    engine.synthesize("hello.", "narrator", 1.0)
    assert torch.equal(torch.rand(4), expected)


def test_without_noise_it_says_what_the_library_says(copy: Path) -> None:
    arguments = json.loads((copy / "config.json").read_text())["model_args"]
    rewrite(copy, model_args=arguments | {"inference_noise_scale": 0.0})
    engine = opened(copy)
    model: Any = engine._speech
    theirs = model._model.synthesize(SENTENCE, language="en-us")["wav"]
    assert np.array_equal(engine.synthesize(SENTENCE, "copy", 1.0), finished(theirs, VITS_RATE_HZ))


def test_a_model_that_knows_no_latin_letter_proves_itself(tmp_path: Path) -> None:
    letters = dataclasses.replace(LETTERS, characters="абвгдежзийклмнопрстуфхцчшщъыьэюя")
    engine = opened(save_vits(tmp_path / "russian", languages=["ru"], characters=letters))
    assert not engine.synthesize("Ok", "russian", 1.0).size
    TtsTrade(TtsSettings()).prove(engine)


def test_a_model_of_phonemes_speaks_what_espeak_writes(tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        absent("the program espeak-ng, which coqui-tts runs")
    folder = save_vits(
        tmp_path / "phonemes",
        languages=["en"],
        use_phonemes=True,
        phonemizer="espeak",
        phoneme_language="en-us",
        characters=PHONEMES,
    )
    engine = opened(folder)
    audio = engine.synthesize("the through road", "phonemes", 1.0)
    # Two, five and four phonemes with two spaces between, and perhaps a mark of stress; not sixteen letters.
    assert length_ms(audio) == pytest.approx(vits_ms(2 * 13 + 1), rel=0.1)


def test_a_model_of_phonemes_says_that_it_needs_espeak(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where the library, when it was imported, found the program.
    monkeypatch.setattr(espeak_wrapper, "_DEF_ESPEAK_LIB", None)
    rewrite(copy, use_phonemes=True, phonemizer="espeak", phoneme_language="en-us")
    with pytest.raises(Misconfigured, match="Install espeak-ng"):
        opened(copy)


@pytest.mark.parametrize("text", ["", "...", "?!", "你好"])
def test_what_the_model_cannot_speak_is_empty_and_forecast_as_nothing(engine: CoquiEngine, text: str) -> None:
    assert engine.synthesize(text, "narrator", 1.0).size == 0
    assert engine.estimate_ms(text, "narrator", 1.0) == 0


def test_nothing_that_was_said_is_logged_or_printed(
    engine: CoquiEngine, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        # Of a character that it does not know the library logs the whole text.
        assert engine.synthesize("my secret is ß.", "narrator", 1.0).size
    assert not [record for record in caplog.records if "secret" in record.getMessage()]
    assert capsys.readouterr() == ("", "")


def test_a_long_text_is_spoken_in_pieces_that_are_all_heard(engine: CoquiEngine) -> None:
    text = " ".join([SENTENCE] * 12)
    audio = engine.synthesize(text, "narrator", 1.0)
    assert length_ms(audio) == pytest.approx(vits_ms(tokens(text)), rel=0.1)
    assert engine.estimate_ms(text, "narrator", 1.0) == pytest.approx(length_ms(audio), rel=0.03)


def test_a_cancelled_call_ends_before_its_next_piece(engine: CoquiEngine) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) > 1)
        return asked[-1]

    with pytest.raises(Cancelled):
        engine.synthesize(" ".join([SENTENCE] * 30), "narrator", 1.0, cancelled)
    assert asked == [False, False, True]


def test_it_fits_speech_into_a_slot(engine: CoquiEngine) -> None:
    plain = TtsCore(alone(engine)).synthesize(SpeechRequest(SENTENCE, "en"))
    wanted = SpeechRequest(SENTENCE, "en", slot_ms=round(plain.duration_ms * 0.8), max_stretch=2.0)
    fitted = TtsCore(alone(engine)).synthesize(wanted)
    assert fitted.passes == 1
    assert fitted.duration_ms <= wanted.slot_ms * 1.02
    assert fitted.stretch > 1
    assert not fitted.warnings


def test_the_network_is_never_asked(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: Any) -> None:
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert opened(copy).synthesize("hello.", "copy", 1.0).size


class TestSpeakersAndLanguages:
    """Models of several."""

    def test_each_speaker_is_a_voice_and_the_first_one_the_default(self, crowd: CoquiEngine) -> None:
        assert [(each.name, each.default) for each in crowd.voices] == [
            ("p225", True),
            ("p226", False),
            ("p227", False),
        ]
        assert {each.language_code for each in crowd.voices} == {"en"}

    def test_speakers_sound_different(self, crowd: CoquiEngine) -> None:
        spoken = [crowd.synthesize(SENTENCE, each.name, 1.0) for each in crowd.voices]
        least = min(each.size for each in spoken)
        assert not np.allclose(spoken[0][:least], spoken[1][:least])
        assert not np.allclose(spoken[1][:least], spoken[2][:least])

    def test_each_language_of_a_model_gets_its_voices(self, tmp_path: Path) -> None:
        folder = save_vits(
            tmp_path / "tongues",
            languages=["fr-fr", "pt-br"],
            speakers=["ana", "ben"],
            use_speaker_embedding=True,
            model_args={"use_language_embedding": True},
        )
        engine = opened(folder)
        assert [(each.name, each.language_code) for each in engine.voices] == [
            ("ana-fr-FR", "fr-FR"),
            ("ben-fr-FR", "fr-FR"),
            ("ana-pt-BR", "pt-BR"),
            ("ben-pt-BR", "pt-BR"),
        ]
        french, portuguese = (
            engine.synthesize("hello there.", f"ana-{code}", 1.0) for code in ("fr-FR", "pt-BR")
        )
        assert not np.array_equal(french[:4000], portuguese[:4000]), "the language reaches the model"

    def test_a_stochastic_predictor_is_forecast_and_repeated_too(self, tmp_path: Path) -> None:
        engine = opened(save_vits(tmp_path / "random", languages=["en"], model_args={"use_sdp": True}))
        expected_ms = engine.estimate_ms(SENTENCE, "random", 1.25)
        first = engine.synthesize(SENTENCE, "random", 1.25)
        assert length_ms(first) == pytest.approx(expected_ms, rel=0.03)
        again = opened(tmp_path / "random").synthesize(SENTENCE, "random", 1.25)
        assert np.array_equal(first, again)

    def test_a_model_that_raises_its_rate_at_the_end_is_forecast_right(self, tmp_path: Path) -> None:
        rates = {"encoder_sample_rate": 11_025, "interpolate_z": True}
        engine = opened(save_vits(tmp_path / "wide", languages=["en"], model_args=rates))
        audio = engine.synthesize(SENTENCE, "wide", 1.0)
        assert length_ms(audio) == pytest.approx(2 * vits_ms(tokens(SENTENCE)), rel=0.02)
        assert engine.estimate_ms(SENTENCE, "wide", 1.0) == pytest.approx(length_ms(audio), rel=0.03)


class TestPlaces:
    """Where models are found, and what is refused there."""

    def test_a_model_that_was_pulled_is_found_by_its_name(self, folder: Path, tmp_path: Path) -> None:
        shutil.copytree(folder, tmp_path / "hub" / "someone" / "narrator")
        engine = create(
            Reference("coqui", "someone/narrator"), TtsSettings(models_dir=tmp_path, tts_device=DEVICE)
        )
        assert engine.model.name == "someone/narrator"
        assert engine.voices[0].name == "narrator"

    def test_a_model_that_was_not_pulled_says_how_to(self, tmp_path: Path) -> None:
        with pytest.raises(Misconfigured, match="dragoman models pull someone/else") as refused:
            create(Reference("coqui", "someone/else"), TtsSettings(models_dir=tmp_path))
        assert refused.value.code == "model_missing"

    def test_the_engine_has_no_model_of_its_own(self, tmp_path: Path) -> None:
        with pytest.raises(Misconfigured) as refused:
            create(Reference("coqui"), TtsSettings(models_dir=tmp_path))
        assert refused.value.code == "no_model"

    @pytest.mark.skipif(DEVICE == "cuda", reason="this machine has the device")
    def test_a_device_that_is_not_there_is_said(self, folder: Path) -> None:
        with pytest.raises(Misconfigured) as refused:
            create(Reference("coqui", str(folder)), TtsSettings(models_dir=folder, tts_device="cuda"))
        assert refused.value.code == "device_missing"

    def test_a_folder_without_configuration_or_checkpoint_is_refused(self, copy: Path) -> None:
        config = (copy / "config.json").read_text()
        (copy / "config.json").unlink()
        assert refusal(copy) == "model_missing"
        (copy / "config.json").write_text(config)
        (copy / "model_file.pth").rename(copy / "other.pth")
        assert refusal(copy) == "model_missing"

    @pytest.mark.parametrize("name", ["model.pth", "best_model.pth"])
    def test_other_names_of_a_checkpoint_are_known(self, copy: Path, name: str) -> None:
        (copy / "model_file.pth").rename(copy / name)
        assert opened(copy).voices

    @pytest.mark.parametrize(
        "text", ["{", "[]", '{"model": "tacotron2"}', '{"model": "vits", "languages": ["en"]}']
    )
    def test_another_configuration_than_that_of_the_weights_is_refused(self, copy: Path, text: str) -> None:
        (copy / "config.json").write_text(text)
        assert refusal(copy) == "model_unusable"

    def test_weights_that_are_damaged_are_refused(self, copy: Path) -> None:
        (copy / "model_file.pth").write_bytes(b"no weights")
        assert refusal(copy) == "model_unusable"

    def test_a_checkpoint_that_brings_code_does_not_run_it(self, copy: Path, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> tuple[Any, ...]:
                return Path.touch, (tmp_path / "ran",)

        weights = torch.load(copy / "model_file.pth", weights_only=True)
        torch.save(weights | {"config": Bomb()}, copy / "model_file.pth")
        assert refusal(copy) == "model_unusable"
        assert not (tmp_path / "ran").exists()

    def test_a_configuration_that_names_other_classes_is_refused(self, copy: Path) -> None:
        rewrite(copy, characters={"characters_class": "antigravity.Flight"})
        assert refusal(copy) == "model_unusable"

    def test_files_that_a_configuration_names_are_those_of_its_folder(self, tmp_path: Path) -> None:
        folder = save_vits(
            tmp_path / "crowd", languages=["en"], speakers=["a", "b"], use_speaker_embedding=True
        )
        far = "https://models.invalid/elsewhere/speakers.pth"
        rewrite(folder, speakers=None, speakers_file=far)
        assert refusal(folder) == "model_missing"
        torch.save({"anna": 0, "bert": 1}, folder / "speakers.pth")
        assert [each.name for each in opened(folder).voices] == ["anna", "bert"]

    def test_a_model_that_does_not_say_its_language_is_not_taken_for_english(self, tmp_path: Path) -> None:
        folder = save_vits(tmp_path / "mute")
        rewrite(folder, languages=[], datasets=[], phoneme_language=None)
        assert refusal(folder) == "languages_unknown"
        rewrite(folder, datasets=[{"language": "de"}])
        assert opened(folder).voices[0].language_code == "de"


def test_a_peak_over_full_scale_is_scaled_down_and_quiet_speech_left_alone() -> None:
    tone = np.sin(np.arange(2400) * 0.05).astype(np.float32)
    assert np.abs(finished(1.3 * tone, SAMPLE_RATE_HZ)).max() == 1
    assert np.abs(finished(0.3 * tone, SAMPLE_RATE_HZ)).max() < 0.31
    assert finished(tone[:0], SAMPLE_RATE_HZ).size == 0


def test_a_frame_is_what_the_tests_take_it_for() -> None:
    assert vits_ms(100) == pytest.approx(100 * 5 * 256 / 22.05)
    assert vits_ms(100, 2.0) == pytest.approx(100 * math.ceil(4.99 / 2) * 256 / 22.05)
