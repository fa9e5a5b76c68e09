"""The ASR room's settings."""

from __future__ import annotations

from pydantic import Field

from services.asr.sizing import Sizing, sizing
from services.shared.config import Settings
from services.shared.threads import cores


class AsrSettings(Settings):
    """Knobs of the ASR server and its stage worker."""

    asr_engines: str = Field(
        "faster-whisper",
        description="Recognition engines in order of preference, with commas: faster-whisper[:model], fake.",
    )
    asr_device: str = Field("cpu", pattern="^(cpu|cuda)$", description="Where the model runs.")
    asr_compute_type: str = Field("int8", description="CTranslate2's number format, such as int8 or float16.")
    asr_threads: int = Field(
        0, ge=0, le=64, description="CPU threads of one decoding; 0 is chosen from the cores."
    )
    asr_slots: int = Field(
        0,
        ge=0,
        le=64,
        description="Batches that run at once; they share the weights. 0 is chosen from the cores.",
    )
    asr_batch: int = Field(
        0, ge=0, le=256, description="Most regions of one batch; 0 is chosen by the device."
    )
    asr_batch_delay_ms: float = Field(
        0.0, ge=0, le=1000, description="How long a batch waits for more regions while the model is free."
    )
    asr_beam: int = Field(5, ge=1, le=20, description="Beam size.")
    asr_window: str = Field(
        "auto",
        pattern="^(auto|short|whole)$",
        description="What is encoded: of a short region the whole 30 s, or less; auto is short for the models"
        " that were seen to lose nothing by it.",
    )
    asr_queue: int = Field(64, ge=0, le=10_000, description="Calls that may wait for a slot.")
    asr_max_region_s: float = Field(28.0, ge=4, le=29, description="Longest region; the model hears 30 s.")
    asr_max_recording_s: int = Field(14_400, ge=30, description="Longest channel that is segmented.")
    asr_workers: int = Field(8, ge=1, le=256, description="Units that the stage worker handles at once.")

    @property
    def asr_sizing(self) -> Sizing:
        """What the server does with this machine."""
        return sizing(cores(), self.asr_device, self.asr_slots, self.asr_threads, self.asr_batch)

    @property
    def asr_slots_chosen(self) -> int:
        """Batches that run at once."""
        return self.asr_sizing.slots

    @property
    def asr_threads_chosen(self) -> int:
        """CPU threads of one decoding."""
        return self.asr_sizing.threads

    @property
    def asr_batch_chosen(self) -> int:
        """Most regions of one batch."""
        return self.asr_sizing.batch
