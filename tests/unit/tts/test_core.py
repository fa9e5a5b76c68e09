"""Speech fits its slot without being spoken twice, and bad requests are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.engines import Model, Reference, references
from services.shared.errors import Cancelled, InvalidRequest, TooLarge, Unsupported
from services.shared.glossary import Pronunciation
from services.shared.residents import Residents
from services.tts.core import TOLERANCE, TtsCore
from services.tts.engines.base import MAX_RATE, Audio, TtsEngine, Voice
from services.tts.engines.fake import FakeEngine
from services.tts.engines.trade import TtsTrade, Voices, alone
from services.tts.request import SLOT_PADDING_MS, Closing, Opening, SpeechRequest
from services.tts.settings import TtsSettings

sentences = st.text("abcdefgh ,.", min_size=1, max_size=400).filter(lambda text: any(map(str.isalnum, text)))
slots_ms = st.integers(1, 60_000)
stretches = st.floats(1, 2)
rates = st.floats(0.5, 2)
CORE = TtsCore(alone(FakeEngine()))
LETTERS = "a" * 100  # six seconds


def natural_ms(text: str, rate: float = 1.0) -> int:
    return CORE.synthesize(SpeechRequest(text, "en", rate=rate)).duration_ms


@given(sentences, rates, slots_ms, stretches)
def test_stretch_stays_within_what_was_allowed(text: str, rate: float, slot_ms: int, most: float) -> None:
    speech = CORE.synthesize(SpeechRequest(text, "en", rate=rate, slot_ms=slot_ms, max_stretch=most))
    assert 0.85 <= speech.stretch <= most
    assert min(rate, 0.85) * (1 - 1e-9) <= speech.stretch * rate <= MAX_RATE * (1 + 1e-9)


@given(sentences, rates, slots_ms, stretches)
def test_speech_fits_its_slot_whenever_the_highest_stretch_makes_it_fit(
    text: str, rate: float, slot_ms: int, most: float
) -> None:
    fastest_ms = natural_ms(text, min(rate * most, MAX_RATE))
    speech = CORE.synthesize(SpeechRequest(text, "en", rate=rate, slot_ms=slot_ms, max_stretch=most))
    assert speech.duration_ms <= max(slot_ms, fastest_ms) * (1 + TOLERANCE) + 1


@given(sentences, slots_ms, stretches)
def test_a_right_forecast_never_costs_a_second_synthesis(text: str, slot_ms: int, most: float) -> None:
    assert CORE.synthesize(SpeechRequest(text, "en", slot_ms=slot_ms, max_stretch=most)).passes == 1


@given(sentences, st.integers(0, SLOT_PADDING_MS))
def test_speech_that_fits_and_fills_is_left_alone(text: str, spare_ms: int) -> None:
    plain = CORE.synthesize(SpeechRequest(text, "en"))
    slotted = CORE.synthesize(SpeechRequest(text, "en", slot_ms=plain.duration_ms + spare_ms))
    assert slotted.stretch == 1
    assert np.array_equal(slotted.audio, plain.audio)


@given(sentences, slots_ms, stretches, st.floats(0.5, 2))
def test_a_wrong_forecast_costs_at_most_one_more_synthesis(
    text: str, slot_ms: int, most: float, error: float
) -> None:
    core = TtsCore(alone(FakeEngine(forecast_error=error)))
    speech = core.synthesize(SpeechRequest(text, "en", slot_ms=slot_ms, max_stretch=most))
    assert speech.passes in (1, 2)
    assert 0.85 <= speech.stretch <= most
    fits = speech.duration_ms <= slot_ms * (1 + TOLERANCE)
    assert fits or speech.stretch == pytest.approx(most)
    assert ("slot_overrun" in speech.warnings) is not fits


def test_a_forecast_that_is_too_short_leads_to_a_second_faster_synthesis() -> None:
    core = TtsCore(alone(FakeEngine(forecast_error=0.5)))
    speech = core.synthesize(SpeechRequest(LETTERS, "en", slot_ms=4000, max_stretch=2))
    assert speech.passes == 2
    assert speech.duration_ms == 4000
    assert speech.stretch == pytest.approx(1.5)


def test_the_slot_decides_the_stretch() -> None:
    speech = CORE.synthesize(SpeechRequest(LETTERS, "en", slot_ms=5000))
    assert speech.stretch == pytest.approx(1.2, rel=1e-3)
    assert speech.duration_ms == pytest.approx(5000, abs=2)
    assert speech.warnings == ()


def test_the_default_stretch_bounds_requests_that_set_none() -> None:
    speech = TtsCore(alone(FakeEngine()), max_stretch=1.1).synthesize(
        SpeechRequest(LETTERS, "en", slot_ms=100)
    )
    assert speech.stretch == 1.1
    assert speech.warnings == ("slot_overrun",)


def test_the_rate_wished_for_is_not_counted_as_stretch() -> None:
    speech = CORE.synthesize(SpeechRequest(LETTERS, "en", rate=1.5))
    assert speech.stretch == 1
    assert speech.duration_ms == 4000


def test_a_long_text_is_spoken_whole_with_pauses_between_its_pieces() -> None:
    text = " ".join([f"{'a' * 99}."] * 3)
    speech = CORE.synthesize(SpeechRequest(text, "en"))
    assert speech.duration_ms == 3 * 99 * 60 + 2 * 250


def test_pauses_shrink_with_the_rate() -> None:
    text = " ".join([f"{'a' * 99}."] * 3)
    assert natural_ms(text, 2.0) == pytest.approx(natural_ms(text) / 2, abs=2)


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "— …"])
def test_nothing_speakable_is_a_warning_and_no_audio(text: str) -> None:
    speech = CORE.synthesize(SpeechRequest(text, "pt-BR", slot_ms=100))
    assert speech.audio.size == speech.duration_ms == speech.passes == 0
    assert speech.stretch == 1
    assert speech.warnings == ("nothing_to_speak",)
    assert speech.voice == "fake-pt"


@pytest.mark.parametrize("rate", [0.0, 0.4, 2.1, -1.0, float("nan")])
def test_a_rate_that_no_engine_speaks_is_refused(rate: float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        CORE.synthesize(SpeechRequest("Hello", "en", rate=rate))
    assert refused.value.code == "invalid_rate"


@pytest.mark.parametrize("most", [0.5, 2.5, float("nan")])
def test_a_stretch_out_of_range_is_refused(most: float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        CORE.synthesize(SpeechRequest("Hello", "en", max_stretch=most))
    assert refused.value.code == "invalid_max_stretch"


def test_a_negative_slot_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        CORE.synthesize(SpeechRequest("Hello", "en", slot_ms=-1))
    assert refused.value.code == "invalid_slot"


def test_a_text_over_the_cap_is_refused_without_being_quoted() -> None:
    with pytest.raises(TooLarge) as refused:
        TtsCore(alone(FakeEngine()), max_characters=5).synthesize(SpeechRequest("secret", "en"))
    assert refused.value.code == "text_too_long"
    assert "secret" not in refused.value.detail


def test_a_language_without_voice_is_refused_even_with_nothing_to_speak() -> None:
    with pytest.raises(Unsupported):
        CORE.synthesize(SpeechRequest("", "ja"))


def test_cancelling_stops_before_the_next_piece() -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        CORE.synthesize(SpeechRequest("Hello there. " * 40, "en"), lambda: next(asked))


def test_cancelling_stops_the_forecast_too() -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        CORE.synthesize(SpeechRequest("Hello there. " * 40, "en", slot_ms=100), lambda: next(asked))


def test_an_engine_can_ask_whether_its_caller_has_gone() -> None:
    class Interruptible(FakeEngine):
        def synthesize(
            self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
        ) -> Audio:
            told.append(cancelled())
            return super().synthesize(text, voice, rate)

    told: list[bool] = []
    asked = iter([False, True])
    core = TtsCore(alone(Interruptible()))
    assert core.synthesize(SpeechRequest("Hello.", "en"), lambda: next(asked)).audio.any()
    assert told[-1] is True


def test_words_are_read_as_their_pronunciation_says() -> None:
    read = (Pronunciation("Nimbra", "Neem bra"), Pronunciation("Nimbra Flex", "Neembra flecks"))
    request = SpeechRequest("NIMBRA flex, Nimbra or Nimbras?", "en", pronunciations=read)
    assert request.script == "Neembra flecks, Neem bra or Nimbras?"
    assert CORE.synthesize(request).duration_ms == natural_ms(request.script)


def test_case_counts_for_a_pronunciation_that_asks_for_it() -> None:
    read = (Pronunciation("IT", "eye tee", case_sensitive=True),)
    assert SpeechRequest("It is IT.", "en", pronunciations=read).script == "It is eye tee."


def test_of_two_pronunciations_the_first_counts_and_empty_ones_do_nothing() -> None:
    read = (Pronunciation("SQL", "sequel"), Pronunciation("sql", "S Q L"), Pronunciation("", "boo"))
    assert SpeechRequest("SQL!", "en", pronunciations=read).script == "sequel!"


def test_pronunciations_do_not_make_a_text_longer_than_one_may_be() -> None:
    core = TtsCore(alone(FakeEngine()), max_characters=20)
    request = SpeechRequest("a b c", "en", pronunciations=(Pronunciation("b", "long " * 5),))
    with pytest.raises(TooLarge) as refused:
        core.synthesize(request)
    assert refused.value.code == "text_too_long"


class OnlyPortuguese(FakeEngine):
    """A second engine, whose voices are a last resort."""

    @property
    def model(self) -> Model:
        return Model("tin", "2")

    @property
    def voices(self) -> tuple[Voice, ...]:
        return (
            Voice("fake-pt", "pt-PT", "male", default=True, last_resort=True),
            Voice("tin-ja", "ja", "male", default=True, last_resort=True),
            Voice("tin-maria", "ja", "female", cloned=True),
        )

    def synthesize(
        self,
        text: str,
        voice: str,
        rate: float,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Audio:
        return super().synthesize(
            text, {"tin-ja": "fake-en", "tin-maria": "fake-en"}.get(voice, voice), rate, cancelled
        )


class Renamed(OnlyPortuguese):
    """What took its place."""

    @property
    def voices(self) -> tuple[Voice, ...]:
        return (Voice("tin-jo", "ja", "male", default=True),)

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        return FakeEngine.synthesize(self, text, {"tin-jo": "fake-en"}[voice], rate, cancelled)


class Cast(TtsTrade):
    """Loads one of three engines by name."""

    def load(self, reference: Reference) -> TtsEngine:
        kinds = {"tin": OnlyPortuguese, "tin:2": OnlyPortuguese, "tin:3": Renamed, "fake": FakeEngine}
        return kinds[str(reference)]()

    def prove(self, engine: TtsEngine) -> None:
        """Believe it."""


def both() -> TtsCore:
    return TtsCore(Residents(references("fake,tin"), Cast(TtsSettings())))


def test_a_language_of_the_second_engine_is_spoken_by_it_and_a_last_resort_says_so() -> None:
    speech = both().synthesize(SpeechRequest("hello", "ja"))
    assert (speech.voice, speech.model) == ("tin-ja", Model("tin", "2"))
    assert speech.warnings == ("last_resort_voice",)


def test_a_language_of_both_engines_is_spoken_by_the_first_without_a_warning() -> None:
    speech = both().synthesize(SpeechRequest("hello", "pt-PT"))
    assert (speech.voice, speech.model.name, speech.warnings) == ("fake-pt", "fake-tone", ())


def test_a_voice_of_the_same_name_has_its_models_name_before_it_and_can_be_had() -> None:
    speech = both().synthesize(SpeechRequest("hello", "pt", voice="tin/fake-pt"))
    assert (speech.voice, speech.model.name) == ("tin/fake-pt", "tin")


def test_a_cloned_voice_says_so_in_the_answer_and_before_the_first_sound_of_a_stream() -> None:
    assert both().synthesize(SpeechRequest("hello", "ja", "tin-maria")).warnings == ("cloned_voice",)
    opening, *_, closing = both().stream(SpeechRequest("hello", "ja", "tin-maria"))
    assert isinstance(opening, Opening)
    assert isinstance(closing, Closing)
    assert opening.warnings == closing.warnings == ("cloned_voice",)


def test_a_cloned_voice_that_overruns_says_both_and_one_that_says_nothing_only_that() -> None:
    late = both().synthesize(SpeechRequest(LETTERS, "ja", "tin-maria", slot_ms=100))
    assert late.warnings == ("cloned_voice", "slot_overrun")
    assert both().synthesize(SpeechRequest("...", "ja", "tin-maria")).warnings == ("nothing_to_speak",)


def test_a_last_resort_that_overruns_says_both() -> None:
    speech = both().synthesize(SpeechRequest(LETTERS, "ja", slot_ms=100))
    assert speech.warnings == ("last_resort_voice", "slot_overrun")


@pytest.mark.parametrize(("model", "voice"), [("2", "tin-ja"), ("3", "tin-jo")])
def test_a_call_that_finds_its_engine_exchanged_speaks_with_the_next_one(model: str, voice: str) -> None:
    class Hasty(Residents[TtsEngine, Voices]):
        @contextmanager
        def use(self, reference: Reference | None = None) -> Iterator[TtsEngine]:
            if reference == Reference("tin"):
                self.switch(reference, Reference("tin", model))
            with super().use(reference) as engine:
                yield engine

    core = TtsCore(Hasty(references("tin,fake"), Cast(TtsSettings())))
    assert core.synthesize(SpeechRequest("hello", "ja")).voice == voice
    assert [str(status.reference) for status in core.residents.statuses] == [f"tin:{model}", "fake"]
