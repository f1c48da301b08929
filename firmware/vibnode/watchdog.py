"""Restarts a device whose sampling hangs: the chip's watchdog, or a thread of the virtual sensor's."""

import os
import time

from . import reset_cause
from .clock import ticks_diff, ticks_ms

POLL_MS = 200


class Watchdog:
    """Bites when `fed` was not called for `seconds`. 0: never.

    A chip is reset. A process ends by the signal ALRM, exit status 142 in a shell, after it has left its mark.
    """

    def __init__(self, seconds: int, folder: str) -> None:
        """`folder`: where a process leaves the mark by which its next start knows the cause."""
        self._fed_ms = ticks_ms()
        self._chip = None
        self._limit_ms = seconds * 1000
        self._folder = folder
        if not seconds:
            return
        try:
            import machine

            self._chip = machine.WDT(timeout=self._limit_ms)
        except (ImportError, AttributeError):
            import _thread

            _thread.start_new_thread(self._watch, ())

    def fed(self) -> None:
        """Sampling is alive."""
        self._fed_ms = ticks_ms()
        if self._chip:
            self._chip.feed()

    def stop(self) -> None:
        """The run ends. A chip's watchdog cannot be stopped; it bites if nothing starts again in time."""
        self._limit_ms = 0

    def _watch(self) -> None:
        while self._limit_ms:
            if ticks_diff(ticks_ms(), self._fed_ms) >= self._limit_ms:
                print("vibnode: sampling hangs; the watchdog bites")
                reset_cause.leave(self._folder, "watchdog")
                os.system("kill -ALRM $PPID")
            time.sleep(POLL_MS / 1000)
