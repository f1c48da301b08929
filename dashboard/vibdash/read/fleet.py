"""The fleet at one moment, for the page and the API."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import alert, device, ingest_link, journal, quarantine, work
from vibdash.read.alert_views import AlertView, alert_view
from vibdash.read.host import Host, WorkView, read_host, read_work
from vibdash.read.kept_sensors import KeptSensors
from vibdash.read.sensors import Link, SensorView

Newest = tuple[int | None, ...]
_Key = tuple[str, str]  # site and device


@dataclass(frozen=True)
class Fleet:
    """Everything at one moment."""

    now_ms: int
    silent_after_ms: int
    host: Host
    sensors: tuple[SensorView, ...]
    quarantined: int
    quarantine_reason: str | None
    work: tuple[WorkView, ...] = ()

    @cached_property
    def sites(self) -> frozenset[str]:
        """Those that have a sensor."""
        return frozenset(sensor.site for sensor in self.sensors)

    @cached_property
    def bytes_sampled(self) -> int:
        return sum(sensor.bytes_sampled for sensor in self.sensors)

    @cached_property
    def bytes_sent(self) -> int:
        return sum(sensor.bytes_sent for sensor in self.sensors)


def without_contact(fleet: Fleet, why: str) -> Fleet:
    """Return a fleet that was read before, now that nothing can be read: no sensor in it is online."""
    host = fleet.host
    if host.connected:
        host = dataclasses.replace(host, connected=False, since_ms=fleet.now_ms, detail=why)
    sensors = tuple(
        dataclasses.replace(sensor, link=Link.UNREACHED, link_since_ms=host.since_ms, link_why=host.detail)
        if sensor.link is Link.ONLINE
        else sensor
        for sensor in fleet.sensors
    )
    return dataclasses.replace(fleet, host=host, sensors=sensors)


class FleetReader:
    """Reads the database for the page. A sensor that does not tell its interval is silent after `silent_after_ms`."""

    def __init__(self, engine: sa.Engine, *, silent_after_ms: int, site: str | None = None) -> None:
        self._engine = for_reading(engine)
        self._silent_after_ms = silent_after_ms
        self._site = site
        self._kept = KeptSensors(silent_after_ms, site)
        self._one_at_a_time = threading.Lock()  # the page and the API read in threads of their own

    def fleet(self, now_ms: int) -> Fleet:
        """Return the fleet as it stands, by site and name."""
        with self._one_at_a_time, self._engine.begin() as connection:
            host = read_host(connection, now_ms)
            works = read_work(connection, now_ms)
            sensors = self._kept.read(connection, host, now_ms)
            quarantined, last = connection.execute(_QUARANTINED).one()
            reason = connection.scalar(_REASON, {"last": last})
        return Fleet(now_ms, self._silent_after_ms, host, sensors, quarantined, reason, works)

    def health(self, now_ms: int) -> tuple[Host, tuple[WorkView, ...]]:
        """Return how the ingest and the work of every process stand, without looking at any sensor."""
        with self._engine.begin() as connection:
            return read_host(connection, now_ms), read_work(connection, now_ms)

    def newest(self) -> Newest:
        """Return what is different as soon as a sensor has said something new, or a person has done something."""
        with self._engine.begin() as connection:
            return tuple(connection.execute(_NEWEST).one())

    def removed(self) -> tuple[_Key, ...]:
        """Return site and name of the devices that a person took off."""
        query = sa.select(device.c.site, device.c.device).where(device.c.removed_at_ms.is_not(None))
        with self._engine.begin() as connection:
            return tuple((row.site, row.device) for row in connection.execute(self._of_site(query, device)))

    def alerts(
        self,
        *,
        limit: int,
        after_id: int | None = None,
        site: str | None = None,
        device_name: str | None = None,
    ) -> tuple[AlertView, ...]:
        """Return the latest alert events, newest arrival first; or those that came next after an id, oldest first."""
        query = self._of_site(sa.select(alert), alert)
        query = query.order_by(alert.c.id.desc() if after_id is None else alert.c.id)
        if after_id is not None:
            query = query.where(alert.c.id > after_id)
        if site is not None:
            query = query.where(alert.c.site == site)
        if device_name is not None:
            query = query.where(alert.c.device == device_name)
        with self._engine.begin() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return tuple(alert_view(row) for row in rows)

    def _of_site(self, query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
        return query if self._site is None else query.where(table.c.site == self._site)


_NEWEST = sa.select(
    *(sa.select(sa.func.max(table.c.id)).scalar_subquery() for table in (alert, journal, quarantine)),
    sa.select(sa.func.count()).where(ingest_link.c.connected).scalar_subquery(),
    sa.select(sa.func.sum(work.c.failures)).scalar_subquery(),
    sa.select(sa.func.max(device.c.changed_n)).scalar_subquery(),
)
_QUARANTINED = sa.select(sa.func.coalesce(sa.func.sum(quarantine.c.times), 0), sa.func.max(quarantine.c.id))
_REASON = sa.select(quarantine.c.reason).where(quarantine.c.id == sa.bindparam("last"))
