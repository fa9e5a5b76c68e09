"""Two things that engines do to what their models give: the sampling rate, and the silence at the ends."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from services.tts.engines.base import SAMPLE_RATE_HZ, Audio

# Below the loudest sample by this factor, 40 dB, is what is trimmed; so much of it stays, for soft sounds.
_SILENT: Final = 0.01
_MARGIN_S: Final = 0.02


def resampled(audio: Audio, rate_hz: int) -> Audio:
    """Return audio of another sampling rate at SAMPLE_RATE_HZ.

    The whole spectrum is moved at once, so nothing is aliased and nothing in the band is damped; the audio is
    taken to be silent around its ends.
    """
    if rate_hz == SAMPLE_RATE_HZ or not audio.size:
        return audio
    step = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    down, up = rate_hz // step, SAMPLE_RATE_HZ // step
    blocks = -(-audio.size // down) + 1
    spectrum = np.fft.rfft(audio, blocks * down)
    wide = np.fft.irfft(spectrum[: blocks * up // 2 + 1], blocks * up) * (up / down)
    return np.asarray(wide[: round(audio.size * up / down)], np.float32)


def trimmed(audio: Audio) -> Audio:
    """Return audio at SAMPLE_RATE_HZ without the silence at its ends."""
    loudness = np.abs(audio)
    loud = np.flatnonzero(loudness > _SILENT * loudness.max(initial=0))
    if not loud.size:
        return audio[:0]
    margin = round(_MARGIN_S * SAMPLE_RATE_HZ)
    return audio[max(0, int(loud[0]) - margin) : int(loud[-1]) + margin]
