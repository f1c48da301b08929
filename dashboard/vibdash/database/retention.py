"""Keeping the database from growing for ever: old statuses are thinned to one an hour, then deleted.

Alerts, what was done about them, and the latest word of each sensor are kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from vibdash.database.opening import for_reading, writing
from vibdash.database.schema import status_history
from vibdash.supervision import Work

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ROWS_AT_ONCE = 2000
RUN_EVERY_S = 3600.0


@dataclass(frozen=True)
class Retention:
    """Days after which statuses are thinned, and deleted."""

    thin_after_days: int
    delete_after_days: int


def thin_once(engine: sa.Engine, retention: Retention, now_ms: int, looked_at_ms: int | None = None) -> int:
    """Delete up to `ROWS_AT_ONCE` statuses that are due; return how many.

    Of each hour of a sensor the status with the highest score stays, so that a peak is still on the chart.
    `looked_at_ms`: when all was thinned last, so that only what has become due since is looked at.
    """
    with for_reading(engine).begin() as connection:  # looking takes long, and keeps nobody from writing
        ids: list[int] = list(connection.scalars(_due(retention, now_ms, looked_at_ms).limit(ROWS_AT_ONCE)))
    if ids:
        with writing(engine) as connection:
            _note_silences(connection, ids)
            connection.execute(status_history.delete().where(status_history.c.id.in_(ids)))
    return len(ids)


def _note_silences(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Note on the rows that stay the longest silence that ended on the rows before them that go.

    Else nobody could tell later whether the sensor was silent between two hours, or only thinned.
    """
    told, other = status_history.c, status_history.alias().c
    same = sa.and_(other.site == told.site, other.device == told.device)
    earlier = sa.select(sa.func.max(other.said_at_ms)).where(same, other.said_at_ms < told.said_at_ms)
    quiet_ms = sa.func.coalesce(told.quiet_ms, told.said_at_ms - earlier.scalar_subquery())
    heir = (
        sa.select(other.id)
        .where(same, other.said_at_ms >= told.said_at_ms, other.id.not_in(ids))
        .order_by(other.said_at_ms, other.id)
        .limit(1)
    )
    going = sa.select(heir.scalar_subquery(), quiet_ms).where(told.id.in_(ids))
    longest_ms: dict[int, int] = {}
    for kept, quiet in connection.execute(going):
        if kept is not None and quiet is not None:
            longest_ms[kept] = max(quiet, longest_ms.get(kept, 0))
    own = connection.execute(sa.select(told.id, quiet_ms).where(told.id.in_(longest_ms))).all()
    if own:
        noted = [{"kept": kept, "quiet": max(quiet or 0, longest_ms[kept])} for kept, quiet in own]
        update = status_history.update().where(told.id == sa.bindparam("kept"))
        connection.execute(update.values(quiet_ms=sa.bindparam("quiet")), noted)


def _due(retention: Retention, now_ms: int, looked_at_ms: int | None) -> sa.Select[tuple[int]]:
    told = status_history.c
    rank = sa.func.row_number().over(
        partition_by=(told.site, told.device, told.said_at_ms // HOUR_MS),
        order_by=(sa.func.coalesce(told.score, -(2**15)).desc(), told.id.desc()),
    )
    thin_before = _whole_hours(now_ms - retention.thin_after_days * DAY_MS)
    of_interest = told.said_at_ms < thin_before
    if looked_at_ms is not None:
        thinned_before = _whole_hours(looked_at_ms - retention.thin_after_days * DAY_MS)
        of_interest = sa.and_(of_interest, told.said_at_ms >= thinned_before)
    ranked = sa.select(told.id, rank.label("rank")).where(of_interest).subquery()
    too_old = sa.select(told.id).where(told.said_at_ms < now_ms - retention.delete_after_days * DAY_MS)
    due = sa.union(too_old, sa.select(ranked.c.id).where(ranked.c.rank > 1)).subquery()
    return sa.select(due.c.id)


def _whole_hours(at_ms: int) -> int:
    return at_ms // HOUR_MS * HOUR_MS


class Thinning:
    """Thins in a thread of its own, at the start and then once an hour."""

    def __init__(self, engine: sa.Engine, retention: Retention) -> None:
        self._engine = engine
        self._retention = retention
        self._looked_at_ms: int | None = None
        self._work = Work("retention", self._thin)

    def start(self) -> None:
        """Begin."""
        self._work.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._work.stop()

    def _thin(self) -> float:
        now_ms = time.time_ns() // 1_000_000
        while thin_once(self._engine, self._retention, now_ms, self._looked_at_ms) == ROWS_AT_ONCE:
            if self._work.stopping.wait(0.05):  # lets the ingest write in between
                return 0.0
        self._looked_at_ms = now_ms
        return RUN_EVERY_S
