"""Time on the device: ticks that wrap, an uptime that does not, and calendar time with its quality."""

import asyncio
import struct
import time

from . import checked_file

NTP_LASTS_MS = 7 * 24 * 3600 * 1000  # a crystal of 20 ppm is off by 12 s then
_NOTE = "<QB"  # seconds since 1970, whether they were known and not guessed
_NOTE_MAGIC = b"VTM1"
_UNIX_EPOCH_OFFSET_S = 946_684_800 if time.gmtime(0)[0] == 2000 else 0  # ESP32 ports count from 2000
_EARLIEST_PLAUSIBLE_S = 1_704_067_200  # 2024-01-01: an unset clock says less

if hasattr(time, "ticks_ms"):
    ticks_ms = time.ticks_ms
    ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
    ticks_add = time.ticks_add  # type: ignore[attr-defined]
    ticks_us = time.ticks_us  # type: ignore[attr-defined]
    sleep_ms = asyncio.sleep_ms  # type: ignore[attr-defined]
    pause_ms = time.sleep_ms  # type: ignore[attr-defined]
else:

    def ticks_ms() -> int:
        """Milliseconds of a monotonic clock; only differences mean anything."""
        return time.monotonic_ns() // 1_000_000

    def ticks_diff(later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier

    def ticks_add(ticks: int, delta: int) -> int:
        """The ticks `delta` after `ticks`, of milliseconds or microseconds."""
        return ticks + delta

    def ticks_us() -> int:
        """Microseconds of a monotonic clock; `ticks_diff` knows them too."""
        return time.monotonic_ns() // 1000

    async def sleep_ms(ms: int) -> None:
        """Let other tasks run for `ms` milliseconds."""
        await asyncio.sleep(ms / 1000)

    def pause_ms(ms: int) -> None:
        """Let nothing else run for `ms` milliseconds."""
        time.sleep(ms / 1000)


class OwnClock:
    """The clock of the board or computer."""

    def time_s(self) -> int:
        """Seconds since 1970, if it was ever set."""
        return int(time.time()) + _UNIX_EPOCH_OFFSET_S

    def set(self, unix_s: int) -> bool:
        """Set a board's; a computer's is left alone, which returns False."""
        try:
            from machine import RTC
        except ImportError:
            return False
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(unix_s - _UNIX_EPOCH_OFFSET_S)[:8]
        RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
        return True


class Clock:
    """Uptime since this object was made, and calendar time with its quality. Read the uptime daily: ticks wrap.

    A board's own clock is lost with its power. It is then set to the last time that was noted on flash, so that
    certificates can be checked by date; but nothing is dated by that until a time server has answered.
    """

    def __init__(self, folder: "str | None" = None, own=None) -> None:
        """`folder`: where the time is noted; None: nowhere. `own`: an OwnClock or the like."""
        self._own = own or OwnClock()
        self._last = ticks_ms()
        self._uptime_ms = 0
        self._path = folder and folder + "/time.bin"
        self._server_offset_ms: int | None = None  # of calendar time over uptime, from a time server
        self._server_at_ms = 0
        noted, trusted = self._noted()
        now = self._own.time_s()
        self._trusted = now >= _EARLIEST_PLAUSIBLE_S and now >= noted and trusted
        if now < noted and self._own.set(noted):
            self.note()

    def uptime_ms(self) -> int:
        """Milliseconds since start."""
        now = ticks_ms()
        self._uptime_ms += ticks_diff(now, self._last)
        self._last = now
        return self._uptime_ms

    def unix_time(self) -> "tuple[int | None, str]":
        """Seconds since 1970 and their quality: ``ntp`` for a week after a time server answered, then ``rtc``, which
        is also a board's or a computer's own clock; or ``(None, "none")`` while no clock was ever set.
        """
        if self._server_offset_ms is not None:
            up = self.uptime_ms()
            quality = "ntp" if up - self._server_at_ms < NTP_LASTS_MS else "rtc"
            return (up + self._server_offset_ms) // 1000, quality
        return (self._own.time_s(), "rtc") if self._trusted else (None, "none")

    def dates_hold(self) -> bool:
        """Whether the clock that TLS checks certificates by is not plainly wrong."""
        return self._own.time_s() >= _EARLIEST_PLAUSIBLE_S

    def set(self, unix_ms: int) -> None:
        """A time server said that it is now `unix_ms`, milliseconds since 1970."""
        up = self.uptime_ms()
        self._server_offset_ms = unix_ms - up
        self._server_at_ms = up
        if self._own.set(unix_ms // 1000):
            self._trusted = True
        self.note()

    def note(self) -> None:
        """Note the time on flash: for the next start, should the board's clock be lost till then."""
        time_s, _ = self.unix_time()
        if not self._path:
            return
        body = struct.pack(_NOTE, time_s or self._own.time_s(), time_s is not None)
        try:
            checked_file.save(self._path, _NOTE_MAGIC, body)
        except OSError as error:
            print("vibnode: the time could not be noted:", error)

    def _noted(self) -> "tuple[int, bool]":
        """The time that was noted last, and whether the clock it is from was to be trusted."""
        try:
            body = checked_file.load(self._path, _NOTE_MAGIC) if self._path else None
        except checked_file.Damaged:
            body = None
        if body is None:
            return 0, True
        time_s, trusted = struct.unpack(_NOTE, body)
        return time_s, bool(trusted)
