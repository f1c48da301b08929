"""What a tower or a nacelle is judged by: 0.1 to 10 Hz, from the core's slow windows, see component_class.

Their limits of acceleration stand to those of velocity as 1 to 0.2 s, warning and alarm alike. So one level says both:
the velocity, or 0.2 s of the acceleration where that is more.
"""

from .detector import largest

_OF_100_NM_S = 1701  # steps from log2 re 100 nm/s to re 1 nm/s
_OF_ACCELERATION = 1957  # from 1 um/s^2, times 0.2 s, to 1 nm/s
_SLOWEST_MILLIHZ = 48000
_STEPS = 128  # levels are of amplitudes, 256 steps an octave: so many for twice the energy


def slow_block_windows(averaging_s: float, core_config: dict) -> int:
    """How many slow windows, each half of the one before it, the standard's averaging time holds."""
    rate_millihz = core_config["rate_millihz"]
    while rate_millihz // 2 >= _SLOWEST_MILLIHZ:
        rate_millihz /= 2
    return max(1, round(averaging_s * rate_millihz / 1000 / (core_config["slow_window"] // 2)))


class SlowVelocity:
    """Gives the level of each new slow window once."""

    def __init__(self, names: "list[str]") -> None:
        """`names`: of the features, in order."""
        self._velocity = tuple([i for i, name in enumerate(names) if name.endswith(".slow_velocity_rms")])
        bands = [i for i, name in enumerate(names) if ".slow_band" in name]
        each = len(bands) // len(self._velocity)
        self._bands = tuple([tuple(bands[i : i + each]) for i in range(0, len(bands), each)])
        self._seen = 0

    def is_new(self, slow_windows: int) -> bool:
        """Whether features are there that were not at the last call; `slow_windows`: the sampler's."""
        new = slow_windows not in (0, self._seen)
        self._seen = slow_windows
        return new

    def level(self, features) -> int:
        """Of the axis that has most: log2 re 1 nm/s."""
        highest = largest(features, self._velocity) + _OF_100_NM_S
        for bands in self._bands:
            highest = max(highest, self._acceleration(features, bands) + _OF_ACCELERATION)
        return highest

    def _acceleration(self, features, bands) -> int:
        """Of an axis, over all bands: log2 re 1 um/s^2. From the strongest down, each adds its share of the energy."""
        top = largest(features, bands)
        energy = 0
        for i in bands:
            below = top - features[i]
            if below < 12 * _STEPS:
                energy += (4096 >> below // _STEPS) * (2 * _STEPS - below % _STEPS) // (2 * _STEPS)
        extra = 0
        while energy >= 8192:
            energy >>= 1
            extra += _STEPS
        return top + extra + (energy - 4096) * _STEPS // 4096
