"""The anomaly model: Mahalanobis distance from a machine's healthy baseline, and its integer form for the core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.covariance import LedoitWolf

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]

STEPS_PER_OCTAVE = 256
WHITEN_BITS = 24  # |whiten| < 2^24, so that the core's sum fits 64 bits
PROJECTION_STEPS = 4096  # the core's projections are in 2^-12 standard deviations
SCORE_MIN = -2048


class BaselineMahalanobis(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Distance of a feature vector from its group's healthy mean, in the pooled spread within groups.

    A group is one machine under one condition (speed, load). Its mean stands for what the device learns as its
    baseline; only the spread about it is shared between machines. The covariance is Ledoit and Wolf's (Journal of
    Multivariate Analysis 88, 2004) plus `floor_steps`^2 on the diagonal, for what differs between two mountings and
    a few seconds of data cannot show.

    Parameters:
        floor_steps: least standard deviation of a feature, 1/256 octave.

    Attributes:
        location_: mean of all windows, shape (features,); what a device without a baseline subtracts.
        covariance_: shape (features, features).
        offset_: minus the squared distance that counts as an outlier, for scikit-learn's conventions.
    """

    def __init__(self, floor_steps: float = 32.0) -> None:
        self.floor_steps = floor_steps

    def fit(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> BaselineMahalanobis:
        """X: healthy windows, shape (windows, features), log2 steps. groups: one group name per window."""
        X = np.asarray(X, np.float64)
        labels = (
            np.zeros(len(X), int) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        )
        means = np.stack([X[labels == group].mean(axis=0) for group in range(labels.max() + 1)])
        spread = LedoitWolf(assume_centered=True).fit(X - means[labels]).covariance_
        self.covariance_ = spread + self.floor_steps**2 * np.eye(X.shape[1])
        self.location_ = X.mean(axis=0)
        self.n_features_in_ = X.shape[1]
        self.offset_ = -float(X.shape[1])
        return self

    @property
    def precision_(self) -> Float:
        """Inverse of `covariance_`."""
        return np.asarray(np.linalg.inv(self.covariance_))

    def mahalanobis(self, X: npt.ArrayLike, baseline: npt.ArrayLike | None = None) -> Float:
        """Squared distance from `baseline` (default: `location_`), shape (windows,)."""
        d = np.asarray(X, np.float64) - (self.location_ if baseline is None else np.asarray(baseline))
        return np.asarray(np.einsum("ij,jk,ik->i", d, self.precision_, d))

    def score_samples(self, X: npt.ArrayLike, baseline: npt.ArrayLike | None = None) -> Float:
        """Minus the squared distance: lower is more anomalous, as scikit-learn has it."""
        return -self.mahalanobis(X, baseline)

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """1 for an inlier, -1 for an outlier."""
        return np.where(self.score_samples(X) >= self.offset_, 1, -1)


def score_steps(squared_distance: Float, n_inputs: int) -> Float:
    """SPEC.md 1.3's score before rounding: 256 log2(d / sqrt(n)), limited below."""
    ratio = np.maximum(squared_distance, 1e-30) / n_inputs
    return np.asarray(np.maximum(STEPS_PER_OCTAVE / 2 * np.log2(ratio), SCORE_MIN))


@dataclass(frozen=True)
class Whitening:
    """The core's form of the model: z = rows * d / 2^shift, in 2^-12 standard deviations. `rows`: packed triangle."""

    rows: npt.NDArray[np.int32]
    shift: int


def quantise(covariance: Float) -> Whitening:
    """Inverse Cholesky factor of a covariance as integers, with as many fraction bits as fit.

    With covariance = L L^T, |L^-1 d|^2 is the squared Mahalanobis distance, and L^-1 is lower triangular.
    """
    inverse = np.linalg.inv(np.linalg.cholesky(covariance)) * PROJECTION_STEPS
    shift = min(31, int(np.floor(WHITEN_BITS - 1e-9 - np.log2(np.abs(inverse).max()))))
    rows = np.rint(inverse * 2.0**shift)[np.tril_indices(len(inverse))]
    return Whitening(rows.astype(np.int32), shift)


def median_baseline(features: Int16) -> Int16:
    """The baseline that a device learns from these windows: the median of each feature, rounded as it does."""
    rows = np.sort(features, axis=0)
    half = len(rows) // 2
    if len(rows) % 2:
        return np.ascontiguousarray(rows[half])
    return np.asarray((rows[half - 1].astype(np.int32) + rows[half]) // 2, np.int16)
