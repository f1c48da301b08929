"""The mean of the last windows. One window of a slow machine holds a few turns of its shaft and says little; several of
them, before they are scored, tell small faults from chance. Takes all its room at the start."""

from array import array


class Average:
    """Mean of each feature over the last `windows` vectors of `n` features."""

    def __init__(self, windows: int, n: int) -> None:
        self.mean = array("h", bytes(2 * n))
        self._windows = windows
        self._rows = array("h", bytes(2 * windows * n))
        self._sums = array("i", bytes(4 * n))
        self._held = 0
        self._next = 0  # row to write

    def add(self, features: "array[int]") -> bool:
        """Take one vector into `mean`; True when that is one of `windows` vectors."""
        rows, sums, mean, windows = self._rows, self._sums, self.mean, self._windows
        full = self._held == windows
        if not full:
            self._held += 1
        held = self._held
        at = self._next * len(mean)
        for i in range(len(mean)):
            value = features[i]
            total = sums[i] + value
            if full:
                total -= rows[at + i]
            sums[i] = total
            rows[at + i] = value
            mean[i] = (total + held // 2) // held
        self._next = (self._next + 1) % windows
        return held == windows

    def forget(self) -> None:
        """What comes does not follow on what was: the machine was off, or samples were lost."""
        self._held = self._next = 0
        for i in range(len(self._sums)):
            self._sums[i] = 0
