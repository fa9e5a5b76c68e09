"""Word error rate on telephone prompts: by the core with each engine, and by the recogniser's own library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from services.asr.server import build
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.engines import references
from tests.bench import asr_quality
from tests.bench.asr_quality import Recognise
from tests.bench.fidelity.prompts import ABSENT, LANGUAGES, Prompt, prompts
from tests.bench.fidelity.wording import as_written, error_rate, numbers_alike
from tests.bench.report import Bars, Result, Row, spread

_PROMPTS = 100
_LIBRARY = "library"
# Where the library's own defaults are to be beaten.
_TARGETS = {"es": ">= 2", "fr": ">= 2", "it": ">= 2"}


def run(share: float) -> Result:
    """Recognise prompts of every language in all ways."""
    said = {language: prompts(language, _PROMPTS, share) for language in LANGUAGES}
    said = {language: each for language, each in said.items() if each}
    if not said:
        return Result("quality_recognition", skipped=ABSENT)
    settings = load(AsrSettings)
    heard = {way: _heard(recognise, said) for way, recognise in _ways(settings)}
    rows = [row for language in said for row in _rows(language, said[language], heard)]
    bars = {row.name: row.value.median for row in rows if row.unit == "%"}
    return Result(
        "quality_recognition",
        tuple(rows),
        (Bars("Word error rate on telephone prompts", "%", bars),),
        {
            "prompts": {language: len(each) for language, each in said.items()},
            "heard": {
                language: [
                    {"said": each.text, **{way: texts[language][at] for way, texts in heard.items()}}
                    for at, each in enumerate(of_it)
                ]
                for language, of_it in said.items()
            },
        },
    )


def _ways(settings: AsrSettings) -> Iterator[tuple[str, Recognise]]:
    for reference in references(settings.asr_engines):
        alone = settings.model_copy(update={"asr_engines": str(reference)})
        yield str(reference), partial(asr_quality.through, build(alone))
    yield _LIBRARY, asr_quality.library(settings)


def _heard(recognise: Recognise, said: Mapping[str, list[Prompt]]) -> dict[str, list[str]]:
    return {
        language: [recognise(each.samples, language) for each in of_it] for language, of_it in said.items()
    }


def _rows(language: str, said: list[Prompt], heard: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Row]:
    texts = [(each.text, language) for each in said]
    alike = {way: error_rate(texts, each[language], numbers_alike) for way, each in heard.items()}
    written = error_rate(texts, heard[_LIBRARY][language], as_written)
    for way, rate in alike.items():
        yield Row(f"{language}: {way}", "%", spread([rate]))
    yield Row(f"{language}: {_LIBRARY}, numbers as written", "%", spread([written]))
    target = _TARGETS.get(language, "")
    for way, rate in alike.items():
        if way != _LIBRARY:
            yield Row(
                f"{language}: {way} better, same reading", "points", spread([alike[_LIBRARY] - rate]), target
            )
            yield Row(f"{language}: {way} better than as written", "points", spread([written - rate]), target)
