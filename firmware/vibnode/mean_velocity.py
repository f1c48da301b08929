"""The mean of the velocity over the time that a standard asks for; what it is judged by, see component_class."""

import math

_REFERENCE = 5102  # log2 level of 1 mm/s re 1 nm/s: sums stay where a 32-bit float is good
_STEPS = 128  # levels are of amplitudes, 256 steps an octave: so many for twice the energy


class MeanVelocity:
    """`level`: energy-equivalent mean of the last whole block of windows, log2 re 1 nm/s; None before the first."""

    def __init__(self, windows: int) -> None:
        """`windows`: of a block."""
        self._windows = windows
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.level: int | None = None
        self._taken = 0
        self._energy = 0.0

    def add(self, level: int) -> None:
        """Take one window of the running machine. Those from before a stop count on."""
        self._energy += 2 ** ((level - _REFERENCE) / _STEPS)
        self._taken += 1
        if self._taken == self._windows:
            self.level = round(_REFERENCE + _STEPS * math.log(self._energy / self._windows) / math.log(2))
            self._taken, self._energy = 0, 0.0


def block_windows(averaging_s: float, core_config: dict) -> int:
    """How many windows the standard's averaging time holds."""
    return max(1, round(averaging_s * core_config["rate_millihz"] / 1000 / core_config["hop"]))
