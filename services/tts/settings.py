"""The TTS room's settings."""

from __future__ import annotations

from pydantic import Field

from services.shared.config import Settings


class TtsSettings(Settings):
    """Knobs of the TTS server and its stage worker."""

    tts_engine: str = Field("kokoro", description="Speech engine: kokoro or fake.")
    tts_threads: int = Field(1, ge=1, le=64, description="Threads that one synthesis uses.")
    tts_slots: int = Field(2, ge=1, le=64, description="Syntheses that run at once.")
    tts_queue: int = Field(16, ge=0, le=10_000, description="Calls that may wait for a slot.")
    tts_max_stretch: float = Field(
        1.25, ge=1, le=2, description="Highest stretch to fit a slot, when a request sets none."
    )
    tts_max_characters: int = Field(5_000, ge=1, description="Longest text of one call.")
    tts_workers: int = Field(3, ge=1, le=256, description="Units that the stage worker handles at once.")
