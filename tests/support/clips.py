"""Recordings in which the fake recogniser hears known words."""

from __future__ import annotations

import io
import wave
from typing import Final

import numpy as np

from services.asr.core import Samples
from tests.support.speech import silence, tone


def wav(*channels: Samples) -> tuple[str, bytes]:
    """Return a named recording at 16 kHz."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.stack(channels, axis=1).tobytes())
    return "call.wav", data.getvalue()


ENGLISH_HZ: Final = 2_000
PORTUGUESE_HZ: Final = 200

# The fake recogniser counts in the language that the pitch tells, a word for each 0.4 s of a region, and a
# region is 0.3 s longer than its tone at both ends.
SHORT = wav(tone(1.2, ENGLISH_HZ))
TURNS = wav(np.concatenate([tone(1.2, ENGLISH_HZ), silence(3), tone(0.8, ENGLISH_HZ), silence(2)]))
PORTUGUESE = wav(tone(1.2, PORTUGUESE_HZ))
# The customer speaks while the agent is silent, and the other way round.
CALL = wav(
    np.concatenate([tone(1.2, ENGLISH_HZ), silence(4), tone(0.8, ENGLISH_HZ), silence(2)]),
    np.concatenate([silence(2.6), tone(1.2, PORTUGUESE_HZ), silence(4.2)]),
)
