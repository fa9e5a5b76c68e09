"""What is left of speech after a codec: PESQ and STOI, each on the same samples before and after."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.asr.core import Samples

PACKAGES: Final = ("pesq", "pystoi")
NARROW_HZ: Final = 8_000
WIDE_HZ: Final = 16_000
# A codec may delay what it codes by so much.
_MOST_DELAY_S: Final = 0.25


def missing() -> list[str]:
    """Return the packages that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def pesq(before: Samples, after: Samples, rate_hz: int) -> float | None:
    """Return ITU-T P.862's mark, about 1 (bad) to 4.6; None where it finds no speech.

    Args:
        before: What was coded, at `rate_hz`.
        after: The same after coding, as long.
        rate_hz: NARROW_HZ for the mark of narrow band, WIDE_HZ for P.862.2's of wide band.
    """
    package = _package("pesq")
    band = "nb" if rate_hz == NARROW_HZ else "wb"
    mark = float(package.pesq(rate_hz, before, after, band, on_error=package.PesqError.RETURN_VALUES))
    return mark if mark > 0 else None


def stoi(before: Samples, after: Samples, rate_hz: int) -> float:
    """Return the short-time objective intelligibility, 0 to 1."""
    return float(_package("pystoi").stoi(before.astype(np.float64), after.astype(np.float64), rate_hz))


def aligned(before: Samples, after: Samples, rate_hz: int) -> Samples:
    """Return `after` without its codec's delay, and as long as `before`."""
    lag = _lag(before.astype(np.float64), after.astype(np.float64), round(_MOST_DELAY_S * rate_hz))
    moved = after[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.int16), after])
    missed = max(len(before) - len(moved), 0)
    return np.concatenate([moved[: len(before)], np.zeros(missed, np.int16)])


def _lag(before: NDArray[np.float64], after: NDArray[np.float64], most: int) -> int:
    """Return by how many samples `after` is late, where both are most alike."""
    size = len(before) + len(after)
    alike = np.fft.irfft(np.fft.rfft(after, size) * np.fft.rfft(before, size).conj(), size)
    lags = np.r_[0 : most + 1, -most:0]
    return int(lags[alike[lags].argmax()])


@cache
def _package(name: str) -> Any:
    # They come with requirements/quality.txt only.
    return importlib.import_module(name)
