"""The knobs of scaling."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from services.gateway.scaling.planner import Slots
from services.gateway.scaling.policy import Terms
from services.shared.config import Settings

# The other part is for a replica's cold start, for the way through the stages, and for what comes meanwhile.
_HORIZON_SHARE: Final = 0.5
# Of a server that chooses them by its machine, until it has told: what a small one takes.
_SLOTS: Final = 2


def _check(text: str) -> str:
    least, most = _ends(text)
    if not least <= most or most < 1:
        raise ValueError("must be FEWEST-MOST with FEWEST <= MOST and MOST >= 1")
    return text


def _ends(text: str) -> tuple[int, int]:
    least, _, most = text.partition("-")
    return int(least), int(most)


Replicas = Annotated[str, Field(pattern=r"^\d{1,4}-\d{1,4}$"), AfterValidator(_check)]


class ScalingSettings(Settings):
    """What is asked of the sizes of the services, and what is assumed of their replicas."""

    scaling_interval_s: float = Field(5.0, gt=0, le=60, description="How often the sizes are decided on.")
    scaling_drain_target_s: float = Field(
        300.0, ge=10, description="Time in which all work that waits is to be done, through all stages."
    )
    scaling_cold_start_s: float = Field(
        90.0, ge=0, description="From the asking for a replica until it serves, its node included."
    )
    scaling_hold_s: float = Field(
        90.0,
        ge=0,
        description="For how long a replica is kept that is not needed; a cold start is a good value.",
    )
    scaling_idle_s: float = Field(
        300.0, ge=0, description="For how long the last replica is kept after the last work."
    )
    scaling_headroom_slots: int = Field(
        0, ge=0, description="Slots of asr, translation and tts each to keep free for live sessions."
    )
    scaling_asr_replicas: Replicas = Field("0-10", description="Fewest and most replicas of asr.")
    scaling_translation_replicas: Replicas = Field(
        "0-10", description="Fewest and most replicas of translation."
    )
    scaling_tts_replicas: Replicas = Field("0-10", description="Fewest and most replicas of tts.")
    scaling_codec_replicas: Replicas = Field(
        "1-10",
        description="Fewest and most replicas of codec; it looks at each file when a job is submitted.",
    )

    # As the rooms' own settings have it: a server that was never seen has so many slots; 0 is by its machine.
    asr_slots: int = Field(0, ge=0, description="Slots of an ASR server, until one has told.")
    translation_slots: int = Field(1, ge=0, description="Slots of a translation server, until one has told.")
    tts_slots: int = Field(0, ge=0, description="Slots of a TTS server, until one has told.")
    codec_slots: int = Field(2, ge=0, description="Slots of a codec server, until one has told.")
    asr_workers: int = Field(8, ge=1, description="Units that an ASR worker handles at once.")
    translation_workers: int = Field(4, ge=1, description="Units that a translation worker handles at once.")
    tts_workers: int = Field(3, ge=1, description="Units that a TTS worker handles at once.")
    codec_workers: int = Field(4, ge=1, description="Units that a codec worker handles at once.")

    def terms_of(self, service: str) -> Terms:
        """Return what is asked of a service's size."""
        least, most = _ends(getattr(self, f"scaling_{service}_replicas"))
        return Terms(
            least=least,
            most=most,
            horizon_s=self.scaling_drain_target_s * _HORIZON_SHARE,
            cold_start_s=self.scaling_cold_start_s,
            hold_s=self.scaling_hold_s,
            idle_s=self.scaling_idle_s,
            # A live call brings its audio as it is spoken; no file is decoded or encoded.
            headroom_slots=0 if service == "codec" else self.scaling_headroom_slots,
            worker_slots=getattr(self, f"{service}_workers"),
        )

    def slots_of(self, service: str) -> Slots:
        """Return what is assumed of a service whose servers never told their slots."""
        return Slots(getattr(self, f"{service}_slots") or _SLOTS, known=False)
