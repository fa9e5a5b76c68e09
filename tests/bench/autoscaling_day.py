"""A day of calls at a call centre: when each ends and is handed in, and how long it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S: Final = 86_400
# Share of the peak's rate at each hour: quiet nights, two humps, a dip at lunch, an evening shift.
_CURVE: Final = (
    0.02, 0.01, 0.01, 0.01, 0.01, 0.02, 0.06, 0.22, 0.62, 0.90, 1.00, 0.95,
    0.66, 0.58, 0.86, 0.96, 0.88, 0.66, 0.42, 0.30, 0.20, 0.12, 0.07, 0.04, 0.02,
)  # fmt: skip
# A campaign calls more customers for 90 minutes; two bursts are recordings handed in all at once.
_CAMPAIGN: Final = (15.5 * 3600, 17.0 * 3600, 0.6)
_BURSTS: Final = ((3.25 * 3600, 30), (13.25 * 3600, 80))
_MEAN_CALL_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in the order of their time.

    Attributes:
        at_s: When each is handed in.
        length_s: How long it was.
        spread: Per call and stage, how much faster or slower than usual it goes; 1 is usual.
        estimate: What its length seems to be before it is decoded, as a factor.
    """

    at_s: Floats
    length_s: Floats
    spread: Floats
    estimate: Floats


def calls_of_a_day(seed: int, peak_per_h: float, until_s: float = DAY_S) -> Calls:
    """Draw the calls of a day.

    Args:
        seed: Two days with the same one are the same.
        peak_per_h: Calls per hour at the highest point of the usual curve.
        until_s: Draw only the day's beginning.
    """
    random = np.random.default_rng(seed)
    begin_s, end_s, more = _CAMPAIGN
    minutes_s = np.arange(0, DAY_S, 60.0)
    rate = np.interp(minutes_s / 3600, np.arange(25), _CURVE)
    rate[(minutes_s >= begin_s) & (minutes_s < end_s)] += more
    counts = random.poisson(rate * peak_per_h / 60)
    usual_s = np.repeat(minutes_s, counts) + random.uniform(0, 60, counts.sum())
    bursts = [np.full(round(count * peak_per_h / 900), at_s) for at_s, count in _BURSTS]
    at_s = np.sort(np.concatenate([usual_s, *bursts]))
    at_s = at_s[at_s < until_s]
    sigma = 0.7
    length_s = random.lognormal(np.log(_MEAN_CALL_S) - sigma**2 / 2, sigma, len(at_s)).clip(15, 1800)
    return Calls(
        at_s=at_s,
        length_s=length_s,
        spread=random.lognormal(0, 0.2, (len(at_s), 6)),
        estimate=random.lognormal(0, 0.2, len(at_s)),
    )
