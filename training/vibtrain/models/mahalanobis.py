"""The anomaly model `mahalanobis`: distance from a machine's healthy baseline in units of the healthy spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.covariance import LedoitWolf

from vibtrain.models.anomaly import AnomalyModel, EmlearnForm, Float, Gaussians, residuals, score_steps
from vibtrain.models.emlearn_code import elliptic_code
from vibtrain.models.whitening import quantise


class BaselineMahalanobis(AnomalyModel, OutlierMixin, BaseEstimator):  # type: ignore[misc]
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
        spread = LedoitWolf(assume_centered=True).fit(residuals(X, groups)).covariance_
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

    def steps(self, d: npt.ArrayLike) -> Float:
        n = self.n_features_in_
        return score_steps(self.mahalanobis(d, np.zeros(n)), n)

    def core_form(self) -> Gaussians:
        """One Gaussian. With covariance = L L^T, |L^-1 d|^2 is the squared distance, and L^-1 is lower triangular."""
        factor = np.linalg.inv(np.linalg.cholesky(self.covariance_))
        return quantise(factor[None], np.zeros((1, len(factor))), np.zeros(1))

    def emlearn_form(self) -> EmlearnForm:
        n = self.n_features_in_
        units = np.sqrt(np.diag(self.covariance_))
        code = elliptic_code(self.precision_ * np.outer(units, units), self.offset_)
        return EmlearnForm(code, units, lambda squared: score_steps(squared, n))
