"""The calls that the benchmarks translate: the bundled one, and others where this machine has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dragoman.specs import JobSpec
from services.cli.demo import flow

_BUNDLED: Final = Path(flow.__file__).parent / "call.wav"
MORE: Final = Path(__file__).parents[3] / "shared" / "data"

CODEC: Final = "opus"
BITRATE_KBPS: Final = 24
CHANNELS: Final = flow.BUNDLED_CHANNELS
SPEC: Final[JobSpec] = {
    "kind": "speech_translation",
    "channels": list(CHANNELS),
    "audio": {"codec": CODEC, "bitrate_kbps": BITRATE_KBPS, "layout": "per_channel"},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long some calls took.

    Attributes:
        wall_s: From the first call's start to the last one's end.
        cpu_s: Processor time of all processes that worked on them.
        texts: What was recognised, per call in order of time.
    """

    wall_s: float
    cpu_s: float
    texts: list[list[str]]


def recordings() -> list[Path]:
    """Return two-channel calls, agent English and customer Portuguese; the bundled one is first."""
    return [_BUNDLED, *sorted((MORE / "calls").glob("*.wav"))]
