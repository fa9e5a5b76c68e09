"""The speech engines by name."""

from __future__ import annotations

from typing import Final

from services.shared.engines import EngineSpec, Reference, load_engine, table
from services.tts.engines.base import TtsEngine
from services.tts.settings import TtsSettings

ENGINES: Final = table(
    EngineSpec(
        "kokoro",
        "services.tts.engines.kokoro",
        ("kokoro_onnx", "onnxruntime", "phonemizer"),
        "lite",
        "Kokoro-82M int8 on onnxruntime: en, es, fr, hi, it, pt-BR; ja and zh with their packages.",
    ),
    EngineSpec(
        "piper",
        "services.tts.engines.piper",
        ("onnxruntime", "phonemizer", "espeakng_loader"),
        "lite",
        "Piper voices (VITS) on onnxruntime; one voice file for each reference.",
    ),
    EngineSpec(
        "coqui",
        "services.tts.engines.coqui",
        ("TTS", "torch"),
        "coqui",
        "coqui-tts on PyTorch: VITS, and XTTS-v2 with cloned voices.",
    ),
    EngineSpec(
        "espeak",
        "services.tts.engines.espeak",
        ("espeakng_loader",),
        "lite",
        "espeak-ng: 100 languages, as the last resort.",
    ),
    EngineSpec("fake", "services.tts.engines.fake", (), "", "A tone as long as its text; no model."),
)


def create(wanted: Reference, settings: TtsSettings) -> TtsEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: TtsEngine = load_engine("tts", ENGINES, wanted, settings)
    return engine
