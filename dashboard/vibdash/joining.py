"""Joining a raise, its escalation and its clear into one occurrence, in whatever order they come.

An occurrence begins with a raise and has all events of its cause up to the next raise. A first event that is no
raise begins one too: its raise was lost, or has yet to come and then takes its place at the head. An occurrence is
over with its clear; with the next raise of its cause; or when the device, in a later status, no longer lists the
cause: it was restarted, and its clear will not come.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.messages import Alert, Sensor
from vibdash.schema import alert, device, occurrence
from vibdash.settling import BOOTS_OF_ONE_LIFE, same_life

_EVENT_COLUMN = {"raise": "raised_id", "escalate": "escalated_id", "clear": "cleared_id"}


def join(connection: sa.Connection, new: Alert, now_ms: int) -> None:
    """Put an alert that was just stored into its occurrence."""
    this = {
        **vars(new.sensor),
        "cause": new.cause,
        "this_boot": new.identity.boot,
        "this_seq": new.identity.seq,
        "first_boot": new.identity.boot - BOOTS_OF_ONE_LIFE + 1,
        "last_boot": new.identity.boot + BOOTS_OF_ONE_LIFE - 1,
    }
    raised_before = connection.execute(_RAISED_BEFORE, this).one_or_none()
    start = raised_before or (this["first_boot"], 0)
    events = connection.execute(_EVENTS_FROM, {**this, "from_boot": start[0], "from_seq": start[1]}).all()
    before, after, is_last = _split(list(events), new)
    said = connection.execute(_DEVICE, vars(new.sensor)).one_or_none()
    over = not is_last or _is_denied(new.cause, after[-1], said)
    _write(connection, this, after, now_ms if over else None)
    if before and (len(after) > 1 or before[-1].event != "clear"):
        _write(connection, this, before, now_ms)


def end_denied(connection: sa.Connection, sensor: Sensor, now_ms: int) -> None:
    """End the occurrences of which the sensor's latest status no longer knows."""
    said = connection.execute(_DEVICE, vars(sensor)).one()
    for row in connection.execute(_OPEN, vars(sensor)).all():
        if _is_denied(row.cause, row, said):
            connection.execute(_END, {"this_id": row.occurrence_id, "ended_at_ms": now_ms})


def _split(events: list[Any], new: Alert) -> tuple[list[Any], list[Any], bool]:
    """Return the events of the occurrence that a raise puts an end to (none for other events), those of the new
    event's own, and whether that is the last one."""
    at = (new.identity.boot, new.identity.seq)
    before = [event for event in events if (event.boot, event.seq) < at]
    after = [event for event in events if (event.boot, event.seq) >= at]
    next_raises = [i for i, event in enumerate(after[1:], 1) if event.event == "raise"]
    own = after[: next_raises[0]] if next_raises else after
    if new.event != "raise":
        before, own = [], before + own
    return before, own, not next_raises


def _is_denied(cause: str, event: Any, said: Any) -> bool:
    """Return whether the device, after this event, did not list the cause as active."""
    if said is None or said.active is None or cause in said.active:
        return False
    status_said_at = (said.boot, -1 if said.uptime_ms is None else said.uptime_ms)
    return status_said_at > (event.boot, event.uptime_ms) or not same_life(said.boot, event.boot)


def _write(connection: sa.Connection, this: dict[str, Any], events: list[Any], ended_at_ms: int | None) -> None:
    """Write the occurrence of these events: the one that begins with one of them, or a new one."""
    values: dict[str, Any] = dict.fromkeys(_EVENT_COLUMN.values())
    for event in events:
        values[_EVENT_COLUMN[event.event]] = event.id
    values["level"] = "alarm" if any(event.level == "alarm" for event in events) else "warning"
    values |= {"boot": events[0].boot, "seq": events[0].seq}
    span = {"to_boot": events[-1].boot, "to_seq": events[-1].seq}
    found = connection.execute(
        _BEGUN_BETWEEN, {**this, **span, "from_boot": events[0].boot, "from_seq": events[0].seq}
    ).first()
    if found is None:
        key = {name: this[name] for name in ("site", "device", "cause")}
        connection.execute(sa.insert(occurrence), {**key, **values, "ended_at_ms": ended_at_ms})
    else:
        if ended_at_ms is not None and found.ended_at_ms is not None:
            ended_at_ms = found.ended_at_ms
        connection.execute(_update(), {"this_id": found.id, **values, "ended_at_ms": ended_at_ms})


@cache
def _update() -> sa.Update:
    columns = (*_EVENT_COLUMN.values(), "level", "boot", "seq", "ended_at_ms")
    changed: dict[str, Any] = {name: sa.bindparam(name) for name in columns}
    return sa.update(occurrence).where(occurrence.c.id == sa.bindparam("this_id")).values(changed)


def _of_sensor(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == sa.bindparam("site"), table.c.device == sa.bindparam("device"))


def _of_cause(table: sa.Table) -> sa.ColumnElement[bool]:
    life = table.c.boot.between(sa.bindparam("first_boot"), sa.bindparam("last_boot"))
    return sa.and_(_of_sensor(table), table.c.cause == sa.bindparam("cause"), life)


def _at(table: sa.Table) -> sa.Tuple:
    return sa.tuple_(table.c.boot, table.c.seq)


def _named(which: str) -> sa.Tuple:
    return sa.tuple_(*(sa.bindparam(f"{which}_{name}", type_=sa.BigInteger) for name in ("boot", "seq")))


_EVENT = (alert.c.id, alert.c.event, alert.c.level, alert.c.boot, alert.c.seq, alert.c.uptime_ms)
_DEVICE = sa.select(device.c.boot, device.c.uptime_ms, device.c.active).where(_of_sensor(device))
_RAISED_BEFORE = (
    sa.select(alert.c.boot, alert.c.seq)
    .where(_of_cause(alert), alert.c.event == "raise", _at(alert) < _named("this"))
    .order_by(alert.c.boot.desc(), alert.c.seq.desc())
    .limit(1)
)
_EVENTS_FROM = (
    sa.select(*_EVENT)
    .where(_of_cause(alert), _at(alert) >= _named("from"))
    .order_by(alert.c.boot, alert.c.seq)
)
_BEGUN_BETWEEN = (
    sa.select(occurrence.c.id, occurrence.c.ended_at_ms)
    .where(_of_cause(occurrence), _at(occurrence) >= _named("from"), _at(occurrence) <= _named("to"))
    .order_by(occurrence.c.boot, occurrence.c.seq)
)
_LAST_EVENT = sa.func.coalesce(occurrence.c.escalated_id, occurrence.c.raised_id)
_OPEN = (
    sa.select(occurrence.c.id.label("occurrence_id"), occurrence.c.cause, alert.c.boot, alert.c.uptime_ms)
    .join(alert, alert.c.id == _LAST_EVENT)
    .where(_of_sensor(occurrence), occurrence.c.cleared_id.is_(None), occurrence.c.ended_at_ms.is_(None))
)
_END = (
    sa.update(occurrence)
    .where(occurrence.c.id == sa.bindparam("this_id"))
    .values(ended_at_ms=sa.bindparam("ended_at_ms"))
)
