"""Alerts of one cause that come again and again: what is done about the one row that they are is done about all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.schema import IS_OPEN, occurrence

CHATTER_FROM = 3  # open occurrences of one cause of one sensor


@dataclass(frozen=True)
class Seen:
    """A row of the inbox as somebody saw it: the last occurrence that it stood for, and the level that it had."""

    id: int
    newest_id: int
    level: str


def occurrences_of(connection: sa.Connection, chosen: Seen | int) -> list[int]:
    """Return the ids that a row of the inbox stands for: as it was seen, or for an id alone as it is now."""
    first_id = chosen if isinstance(chosen, int) else chosen.id
    first = connection.execute(_KEY, {"first_id": first_id}).one_or_none()
    if first is None:
        return []
    asked: dict[str, Any] = {**first._mapping, "first_id": first_id}
    if isinstance(chosen, Seen):
        return list(connection.scalars(_SEEN, asked | {"newest_id": chosen.newest_id}))
    now = list(connection.scalars(_NOW, asked))
    return now if len(now) >= CHATTER_FROM else [first_id]


_NAMES = ("site", "device", "cause")
_KEY = sa.select(*(occurrence.c[name] for name in _NAMES)).where(occurrence.c.id == sa.bindparam("first_id"))
_ALIKE = [occurrence.c[name] == sa.bindparam(name, type_=sa.Text) for name in _NAMES]
_NOW = sa.select(occurrence.c.id).where(IS_OPEN, *_ALIKE, occurrence.c.id >= sa.bindparam("first_id"))
_SEEN = sa.select(occurrence.c.id).where(
    *_ALIKE, occurrence.c.id.between(sa.bindparam("first_id"), sa.bindparam("newest_id"))
)
