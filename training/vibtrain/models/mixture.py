"""The anomaly model `gaussian-mixture`: how unlikely a window is where healthy windows gather in several places."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from vibtrain.models.anomaly import AnomalyModel, EmlearnForm, Float, Gaussians, residuals, score_steps
from vibtrain.models.emlearn_code import mixture_code, mixture_parameters
from vibtrain.models.whitening import quantise


class BaselineMixture(AnomalyModel):
    """A Gaussian mixture over differences from the group's healthy mean.

    The score is that of a distance D with D^2 = 2 ln(peak / density): `peak` is the largest of the components' weighted
    densities, each at its own mean. With one component it is the Mahalanobis distance.

    Parameters:
        components: how many Gaussians, 1 to 8.
        covariance: "full", or "tied" (one for all: wants less data); emlearn's header has no code for others.
        floor_steps: least standard deviation of a feature, 1/256 octave.
        seed: of the search for the components.

    Attributes:
        units_: one number per input near the healthy spread, steps; shape (inputs,).
        mixture_: the fitted sklearn.mixture.GaussianMixture over differences in those units. Its means are whole
            steps, as in the core.
    """

    def __init__(self, components: int, covariance: str, floor_steps: float, seed: int) -> None:
        self.components, self.covariance, self.floor_steps, self.seed = (
            components,
            covariance,
            floor_steps,
            seed,
        )

    def fit(self, X: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> BaselineMixture:
        """X: healthy windows, shape (windows, features), log2 steps. groups: one group name per window."""
        mixture = GaussianMixture(
            n_components=self.components,
            covariance_type=self.covariance,
            reg_covar=self.floor_steps**2,
            max_iter=1000,
            random_state=self.seed,
        ).fit(residuals(X, groups))
        n = mixture.means_.shape[1]
        self.units_ = np.sqrt(np.mean([np.diag(c) for c in mixture.covariances_.reshape(-1, n, n)], axis=0))
        self.mixture_ = _in_units(mixture, self.units_)
        return self

    def steps(self, d: npt.ArrayLike) -> Float:
        return self._steps_of(self.mixture_.score_samples(np.asarray(d, np.float64) / self.units_))

    def _steps_of(self, log_density: Float) -> Float:
        log_peak = mixture_parameters(self.mixture_).log_peaks.max()
        return score_steps(2 * (log_peak - log_density), len(self.units_))

    def core_form(self) -> Gaussians:
        """The parameters as emlearn takes them from scikit-learn, in integers."""
        parameters = mixture_parameters(self.mixture_)
        offsets = 2 * (parameters.log_peaks.max() - parameters.log_peaks)
        return quantise(parameters.factors / self.units_, self.mixture_.means_ * self.units_, offsets)

    def emlearn_form(self) -> EmlearnForm:
        return EmlearnForm(mixture_code(self.mixture_), self.units_, self._steps_of)


def _in_units(mixture: GaussianMixture, units: Float) -> GaussianMixture:
    """The mixture, its means rounded to whole steps, over inputs divided by `units`."""
    scaled = copy.deepcopy(mixture)
    scaled.means_ = np.rint(mixture.means_) / units
    scaled.covariances_ = mixture.covariances_ / np.outer(units, units)
    scaled.precisions_cholesky_ = mixture.precisions_cholesky_ * units[:, None]
    return scaled
