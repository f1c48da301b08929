"""95 % intervals beside figures: how far a figure could be off, from no more data than there are.

Windows of one recording are near copies of each other, so recordings are drawn, never windows. Where there is one
recording of a kind nothing can be drawn, and there is no interval: the figure says nothing of other recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, chi2

LEVEL = 0.95
DRAWS = 1000
SEED = 1

Interval = tuple[float, float]
Array = npt.NDArray[np.float64]
Scores = npt.NDArray[np.int16]


def poisson_rate(count: int, exposure: float) -> Interval | None:
    """Exact interval of a rate, from `count` events in `exposure` (Garwood). None without exposure."""
    if exposure <= 0:
        return None
    tail = (1 - LEVEL) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    return float(low / exposure), float(chi2.ppf(1 - tail, 2 * count + 2) / 2 / exposure)


def share(successes: int, trials: int) -> Interval | None:
    """Exact interval of a share (Clopper-Pearson). None without trials."""
    if trials <= 0:
        return None
    tail = (1 - LEVEL) / 2
    low = beta.ppf(tail, successes, trials - successes + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, trials - successes) if successes < trials else 1.0
    return float(low), float(high)


def pairwise_auc(faulty: Sequence[Scores], healthy: Sequence[Scores]) -> Array:
    """Probability that a window of one recording scores over one of another; shape (faulty, healthy) recordings."""
    table = np.empty((len(faulty), len(healthy)))
    for j, below in enumerate(np.sort(h) for h in healthy):
        for i, above in enumerate(faulty):
            places = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
            table[i, j] = places.mean() / (2 * len(below))
    return table


def of_auc(faulty: Sequence[Scores], healthy: Sequence[Scores]) -> Interval | None:
    """Interval of the pooled area under the ROC curve; None under two recordings of a kind."""
    if min(len(faulty), len(healthy)) < 2:
        return None
    table = pairwise_auc(faulty, healthy)
    sizes_f, sizes_h = (np.array([len(scores) for scores in kind], float) for kind in (faulty, healthy))

    def draw(random: np.random.Generator) -> float:
        weights_f = sizes_f * _times_drawn(random, len(faulty))
        weights_h = sizes_h * _times_drawn(random, len(healthy))
        return float(weights_f @ table @ weights_h / (weights_f.sum() * weights_h.sum()))

    # Where no draw shows a difference, one more recording still could: as many trials as recordings.
    if table.min() == table.max() and table.min() in (0, 1):
        return share(min(table.shape) if table.min() else 0, min(table.shape))
    return _percentiles(draw)


def of_share(hits: Sequence[int], sizes: Sequence[int]) -> Interval | None:
    """Interval of the share of windows that hit, from hits and windows of each recording; None under two."""
    if len(sizes) < 2:
        return None
    hit, size = np.asarray(hits, float), np.asarray(sizes, float)
    if hit.sum() in (0, size.sum()):  # no draw shows a difference, but one more recording could
        return share(len(size) if hit.any() else 0, len(size))

    def draw(random: np.random.Generator) -> float:
        drawn = _times_drawn(random, len(size))
        return float(hit @ drawn / (size @ drawn))

    return _percentiles(draw)


def of_mean_share(classes: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Interval | None:
    """Interval of the mean over classes of the share of windows that hit, from hits and windows of each recording of
    each class; recordings are drawn within their class. None where a class has under two."""
    counts = [(np.asarray(hits, float), np.asarray(sizes, float)) for hits, sizes in classes]
    if not counts or min(len(sizes) for _, sizes in counts) < 2:
        return None

    def draw(random: np.random.Generator) -> float:
        drawn = [_times_drawn(random, len(sizes)) for _, sizes in counts]
        shares = [hits @ d / (sizes @ d) for (hits, sizes), d in zip(counts, drawn, strict=True)]
        return float(np.mean(shares))

    return _percentiles(draw)


def of_median(values: Sequence[float]) -> Interval | None:
    """Interval of the median; `inf` stands for never and may come out. None under two values."""
    if len(values) < 2:
        return None
    known = np.asarray(values, float)
    return _percentiles(lambda random: upper_median(random.choice(known, len(known))))


def upper_median(values: npt.ArrayLike) -> float:
    """The middle value, the upper of two: `inf` among the values does no harm."""
    ordered = np.sort(np.asarray(values, float))
    return float(ordered[len(ordered) // 2])


def _times_drawn(random: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    return np.bincount(random.integers(0, n, n), minlength=n)


def _percentiles(draw: Callable[[np.random.Generator], float]) -> Interval:
    random = np.random.default_rng(SEED)
    drawn = np.sort([draw(random) for _ in range(DRAWS)])
    tail = (1 - LEVEL) / 2
    return float(drawn[int(tail * DRAWS)]), float(drawn[int((1 - tail) * DRAWS) - 1])
