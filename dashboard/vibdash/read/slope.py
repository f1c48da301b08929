"""How fast a level has been moving, and when it will be at a limit: a slope with what it may be off by.

The slope is Theil and Sen's, the median of the slopes of all pairs of days (Sen, Estimates of the regression
coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63, 1968), so that a day of storms moves it little. Days are
not independent of the days before them: the interval is as wide as so many independent days would make it that know
as much, n (1 - r) / (1 + r) with r the residuals' correlation from day to day (Bayley and Hammersley, The effective
number of independent observations in an autocorrelated time series, 1946).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEAST_DAYS = 7  # with measurements
LEAST_INDEPENDENT = 3.5  # days that know as much; with fewer there is no interval to speak of
MOST_CORRELATED = 0.9
CONFIDENCE = 0.99
DAYS_A_MONTH = 30.0
MAD_TO_SD = 1.4826  # of a Gaussian
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Slope:
    """`a_month`, `low` and `high` (its interval) in steps a month; `noise`: a day's residual, standard deviation in
    steps; `level`, `level_off`: where the line is on the last day, and what that may be off by; `days`: with
    measurements."""

    a_month: float
    low: float
    high: float
    noise: float
    level: float
    level_off: float
    days: int

    def days_to(self, limit: float) -> tuple[float, float, float | None] | None:
        """Return in how many days the line is at `limit`, the soonest and the latest; None if it does not go there.

        The latest is None where the slope may be none at all.
        """
        way = limit - self.level
        if self.a_month <= 0 or way <= 0:
            return None
        soonest = max(way - self.level_off, 0.0) / self.high * DAYS_A_MONTH
        latest = (way + self.level_off) / self.low * DAYS_A_MONTH if self.low > 0 else None
        return way / self.a_month * DAYS_A_MONTH, soonest, latest


def slope_of(days: Sequence[float], levels: Sequence[float]) -> Slope | None:
    """Return how a level moved, from one value a day; None where there are too few days to tell.

    Args:
        days: times, in days, rising.
        levels: in steps.
    """
    if len(days) < LEAST_DAYS:
        return None
    at, level = np.asarray(days, float), np.asarray(levels, float)
    first, second = np.triu_indices(len(at), 1)
    a_day = float(np.median((level[second] - level[first]) / (at[second] - at[first])))
    start = float(np.median(level - a_day * at))
    residuals = level - a_day * at - start
    noise = max(MAD_TO_SD * float(np.median(np.abs(residuals))), float(np.std(residuals, ddof=2)), 1e-9)
    independent = len(at) * _share_independent(residuals)
    if independent < LEAST_INDEPENDENT:
        return None
    spread = float(np.sum((at - at.mean()) ** 2)) * independent / len(at)
    times_noise = _student(independent - 2) * noise
    off = times_noise / math.sqrt(spread)
    bounds = (a_day - off, a_day + off)
    return Slope(
        a_day * DAYS_A_MONTH,
        bounds[0] * DAYS_A_MONTH,
        bounds[1] * DAYS_A_MONTH,
        noise,
        start + a_day * float(at[-1]),
        2 * times_noise / math.sqrt(independent),  # at the end of a line it is twice that of its middle
        len(at),
    )


def _share_independent(residuals: np.ndarray) -> float:
    """Return which share of the days count as independent. A short series looks less correlated than it is: its own
    estimate is raised by what it is too low by on average once a line was taken off, about (2 + 4 r) / n (after
    Kendall, Biometrika 41, 1954)."""
    n = len(residuals)
    around = residuals - residuals.mean()
    energy = float(np.sum(around**2))
    r = float(np.sum(around[1:] * around[:-1])) / energy if energy > 0 else 0.0
    r = min(max(r + (2 + 4 * r) / n, 0.0), MOST_CORRELATED)
    return (1 - r) / (1 + r)


def _student(freedom: float) -> float:
    """Return Student's t of the confidence, by Cornish and Fisher's expansion (Abramowitz and Stegun, 26.7.5)."""
    z, v = _Z, max(freedom, 2.0)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / v ** (n + 1) for n, term in enumerate(terms))
