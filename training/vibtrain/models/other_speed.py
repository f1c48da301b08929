"""Which windows are of another speed than a baseline was learnt at, as the device itself tells."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import vib
from vibnode.baseline import Baseline, Learner
from vibnode.shaft_line import ShaftLine, sure_windows

Int16 = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

MOST_TO_LEARN = 500  # windows, as on a device


def learnt_from(features: Int16) -> Baseline:
    """The baseline that a device learns from these windows, from every n-th where there are more than it takes."""
    taken = features[:: -(-len(features) // MOST_TO_LEARN)]
    learner = Learner(len(taken), taken.shape[1])
    for row in taken.tolist():
        learner.add(array("h", row))
    return learner.baseline()


def at_other_speed(
    features: Int16, baseline: Baseline, core_config: Mapping[str, int]
) -> tuple[Flags, Flags]:
    """Of each window in a row, whether the machine turns at another speed by then, and whether it may be on its way
    there or back."""
    line = ShaftLine(
        vib.feature_names(core_config), dict(core_config), baseline, sure_windows(dict(core_config))
    )
    said = []
    for row in features.tolist():
        line.take(row)
        said.append((line.away, line.moving))
    away, moving = np.array(said, bool).reshape(-1, 2).T
    return away, moving
