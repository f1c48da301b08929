"""Runs of equal samples in a signal that comes in blocks: what a clipped or a stuck sensor puts out."""

from __future__ import annotations

import math

import numpy as np

from vibtrain.files.file_columns import Array

CLIPPED_RUN = 3  # this many equal samples at the extreme are taken for clipping


class Runs:
    """One axis. `highest`, `lowest`: its extremes so far."""

    def __init__(self) -> None:
        self.highest, self.lowest = -math.inf, math.inf
        self._at_highest = self._at_lowest = 0  # samples there in runs of CLIPPED_RUN or more
        self._longest = 0
        self._open = (math.nan, 0)  # value and length of the run that may go on

    def add(self, column: Array) -> None:
        """The next samples, one dimension."""
        if not len(column):
            return
        starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
        values, lengths = column[starts], np.diff(np.r_[starts, len(column)])
        if values[0] == self._open[0]:
            lengths[0] += self._open[1]
        else:
            self._close(*self._open)
        self._open = (float(values[-1]), int(lengths[-1]))
        self._longest = max(self._longest, int(lengths.max()))
        long = lengths[:-1] >= CLIPPED_RUN
        self._reach(float(values.max()), float(values.min()))
        self._at_highest += int(lengths[:-1][long & (values[:-1] == self.highest)].sum())
        self._at_lowest += int(lengths[:-1][long & (values[:-1] == self.lowest)].sum())

    def longest(self) -> int:
        """Samples of the longest run."""
        return self._longest

    def clipped(self) -> int:
        """Samples that lie in runs at an extreme; none in a constant signal, which is stuck."""
        self._close(*self._open)
        self._open = (math.nan, 0)
        return self._at_highest + self._at_lowest if self.highest > self.lowest else 0

    def _reach(self, high: float, low: float) -> None:
        if high > self.highest:
            self.highest, self._at_highest = high, 0
        if low < self.lowest:
            self.lowest, self._at_lowest = low, 0

    def _close(self, value: float, length: int) -> None:
        if length >= CLIPPED_RUN:
            self._at_highest += length if value == self.highest else 0
            self._at_lowest += length if value == self.lowest else 0
