"""Keeps the tasks of a sensor alive: one that fails is reported, counted and started again."""

import sys

from .clock import sleep_ms, ticks_diff, ticks_ms

RESTART_MS = 1000
SHORT_MS = 60000  # a task that ran for longer did not fail in a row with the time before


class Supervisor:
    """`restarts`: for each task by name, how often it failed."""

    def __init__(self) -> None:
        self.restarts: dict[str, int] = {}

    def total(self) -> int:
        """How often any task failed."""
        return sum(self.restarts.values())

    async def run(self, name: str, start, most: int = 0) -> "Exception | None":
        """Run ``start()`` until it returns; report and start it again whenever it fails.

        `most`: after so many failures in a row it is given up, and the last is returned; 0: never.
        """
        self.restarts[name] = in_a_row = 0
        while True:
            began_ms = ticks_ms()
            try:
                await start()
                return None
            except Exception as error:
                self.restarts[name] += 1
                in_a_row = in_a_row + 1 if ticks_diff(ticks_ms(), began_ms) < SHORT_MS else 1
                print(f"vibnode: task {name} failed and is started again: {error!r}")
                if hasattr(sys, "print_exception"):
                    sys.print_exception(error)
                if in_a_row == most:
                    return error
                await sleep_ms(RESTART_MS)
