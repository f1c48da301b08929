"""Count what models of several sizes cost on RV32IMC, and rewrite training/vibtrain/packaging/costs.toml, the prices of
`vibtrain search`.

Each model is compiled with the bench's program (lab/bench), run in QEMU, and its instructions counted. The
coefficients are those of least squares, relative to each count; the largest error is written beside them.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w
import vib
from scipy.optimize import nnls
from vibtrain.features import config
from vibtrain.models.fit import FittedModel
from vibtrain.packaging.costs import COSTS, COUNTED_WINDOW, forest_terms, gaussian_terms

from lab.bench import counting, inputs
from lab.bench.targets import LEVEL, RV32

WORK = Path(__file__).resolve().parents[1] / "build" / "costs"
TIME_DOMAIN = ("rms", "peak", "crest", "kurtosis")
# Anomaly inputs, trees of the isolation forest, trees and depth of the classifier.
SIZES: tuple[tuple[tuple[str, ...], int, int, int], ...] = (
    (("rms",), 8, 5, 4),
    (("rms", "crest"), 16, 10, 6),
    ((*TIME_DOMAIN, "velocity_rms", "centroid", "flatness"), 32, 10, 8),
    (("rms", "band"), 64, 20, 8),
    ((*TIME_DOMAIN, "velocity_rms", "band"), 128, 40, 10),
)
Row = tuple[npt.NDArray[np.float64], int]


def main() -> int:
    """Count each size, fit, write, print."""
    rows: dict[str, list[Row]] = {"gaussians": [], "paths": [], "forest": []}
    figures: counting.Figures = {}
    for families, isolation_trees, trees, depth in SIZES:
        print(f"counting {', '.join(families)}", flush=True)
        figures, models, window = counted(families, isolation_trees, trees, depth)
        n = len(models["mahalanobis"].inputs)
        mixture: Any = models["mixture"].anomaly
        rows["gaussians"] += [
            (gaussian_terms(n, 1), figures["mahalanobis"]),
            (gaussian_terms(n, mixture.n_components), figures["mixture"]),
        ]
        isolation: Any = models["isolation"].anomaly
        # The program gives a baseline of zeros to the score, and the model's centre to the class.
        at_zero = window[:, models["isolation"].inputs]
        rows["paths"].append((forest_terms(isolation.forest_.estimators_, at_zero), figures["isolation"]))
        named: Any = models["mahalanobis"]
        from_centre = (window - named.centre)[:, named.tree_inputs]
        rows["forest"].append((forest_terms(named.forest.estimators_, from_centre), figures["forest_inline"]))
    prices = {"window": window_prices(figures)} | {kind: fitted(found) for kind, found in rows.items()}
    heading = "# Instructions of RV32IMC, made by lab/model_costs.py; costs.py says what they are multiplied with.\n"
    COSTS.write_text(heading + tomli_w.dumps(prices))
    print(COSTS.read_text())
    return 0


def counted(
    families: tuple[str, ...], isolation_trees: int, trees: int, depth: int
) -> tuple[counting.Figures, dict[str, FittedModel], npt.NDArray[np.int16]]:
    """Instructions of the bench's stages, the models that were in them, and their one window's features."""
    original = inputs.training_config()

    def sized(kind: str) -> config.TrainingConfig:
        isolation = config.IsolationChoice(trees=isolation_trees)
        classifier = dataclasses.replace(original.classifier, trees=trees, depth=depth)
        anomaly = config.AnomalyChoice(inputs=families, kind=kind, isolation=isolation)
        return dataclasses.replace(original, anomaly=anomaly, classifier=classifier)

    work = inputs.workload(sized)
    inputs.write_headers(work, WORK / "generated")
    objects = counting.compile_all(RV32, LEVEL, WORK / "generated", WORK / "rv32")
    return counting.count(RV32, objects, WORK / "rv32"), work.fitted, vib.extract(work.frames, work.plain)


def window_prices(figures: counting.Figures) -> dict[str, float]:
    """Of an axis of COUNTED_WINDOW; `push_frame` of one sample of one axis."""
    return {
        "block": figures["block"],
        "rfft": figures["rfft1024"],
        "spectrum": figures["features3x1024"] // 3 - figures["block"] - figures["rfft1024"],
        "envelope": (figures["features3x1024_envelope"] - figures["features3x1024"]) // 3,
        "push_frame": round(figures["push"] / (3 * COUNTED_WINDOW // 2), 3),
    }


def fitted(rows: Sequence[Row]) -> dict[str, Any]:
    """Coefficients, none under 0, and by how much the worst estimate is off."""
    terms, counts = np.array([t for t, _ in rows]), np.array([n for _, n in rows], float)
    coefficients, _ = nnls(terms / counts[:, None], np.ones(len(counts)))
    off = np.abs(terms @ coefficients / counts - 1).max()
    return {
        "coefficients": [round(float(c), 3) for c in coefficients],
        "counted": [int(n) for n in counts],
        "largest_error": round(float(off), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
