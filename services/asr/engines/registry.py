"""The recognition engines by name."""

from __future__ import annotations

from typing import Final

from services.asr.engines.base import AsrEngine
from services.asr.settings import AsrSettings
from services.shared.engines import EngineSpec, Reference, load_engine, table

ENGINES: Final = table(
    EngineSpec(
        "faster-whisper",
        "services.asr.engines.faster_whisper",
        ("faster_whisper", "ctranslate2", "onnxruntime"),
        "lite",
        "Whisper on CTranslate2: 99 languages, and translation into English.",
    ),
    EngineSpec("fake", "services.asr.engines.fake", (), "", "Words counted from loud stretches; no model."),
)


def create(wanted: Reference, settings: AsrSettings) -> AsrEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: AsrEngine = load_engine("asr", ENGINES, wanted, settings)
    return engine
