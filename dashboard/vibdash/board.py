"""The one copy of the fleet that all open pages share, read again twice a second."""

from __future__ import annotations

import asyncio
import logging
import time

from vibdash.fleet import AlertView, Fleet, FleetReader, without_contact

READ_EVERY_S = 0.5
ALERTS_SHOWN = 100

log = logging.getLogger("vibdash.page")


class Board:
    """`fleet` is None until the first reading; `failure` is why the last reading failed, None if it did not."""

    def __init__(self, reader: FleetReader) -> None:
        self._reader = reader
        self.fleet: Fleet | None = None
        self.alerts: tuple[AlertView, ...] = ()
        self.failure: str | None = None

    async def keep_reading(self) -> None:
        """Read for ever. While that fails, every sensor counts as unreached: an old reading is no state."""
        while True:
            try:
                self.fleet, self.alerts = await asyncio.to_thread(self._read)
                self.failure = None
            except Exception as error:  # whatever it is, the page must not go on showing what it last read
                if self.failure is None:
                    log.exception("the database cannot be read")
                self.failure = f"the database cannot be read: {str(error).splitlines()[0]}"
                self.fleet = self.fleet and without_contact(self.fleet, self.failure)
            await asyncio.sleep(READ_EVERY_S)

    def _read(self) -> tuple[Fleet, tuple[AlertView, ...]]:
        return self._reader.fleet(time.time_ns() // 1_000_000), self._reader.alerts(limit=ALERTS_SHOWN)
