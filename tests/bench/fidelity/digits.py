"""Digits that translation corrupts, in 10,000 generated sentences: by the engine alone, and by the core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from services.shared.config import load
from services.shared.engines import references
from services.translation import server
from services.translation.core import Task, Translation, TranslationCore
from services.translation.engines.base import TranslationEngine
from services.translation.engines.registry import create
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from tests.bench.fidelity.digit_forms import FORMS
from tests.bench.fidelity.digit_judge import kept
from tests.bench.fidelity.digit_sentences import Said, sentences
from tests.bench.report import Bars, Result, Row, spread

DIRECTIONS: Final = (Pair("en", "pt"), Pair("pt", "en"))
MISMATCH: Final = "entity_mismatch"
_SENTENCES: Final = 5_000
# Both ways take turns in passes of so many sentences, so that what else the machine does meets both.
_PASS: Final = 50
_SHOWN: Final = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sentence.

    Attributes:
        said: The sentence.
        pair: Its direction.
        raw: The engine's translation.
        text: The core's.
        flagged: Whether the core warns of it.
    """

    said: Said
    pair: Pair
    raw: str
    text: str
    flagged: bool

    @property
    def raw_right(self) -> bool:
        """Whether the engine kept all digits."""
        return kept(self.raw, self.pair.target, self.said.expected)

    @property
    def right(self) -> bool:
        """Whether the core did."""
        return kept(self.text, self.pair.target, self.said.expected)

    def shown(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        return {"source": self.said.text, "raw": self.raw, "text": self.text, "flagged": self.flagged}


@dataclass(slots=True)
class _Times:
    """Processor seconds of each pass, by both ways."""

    raw: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [mine / its for mine, its in zip(self.core, self.raw, strict=True)]


def run(share: float) -> Result:
    """Translate everything by both ways in turn, and judge both."""
    settings = load(TranslationSettings)
    core: TranslationCore = server.spec(settings).load()
    engine = create(references(settings.translation_engines)[0], settings)
    times = _Times()
    outcomes = [
        outcome
        for pair in DIRECTIONS
        if pair in core.best and pair in engine.pairs
        for outcome in _outcomes(
            _Ways(core, engine, pair), sentences(pair.source, round(_SENTENCES * share)), times
        )
    ]
    if not outcomes:
        return Result("quality_digits", skipped=f"{engine.model.name} translates none of {DIRECTIONS}")
    return _result(outcomes, times)


@dataclass(frozen=True, slots=True)
class _Ways:
    """Both ways to translate a sentence."""

    _core: TranslationCore
    _engine: TranslationEngine
    pair: Pair

    def raw(self, text: str) -> str:
        """Ask the engine."""
        return self._engine.translate([text], self.pair)[0]

    def ours(self, text: str) -> Translation:
        """Ask the core, a sentence a call as the regions of a call come."""
        return self._core.translate(Task([text], self.pair.source, self.pair.target)).texts[0]


def _outcomes(ways: _Ways, said: Sequence[Said], times: _Times) -> Iterator[Outcome]:
    ways.raw(said[0].text)
    ways.ours(said[0].text)
    for start in range(0, len(said), _PASS):
        part = said[start : start + _PASS]
        raw, raw_s = _timed(ways.raw, part)
        ours, ours_s = _timed(ways.ours, part)
        times.raw.append(raw_s)
        times.core.append(ours_s)
        for each, plain, made in zip(part, raw, ours, strict=True):
            yield Outcome(each, ways.pair, plain, made.text, MISMATCH in made.warnings)


def _timed(way: Callable[[str], T], said: Sequence[Said]) -> tuple[list[T], float]:
    """Translate sentences; return the processor seconds of all threads of this process, too."""
    began_s = time.process_time()
    return [way(each.text) for each in said], time.process_time() - began_s


def _result(outcomes: Sequence[Outcome], times: _Times) -> Result:
    rows = [
        row for pair in DIRECTIONS for row in _rows(pair, [each for each in outcomes if each.pair == pair])
    ]
    rows.append(Row("processor time, protected to raw", "ratio", spread(times.ratios), "<= 1.05"))
    total = sum(times.core) / sum(times.raw)
    rows.append(Row("the same over all passes", "ratio", spread([total])))
    bars = {
        f"{pair}, {form}: {way}": _percent(
            not getattr(each, right) for each in outcomes if (each.pair, each.said.form) == (pair, form)
        )
        for pair in DIRECTIONS
        for form in FORMS
        for way, right in (("raw", "raw_right"), ("protected", "right"))
    }
    wrong = [each for each in outcomes if not each.right and not each.flagged]
    alarms = [each for each in outcomes if each.right and each.flagged]
    details = {
        "sentences": len(outcomes),
        "unflagged": [each.shown() for each in wrong[:_SHOWN]],
        "flagged_though_right": [each.shown() for each in alarms[:_SHOWN]],
        "raw_wrong": [each.shown() for each in outcomes if not each.raw_right][:_SHOWN],
    }
    return Result(
        "quality_digits", tuple(rows), (Bars("Sentences with corrupted digits", "%", bars),), details
    )


def _rows(pair: Pair, outcomes: Sequence[Outcome]) -> Iterator[Row]:
    if not outcomes:
        return
    yield Row(
        f"{pair}: corrupted by the engine", "%", spread([_percent(not each.raw_right for each in outcomes)])
    )
    yield Row(f"{pair}: corrupted by the core", "%", spread([_percent(not each.right for each in outcomes)]))
    unflagged = sum(not each.right and not each.flagged for each in outcomes)
    yield Row(f"{pair}: corrupted and not flagged", "sentences", spread([unflagged]), "<= 0")
    alarms = _percent(each.flagged for each in outcomes if each.right)
    yield Row(f"{pair}: flagged though right", "%", spread([alarms]), "<= 1")


def _percent(found: Iterable[bool]) -> float:
    every = list(found)
    return 100 * sum(every) / max(len(every), 1)
