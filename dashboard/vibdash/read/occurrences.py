"""Alert occurrences as the inbox shows them, with their state in the life cycle of ISA-18.2."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import alert, journal, occurrence
from vibdash.read.fleet import AlertView, alert_view

CLOSED_SHOWN = 200
OPEN_SHOWN = 1000


class State(enum.StrEnum):
    """Where an occurrence stands. In ISA-18.2's words: unacknowledged, acknowledged, returned to normal
    unacknowledged, normal, shelved."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    CLOSED = "closed"
    SHELVED = "shelved"


@dataclass(frozen=True)
class Occurrence:
    """One alert from its raise to its clear. Times in milliseconds UTC; `over_at_ms` None while it lasts."""

    id: int
    site: str
    device: str
    cause: str
    class_name: str | None
    level: str
    state: State
    since_ms: int
    escalated_at_ms: int | None
    over_at_ms: int | None
    cleared: bool  # by the device; else it is over because the device knows nothing of it any more
    acked_at_ms: int | None
    acked_by: str | None
    shelved_until_ms: int | None
    shelved_by: str | None
    last_event_id: int

    @property
    def needs_acknowledging(self) -> bool:
        """Whether nobody has acknowledged it, at the level that it reached."""
        return self.acked_at_ms is None


@dataclass(frozen=True)
class JournalEntry:
    """Something that a person did about an occurrence."""

    at_ms: int
    author: str
    action: str
    note: str


class OccurrenceReader:
    """Reads the inbox. Occurrences that are over and acknowledged are limited to the latest."""

    def __init__(self, engine: sa.Engine, *, site: str | None = None) -> None:
        self._engine = for_reading(engine)
        self._site = site

    def all(self, now_ms: int) -> tuple[Occurrence, ...]:
        """Return every open occurrence and the latest closed ones, newest first."""
        with self._engine.begin() as connection:
            rows = list(connection.execute(self._of_site(_OPEN)))
            rows += connection.execute(self._of_site(_CLOSED))
        rows.sort(key=lambda row: row.id, reverse=True)
        return tuple(_occurrence(row, now_ms) for row in rows)

    def events(self, occurrence_id: int) -> tuple[AlertView, ...]:
        """Return the alerts that make up an occurrence, as they happened."""
        ids = sa.select(occurrence.c.raised_id, occurrence.c.escalated_id, occurrence.c.cleared_id)
        with self._engine.begin() as connection:
            row = connection.execute(ids.where(occurrence.c.id == occurrence_id)).one()
            query = sa.select(alert).where(alert.c.id.in_([id for id in row if id is not None]))
            found = connection.execute(query.order_by(alert.c.boot, alert.c.seq))
            return tuple(alert_view(row) for row in found)

    def journal(self, occurrence_id: int) -> tuple[JournalEntry, ...]:
        """Return what was done about an occurrence, oldest first."""
        columns = (journal.c.at_ms, journal.c.author, journal.c.action, journal.c.note)
        query = sa.select(*columns).where(journal.c.occurrence_id == occurrence_id).order_by(journal.c.id)
        with self._engine.begin() as connection:
            return tuple(JournalEntry(*row) for row in connection.execute(query))

    def _of_site(self, query: sa.Select[Any]) -> sa.Select[Any]:
        return query if self._site is None else query.where(occurrence.c.site == self._site)


def count_by_state(occurrences: Sequence[Occurrence]) -> dict[State, int]:
    """Return how many occurrences are in each state."""
    counts = dict.fromkeys(State, 0)
    for one in occurrences:
        counts[one.state] += 1
    return counts


def _occurrence(row: Any, now_ms: int) -> Occurrence:
    first = row.raised_at_ms or row.escalated_at_ms or row.cleared_at_ms
    over_at_ms = row.cleared_at_ms or row.ended_at_ms
    acked = row.acked_at_ms is not None and row.acked_level in (row.level, "alarm")
    shelved = row.shelved_until_ms is not None and row.shelved_until_ms > now_ms
    return Occurrence(
        **{name: getattr(row, name) for name in ("id", "site", "device", "cause", "class_name", "level")},
        state=State.SHELVED if shelved else _state(acked, over_at_ms is not None),
        since_ms=first,
        escalated_at_ms=row.escalated_at_ms,
        over_at_ms=over_at_ms,
        cleared=row.cleared_at_ms is not None,
        acked_at_ms=row.acked_at_ms if acked else None,
        acked_by=row.acked_by if acked else None,
        shelved_until_ms=row.shelved_until_ms if shelved else None,
        shelved_by=row.shelved_by if shelved else None,
        last_event_id=max(row.raised_id or 0, row.escalated_id or 0, row.cleared_id or 0),
    )


def _state(acked: bool, over: bool) -> State:
    if over:
        return State.CLOSED if acked else State.RETURNED
    return State.ACKNOWLEDGED if acked else State.NEW


def _select() -> sa.Select[Any]:
    raised, escalated, cleared = (alert.alias(name) for name in ("raised", "escalated", "cleared"))
    return (
        sa.select(
            occurrence,
            raised.c.occurred_at_ms.label("raised_at_ms"),
            escalated.c.occurred_at_ms.label("escalated_at_ms"),
            cleared.c.occurred_at_ms.label("cleared_at_ms"),
            sa.func.coalesce(escalated.c.class_name, raised.c.class_name, cleared.c.class_name).label(
                "class_name"
            ),
        )
        .outerjoin(raised, raised.c.id == occurrence.c.raised_id)
        .outerjoin(escalated, escalated.c.id == occurrence.c.escalated_id)
        .outerjoin(cleared, cleared.c.id == occurrence.c.cleared_id)
        .order_by(occurrence.c.id.desc())
    )


_IS_CLOSED = sa.and_(
    occurrence.c.acked_at_ms.is_not(None),
    occurrence.c.acked_level.in_([occurrence.c.level, "alarm"]),
    sa.or_(occurrence.c.cleared_id.is_not(None), occurrence.c.ended_at_ms.is_not(None)),
)
_OPEN = _select().where(sa.not_(sa.func.coalesce(_IS_CLOSED, sa.false()))).limit(OPEN_SHOWN)
_CLOSED = _select().where(_IS_CLOSED).limit(CLOSED_SHOWN)
