"""A call's wall time through the service over that of the same engines one after another in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import stack
from tests.bench.call import Outcome, recordings
from tests.bench.report import Bars, Result, Row, Spread, spread

_PASSES: Final = 3
_AT_ONCE: Final = 8


class Library:
    """The engines in a process of their own, with no service around them.

    Args:
        threads: Of each model; None leaves them as the servers have them.
    """

    def __init__(self, threads: int | None = None) -> None:
        names = ("DRAGOMAN_ASR_THREADS", "DRAGOMAN_TTS_THREADS") if threads else ()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.baseline"],
            env={**os.environ, **dict.fromkeys(names, str(threads))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def translate(self, calls: Sequence[Path]) -> Outcome:
        """Work through calls, one after another."""
        assert self._process.stdin is not None
        print(json.dumps([str(call) for call in calls]), file=self._process.stdin, flush=True)
        return Outcome(**json.loads(self._answer()))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the baseline ended"
        return line


@dataclass(frozen=True, slots=True)
class Pass:
    """One round of measurements, all within minutes of each other.

    Attributes:
        service: One call through the service.
        library: The same through the library.
        all_cores: The same with every model on all cores.
        service_many: Many calls at once through the service.
        library_many: The same one after another through the library.
    """

    service: Outcome
    library: Outcome
    all_cores: Outcome
    service_many: Outcome
    library_many: Outcome


def run(passes_wanted: int = _PASSES) -> Result:
    """Measure in interleaved passes; models are loaded and warm before the first."""
    calls = recordings()
    many = [calls[number % len(calls)] for number in range(_AT_ONCE)]
    with _libraries() as (library, all_cores), stack.running() as service:
        for each in (service, library, all_cores):
            each.translate(calls[:1])
        passes = [
            Pass(
                service.translate(calls[:1]),
                library.translate(calls[:1]),
                all_cores.translate(calls[:1]),
                service.translate(many),
                library.translate(many),
            )
            for _ in range(passes_wanted)
        ]
    walls = {name: spread([getattr(each, name).wall_s for each in passes]) for name in Pass.__slots__}
    return Result(
        "pipeline",
        (
            *(Row(f"{label}: wall", "s", walls[name]) for name, label in _LABELS.items()),
            *(Row(f"{label}: CPU", "s", _cpu(passes, name)) for name, label in _LABELS.items()),
            Row("one call, over one process", "ratio", _ratio(passes, "service", "library"), "<= 1.05"),
            Row(
                "eight calls, over one process",
                "ratio",
                _ratio(passes, "service_many", "library_many"),
                "< 0.95",
            ),
            Row("one call, over one process on all cores", "ratio", _ratio(passes, "service", "all_cores")),
        ),
        (Bars("Wall time", "s", {label: walls[name].median for name, label in _LABELS.items()}),),
        {"calls": [call.name for call in calls], "same_text": _agreement(passes)},
    )


_LABELS: Final[Mapping[str, str]] = {
    "service": "one call, service",
    "library": "one call, one process",
    "all_cores": "one call, one process on all cores",
    "service_many": f"{_AT_ONCE} calls at once, service",
    "library_many": f"{_AT_ONCE} calls in turn, one process",
}


def _cpu(passes: Sequence[Pass], name: str) -> Spread:
    return spread([getattr(each, name).cpu_s for each in passes])


def _ratio(passes: Sequence[Pass], name: str, peer: str) -> Spread:
    return spread([getattr(each, name).wall_s / getattr(each, peer).wall_s for each in passes])


def _agreement(passes: Sequence[Pass]) -> float:
    """Return the share of regions whose text is the same with and without the service."""
    pairs = [
        pair for each in passes for pair in zip(each.service.texts[0], each.library.texts[0], strict=False)
    ]
    return sum(one == other for one, other in pairs) / len(pairs)


@contextmanager
def _libraries() -> Iterator[tuple[Library, Library]]:
    both = Library(), Library(os.cpu_count())
    try:
        yield both
    finally:
        for each in both:
            each.stop()
