"""The anomaly model `mahalanobis`: distance from a machine's healthy baseline in units of the healthy spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf

from vibtrain.models.anomaly import AnomalyModel, EmlearnForm, Float, Gaussians, score_steps
from vibtrain.models.emlearn_code import elliptic_code
from vibtrain.models.whitening import quantise


class BaselineMahalanobis(AnomalyModel):
    """Distance of a feature vector from its group's healthy mean, in the pooled spread within groups.

    A group is one machine under one condition (speed, load). Its mean stands for what the device learns as its
    baseline; only the spread about it is shared between machines. The covariance is Ledoit and Wolf's (Journal of
    Multivariate Analysis 88, 2004) plus `floor_steps`^2 on the diagonal, for what differs between two mountings and
    a few seconds of data cannot show.

    Parameters:
        floor_steps: least standard deviation of a feature, 1/256 octave.
        contamination: share of the windows fitted on that `predict` calls outliers.

    Attributes:
        covariance_: shape (features, features).
        location_, offset_, n_features_in_: see `AnomalyModel`.

    Examples:
        >>> import numpy as np
        >>> from vibtrain.models.mahalanobis import BaselineMahalanobis
        >>> machines = np.repeat(["a", "b"], 100)
        >>> level = np.where(machines == "a", 2000, 2600)[:, None]
        >>> X = level + np.random.default_rng(0).normal(0, 40, (200, 3))
        >>> model = BaselineMahalanobis(floor_steps=32).fit(X, groups=machines)
        >>> model.steps([[0, 0, 60], [0, 0, 600]]).round()  # ten times as far is 3.3 octaves more
        array([-143.,  707.])
    """

    def __init__(self, floor_steps: float = 32.0, contamination: float = 0.01) -> None:
        self.floor_steps = floor_steps
        self.contamination = contamination

    def _learn(self, residuals: Float) -> None:
        spread = LedoitWolf(assume_centered=True).fit(residuals).covariance_
        self.covariance_ = spread + self.floor_steps**2 * np.eye(residuals.shape[1])

    @property
    def precision_(self) -> Float:
        """Inverse of `covariance_`."""
        return np.asarray(np.linalg.inv(self.covariance_))

    def squared_distance(self, d: npt.ArrayLike) -> Float:
        """Squared Mahalanobis distance of differences from a baseline, shape (windows,)."""
        d = np.asarray(d, np.float64)
        return np.asarray(np.einsum("ij,jk,ik->i", d, self.precision_, d))

    def steps(self, d: npt.ArrayLike) -> Float:
        return score_steps(self.squared_distance(d), len(self.covariance_))

    def core_form(self) -> Gaussians:
        """One Gaussian. With covariance = L L^T, |L^-1 d|^2 is the squared distance, and L^-1 is lower triangular."""
        factor = np.linalg.inv(np.linalg.cholesky(self.covariance_))
        return quantise(factor[None], np.zeros((1, len(factor))), np.zeros(1))

    def emlearn_form(self) -> EmlearnForm:
        n = len(self.covariance_)
        units = np.sqrt(np.diag(self.covariance_))
        code = elliptic_code(self.precision_ * np.outer(units, units), -float(n))
        return EmlearnForm(code, units, lambda squared: score_steps(squared, n))
