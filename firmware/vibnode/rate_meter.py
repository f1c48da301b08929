"""How fast a sensor really samples: its oscillator is off by per cents, and with it every frequency that is read."""

from . import clock

MEASURE_MS = 10000  # a millisecond either way is then 100 ppm


class RateMeter:
    """`ppm`: how far the rate is over the nominal one, over the last stretch without a gap; None before the first."""

    def __init__(self, rate_hz: float, time=clock) -> None:
        self.ppm: int | None = None
        self._rate_hz = rate_hz
        self._time = time
        self._start_ms: int | None = None
        self._made = 0

    def restart(self) -> None:
        """Samples were lost: begin a new stretch."""
        self._start_ms = None

    def count(self, frames: int, backlog: int) -> None:
        """`frames` were read just now, and the sensor holds `backlog` more."""
        now_ms = self._time.ticks_ms()
        if self._start_ms is None:
            self._start_ms = now_ms
            self._made = -backlog
            return
        self._made += frames
        elapsed_ms = self._time.ticks_diff(now_ms, self._start_ms)
        if elapsed_ms >= MEASURE_MS:
            made = self._made + backlog
            self.ppm = int((made * 1000 / (elapsed_ms * self._rate_hz) - 1) * 1000000)
            self._start_ms = now_ms
            self._made = -backlog
