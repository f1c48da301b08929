"""The course of each sensor's score over its last statuses."""

from __future__ import annotations

from collections import deque

import sqlalchemy as sa

from vibdash.database.schema import status_history

TREND_POINTS = 60
_Key = tuple[str, str]  # site and device


class Trends:
    """The latest scores of each sensor, kept between readings so that only new ones are read."""

    def __init__(self) -> None:
        self._scores: dict[_Key, deque[int | None]] = {}
        self._last_id = 0

    def read(self, connection: sa.Connection, keys: list[_Key]) -> dict[_Key, tuple[int | None, ...]]:
        """Return the scores of each sensor, oldest first; None where a status had none."""
        newest = connection.scalar(sa.select(sa.func.max(status_history.c.id))) or 0
        known = set(self._scores)
        columns = (status_history.c.site, status_history.c.device, status_history.c.score)
        fresh = sa.select(*columns).where(status_history.c.id.between(self._last_id + 1, newest))
        for site, name, score in connection.execute(fresh.order_by(status_history.c.id)) if known else ():
            if (site, name) in known:
                self._scores[(site, name)].append(score)
        self._last_id = newest
        for site, name in set(keys) - known:
            scores = connection.scalars(
                sa.select(status_history.c.score)
                .where(status_history.c.site == site, status_history.c.device == name)
                .where(status_history.c.id <= newest)
                .order_by(status_history.c.id.desc())
                .limit(TREND_POINTS)
            )
            self._scores[(site, name)] = deque(reversed(scores.all()), maxlen=TREND_POINTS)
        return {key: tuple(self._scores[key]) for key in keys}
