"""A probe at a toothed wheel, and what hangs on its wire: ``machine.Pin`` with its interrupt, or ``machine.Counter``.

The shaft's speed is a function of time; marks may be uneven, missing, or seen twice. Runs on CPython and MicroPython.
"""

PS_PER_US = 1000000


class Probe:
    """Gives `per_turn` pulses a turn on a clock of lab.chips.time that `run` moves on."""

    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self, time, speed_hz, per_turn=1, late=(), jitter=None) -> None:
        """`speed_hz(seconds)`: of the wheel. `late`: of each mark, in shares of their distance. `jitter()`: us by
        which an interrupt comes late."""
        self.time = time
        self.pulses = 0  # that came over the wire
        self.missing = set()  # numbers of marks that are not seen
        self.bouncing = {}  # number of a mark: us after which it is seen again
        self._speed_hz = speed_hz
        self._per_turn = per_turn
        self._late = late
        self._jitter = jitter
        self._handler = None
        self._marks = 0.0  # passed, in fractions
        self._next = 0

    def irq(self, handler, trigger, hard=False) -> None:
        """As machine.Pin's."""
        self._handler = handler

    def value(self) -> int:
        """As machine.Counter's."""
        return self.pulses

    def run(self, us: int, step_us: int = 100) -> None:
        """Let the wheel turn on for `us`."""
        for _ in range(us // step_us):
            before = self._marks
            seconds = self.time.now_ps / (PS_PER_US * 1000000)
            self._marks += self._speed_hz(seconds) * self._per_turn * step_us / 1000000
            start_ps = self.time.now_ps
            while self._place() <= self._marks:
                share = (self._place() - before) / (self._marks - before)
                self._pass(start_ps + int(share * step_us) * PS_PER_US)
            self.time.now_ps = start_ps + step_us * PS_PER_US

    def _place(self) -> float:
        """Where the next mark stands."""
        return self._next + (self._late[self._next % self._per_turn] if self._late else 0)

    def _pass(self, at_ps: int) -> None:
        number = self._next
        self._next += 1
        if number in self.missing:
            return
        times_us = [0]
        if number in self.bouncing:
            times_us.append(self.bouncing[number])
        for after_us in times_us:
            late_us = self._jitter() if self._jitter else 0
            self.time.now_ps = at_ps + (after_us + late_us) * PS_PER_US
            self.pulses += 1
            if self._handler:
                self._handler(self)
