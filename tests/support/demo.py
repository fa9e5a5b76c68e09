"""The call that comes with the command line: an agent and a customer, each on a channel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from services.codec.engines.base import Samples
from services.codec.engines.pyav import PyavEngine, PyavSettings
from tests.support.recordings import opened

FILE = Path(__file__).parents[2] / "services" / "cli" / "demo" / "call.wav"
RATE_HZ = 16_000


@cache
def demo_call() -> tuple[Samples, Samples]:
    """Return both channels at RATE_HZ; whoever changes one has to copy it."""
    one, other = opened(PyavEngine(PyavSettings()), FILE.read_bytes(), sample_rate_hz=RATE_HZ).channels
    return one, other
