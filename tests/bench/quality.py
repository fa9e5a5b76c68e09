"""Word error rate on telephone recordings, through the service and by direct calls of the library."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Final

import jiwer
from faster_whisper import WhisperModel

from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.models.catalogue import Catalogue
from tests.bench import stack
from tests.bench.call import MORE
from tests.bench.report import Bars, Result, Row, spread

_RECORDINGS: Final = MORE / "telephony"
_LANGUAGES: Final = ("en", "es")
_NOT_WORDS: Final = re.compile(r"[^\w\s]|_")


def run() -> Result:
    """Recognise every recording in both ways."""
    if not _RECORDINGS.is_dir():
        return Result("quality", skipped=f"no telephone recordings in {_RECORDINGS}")
    references = {language: _references(language) for language in _LANGUAGES}
    with stack.running() as up:
        service = {
            language: [
                " ".join(texts)
                for texts in up.work(
                    {"kind": "transcription", "source_language": language}, list(files)
                ).texts
            ]
            for language, files in references.items()
        }
    direct = {language: _direct(language, list(files)) for language, files in references.items()}
    rates = {
        f"{language}, {label}": _word_error_rate(list(files.values()), heard[language])
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
    with (_RECORDINGS / f"{language}.tsv").open(newline="") as table:
        rows = list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {_RECORDINGS / language / Path(name).name: text for name, text in rows}


def _direct(language: str, files: list[Path]) -> list[str]:
    """Recognise files as the library's own documentation shows, with the model of the service."""
    settings = load(AsrSettings)
    folder = Catalogue(settings.models_dir).folder(settings.asr_model)
    model = WhisperModel(
        str(folder), "cpu", compute_type=settings.asr_compute_type, cpu_threads=os.cpu_count() or 1
    )
    heard = (model.transcribe(str(file), language=language)[0] for file in files)
    return [" ".join(segment.text for segment in segments) for segments in heard]


def _word_error_rate(references: list[str], heard: list[str]) -> float:
    """Return percent; letter case and punctuation do not count."""
    return 100 * jiwer.wer([_words(text) for text in references], [_words(text) for text in heard])


def _words(text: str) -> str:
    return " ".join(_NOT_WORDS.sub(" ", text.casefold()).split())
