"""What a simulated chip is shaken with: a function from the number of a frame to g on each of three axes."""


class Numbered:
    """Frames that tell their number and axis: of count c, x is 2c, y is -2c, z is c / 2 rounded to even.

    `lsb_g`: of the chip in its range, so that the counts come out exactly.
    """

    PERIOD = 200

    def __init__(self, lsb_g: float) -> None:
        self._lsb_g = lsb_g

    def counts(self, n: int):
        """The counts that frame `n` is to give."""
        c = n % self.PERIOD
        return 2 * c, -2 * c, c // 4 * 2

    def __call__(self, n: int):
        x, y, z = self.counts(n)
        return x * self._lsb_g, y * self._lsb_g, z * self._lsb_g


class Still:
    """At rest, z up: 1 g and a chip's own noise of `rms_g`."""

    def __init__(self, rms_g: float = 0.0) -> None:
        self._rms_g = rms_g
        self._state = 1

    def __call__(self, n: int):
        return self._noise(), self._noise(), 1.0 + self._noise()

    def _noise(self) -> float:
        total = 0.0
        for _ in range(4):  # the sum of four is near enough to Gaussian
            self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
            total += (self._state >> 8) / 0x7FFFFF - 0.5
        return total * self._rms_g * 1.732


class Recording:
    """A recording, repeated: `counts`, an array('h') of frames of three axes, each count `lsb_g`."""

    def __init__(self, counts, lsb_g: float) -> None:
        self._counts = counts
        self._frames = len(counts) // 3
        self._lsb_g = lsb_g

    def __call__(self, n: int):
        at = n % self._frames * 3
        return tuple([self._counts[at + axis] * self._lsb_g for axis in range(3)])
