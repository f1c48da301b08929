"""The anomaly model `gaussian-mixture`: how unlikely a window is where healthy windows gather in several places."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from vibtrain.models.anomaly import AnomalyModel, EmlearnForm, Float, Gaussians, score_steps
from vibtrain.models.emlearn_code import mixture_code, mixture_parameters
from vibtrain.models.whitening import quantise


class BaselineMixture(AnomalyModel):
    """A Gaussian mixture over differences from the group's healthy mean.

    The score is that of a distance D with D^2 = 2 ln(peak / density): `peak` is the largest of the components' weighted
    densities, each at its own mean. With one component it is the Mahalanobis distance.

    Parameters:
        n_components: how many Gaussians, 1 to 8.
        covariance_type: "full", or "tied" (one for all: wants less data); emlearn's header has no code for others.
        floor_steps: least standard deviation of a feature, 1/256 octave.
        random_state: seed of the search for the components.
        contamination: share of the windows fitted on that `predict` calls outliers.

    Attributes:
        units_: one number per input near the healthy spread, steps; shape (inputs,).
        mixture_: the fitted sklearn.mixture.GaussianMixture over differences in those units. Its means are whole
            steps, as in the core.
        location_, offset_, n_features_in_: see `AnomalyModel`.

    Examples:
        >>> import numpy as np
        >>> from vibtrain.models.mixture import BaselineMixture
        >>> random = np.random.default_rng(0)
        >>> X = np.concatenate([random.normal(regime, 40, (100, 2)) for regime in (0, 1000)])
        >>> model = BaselineMixture(n_components=2).fit(X)
        >>> model.predict([[0, 0], [1000, 1000], [0, 1000]])  # either regime is healthy, a mix of both is not
        array([ 1,  1, -1])
    """

    def __init__(
        self,
        n_components: int = 2,
        covariance_type: str = "tied",
        floor_steps: float = 32.0,
        random_state: int = 1,
        contamination: float = 0.01,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.floor_steps = floor_steps
        self.random_state = random_state
        self.contamination = contamination

    def _learn(self, residuals: Float) -> None:
        mixture = GaussianMixture(
            n_components=self.n_components,
            covariance_type=self.covariance_type,
            reg_covar=self.floor_steps**2,
            max_iter=1000,
            random_state=self.random_state,
        ).fit(residuals)
        n = mixture.means_.shape[1]
        self.units_ = np.sqrt(np.mean([np.diag(c) for c in mixture.covariances_.reshape(-1, n, n)], axis=0))
        self.mixture_ = _in_units(mixture, self.units_)

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
