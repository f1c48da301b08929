"""A sensor's course over time, thinned to what a chart can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import alert, status_history

MOST_POINTS = 800


@dataclass(frozen=True)
class Point:
    """The highest score and velocity of a stretch of time; None where no status had one.

    `quiet_ms` is the longest silence that one of its statuses ended, None for the very first.
    """

    at_ms: int
    score: int | None
    velocity_um_s: int | None
    quiet_ms: int | None


@dataclass(frozen=True)
class AtSpeed:
    """The score that a status had, and the speed at which."""

    speed_millihz: int
    score: int


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
    """What is known of a sensor from `since_ms` to `until_ms`, oldest first; a point stands for `stretch_ms`."""

    since_ms: int
    until_ms: int
    stretch_ms: int
    points: tuple[Point, ...]
    events: tuple[Event, ...]


class HistoryReader:
    """Reads statuses and alerts of one sensor."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = for_reading(engine)

    def read(self, site: str, device: str, since_ms: int, until_ms: int) -> History:
        """Return at most `MOST_POINTS` points, each the highest of its stretch, so that no peak is lost."""
        stretch_ms = max(1, (until_ms - since_ms) // MOST_POINTS)
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
            points = connection.execute(_points(site, device, since_ms, until_ms, stretch_ms))
            found = tuple(Point(*row) for row in points)
            marks = tuple(Event(*row) for row in reversed(connection.execute(events).all()))
        return History(since_ms, until_ms, stretch_ms, found, marks)

    def at_speeds(self, site: str, device: str, since_ms: int, until_ms: int) -> tuple[AtSpeed, ...]:
        """Return the scores whose speed is known, the latest `MOST_POINTS`."""
        with self._engine.begin() as connection:
            found = connection.execute(_at_speeds(site, device, since_ms, until_ms))
            return tuple(AtSpeed(*row) for row in found)


def _at_speeds(site: str, device: str, since_ms: int, until_ms: int) -> sa.Select[Any]:
    told = status_history.c
    return (
        sa.select(told.speed_millihz, told.score)
        .where(told.site == site, told.device == device, told.said_at_ms.between(since_ms, until_ms))
        .where(told.speed_millihz.is_not(None), told.score.is_not(None))
        .order_by(told.said_at_ms.desc())
        .limit(MOST_POINTS)
    )


def _points(site: str, device: str, since_ms: int, until_ms: int, stretch_ms: int) -> sa.Select[Any]:
    told = status_history.c
    before = sa.func.lag(told.said_at_ms).over(order_by=told.said_at_ms)
    quiet_ms = sa.func.coalesce(told.quiet_ms, told.said_at_ms - before)
    said = (
        sa.select(told.said_at_ms, told.score, told.velocity_um_s, quiet_ms.label("quiet_ms"))
        .where(told.site == site, told.device == device, told.said_at_ms.between(since_ms, until_ms))
        .subquery()
    ).c
    stretch = said.said_at_ms // stretch_ms
    highest = (sa.func.max(one) for one in (said.said_at_ms, said.score, said.velocity_um_s, said.quiet_ms))
    return sa.select(*highest).group_by(stretch).order_by(stretch)
