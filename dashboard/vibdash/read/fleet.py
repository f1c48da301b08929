"""What the page and the API show: the database read into plain values, and judged.

The judgement that matters is `Link`: a sensor not heard can never look healthy, whatever it said last.
"""

from __future__ import annotations

import dataclasses
import enum
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import (
    alert,
    boot,
    cause,
    device,
    ingest_link,
    journal,
    quarantine,
    status_history,
    work,
)
from vibdash.protocol.fields import same_life
from vibdash.protocol.own_alerts import HOST_BOOT
from vibdash.read.host import Host, WorkView, is_credible, read_host, read_work
from vibdash.read.trends import Trends

Newest = tuple[int | None, ...]
_Key = tuple[str, str]  # site and device
SILENT_INTERVALS, SILENT_MARGIN_MS = 2.0, 60_000

log = logging.getLogger("vibdash.read")


class Link(enum.StrEnum):
    """Whether a sensor's word can be taken for the present."""

    ONLINE = "online"
    OFFLINE = "offline"  # it or its broker said so
    SILENT = "silent"  # nothing for longer than it may be
    UNREACHED = "unreached"  # this host hears no sensor at all


@dataclass(frozen=True)
class ActiveAlert:
    """A cause that is raised now. `level` None: the device says it is active, its alert has not come yet."""

    cause: str
    level: str | None
    since_ms: int | None
    class_name: str | None

    @property
    def of_instrument(self) -> bool:
        """Whether this is about the sensor and not about the machine."""
        return self.cause.startswith("instrument:")


def _worst(active: Iterable[ActiveAlert]) -> str | None:
    """Return the worst level; an alert whose level is not known yet counts as an alarm."""
    levels = {one.level or "alarm" for one in active}
    return "alarm" if "alarm" in levels else "warning" if levels else None


@dataclass(frozen=True)
class SensorView:
    """One sensor. The `machine` and `instrument` it last said count only while `link` is ONLINE."""

    site: str
    device: str
    link: Link
    link_since_ms: int | None
    link_why: str
    silent_after_ms: int
    heard_at_ms: int | None
    machine: str | None
    instrument: str | None
    score: int | None
    warning: int | None  # the scores from which it warns and alarms
    alarm: int | None
    class_name: str | None
    velocity_um_s: int | None
    rms_mm_s2: int | None
    model_name: str | None
    model_digest: str | None
    model_origin: str | None
    fw: str | None
    boot: int
    uptime_ms: int | None
    windows: int | None
    queued: int | None
    dropped: int | None
    gaps: int | None
    restarts: int | None
    interval_s: int | None
    baseline_windows: int | None
    reset_by: str | None
    refused: int | None
    heap_free: int | None
    battery_mv: int | None
    note: str | None
    bytes_sampled: int
    bytes_sent: int
    active: tuple[ActiveAlert, ...]
    trend: tuple[int | None, ...]
    trouble: str | None = None  # why its record cannot be shown; then nothing else of it is

    @property
    def key(self) -> tuple[str, str]:
        """Site and device."""
        return self.site, self.device

    @property
    def machine_level(self) -> str | None:
        """The worst level active on the machine: alarm, warning or None."""
        return _worst(active for active in self.active if not active.of_instrument)

    @property
    def instrument_level(self) -> str | None:
        """The worst level active on the sensor itself: alarm, warning or None."""
        return _worst(active for active in self.active if active.of_instrument)


# What of a view stands in its sensor's row as it is shown; `active` is judged first.
_AS_STORED = tuple(
    one.name for one in dataclasses.fields(SensorView) if one.name in device.c and one.name != "active"
)
_DEVICES = sa.select(
    *(device.c[name] for name in _AS_STORED),
    *(device.c[name] for name in ("state", "state_since_ms", "why", "active")),
).where(device.c.removed_at_ms.is_(None))


@dataclass(frozen=True)
class AlertView:
    """One alert event as stored; fields as in SPEC.md 3.2, times in milliseconds UTC."""

    id: int
    site: str
    device: str
    boot: int
    seq: int
    received_at_ms: int
    occurred_at_ms: int
    occurred_from: str
    replay: bool
    event: str
    level: str
    cause: str
    score: int | None
    threshold: int | None
    class_name: str | None
    model: str | None
    features: tuple[tuple[str, int, int], ...]
    spectrum: dict[str, Any] | None
    trouble: str | None = None  # why the rest of its record cannot be shown


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

    @property
    def bytes_sampled(self) -> int:
        return sum(sensor.bytes_sampled for sensor in self.sensors)

    @property
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
        self._trends = Trends()

    def fleet(self, now_ms: int) -> Fleet:
        """Return the fleet as it stands, by site and name."""
        with self._engine.begin() as connection:
            host = read_host(connection, now_ms)
            rows = connection.execute(
                self._of_site(_DEVICES, device).order_by(device.c.site, device.c.device)
            ).all()
            works = read_work(connection, now_ms)
            told = _Told(
                bytes=_byte_totals(connection),
                events=_last_events(connection),
                trends=self._trends.read(connection, [(row.site, row.device) for row in rows]),
            )
            quarantined, last = connection.execute(
                sa.select(sa.func.coalesce(sa.func.sum(quarantine.c.times), 0), sa.func.max(quarantine.c.id))
            ).one()
            reason = connection.scalar(sa.select(quarantine.c.reason).where(quarantine.c.id == last))
        sensors = tuple(_sensor_view(row, told, host, now_ms, self._silent_after_ms) for row in rows)
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
    *(
        sa.select(sa.func.max(table.c.id)).scalar_subquery()
        for table in (alert, status_history, journal, quarantine)
    ),
    sa.select(sa.func.count()).where(ingest_link.c.connected).scalar_subquery(),
    sa.select(sa.func.sum(work.c.failures)).scalar_subquery(),
    sa.select(sa.func.max(device.c.removed_at_ms)).scalar_subquery(),
)


@dataclass(frozen=True)
class _Told:
    """What other tables than `device` say, by sensor; one query each however many sensors there are."""

    bytes: dict[_Key, tuple[int, int]]
    events: dict[_Key, list[Any]]
    trends: dict[_Key, tuple[int | None, ...]]


def _sensor_view(row: Any, told: _Told, host: Host, now_ms: int, silent_after_ms: int) -> SensorView:
    try:
        return _readable_view(row, told, host, now_ms, silent_after_ms)
    except Exception as error:
        log.exception("the record of %s/%s cannot be shown", row.site, row.device)
        return _unreadable_view(row, error)


def _unreadable_view(row: Any, error: Exception) -> SensorView:
    """Return a sensor of which nothing is known but its name, and so not that it is well."""
    values: dict[str, Any] = dict.fromkeys(one.name for one in dataclasses.fields(SensorView))
    values |= {
        "site": row.site,
        "device": row.device,
        "link": Link.SILENT,
        "link_why": "",
        "silent_after_ms": 0,
    }
    values |= {"boot": 0, "bytes_sampled": 0, "bytes_sent": 0, "active": (), "trend": ()}
    return SensorView(**values | {"trouble": cannot_be_shown(error)})


def cannot_be_shown(error: Exception) -> str:
    """Return what is shown in place of a record."""
    return f"this record cannot be shown ({type(error).__name__}: {str(error)[:120]})"


def _readable_view(row: Any, told: _Told, host: Host, now_ms: int, silent_after_ms: int) -> SensorView:
    key = (row.site, row.device)
    if row.interval_s is not None:
        silent_after_ms = longest_silence_ms(row.interval_s)
    link, link_since_ms, link_why = _judge_link(row, host, now_ms, silent_after_ms)
    sampled, sent = told.bytes.get(key, (0, 0))
    return SensorView(
        **dict(zip(_AS_STORED, row, strict=False)),
        link=link,
        link_since_ms=link_since_ms,
        link_why=link_why,
        silent_after_ms=silent_after_ms,
        bytes_sampled=sampled,
        bytes_sent=sent,
        active=_active(row, told.events.get(key, [])),
        trend=told.trends.get(key, ()),
    )


def _judge_link(row: Any, host: Host, now_ms: int, silent_after_ms: int) -> tuple[Link, int | None, str]:
    if row.state == "offline":
        return Link.OFFLINE, row.state_since_ms, row.why
    if not host.connected:
        return Link.UNREACHED, host.since_ms, host.detail
    if not is_credible(row.heard_at_ms, now_ms):
        return Link.SILENT, None, "no message since this host's clock was set"
    if now_ms - row.heard_at_ms > silent_after_ms:
        return Link.SILENT, row.heard_at_ms, "no message"
    if row.state == "unknown":
        return Link.SILENT, None, "alerts came, but no status"
    return Link.ONLINE, row.state_since_ms, row.why


def longest_silence_ms(interval_s: int) -> int:
    """Return how long a sensor that promised a message every `interval_s` may be silent."""
    return round(SILENT_INTERVALS * interval_s * 1000) + SILENT_MARGIN_MS


def _byte_totals(connection: sa.Connection) -> dict[_Key, tuple[int, int]]:
    rows = connection.execute(
        sa.select(
            boot.c.site, boot.c.device, sa.func.sum(boot.c.bytes_sampled), sa.func.sum(boot.c.bytes_sent)
        ).group_by(boot.c.site, boot.c.device)
    )
    return {(site, name): (int(sampled), int(sent)) for site, name, sampled, sent in rows}


def _last_events(connection: sa.Connection) -> dict[_Key, list[Any]]:
    """Return the last event of every cause of every sensor."""
    found: dict[_Key, list[Any]] = {}
    for row in connection.execute(_LAST_EVENTS):
        found.setdefault((row.site, row.device), []).append(row)
    return found


_SAME = [alert.c[name] == cause.c[name] for name in ("site", "device", "boot", "seq")]
_TOLD = ("site", "device", "boot", "uptime_ms", "cause", "event", "level", "occurred_at_ms", "class_name")
_LAST_EVENTS = sa.select(*(alert.c[name] for name in _TOLD)).join_from(alert, cause, sa.and_(*_SAME))


def _active(row: Any, events: list[Any]) -> tuple[ActiveAlert, ...]:
    """Return what is raised now, from the last event of each cause and the list in the last status.

    Whichever of the two the device said later is believed; boot and uptime tell which. An event of another life
    of the device is the earlier: a device says its status first.
    """
    listed = set(row.active or ())
    status_said_at = (row.boot, -1 if row.uptime_ms is None else row.uptime_ms)
    active = []
    for event in events:
        status_is_later = status_said_at > (event.boot, event.uptime_ms) or not same_life(
            row.boot, event.boot
        )
        raised = event.cause in listed if status_is_later else event.event != "clear"
        if event.boot == HOST_BOOT:
            raised = event.event != "clear"
        listed.discard(event.cause)
        if raised and event.event != "clear":
            active.append(ActiveAlert(event.cause, event.level, event.occurred_at_ms, event.class_name))
        elif raised:
            active.append(ActiveAlert(event.cause, None, None, None))
    active += [ActiveAlert(name, None, None, None) for name in listed]
    return tuple(sorted(active, key=lambda one: (one.level == "warning", one.cause)))


def alert_view(row: Any) -> AlertView:
    """Return a row of the table `alert` as the page and the API show it."""
    more = ("features", "spectrum", "trouble")
    values = {name: getattr(row, name) for name in AlertView.__dataclass_fields__ if name not in more}
    try:
        features = tuple((name, value, usual) for name, value, usual in row.features)
        return AlertView(**values, features=features, spectrum=_spectrum(row.spectrum))
    except Exception as error:
        return AlertView(**values, features=(), spectrum=None, trouble=cannot_be_shown(error))


def _spectrum(stored: Any) -> dict[str, Any] | None:
    return None if stored is None else dict(stored)
