"""Word error rate on telephone prompts through the whole stack, next to direct calls of the library."""

from __future__ import annotations

from typing import Final

from dragoman.specs import JobSpec
from services.asr.settings import AsrSettings
from services.shared.config import load
from tests.bench import asr_quality, stack
from tests.bench.fidelity.prompts import ABSENT, Prompt, prompts
from tests.bench.fidelity.wording import error_rate, numbers_alike
from tests.bench.report import Bars, Result, Row, spread

_LANGUAGES: Final = ("en", "es")
_PROMPTS: Final = 50


def run(share: float) -> Result:
    """Recognise every recording in both ways."""
    said = {language: prompts(language, _PROMPTS, share) for language in _LANGUAGES}
    said = {language: each for language, each in said.items() if each}
    if not said:
        return Result("quality_served", skipped=ABSENT)
    with stack.running() as up:
        served = {language: _through(up, language, each) for language, each in said.items()}
    recognise = asr_quality.library(load(AsrSettings))
    direct = {
        language: [recognise(each.samples, language) for each in of_it] for language, of_it in said.items()
    }
    rates = {
        f"{language}, {label}": _rate(of_it, heard[language])
        for language, of_it in said.items()
        for label, heard in (("service", served), ("library", direct))
    }
    added = {each: rates[f"{each}, service"] - rates[f"{each}, library"] for each in said}
    return Result(
        "quality_served",
        (
            *(Row(f"word error rate: {name}", "%", spread([rate])) for name, rate in rates.items()),
            *(
                Row(f"added by the service: {name}", "points", spread([rate]), "<= 0.5")
                for name, rate in added.items()
            ),
        ),
        (Bars("Word error rate on telephone recordings", "%", rates),),
        {"recordings": {language: len(each) for language, each in said.items()}},
    )


def _through(up: stack.Running, language: str, said: list[Prompt]) -> list[str]:
    """Recognise files by jobs of the service, all at once."""
    spec: JobSpec = {"kind": "transcription", "source_language": language}
    return [" ".join(texts) for texts in up.work(spec, [each.file for each in said]).texts]


def _rate(said: list[Prompt], heard: list[str]) -> float:
    return error_rate([(each.text, each.language) for each in said], heard, numbers_alike)
