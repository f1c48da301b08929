"""Taking a device off: it is shown nowhere any more, and what it had raised is over."""

from __future__ import annotations

import sqlalchemy as sa

from vibdash.database.changes import next_change
from vibdash.database.opening import writing
from vibdash.database.schema import IS_OPEN, cause, device, journal, occurrence
from vibdash.protocol.messages import Sensor


def remove_device(engine: sa.Engine, sensor: Sensor, author: str, now_ms: int) -> bool:
    """Take a device off; return whether it was there. What it said stays in the database. Raises DatabaseError.

    Should it be heard again, it is there again; a message that the broker kept of it does not bring it back.
    """
    with writing(engine) as connection:
        values = {"removed_at_ms": now_ms, "other_boot": None, "twin_at_ms": None}
        values["changed_n"] = next_change(connection)
        there = _of(device, sensor) & device.c.removed_at_ms.is_(None)
        found = connection.execute(device.update().where(there).values(values)).rowcount
        if not found:
            return False
        connection.execute(cause.delete().where(_of(cause, sensor)))
        query = sa.select(occurrence.c.id).where(IS_OPEN, _of(occurrence, sensor))
        ids = list(connection.scalars(query))
        lasting = occurrence.c.cleared_id.is_(None) & occurrence.c.ended_at_ms.is_(None)
        mine = _of(occurrence, sensor)
        connection.execute(occurrence.update().where(mine & lasting).values(ended_at_ms=now_ms))
        acked = {"acked_at_ms": now_ms, "acked_by": author, "acked_level": occurrence.c.level}
        connection.execute(occurrence.update().where(IS_OPEN, mine).values(acked))
        entry = {"at_ms": now_ms, "author": author, "action": "remove"}
        note = f"{sensor.site}/{sensor.device}"
        rows = [{**entry, "occurrence_id": id, "note": ""} for id in ids]
        connection.execute(journal.insert(), [*rows, {**entry, "occurrence_id": None, "note": note}])
    return True


def removed_devices(engine: sa.Engine, site: str | None) -> dict[Sensor, int]:
    """Return the devices that were taken off, and when. Raises SQLAlchemyError."""
    query = sa.select(device.c.site, device.c.device, device.c.removed_at_ms)
    query = query.where(device.c.removed_at_ms.is_not(None))
    if site is not None:
        query = query.where(device.c.site == site)
    with engine.begin() as connection:
        return {Sensor(row.site, row.device): row.removed_at_ms for row in connection.execute(query)}


def _of(table: sa.Table, sensor: Sensor) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == sensor.site, table.c.device == sensor.device)
