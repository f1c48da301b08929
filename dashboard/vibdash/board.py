"""The one copy of the fleet that all open pages share, read again twice a second."""

from __future__ import annotations

import asyncio
import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from vibdash.fleet import AlertView, Fleet, FleetReader

READ_EVERY_S = 0.5
ALERTS_SHOWN = 100

log = logging.getLogger("vibdash.page")


class Board:
    """`fleet` is None until the first reading; `failure` is why the last reading failed, if it did."""

    def __init__(self, reader: FleetReader) -> None:
        self._reader = reader
        self.fleet: Fleet | None = None
        self.alerts: tuple[AlertView, ...] = ()
        self.failure: str | None = None

    async def keep_reading(self) -> None:
        """Read for ever; a database that fails is said on the page and tried again."""
        while True:
            try:
                self.fleet, self.alerts = await asyncio.to_thread(self._read)
                self.failure = None
            except SQLAlchemyError as error:
                if self.failure is None:
                    log.warning("cannot read the database: %s", error)
                self.failure = str(error).splitlines()[0]
            await asyncio.sleep(READ_EVERY_S)

    def _read(self) -> tuple[Fleet, tuple[AlertView, ...]]:
        return self._reader.fleet(time.time_ns() // 1_000_000), self._reader.alerts(limit=ALERTS_SHOWN)
