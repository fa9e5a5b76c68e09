"""Subtitles of a call in SubRip (SRT) and WebVTT, one file for each language of the call."""

from __future__ import annotations

import html
import textwrap
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from services.gateway.jobs.languages import AUTO, serves

# What broadcasters' guides agree on for readable subtitles.
MAX_LINES: Final = 2
MAX_LINE_CHARACTERS: Final = 42

Words = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one channel says in one region, in one language.

    Attributes:
        start_ms: From the start of the recording; end_ms alike.
        speaker: Role of the channel; None when there is nobody to tell apart.
        text: Not empty.
        words: Their times, where the text is what was spoken; else empty.
    """

    start_ms: int
    end_ms: int
    speaker: str | None
    text: str
    words: Words = ()


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle on the screen: at most MAX_LINES lines."""

    start_ms: int
    end_ms: int
    speaker: str | None
    lines: tuple[str, ...]


def subtitles(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the subtitle files of a call's result document by name, such as "subtitles.pt-BR.vtt"."""
    files = {}
    for language in languages(result):
        said = list(utterances(result, language))
        files[f"subtitles.{language}.srt"] = srt(said)
        files[f"subtitles.{language}.vtt"] = vtt(said)
    return files


def languages(result: Mapping[str, Any]) -> list[str]:
    """Return the languages of a call; of "pt" (as detected) and "pt-BR" (as declared) only the latter."""
    tags = {
        channel[name] for channel in result["channels"] for name in ("source_language", "target_language")
    } - {None, "", AUTO}
    return sorted(
        tag for tag in tags if not any(serves(tag, other) and len(other) > len(tag) for other in tags)
    )


def utterances(result: Mapping[str, Any], language: str) -> Iterator[Utterance]:
    """Yield all that is said in a language, spoken or translated, in the order of time."""
    channels = result["channels"]
    found = [
        Utterance(region["start_ms"], region["end_ms"], speaker, *said)
        for channel in channels
        for speaker in [_speaker(channel, alone=len(channels) == 1)]
        for region in channel["regions"]
        for said in [_said(channel, region, language)]
        if said and said[0]
    ]
    yield from sorted(found, key=lambda each: (each.start_ms, each.end_ms))


def _speaker(channel: Mapping[str, Any], *, alone: bool) -> str | None:
    role: str | None = channel["role"]
    return role or (None if alone else f"channel {channel['index']}")


def _said(channel: Mapping[str, Any], region: Mapping[str, Any], language: str) -> tuple[str, Words] | None:
    if serves(channel["source_language"] or "", language):
        return _clean(region["source"]["text"]), region["source"]["words"]
    if region["translation"] and serves(channel["target_language"] or "", language):
        return _clean(region["translation"]["text"]), ()
    return None


def _clean(text: str) -> str:
    """Return a text on one line without control characters: a blank line would end a cue."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def srt(said: Sequence[Utterance]) -> str:
    """Return a SubRip file. The format has no escapes, so an arrow in the text becomes another one."""
    blocks = []
    for number, cue in enumerate(_cues(said, named_in_text=True), start=1):
        prefix = f"{cue.speaker}: " if cue.speaker else ""
        text = prefix + "\n".join(cue.lines).replace("-->", "→")
        blocks.append(f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{text}\n")
    return "\n".join(blocks)


def vtt(said: Sequence[Utterance]) -> str:
    """Return a WebVTT file (W3C, section 3.4: & < > are written as character references)."""
    blocks = ["WEBVTT\n"]
    for cue in _cues(said, named_in_text=False):
        voice = f"<v {html.escape(cue.speaker, quote=False)}>" if cue.speaker else ""
        text = voice + html.escape("\n".join(cue.lines), quote=False)
        blocks.append(f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{text}\n")
    return "\n".join(blocks)


def clock(time_ms: int, point: str) -> str:
    """Return HH:MM:SS, then `point` and milliseconds; hours go on beyond 99."""
    seconds, ms = divmod(time_ms, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{point}{ms:03d}"


def _cues(said: Sequence[Utterance], *, named_in_text: bool) -> Iterator[Cue]:
    for utterance in said:
        prefix = len(f"{utterance.speaker}: ") if named_in_text and utterance.speaker else 0
        yield from cues(utterance, MAX_LINE_CHARACTERS - prefix)


def cues(utterance: Utterance, width: int = MAX_LINE_CHARACTERS) -> Iterator[Cue]:
    """Cut an utterance into cues and share its time among them.

    By the times of its words where they are known, else in proportion to the characters of each cue.
    """
    lines = textwrap.wrap(utterance.text, width, break_on_hyphens=False)
    pages = [tuple(lines[first : first + MAX_LINES]) for first in range(0, len(lines), MAX_LINES)]
    sizes = [_size("".join(page)) for page in pages]
    times = _by_words(utterance, sum(sizes)) or _by_share(utterance, sum(sizes))
    for page, size, end in zip(pages, sizes, accumulate(sizes), strict=True):
        start_ms, end_ms = times(end - size, end)
        yield Cue(start_ms, max(end_ms, start_ms + 1), utterance.speaker, page)


def _size(text: str) -> int:
    return len("".join(text.split()))


Times = Callable[[int, int], tuple[int, int]]


def _by_share(utterance: Utterance, total: int) -> Times:
    """Return a function from a span of characters (spaces left out) to its times, at an even pace."""
    length_ms = utterance.end_ms - utterance.start_ms

    def times(first: int, end: int) -> tuple[int, int]:
        return (
            utterance.start_ms + length_ms * first // total,
            utterance.start_ms + length_ms * end // total,
        )

    return times


def _by_words(utterance: Utterance, total: int) -> Times | None:
    """Return the same by the words' own times; None where the words do not make up the text."""
    words = [word for word in utterance.words if _size(word["text"])]
    ends = list(accumulate(_size(word["text"]) for word in words))
    if not words or ends[-1] != total:
        return None

    def times(first: int, end: int) -> tuple[int, int]:
        return words[bisect_right(ends, first)]["start_ms"], words[bisect_left(ends, end)]["end_ms"]

    return times
