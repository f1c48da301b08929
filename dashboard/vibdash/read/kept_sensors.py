"""Every sensor as it stands, kept between readings: what was not changed since is not read again.

A writer numbers what it changes (`database.changes`), so one look at an index says whether there is anything to read;
and each view is known to hold until a moment, so no sensor is judged again before that.
"""

from __future__ import annotations

from bisect import insort
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.changes import last_change
from vibdash.database.schema import alert, boot, cause, device
from vibdash.read.host import Host
from vibdash.read.sensors import AS_STORED, NameKey, SensorView, Told, by_name, judge, stands_until_ms
from vibdash.read.trends import Trend, Trends

_Key = tuple[str, str]  # site and device


class KeptSensors:
    """The sensors of a site, or of all; not for several threads at once."""

    def __init__(self, silent_after_ms: int, site: str | None) -> None:
        self._silent_after_ms = silent_after_ms
        self._changed = _CHANGED if site is None else _CHANGED.where(device.c.site == site)
        self._trends = Trends()
        self._read_up_to = -1
        self._host: Host | None = None
        self._judged_at_ms = 0
        self._told: dict[_Key, Told] = {}
        self._views: dict[_Key, SensorView] = {}
        self._holds_until_ms: dict[_Key, int] = {}
        self._in_order: list[tuple[NameKey, _Key]] = []
        self._all: tuple[SensorView, ...] = ()

    def read(self, connection: sa.Connection, host: Host, now_ms: int) -> tuple[SensorView, ...]:
        """Return the sensors as they stand now, by site and name."""
        changed = self._read_changed(connection)
        if host != self._host or now_ms < self._judged_at_ms:
            changed = set(self._told)
        changed.update(key for key, until_ms in self._holds_until_ms.items() if until_ms < now_ms)
        self._host, self._judged_at_ms = host, now_ms
        for key in changed & self._told.keys():
            self._judge(key, host, now_ms)
        if changed:
            self._all = tuple(self._views[key] for _, key in self._in_order)
        return self._all

    def _judge(self, key: _Key, host: Host, now_ms: int) -> None:
        view = judge(self._told[key], host, now_ms, self._silent_after_ms)
        if key not in self._views:
            insort(self._in_order, (by_name(view), key))
        self._views[key] = view
        until_ms = stands_until_ms(view, now_ms)
        if until_ms is None:
            self._holds_until_ms.pop(key, None)
        else:
            self._holds_until_ms[key] = until_ms

    def _read_changed(self, connection: sa.Connection) -> set[_Key]:
        """Read what was changed since the last reading; return which sensors that is."""
        newest = last_change(connection)
        if newest == self._read_up_to:
            return set()
        rows = connection.execute(self._changed, {"after": self._read_up_to}).all()
        there = {(row.site, row.device): row for row in rows if row.removed_at_ms is None}
        gone = {(row.site, row.device) for row in rows} - there.keys()
        self._told |= self._read_told(connection, there)
        for key in gone & self._told.keys():
            self._forget(key)
        self._read_up_to = newest
        return there.keys() | gone

    def _read_told(self, connection: sa.Connection, there: dict[_Key, Any]) -> dict[_Key, Told]:
        keys, dialect = {"keys": as_keys(there)}, connection.dialect.name
        events: dict[_Key, list[Any]] = {}
        for event in connection.execute(_last_events(dialect), keys):
            events.setdefault((event.site, event.device), []).append(event)
        sums = {(site, name): told for site, name, *told in connection.execute(_byte_sums(dialect), keys)}
        trends: dict[_Key, Trend] = self._trends.read(connection, list(there))
        found = {}
        for key, row in there.items():
            sampled, sent = sums.get(key, (0, 0))
            found[key] = Told(row, tuple(events.get(key, ())), int(sampled), int(sent), trends[key])
        return found

    def _forget(self, key: _Key) -> None:
        self._in_order.remove((by_name(self._views[key]), key))
        self._trends.forget(key)
        for kept in (self._told, self._views, self._holds_until_ms):
            kept.pop(key, None)


_SHOWN = (*AS_STORED, "state", "state_since_ms", "why", "active", "removed_at_ms")
_CHANGED = sa.select(*(device.c[name] for name in _SHOWN)).where(device.c.changed_n > sa.bindparam("after"))


def _of_sensor(table: sa.Table, keys: sa.CTE) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == keys.c.site, table.c.device == keys.c.device)


_TOLD = ("site", "device", "boot", "uptime_ms", "cause", "event", "level", "occurred_at_ms", "class_name")


@cache
def _last_events(dialect: str) -> sa.Select[Any]:
    """The last event of every cause of the sensors of the keys."""
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    same = sa.and_(*(alert.c[name] == cause.c[name] for name in ("site", "device", "boot", "seq")))
    columns = [alert.c[name] for name in _TOLD]
    return sa.select(*columns).join_from(keys, cause, _of_sensor(cause, keys)).join(alert, same)


@cache
def _byte_sums(dialect: str) -> sa.Select[Any]:
    """Site, device, and what was sampled and sent in all boots of the sensors of the keys."""
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    sums = (sa.func.sum(boot.c.bytes_sampled), sa.func.sum(boot.c.bytes_sent))
    mine = sa.select(boot.c.site, boot.c.device, *sums).join_from(keys, boot, _of_sensor(boot, keys))
    return mine.group_by(boot.c.site, boot.c.device)
