"""Clocks for simulated chips and for the code that drives them."""

import asyncio

PS_PER_MS = 1000000000


class VirtualTime:
    """Stands still but for what bus transfers, pauses and sleeps take. Takes the place of ``vibnode.clock``."""

    def __init__(self) -> None:
        self.now_ps = 0

    def advance_ps(self, ps: int) -> None:
        """Let time pass."""
        self.now_ps += ps

    def ticks_ms(self) -> int:
        """Milliseconds since the beginning."""
        return self.now_ps // PS_PER_MS

    def ticks_us(self) -> int:
        """Microseconds since the beginning."""
        return self.now_ps // 1000000

    def ticks_diff(self, later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier

    def ticks_add(self, ticks: int, delta: int) -> int:
        """The ticks `delta` after `ticks`."""
        return ticks + delta

    def pause_ms(self, ms: int) -> None:
        """Let `ms` milliseconds pass."""
        self.now_ps += ms * PS_PER_MS

    async def sleep_ms(self, ms: int) -> None:
        """Let `ms` milliseconds pass, and other tasks run."""
        self.now_ps += ms * PS_PER_MS
        await asyncio.sleep(0)


class RealTime:
    """The computer's clock, for a chip under an application that runs in real time.

    It runs ahead by what a transfer takes on the bus, until the computer has caught up.
    """

    def __init__(self, ticks_ms) -> None:
        """`ticks_ms`: a function."""
        self._ticks_ms = ticks_ms
        self._start = ticks_ms()
        self._ahead_ps = 0

    @property
    def now_ps(self) -> int:
        """Picoseconds since the beginning."""
        self._ahead_ps = max(self._ahead_ps, (self._ticks_ms() - self._start) * PS_PER_MS)
        return self._ahead_ps

    def advance_ps(self, ps: int) -> None:
        """A transfer takes `ps`."""
        self._ahead_ps = self.now_ps + ps
