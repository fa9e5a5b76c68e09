"""What every speech engine promises, asked of each one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.asr.engines.base import Task
from services.asr.engines.registry import create as create_asr
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.errors import Cancelled
from services.shared.glossary import Pronunciation
from services.tts.core import SpeechRequest, TtsCore
from services.tts.engines import kokoro_graph
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, TtsEngine
from services.tts.engines.kokoro_voices import SILENCE_MS
from services.tts.engines.registry import create
from services.tts.settings import TtsSettings

SENTENCES = {
    "en": "Could you please tell me your account number?",
    "es": "¿Puede decirme su número de cuenta, por favor?",
    "fr": "Pouvez-vous me donner votre numéro de compte ?",
    "hi": "कृपया अपना खाता नंबर बताइए।",
    "it": "Può dirmi il suo numero di conto, per favore?",
    "pt": "O senhor pode confirmar o número do contrato, por favor?",
}


@pytest.fixture(scope="module", params=["fake", pytest.param("kokoro", marks=pytest.mark.models)])
def engine(request: pytest.FixtureRequest) -> TtsEngine:
    return create(request.param, load(TtsSettings))


@pytest.fixture(scope="module")
def kokoro() -> TtsEngine:
    return create("kokoro", load(TtsSettings))


def default_voices(engine: TtsEngine) -> list[tuple[str, str]]:
    """(voice, sentence in its language) of each language code."""
    return [
        (voice.name, SENTENCES[voice.language_code.partition("-")[0]])
        for voice in engine.voices
        if voice.default
    ]


def length_ms(audio: Audio) -> float:
    return audio.size * 1000 / SAMPLE_RATE_HZ


def test_it_names_its_model_and_revision(engine: TtsEngine) -> None:
    assert engine.model.name
    assert engine.model.revision


@pytest.mark.models
def test_a_pronunciation_is_what_is_heard(kokoro: TtsEngine) -> None:
    core, whisper = TtsCore(kokoro), create_asr("faster-whisper", AsrSettings())

    def heard(*pronunciations: Pronunciation) -> str:
        request = SpeechRequest("My name is Nguyen, thank you.", "en", pronunciations=pronunciations)
        audio = core.synthesize(request).audio
        spectrum = np.fft.rfft(audio[: audio.size // 3 * 3])[: audio.size // 3 + 1]
        return whisper.transcribe(
            (np.fft.irfft(spectrum) * 2 / 3).astype(np.float32), "en", Task.TRANSCRIBE
        ).text

    assert "margaret" not in heard().lower()
    assert "margaret" in heard(Pronunciation("nguyen", "Margaret")).lower()


def test_voices_have_unique_names_and_a_gender(engine: TtsEngine) -> None:
    names = [voice.name for voice in engine.voices]
    assert len(set(names)) == len(names)
    assert {voice.gender for voice in engine.voices} <= {"female", "male"}


def test_each_language_has_exactly_one_default_voice(engine: TtsEngine) -> None:
    codes = {voice.language_code for voice in engine.voices}
    assert sorted(voice.language_code for voice in engine.voices if voice.default) == sorted(codes)


def test_it_speaks_the_languages_of_the_lite_set(engine: TtsEngine) -> None:
    assert {voice.language_code for voice in engine.voices} >= {"en-US", "es", "fr", "pt-BR"}


def test_american_english_stands_for_english(engine: TtsEngine) -> None:
    english = [voice.language_code for voice in engine.voices if voice.language_code.startswith("en")]
    assert english[0] == "en-US"


def test_each_default_voice_speaks_its_language_audibly_and_unclipped(engine: TtsEngine) -> None:
    for voice, sentence in default_voices(engine):
        audio = engine.synthesize(sentence, voice, 1.0)
        assert audio.dtype == np.float32
        assert audio.ndim == 1
        assert 1000 < length_ms(audio) < 6000
        assert 0.05 < np.abs(audio).max() <= 1


def test_the_same_request_gives_the_same_samples(engine: TtsEngine) -> None:
    voice, sentence = default_voices(engine)[0]
    first, second = (engine.synthesize(sentence, voice, 1.0) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_forecast_is_within_a_tenth_of_the_truth(engine: TtsEngine) -> None:
    for voice, sentence in default_voices(engine):
        truth_ms = length_ms(engine.synthesize(sentence, voice, 1.25))
        assert engine.estimate_ms(sentence, voice, 1.25) == pytest.approx(truth_ms, rel=0.1)


def test_a_higher_rate_is_shorter(engine: TtsEngine) -> None:
    voice, sentence = default_voices(engine)[0]
    slow, plain, fast = (length_ms(engine.synthesize(sentence, voice, rate)) for rate in (0.8, 1.0, 1.25))
    assert slow > plain > fast


@pytest.mark.parametrize("text", ["", "...", "?!"])
def test_nothing_speakable_is_empty_and_forecast_as_zero(engine: TtsEngine, text: str) -> None:
    voice = engine.voices[0].name
    assert engine.synthesize(text, voice, 1.0).size == 0
    assert engine.estimate_ms(text, voice, 1.0) == 0


def test_several_threads_at_once_get_their_own_speech(engine: TtsEngine) -> None:
    voices = default_voices(engine)[:3]
    alone = [engine.synthesize(sentence, voice, 1.0) for voice, sentence in voices]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda it: engine.synthesize(it[1], it[0], 1.0), voices))
    assert all(np.array_equal(left, right) for left, right in zip(alone, together, strict=True))


@pytest.mark.models
def test_every_kokoro_voice_listed_has_a_style_and_speaks(kokoro: TtsEngine) -> None:
    assert {voice.name for voice in kokoro.voices} == set(SILENCE_MS)
    for voice in kokoro.voices:
        assert kokoro.estimate_ms(SENTENCES[voice.language_code.partition("-")[0]], voice.name, 1.0) > 1000


@pytest.mark.models
def test_kokoro_ends_are_trimmed(kokoro: TtsEngine) -> None:
    audio = kokoro.synthesize(SENTENCES["en"], "am_adam", 1.0)
    edge = SAMPLE_RATE_HZ // 20
    loudest = np.abs(audio).max()
    assert np.abs(audio[:edge]).max() > loudest / 1000
    assert np.abs(audio[-edge:]).max() > loudest / 1000


@pytest.mark.models
def test_kokoro_loses_nothing_of_a_number_longer_than_its_phoneme_limit(kokoro: TtsEngine) -> None:
    digits = " ".join(["4111"] * 12)
    once_ms = kokoro.estimate_ms(digits, "af_heart", 1.0)
    assert kokoro.estimate_ms(f"{digits} {digits}", "af_heart", 1.0) == pytest.approx(2 * once_ms, rel=0.1)


@pytest.mark.models
def test_kokoro_does_not_speak_the_marks_around_foreign_words(kokoro: TtsEngine) -> None:
    # espeak puts "(en)" before the English word and "(fr)" after it; else it is no longer than the French.
    foreign_ms, native_ms = (
        kokoro.estimate_ms(text, "ff_siwis", 1.0) for text in ("le shopping", "la chopine")
    )
    assert foreign_ms < native_ms * 1.3


@pytest.mark.models
def test_kokoro_sounds_the_same_with_and_without_vnni(
    kokoro: TtsEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kokoro_graph, "has_vnni", lambda: False)
    published = create("kokoro", load(TtsSettings))
    voice, sentence = default_voices(kokoro)[0]
    assert np.array_equal(published.synthesize(sentence, voice, 1.0), kokoro.synthesize(sentence, voice, 1.0))


@pytest.mark.models
def test_kokoro_stops_in_the_middle_of_a_piece_when_its_caller_goes(kokoro: TtsEngine) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) > 0)
        return asked[-1]

    text = SENTENCES["en"] * 3
    with pytest.raises(Cancelled):
        kokoro.synthesize(text, "af_heart", 0.5, cancelled)
    assert asked == [False, True], "it was told once, and went on no longer"
    assert kokoro.synthesize(text, "af_heart", 2.0, lambda: False).any(), "one call's end is not another's"
