"""Segmenting and transcribing with the fake engine: what comes out, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.core import AUTO, AsrCore, Region, Samples
from services.asr.engines.base import SAMPLE_RATE_HZ, UNGUIDED, Audio, Guidance, Hypothesis, Span, Task, Word
from services.asr.engines.fake import FakeEngine
from services.asr.engines.trade import alone
from services.asr.segmentation import Shape
from services.shared.errors import Cancelled, InvalidRequest, TooLarge, Unsupported
from tests.support.speech import silence, tone

CORE = AsrCore(alone(FakeEngine()))
LOW_HZ, MIDDLE_HZ, HIGH_HZ = 200, 440, 1000  # Portuguese, Spanish and English to the fake engine


def never() -> bool:
    return False


def after(checks: int) -> Callable[[], bool]:
    """Return a `cancelled` that turns true after some checks."""
    answers = iter([False] * checks)
    return lambda: next(answers, True)


def recording(*parts: tuple[float, float]) -> Samples:
    """Return tones after silences, from pairs of seconds, and a second of silence."""
    sounds = [piece for quiet, loud in parts for piece in (silence(quiet), tone(loud))]
    return np.concatenate([*sounds, silence(1)])


class Mute(FakeEngine):
    """An engine that only transcribes and hears speech nowhere."""

    def speech_spans(self, audio: Audio) -> list[Span]:
        return []


class Monolingual(FakeEngine):
    """An engine that writes down what it hears and no more."""

    @property
    def translates_to_english(self) -> bool:
        return False


def test_each_turn_is_a_region_with_a_little_silence_around_it() -> None:
    found = CORE.segment(recording((1, 2), (3, 1)), "en", never)
    assert found.regions == (Region(700, 3300), Region(5700, 7300))
    assert found.duration_ms == 8000


def test_a_given_language_is_certain_and_returned_as_it_was_asked() -> None:
    found = CORE.segment(recording((0, 1)), "pt-BR", never)
    assert (found.language, found.language_confidence) == ("pt-BR", 1.0)


@pytest.mark.parametrize(("pitch_hz", "language"), [(LOW_HZ, "pt"), (MIDDLE_HZ, "es"), (HIGH_HZ, "en")])
def test_auto_detects_the_language_of_the_speech(pitch_hz: float, language: str) -> None:
    found = CORE.segment(np.concatenate([silence(5), tone(3, pitch_hz), silence(5)]), AUTO, never)
    assert found.language == language
    assert 0.5 < found.language_confidence <= 1


def test_the_language_is_voted_by_the_first_half_minute_of_speech() -> None:
    turns = [tone(9, HIGH_HZ), silence(1), tone(20, LOW_HZ), silence(1), tone(60, HIGH_HZ)]
    assert CORE.segment(np.concatenate(turns), AUTO, never).language == "pt"


@pytest.mark.parametrize("samples", [silence(0), silence(0.001), silence(3), tone(3, level=0.001)])
def test_silence_has_no_region_and_no_language(samples: Samples) -> None:
    found = CORE.segment(samples, AUTO, never)
    assert (found.regions, found.language, found.language_confidence) == ((), "", 0.0)
    assert found.duration_ms == len(samples) * 1000 // SAMPLE_RATE_HZ


def test_silence_in_a_given_language_is_no_error() -> None:
    assert CORE.segment(silence(3), "en", never).regions == ()


@given(st.integers(1, 8).map(lambda half_minutes: half_minutes * 30 + 7))
def test_speech_over_the_seams_of_the_search_stays_one_stretch(seconds: int) -> None:
    found = CORE.segment(recording((1, seconds)), "en", never).regions
    assert found[0].start_ms == 700
    assert found[-1].end_ms == (seconds + 1) * 1000 + 300
    assert all(one.end_ms == other.start_ms for one, other in pairwise(found))
    assert max(region.end_ms - region.start_ms for region in found) <= CORE.max_region_ms


def test_a_long_stretch_is_cut_where_it_is_quietest() -> None:
    samples = tone(40)
    dip = slice(20 * SAMPLE_RATE_HZ, 20 * SAMPLE_RATE_HZ + 3200)
    samples[dip] //= 8
    first, second = CORE.segment(samples, "en", never).regions
    assert first.end_ms == second.start_ms
    assert 20_000 <= first.end_ms <= 20_200


def test_a_caller_may_ask_for_shorter_regions_but_not_for_longer_ones() -> None:
    samples = recording((0, 50))
    shorter = CORE.segment(samples, "en", never, max_region_ms=5_000).regions
    assert max(region.end_ms - region.start_ms for region in shorter) <= 5_000
    assert CORE.segment(samples, "en", never, max_region_ms=60_000) == CORE.segment(samples, "en", never)


def test_regions_too_short_to_say_anything_in_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        CORE.segment(silence(1), "en", never, max_region_ms=500)
    assert caught.value.code == "invalid_max_region"


@pytest.mark.parametrize("language", ["xx", "", "auto-x", "klingon"])
def test_an_unsupported_language_is_refused_and_the_supported_ones_listed(language: str) -> None:
    for call in (
        lambda: CORE.segment(silence(1), language, never),
        lambda: CORE.transcribe(silence(1), language, Task.TRANSCRIBE, never),
    ):
        with pytest.raises(Unsupported, match="en, es, pt") as caught:
            call()
        assert caught.value.code == "unsupported_language"


@pytest.mark.parametrize(
    ("task", "text", "written"),
    [(Task.TRANSCRIBE, "zero um dois", "pt"), (Task.TRANSLATE, "zero one two", "en")],
)
def test_a_region_of_an_unknown_language_is_recognised_in_the_one_that_is_detected(
    task: Task, text: str, written: str
) -> None:
    heard = CORE.transcribe(tone(1.3, LOW_HZ), AUTO, task, never)
    assert (heard.text, heard.language, heard.spoken) == (text, written, "pt")
    assert heard.spoken_confidence == pytest.approx(0.9)


def test_a_given_language_is_certain_and_told_as_it_was_asked() -> None:
    for samples in (tone(1.3), silence(1)):
        heard = CORE.transcribe(samples, "pt-BR", Task.TRANSLATE, never)
        assert (heard.language, heard.spoken, heard.spoken_confidence) == ("en", "pt-BR", 1.0)


def test_no_language_is_detected_where_nobody_speaks() -> None:
    heard = CORE.transcribe(silence(2), AUTO, Task.TRANSCRIBE, never)
    assert (heard.text, heard.language, heard.spoken, heard.spoken_confidence) == ("", "", "", 0.0)


@pytest.mark.parametrize("hints", [(), ("Twofold",)])
def test_whoever_wants_only_the_text_gets_the_same_without_words(hints: tuple[str, ...]) -> None:
    heard = CORE.transcribe(tone(1.7), "en", Task.TRANSCRIBE, never, Guidance(hints))
    alone = CORE.transcribe(tone(1.7), "en", Task.TRANSCRIBE, never, Guidance(hints, text_only=True))
    assert heard.words
    assert alone == replace(heard, words=())


def test_what_was_made_up_from_hints_is_cut_off_whoever_wants_words() -> None:
    class Guided(FakeEngine):
        """An engine that goes on with its hints."""

        def transcribe(
            self,
            audio: Audio,
            language: str | None,
            task: Task,
            cancelled: Callable[[], bool] = never,
            guidance: Guidance = UNGUIDED,
        ) -> Hypothesis:
            asked.append(language)
            heard = super().transcribe(audio, language, task, cancelled, replace(guidance, hints=()))
            made_up = [
                Word(hint, heard.words[-1].end_ms, heard.words[-1].end_ms + 1, 0.9) for hint in guidance.hints
            ]
            return replace(
                heard, text=" ".join([heard.text, *guidance.hints]), words=(*heard.words, *made_up)
            )

    asked: list[str | None] = []
    guidance = Guidance(("Nimbra",), text_only=True)
    core = AsrCore(alone(Guided()))
    asked.clear()
    heard = core.transcribe(tone(1.3, LOW_HZ), AUTO, Task.TRANSCRIBE, never, guidance)
    assert (heard.text, heard.words, heard.spoken) == ("zero um dois", (), "pt")
    assert asked == [None, "pt"]


@pytest.mark.parametrize("checks", [0, 1, 2])
def test_segmenting_ends_when_the_caller_goes_away(checks: int) -> None:
    with pytest.raises(Cancelled):
        CORE.segment(recording((0, 70)), AUTO, after(checks))


def test_a_region_is_not_transcribed_for_a_caller_that_went_away() -> None:
    with pytest.raises(Cancelled):
        CORE.transcribe(tone(1), "en", Task.TRANSCRIBE, after(0))


def test_a_region_becomes_words_in_the_language_as_it_was_asked() -> None:
    heard = CORE.transcribe(tone(1.3), "pt-BR", Task.TRANSCRIBE, never)
    assert (heard.text, heard.language) == ("zero um dois", "pt-BR")
    assert [(word.start_ms, word.end_ms) for word in heard.words] == [(0, 400), (400, 800), (800, 1200)]


def test_a_translation_is_english() -> None:
    heard = CORE.transcribe(tone(1.3), "pt-BR", Task.TRANSLATE, never)
    assert (heard.text, heard.language) == ("zero one two", "en")


def test_an_engine_that_cannot_translate_is_not_asked_to() -> None:
    with pytest.raises(Unsupported) as caught:
        AsrCore(alone(Monolingual())).transcribe(tone(1), "pt", Task.TRANSLATE, never)
    assert caught.value.code == "unsupported_task"


@pytest.mark.parametrize("samples", [silence(0), silence(2), tone(2, level=0.001)])
@pytest.mark.parametrize(("task", "language"), [(Task.TRANSCRIBE, "es"), (Task.TRANSLATE, "en")])
def test_silence_has_no_text(samples: Samples, task: Task, language: str) -> None:
    heard = CORE.transcribe(samples, "es", task, never)
    assert heard == Hypothesis(
        "", language, 0.0, warnings=("no_speech",), no_speech=1.0, spoken="es", model=FakeEngine().model
    )


def test_the_engine_is_not_asked_what_was_said_where_nobody_speaks() -> None:
    assert AsrCore(alone(Mute())).transcribe(tone(5), "en", Task.TRANSCRIBE, never).text == ""


def test_hints_reach_the_engine_and_invent_nothing_in_silence() -> None:
    guidance = Guidance(("Twofold",))
    assert CORE.transcribe(tone(1.7), "en", Task.TRANSCRIBE, never, guidance).text == "zero one Twofold three"
    assert CORE.transcribe(silence(2), "en", Task.TRANSCRIBE, never, guidance).text == ""


@pytest.mark.parametrize("temperature", [-0.1, 1.1, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CORE.transcribe(tone(1), "en", Task.TRANSCRIBE, never, Guidance(temperature=temperature))
    assert caught.value.code == "invalid_temperature"


def test_a_region_longer_than_the_model_hears_is_refused() -> None:
    core = AsrCore(alone(FakeEngine()), Shape(longest=4 * SAMPLE_RATE_HZ))
    assert core.max_region_ms == 4_000
    assert core.transcribe(tone(4), "en", Task.TRANSCRIBE, never).text
    with pytest.raises(TooLarge, match="4000 ms") as caught:
        core.transcribe(tone(4.001), "en", Task.TRANSCRIBE, never)
    assert caught.value.code == "region_too_long"


def test_every_region_that_is_found_can_be_transcribed() -> None:
    samples = recording((1, 40), (0.4, 3), (2, 95))
    for region in CORE.segment(samples, "en", never).regions:
        part = samples[region.start_ms * 16 : region.end_ms * 16]
        assert CORE.transcribe(part, "en", Task.TRANSCRIBE, never).text


def test_an_engine_can_ask_whether_its_caller_has_gone() -> None:
    answers: list[bool] = []

    class Interruptible(FakeEngine):
        def transcribe(
            self,
            audio: Audio,
            language: str | None,
            task: Task,
            cancelled: Callable[[], bool] = lambda: False,
            guidance: Guidance = UNGUIDED,
        ) -> Hypothesis:
            answers.append(cancelled())
            return super().transcribe(audio, language, task, guidance=guidance)

    core = AsrCore(alone(Interruptible()))
    assert core.transcribe(tone(1), "en", Task.TRANSCRIBE, after(1)).text
    assert answers == [False, True]


def test_looking_for_a_language_can_ask_whether_the_caller_has_gone() -> None:
    gone: list[bool] = []

    class Listening(FakeEngine):
        def language_probabilities(
            self, audio: Audio, cancelled: Callable[[], bool] = lambda: False
        ) -> Mapping[str, float]:
            gone.append(cancelled())
            return super().language_probabilities(audio)

    # Three checks come before: looks at the one piece of the recording.
    AsrCore(alone(Listening())).segment(tone(1), AUTO, after(3))
    assert gone == [True]
