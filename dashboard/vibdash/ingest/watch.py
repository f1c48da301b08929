"""What is not heard becomes an alert of this host, with the life of any other: seen, told, acknowledged, over.

A sensor is raised that was not heard for longer than it may be, whether it said goodbye or not. While this host itself
hears nothing no sensor is judged: that is one alert, of the host. An outage of the host excuses a sensor once.

Several processes may watch one database: what is due is judged again by the one that writes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.opening import for_reading, writing
from vibdash.database.schema import IS_OPEN, device, occurrence
from vibdash.ingest.alerts import store_own
from vibdash.protocol.messages import Sensor
from vibdash.protocol.own_alerts import NOT_RECEIVING, SILENT, THIS_HOST, TWIN
from vibdash.read.host import CLOCKS_APART_MS, Host, is_credible, read_host
from vibdash.read.sensors import SILENT_INTERVALS, SILENT_MARGIN_MS, longest_silence_ms
from vibdash.supervision import Work

LOOK_EVERY_S = 5.0
HOST_GRACE_MS = 60_000  # a broker that is restarted is no alarm
SETTLING_MS = 300_000  # in which every sensor that is awake has connected again and said something
TWIN_FOR_MS = 3_600_000  # after the last time that two devices were told from one another
LEVELS = {SILENT: "alarm", NOT_RECEIVING: "alarm", TWIN: "alarm"}


class Change(NamedTuple):
    """An alert of this host that is to be raised or cleared."""

    sensor: Sensor
    cause: str
    event: str


class Watch:
    """Looks in a thread of its own. A sensor that does not tell its interval may be silent for `silent_after_ms`."""

    def __init__(self, engine: sa.Engine, site: str | None, silent_after_ms: int) -> None:
        self._engine = engine
        self._site = site
        self._silent_after_ms = silent_after_ms
        self._work = Work("watch", self._look)

    def start(self) -> None:
        """Begin."""
        self._work.start()

    def stop(self) -> None:
        """End."""
        self._work.stop()

    def look(self, now_ms: int) -> list[Change]:
        """Raise and clear what is due; return that. Raises DatabaseError, SQLAlchemyError."""
        with for_reading(self._engine).begin() as connection:
            if not self._due(connection, now_ms):
                return []
        with writing(self._engine) as connection:
            due = self._due(connection, now_ms)
            for one in due:
                store_own(connection, one.sensor, one.cause, one.event, LEVELS[one.cause], now_ms)
        return due

    def _look(self) -> float:
        self.look(time.time_ns() // 1_000_000)
        return LOOK_EVERY_S

    def _due(self, connection: sa.Connection, now_ms: int) -> list[Change]:
        host = read_host(connection, now_ms)
        raised = {(Sensor(row.site, row.device), row.cause) for row in connection.execute(_RAISED)}
        rows = self._devices(connection, {sensor for sensor, _ in raised}, now_ms)
        found = [*self._host_stands(host, now_ms)]
        found += [one for row in rows for one in self._sensor_stands(row, host, now_ms)]
        return [
            Change(sensor, cause, "raise" if bad else "clear")
            for sensor, cause, bad in found
            if bad != ((sensor, cause) in raised)
        ]

    def _devices(self, connection: sa.Connection, raised: set[Sensor], now_ms: int) -> list[Any]:
        """Return the devices of which something may have to be said: of all others nothing is so, nor was."""
        asked = {"now_ms": now_ms, "may_ms": self._silent_after_ms}
        rows = {(row.site, row.device): row for row in connection.execute(_SUSPECTS, asked)}
        keys = as_keys((one.site, one.device) for one in raised)
        for row in connection.execute(_of_keys(connection.dialect.name), {"keys": keys}) if raised else ():
            rows[(row.site, row.device)] = row
        return [row for row in rows.values() if self._site in (None, row.site)]

    def _host_stands(self, host: Host, now_ms: int) -> Iterator[tuple[Sensor, str, bool]]:
        here = Sensor(self._site or THIS_HOST, THIS_HOST)
        if host.connected:
            yield here, NOT_RECEIVING, False
        elif host.broker and (host.since_ms is None or now_ms - host.since_ms > HOST_GRACE_MS):
            yield here, NOT_RECEIVING, True

    def _sensor_stands(self, row: Any, host: Host, now_ms: int) -> Iterator[tuple[Sensor, str, bool]]:
        sensor = Sensor(row.site, row.device)
        twin_at_ms = row.twin_at_ms
        yield sensor, TWIN, twin_at_ms is not None and 0 <= now_ms - twin_at_ms <= TWIN_FOR_MS
        may_ms = self._silent_after_ms if row.interval_s is None else longest_silence_ms(row.interval_s)
        heard_at_ms = row.heard_at_ms if is_credible(row.heard_at_ms, now_ms) else None
        if heard_at_ms is not None and now_ms - heard_at_ms <= may_ms:
            yield sensor, SILENT, False
        elif host.connected:
            since_ms = host.since_ms if is_credible(host.since_ms, now_ms) else 0
            connected_for_ms = now_ms - (since_ms or 0)
            silent_for_ms = 2 * may_ms + 1 if heard_at_ms is None else now_ms - heard_at_ms
            settled = connected_for_ms > min(SETTLING_MS, may_ms)
            if settled and (connected_for_ms > may_ms or silent_for_ms > 2 * may_ms):
                yield sensor, SILENT, True


_DEVICES = sa.select(
    *(device.c[name] for name in ("site", "device", "heard_at_ms", "interval_s", "twin_at_ms"))
).where(device.c.removed_at_ms.is_(None))
_NOW_MS = sa.bindparam("now_ms", type_=sa.BigInteger)
_MAY_MS = sa.case(
    (device.c.interval_s.is_(None), sa.bindparam("may_ms", type_=sa.BigInteger)),
    else_=sa.cast(device.c.interval_s, sa.BigInteger) * round(1000 * SILENT_INTERVALS) + SILENT_MARGIN_MS,
)
_SUSPECTS = _DEVICES.where(
    sa.or_(
        device.c.twin_at_ms.is_not(None),
        device.c.heard_at_ms.is_(None),
        device.c.heard_at_ms > _NOW_MS + CLOCKS_APART_MS,
        _NOW_MS - device.c.heard_at_ms > _MAY_MS,
    )
)


@cache
def _of_keys(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    return _DEVICES.join(keys, sa.and_(device.c.site == keys.c.site, device.c.device == keys.c.device))


_RAISED = (
    sa.select(occurrence.c.site, occurrence.c.device, occurrence.c.cause)
    .where(IS_OPEN, occurrence.c.cleared_id.is_(None), occurrence.c.ended_at_ms.is_(None))
    .where(occurrence.c.cause.in_(tuple(LEVELS)))
)
