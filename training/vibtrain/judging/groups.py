"""Recordings by the place that one device would have: one machine at one speed and load, and its healthy baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.features.config import Selection
from vibtrain.features.extraction import Regime, Windows, in_order, regimes_of
from vibtrain.models.anomaly import averaged, median_baseline
from vibtrain.recordings import DataError

Int16 = npt.NDArray[np.int16]

Trained = Callable[[Windows], bool]

LONGEST_BASELINE_S = 300.0  # unless asked for more
LEARN_FIRST_WINDOWS = 64  # of a place that is learnt first


@dataclass(frozen=True)
class Group:
    """What one device sees: a machine at one speed and load, or all its life where that is told.

    Attributes:
        regime: machine, speed and load.
        trained: whether its recordings were trained on.
        members: its recordings in order: of time where all state one, else as listed.
        learn_windows: how many windows of its healthy recordings, the first ones, are its baseline.
        learn_first: recordings that the device lives through before any is judged, to learn their places; none else.
    """

    regime: Regime
    trained: bool
    members: tuple[Windows, ...]
    learn_windows: int
    learn_first: tuple[Windows, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether its recordings are of several places, or nobody tells of which."""
        return bool(self.learn_first) or self.regime[1] is None

    @property
    def name(self) -> str:
        """E.g. `rig, 1800 rpm, 11 lb`."""
        machine, speed_rpm, load = self.regime
        return ", ".join(filter(None, (machine, f"{speed_rpm:g} rpm" if speed_rpm else "", load)))

    @property
    def timed(self) -> bool:
        """Whether the recordings' order in time is known."""
        return all(r.time for r in self.members)

    def baseline(self) -> Int16 | None:
        """The median of the windows to learn; None where there are none."""
        return median_baseline(self.learnt()) if self.learn_windows else None

    def learnt(self) -> Int16:
        """The windows to learn, one at least."""
        healthy = np.concatenate([r.features for r in self.members if r.is_healthy])
        return healthy[: self.learn_windows]

    def judged(self, average_windows: int) -> list[tuple[Windows, Int16]]:
        """Healthy and faulty recordings with what a device scores of them, means of `average_windows` windows in a row:
        those learnt are in none, and a recording that is left with too few is not there."""
        to_learn, result = 0 if self.learn_first else self.learn_windows, []
        for r in self.members:
            if not (r.is_healthy or r.is_fault):
                continue
            learnt = min(to_learn, len(r.features)) if r.is_healthy else 0
            to_learn -= learnt
            means = averaged(r.features[learnt:], average_windows)
            if len(means):
                result.append((r, means))
        return result


def by_regime(
    recordings: list[Windows],
    trained: Trained | None,
    hop_s: float,
    baseline_s: float | None = None,
    learn: Selection | None = None,
) -> list[Group]:
    """Groups in order of name.

    Args:
        recordings: of any number of machines and conditions.
        trained: whether a recording is of a condition that was trained on; None where none is.
        hop_s: seconds from window to window.
        baseline_s: healthy time to learn first; 0 for none; None for half of the first healthy recording, at most
            LONGEST_BASELINE_S.
        learn: which healthy recordings a machine's device learns before it is judged on all others; None: the first
            ones of each group.

    Raises `DataError` where the healthy recordings of a group do not outlast `baseline_s`.
    """
    if learn is not None:
        return _by_what_is_learnt(recordings, trained, learn)
    groups = []
    for regime, members in sorted(_lives_or_regimes(recordings).items(), key=lambda item: str(item[0])):
        if any(r.is_healthy or r.is_fault for r in members):
            known = trained is not None and all(trained(r) for r in members)
            groups.append(Group(regime, known, tuple(members), _to_learn(members, hop_s, baseline_s)))
    return groups


def _lives_or_regimes(recordings: list[Windows]) -> dict[Regime, list[Windows]]:
    """A machine whose recordings all state their time lives through its speeds and loads in that order."""
    lives: dict[Regime, list[Windows]] = {}
    others = []
    for machine in dict.fromkeys(r.machine for r in recordings):
        members = [r for r in recordings if r.machine == machine]
        if all(r.time for r in members) and len(regimes_of(members)) > 1:
            lives[machine, None, ""] = in_order(members)
        else:
            others += members
    return lives | regimes_of(others)


def _by_what_is_learnt(recordings: list[Windows], trained: Trained | None, learn: Selection) -> list[Group]:
    groups = []
    for machine in sorted({r.machine for r in recordings}):
        members = [r for r in recordings if r.machine == machine]
        first = tuple(r for r in members if r.is_healthy and learn.admits(r))
        if not first:
            raise DataError(
                f"{machine}: no healthy recording of what is to be learnt; accepted: one at least"
            )
        for regime, judged in sorted(regimes_of(r for r in members if not learn.admits(r)).items(), key=str):
            known = trained is not None and all(trained(r) for r in judged)
            groups.append(Group(regime, known, tuple(judged), LEARN_FIRST_WINDOWS, first))
    if not groups:
        raise DataError("nothing is left to judge: all recordings are of what is to be learnt")
    return groups


def _to_learn(members: list[Windows], hop_s: float, baseline_s: float | None) -> int:
    healthy = [len(r.features) for r in members if r.is_healthy]
    if not healthy or baseline_s == 0:
        return 0
    if baseline_s is None:
        return min((healthy[0] + 1) // 2, round(LONGEST_BASELINE_S / hop_s)) if sum(healthy) > 1 else 0
    wanted = max(1, round(baseline_s / hop_s))
    if wanted >= sum(healthy):
        raise DataError(
            f"{members[0].machine}: a baseline of {baseline_s:g} s; accepted: under "
            f"{sum(healthy) * hop_s:.0f} s, which its healthy recordings last"
        )
    return wanted
