"""Word error rate on telephone prompts: through the recognition core, and by calling the library directly.

`python -m tests.bench.asr_quality [--folder FOLDER] [--model MODEL] [--most N]`: FOLDER holds en.tsv,
es.tsv ... with lines of file, tab, text; MODEL is as in DRAGOMAN_ASR_ENGINES after "faster-whisper:".
The service is measured in short and in whole windows: a model may have short ones by default when it loses
nothing by them.
"""

from __future__ import annotations

import argparse
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import jiwer
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio

from services.asr.core import AUTO, AsrCore, Samples
from services.asr.engines.base import SAMPLE_RATE_HZ, Task
from services.asr.engines.faster_whisper import DEFAULT_MODEL
from services.asr.server import build
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.engines import references
from services.shared.models import places

PROMPTS: Final = Path(__file__).parents[3] / "shared" / "data" / "telephony"
# Prompts spell menu keys either way.
_NUMBERS: Final = {
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "es": ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
}

WINDOWS: Final = ("short", "whole")

Recognise = Callable[[Samples, str], str]


@dataclass(frozen=True, slots=True)
class Score:
    """How one way of recognising did on one language.

    Attributes:
        way: "library", or "service" and its windows.
        language: Of the prompts.
        words: In the references.
        wer: Word error rate in percent.
        real_time_factor: Seconds of work per second of audio.
        cpu_factor: CPU seconds per second of audio.
        detected: Percent of recordings whose first region is heard in their language when nobody tells it;
            100 for the library, which is not asked.
    """

    way: str
    language: str
    words: int
    wer: float
    real_time_factor: float
    cpu_factor: float
    detected: float = 100.0


def scores(settings: AsrSettings, folder: Path, most: int | None = None) -> Iterator[Score]:
    """Yield the scores of each language, on the same samples and threads.

    Args:
        settings: Their first engine is measured.
        folder: Holds the prompts.
        most: Prompts of a language; all when None.
    """
    cores = {window: build(settings.model_copy(update={"asr_window": window})) for window in WINDOWS}
    direct = library(settings)
    for table in sorted(folder.glob("*.tsv")):
        lines = table.read_text(encoding="utf-8").splitlines()[:most]
        prompts = [(samples_of(folder / file), text) for file, text in (line.split("\t") for line in lines)]
        yield _score("library", table.stem, prompts, direct)
        for window, core in cores.items():
            score = _score(f"service, {window}", table.stem, prompts, partial(through, core))
            yield replace(score, detected=_detected(core, table.stem, prompts))


def through(core: AsrCore, samples: Samples, language: str) -> str:
    per_ms = SAMPLE_RATE_HZ // 1000
    regions = core.segment(samples, language, _never).regions
    parts = (samples[region.start_ms * per_ms : region.end_ms * per_ms] for region in regions)
    return " ".join(core.transcribe(part, language, Task.TRANSCRIBE, _never).text for part in parts)


def _detected(core: AsrCore, language: str, prompts: list[tuple[Samples, str]]) -> float:
    """Return how many of the prompts' first regions are heard in their language when nobody tells it."""
    per_ms = SAMPLE_RATE_HZ // 1000
    found = []
    for samples, _ in prompts:
        for region in core.segment(samples, language, _never).regions[:1]:
            part = samples[region.start_ms * per_ms : region.end_ms * per_ms]
            found.append(core.transcribe(part, AUTO, Task.TRANSCRIBE, _never).spoken == language)
    return 100 * sum(found) / max(len(found), 1)


def library(settings: AsrSettings) -> Recognise:
    """Return the library as its own README calls it: the whole file, nothing but defaults."""
    wanted = references(settings.asr_engines)[0].model or DEFAULT_MODEL
    model = WhisperModel(
        str(places.find(settings.models_dir, wanted).folder),
        device=settings.asr_device,
        compute_type=settings.asr_compute_type,
        cpu_threads=settings.asr_threads_chosen,
    )

    def recognise(samples: Samples, language: str) -> str:
        audio = samples.astype(np.float32) / np.float32(32768)
        return " ".join(segment.text for segment in model.transcribe(audio, language=language)[0])

    return recognise


def _score(way: str, language: str, prompts: list[tuple[Samples, str]], recognise: Recognise) -> Score:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    texts = [recognise(samples, language) for samples, _ in prompts]
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    references = [plain(text, language) for _, text in prompts]
    # An empty hypothesis is all deletions, but jiwer takes no empty strings.
    error = jiwer.wer(references, [plain(text, language) or "-" for text in texts])
    audio_s = sum(len(samples) for samples, _ in prompts) / SAMPLE_RATE_HZ
    words = sum(len(reference.split()) for reference in references)
    return Score(way, language, words, 100 * error, wall_s / audio_s, cpu_s / audio_s)


def samples_of(path: Path) -> Samples:
    decoded: Any = decode_audio(str(path), sampling_rate=SAMPLE_RATE_HZ)
    return (np.asarray(decoded) * 32767).round().astype(np.int16)


def plain(text: str, language: str) -> str:
    """Lower case, without punctuation and accents (the references lack some), single digits as words."""
    letters = unicodedata.normalize("NFKD", text.lower())
    kept = "".join(each for each in letters if not unicodedata.combining(each))
    words = "".join(each if each.isalnum() or each == "'" else " " for each in kept).split()
    numbers = dict(zip("0123456789", _NUMBERS.get(language, ()), strict=False))
    return " ".join(numbers.get(word, word) for word in words)


def _never() -> bool:
    return False


def main() -> None:
    """Print a line for each score."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.asr_quality", description=__doc__)
    parser.add_argument("--folder", type=Path, default=PROMPTS)
    parser.add_argument("--model", default="")
    parser.add_argument("--most", type=int)
    asked = parser.parse_args()
    settings = load(AsrSettings)
    if asked.model:
        settings = settings.model_copy(update={"asr_engines": f"faster-whisper:{asked.model}"})
    for score in scores(settings, asked.folder, asked.most):
        print(
            f"{score.language} {score.way}: WER {score.wer:.2f} % of {score.words} words, "
            f"RTF {score.real_time_factor:.3f}, CPU {score.cpu_factor:.3f}, "
            f"language {score.detected:.0f} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
