"""Starts that failed one after the other, noted on flash: what fails at once may never reach the broker to say so.

A start has failed when a crash or the watchdog begins the next one. After SAFE_AFTER in a row the device is held back:
it measures nothing for a while, and tells the broker. Then it tries again; the wait doubles with each failure.
"""

from . import flash
from .clock import sleep_ms

SAFE_AFTER = 3
FIRST_WAIT_MS, LONGEST_WAIT_MS = 600000, 21600000
STEADY_MS = 600000  # a run that lasted so long did not fail at its start
MAX_REASON = 120  # bytes
_FAILURES = ("crash", "watchdog")
_FILE = "/failed"


class FailedStarts:
    """`count`: how many failed in a row; `reason`: what is known of the last."""

    def __init__(self, folder: str) -> None:
        """`folder`: where they are noted."""
        self._folder = folder
        self.count = 0
        self.reason = "unknown"
        try:
            with open(folder + _FILE, "rb") as file:
                count, _, reason = file.read(8 + MAX_REASON).decode().partition(" ")
            self.count, self.reason = int(count), reason
        except (OSError, ValueError):  # none, or cut short
            pass

    def begun(self, cause: str) -> int:
        """Count the start before if `cause` says that it failed; for how many ms this one is to be held back."""
        if cause not in _FAILURES:
            return 0
        self.count += 1
        if cause == "watchdog":
            self.reason = "the watchdog bit"
        self._store()
        if self.count < SAFE_AFTER:
            return 0
        return min(FIRST_WAIT_MS << min(self.count - SAFE_AFTER, 8), LONGEST_WAIT_MS)

    def note(self, error: Exception) -> None:
        """This run ends with `error`; the next start counts it."""
        self.reason = repr(error)
        self._store()

    def __str__(self) -> str:
        return f"{self.count} starts in a row failed, the last of them: {self.reason}"

    async def outlive(self) -> None:
        """Forget them once this run has lasted."""
        await sleep_ms(STEADY_MS)
        flash.remove(self._folder + _FILE)

    def _store(self) -> None:
        try:
            flash.make_folder(self._folder)
            flash.replace(
                self._folder + _FILE, (f"{self.count} ".encode(), self.reason.encode()[:MAX_REASON])
            )
        except OSError as error:
            print("vibnode: that a start failed could not be noted:", error)
