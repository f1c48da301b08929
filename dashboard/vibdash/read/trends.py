"""The course of each sensor's score over its last statuses."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.schema import status_history

TREND_POINTS = 60
Trend = tuple[int | None, ...]
_Key = tuple[str, str]  # site and device


class Trends:
    """The latest scores of each sensor, kept between readings so that only new ones are read."""

    def __init__(self) -> None:
        self._scores: dict[_Key, Trend] = {}
        self._last_id = 0

    def read(self, connection: sa.Connection, keys: list[_Key]) -> dict[_Key, Trend]:
        """Return the scores of these sensors, oldest first; None where a status had none."""
        newest = connection.execute(_NEWEST).scalar_one() or 0
        fresh: dict[_Key, list[int | None]] = {}
        if self._scores and newest > self._last_id:
            for site, name, score in connection.execute(_FRESH, {"after": self._last_id, "newest": newest}):
                fresh.setdefault((site, name), []).append(score)
        unknown = [key for key in keys if key not in self._scores]
        for key, scores in fresh.items():
            if key in self._scores:
                self._scores[key] = (*self._scores[key], *scores)[-TREND_POINTS:]
        self._scores |= _latest(connection, unknown, newest)
        self._last_id = newest
        return {key: self._scores[key] for key in keys}

    def forget(self, key: _Key) -> None:
        """Keep nothing more of a sensor."""
        self._scores.pop(key, None)


def _latest(connection: sa.Connection, keys: list[_Key], newest: int) -> dict[_Key, Trend]:
    found: dict[_Key, list[int | None]] = {key: [] for key in keys}
    if keys:
        asked = {"keys": as_keys(keys), "newest": newest}
        for site, name, score in connection.execute(_of_keys(connection.dialect.name), asked):
            found[(site, name)].append(score)
    return {key: tuple(scores) for key, scores in found.items()}


_NEWEST = sa.select(sa.func.max(status_history.c.id))
_SCORE = (status_history.c.site, status_history.c.device, status_history.c.score)
_FRESH = (
    sa.select(*_SCORE)
    .where(status_history.c.id > sa.bindparam("after"), status_history.c.id <= sa.bindparam("newest"))
    .order_by(status_history.c.id)
)


@cache
def _of_keys(dialect: str) -> sa.Select[Any]:
    """The last scores of each sensor of the keys: from the id of the first of them on, which its index tells."""
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    older = status_history.alias("older")
    first = (
        sa.select(older.c.id)
        .where(older.c.site == keys.c.site, older.c.device == keys.c.device)
        .where(older.c.id <= sa.bindparam("newest"))
        .order_by(older.c.id.desc())
        .offset(TREND_POINTS - 1)
        .limit(1)
        .correlate(keys)
        .scalar_subquery()
    )
    mine = sa.and_(
        status_history.c.site == keys.c.site,
        status_history.c.device == keys.c.device,
        status_history.c.id >= sa.func.coalesce(first, 0),
        status_history.c.id <= sa.bindparam("newest"),
    )
    return sa.select(*_SCORE).join_from(keys, status_history, mine).order_by(status_history.c.id)
