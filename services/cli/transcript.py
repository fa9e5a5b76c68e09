"""A call on the terminal: one column per channel, what was said above what it means, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Turn:
    """What one channel said in one region.

    Attributes:
        start_ms: From the start of the recording.
        column: Position of its channel, from 0.
        source: What was said.
        translation: What it means; empty when the job did not translate.
        needs_review: Whether a person should check it.
    """

    start_ms: int
    column: int
    source: str
    translation: str
    needs_review: bool


def turns(result: Mapping[str, Any]) -> list[Turn]:
    """Return the turns of a result document in the order in which they begin.

    Args:
        result: The result of a speech translation or a transcription.
    """
    return sorted(_turns(result), key=lambda turn: (turn.start_ms, turn.column))


def table(result: Mapping[str, Any]) -> Table:
    """Lay out a result document as a table that fits the terminal's width."""
    channels = result["channels"]
    laid_out = Table(expand=True, show_lines=False, pad_edge=False, box=None, padding=(0, 2, 1, 0))
    laid_out.add_column("time", style="dim", no_wrap=True)
    for channel in channels:
        laid_out.add_column(_heading(channel), ratio=1, overflow="fold")
    for turn in turns(result):
        cells = [Text() for _ in channels]
        cells[turn.column] = _cell(turn)
        laid_out.add_row(clock(turn.start_ms), *cells)
    return laid_out


def clock(time_ms: int) -> str:
    """Return a time as minutes and seconds, such as "01:05"."""
    minutes, seconds = divmod(time_ms // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"


def _turns(result: Mapping[str, Any]) -> Iterator[Turn]:
    for column, channel in enumerate(result["channels"]):
        for region in channel["regions"]:
            yield Turn(
                start_ms=int(region["start_ms"]),
                column=column,
                source=region["source"]["text"],
                translation=(region.get("translation") or {}).get("text", ""),
                needs_review=bool(region.get("needs_review")),
            )


def _heading(channel: Mapping[str, Any]) -> Text:
    role = channel.get("role") or f"channel {channel['index']}"
    languages = [channel.get("source_language"), channel.get("target_language")]
    heading = Text(f"{role}  {' → '.join(language for language in languages if language)}", style="bold")
    if channel.get("identical_to") is not None:
        heading.append(f"  (same audio as channel {channel['identical_to']})", style="yellow")
    return heading


def _cell(turn: Turn) -> Text:
    # Text, not markup: what was said may hold square brackets.
    cell = Text(turn.source)
    if turn.translation:
        cell.append("\n").append(turn.translation, style="cyan")
    if turn.needs_review:
        cell.append("  (check)", style="yellow")
    return cell
