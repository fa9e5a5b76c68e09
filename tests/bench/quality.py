"""Word error rate on telephone recordings, through the service and by direct calls of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import jiwer

from dragoman.specs import JobSpec
from services.asr.settings import AsrSettings
from services.shared.config import load
from tests.bench import asr_quality, stack
from tests.bench.report import Bars, Result, Row, spread

_LANGUAGES: Final = ("en", "es")


def run() -> Result:
    """Recognise every recording in both ways."""
    if not asr_quality.PROMPTS.is_dir():
        return Result("quality", skipped=f"no telephone recordings in {asr_quality.PROMPTS}")
    references = {language: _references(language) for language in _LANGUAGES}
    with stack.running() as up:
        service = {language: _through(up, language, list(files)) for language, files in references.items()}
    direct = {language: _direct(language, list(files)) for language, files in references.items()}
    rates = {
        f"{language}, {label}": _word_error_rate(language, list(files.values()), heard[language])
        for language, files in references.items()
        for label, heard in (("service", service), ("library", direct))
    }
    added = {each: rates[f"{each}, service"] - rates[f"{each}, library"] for each in _LANGUAGES}
    return Result(
        "quality",
        (
            *(Row(f"word error rate: {name}", "%", spread([rate])) for name, rate in rates.items()),
            *(
                Row(f"added by the service: {name}", "points", spread([rate]), "<= 0.5")
                for name, rate in added.items()
            ),
        ),
        (Bars("Word error rate on telephone recordings", "%", rates),),
        {"recordings": {language: len(files) for language, files in references.items()}},
    )


def _references(language: str) -> dict[Path, str]:
    """Return what is said on each recording of a language."""
    lines = (asr_quality.PROMPTS / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    return {asr_quality.PROMPTS / file: text for file, text in (line.split("\t") for line in lines)}


def _through(up: stack.Running, language: str, files: list[Path]) -> list[str]:
    """Recognise files by jobs of the service, all at once."""
    spec: JobSpec = {"kind": "transcription", "source_language": language}
    return [" ".join(texts) for texts in up.work(spec, files).texts]


def _direct(language: str, files: list[Path]) -> list[str]:
    """Recognise files by calling the library with its defaults and the model of the service."""
    recognise = asr_quality._library(load(AsrSettings))
    return [recognise(asr_quality._samples(file), language) for file in files]


def _word_error_rate(language: str, references: list[str], heard: list[str]) -> float:
    """Return percent; letter case, punctuation and accents do not count."""
    # An empty text is all deletions, but jiwer takes no empty strings.
    expected, got = (
        [asr_quality._plain(text, language) or "-" for text in texts] for texts in (references, heard)
    )
    return 100 * jiwer.wer(expected, got)
