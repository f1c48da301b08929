"""Time on the device: ticks that wrap, an uptime that does not, and calendar time with its quality."""

import asyncio
import time

_UNIX_EPOCH_OFFSET_S = 946_684_800 if time.gmtime(0)[0] == 2000 else 0  # ESP32 ports count from 2000
_EARLIEST_PLAUSIBLE_S = 1_704_067_200  # 2024-01-01: an unset clock says less

if hasattr(time, "ticks_ms"):
    ticks_ms = time.ticks_ms
    ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
    sleep_ms = asyncio.sleep_ms  # type: ignore[attr-defined]
    pause_ms = time.sleep_ms  # type: ignore[attr-defined]
else:

    def ticks_ms() -> int:
        """Milliseconds of a monotonic clock; only differences mean anything."""
        return time.monotonic_ns() // 1_000_000

    def ticks_diff(later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier

    async def sleep_ms(ms: int) -> None:
        """Let other tasks run for `ms` milliseconds."""
        await asyncio.sleep(ms / 1000)

    def pause_ms(ms: int) -> None:
        """Let nothing else run for `ms` milliseconds."""
        time.sleep(ms / 1000)


class Clock:
    """Uptime since this object was made, and calendar time. Read the uptime at least once a day: ticks wrap."""

    def __init__(self) -> None:
        self._last = ticks_ms()
        self._uptime_ms = 0

    def uptime_ms(self) -> int:
        """Milliseconds since start."""
        now = ticks_ms()
        self._uptime_ms += ticks_diff(now, self._last)
        self._last = now
        return self._uptime_ms

    def unix_time(self) -> "tuple[int | None, str]":
        """Seconds since 1970 and the quality ``rtc``, or ``(None, "none")`` while the clock was never set."""
        now = int(time.time()) + _UNIX_EPOCH_OFFSET_S
        if now < _EARLIEST_PLAUSIBLE_S:
            return None, "none"
        return now, "rtc"
