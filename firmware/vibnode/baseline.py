"""A machine's own healthy baseline: the median of each feature over its first windows, kept with its spread."""

import struct
from array import array

import vib

from . import checked_file

_HEAD = "<HHQB"  # features, windows, time, numbers of what it is bound to
_MAGIC = b"VBL3"
BLOCK = 32  # windows
MIN_SPREAD = 16  # steps; a feature that never moved must not look as if any move were enormous


class BaselineError(Exception):
    """A stored baseline cannot be used. Its text is one line that says why."""


class Baseline:
    """`median` and `spread` (median absolute deviation), each an array('h') of one value a feature.

    `windows`: how many it was learnt from. `time_s`: when, seconds since 1970, 0 where no clock was set.
    """

    def __init__(
        self, median: "array[int]", spread: "array[int]", windows: int, time_s: "int | None" = None
    ) -> None:
        self.median = median
        self.spread = spread
        self.windows = windows
        self.time_s = time_s or 0


class Learner:
    """Collects feature vectors of a running machine and gives their median. Room for all is taken at the start.

    Up to BLOCK of them are held as they are. Of more, the medians and spreads of blocks are held, and the baseline is
    the median of those (Rousseeuw and Bassett, The remedian, J. Am. Stat. Assoc. 85, 1990): so 500 windows take as much
    room as 50.
    """

    def __init__(self, windows: int, n_features: int, levels=()) -> None:
        """`levels`: where the features stand whose change from half to half `apart` tells, log2 levels all."""
        self.windows = windows
        self.taken = 0
        self._n = n_features
        blocks = -(-windows // BLOCK)
        self._block = -(-windows // blocks)  # windows in one; the last may have fewer
        self._rows = array("h", bytes(2 * self._block * n_features))
        self._medians = array("h", bytes(2 * blocks * n_features))
        self._spreads = array("h", bytes(2 * blocks * n_features))
        self._held = 0  # rows of this block
        self._done = 0  # blocks that have been worked out
        self._levels = levels
        self._sums = [0] * (2 * len(levels))  # of the levels, over each half

    def add(self, features: "array[int]", moved: int = 0) -> bool:
        """Take one vector; True when there are enough. `moved`: steps that `apart` leaves out of its levels."""
        if self.taken < self.windows:
            at = self._held * self._n
            self._rows[at : at + self._n] = features
            self._held += 1
            self.taken += 1
            second = len(self._levels) if 2 * self.taken > self.windows else 0
            for i, at in enumerate(self._levels):
                self._sums[second + i] += features[at] - moved
            if self._held == self._block:
                self._end_block()
        return self.taken == self.windows

    def baseline(self, time_s: "int | None" = None) -> Baseline:
        """The baseline of what was taken so far, at least one vector; `time_s` is now."""
        if self._held:
            self._end_block()
        median, spread = array("h", bytes(2 * self._n)), array("h", bytes(2 * self._n))
        aside = array("h", bytes(2 * self._n))
        vib.medians(self._spreads, self._done, self._n, spread, aside, 0)
        vib.medians(self._medians, self._done, self._n, median, aside, 0)
        for i in range(self._n):
            spread[i] = max(MIN_SPREAD, spread[i])
        return Baseline(median, spread, self.taken, time_s)

    def apart(self) -> int:
        """By how many steps the mean of a level differs between the halves of what was taken, at most over `levels`."""
        n = len(self._levels)
        first = max(1, self.windows // 2)
        second = max(1, self.taken - first)
        apart = [abs(self._sums[i] // first - self._sums[n + i] // second) for i in range(n)]
        return max(apart) if self.windows > 1 and apart else 0

    def _end_block(self) -> None:
        vib.medians(self._rows, self._held, self._n, self._medians, self._spreads, self._done)
        self._done += 1
        self._held = 0


def save(path: str, baseline: Baseline, core_config: dict) -> None:
    """Store `baseline` of features that were made as `core_config` says in `path`, all or nothing."""
    bound = [number for _, number in _bound_to(core_config)]
    head = struct.pack(_HEAD, len(baseline.median), baseline.windows, baseline.time_s, len(bound))
    head += struct.pack(f"<{len(bound)}I", *bound)
    checked_file.save(path, _MAGIC, head + _pack(baseline.median) + _pack(baseline.spread))


def load(path: str, core_config: dict, n_features: int) -> "Baseline | None":
    """The baseline in `path`, None where there is none. Raises BaselineError: it is broken, or of other features.

    It is bound to what makes its features, and to no model: one that wants the same ones takes it over.
    """
    try:
        body = checked_file.load(path, _MAGIC)
    except checked_file.Damaged as error:
        raise BaselineError(str(error)) from None
    if body is None:
        return None
    head = struct.calcsize(_HEAD)
    n, windows, time_s, count = struct.unpack(_HEAD, body[:head])
    bound = struct.unpack(f"<{count}I", body[head : head + 4 * count])
    wanted = _bound_to(core_config)
    if count != len(wanted) or n != n_features:
        raise BaselineError(f"{path}: of {n} features; accepted: {n_features}")
    for i, (name, number) in enumerate(wanted):
        if bound[i] != number:
            raise BaselineError(f"{path}: learnt with {name} {bound[i]}; accepted: {number}, this model's")
    values = struct.unpack(f"<{2 * n}h", body[head + 4 * count :])
    return Baseline(array("h", values[:n]), array("h", values[n:]), windows, time_s)


def _bound_to(core_config: dict) -> list:
    """What features depend on, as (name, number): SPEC 1.1, but for `hop`, by which none changes."""
    bound = [("feature version", vib.FEATURE_VERSION)]
    bound += [(name, core_config[name]) for name in sorted(core_config) if name != "hop"]
    return bound


def _pack(values: "array[int]") -> bytes:
    return b"".join([struct.pack("<h", value) for value in values])
