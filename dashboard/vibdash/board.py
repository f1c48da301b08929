"""The one copy of the fleet that all open pages share, read again twice a second."""

from __future__ import annotations

import asyncio
import logging
import time

from vibdash.fleet import Fleet, FleetReader, without_contact
from vibdash.occurrences import Occurrence, OccurrenceReader

READ_EVERY_S = 0.5

log = logging.getLogger("vibdash.page")


class Board:
    """`fleet` is None until the first reading; `failure` is why the last reading failed, None if it did not.

    `readings` counts them, so that a page knows when there is something new to draw.
    """

    def __init__(self, fleet: FleetReader, occurrences: OccurrenceReader) -> None:
        self._fleet = fleet
        self._occurrences = occurrences
        self.fleet: Fleet | None = None
        self.occurrences: tuple[Occurrence, ...] = ()
        self.failure: str | None = None
        self.readings = 0

    async def keep_reading(self) -> None:
        """Read for ever. While that fails, every sensor counts as unreached: an old reading is no state."""
        while True:
            try:
                self.fleet, self.occurrences = await asyncio.to_thread(self._read)
                self.failure = None
            except Exception as error:  # whatever it is, the page must not go on showing what it last read
                if self.failure is None:
                    log.exception("the database cannot be read")
                self.failure = f"the database cannot be read: {str(error).splitlines()[0]}"
                self.fleet = self.fleet and without_contact(self.fleet, self.failure)
            self.readings += 1
            await asyncio.sleep(READ_EVERY_S)

    def _read(self) -> tuple[Fleet, tuple[Occurrence, ...]]:
        now_ms = time.time_ns() // 1_000_000
        return self._fleet.fleet(now_ms), self._occurrences.all(now_ms)
