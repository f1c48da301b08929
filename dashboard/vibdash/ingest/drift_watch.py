"""What moves slowly towards its warning level becomes an alert of this host, weeks before the sensor's own."""

from __future__ import annotations

import time
from dataclasses import asdict

import sqlalchemy as sa

from vibdash.database.opening import for_reading, writing
from vibdash.database.schema import IS_OPEN, device, drift, occurrence
from vibdash.database.upsert import insert_or_update
from vibdash.ingest.alerts import store_own
from vibdash.protocol.messages import Sensor
from vibdash.read.drift import QUANTITIES, Drift, judge_drift
from vibdash.supervision import Work
from vibdash.wording import describe_dates

LOOK_EVERY_S = 60.0
JUDGED_EVERY_MS = 6 * 3_600_000
SENSORS_AT_ONCE = 50
LEVEL = "warning"


class DriftWatch:
    """Judges each sensor now and then, in a thread of its own. When it was done last stands in the database, so that
    several processes share the work."""

    def __init__(self, engine: sa.Engine, site: str | None) -> None:
        self._engine = engine
        self._site = site
        self._work = Work("drift", self._look)

    def start(self) -> None:
        """Begin."""
        self._work.start()

    def stop(self) -> None:
        """End."""
        self._work.stop()

    def look(self, now_ms: int) -> list[tuple[Sensor, str, str]]:
        """Judge the sensors that are due; return the alerts that changed, cause and event. Raises DatabaseError."""
        with for_reading(self._engine).begin() as connection:
            due = [Sensor(row.site, row.device) for row in connection.execute(_due(self._site, now_ms))]
            judged = {sensor: judge_drift(connection, *_key(sensor), now_ms) for sensor in due}
        changed: list[tuple[Sensor, str, str]] = []
        if judged:
            with writing(self._engine) as connection:
                for sensor, drifts in judged.items():
                    changed += _keep(connection, sensor, drifts, now_ms)
        return changed

    def _look(self) -> float:
        self.look(time.time_ns() // 1_000_000)
        return LOOK_EVERY_S


def _key(sensor: Sensor) -> tuple[str, str]:
    return sensor.site, sensor.device


def _keep(
    connection: sa.Connection, sensor: Sensor, drifts: list[Drift], now_ms: int
) -> list[tuple[Sensor, str, str]]:
    """Store what was judged, and raise or clear what follows from it."""
    changed = []
    for one in drifts:
        values = asdict(one)
        key = {**sensor._asdict(), "quantity": values.pop("quantity")}
        insert_or_update(connection, drift, key, values)
        cause = QUANTITIES[one.quantity]
        if cause is None:
            continue
        raised = connection.scalar(_raised(sensor, cause)) is not None
        if one.is_due(raised) != raised:
            event = "clear" if raised else "raise"
            when = None
            if one.reach_at_ms is not None:
                when = describe_dates(one.reach_at_ms, one.earliest_at_ms, one.latest_at_ms)
            steps = {"score": None if one.level is None else round(one.level), "threshold": one.limit_steps}
            store_own(connection, sensor, cause, event, LEVEL, now_ms, class_name=when, **steps)
            changed.append((sensor, cause, event))
    return changed


def _raised(sensor: Sensor, cause: str) -> sa.Select[tuple[int]]:
    mine = sa.and_(occurrence.c.site == sensor.site, occurrence.c.device == sensor.device)
    up = sa.and_(IS_OPEN, occurrence.c.cleared_id.is_(None), occurrence.c.ended_at_ms.is_(None))
    return sa.select(occurrence.c.id).where(mine, up, occurrence.c.cause == cause).limit(1)


def _due(site: str | None, now_ms: int) -> sa.Select[tuple[str, str]]:
    """The sensors that were not judged for the longest time, or never."""
    mine = sa.and_(
        drift.c.site == device.c.site, drift.c.device == device.c.device, drift.c.quantity == "score"
    )
    stale = sa.or_(
        drift.c.at_ms.is_(None),
        drift.c.at_ms <= now_ms - JUDGED_EVERY_MS,
        drift.c.at_ms > now_ms,  # this host's clock was ahead
    )
    query = sa.select(device.c.site, device.c.device).outerjoin_from(device, drift, mine)
    query = query.where(device.c.removed_at_ms.is_(None), stale)
    if site is not None:
        query = query.where(device.c.site == site)
    return query.order_by(sa.func.coalesce(drift.c.at_ms, 0)).limit(SENSORS_AT_ONCE)
