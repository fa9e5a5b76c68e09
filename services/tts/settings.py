"""The TTS room's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from services.shared.config import Settings
from services.shared.threads import cores

# More at once would need 250 MB each while long texts are spoken.
_MOST_SLOTS: Final = 8


class TtsSettings(Settings):
    """Knobs of the TTS server and its stage worker."""

    tts_engines: str = Field(
        "kokoro,espeak",
        description="Speech engines in order of preference, with commas, such as kokoro,piper:voice.",
    )
    tts_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where engines on PyTorch run: cpu or cuda."
    )
    tts_voices_dir: Path | None = Field(
        None, description="Folder of cloned voices; none is offered when it is not set."
    )
    tts_threads: int = Field(
        0, ge=0, le=64, description="Threads that one synthesis uses; 0 is 1, which costs least."
    )
    tts_slots: int = Field(
        0, ge=0, le=64, description="Syntheses that run at once; 0 is one per core, at most 8."
    )
    tts_queue: int = Field(16, ge=0, le=10_000, description="Calls that may wait for a slot.")
    tts_max_stretch: float = Field(
        1.25, ge=1, le=2, description="Highest stretch to fit a slot, when a request sets none."
    )
    tts_min_stretch: float = Field(
        0.85, ge=0.5, le=1, description="Lowest stretch, to fill a slot; 1 leaves short speech as it is."
    )
    tts_max_characters: int = Field(5_000, ge=1, description="Longest text of one call.")
    tts_workers: int = Field(3, ge=1, le=256, description="Units that the stage worker handles at once.")

    @property
    def tts_threads_chosen(self) -> int:
        """Threads of one synthesis: as set, or 1, for a second thread costs more than a second slot."""
        return self.tts_threads or 1

    @property
    def tts_slots_chosen(self) -> int:
        """Syntheses at once: as set, or as many as this process has cores for."""
        return self.tts_slots or max(1, min(_MOST_SLOTS, cores() // self.tts_threads_chosen))
