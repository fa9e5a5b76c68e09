"""What was said in a file, in each of the formats."""

from __future__ import annotations

import math
from typing import Any

import pytest

from services.gateway.api import openai_formats as formats
from services.gateway.api.openai_formats import Transcript
from services.gateway.inference.transcription import Segment, Word


def segment(start_ms: int, text: str, **changes: Any) -> Segment:
    """Return a segment of a second, a word of its text for each 100 ms."""
    words = tuple(
        Word(word, start_ms + 100 * number, start_ms + 100 * number + 90, 0.5)
        for number, word in enumerate(text.split())
    )
    given: dict[str, Any] = {
        "start_ms": start_ms,
        "end_ms": start_ms + 1_000,
        "speaker": None,
        "text": text,
        "language": "pt-BR",
        "words": words,
        "average_log_probability": -0.25,
        "no_speech_probability": 0.01,
    }
    return Segment(**(given | changes))


TALK = Transcript((segment(1_250, "Bom dia."), segment(3_000, "Quarto 12, por favor.")), 5_004)


def test_json_is_the_text_and_how_long_it_was() -> None:
    view = formats.json(TALK, logprobs=False)
    assert view.text == "Bom dia. Quarto 12, por favor."
    assert view.usage.model_dump() == {"type": "duration", "seconds": 5.004}
    assert view.logprobs is None


def test_confidences_are_logarithms_of_words_and_never_infinite() -> None:
    impossible = segment(0, "não", words=(Word("não", 0, 100, 0.0),))
    (sure,) = formats.json(Transcript((impossible,), 1_000), logprobs=True).logprobs or []
    assert bytes(sure.bytes).decode() == sure.token == "não"
    assert math.isfinite(sure.logprob)
    assert formats.confidences(TALK.segments[0])[0].logprob == pytest.approx(math.log(0.5))


def test_verbose_json_is_as_whisper_writes_it() -> None:
    view = formats.verbose_json(TALK, ["segment", "word"])
    assert (view.task, view.language, view.duration) == ("transcribe", "portuguese", 5.004)
    first, second = view.segments or []
    assert (first.id, first.seek, first.start, first.end) == (0, 125, 1.25, 2.25)
    assert (second.id, second.text, second.tokens) == (1, "Quarto 12, por favor.", [])
    assert (first.avg_logprob, first.no_speech_prob) == (-0.25, 0.01)
    assert [(word.word, word.start, word.end) for word in view.words or ()][:2] == [
        ("Bom", 1.25, 1.34),
        ("dia.", 1.35, 1.44),
    ]


def test_only_what_was_asked_for_is_listed() -> None:
    assert formats.verbose_json(TALK, ["word"]).segments is None
    assert formats.verbose_json(TALK, ["segment"]).words is None


def test_the_language_of_a_translation_is_that_of_the_text() -> None:
    view = formats.verbose_json(Transcript(TALK.segments, 5_004, None, "en-US"), ["segment"])
    assert (view.task, view.language) == ("translate", "english")


@pytest.mark.parametrize(("language", "name"), [("es-MX", "spanish"), (None, "unknown")])
def test_silence_is_in_the_language_that_was_asked_for(language: str | None, name: str) -> None:
    assert formats.verbose_json(Transcript((), 2_000, language), ["segment"]).language == name


def test_a_text_in_circles_has_a_high_ratio() -> None:
    assert formats.compression_ratio("thank you " * 60) > 2.4 > formats.compression_ratio("Room 12, please.")
    assert formats.compression_ratio("") == 0


def test_diarized_json_names_who_spoke() -> None:
    call = Transcript((segment(0, "Hello", speaker="agent"), segment(900, "Yes", speaker="customer")), 2_000)
    view = formats.diarized_json(call)
    assert [(each.id, each.speaker, each.start) for each in view.segments] == [
        ("seg_0", "agent", 0),
        ("seg_1", "customer", 0.9),
    ]
    assert view.text == "Hello Yes"


def test_subtitles_follow_the_words_and_name_who_spoke() -> None:
    call = Transcript((segment(0, "Is it <12>?", speaker="agent"),), 2_000)
    assert formats.subtitles(call, "srt") == "1\n00:00:00,000 --> 00:00:00,290\nagent: Is it <12>?\n"
    assert formats.subtitles(call, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.290\n<v agent>Is it &lt;12&gt;?\n"
    )


def test_a_translation_has_subtitles_without_times_of_words() -> None:
    translated = Transcript((segment(500, "Good morning.", words=()),), 2_000, "pt", "en")
    assert "00:00:00,500 --> 00:00:01,500" in formats.subtitles(translated, "srt")
