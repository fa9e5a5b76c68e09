"""Sentences per second and BLEU of the translation server, next to its library called directly."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import sacrebleu
from fxtranslate import Translator

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.cli.stack.health import server_ready
from services.shared.config import load
from services.shared.models.catalogue import Catalogue
from services.shared.rpc import client
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from tests.bench.report import Bars, Result, Row, spread
from tests.bench.stack import cpu_s
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.terms import EN_PT as EN_PT_CALLS
from tests.support.terms import PT_EN as PT_EN_CALLS
from tests.support.waiting import until

FLORES: Final = Path(__file__).parents[3] / "shared" / "data" / "flores"
_DIRECTIONS: Final = (Pair("en", "pt"), Pair("pt", "en"))
_SENTENCES: Final = 100
_PASSES: Final = 5
_CALLERS: Final = 16
_START_S: Final = 120.0
_CALL_S: Final = 300.0

Translate = Callable[[Sequence[str], Pair], list[str]]


@dataclass(slots=True)
class Way:
    """How one way of translating did, over both directions.

    Attributes:
        per_s: Sentences in a second, pass by pass.
        cpu_ms: Processor time of the process that translates, per sentence, pass by pass.
        texts: Of the last pass, by direction.
    """

    per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    texts: dict[Pair, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """Sentences of a direction, and what people made of them."""

    sources: list[str]
    references: list[str]


def run() -> Result:
    """Translate the same sentences by every way in turn, several times."""
    samples = {pair: _sample(pair) for pair in _DIRECTIONS}
    with _library() as raw, _server() as (many_calls, one_call, served):
        ways: dict[str, tuple[Translate, psutil.Process]] = {
            "library": (raw.translate, psutil.Process(raw.pid)),
            "server, one call": (one_call, served),
            f"server, {_CALLERS} callers": (many_calls, served),
        }
        found = {name: Way() for name in ways}
        # The first pass of each warms up.
        for number in range(_PASSES + 1):
            for name, (translate, at_work) in ways.items():
                _measure(found[name] if number else Way(), samples, translate, at_work)
    return _result(samples, found)


def _measure(way: Way, samples: dict[Pair, Sample], translate: Translate, at_work: psutil.Process) -> None:
    began_s, began_cpu_s = time.perf_counter(), cpu_s(at_work)
    for pair, sample in samples.items():
        way.texts[pair] = translate(sample.sources, pair)
    count = sum(len(sample.sources) for sample in samples.values())
    way.per_s.append(count / (time.perf_counter() - began_s))
    way.cpu_ms.append(1000 * (cpu_s(at_work) - began_cpu_s) / count)


def _result(samples: dict[Pair, Sample], ways: dict[str, Way]) -> Result:
    library, *services = ways
    rows = [Row(f"sentences: {name}", "per s", spread(way.per_s)) for name, way in ways.items()]
    rows += [Row(f"processor: {name}", "ms", spread(way.cpu_ms)) for name, way in ways.items()]
    for name in services:
        # Passes that ran one after the other are compared, for what else a machine does comes and goes.
        ratios = [ours / theirs for ours, theirs in zip(ways[name].per_s, ways[library].per_s, strict=True)]
        rows.append(Row(f"speed to the library's: {name}", "ratio", spread(ratios), ">= 0.95"))
        # On a busy machine this says more: nobody else's work is in it.
        ratios = [theirs / ours for ours, theirs in zip(ways[name].cpu_ms, ways[library].cpu_ms, strict=True)]
        rows.append(Row(f"by processor time: {name}", "ratio", spread(ratios)))
    scores = {
        name: {pair: _bleu(way.texts[pair], samples[pair]) for pair in samples} for name, way in ways.items()
    }
    for pair in samples:
        rows.append(Row(f"BLEU, {pair}: library", "points", spread([scores[library][pair]])))
        rows += [
            Row(
                f"BLEU lost, {pair}: {name}",
                "points",
                spread([scores[library][pair] - scores[name][pair]]),
                "<= 0.3",
            )
            for name in services
        ]
    plot = Bars("Translation", "sentences/s", {name: spread(way.per_s).median for name, way in ways.items()})
    sentences = {str(pair): len(sample.sources) for pair, sample in samples.items()}
    return Result("mt_throughput", tuple(rows), (plot,), {"sentences": sentences, "flores": FLORES.is_dir()})


def _bleu(texts: list[str], sample: Sample) -> float:
    return float(sacrebleu.corpus_bleu(texts, [sample.references]).score)


def _sample(pair: Pair) -> Sample:
    """Return sentences of FLORES dev where it is, else those of the tests."""
    if not FLORES.is_dir():
        said = EN_PT_CALLS if pair.source == "en" else PT_EN_CALLS
        return Sample([each.text for each in said], [each.reference for each in said])
    both = ((FLORES / f"dev.{code}").read_text(encoding="utf-8") for code in (pair.source, pair.target))
    sources, references = (text.splitlines()[:_SENTENCES] for text in both)
    return Sample(sources, references)


class _Library:
    """fxtranslate in a process of its own, which gives it a sentence after the other.

    Args:
        running: The process; answers each line of JSON with one.
    """

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.pid = running.pid

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate sentences."""
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(json.dumps([pair.source, pair.target, *texts]) + "\n")
        self._running.stdin.flush()
        return [str(each) for each in json.loads(self._running.stdout.readline())]


@contextmanager
def _library() -> Iterator[_Library]:
    command = (sys.executable, "-m", "tests.bench.mt_throughput")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield _Library(running)
        assert running.stdin is not None
        running.stdin.close()


@contextmanager
def _server() -> Iterator[tuple[Translate, Translate, psutil.Process]]:
    """Yield two ways to ask a server, by many calls at once and by one, and its process."""
    port = free_port()
    target = f"127.0.0.1:{port}"
    settings = TranslationSettings(
        translation_engines="fxtranslate", translation_port=port, log_level="warning"
    )
    with process(settings, "services.translation.server") as running:
        until(lambda: running.poll() is not None or server_ready(target), _START_S)
        with client.channel(target) as channel, ThreadPoolExecutor(_CALLERS) as callers:
            ask: Any = translation_pb2_grpc.TranslationStub(channel).Translate

            def one_call(texts: Sequence[str], pair: Pair) -> list[str]:
                request = translation_pb2.TranslateRequest(
                    source_language=pair.source, target_language=pair.target, texts=texts
                )
                return [each.text for each in ask(request, timeout=_CALL_S).translations]

            def many_calls(texts: Sequence[str], pair: Pair) -> list[str]:
                return [text for (text,) in callers.map(lambda each: one_call([each], pair), texts)]

            yield many_calls, one_call, psutil.Process(running.pid)


def main() -> None:
    """Be the library: answer every line of the standard input until it ends."""
    catalogue = Catalogue(load(TranslationSettings).models_dir)
    translators = {pair: _translator(catalogue.folder(f"firefox-{pair}")) for pair in _DIRECTIONS}
    for line in sys.stdin:
        source, target, *texts = json.loads(line)
        translator = translators[Pair(source, target)]
        print(json.dumps([translator.translate(text) for text in texts]), flush=True)


def _translator(folder: Path) -> Translator:
    vocabulary = (folder / "vocab.spm").read_bytes()
    model, shortlist = (folder / "model.bin").read_bytes(), (folder / "lex.bin").read_bytes()
    return Translator(model, vocabulary, vocabulary, shortlist)


if __name__ == "__main__":
    main()
