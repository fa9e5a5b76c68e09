"""How long translated speech is for its slot, and whether turns stay turns: whole calls through the stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from dragoman.parts import Speech
from dragoman.results import Region
from dragoman.results import Result as JobResult
from services.shared.turns import PADDING_MS
from tests.bench import stack
from tests.bench.call import SPEC, recordings
from tests.bench.fidelity.sampling import sampled
from tests.bench.report import Histogram, Result, Row, spread

# Speech over its slot by less is not noticed.
_MOST: Final = 1.1
_LEAST: Final = 0.9


@dataclass(frozen=True, slots=True)
class Spoken:
    """A region and the speech in its place.

    Attributes:
        call: Which recording.
        channel: Whose turn.
        start_ms: Of what was said.
        end_ms: Of it.
        speech: The translation's.
    """

    call: str
    channel: int
    start_ms: int
    end_ms: int
    speech: Speech

    @property
    def slot_ms(self) -> int:
        """Length of what was said."""
        return self.end_ms - self.start_ms

    @property
    def ratio(self) -> float:
        """Length of the speech to that of what was said."""
        return self.speech.duration_ms / self.slot_ms

    @property
    def natural(self) -> float:
        """The same, if nothing had been done about it."""
        return self.ratio * (self.speech.stretch or 1.0)

    @property
    def is_filled(self) -> bool:
        """Whether the speech is neither longer than its slot nor shorter than what was said, but for 10 %."""
        shortest_ms = _LEAST * max(0, self.slot_ms - 2 * PADDING_MS)
        return shortest_ms <= self.speech.duration_ms <= _MOST * self.slot_ms

    @property
    def placed(self) -> tuple[int, int]:
        """Start and end of the speech on the timeline, in milliseconds."""
        start_ms = self.start_ms if self.speech.start_ms is None else self.speech.start_ms
        return start_ms, start_ms + self.speech.duration_ms


def run(share: float) -> Result:
    """Translate the calls that there are."""
    calls = sampled(recordings(), share)
    with stack.running() as up:
        jobs = [up.gateway.jobs.submit(SPEC, file=call) for call in calls]
        for job in jobs:
            up.gateway.jobs.wait(job)
        results = [up.gateway.jobs.result(job) for job in jobs]
    spoken = [
        each for call, result in zip(calls, results, strict=True) for each in _spoken(call.name, result)
    ]
    if not spoken:
        return Result("quality_timing", skipped="nothing was spoken")
    return _result(spoken)


def _spoken(call: str, result: JobResult) -> Iterator[Spoken]:
    for channel in result.channels:
        for region in channel.regions:
            if _counts(region) and region.speech:
                yield Spoken(call, channel.index, region.start_ms, region.end_ms, region.speech)


def _counts(region: Region) -> bool:
    return region.speech is not None and region.speech.duration_ms > 0 and region.end_ms > region.start_ms


def replies_cut(spoken: Sequence[Spoken]) -> list[tuple[Spoken, Spoken]]:
    """Return each speech that goes on when the other side has begun to speak its reply."""
    return [
        (one, reply)
        for one in spoken
        for reply in spoken
        if (one.call, reply.channel != one.channel) == (reply.call, True)
        and reply.start_ms >= one.end_ms
        and reply.placed[0] < one.placed[1]
    ]


def self_cut(spoken: Iterable[Spoken]) -> list[tuple[Spoken, Spoken]]:
    """Return each speech that goes on when the next one of its own channel has begun."""
    ordered = sorted(spoken, key=lambda each: (each.call, each.channel, each.placed))
    return [
        (one, after)
        for one, after in pairwise(ordered)
        if (one.call, one.channel) == (after.call, after.channel) and after.placed[0] < one.placed[1]
    ]


def _result(spoken: Sequence[Spoken]) -> Result:
    ratios = [each.ratio for each in spoken]
    over = sum(len(cut(spoken)) for cut in (replies_cut, self_cut))
    rows = (
        Row("speech to slot", "ratio", spread(ratios)),
        Row("speech to slot, unstretched", "ratio", spread([each.natural for each in spoken])),
        Row("not longer than slot + 10 %", "%", _percent(each <= _MOST for each in ratios), ">= 90"),
        Row("within slot +- 10 %", "%", _percent(_LEAST <= each <= _MOST for each in ratios)),
        Row("over before slot + 10 %", "%", _percent(_in_time(each) for each in spoken)),
        Row("begins late", "ms", spread([each.placed[0] - each.start_ms for each in spoken])),
        Row("not longer, and what was said - 10 %", "%", _percent(each.is_filled for each in spoken)),
        Row("stretched", "%", _percent((each.speech.stretch or 1) > 1 for each in spoken)),
        Row("slowed", "%", _percent((each.speech.stretch or 1) < 1 for each in spoken)),
        Row("shortened", "%", _percent(each.speech.spoken_text is not None for each in spoken)),
        Row("overlapping the next turn", "regions", spread([over]), "<= 0"),
    )
    title = f"Translated speech to what was said, {len(spoken)} regions"
    plot = Histogram(title, "length of speech / length of slot", tuple(ratios), _MOST)
    return Result("quality_timing", rows, (plot,), {"regions": [_shown(each) for each in spoken]})


def _in_time(each: Spoken) -> bool:
    return each.placed[1] <= each.start_ms + _MOST * each.slot_ms


def _percent(found: Iterable[bool]) -> Any:
    every = list(found)
    return spread([100 * sum(every) / len(every)])


def _shown(each: Spoken) -> dict[str, Any]:
    return {
        "call": each.call,
        "channel": each.channel,
        "slot_ms": each.slot_ms,
        "placed_ms": each.placed,
        "ratio": round(each.ratio, 3),
        **each.speech.model_dump(include={"stretch", "borrowed_ms", "delay_ms", "overlap_ms", "spoken_text"}),
    }
