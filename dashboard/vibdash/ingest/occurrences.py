"""Joining a raise, its escalation and its clear into one occurrence, in whatever order they come.

An occurrence begins with a raise and has all events of its cause up to the next raise. A first event that is no
raise begins one too: its raise was lost, or has yet to come and then takes its place at the head. An occurrence is
over with its clear; with the next raise of its cause; or when the device, in a later status, no longer lists the
cause: it was restarted, and its clear will not come.

What the occurrences of a cause are follows from its stored alerts alone. So for every cause of which a batch brought
alerts, those from the last raise before them on are read again, and the rows are brought to what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, insert_rows, key_rows, update_rows
from vibdash.database.schema import alert, device, occurrence
from vibdash.protocol.fields import BOOTS_OF_ONE_LIFE, same_life
from vibdash.protocol.messages import Alert, Sensor
from vibdash.protocol.own_alerts import OWN_CAUSES

_EVENT_COLUMN = {"raise": "raised_id", "escalate": "escalated_id", "clear": "cleared_id"}
_COMPARED = (*_EVENT_COLUMN.values(), "level", "boot", "seq", "ended_at_ms")
_MADE = ("site", "device", "cause", *_COMPARED)


class _Course(NamedTuple):
    """A cause of a sensor in one life of it, from an alert on."""

    site: str
    device: str
    cause: str
    first_boot: int
    last_boot: int
    from_boot: int
    from_seq: int


def join(connection: sa.Connection, new: Sequence[Alert], now_ms: int) -> None:
    """Put alerts that were just stored into their occurrences. A sensor's are of one life of it."""
    courses = _from_the_raise_before(connection, list(_courses(new)))
    keys = {"keys": as_keys(courses)}
    dialect = connection.dialect.name
    events = _by_course(connection.execute(_events(dialect), keys))
    begun = _by_course(connection.execute(_begun(dialect), keys))
    sensors = as_keys(sorted({(one.site, one.device) for one in courses}))
    said = {(row.site, row.device): row for row in connection.execute(_said(dialect), {"keys": sensors})}
    changed, made = [], []
    for course in courses:
        sensor = (course.site, course.device)
        known = begun.get(course[:3], [])
        for values, row in _occurrences(events.get(course[:3], []), known, said.get(sensor), now_ms):
            if row is None:
                made.append({"site": course.site, "device": course.device, "cause": course.cause, **values})
            elif any(getattr(row, name) != values[name] for name in _COMPARED):
                changed.append({"this_id": row.id, **values})
    if changed:
        rows = as_keys([one[name] for name in ("this_id", *_COMPARED)] for one in changed)
        connection.execute(_change(dialect), {"keys": rows})
    if made:
        made.sort(key=_last_id)
        rows = as_keys([one[name] for name in _MADE] for one in made)
        connection.execute(_make(dialect), {"keys": rows})


def end_denied(connection: sa.Connection, sensors: Iterable[Sensor], now_ms: int) -> None:
    """End the occurrences of which the latest statuses of these sensors no longer know."""
    keys = {"keys": as_keys(sorted((one.site, one.device) for one in sensors))}
    dialect = connection.dialect.name
    said = {(row.site, row.device): row for row in connection.execute(_said(dialect), keys)}
    still_open = connection.execute(_open(dialect), keys).all()
    denied = [row for row in still_open if _is_denied(row.cause, row, said[(row.site, row.device)])]
    if denied:
        connection.execute(_END, [{"this_id": row.occurrence_id, "ended_at_ms": now_ms} for row in denied])


def _courses(new: Iterable[Alert]) -> Iterator[_Course]:
    """Return what each cause's earliest new alert is, with the boots that can be of the same life."""
    by_cause: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for one in new:
        key = (one.sensor.site, one.sensor.device, one.cause)
        by_cause.setdefault(key, []).append((one.identity.boot, one.identity.seq))
    for key, at in by_cause.items():
        first_boot = max(at)[0] - BOOTS_OF_ONE_LIFE + 1
        yield _Course(*key, first_boot, min(at)[0] + BOOTS_OF_ONE_LIFE - 1, *min(at))


def _from_the_raise_before(connection: sa.Connection, courses: list[_Course]) -> list[_Course]:
    found = connection.execute(_raises_before(connection.dialect.name), {"keys": as_keys(courses)})
    starts = {(row.site, row.device, row.cause): (row.boot, row.seq) for row in found}
    return [one._replace(**_start(starts.get(one[:3], (one.first_boot, 0)))) for one in courses]


def _start(at: tuple[int, int]) -> dict[str, Any]:
    return {"from_boot": at[0], "from_seq": at[1]}


def _by_course(rows: Iterable[Any]) -> dict[tuple[str, str, str], list[Any]]:
    found: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row.site, row.device, row.cause), []).append(row)
    return found


def _occurrences(
    events: list[Any], known: list[Any], said: Any, now_ms: int
) -> Iterator[tuple[dict[str, Any], Any | None]]:
    """Return the occurrences that the events make, each with its row, None where it has none yet."""
    parts = _parts(events)
    for part in parts:
        first, last = part[0], part[-1]
        values: dict[str, Any] = dict.fromkeys(_EVENT_COLUMN.values())
        for event in part:
            values[_EVENT_COLUMN[event.event]] = event.id
        values["level"] = "alarm" if any(event.level == "alarm" for event in part) else "warning"
        values |= {"boot": first.boot, "seq": first.seq}
        begun = [row for row in known if _at(first) <= _at(row) <= _at(last)]
        row = begun[0] if begun else None
        over = part is not parts[-1] or _is_denied(last.cause, last, said)
        ended_before_ms = row.ended_at_ms if row else None
        values["ended_at_ms"] = (ended_before_ms or now_ms) if over and last.event != "clear" else None
        yield values, row


def _parts(events: list[Any]) -> list[list[Any]]:
    """Return the events, cut before every raise."""
    parts: list[list[Any]] = []
    for event in events:
        if event.event == "raise" or not parts:
            parts.append([])
        parts[-1].append(event)
    return parts


def _at(row: Any) -> tuple[int, int]:
    return row.boot, row.seq


def _last_id(values: dict[str, Any]) -> int:
    return max(values[name] or 0 for name in _EVENT_COLUMN.values())


def _is_denied(cause: str, event: Any, said: Any) -> bool:
    """Return whether the device, after this event, did not list the cause as active."""
    if said is None or said.active is None or cause in said.active or cause in OWN_CAUSES:
        return False
    status_said_at = (said.boot, -1 if said.uptime_ms is None else said.uptime_ms)
    return status_said_at > (event.boot, event.uptime_ms) or not same_life(said.boot, event.boot)


def _course_keys(dialect: str) -> sa.CTE:
    names = dict.fromkeys(("site", "device", "cause"), sa.Text)
    return key_rows(dialect, **names, **dict.fromkeys(_Course._fields[3:], sa.BigInteger))


def _of_course(table: Any, keys: sa.CTE) -> sa.ColumnElement[bool]:
    same = (table.c[name] == keys.c[name] for name in ("site", "device", "cause"))
    return sa.and_(*same, table.c.boot.between(keys.c.first_boot, keys.c.last_boot))


def _position(table: Any) -> sa.Tuple:
    return sa.tuple_(table.c.boot, table.c.seq)


def _start_of(keys: sa.CTE) -> sa.Tuple:
    return sa.tuple_(keys.c.from_boot, keys.c.from_seq)


@cache
def _raises_before(dialect: str) -> sa.Select[Any]:
    keys = _course_keys(dialect)
    earlier = alert.alias("earlier")
    last = (
        sa.select(earlier.c.id)
        .where(_of_course(earlier, keys), earlier.c.event == "raise", _position(earlier) < _start_of(keys))
        .order_by(earlier.c.boot.desc(), earlier.c.seq.desc())
        .limit(1)
        .correlate(keys)
        .scalar_subquery()
    )
    columns = (alert.c.site, alert.c.device, alert.c.cause, alert.c.boot, alert.c.seq)
    return sa.select(*columns).join_from(keys, alert, alert.c.id == last)


@cache
def _events(dialect: str) -> sa.Select[Any]:
    keys = _course_keys(dialect)
    names = ("id", "site", "device", "cause", "event", "level", "boot", "seq", "uptime_ms")
    from_there = sa.and_(_of_course(alert, keys), _position(alert) >= _start_of(keys))
    columns = [alert.c[name] for name in names]
    return sa.select(*columns).join_from(keys, alert, from_there).order_by(alert.c.boot, alert.c.seq)


@cache
def _begun(dialect: str) -> sa.Select[Any]:
    keys = _course_keys(dialect)
    from_there = sa.and_(_of_course(occurrence, keys), _position(occurrence) >= _start_of(keys))
    columns = [occurrence.c[name] for name in ("id", "site", "device", "cause", *_COMPARED)]
    return (
        sa.select(*columns)
        .join_from(keys, occurrence, from_there)
        .order_by(occurrence.c.boot, occurrence.c.seq)
    )


_SAID = (device.c.site, device.c.device, device.c.boot, device.c.uptime_ms, device.c.active)


@cache
def _said(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    mine = sa.and_(device.c.site == keys.c.site, device.c.device == keys.c.device)
    return sa.select(*_SAID).join_from(keys, device, mine)


@cache
def _open(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    mine = sa.and_(occurrence.c.site == keys.c.site, occurrence.c.device == keys.c.device)
    last = sa.func.coalesce(occurrence.c.escalated_id, occurrence.c.raised_id)
    event = (alert.c.site, alert.c.device, alert.c.cause, alert.c.boot, alert.c.uptime_ms)
    return (
        sa.select(occurrence.c.id.label("occurrence_id"), *event)
        .join_from(keys, occurrence, mine)
        .join(alert, alert.c.id == last)
        .where(occurrence.c.cleared_id.is_(None), occurrence.c.ended_at_ms.is_(None))
    )


@cache
def _change(dialect: str) -> sa.Update:
    return update_rows(dialect, occurrence, _COMPARED)


@cache
def _make(dialect: str) -> sa.Insert:
    return insert_rows(dialect, occurrence, _MADE)


_END = (
    sa.update(occurrence)
    .where(occurrence.c.id == sa.bindparam("this_id"))
    .values(ended_at_ms=sa.bindparam("ended_at_ms"))
)
