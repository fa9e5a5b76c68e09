"""A text that an engine makes up from a sound is dropped; one that is merely hard to hear is not."""

from __future__ import annotations

import pytest

from services.asr.core import AsrCore
from services.asr.engines.base import UNGUIDED, Audio, Caution, Guidance, Hypothesis, Task
from services.asr.engines.fake import FakeEngine
from services.asr.engines.trade import alone
from tests.support.noises import melody
from tests.support.speech import tone


def never() -> bool:
    return False


class Doubtful(FakeEngine):
    """Writes down a text that it does not believe."""

    def __init__(self, text: str = "Thanks for watching", *warnings: Caution) -> None:
        super().__init__()
        self.made = Hypothesis(text, "en", 0.3, warnings=warnings, spoken="en")

    def transcribe(
        self,
        audio: Audio,
        language: str | None,
        task: Task,
        cancelled: object = never,
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        return self.made


@pytest.mark.parametrize("warning", [Caution.UNLIKELY_SPEECH, Caution.LOW_CONFIDENCE, Caution.REPETITION])
def test_a_text_that_is_doubted_is_dropped_in_music_and_kept_elsewhere(warning: Caution) -> None:
    core = AsrCore(alone(Doubtful("Thanks for watching", warning)))
    dropped = core.transcribe(melody(6), "en", Task.TRANSCRIBE, never)
    assert (dropped.text, dropped.warnings, dropped.no_speech) == ("", ("no_speech",), 1.0)
    assert core.transcribe(tone(6), "en", Task.TRANSCRIBE, never).text == "Thanks for watching"


def test_a_text_that_is_not_doubted_is_kept_in_music() -> None:
    core = AsrCore(alone(Doubtful()))
    assert core.transcribe(melody(6), "en", Task.TRANSCRIBE, never).text == "Thanks for watching"


@pytest.mark.parametrize("text", [". . .", "♪♪", "-"])
def test_a_text_without_a_word_is_none(text: str) -> None:
    assert AsrCore(alone(Doubtful(text))).transcribe(tone(2), "en", Task.TRANSCRIBE, never).text == ""
