"""An alert in the database: its record, the last event of its cause, a sign of life."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.dating import date_alert, is_sensor, note_clock, read_clock
from vibdash.joining import join
from vibdash.messages import Alert, Malformed
from vibdash.quarantining import store_refused
from vibdash.schema import alert, cause, device
from vibdash.settling import BOOTS_OF_ONE_LIFE
from vibdash.upsert import insert

_NOT_THE_SAME = "boot {} and seq {} are those of another alert: boot counter lost, or two devices of one name"
_IDENTITY = ("site", "device", "boot", "seq")


def store_alert(connection: sa.Connection, new: Alert, received_at_ms: int) -> None:
    """Store an alert, once however often it comes."""
    if new.time is not None:
        note_clock(connection, new.sensor, new.identity.boot, *read_clock(new, None))
    values = _alert_values(connection, new, received_at_ms)
    if connection.scalar(_insert_alert(connection.dialect.name), values) is None:
        _note_repetition(connection, new, received_at_ms)
        return
    join(connection, new, received_at_ms)
    _note_cause(connection, new)
    _note_heard(connection, new, received_at_ms)


@cache
def _insert_alert(dialect: str) -> sa.Executable:
    """Return the statement that gives the id of the new row, or nothing where there is one already."""
    return insert(dialect, alert).on_conflict_do_nothing(index_elements=_IDENTITY).returning(alert.c.id)


def _alert_values(connection: sa.Connection, new: Alert, received_at_ms: int) -> dict[str, Any]:
    occurred_at_ms, occurred_from = date_alert(connection, new, received_at_ms)
    columns = ("replay", "uptime_ms", "time_quality", "event", "level", "cause", "score", "threshold")
    return {
        **vars(new.sensor),
        **vars(new.identity),
        **{column: getattr(new, column) for column in columns},
        "received_at_ms": received_at_ms,
        "occurred_at_ms": occurred_at_ms,
        "occurred_from": occurred_from,
        "time_s": new.time,
        "class_name": new.class_name,
        "model": new.model,
        "features": [list(feature) for feature in new.features],
        "spectrum": {**vars(new.spectrum), "levels": list(new.spectrum.levels)} if new.spectrum else None,
    }


def _note_repetition(connection: sa.Connection, new: Alert, received_at_ms: int) -> None:
    """Take no notice of an alert that is stored; one that is not the same is kept in quarantine."""
    boot, seq = new.identity.boot, new.identity.seq
    mine = sa.and_(is_sensor(alert, new.sensor), alert.c.boot == boot, alert.c.seq == seq)
    stored = connection.execute(sa.select(alert).where(mine)).one()
    if all(getattr(new, name) == getattr(stored, name) for name in ("uptime_ms", "event", "cause", "level")):
        return
    error = Malformed(_NOT_THE_SAME.format(boot, seq), new.identity)
    store_refused(connection, new.sensor.topic("alert"), repr(new).encode(), error, received_at_ms)


def _note_cause(connection: sa.Connection, new: Alert) -> None:
    row = {**vars(new.sensor), "cause": new.cause, "boot": new.identity.boot, "seq": new.identity.seq}
    connection.execute(_insert_or_advance_cause(connection.dialect.name), row)


@cache
def _insert_or_advance_cause(dialect: str) -> sa.Insert:
    statement = insert(dialect, cause)
    said = statement.excluded
    later = sa.or_(
        sa.func.abs(said.boot - cause.c.boot) >= BOOTS_OF_ONE_LIFE,  # another life of the device
        said.boot > cause.c.boot,
        sa.and_(said.boot == cause.c.boot, said.seq > cause.c.seq),
    )
    at = {"boot": said.boot, "seq": said.seq}
    return statement.on_conflict_do_update(index_elements=["site", "device", "cause"], set_=at, where=later)


def _note_heard(connection: sa.Connection, new: Alert, received_at_ms: int) -> None:
    """A fresh alert is a sign of life; a sensor whose status never came is listed all the same."""
    heard_at_ms = None if new.replay else _heard_at_ms(new, received_at_ms)
    row = {
        **vars(new.sensor),
        "state": "unknown",
        "state_since_ms": received_at_ms,
        "why": "alert",
        "boot": new.identity.boot,
        "heard_at_ms": heard_at_ms,
    }
    connection.execute(_insert_or_hear_device(connection.dialect.name), row)


@cache
def _insert_or_hear_device(dialect: str) -> sa.Insert:
    statement = insert(dialect, device)
    said = statement.excluded.heard_at_ms
    later = said > sa.func.coalesce(device.c.heard_at_ms, 0)
    key = ["site", "device"]
    return statement.on_conflict_do_update(index_elements=key, set_={"heard_at_ms": said}, where=later)


def _heard_at_ms(new: Alert, received_at_ms: int) -> int:
    if new.time is not None and new.time_quality == "ntp":
        return min(received_at_ms, new.time * 1000 + 999)
    return received_at_ms
