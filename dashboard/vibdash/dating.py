"""When an alert was raised, although a device may start without a clock.

`uptime_ms` is always right within one boot. As soon as one message of that boot has a time, or a status of it
has just arrived, the clock of the boot is known, and every alert of it can be dated, earlier ones too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vibdash.messages import Alert, Measured, Sensor
from vibdash.schema import alert, boot

_CLOCK_RANK = {None: 0, "received": 1, "rtc": 2, "ntp": 3}

_BOOT = sa.select(boot).where(*(boot.c[name] == sa.bindparam(name) for name in ("site", "device", "boot")))


def is_sensor(table: sa.Table, sensor: Sensor) -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to this sensor."""
    return sa.and_(table.c.site == sensor.site, table.c.device == sensor.device)


def boot_row(connection: sa.Connection, sensor: Sensor, number: int) -> Any:
    """Return the row of a run of a device, made if there is none."""
    key = {**vars(sensor), "boot": number}
    row = connection.execute(_BOOT, key).one_or_none()
    if row is None:
        connection.execute(boot.insert(), {**key, "bytes_sampled": 0, "bytes_sent": 0})
        row = connection.execute(_BOOT, key).one()
    return row


def read_clock(said: Measured | Alert, received_at_ms: int | None) -> tuple[int | None, str | None]:
    """Return what to add to uptime_ms to get the time, and where that is from."""
    if said.time is not None:
        return said.time * 1000 - said.uptime_ms, said.time_quality
    if received_at_ms is not None:
        return received_at_ms - said.uptime_ms, "received"
    return None, None


def note_clock(
    connection: sa.Connection, sensor: Sensor, number: int, offset_ms: int | None, source: str | None
) -> None:
    """Learn the clock of a boot if this source is better, and date the alerts raised before."""
    row = boot_row(connection, sensor, number)
    if _CLOCK_RANK[source] <= _CLOCK_RANK[row.clock_from]:
        return
    connection.execute(
        boot.update()
        .where(is_sensor(boot, sensor), boot.c.boot == number)
        .values(clock_offset_ms=offset_ms, clock_from=source)
    )
    connection.execute(
        alert.update()
        .where(is_sensor(alert, sensor), alert.c.boot == number, alert.c.time_s.is_(None))
        .values(occurred_at_ms=alert.c.uptime_ms + offset_ms, occurred_from="uptime")
    )


def date_alert(connection: sa.Connection, new: Alert, received_at_ms: int) -> tuple[int, str]:
    """Return when an alert was raised, and what that is taken from (schema: alert.occurred_from)."""
    if new.time is not None:
        return new.time * 1000, new.time_quality
    run = boot_row(connection, new.sensor, new.identity.boot)
    if run.clock_offset_ms is not None:
        return new.uptime_ms + run.clock_offset_ms, "uptime"
    return received_at_ms, "received"
