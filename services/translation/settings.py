"""The translation room's settings."""

from __future__ import annotations

from pydantic import Field

from services.shared.config import Settings


class TranslationSettings(Settings):
    """Knobs of the translation server and its stage worker."""

    translation_engine: str = Field("fxtranslate", description="Translation engine: fxtranslate or fake.")
    translation_slots: int = Field(
        4, ge=1, le=64, description="Calls that run at once; they take turns sentence by sentence."
    )
    translation_queue: int = Field(64, ge=0, le=10_000, description="Calls that may wait for a slot.")
    translation_max_characters: int = Field(
        50_000, ge=1, description="Most characters of one call, all its texts together."
    )
    translation_workers: int = Field(
        4, ge=1, le=256, description="Units that the stage worker handles at once."
    )
