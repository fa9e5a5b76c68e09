"""Where the speech of a call lies: against its slots, and against what is said on other channels."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.gateway.jobs.model import UnitRecord
from services.gateway.jobs.outputs import Outputs, position
from services.shared import tasks

# Speech that is longer than its slot by a tenth is still within it: nobody hears that.
_WITHIN_PERCENT: Final = 110
Json = dict[str, Any]
Span = tuple[int, int]


class Timeline:
    """The speech of a call's regions, as it lies in the files.

    Args:
        outputs: Of the job.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._placed = outputs.output(tasks.ENCODE).get("placements", {})
        self._spans = {
            unit.index: self._span(unit)
            for unit in outputs.units(tasks.TRANSCRIBE)
            if outputs.output(tasks.SYNTHESIZE, unit.index).get("audio")
        }
        channels = {position(index)[0] for index in self._spans}
        self._others = {channel: self._beside(channel) for channel in channels}

    def speech(self, unit: UnitRecord) -> Json | None:
        """Return what a result says of a region's speech; None where there is none."""
        if unit.index not in self._spans:
            return None
        made, region = self._outputs.output(tasks.SYNTHESIZE, unit.index), unit.payload
        start_ms, end_ms = span = self._spans[unit.index]
        shorter = self._outputs.document(tasks.SYNTHESIZE, "spoken_text", unit.index)
        return {
            "voice": made["voice"],
            "slot_ms": made["slot_ms"],
            "duration_ms": made["duration_ms"],
            "stretch": round(made["stretch"], 4),
            # Before an update, whatever silence there was.
            "borrowed_ms": min(max(0, end_ms - region["end_ms"]), made.get("borrow_ms", region["borrow_ms"])),
            "delay_ms": max(0, start_ms - region["start_ms"]),
            "start_ms": start_ms,
            "end_ms": end_ms,
            "overlap_ms": _shared_ms(span, self._others[position(unit.index)[0]]),
            "spoken_text": shorter.get("text"),
            "heard": heard(made),
        }

    def _span(self, unit: UnitRecord) -> Span:
        asked = {"start_ms": unit.payload["start_ms"]}
        placed = self._placed.get(unit.index, asked)
        made = self._outputs.output(tasks.SYNTHESIZE, unit.index)
        return placed["start_ms"], placed.get("end_ms", placed["start_ms"] + made["duration_ms"])

    def _beside(self, channel: int) -> list[Span]:
        return _joined(span for index, span in self._spans.items() if position(index)[0] != channel)


def heard(made: Mapping[str, Any]) -> Json | None:
    """Return how made speech was understood when it was heard again; None where it was not."""
    found = made.get("heard")
    return found and {name: found[name] for name in ("word_error_rate", "entities_match", "passes")}


def summary(speeches: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many regions of a call were spoken, and how."""
    return {
        "regions": len(speeches),
        "within_slot": sum(
            each["duration_ms"] * 100 <= each["slot_ms"] * _WITHIN_PERCENT for each in speeches
        ),
        "stretched": sum(each["stretch"] > 1 for each in speeches),
        "slowed": sum(each["stretch"] < 1 for each in speeches),
        "borrowed": sum(each["borrowed_ms"] > 0 for each in speeches),
        "delayed": sum(each["delay_ms"] > 0 for each in speeches),
        "shortened": sum(each["spoken_text"] is not None for each in speeches),
        "overlapping": sum(each["overlap_ms"] > 0 for each in speeches),
    }


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return what some spans cover, as spans that are apart and in the order of time."""
    joined: list[Span] = []
    for start_ms, end_ms in sorted(spans):
        if joined and start_ms <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end_ms)
        else:
            joined.append((start_ms, end_ms))
    return joined


def _shared_ms(span: Span, joined: Sequence[Span]) -> int:
    first = bisect_right(joined, span[0], key=lambda each: each[1])
    end = bisect_left(joined, span[1], key=lambda each: each[0])
    return sum(min(span[1], each[1]) - max(span[0], each[0]) for each in joined[first:end])
