"""A status in the database: the sensor's latest word, its history, its byte counts, its clock."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vibdash.dating import boot_row, is_sensor, note_clock, read_clock
from vibdash.joining import end_denied
from vibdash.messages import Measured, Sensor, Status
from vibdash.schema import boot, device, status_history
from vibdash.settling import same_life

_NOT_IN_DEVICE_ROW = ("time", "time_quality", "bytes_sampled", "bytes_sent")


def store_status(connection: sa.Connection, status: Status, received_at_ms: int, *, repeated: bool) -> None:
    """Store a status, unless a later one is known already. `repeated`: it may be an old one."""
    known = connection.execute(sa.select(device).where(is_sensor(device, status.sensor))).one_or_none()
    if known is not None and _is_old(status, known, repeated):
        return
    values = _device_values(status, known, received_at_ms, repeated)
    if known is None:
        connection.execute(device.insert().values(**vars(status.sensor), **values))
    else:
        connection.execute(device.update().where(is_sensor(device, status.sensor)).values(values))
    if status.measured is not None:
        _note_boot(connection, status.sensor, status.boot, status.measured)
        offset_ms, source = read_clock(status.measured, None if repeated else received_at_ms)
        note_clock(connection, status.sensor, status.boot, offset_ms, source)
        end_denied(connection, status.sensor, received_at_ms)
    if known is None or _says_more(values, known):
        said_at_ms = values.get("heard_at_ms", received_at_ms)
        row = {**_history_values(status, received_at_ms), "said_at_ms": said_at_ms}
        connection.execute(status_history.insert(), row)


def _is_old(status: Status, known: Any, repeated: bool) -> bool:
    if not same_life(status.boot, known.boot):
        return False
    if status.state == "offline" and status.boot < known.boot:
        return True  # the last will of a run that a later one has replaced
    if not repeated:
        return False
    if status.measured is None:
        return status.boot == known.boot and bool(known.state == "offline")
    return (status.boot, status.measured.uptime_ms) <= (known.boot, known.uptime_ms or 0)


def _says_more(values: dict[str, Any], known: Any) -> bool:
    """Return whether this is not the very status that is known: with several ingests, each brings it."""
    return any(getattr(known, name) != value for name, value in values.items() if name != "heard_at_ms")


def _device_values(status: Status, known: Any, received_at_ms: int, repeated: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"state": status.state, "why": status.why, "boot": status.boot}
    if known is None or known.state != status.state:
        values["state_since_ms"] = received_at_ms
    heard_at_ms = _heard_at_ms(status, received_at_ms, repeated)
    if heard_at_ms is not None:
        values["heard_at_ms"] = heard_at_ms
    if status.measured is not None:
        values |= {k: v for k, v in vars(status.measured).items() if k not in _NOT_IN_DEVICE_ROW}
        values["active"] = list(status.measured.active)
    return values


def _heard_at_ms(status: Status, received_at_ms: int, repeated: bool) -> int | None:
    """Return when the device said this, None where unknown.

    A will is the broker speaking. A retained or queued message may be hours old, so a device clock set by NTP
    is believed when it says earlier than now.
    """
    if status.why == "will":
        return None
    measured = status.measured
    if measured is not None and measured.time is not None and (repeated or measured.time_quality == "ntp"):
        return min(received_at_ms, measured.time * 1000 + 999)
    return None if repeated else received_at_ms


def _history_values(status: Status, received_at_ms: int) -> dict[str, Any]:
    values = {"state": status.state, "why": status.why, "boot": status.boot, "received_at_ms": received_at_ms}
    if status.measured is not None:
        columns = status_history.c.keys()
        values |= {k: v for k, v in vars(status.measured).items() if k in columns}
    return {**vars(status.sensor), **values}


def _note_boot(connection: sa.Connection, sensor: Sensor, number: int, measured: Measured) -> None:
    """Keep the highest byte counts of each boot, so that a repeated status counts nothing twice."""
    row = boot_row(connection, sensor, number)
    connection.execute(
        boot.update()
        .where(is_sensor(boot, sensor), boot.c.boot == number)
        .values(
            bytes_sampled=max(row.bytes_sampled, measured.bytes_sampled),
            bytes_sent=max(row.bytes_sent, measured.bytes_sent),
        )
    )
