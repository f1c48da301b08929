"""How many windows are lost for want of samples, and why: a sensor that hears half of the time must say so."""

from . import clock

BLOCK_MS = 600000
SHARE = 100  # one in so many lost is told
SLACK_WINDOWS = 2  # a block begins and ends anywhere in a window
CAUSES = (
    "processor",
    "bus",
    "link",
)  # what kept the sensor from being read: anything, its own bus, a connection


class WindowLoss:
    """`cause`: one of CAUSES if over 1 % of the windows of the last ten minutes were lost, else None."""

    def __init__(self, rate_hz: float, hop: int, time=clock) -> None:
        self.cause: str | None = None
        self._windows_s = rate_hz / hop
        self._time = time
        self._gaps = [0] * len(CAUSES)
        self.restart()

    def restart(self) -> None:
        """The sensor was off, or gone: count from here on."""
        self._start_ms = self._time.ticks_ms()
        self._windows = 0
        for i in range(len(CAUSES)):
            self._gaps[i] = 0

    def window(self) -> bool:
        """One more whole window. Returns whether `cause` is anew that of a whole block."""
        self._windows += 1
        return self._settle()

    def gap(self, cause: str) -> bool:
        """Samples were lost. Returns whether `cause` is anew that of a whole block."""
        self._gaps[CAUSES.index(cause)] += 1
        return self._settle()

    def _settle(self) -> bool:
        elapsed_ms = self._time.ticks_diff(self._time.ticks_ms(), self._start_ms)
        if elapsed_ms < BLOCK_MS:
            return False
        due = self._windows_s * (elapsed_ms // 1000)
        lost = due - self._windows - SLACK_WINDOWS
        most = max(self._gaps)
        self.cause = CAUSES[self._gaps.index(most)] if most and lost * SHARE > due else None
        self.restart()
        return True
