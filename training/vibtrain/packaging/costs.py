"""What a window costs on the device, in instructions of RV32IMC, estimated from costs.toml, counted in QEMU.

Counts of the features are those of windows of 1024, scaled to others (n log n for the transforms, n for the rest);
those of a model follow from its terms below. `lab/model_costs.py` counts anew and says how far off the terms are.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.models import fit
from vibtrain.models.anomaly import Float, differences
from vibtrain.models.fit import FittedModel
from vibtrain.models.isolation import BaselineIsolationForest
from vibtrain.packaging import convert
from vibtrain.recordings import DataError

COSTS = Path(__file__).parent / "costs.toml"
COUNTED_WINDOW = 1024


@dataclass(frozen=True)
class Budget:
    """What a model may take: bytes of model.bin, and instructions of a window with its features."""

    flash_bytes: float = math.inf
    instructions: float = math.inf

    def __str__(self) -> str:
        return f"--max-flash {self.flash_bytes:,.0f} and --max-instructions {self.instructions:,.0f}"

    def admits(self, flash_bytes: float, instructions: float) -> bool:
        return flash_bytes <= self.flash_bytes and instructions <= self.instructions


def refuse_over(budget: Budget, recordings: Sequence[Windows], config: TrainingConfig) -> None:
    """Raise `DataError` where the model of these recordings takes more than the budget."""
    if budget == Budget():
        return
    flash_bytes, instructions = size(recordings, config)
    for option, takes, limit, unit in (
        ("--max-flash", flash_bytes, budget.flash_bytes, "bytes"),
        ("--max-instructions", instructions, budget.instructions, "instructions a window"),
    ):
        if takes > limit:
            raise DataError(
                f"{config.name}: the model takes {takes:,} {unit}; accepted: up to {limit:,.0f} ({option}); "
                "`vibtrain search` looks for one that fits"
            )


def size(recordings: Sequence[Windows], config: TrainingConfig) -> tuple[int, int]:
    """Bytes of model.bin and instructions of a window, of the model that is fitted to these recordings."""
    training = [r for r in recordings if config.train.admits(r)]
    fitted = fit.fit(list(recordings), config)
    d = np.concatenate([differences(r.features, fitted.centre) for r in training])
    instructions = window_instructions(fitted.core) + model_instructions(fitted, d)
    return len(convert.convert(fitted).binary), round(instructions)


def window_instructions(core: dict[str, int]) -> float:
    """Features of one window, and taking its hop of samples in. `core`: SPEC.md 1.1."""
    counted = _table()["window"]
    n = core["window"]
    linear, transform = n / COUNTED_WINDOW, n * math.log2(n) / (COUNTED_WINDOW * math.log2(COUNTED_WINDOW))
    axis = (counted["block"] + counted["spectrum"]) * linear + counted["rfft"] * transform
    if core["envelope_bands"]:
        axis += counted["envelope"] * transform
    return float(core["axes"] * (axis + counted["push_frame"] * core["hop"]))


def model_instructions(model: FittedModel, d: npt.NDArray[np.int16]) -> float:
    """Score and class of a window. `d`: some windows' features less their baseline, whose paths through the
    trees are taken."""
    if isinstance(model.anomaly, BaselineIsolationForest):
        trees = model.anomaly.forest_.estimators_
        total = priced("paths", forest_terms(trees, d[:, model.inputs]))
    else:
        form: Any = model.anomaly.core_form()
        total = priced("gaussians", gaussian_terms(len(model.inputs), len(form.shifts)))
    if model.forest is not None:
        total += priced("forest", forest_terms(model.forest.estimators_, d[:, model.tree_inputs]))
    return total


def gaussian_terms(inputs: int, components: int) -> Float:
    """What the cost of Gaussians grows with: their number, theirs times inputs, and products of a triangular matrix."""
    return np.array([1, components, components * inputs, components * inputs * (inputs + 1) / 2])


def forest_terms(trees: Sequence[Any], X: npt.NDArray[np.int16]) -> Float:
    """What the cost of a forest grows with: trees, and nodes on the way to their leaves, the mean of these windows."""
    nodes = sum(float(tree.decision_path(X).sum(axis=1).mean()) - 1 for tree in trees)
    return np.array([1, len(trees), nodes])


def priced(kind: str, terms: Float) -> float:
    """Instructions of a kind of model with these terms."""
    return float(np.array(_table()[kind]["coefficients"]) @ terms)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(COSTS.read_text())
