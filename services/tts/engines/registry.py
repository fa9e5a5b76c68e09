"""The speech engines by name."""

from __future__ import annotations

from typing import Final

from services.shared.engines import EngineSpec, load_engine, table
from services.tts.engines.base import TtsEngine
from services.tts.settings import TtsSettings

ENGINES: Final = table(
    EngineSpec(
        "kokoro",
        "services.tts.engines.kokoro",
        ("kokoro_onnx", "onnxruntime", "phonemizer"),
        "lite",
        "Kokoro-82M int8 on onnxruntime: en, es, fr, hi, it, pt-BR.",
    ),
    EngineSpec("fake", "services.tts.engines.fake", (), "", "A tone as long as its text; no model."),
)


def create(name: str, settings: TtsSettings) -> TtsEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: TtsEngine = load_engine("tts", ENGINES, name, settings)
    return engine
