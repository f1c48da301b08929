"""How the work of this process goes, said in the database, where the page of whichever process reads it."""

from __future__ import annotations

import time

import sqlalchemy as sa

from vibdash.database.opening import DatabaseError, writing
from vibdash.database.schema import work
from vibdash.database.upsert import insert_or_update
from vibdash.supervision import RECORDS, Work

SAY_EVERY_S = 5.0
FORGOTTEN_AFTER_MS = 24 * 3_600_000


class WorkStates:
    """Says it in a thread of its own. `process`: a name that no other process at this database has."""

    def __init__(self, engine: sa.Engine, process: str) -> None:
        self._engine = engine
        self._process = process
        self._work = Work("work states", self._say)

    def start(self) -> None:
        """Begin."""
        self._work.start()

    def stop(self) -> None:
        """End; a process that ended in good order is not listed."""
        self._work.stop()
        try:
            with writing(self._engine) as connection:
                connection.execute(work.delete().where(work.c.process == self._process))
        except DatabaseError:
            pass  # it is listed as not heard of, for a day

    def _say(self) -> float:
        now_ms = time.time_ns() // 1_000_000
        with writing(self._engine) as connection:
            recent = work.c.said_at_ms.between(now_ms - FORGOTTEN_AFTER_MS, now_ms + FORGOTTEN_AFTER_MS)
            connection.execute(work.delete().where(sa.not_(recent)))
            for record in list(RECORDS):
                values = {
                    "failing": record.failing,
                    "failures": record.failures,
                    "last_failure": record.last_failure,
                    "said_at_ms": now_ms,
                }
                key = {"process": self._process, "name": record.name}
                insert_or_update(connection, work, key, values)
        return SAY_EVERY_S
