"""Measures in rounds, so long each so often, and sleeps between: for sensors that live on a battery.

After a round the broker is visited if there is something to say; an alert therefore waits for the end of its round.
The visit ends without a goodbye, so that the retained status stays `online`; `interval_s` in it says how long the
device may be silent. No command is heard between visits.
"""

import asyncio

from . import clock

VISIT_MS = 20000  # a broker that has not taken everything by then is tried again after the next round
SLICE_MS = 5000  # of a sleep: in between the watchdog is fed, of which none is shorter than 10 s
AWAKE_SLICE_MS = 1000  # where no chip can sleep


class Rounds:
    """Tells the sampler when to stop, and sleeps until the next round."""

    def __init__(self, duty: dict, deliver, fed, time=clock, rested=None) -> None:
        """`duty`: that section of the configuration. `deliver`: awaited after each round. `fed`: the watchdog's.
        `rested`: called before each round but the first."""
        self._every_ms = duty["every_s"] * 1000
        self._for_ms = duty["for_s"] * 1000
        self._deliver = deliver
        self._fed = fed
        self._time = time
        self._rested = rested
        self._began_ms: int | None = None

    def is_over(self) -> bool:
        """Whether this round has lasted as long as it should."""
        now_ms = self._time.ticks_ms()
        if self._began_ms is None:
            self._began_ms = now_ms
        return self._time.ticks_diff(now_ms, self._began_ms) >= self._for_ms

    async def rest(self) -> None:
        """Deliver, sleep, and begin the next round: so long after the last began, or at once if that is over."""
        began_ms = self._began_ms or 0
        await self._deliver()
        while True:
            left_ms = self._every_ms - self._time.ticks_diff(self._time.ticks_ms(), began_ms)
            if left_ms <= 0:
                break
            await self._sleep(left_ms)
            self._fed()
        if self._rested:
            self._rested()
        self._began_ms = self._time.ticks_ms()

    async def _sleep(self, ms: int) -> None:
        try:
            from machine import lightsleep
        except ImportError:
            await self._time.sleep_ms(min(ms, AWAKE_SLICE_MS))
            return
        await self._time.sleep_ms(0)
        lightsleep(min(ms, SLICE_MS))


async def deliver(uplink, keeper, silent_ms: int, fed) -> None:
    """Visit the broker, and the time server, if either is due before `silent_ms` are over. `fed`: the watchdog's."""
    if not uplink.is_due(silent_ms):
        return
    asking = asyncio.create_task(keeper.ask_if_due())
    try:
        await uplink.visit(VISIT_MS, fed)
    finally:
        asking.cancel()
