"""The one copy of the fleet that all open pages share, read again as soon as there is something new."""

from __future__ import annotations

import asyncio
import time

from vibdash.database.opening import reason_of
from vibdash.page.fleet_order import Listings
from vibdash.read.fleet import Fleet, FleetReader, Newest, without_contact
from vibdash.read.occurrences import Flood, Occurrence, OccurrenceReader
from vibdash.supervision import new_record

LOOK_EVERY_S = 0.1  # whether there is something new: a matter of a millisecond
READ_EVERY_S = 1.0  # at least: a sensor falls silent without anything new
REST = 0.5  # after a reading, times as long as it took, so that a storm leaves the ingest its share


class Board:
    """`fleet` is None until the first reading; `failure` is why the last reading failed, None if it did not.

    `readings` counts them, so that a page knows when there is something new to draw.
    """

    def __init__(self, fleet: FleetReader, occurrences: OccurrenceReader) -> None:
        self._fleet = fleet
        self._occurrences = occurrences
        self.fleet: Fleet | None = None
        self.occurrences: tuple[Occurrence, ...] = ()
        self.flood: Flood | None = None
        self.listings = Listings()
        self.record = new_record("page")
        self.failure: str | None = None
        self.readings = 0
        self._newest: Newest = ()

    async def keep_reading(self) -> None:
        """Read for ever. While that fails, every sensor counts as unreached: an old reading is no state."""
        while True:
            began_s = time.monotonic()
            try:
                await asyncio.to_thread(self.read, time.time_ns() // 1_000_000)
                self.record.note_working()
            except Exception as error:  # whatever it is, the page must not go on showing what it last read
                self.record.note_failure(error)
                self.failure = f"the database cannot be read: {reason_of(error)}"
                self.fleet = self.fleet and without_contact(self.fleet, self.failure)
            self.readings += 1
            await asyncio.sleep(REST * (time.monotonic() - began_s))
            while not await self._must_read(began_s):
                await asyncio.sleep(LOOK_EVERY_S)

    async def _must_read(self, began_s: float) -> bool:
        if time.monotonic() - began_s >= READ_EVERY_S:
            return True
        try:
            return await asyncio.to_thread(self._fleet.newest) != self._newest
        except Exception:  # the next reading will say what it is
            return False

    def read(self, now_ms: int) -> None:
        """Read everything once. Raises what the database does; then nothing is changed."""
        newest = self._fleet.newest()
        occurrences, flood = self._occurrences.all(now_ms), self._occurrences.flood(now_ms)
        fleet = self._fleet.fleet(now_ms)
        self._newest, self.fleet, self.occurrences, self.flood = newest, fleet, occurrences, flood
        self.failure = None
