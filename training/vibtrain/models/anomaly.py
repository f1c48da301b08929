"""What the anomaly models have in common: the score's scale, the healthy baseline, the forms that they take.

Each is a scikit-learn outlier detector, fitted on healthy windows alone, as differences from a machine's healthy
baseline; mahalanobis.py, mixture.py and isolation.py hold one each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]

STEPS_PER_OCTAVE = 256
SCORE_MIN = -2048


@dataclass(frozen=True)
class Gaussians:
    """The core's form of K Gaussians over n inputs: z = rows * (d - mean) / 2^shift, in 2^-12 standard deviations.

    Attributes:
        means: int16, shape (K, n), steps.
        rows: int32, shape (K, n (n + 1) / 2), packed lower triangles.
        shifts: shape (K,).
        offsets: uint32, shape (K,): squared distance that a component starts with, in 2^-16.
    """

    means: Int16
    rows: npt.NDArray[np.int32]
    shifts: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.uint32]


@dataclass(frozen=True)
class PathForest:
    """The core's form of an isolation forest, SPEC.md 2.1: a leaf holds a path length in 2^-10.

    Attributes:
        nodes: int16 (feature, threshold, left, right), shape (nodes, 4).
        roots: index of each tree's first node.
        scale: score steps of one 2^-10 of path length in one tree, in 2^-28.
    """

    nodes: Int16
    roots: list[int]
    scale: int


@dataclass(frozen=True)
class EmlearnForm:
    """emlearn's own C of a model. `code` defines `float vib_emlearn(const float *inputs)`.

    Attributes:
        units: what each input is divided by: emlearn prints constants with six decimals, so they must be near 1.
        steps: from returned values to score steps before rounding.
    """

    code: str
    units: Float
    steps: Callable[[Float], Float]


Model = TypeVar("Model", bound="AnomalyModel")


class AnomalyModel(OutlierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A scikit-learn outlier detector of one kind, that can become a core's model.

    `steps` scores differences from a baseline, as a device has them. scikit-learn's own methods take windows as they
    are and know one baseline, the mean of those fitted on. What a kind learns, it learns in `_learn`.

    Parameters of every kind:
        contamination: share of the windows fitted on that `predict` calls outliers. A package's threshold does not
            come from it: calibration.py sets that.

    Attributes:
        location_: mean of all windows, shape (features,): the baseline of `score_samples`.
        offset_: the score in scikit-learn's sense under which a window is an outlier.
        n_features_in_: features seen in `fit`.
    """

    contamination: float

    def fit(
        self: Model, X: npt.ArrayLike, y: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> Model:
        """Learn how healthy windows scatter about their group's mean.

        X: shape (windows, features), log2 steps. y: not used. groups: one name per window, of its machine, speed and
        load; None: all are one group. Raises `ValueError` for what is not finite or of another shape.
        """
        windows: Float = validate_data(self, X, dtype=np.float64)
        if groups is not None:
            check_consistent_length(windows, groups)
        self.location_ = windows.mean(axis=0)
        about_groups = residuals(windows, groups)
        self._learn(about_groups)
        self.offset_ = float(np.percentile(-self.steps(about_groups), 100 * self.contamination))
        return self

    def score_samples(self, X: npt.ArrayLike) -> Float:
        """Minus `steps` about `location_`, shape (windows,): lower is more anomalous, as scikit-learn has it."""
        check_is_fitted(self)
        return -self.steps(validate_data(self, X, dtype=np.float64, reset=False) - self.location_)

    def decision_function(self, X: npt.ArrayLike) -> Float:
        """`score_samples` over `offset_`: under 0 for outliers."""
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """1 for an inlier, -1 for an outlier."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    @abstractmethod
    def _learn(self, residuals: Float) -> None:
        """From windows less their group's mean, shape (windows, features)."""

    @abstractmethod
    def steps(self, d: npt.ArrayLike) -> Float:
        """SPEC.md 1.3's score before rounding, shape (windows,), of differences, shape (windows, inputs)."""

    @abstractmethod
    def core_form(self) -> Gaussians | PathForest:
        """The model in the core's integers."""

    @abstractmethod
    def emlearn_form(self) -> EmlearnForm:
        """The model as emlearn makes it, to compare with."""


def score_steps(squared_distance: npt.ArrayLike, n_inputs: int) -> Float:
    """The score of a distance before rounding: 256 log2(d / sqrt(n)), limited below."""
    ratio = np.maximum(squared_distance, 1e-30) / n_inputs
    return np.asarray(np.maximum(STEPS_PER_OCTAVE / 2 * np.log2(ratio), SCORE_MIN))


def residuals(X: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Float:
    """Windows less the mean of their group: one machine under one condition (speed, load), one baseline.

    X: shape (windows, features). groups: one name per window; None: all are one group.
    """
    X = np.asarray(X, np.float64)
    names = np.zeros(len(X)) if groups is None else np.asarray(groups)
    labels = np.unique(names, return_inverse=True)[1]
    means = np.stack([X[labels == group].mean(axis=0) for group in range(labels.max() + 1)])
    return np.asarray(X - means[labels])


def median_baseline(features: Int16) -> Int16:
    """The baseline that a device learns from these windows: the median of each feature, rounded as it does."""
    rows = np.sort(features, axis=0)
    half = len(rows) // 2
    if len(rows) % 2:
        return np.ascontiguousarray(rows[half])
    return np.asarray((rows[half - 1].astype(np.int32) + rows[half]) // 2, np.int16)


def differences(features: Int16, baseline: Int16) -> Int16:
    """features - baseline, limited to int16, as the core takes it."""
    return np.asarray(np.clip(features.astype(np.int32) - baseline, -32768, 32767), np.int16)


def averaged(features: Int16, windows: int) -> Int16:
    """Means of `windows` windows in a row, rounded half up, as vibnode.average forms them, to the same integers.

    Shape (len(features) - windows + 1, features), or none.
    """
    if len(features) < windows:
        return features[:0]
    sums = np.cumsum(np.concatenate([np.zeros_like(features[:1]), features]), axis=0, dtype=np.int64)
    return np.asarray((sums[windows:] - sums[:-windows] + windows // 2) // windows, np.int16)
