"""Keeps the tasks of a sensor alive: one that fails is reported, counted and started again."""

import sys

from .clock import sleep_ms

RESTART_MS = 1000


class Supervisor:
    """`restarts`: for each task by name, how often it failed."""

    def __init__(self) -> None:
        self.restarts: dict[str, int] = {}

    def total(self) -> int:
        """How often any task failed."""
        return sum(self.restarts.values())

    async def run(self, name: str, start) -> None:
        """Run ``start()`` until it returns; report and start it again whenever it fails."""
        self.restarts[name] = 0
        while True:
            try:
                await start()
                return
            except Exception as error:
                self.restarts[name] += 1
                print(f"vibnode: task {name} failed and is started again: {error!r}")
                if hasattr(sys, "print_exception"):
                    sys.print_exception(error)
                await sleep_ms(RESTART_MS)
