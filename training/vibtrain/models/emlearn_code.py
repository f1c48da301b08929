"""emlearn's converter, and what of its output is used: flattened trees, a mixture's parameters, C code.

Parts that `emlearn.convert` does not give out are read from its wrappers, so its version is pinned; `proof.prove`
compares what comes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from vibtrain.models.anomaly import Float, Int16

with np.errstate():  # emlearn/bayes.py makes every floating-point underflow an error, for everyone
    import emlearn
    from emlearn.distance import generate_code as generate_elliptic

VERSION = emlearn.__version__
INCLUDE = emlearn.includedir


def forest_code(forest: Any) -> tuple[Int16, list[int], str]:
    """A forest classifier as nodes and roots of SPEC.md 2.1, and as inline C, `vib_forest_predict`."""
    converted = emlearn.convert(forest, method="inline", dtype="int16_t")
    nodes, roots = _flat(converted, int)
    return nodes, roots, str(converted.save(name="vib_forest", include_proba=False))


def flat_forest(forest: Any, leaf: Callable[[float], int]) -> tuple[Int16, list[int]]:
    """A forest regressor as nodes and roots of SPEC.md 2.1. `leaf`: from a leaf's value to the number in the link."""
    return _flat(_convert_regressor(forest), leaf)


def regression_code(forest: Any) -> str:
    """emlearn's C of a forest regressor, as `vib_emlearn`."""
    converted = _convert_regressor(forest)
    n = converted.n_features
    return f"""{converted.save(name="vib_isolation")}
float vib_emlearn(const float *inputs)
{{
    int16_t whole[{n}];
    for (int i = 0; i < {n}; i++) {{
        whole[i] = (int16_t)inputs[i];
    }}
    return vib_isolation_predict(whole, {n});
}}
"""


def _convert_regressor(forest: Any) -> Any:
    return emlearn.convert(forest, kind="ExtraTreesRegressor", method="inline", dtype="int16_t")


def _flat(converted: Any, leaf: Callable[[Any], int]) -> tuple[Int16, list[int]]:
    nodes, roots, leaves = converted.forest_
    table = [
        [feature, int(threshold), *(link if link >= 0 else -1 - leaf(leaves[-1 - link]) for link in links)]
        for feature, threshold, *links in nodes
    ]
    return np.array(table, np.int16), [int(root) for root in roots]


def elliptic_code(precision: Float, offset: float) -> str:
    """emlearn's C of a squared Mahalanobis distance from zero, as `vib_emlearn`.

    `emlearn.convert` would compile it in a folder `tmp` of the working directory at once; its generator does not.
    """
    n = len(precision)
    return f"""{generate_elliptic(np.zeros(n), precision, offset, name="vib_elliptic")}
float vib_emlearn(const float *inputs)
{{
    return vib_elliptic_predict(inputs, {n});
}}
"""


@dataclass(frozen=True)
class MixtureParameters:
    """A mixture of K Gaussians. `factors`: lower triangular W, |W (d - mean)|^2 the squared distance, shape (K, n, n).
    `log_peaks`: logarithm of each component's weighted density at its mean, shape (K,)."""

    factors: Float
    log_peaks: Float


def mixture_parameters(mixture: GaussianMixture) -> MixtureParameters:
    """What emlearn takes from scikit-learn, every covariance made a full one."""
    converted = emlearn.convert(mixture)
    n = converted._means.shape[1]
    log_peaks = converted._log_weights + converted._log_det - n / 2 * np.log(2 * np.pi)
    return MixtureParameters(np.transpose(converted._precisions_col, (0, 2, 1)), log_peaks)


def mixture_code(mixture: GaussianMixture) -> str:
    """emlearn's C of a mixture's log density, as `vib_emlearn`."""
    k, n = mixture.means_.shape
    return f"""{emlearn.convert(mixture).save(name="vib_mixture")}
float vib_emlearn(const float *inputs)
{{
    float log_densities[{k}], log_density = NAN;
    vib_mixture_score(inputs, {n}, log_densities, &log_density);
    return log_density;
}}
"""
