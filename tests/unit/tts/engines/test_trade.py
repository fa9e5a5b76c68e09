"""An engine proves itself before it serves, in whatever script its voice reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.shared.errors import InternalError
from services.tts.engines.base import Audio
from services.tts.engines.fake import FakeEngine
from services.tts.engines.trade import TtsTrade
from services.tts.settings import TtsSettings


class OneAlphabet(FakeEngine):
    """Reads the letters between two others and no more."""

    def __init__(self, first: str, last: str) -> None:
        super().__init__()
        self._first, self._last = first, last

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        known = "".join(each for each in text if self._first <= each <= self._last)
        return super().synthesize(known, voice, rate, cancelled)


@pytest.mark.parametrize(
    "letters", ["az", "AZ", "ая", "αω", "ءي", "את", "ऄह", "ぁゖ", "一龥", "가힣", "กฮ", "აჰ", "ሀፚ"]
)
def test_a_voice_of_any_alphabet_proves_itself(letters: str) -> None:
    TtsTrade(TtsSettings()).prove(OneAlphabet(*letters))


def test_an_engine_that_is_silent_in_every_script_does_not_serve() -> None:
    with pytest.raises(InternalError) as refused:
        TtsTrade(TtsSettings()).prove(OneAlphabet("\x00", "\x00"))
    assert refused.value.code == "self_test_failed"


class Costly(FakeEngine):
    """Counts what it is asked for."""

    asked = 0

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        self.asked += 1
        return super().synthesize(text, voice, rate, cancelled)


def test_a_voice_of_latin_letters_speaks_only_once_to_prove_itself() -> None:
    engine = Costly()
    TtsTrade(TtsSettings()).prove(engine)
    assert engine.asked == 1
