"""The translation engines by name."""

from __future__ import annotations

from typing import Final

from services.shared.engines import EngineSpec, load_engine, table
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
    EngineSpec("fake", "services.translation.engines.fake", (), "", "Marks every word; no model."),
)


def create(name: str, settings: TranslationSettings) -> TranslationEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: TranslationEngine = load_engine("translation", ENGINES, name, settings)
    return engine
