"""A text that is spoken clause by clause: what is known first, each piece at once, the truth at last."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import Cancelled, Unsupported
from services.tts.core import TtsCore
from services.tts.engines.base import Audio
from services.tts.engines.fake import FakeEngine
from services.tts.engines.trade import alone
from services.tts.request import Closing, Opening, SpeechRequest

TEXT = "Thank you for calling, how may I help you today? Please hold the line while I look that up."
CORE = TtsCore(alone(FakeEngine()))


def parts(core: TtsCore, request: SpeechRequest) -> tuple[Opening, list[Audio], Closing]:
    """Return the three kinds of parts, which come in this order."""
    opening, *audio, closing = core.stream(request)
    assert isinstance(opening, Opening)
    assert isinstance(closing, Closing)
    assert all(isinstance(each, np.ndarray) for each in audio)
    return opening, [each for each in audio if isinstance(each, np.ndarray)], closing


def test_the_first_clause_comes_by_itself() -> None:
    _, audio, _ = parts(CORE, SpeechRequest(TEXT, "en"))
    clause = "Thank you for calling,"
    assert audio[0].size == (sum(map(str.isalnum, clause)) * 60 + 100) * 24
    assert len(audio) == 2


@given(st.text("abc ,.", max_size=600), st.floats(0.5, 2))
def test_it_is_as_long_as_it_says_in_the_end(text: str, rate: float) -> None:
    _, audio, closing = parts(CORE, SpeechRequest(text, "en", rate=rate))
    assert closing.duration_ms == math.ceil(sum(each.size for each in audio) / 24)
    assert (closing.warnings == ("nothing_to_speak",)) is not any(each.size for each in audio)


def test_its_forecast_is_near_the_truth_without_a_forecast_of_every_piece() -> None:
    opening, _, closing = parts(CORE, SpeechRequest(TEXT * 9, "en"))
    assert opening.expected_ms == pytest.approx(closing.duration_ms, rel=0.15)


def test_the_stretch_of_a_slot_is_that_of_the_forecast() -> None:
    opening, audio, closing = parts(CORE, SpeechRequest("a" * 100, "en", slot_ms=5000))
    assert opening.stretch == pytest.approx(1.2, rel=1e-3)
    assert closing.duration_ms == pytest.approx(5000, abs=2)
    assert (closing.warnings, len(audio)) == ((), 1)


def test_a_bad_forecast_is_admitted_in_the_end() -> None:
    core = TtsCore(alone(FakeEngine(forecast_error=0.5)))
    opening, _, closing = parts(core, SpeechRequest("a" * 100, "en", slot_ms=3500, max_stretch=2))
    assert (opening.stretch, opening.warnings) == (1, ())
    assert (closing.duration_ms, closing.warnings) == (6000, ("slot_overrun",))


def test_nothing_to_speak_is_said_first_and_last() -> None:
    opening, audio, closing = parts(CORE, SpeechRequest("...", "en"))
    assert (audio, opening.warnings, closing.warnings) == ([], ("nothing_to_speak",), ("nothing_to_speak",))


def test_a_refusal_comes_before_anything_else() -> None:
    with pytest.raises(Unsupported):
        next(CORE.stream(SpeechRequest(TEXT, "ja")))


def test_who_leaves_between_two_clauses_hears_no_other_one() -> None:
    spoken: list[str] = []

    class Recording(FakeEngine):
        def synthesize(
            self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
        ) -> Audio:
            spoken.append(text)
            return super().synthesize(text, voice, rate, cancelled)

    core = TtsCore(alone(Recording()))
    proofs = len(spoken)
    with pytest.raises(Cancelled):
        for _ in core.stream(SpeechRequest(TEXT, "en"), lambda: len(spoken) > proofs):
            pass
    assert spoken[proofs:] == ["Thank you for calling,"]


def test_an_engine_is_held_while_it_speaks_and_no_longer() -> None:
    stream = CORE.stream(SpeechRequest(TEXT, "en"))
    next(stream)
    assert CORE.residents.statuses[0].calls == 1
    assert isinstance(list(stream)[-1], Closing)
    assert CORE.residents.statuses[0].calls == 0
