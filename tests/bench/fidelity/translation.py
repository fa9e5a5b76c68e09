"""BLEU and chrF on FLORES dev: the core, each engine without protection, and the outputs stored beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sacrebleu

from services.shared.config import load
from services.shared.engines import Reference, references
from services.translation import server
from services.translation.core import Task, Translation, TranslationCore
from services.translation.engines.base import TranslationEngine
from services.translation.engines.registry import create
from services.translation.languages import Pair
from services.translation.sentences import has_letters, split
from services.translation.settings import TranslationSettings
from tests.bench.fidelity.digits import MISMATCH
from tests.bench.fidelity.sampling import sampled
from tests.bench.mt_throughput import FLORES
from tests.bench.report import Bars, Result, Row, spread

_STORED: Final = "stored output"
_NUMBER: Final = re.compile(r"\d+(?:[.,\s]\d{3})*(?:[.,]\d+)?")
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Sentences of a direction.

    Attributes:
        pair: The direction.
        sources: What is translated.
        references: What people made of it.
        stored: By whom, what a program made of it before.
    """

    pair: Pair
    sources: list[str]
    references: list[str]
    stored: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Made:
    """What an engine made of a sample, and the core with that engine."""

    engine: str
    sample: Sample
    raw: list[str]
    core: list[Translation]

    @property
    def clean(self) -> list[int]:
        """Which sentences keep all their numbers without protection."""
        return [
            at
            for at, (before, after) in enumerate(zip(self.sample.sources, self.raw, strict=True))
            if not numbers(before) - numbers(after)
        ]

    @property
    def alarms(self) -> list[int]:
        """Which of the clean ones the core warns of."""
        return [at for at in self.clean if MISMATCH in self.core[at].warnings]


def numbers(text: str) -> Counter[str]:
    """Return the numbers that a text has in figures, as their digits."""
    return Counter(re.sub(r"\D", "", each) for each in _NUMBER.findall(text))


def run(share: float) -> Result:
    """Translate FLORES dev with every engine of the settings."""
    if not FLORES.is_dir():
        return Result("quality_translation", skipped=f"no FLORES dev in {FLORES}")
    settings = load(TranslationSettings)
    samples = {each.pair: each for each in _samples(share)}
    made = [
        each
        for reference in references(settings.translation_engines)
        for each in _made(reference, settings, samples)
    ]
    stored = [
        row
        for sample in samples.values()
        for name, texts in sample.stored.items()
        for row in _scores(name, sample, texts)
    ]
    rows = (*(row for each in made for row in _rows(each)), *stored)
    bars = {
        row.name: row.value.median
        for row in rows
        if row.name.startswith("chrF") and row.unit == "points" and not row.target
    }
    alarms = [
        {"source": each.sample.sources[at], "raw": each.raw[at], "text": each.core[at].text}
        for each in made
        for at in each.alarms
    ]
    details = {
        "sentences": {str(pair): len(each.sources) for pair, each in samples.items()},
        "false_flags": alarms[:_SHOWN],
    }
    return Result("quality_translation", rows, (Bars("FLORES dev", "chrF", bars),), details)


def _samples(share: float) -> Iterator[Sample]:
    texts = {file.name: file.read_text(encoding="utf-8").splitlines() for file in FLORES.glob("dev.*")}
    languages = [name.removeprefix("dev.") for name in texts if name.count(".") == 1]
    for source in sorted(languages):
        for target in sorted(set(languages) - {source}):
            kept = sampled(range(len(texts[f"dev.{source}"])), share)
            stored = {
                f"{_STORED} {name.rpartition('.')[2]}": [texts[name][at] for at in kept]
                for name in sorted(texts)
                if name.startswith(f"dev.{source}-{target}.")
            }
            yield Sample(
                Pair(source, target),
                [texts[f"dev.{source}"][at] for at in kept],
                [texts[f"dev.{target}"][at] for at in kept],
                stored,
            )


def _made(reference: Reference, settings: TranslationSettings, samples: dict[Pair, Sample]) -> Iterator[Made]:
    alone = settings.model_copy(update={"translation_engines": str(reference)})
    core: TranslationCore = server.spec(alone).load()
    engine = create(reference, settings)
    for pair in sorted(set(engine.pairs) & set(samples)):
        sample = samples[pair]
        raw = [_unprotected(engine, text, pair) for text in sample.sources]
        tasks = (Task([text], pair.source, pair.target) for text in sample.sources)
        yield Made(str(reference), sample, raw, [core.translate(task).texts[0] for task in tasks])


def _unprotected(engine: TranslationEngine, text: str, pair: Pair) -> str:
    """Translate sentence by sentence as the core does, and do nothing else."""
    pieces = split(text)
    done = iter(engine.translate([piece.strip() for piece in pieces if has_letters(piece)], pair))
    return " ".join(next(done) if has_letters(piece) else piece.strip() for piece in pieces)


def _rows(made: Made) -> Iterator[Row]:
    name, pair = made.engine, made.sample.pair
    core = [each.text for each in made.core]
    yield from _scores(f"{name} unprotected", made.sample, made.raw)
    yield from _scores(f"{name} core", made.sample, core)
    lost = _chrf(made.raw, made.sample.references) - _chrf(core, made.sample.references)
    yield Row(f"{pair} {name}: chrF lost by protection", "points", spread([lost]), "<= 0.2")
    alarms = 100 * len(made.alarms) / max(len(made.clean), 1)
    yield Row(f"{pair} {name}: flagged though clean", "%", spread([alarms]), "<= 1")
    clean = 100 * len(made.clean) / len(core)
    yield Row(f"{pair} {name}: numbers kept, unprotected", "%", spread([clean]))


def _scores(name: str, sample: Sample, texts: Sequence[str]) -> Iterator[Row]:
    bleu = float(sacrebleu.corpus_bleu(texts, [sample.references]).score)
    yield Row(f"BLEU {sample.pair}: {name}", "points", spread([bleu]))
    yield Row(f"chrF {sample.pair}: {name}", "points", spread([_chrf(texts, sample.references)]))


def _chrf(texts: Sequence[str], wanted: Sequence[str]) -> float:
    return float(sacrebleu.corpus_chrf(texts, [wanted]).score)
