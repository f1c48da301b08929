"""A sensor's course over time, thinned to what a chart can show."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import alert, status_history

MOST_POINTS = 800


@dataclass(frozen=True)
class Point:
    """The highest score and velocity of a stretch of time; None where no status had one."""

    at_ms: int
    score: int | None
    velocity_um_s: int | None


@dataclass(frozen=True)
class Event:
    """An alert event, to be marked on a chart."""

    at_ms: int
    event: str
    level: str
    cause: str
    class_name: str | None
    score: int | None


@dataclass(frozen=True)
class History:
    """What is known of a sensor from `since_ms` to `until_ms`, oldest first."""

    since_ms: int
    until_ms: int
    points: tuple[Point, ...]
    events: tuple[Event, ...]


class HistoryReader:
    """Reads statuses and alerts of one sensor."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = for_reading(engine)

    def read(self, site: str, device: str, since_ms: int, until_ms: int) -> History:
        """Return at most `MOST_POINTS` points, each the highest of its stretch, so that no peak is lost."""
        width_ms = max(1, (until_ms - since_ms) // MOST_POINTS)
        told = status_history.c
        stretch = told.said_at_ms // width_ms
        points = (
            sa.select(sa.func.max(told.said_at_ms), sa.func.max(told.score), sa.func.max(told.velocity_um_s))
            .where(told.site == site, told.device == device, told.said_at_ms.between(since_ms, until_ms))
            .group_by(stretch)
            .order_by(stretch)
        )
        raised = alert.c
        columns = (
            raised.occurred_at_ms,
            raised.event,
            raised.level,
            raised.cause,
            raised.class_name,
            raised.score,
        )
        events = (
            sa.select(*columns)
            .where(raised.site == site, raised.device == device)
            .where(raised.occurred_at_ms.between(since_ms, until_ms))
            .order_by(raised.occurred_at_ms.desc())
            .limit(MOST_POINTS)
        )
        with self._engine.begin() as connection:
            found = tuple(Point(*row) for row in connection.execute(points))
            marks = tuple(Event(*row) for row in reversed(connection.execute(events).all()))
        return History(since_ms, until_ms, found, marks)
