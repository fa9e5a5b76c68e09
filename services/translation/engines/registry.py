"""The translation engines by name."""

from __future__ import annotations

from typing import Final

from services.shared.engines import EngineSpec, Reference, load_engine, table
from services.translation.engines.base import TranslationEngine
from services.translation.settings import TranslationSettings

ENGINES: Final = table(
    EngineSpec(
        "fxtranslate",
        "services.translation.engines.fxtranslate",
        ("fxtranslate",),
        "lite",
        "Firefox Translations, int8: en <-> pt.",
    ),
    EngineSpec(
        "ctranslate2",
        "services.translation.engines.ctranslate2",
        ("ctranslate2", "sentencepiece", "tokenizers"),
        "lite",
        "Marian, M2M100 and NLLB-200 converted to CTranslate2, on CPU and CUDA.",
    ),
    EngineSpec(
        "transformers",
        "services.translation.engines.transformers",
        ("torch", "transformers", "sentencepiece"),
        "transformers",
        "Marian, M2M100 and NLLB-200 as they come from a hub, on CPU and CUDA.",
    ),
    EngineSpec(
        "chat",
        "services.translation.engines.chat",
        ("httpx",),
        "base",
        "Any OpenAI-compatible chat endpoint; the one engine that sends text elsewhere.",
        weights=False,
    ),
    EngineSpec("fake", "services.translation.engines.fake", (), "", "Marks every word; no model."),
)


def create(wanted: Reference, settings: TranslationSettings) -> TranslationEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: TranslationEngine = load_engine("translation", ENGINES, wanted, settings)
    return engine
