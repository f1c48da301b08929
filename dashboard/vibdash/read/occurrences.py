"""Alert occurrences as the inbox shows them, with their state in the life cycle of ISA-18.2.

What is open is never cut. Where one cause of a sensor came again and again and nobody has acknowledged it, that is one
row with a count: so there are at most a few rows for each cause of each sensor.
"""

from __future__ import annotations

import enum
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import IS_OPEN, alert, device, journal, occurrence
from vibdash.read.alert_views import AlertView, alert_view, cannot_be_shown
from vibdash.read.chatter import CHATTER_FROM
from vibdash.read.operating import LONGEST_SHELVING_MS

CLOSED_SHOWN = 200
FLOOD_OVER, FLOOD_WITHIN_MS = 10, 600_000  # ISA-18.2: more than anybody can look at
FLOOD_COUNTED = 1000
LEVELS = ("warning", "alarm")

log = logging.getLogger("vibdash.read")


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
    """One alert from its raise to its clear, or several of one cause that nobody has acknowledged.

    `times`: how many. `id` is then the first's, `newest_id` the last's, which is the one that is described; `level` is
    the worst of all. Times in milliseconds UTC; `over_at_ms` None while it lasts.
    """

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
    newest_id: int
    times: int = 1
    first_at_ms: int | None = None
    trouble: str | None = None  # why its record cannot be shown; then only where it is from is

    @property
    def needs_acknowledging(self) -> bool:
        """Whether nobody has acknowledged it, at the level that it reached."""
        return self.acked_at_ms is None


@dataclass(frozen=True)
class JournalEntry:
    """Something that a person did about an occurrence. A note that was struck out stays."""

    id: int
    at_ms: int
    author: str
    action: str
    note: str
    struck_at_ms: int | None = None
    struck_by: str | None = None


@dataclass(frozen=True)
class Flood:
    """More alerts than anybody can look at: so many were raised within the last ten minutes."""

    raised: int
    since_ms: int


@dataclass(frozen=True)
class _Kept:
    """The inbox as it was read. It holds while nothing is newer, and until something shelved comes back."""

    newest: tuple[int | None, ...]
    read_at_ms: int
    holds_before_ms: float
    found: tuple[Occurrence, ...]

    def holds(self, newest: tuple[int | None, ...], now_ms: int) -> bool:
        """Return whether a reading now would give the same."""
        return self.newest == newest and self.read_at_ms <= now_ms < self.holds_before_ms


class OccurrenceReader:
    """Reads the inbox. Occurrences that are over and acknowledged are limited to the latest."""

    def __init__(self, engine: sa.Engine, *, site: str | None = None) -> None:
        self._engine = for_reading(engine)
        self._site = site
        self._kept: _Kept | None = None

    def all(self, now_ms: int) -> tuple[Occurrence, ...]:
        """Return what is open, the most severe first, and the latest closed ones; of equal ones the newest first."""
        asked = {"site": self._site, "now_ms": now_ms, "shelved_before_ms": now_ms + LONGEST_SHELVING_MS}
        with self._engine.begin() as connection:
            newest = tuple(connection.execute(_NEWEST).one())
            kept = self._kept
            if kept is not None and kept.holds(newest, now_ms):
                return kept.found
            rows = list(connection.execute(_OPEN_OF_SITE if self._site else _OPEN, asked))
            rows += connection.execute(_CLOSED_OF_SITE if self._site else _CLOSED, asked)
            shelved = connection.scalars(_SHELVED, asked).all()
        turns = (at_ms for until_ms in shelved for at_ms in (until_ms, until_ms - LONGEST_SHELVING_MS))
        holds_before_ms = min((at_ms for at_ms in turns if at_ms > now_ms), default=math.inf)
        found = tuple(sorted((_occurrence(row, now_ms) for row in rows), key=_urgency))
        self._kept = _Kept(newest, now_ms, holds_before_ms, found)
        return found

    def flood(self, now_ms: int) -> Flood | None:
        """Return how many alerts were raised of late, where that is a flood."""
        with self._engine.begin() as connection:
            raised, since_ms = connection.execute(
                _RAISED_OF_LATE, {"since_ms": now_ms - FLOOD_WITHIN_MS, "site": self._site}
            ).one()
        return Flood(raised, since_ms) if raised > FLOOD_OVER else None

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
        query = sa.select(journal).where(journal.c.occurrence_id == occurrence_id).order_by(journal.c.id)
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        struck = {row.strikes_id: row for row in rows if row.strikes_id is not None}
        return tuple(_entry(row, struck.get(row.id)) for row in rows if row.strikes_id is None)


def _entry(row: Any, struck: Any | None) -> JournalEntry:
    entry = JournalEntry(row.id, row.at_ms, row.author, row.action, row.note)
    if struck is None:
        return entry
    return replace(entry, struck_at_ms=struck.at_ms, struck_by=struck.author)


def count_by_state(occurrences: Sequence[Occurrence]) -> dict[State, int]:
    """Return how many occurrences are in each state."""
    counts = dict.fromkeys(State, 0)
    for one in occurrences:
        counts[one.state] += 1
    return counts


def _urgency(one: Occurrence) -> tuple[bool, bool, int]:
    """Return what sorts the most urgent first: what lasts, alarms, the newest.

    Not whether it was acknowledged: a row must not leave its place under the hands of whoever works on it.
    """
    lasts = one.over_at_ms is None and one.state is not State.SHELVED
    return not lasts, one.level != "alarm", -one.id


def _occurrence(row: Any, now_ms: int) -> Occurrence:
    try:
        return _readable(row, now_ms)
    except Exception as error:
        log.exception("the record of alert %s cannot be shown", row.id)
        return _unreadable(row, error)


def _unreadable(row: Any, error: Exception) -> Occurrence:
    """Return an alert of which nothing is known but where it is from: so it may be an alarm that lasts."""
    not_known = ("class_name", "escalated_at_ms", "over_at_ms", "acked_at_ms", "acked_by")
    values: dict[str, Any] = dict.fromkeys((*not_known, "shelved_until_ms", "shelved_by"))
    values |= {name: getattr(row, name) for name in ("id", "site", "device", "cause")}
    return Occurrence(
        **values,
        level="alarm",
        state=State.NEW,
        since_ms=0,
        cleared=False,
        last_event_id=0,
        newest_id=row.id,
        trouble=cannot_be_shown(error),
    )


def _readable(row: Any, now_ms: int) -> Occurrence:
    first_ms = _first_known(row.raised_at_ms, row.escalated_at_ms, row.cleared_at_ms)
    if first_ms is None:
        raise ValueError("none of its events is there")
    over_at_ms = _first_known(row.cleared_at_ms, row.ended_at_ms)
    chatters = row.times >= CHATTER_FROM
    acked = row.acked_at_ms is not None and (not row.unacked if chatters else _is_acked(row))
    return Occurrence(
        id=row.first_id if chatters else row.id,
        **{name: getattr(row, name) for name in ("site", "device", "cause", "class_name")},
        level=LEVELS[row.worst] if chatters else row.level,
        state=State.SHELVED if row.shelved else _state(acked, over_at_ms is not None),
        since_ms=first_ms,
        escalated_at_ms=row.escalated_at_ms,
        over_at_ms=over_at_ms,
        cleared=row.cleared_at_ms is not None,
        acked_at_ms=row.acked_at_ms if acked else None,
        acked_by=row.acked_by if acked else None,
        shelved_until_ms=row.shelved_until_ms if row.shelved else None,
        shelved_by=row.shelved_by if row.shelved else None,
        last_event_id=max(row.raised_id or 0, row.escalated_id or 0, row.cleared_id or 0),
        newest_id=row.id,
        times=row.times if chatters else 1,
        first_at_ms=row.first_at_ms if chatters else None,
    )


def _first_known(*at_ms: int | None) -> int | None:
    return next((one for one in at_ms if one is not None), None)


def _is_acked(row: Any) -> bool:
    return row.acked_level in (row.level, "alarm")


def _state(acked: bool, over: bool) -> State:
    if over:
        return State.CLOSED if acked else State.RETURNED
    return State.ACKNOWLEDGED if acked else State.NEW


_SITE = sa.bindparam("site", type_=sa.Text)
# Whoever changes an occurrence adds an alert, numbers a change of its sensor, or writes the journal.
_NEWEST = sa.select(
    *(sa.select(sa.func.max(table.c.id)).scalar_subquery() for table in (alert, journal)),
    sa.select(sa.func.max(device.c.changed_n)).scalar_subquery(),
)
_SHELVED = (
    sa.select(occurrence.c.shelved_until_ms)
    .where(IS_OPEN, occurrence.c.shelved_until_ms > sa.bindparam("now_ms"))
    .distinct()
)


def _open(*of_site: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the open occurrences; of those that are chatter the newest, for all of them."""
    shelved_until = occurrence.c.shelved_until_ms
    shelved = sa.and_(
        sa.func.coalesce(shelved_until, 0) > sa.bindparam("now_ms"),
        sa.func.coalesce(shelved_until, 0) <= sa.bindparam("shelved_before_ms"),
    )
    flag = sa.case((shelved, 1), else_=0)
    acked = sa.func.coalesce(occurrence.c.acked_level, "").in_([occurrence.c.level, "alarm"])
    alike = [*(occurrence.c[name] for name in ("site", "device", "cause")), flag]
    columns = (
        occurrence,
        flag.label("shelved"),
        sa.func.row_number().over(partition_by=alike, order_by=occurrence.c.id.desc()).label("rank"),
        sa.func.count().over(partition_by=alike).label("times"),
        sa.func.min(occurrence.c.id).over(partition_by=alike).label("first_id"),
        sa.func.max(sa.case((occurrence.c.level == "alarm", 1), else_=0))
        .over(partition_by=alike)
        .label("worst"),
        sa.func.sum(sa.case((acked, 0), else_=1)).over(partition_by=alike).label("unacked"),
    )
    found = sa.select(*columns).where(IS_OPEN, *of_site).subquery("found")
    return _with_events(found).where(sa.or_(found.c.rank == 1, found.c.times < CHATTER_FROM))


def _closed(*of_site: sa.ColumnElement[bool]) -> sa.Select[Any]:
    latest = sa.select(occurrence).where(sa.text(f"NOT {IS_OPEN.text}"), *of_site)
    latest = latest.order_by(occurrence.c.id.desc()).limit(CLOSED_SHOWN)
    alone = {"shelved": 0, "times": 1, "worst": 0, "unacked": 0}
    labels = [sa.literal(value).label(name) for name, value in alone.items()]
    closed = latest.subquery("latest")
    return _with_events(sa.select(closed, closed.c.id.label("first_id"), *labels).subquery("found"))


def _with_events(found: sa.Subquery) -> sa.Select[Any]:
    raised, escalated, cleared = (alert.alias(name) for name in ("raised", "escalated", "cleared"))
    first = occurrence.alias("first")
    began = sa.func.coalesce(first.c.raised_id, first.c.escalated_id, first.c.cleared_id)
    first_event = alert.alias("first_event")
    first_at_ms = sa.select(first_event.c.occurred_at_ms).join(first, began == first_event.c.id)
    first_at_ms = first_at_ms.where(first.c.id == found.c.first_id).correlate(found)
    named = sa.func.coalesce(escalated.c.class_name, raised.c.class_name, cleared.c.class_name)
    return (
        sa.select(
            found,
            raised.c.occurred_at_ms.label("raised_at_ms"),
            escalated.c.occurred_at_ms.label("escalated_at_ms"),
            cleared.c.occurred_at_ms.label("cleared_at_ms"),
            named.label("class_name"),
            sa.case((found.c.times >= CHATTER_FROM, first_at_ms.scalar_subquery())).label("first_at_ms"),
        )
        .outerjoin(raised, raised.c.id == found.c.raised_id)
        .outerjoin(escalated, escalated.c.id == found.c.escalated_id)
        .outerjoin(cleared, cleared.c.id == found.c.cleared_id)
    )


_OPEN, _OPEN_OF_SITE = _open(), _open(occurrence.c.site == _SITE)
_CLOSED, _CLOSED_OF_SITE = _closed(), _closed(occurrence.c.site == _SITE)
_latest = (
    sa.select(alert.c.received_at_ms)
    .where(alert.c.event == "raise", sa.or_(_SITE.is_(None), alert.c.site == _SITE))
    .order_by(alert.c.id.desc())
    .limit(FLOOD_COUNTED)
    .subquery("latest")
)
_RAISED_OF_LATE = sa.select(sa.func.count(), sa.func.min(_latest.c.received_at_ms)).where(
    _latest.c.received_at_ms > sa.bindparam("since_ms")
)
