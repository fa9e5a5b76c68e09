"""A call on the terminal: one column per channel, what was said above what it means, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table
from rich.text import Text

# As long as a channel must be silent for the result to say so.
_DEAD_AIR_MS: Final = 10_000
_MARKED: Final = "bold"
_WRONG: Final = "bold red"
_SILENCE: Final = "silence"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one channel said in one region.

    Attributes:
        start_ms: From the start of the recording.
        column: Position of its channel, from 0.
        source: What was said.
        translation: What it means; empty when the job did not translate.
        needs_review: Whether a person should check it.
        reasons: Codes that say why.
        entities: Numbers, codes and names of both texts, as the result has them.
    """

    start_ms: int
    column: int
    source: str
    translation: str
    needs_review: bool
    reasons: tuple[str, ...] = ()
    entities: Sequence[Json] = ()


def turns(result: Json) -> list[Turn]:
    """Return the turns of a result document in the order in which they begin.

    Args:
        result: The result of a speech translation or a transcription.
    """
    return sorted(_turns(result), key=lambda turn: (turn.start_ms, turn.column))


def table(result: Json) -> Table:
    """Lay out a result document as a table that fits the terminal's width."""
    channels = result["channels"]
    laid_out = Table(expand=True, show_lines=False, pad_edge=False, box=None, padding=(0, 2, 1, 0))
    laid_out.add_column("time", style="dim", no_wrap=True)
    for channel in channels:
        laid_out.add_column(_heading(channel), ratio=1, overflow="fold")
    for start_ms, column, content in sorted(_rows(result), key=lambda row: row[:2]):
        cells = [Text() for _ in channels]
        cells[column] = content
        laid_out.add_row(clock(start_ms), *cells)
    return laid_out


def clock(time_ms: int) -> str:
    """Return a time as minutes and seconds, such as "01:05"."""
    minutes, seconds = divmod(time_ms // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"


def _rows(result: Json) -> Iterator[tuple[int, int, Text]]:
    for turn in turns(result):
        yield turn.start_ms, turn.column, _cell(turn)
    for column, channel in enumerate(result["channels"]):
        for sound in channel.get("sounds", ()):
            if sound["kind"] != _SILENCE:
                yield int(sound["start_ms"]), column, _sound(sound)
    for start_ms, end_ms in _dead_air(result["channels"]):
        yield start_ms, 0, _sound({"kind": _SILENCE, "start_ms": start_ms, "end_ms": end_ms})


def _dead_air(channels: Sequence[Json]) -> list[tuple[int, int]]:
    """Return when all channels were silent for long: that one is while another speaks is no news."""
    silences = [
        [(each["start_ms"], each["end_ms"]) for each in channel.get("sounds", ()) if each["kind"] == _SILENCE]
        for channel in channels
        if channel.get("identical_to") is None
    ]
    shared = silences[0] if silences else []
    for beside in silences[1:]:
        both = ((max(a[0], b[0]), min(a[1], b[1])) for a in shared for b in beside)
        shared = [(start_ms, end_ms) for start_ms, end_ms in both if end_ms - start_ms >= _DEAD_AIR_MS]
    return shared


def _turns(result: Json) -> Iterator[Turn]:
    for column, channel in enumerate(result["channels"]):
        for region in channel["regions"]:
            yield Turn(
                start_ms=int(region["start_ms"]),
                column=column,
                source=region["source"]["text"],
                translation=(region.get("translation") or {}).get("text", ""),
                needs_review=bool(region.get("needs_review")),
                reasons=tuple(region.get("review_reasons", ())),
                entities=region.get("entities", ()),
            )


def _heading(channel: Json) -> Text:
    role = channel.get("role") or f"channel {channel['index']}"
    languages = [channel.get("source_language"), channel.get("target_language")]
    heading = Text(f"{role}  {' → '.join(language for language in languages if language)}", style="bold")
    if channel.get("identical_to") is not None:
        heading.append(f"  (same audio as channel {channel['identical_to']})", style="yellow")
    return heading


def _cell(turn: Turn) -> Text:
    # Text, not markup: what was said may hold square brackets.
    cell = _marked(turn.source, "source_text", turn.entities)
    if turn.translation:
        means = _marked(turn.translation, "target_text", turn.entities, style="cyan")
        cell = Text.assemble(cell, "\n", means)
    if turn.needs_review:
        why = f": {', '.join(turn.reasons)}" if turn.reasons else ""
        cell.append(f"  (check{why})", style="yellow")
    for entity in turn.entities:
        if entity.get("match") is False:
            cell.append("\n").append(_difference(entity), style=_WRONG)
    return cell


def _marked(text: str, side: str, entities: Sequence[Json], style: str = "") -> Text:
    """Return a text in which its entities stand out, those most that do not match."""
    marked, free = Text(text, style=style), text
    # The longest first: "1" is not looked for within "15".
    for entity in sorted(entities, key=lambda each: -len(each.get(side) or "")):
        written = entity.get(side)
        if written and (start := free.find(written)) >= 0:
            end = start + len(written)
            free = free[:start] + "\0" * len(written) + free[end:]
            marked.stylize(_WRONG if entity.get("match") is False else _MARKED, start, end)
    return marked


def _difference(entity: Json) -> str:
    source, target = (entity.get(f"{side}_text") or entity.get(side) for side in ("source", "target"))
    return f"{source or 'nothing'} ≠ {target or 'nothing'}"


def _sound(sound: Json) -> Text:
    of = sound.get("of")
    what = (sound["kind"], sound.get("digits"), None if of is None else f"of channel {of}")
    span = f"{clock(sound['start_ms'])}-{clock(sound['end_ms'])}"
    return Text(f"[{' '.join(each for each in (*what, span) if each)}]", style="dim")
