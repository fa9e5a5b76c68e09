"""Recordings through a codec and back, and which codecs and bit rates are worth a look."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from services.asr.core import Samples
from services.codec.core import CodecCore
from services.codec.engines.base import CodecDescription, never
from services.codec.media import Clip, DecodeRequest, EncodeRequest
from services.codec.sniff import RawFormat
from services.codec.spool import spool
from services.shared.config import load
from services.shared.errors import Misconfigured
from services.tts.core import TtsCore
from services.tts.engines.base import SAMPLE_RATE_HZ as SPOKEN_HZ
from services.tts.request import SpeechRequest
from services.tts.server import load_core
from services.tts.settings import TtsSettings
from tests.bench.fidelity.codec_marks import NARROW_HZ
from tests.bench.fidelity.prompts import Prompt, prompts
from tests.bench.fidelity.sampling import sampled

# Where there is a choice; else all there are, or the codec's own.
_KBPS: Final = {
    "opus": (6, 8, 12, 16, 24, 32, 64),
    "mp3": (32, 48, 64),
    "aac": (16, 24, 32, 64),
    "amr": (5, 7, 12),
}
_FIXED_KBPS: Final = {"mulaw": 64.0, "alaw": 64.0, "g722": 64.0, "gsm": 13.2}
# They lose nothing, or are another one in another file.
_LEFT_OUT: Final = {"wav", "flac", "wav49"}
# Their files do not say what they are.
_BARE: Final = {"gsm", "g722"}
_LONGEST_S: Final = 9.0
_ENGINE: Final = "kokoro"
_SENTENCES: Final = (
    ("en-US", "Thank you for waiting. Your new card will arrive on Thursday, between nine and eleven."),
    ("pt-BR", "Obrigado por aguardar. O seu cartão novo chega na quinta-feira, entre nove e onze horas."),
    ("es", "Gracias por esperar. Su tarjeta nueva llega el jueves, entre las nueve y las once."),
    ("fr", "Merci d'avoir patienté. Votre nouvelle carte arrive jeudi, entre neuf et onze heures."),
    ("it", "Grazie per l'attesa. La sua nuova carta arriva giovedì, fra le nove e le undici."),
    ("en-US", "She checked which files were zipped, but the ship's fees were wrong."),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A codec at a bit rate; 0 where it has but one."""

    codec: str
    asked_kbps: float
    wide: bool

    @property
    def kbps(self) -> float:
        """Bit rate of the audio."""
        return self.asked_kbps or _FIXED_KBPS.get(self.codec, 0.0)

    def __str__(self) -> str:
        """Name it as tables do."""
        return f"{self.codec} {self.kbps:g}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A telephone prompt at the telephone's own rate."""

    prompt: Prompt
    narrow: Samples


def variants(codecs: Mapping[str, CodecDescription]) -> Iterator[Variant]:
    """Yield what is to be heard of a server's codecs."""
    for name, codec in sorted(codecs.items()):
        if name in _LEFT_OUT:
            continue
        modes = codec.bitrates_kbps if len(codec.bitrates_kbps) > 2 else (0,)
        for kbps in _KBPS.get(name, modes):
            yield Variant(name, kbps, wide=max(codec.sample_rates_hz) > NARROW_HZ)


def telephone(language: str, most: int, share: float) -> list[Recorded]:
    """Return short prompts of a language."""
    every = ((each, _narrow(each.file)) for each in prompts(language, 10 * most, 1))
    short = [Recorded(*each) for each in every if len(each[1]) <= _LONGEST_S * NARROW_HZ]
    return sampled(short, share, most)


def spoken(share: float) -> Iterator[Samples]:
    """Yield sentences of full band, as the service speaks them; none where its voice is not installed."""
    settings = load(TtsSettings).model_copy(update={"tts_engines": _ENGINE})
    try:
        core: TtsCore = load_core(settings)
    except Misconfigured:
        return
    for language, text in sampled(_SENTENCES, share):
        speech = core.synthesize(SpeechRequest(text, language))
        yield (speech.audio * 32767).astype(np.int16)


def coded(core: CodecCore, variant: Variant, samples: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    """Encode samples of one rate, and decode the file at another one."""
    request = EncodeRequest(variant.codec, variant.asked_kbps)
    with spool() as file:
        made = core.encode([Clip(0, 0, rate_hz, samples)], request, never)
        with made.file:
            file.write(made.file.read())
        file.flush()
        raw = RawFormat(variant.codec, made.target.sample_rate_hz, 1) if variant.codec in _BARE else None
        with core.decode(file, DecodeRequest(raw, wanted_hz), never) as recording:
            return np.frombuffer(recording.media.channels[0].read(), np.int16)


def unchanged(core: CodecCore, samples: Samples, wanted_hz: int) -> Samples:
    """Return spoken samples at another rate, by the same way but without a loss."""
    return coded(core, Variant("wav", 0, wide=True), samples, SPOKEN_HZ, wanted_hz)


def _narrow(file: Path) -> Samples:
    with wave.open(str(file)) as recording:
        assert recording.getframerate() == NARROW_HZ, f"{file} is no telephone recording"
        return np.frombuffer(recording.readframes(recording.getnframes()), np.int16)
