"""What all axes have become louder or quieter by together: up to 2 dB of it is mounting, load or warmth, and no fault.
A fault that changes nothing but the level of everything has to change it by more."""

from array import array

MOST_STEPS = 85  # 2 dB
LEVELS = ("rms", "peak", "velocity_rms", "line_level", "vline_level")
LEVEL_FAMILIES = ("band", "order")


class CommonLevel:
    """A baseline moved by the level that is common to all axes. Takes its room at the start."""

    def __init__(self, names) -> None:
        """`names`: of the features, in order."""
        self._rms = [i for i, name in enumerate(names) if name.endswith(".rms")]
        self._levels = [i for i, name in enumerate(names) if _is_level(name)]
        self._moved = array("h", bytes(2 * len(names)))

    def steps(self, mean, usual) -> int:
        """How many steps louder (under 0: quieter) every axis is at least, within MOST_STEPS; 0 where they disagree."""
        low, high = 32767, -32768
        for i in self._rms:
            apart = mean[i] - usual[i]
            low = min(low, apart)
            high = max(high, apart)
        if low > 0:
            return min(low, MOST_STEPS)
        return max(high, -MOST_STEPS) if high < 0 else 0

    def moved(self, usual, steps: int) -> "array[int]":
        """`usual` with every level moved by `steps`. The same array each time."""
        moved = self._moved
        moved[:] = usual
        for i in self._levels:
            moved[i] = max(-32768, min(32767, moved[i] + steps))
        return moved


def _is_level(name: str) -> bool:
    kind = name.split(".")[1]
    if kind in LEVELS:
        return True
    return any([kind.startswith(family) and kind[len(family) :].isdigit() for family in LEVEL_FAMILIES])
