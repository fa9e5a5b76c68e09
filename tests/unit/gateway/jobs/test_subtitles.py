"""Subtitles."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.subtitles import (
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    Utterance,
    clock,
    cues,
    languages,
    srt,
    subtitles,
    vtt,
)

SRT_TIME = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})")
printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf", "Cn", "Co"]))
texts = st.lists(printable.filter(bool), min_size=1, max_size=40).map(" ".join)


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    start_ms = draw(st.integers(0, 10**8))
    length_ms = draw(st.integers(1, 28_000))
    speaker = draw(st.none() | st.sampled_from(["agent", "customer"]))
    return Utterance(start_ms, start_ms + length_ms, speaker, draw(texts))


def region(start_ms: int, source: str, target: str | None, words: Any = ()) -> dict[str, Any]:
    return {
        "start_ms": start_ms,
        "end_ms": start_ms + 1000,
        "source": {"text": source, "words": list(words)},
        "translation": target and {"text": target},
    }


def channel(role: str | None, source: str, target: str | None, *regions: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": 0, "role": role, "source_language": source, "target_language": target, "regions": regions
    }  # fmt: skip


CALL = {
    "channels": [
        channel("agent", "en", "pt-BR", region(0, "Hello.", "Olá."), region(4000, "Bye.", "Tchau.")),
        channel("customer", "pt-BR", "en", region(2000, "Sim & <não>.", "Yes --> no.")),
    ]
}


def test_a_call_gets_both_formats_in_both_languages() -> None:
    assert set(subtitles(CALL)) == {
        "subtitles.en.srt", "subtitles.en.vtt", "subtitles.pt-BR.srt", "subtitles.pt-BR.vtt"
    }  # fmt: skip


def test_an_srt_file_holds_both_sides_in_the_order_of_time() -> None:
    assert subtitles(CALL)["subtitles.en.srt"] == (
        "1\n00:00:00,000 --> 00:00:01,000\nagent: Hello.\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\ncustomer: Yes → no.\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\nagent: Bye.\n"
    )


def test_a_vtt_file_names_speakers_as_voices_and_escapes_text() -> None:
    assert subtitles(CALL)["subtitles.pt-BR.vtt"] == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\n<v agent>Olá.\n\n"
        "00:00:02.000 --> 00:00:03.000\n<v customer>Sim &amp; &lt;não&gt;.\n\n"
        "00:00:04.000 --> 00:00:05.000\n<v agent>Tchau.\n"
    )


def test_a_call_without_speech_gets_empty_files() -> None:
    files = subtitles({"channels": [channel("agent", "en", "pt-BR")]})
    assert files["subtitles.en.srt"] == ""
    assert files["subtitles.pt-BR.vtt"] == "WEBVTT\n"


@pytest.mark.parametrize(
    ("sides", "found"),
    [
        ([("en", "pt-BR"), ("pt", "en")], ["en", "pt-BR"]),
        ([("auto", "en")], ["en"]),
        ([("en-US", "pt"), ("en-GB", "pt")], ["en-GB", "en-US", "pt"]),
        ([("fr", None)], ["fr"]),
    ],
)
def test_a_detected_language_joins_its_declared_variety(
    sides: list[tuple[str, str | None]], found: list[str]
) -> None:
    assert languages({"channels": [channel(None, *side) for side in sides]}) == found


def test_a_lone_channel_without_a_role_has_no_speaker() -> None:
    files = subtitles({"channels": [channel(None, "en", None, region(0, "Hello.", None))]})
    assert files["subtitles.en.srt"].endswith("\nHello.\n")
    assert "<v" not in files["subtitles.en.vtt"]


def test_channels_without_roles_are_told_apart_by_number() -> None:
    sides = [channel(None, "en", None, region(0, "Hello.", None)), channel(None, "en", None)]
    assert "channel 0: Hello." in subtitles({"channels": sides})["subtitles.en.srt"]


def test_words_give_the_time_where_a_long_text_is_cut() -> None:
    said = [f"word{number:02d}" for number in range(26)]
    words = [
        {"text": text, "start_ms": 1000 * number, "end_ms": 1000 * number + 500}
        for number, text in enumerate(said)
    ]
    first, second, third = cues(Utterance(0, 26_000, None, " ".join(said), words))
    assert (first.start_ms, first.end_ms) == (0, 11_500)
    assert (second.start_ms, second.end_ms) == (12_000, 23_500)
    assert (third.start_ms, third.end_ms) == (24_000, 25_500)


def test_words_that_are_not_the_text_are_not_trusted() -> None:
    words = [{"text": "other", "start_ms": 500, "end_ms": 600}]
    (cue,) = cues(Utterance(0, 1000, None, "This is said.", words))
    assert (cue.start_ms, cue.end_ms) == (0, 1000)


def test_times_go_on_beyond_the_hour_and_beyond_99_hours() -> None:
    assert clock(3_600_000 + 61_001, ",") == "01:01:01,001"
    assert clock(100 * 3_600_000, ".") == "100:00:00.000"


@given(st.integers(0, 10**9))
def test_a_written_time_reads_back(time_ms: int) -> None:
    match = SRT_TIME.fullmatch(clock(time_ms, ","))
    assert match is not None
    hours, minutes, seconds, ms = (int(part) for part in match.groups())
    assert ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms == time_ms


@given(utterances())
def test_cues_are_small_in_order_and_lose_nothing(utterance: Utterance) -> None:
    made = list(cues(utterance))
    assert "".join("".join(cue.lines) for cue in made).replace(" ", "") == utterance.text.replace(" ", "")
    assert made[0].start_ms == utterance.start_ms
    for cue in made:
        assert cue.start_ms < cue.end_ms
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert max(map(len, cue.lines)) <= MAX_LINE_CHARACTERS
    starts = [cue.start_ms for cue in made]
    assert starts == sorted(starts)


@given(st.lists(utterances(), max_size=4))
def test_any_text_leaves_a_file_with_its_structure(said: list[Utterance]) -> None:
    blocks = srt(said).split("\n\n") if said else []
    assert all(block.count("-->") == 1 for block in blocks)
    assert [block.split("\n")[0] for block in blocks] == [str(n) for n in range(1, len(blocks) + 1)]
    payloads = [block.split("\n", 1)[1] for block in vtt(said).split("\n\n")[1:]]
    bare = [re.sub(r"^<v \w+>", "", payload) for payload in payloads]
    assert all("<" not in text and ">" not in text for text in bare)
