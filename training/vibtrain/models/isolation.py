"""The anomaly model `isolation-forest`: how few random cuts set a window apart from the healthy ones."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from vibtrain.models.anomaly import AnomalyModel, EmlearnForm, Float, PathForest
from vibtrain.models.classifier import convertible
from vibtrain.models.emlearn_code import flat_forest, regression_code

STEPS = 2048  # of the score: from the average path length down to none
PATH_STEPS = 1024  # of a path length in a leaf
SCALE_BITS = 28
SHARE_OF_POOL = 16  # windows to draw a tree's sample from, for each that it takes


class BaselineIsolationForest(AnomalyModel):
    """Liu, Ting and Zhou's isolation forest (ICDM 2008) over differences from the group's healthy mean.

    The score is 2048 log2(2 s) with their anomaly score s = 2^(-h / c): 0 where the path h is as long as the average c
    of its sample size, more where it is shorter. Trees see each healthy window many times, each time with noise of
    `floor_steps` on every feature: cuts follow the range of the data, and a few seconds of them have too little.

    Parameters:
        n_estimators: how many trees.
        max_samples: windows that each tree is grown from.
        floor_steps: least standard deviation of a feature, 1/256 octave.
        random_state: seed of the noise and the cuts.
        contamination: share of the windows fitted on that `predict` calls outliers.

    Attributes:
        forest_: the fitted sklearn.ensemble.IsolationForest.
        location_, offset_, n_features_in_: see `AnomalyModel`.

    Examples:
        >>> import numpy as np
        >>> from vibtrain.models.isolation import BaselineIsolationForest
        >>> X = np.random.default_rng(0).normal(0, 40, (200, 2))
        >>> model = BaselineIsolationForest(n_estimators=32).fit(X)
        >>> model.predict([[0, 0], [800, -800]])
        array([ 1, -1])
    """

    def __init__(
        self,
        n_estimators: int = 64,
        max_samples: int = 256,
        floor_steps: float = 32.0,
        random_state: int = 1,
        contamination: float = 0.01,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.floor_steps = floor_steps
        self.random_state = random_state
        self.contamination = contamination

    def _learn(self, residuals: Float) -> None:
        draws = -(-SHARE_OF_POOL * self.max_samples // len(residuals))
        random = np.random.default_rng(self.random_state)
        noise = random.normal(0, self.floor_steps, (draws, *residuals.shape))
        pool = (residuals + noise).reshape(-1, residuals.shape[1])
        forest = IsolationForest(
            n_estimators=self.n_estimators, max_samples=self.max_samples, random_state=self.random_state
        )
        self.forest_ = forest.fit(pool)

    def steps(self, d: npt.ArrayLike) -> Float:
        return np.asarray(STEPS * np.log2(-2 * self.forest_.score_samples(np.asarray(d, np.float64))))

    @property
    def _average_path(self) -> float:
        return float(_average_path_length([self.max_samples])[0])

    def core_form(self) -> PathForest:
        """The trees as emlearn flattened them, a leaf's path length in its link."""
        nodes, roots = flat_forest(PathLengthRegressor(self.forest_), lambda path: round(path * PATH_STEPS))
        scale = STEPS / (PATH_STEPS * self.n_estimators * self._average_path)
        return PathForest(nodes, roots, round(scale * 2**SCALE_BITS))

    def emlearn_form(self) -> EmlearnForm:
        code = regression_code(PathLengthRegressor(self.forest_))
        average = self._average_path
        return EmlearnForm(
            code, np.ones(self.forest_.n_features_in_), lambda path: STEPS * (1 - path / average)
        )


class PathLengthRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An isolation forest as the regression forest that it is, which emlearn converts: a tree's answer is the number of
    cuts down to the leaf, and of those that would still part the training windows in it. Thresholds are raised as in
    `classifier.convertible`."""

    def __init__(self, forest: IsolationForest) -> None:
        self.estimators_ = convertible(copy.deepcopy(forest)).estimators_
        for estimator in self.estimators_:
            tree = estimator.tree_
            leaf = tree.children_left < 0
            paths = tree.compute_node_depths() - 1 + _average_path_length(tree.n_node_samples)
            tree.value[leaf, 0, 0] = paths[leaf]
