"""Finds long silence: nothing is heard but the line."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.asr.sounds.base import Kind, Numbers, Sound, runs, samples_of
from services.asr.sounds.spectrum import extent

_SHORTEST: Final = samples_of(10)
# The level of the line is what a tenth of the recording stays below.
_CALMEST: Final = 0.1
_ABOVE: Final = 10 ** (6 / 10)
# Below -60 dB of full scale there is nothing to hear, above -40 it is no silence.
_INAUDIBLE: Final = 1e-6
_AUDIBLE: Final = 1e-4
# A click of 0.1 s in a frame of 0.128 s ends no silence, many do.
_CLICK: Final = 11
_CALM: Final = 0.9


def silences(powers: Numbers) -> list[Sound]:
    """Return the stretches of 10 s or more in which a channel is as quiet as its line.

    Args:
        powers: Mean square of each frame of the spectrum.
    """
    if not len(powers):
        return []
    line = float(np.quantile(powers, _CALMEST))
    quiet = powers < min(max(line * _ABOVE, _INAUDIBLE), _AUDIBLE)
    found = [run for run in runs(quiet, bridged=_CLICK) if quiet[slice(*run)].mean() > _CALM]
    extents = (extent(first, after, len(quiet)) for first, after in found)
    return [Sound(Kind.SILENCE, start, end) for start, end in extents if end - start >= _SHORTEST]
