"""How well made speech is understood: sentences with numbers are spoken, and recognised again."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.asr.core import AsrCore
from services.asr.resampling import resampled
from services.asr.server import build
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.entities.normal import normalised
from services.shared.errors import Misconfigured
from services.tts import voices
from services.tts.core import TtsCore
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio
from services.tts.request import SpeechRequest
from services.tts.server import load_core
from services.tts.settings import TtsSettings
from tests.bench import asr_quality
from tests.bench.fidelity.sampling import sampled
from tests.bench.fidelity.speech_sentences import SENTENCES
from tests.bench.fidelity.wording import error_rate, numbers_alike
from tests.bench.report import Bars, Result, Row, spread

# The last one is a voice of its own for one language.
_ENGINES: Final = ("kokoro", "espeak", "piper:piper-en-us-joe-medium")
_TARGETS: Final = {"kokoro en-US": "<= 5", "kokoro es": "<= 5", "kokoro pt-BR": "<= 5"}
_WORDS: Final = "words wrong"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of the sentences of one voice.

    Attributes:
        voice: Engine and language.
        language: BCP-47.
        said: The sentences.
        spoken: Heard of them as the service speaks them.
        plain: Heard of them as the engine reads them by itself.
    """

    voice: str
    language: str
    said: list[str]
    spoken: list[str]
    plain: list[str]

    def error_rate(self, heard: Sequence[str]) -> float:
        """Return the word error rate of one of both ways in percent."""
        return error_rate([(text, self.language) for text in self.said], heard, numbers_alike)

    def numbers_kept(self, heard: Sequence[str]) -> float:
        """Return the percentage of sentences in which every digit is heard, and no other one."""
        pairs = zip(self.said, heard, strict=True)
        kept = [_digits(one, self.language) == _digits(other, self.language) for one, other in pairs]
        return 100 * sum(kept) / len(kept)


def run(share: float) -> Result:
    """Let every engine that is installed speak each of its languages, and hear it."""
    recogniser = build(load(AsrSettings))
    heard = [
        each
        for engine in _ENGINES
        for core in _core(engine)
        for each in _heard(engine, core, recogniser, share)
    ]
    if not heard:
        return Result("quality_speech", skipped=f"none of the voices {', '.join(_ENGINES)} is installed")
    rows = [row for each in heard for row in _rows(each)]
    bars = {row.name: row.value.median for row in rows if row.name.endswith(_WORDS)}
    details = {
        each.voice: [
            {"said": said, "spoken": spoken, "plain": plain}
            for said, spoken, plain in zip(each.said, each.spoken, each.plain, strict=True)
        ]
        for each in heard
    }
    return Result(
        "quality_speech", tuple(rows), (Bars("Words heard wrong in made speech", "%", bars, 5.0),), details
    )


def _core(engine: str) -> Iterator[TtsCore]:
    settings = load(TtsSettings).model_copy(update={"tts_engines": engine})
    with contextlib.suppress(Misconfigured):
        yield load_core(settings)


def _heard(engine: str, core: TtsCore, recogniser: AsrCore, share: float) -> Iterator[Heard]:
    known = {each.voice.language_code.partition("-")[0] for each in core.offers}
    for language, sentences in SENTENCES.items():
        if language.partition("-")[0] not in known:
            continue
        said = sampled(sentences, share)
        spoken = (core.synthesize(SpeechRequest(text, language)).audio for text in said)
        plain = (_plain(core, text, language) for text in said)
        yield Heard(
            f"{engine.partition(':')[0]} {language}",
            language,
            said,
            [_recognised(recogniser, audio, language) for audio in spoken],
            [_recognised(recogniser, audio, language) for audio in plain],
        )


def _plain(core: TtsCore, text: str, language: str) -> Audio:
    """Give the text to the engine as it stands."""
    offer = voices.choose(core.offers, language)
    with core.residents.use(offer.reference) as engine:
        return engine.synthesize(text, offer.own_name, 1.0)


def _recognised(recogniser: AsrCore, audio: Audio, language: str) -> str:
    samples = resampled((audio * 32767).astype(np.int16), SAMPLE_RATE_HZ)
    return asr_quality.through(recogniser, samples, language)


def _digits(text: str, language: str) -> str:
    return re.sub(r"\D", "", normalised(text, language))


def _rows(heard: Heard) -> Iterator[Row]:
    for way, texts in (("", heard.spoken), (" as written", heard.plain)):
        target = _TARGETS.get(heard.voice, "") if not way else ""
        yield Row(f"{heard.voice}{way}: {_WORDS}", "%", spread([heard.error_rate(texts)]), target)
        yield Row(f"{heard.voice}{way}: numbers kept", "%", spread([heard.numbers_kept(texts)]))
