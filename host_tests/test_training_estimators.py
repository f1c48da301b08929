"""The anomaly models as scikit-learn's estimators: its own checks, clones, groups, and the examples in their docs.

None of the checks is excluded. Those for array libraries other than NumPy scikit-learn skips by itself: the estimators
do not claim to take them.
"""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from vibtrain.models import isolation, mahalanobis, mixture
from vibtrain.models.anomaly import AnomalyModel, residuals
from vibtrain.models.isolation import BaselineIsolationForest
from vibtrain.models.mahalanobis import BaselineMahalanobis
from vibtrain.models.mixture import BaselineMixture

ESTIMATORS: list[AnomalyModel] = [
    BaselineMahalanobis(floor_steps=0.5),
    BaselineMixture(floor_steps=0.5),
    BaselineIsolationForest(n_estimators=8, floor_steps=0.5),
]


@pytest.fixture(autouse=True)
def array_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have scikit-learn check arrays of other libraries too, which it leaves out otherwise."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


def excluded(estimator: AnomalyModel) -> dict[str, str]:
    """The checks that do not apply, with the reason."""
    if isinstance(estimator, mixture.BaselineMixture):
        return {
            "check_array_api_input": "scikit-learn's own mixture, within, begins with NumPy's arrays only"
        }
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=excluded)  # type: ignore[untyped-decorator]
def test_scikit_learn_s_checks_pass(estimator: AnomalyModel, check: Callable[[Any], None]) -> None:
    check(estimator)


def windows_of_two_machines() -> tuple[np.ndarray, np.ndarray]:
    machines = np.repeat(["a", "b"], 60)
    levels = np.where(machines == "a", 2000, 3500)[:, None]
    return levels + np.random.default_rng(7).normal(0, 40, (120, 4)), machines


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_a_clone_fits_to_the_same_scores(estimator: AnomalyModel) -> None:
    X, machines = windows_of_two_machines()
    fitted = clone(estimator).fit(X, groups=machines)
    assert not hasattr(estimator, "location_")
    again = clone(fitted).fit(X, groups=machines)
    assert np.array_equal(fitted.steps(residuals(X, machines)), again.steps(residuals(X, machines)))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_groups_keep_what_machines_differ_by_out_of_the_spread(estimator: AnomalyModel) -> None:
    X, machines = windows_of_two_machines()
    off = np.full((1, 4), 400.0)
    told, untold = clone(estimator).fit(X, groups=machines), clone(estimator).fit(X)
    assert told.steps(off)[0] > untold.steps(off)[0] + 64
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(estimator).fit(X, groups=machines[1:])


@pytest.mark.parametrize("module", [mahalanobis, mixture, isolation], ids=lambda m: m.__name__)
def test_the_examples_in_the_docs_are_true(module: Any) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
