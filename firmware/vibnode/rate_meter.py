"""How fast a sensor really samples: its oscillator is off by per cents, and with it every frequency that is read."""

from . import clock

MEASURE_MS = 10000  # a millisecond either way is then 100 ppm
FIRST_MS = 3000  # the first figure is wanted soon, and may be off by three times as much
PIECE_MS = 500  # of less between two gaps the ends weigh too much


class RateMeter:
    """`ppm`: how far the rate is over the nominal one, over the last stretches without a gap; None before the first."""

    def __init__(self, rate_hz: float, time=clock) -> None:
        self.ppm: int | None = None
        self._rate_hz = rate_hz
        self._time = time
        self._start_ms: int | None = None
        self._made = 0  # frames in this piece
        self._last_ms = 0
        self._backlog = 0
        self._past_ms = self._past_made = 0  # of earlier pieces

    def restart(self) -> None:
        """Samples were lost: what was counted so far stands, and a new piece begins."""
        if self._start_ms is not None:
            elapsed_ms = self._time.ticks_diff(self._last_ms, self._start_ms)
            if elapsed_ms >= PIECE_MS:
                self._past_ms += elapsed_ms
                self._past_made += self._made + self._backlog
        self._start_ms = None

    def count(self, frames: int, backlog: int, late_ms: int = 0) -> None:
        """`frames` were read `late_ms` ago, and the sensor held `backlog` more then."""
        now_ms = self._time.ticks_ms() - late_ms
        self._last_ms, self._backlog = now_ms, backlog
        if self._start_ms is None:
            self._start_ms = now_ms
            self._made = -backlog
            return
        self._made += frames
        elapsed_ms = self._past_ms + self._time.ticks_diff(now_ms, self._start_ms)
        if elapsed_ms >= (FIRST_MS if self.ppm is None else MEASURE_MS):
            self._end_piece(now_ms, backlog, elapsed_ms)

    def _end_piece(self, now_ms: int, backlog: int, elapsed_ms: int) -> None:
        made = self._past_made + self._made + backlog
        self.ppm = int((made * 1000 / (elapsed_ms * self._rate_hz) - 1) * 1000000)
        self._past_ms = self._past_made = 0
        self._start_ms = now_ms
        self._made = -backlog
