"""What every speech engine promises, as checks that any test can run on any engine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from services.tts.core import TtsCore
from services.tts.engines.base import MAX_RATE, MIN_RATE, SAMPLE_RATE_HZ, Audio, TtsEngine
from services.tts.engines.trade import alone
from services.tts.request import SLOT_PADDING_MS, SpeechRequest

Check = Callable[[TtsEngine], None]

SENTENCES: Final = {
    "ar": "هل يمكنك أن تخبرني برقم حسابك؟",
    "de": "Können Sie mir bitte Ihre Kontonummer nennen?",
    "en": "Could you please tell me your account number?",
    "es": "¿Puede decirme su número de cuenta, por favor?",
    "fr": "Pouvez-vous me donner votre numéro de compte ?",
    "hi": "कृपया अपना खाता नंबर बताइए।",
    "it": "Può dirmi il suo numero di conto, per favore?",
    "ja": "お客様の口座番号を教えていただけますか。",
    "ko": "계좌 번호를 알려 주시겠어요?",
    "pl": "Czy może mi pan podać numer swojego konta?",
    "pt": "O senhor pode confirmar o número do contrato, por favor?",
    "ru": "Скажите, пожалуйста, номер вашего счёта.",
    "tr": "Lütfen hesap numaranızı söyler misiniz?",  # noqa: RUF001 - its own letter
    "zh": "请告诉我您的账户号码。",
}
# Nothing here is easy to say, and nothing of it may break an engine.
_STRANGE: Final = (
    "!", "😀👍", "\x00", "你好", "WHAT A DAY", "a" * 150, "Ω" * 30, "\u202eabc\ufeff", "<s>ok</s>", "[[ok]]",
    "one\ttwo", "e\u0301", "{}", '"quoted"', "1.250,75", "(en)", "_^$ ok",
)  # fmt: skip


def lines(engine: TtsEngine) -> list[tuple[str, str]]:
    """Return (voice, sentence in its language) of each default voice that there is a sentence for."""
    spoken = {voice.name: voice.language_code.partition("-")[0] for voice in engine.voices if voice.default}
    found = [(name, SENTENCES[language]) for name, language in spoken.items() if language in SENTENCES]
    assert found, "a language of the engine needs a sentence here"
    return found


def length_ms(audio: Audio) -> float:
    """Return how long audio lasts."""
    return audio.size * 1000 / SAMPLE_RATE_HZ


def it_names_its_model_and_revision(engine: TtsEngine) -> None:
    """The hash is there or empty, never something else."""
    assert engine.model.name
    assert engine.model.revision
    assert len(engine.model.sha256) in (0, 64)


def voices_have_unique_names_and_one_default_for_each_language(engine: TtsEngine) -> None:
    """Genders are known or empty."""
    names = [voice.name for voice in engine.voices]
    assert names
    assert len(set(names)) == len(names)
    assert {voice.gender for voice in engine.voices} <= {"female", "male", ""}
    codes = {voice.language_code for voice in engine.voices}
    assert sorted(voice.language_code for voice in engine.voices if voice.default) == sorted(codes)


def voices_speak_audibly_and_unclipped(engine: TtsEngine) -> None:
    """In float32, at a length that a person could need."""
    for voice, sentence in lines(engine):
        audio = engine.synthesize(sentence, voice, 1.0)
        assert audio.dtype == np.float32
        assert audio.ndim == 1
        assert 800 < length_ms(audio) < 6000
        assert 0.05 < np.abs(audio).max() <= 1


def ends_are_trimmed(engine: TtsEngine) -> None:
    """Something is to be heard within 100 ms of both ends."""
    voice, sentence = lines(engine)[0]
    audio = engine.synthesize(sentence, voice, 1.0)
    edge, audible = SAMPLE_RATE_HZ // 10, np.abs(audio).max() / 1000
    assert np.abs(audio[:edge]).max() > audible
    assert np.abs(audio[-edge:]).max() > audible


def the_same_request_gives_the_same_samples(engine: TtsEngine) -> None:
    """Whatever the model draws at random."""
    voice, sentence = lines(engine)[0]
    first, second = (engine.synthesize(sentence, voice, 1.0) for _ in range(2))
    assert np.array_equal(first, second)


def the_forecast_is_within_a_tenth_of_the_truth(engine: TtsEngine) -> None:
    """At another rate than 1."""
    for voice, sentence in lines(engine):
        truth_ms = length_ms(engine.synthesize(sentence, voice, 1.25))
        assert engine.estimate_ms(sentence, voice, 1.25) == pytest.approx(truth_ms, rel=0.1)


def a_higher_rate_is_shorter(engine: TtsEngine) -> None:
    """Over the whole range."""
    voice, sentence = lines(engine)[0]
    rates = (MIN_RATE, 0.8, 1.0, 1.25, MAX_RATE)
    lengths = [length_ms(engine.synthesize(sentence, voice, rate)) for rate in rates]
    assert all(slower > faster for slower, faster in pairwise(lengths))


def nothing_speakable_is_empty_and_forecast_as_zero(engine: TtsEngine) -> None:
    """Silence is not spoken."""
    voice = engine.voices[0].name
    for text in ("", " ", "...", "?!"):
        assert engine.synthesize(text, voice, 1.0).size == 0
        assert engine.estimate_ms(text, voice, 1.0) == 0


def several_threads_at_once_get_their_own_speech(engine: TtsEngine) -> None:
    """The same samples as alone."""
    voices = (lines(engine) * 3)[:3]
    alone_ = [engine.synthesize(sentence, voice, 1.0) for voice, sentence in voices]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda line: engine.synthesize(line[1], line[0], 1.0), voices))
    assert all(np.array_equal(left, right) for left, right in zip(alone_, together, strict=True))


def no_text_breaks_it(engine: TtsEngine) -> None:
    """Strange texts are spoken or are nothing, and the next text is as ever."""
    voice, sentence = lines(engine)[0]
    before = engine.synthesize(sentence, voice, 1.0)
    for text in _STRANGE:
        audio = engine.synthesize(text, voice, 1.0)
        assert np.isfinite(audio).all()
        assert np.abs(audio).max(initial=0) <= 1
        assert engine.estimate_ms(text, voice, 1.0) >= 0
    assert np.array_equal(before, engine.synthesize(sentence, voice, 1.0))


def it_fits_a_slot(engine: TtsEngine) -> None:
    """Through the core: in one pass or two as far as the engine can hurry, more slowly in one."""
    voice, sentence = lines(engine)[0]
    core = TtsCore(alone(engine))
    code = next(each.language_code for each in engine.voices if each.name == voice)
    plain = core.synthesize(SpeechRequest(sentence, code, voice))
    slot_ms = round(plain.duration_ms * 0.85)
    fast = core.synthesize(SpeechRequest(sentence, code, voice, slot_ms=slot_ms, max_stretch=2))
    assert fast.duration_ms <= slot_ms * 1.1
    assert "slot_overrun" not in fast.warnings
    # By its own forecast, which of some engines is far from the truth.
    spoken_ms = round(engine.estimate_ms(sentence, voice, 1.0) * 1.1)
    slow = core.synthesize(SpeechRequest(sentence, code, voice, slot_ms=spoken_ms + SLOT_PADDING_MS))
    assert (slow.passes, slow.stretch < 1) == (1, True)
    assert slow.duration_ms > plain.duration_ms


CHECKS: Final[tuple[Check, ...]] = (
    it_names_its_model_and_revision,
    voices_have_unique_names_and_one_default_for_each_language,
    voices_speak_audibly_and_unclipped,
    ends_are_trimmed,
    the_same_request_gives_the_same_samples,
    the_forecast_is_within_a_tenth_of_the_truth,
    a_higher_rate_is_shorter,
    nothing_speakable_is_empty_and_forecast_as_zero,
    several_threads_at_once_get_their_own_speech,
    no_text_breaks_it,
    it_fits_a_slot,
)


def named(check: Check) -> str:
    """Return a check's name, for pytest."""
    return check.__name__
