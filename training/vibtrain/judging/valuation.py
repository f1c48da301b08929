"""Recordings out of family with their label: what each is worth to its nearest neighbours, and they to it.

The value of a recording is its share in how well a vote of nearest neighbours tells healthy recordings from faulty
ones: its Shapley value, exact for such a vote (Jia et al., Efficient task-specific data valuation for nearest neighbor
algorithms, 2019, theorem 1). A recording never votes on one of its own session, which is a near copy of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.features.extraction import Windows

NEIGHBOURS = 5
FEW = 1 / 3  # no more of the neighbours than this share its label: it stands alone with it
GROUP = 4  # recordings of a machine at a speed, at least, to be compared with their own middle
LEAST_SPREAD = 16.0  # 1/256 octaves: less is no difference between recordings

Float = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Valuation:
    """One recording.

    Attributes:
        name, label: the recording's.
        value: 1 is a recording that helps as much as in a set without any doubt; under 0 it misleads.
        agreement: share of its nearest recordings of other sessions that are healthy as it is, or faulty as it is.
        nearest: their labels, nearest first.
    """

    name: str
    label: str
    value: float
    agreement: float
    nearest: tuple[str, ...]

    @property
    def finding(self) -> str:
        """What speaks against the label, in words; empty where nothing does."""
        others = ", ".join(self.nearest)
        if self.value < 0 and self.agreement <= FEW:
            return f"out of family (value {self.value:.2f}; its nearest of other sessions: {others})"
        if len(set(self.nearest)) == 1 and self.nearest[0] != self.label:
            return f"out of family (all its nearest of other sessions: {self.nearest[0]})"
        return ""


def valuations(recordings: Sequence[Windows], inputs: Sequence[int]) -> list[Valuation]:
    """Of the recordings that are healthy or faulty, by the features `inputs`; empty where there are too few to ask."""
    known = [r for r in recordings if r.is_healthy or r.is_fault]
    sessions = np.array([f"{r.machine}/{r.session}" for r in known])
    if any((sessions != session).sum() < NEIGHBOURS for session in sessions) or not known:
        return []
    labels = np.array([r.label for r in known])
    healthy = np.array(["healthy" if r.is_healthy else "faulty" for r in known])
    places = _places(known, inputs)
    distance = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    values = np.zeros(len(known))
    result = []
    for i in range(len(known)):
        others = np.flatnonzero(sessions != sessions[i])
        order = others[np.argsort(distance[i, others], kind="stable")]
        right = healthy[order] == healthy[i]
        values[order] += shapley(right, NEIGHBOURS)
        nearest = order[:NEIGHBOURS]
        result.append((float(right[:NEIGHBOURS].mean()), tuple(map(str, labels[nearest]))))
    return [
        Valuation(r.name, r.label, float(value), agreement, nearest)
        for r, value, (agreement, nearest) in zip(known, values, result, strict=True)
    ]


def shapley(right: npt.NDArray[np.bool_], neighbours: int) -> Float:
    """Value of each voter, nearest first, to one decision; `right` says whose label is that of what is decided."""
    hit = right.astype(np.float64)
    count = len(hit)
    rank = np.arange(1, count)
    steps = (hit[:-1] - hit[1:]) / neighbours * np.minimum(neighbours, rank) / rank
    last = hit[-1] * min(neighbours, count) / (neighbours * count)
    return np.asarray(last + np.r_[np.cumsum(steps[::-1])[::-1], 0.0])


def _places(recordings: Sequence[Windows], inputs: Sequence[int]) -> Float:
    """Each recording's median features, from the middle of its machine at its speed, in usual spreads."""
    places = np.stack([np.median(r.features[:, list(inputs)], axis=0) for r in recordings])
    for group in _groups(recordings):
        places[group] -= np.median(places[group], axis=0)
    spread = 1.4826 * np.median(np.abs(places - np.median(places, axis=0)), axis=0)
    return np.asarray(places / np.maximum(spread, LEAST_SPREAD))


def _groups(recordings: Sequence[Windows]) -> list[npt.NDArray[np.intp]]:
    """Places of the recordings of each machine at each speed, or of the machine, or of all, where these are too few."""
    finest = [(r.machine, r.speed_rpm) for r in recordings]
    keys: list[object] = []
    for key in finest:
        if finest.count(key) >= GROUP:
            keys.append(key)
        else:
            keys.append(key[0] if sum(k[0] == key[0] for k in finest) >= GROUP else "")
    return [np.flatnonzero([k == key for k in keys]) for key in dict.fromkeys(keys)]
