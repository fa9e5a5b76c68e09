"""The ASR room's settings."""

from __future__ import annotations

from pydantic import Field

from services.shared.config import Settings


class AsrSettings(Settings):
    """Knobs of the ASR server and its stage worker."""

    asr_engine: str = Field("faster-whisper", description="Recognition engine: faster-whisper or fake.")
    asr_model: str = Field("whisper-base-int8", description="Model of the catalogue that the engine loads.")
    asr_device: str = Field("cpu", pattern="^(cpu|cuda)$", description="Where the model runs.")
    asr_compute_type: str = Field("int8", description="CTranslate2's number format, such as int8 or float16.")
    asr_threads: int = Field(1, ge=1, le=64, description="CPU threads of one decoding.")
    asr_slots: int = Field(2, ge=1, le=64, description="Calls that run at once; they share the weights.")
    asr_beam: int = Field(5, ge=1, le=20, description="Beam size.")
    asr_margin_s: float = Field(
        30.0, ge=1, le=30, description="Encoded silence after a region; 30 encodes the model's whole window."
    )
    asr_queue: int = Field(64, ge=0, le=10_000, description="Calls that may wait for a slot.")
    asr_max_region_s: float = Field(28.0, ge=4, le=29, description="Longest region; the model hears 30 s.")
    asr_max_recording_s: int = Field(14_400, ge=30, description="Longest channel that is segmented.")
    asr_workers: int = Field(4, ge=1, le=256, description="Units that the stage worker handles at once.")
