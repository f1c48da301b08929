"""What is to be told, in the database: planned once for each alert, kept until it is delivered.

Planning and delivering are transactions of their own, so a crash between the delivery and its note means that it is
told twice, never that it is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading, writing
from vibdash.database.schema import alert, notification, notified_up_to, occurrence
from vibdash.database.upsert import insert
from vibdash.notify.channels import Told
from vibdash.notify.rules import Rule
from vibdash.protocol.own_alerts import THIS_HOST
from vibdash.wording import LEVEL_WORDS, describe_cause

ALERTS_AT_ONCE = 500
TOLD_AT_ONCE = 50
FIRST_RETRY_MS = 5_000
LAST_RETRY_MS = 3_600_000
GIVE_UP_AFTER_MS = 7 * 86_400_000
EVENT, UNACKNOWLEDGED = "event", "unacknowledged"
_EVENT_WORDS = {"raise": "raised", "escalate": "now an alarm", "clear": "over"}


class Notifications:
    """Reads and writes what is to be told. Times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine, rules: Sequence[Rule]) -> None:
        self._engine = engine
        self._rules = rules

    def begin(self) -> None:
        """Begin with what comes from now on, if these rules have never run on this database."""
        with writing(self._engine) as connection:
            if connection.scalar(sa.select(notified_up_to.c.id)) is None:
                newest = connection.scalar(sa.select(sa.func.max(alert.c.id))) or 0
                connection.execute(notified_up_to.insert(), {"id": 1, "alert_id": newest})

    def plan(self, now_ms: int) -> int:
        """Ask the rules about the alerts that have come since; return how many there were."""
        with for_reading(self._engine).begin() as connection:
            done = connection.scalar(sa.select(notified_up_to.c.alert_id)) or 0
            arrived = connection.execute(_ARRIVED, {"done": done}).all()
        if arrived:
            rows = [row for one in arrived for rule in self._rules for row in _planned(rule, one, now_ms)]
            self._add(rows, arrived[-1].id)
        return len(arrived)

    def plan_late(self, now_ms: int) -> int:
        """Plan to tell others of what nobody has acknowledged in time; return how much that is."""
        with for_reading(self._engine).begin() as connection:
            rows = [row for rule in self._rules for row in _late(connection, rule, now_ms)]
        if rows:
            self._add(rows)
        return len(rows)

    def _add(self, rows: list[dict[str, Any]], done: int = 0) -> None:
        with writing(self._engine) as connection:
            if rows:
                connection.execute(_insert_new(connection.dialect.name), rows)
            forward = notified_up_to.c.alert_id < done
            connection.execute(notified_up_to.update().where(forward).values(alert_id=done))

    def due(self, channel: str, now_ms: int) -> list[tuple[int, Told]]:
        """Return what a channel has to tell now, oldest first, each with the id by which it is noted."""
        with for_reading(self._engine).begin() as connection:
            found = connection.execute(_DUE, {"this_channel": channel, "now_ms": now_ms})
            return [(row.notification_id, _told(row)) for row in found]

    def note_delivered(self, ids: Sequence[int], now_ms: int) -> None:
        """These have been told."""
        self._update(ids, {"ended_at_ms": now_ms, "delivered": True})

    def note_failure(self, ids: Sequence[int], reason: str, now_ms: int) -> None:
        """These could not be told: they are due again later, and given up after a week."""
        doublings = sa.case((notification.c.failures < 10, notification.c.failures), else_=10)
        wait_ms = sa.cast(FIRST_RETRY_MS, sa.BigInteger).op("<<")(doublings)
        limited_ms = sa.case((wait_ms < LAST_RETRY_MS, wait_ms), else_=LAST_RETRY_MS)
        values = {
            "failures": notification.c.failures + 1,
            "last_failure": reason,
            "due_at_ms": now_ms + limited_ms,
        }
        self._update(ids, values)
        old = sa.and_(notification.c.id.in_(ids), notification.c.planned_at_ms < now_ms - GIVE_UP_AFTER_MS)
        with writing(self._engine) as connection:
            connection.execute(notification.update().where(old).values(ended_at_ms=now_ms, delivered=False))

    def _update(self, ids: Sequence[int], values: dict[str, Any]) -> None:
        with writing(self._engine) as connection:
            connection.execute(notification.update().where(notification.c.id.in_(ids)).values(values))


def _planned(rule: Rule, one: Any, now_ms: int) -> list[dict[str, Any]]:
    shelved = one.shelved_until_ms is not None and one.shelved_until_ms > now_ms
    if shelved or not rule.applies(one):
        return []
    due_at_ms = rule.quiet.end_ms(now_ms) if rule.quiet else now_ms
    return [_row(rule, name, EVENT, one.id, one.occurrence_id, now_ms, due_at_ms) for name in rule.channels]


def _late(connection: sa.Connection, rule: Rule, now_ms: int) -> list[dict[str, Any]]:
    """Return what a rule has to tell because nobody has acknowledged what it told before."""
    if rule.unacknowledged_after_ms is None:
        return []
    asked = {"this_rule": rule.name, "now_ms": now_ms, "before_ms": now_ms - rule.unacknowledged_after_ms}
    found = connection.execute(_UNACKNOWLEDGED, asked)
    return [
        _row(rule, name, UNACKNOWLEDGED, row.alert_id, row.occurrence_id, now_ms, now_ms)
        for row in found
        for name in rule.unacknowledged_channels
    ]


def _row(
    rule: Rule, channel: str, reason: str, alert_id: int, occurrence_id: int, now_ms: int, due_at_ms: int
) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "channel": channel,
        "reason": reason,
        "alert_id": alert_id,
        "occurrence_id": occurrence_id,
        "planned_at_ms": now_ms,
        "due_at_ms": due_at_ms,
        "failures": 0,
    }


def _told(row: Any) -> Told:
    what = describe_cause(row.cause, row.class_name)
    event = "not acknowledged" if row.reason == UNACKNOWLEDGED else _EVENT_WORDS[row.event]
    where = f"{row.device} ({row.site})" if row.device != THIS_HOST else "this host"
    line = f"{LEVEL_WORDS[row.level]} on {where}: {what}, {event}"
    names = ("site", "device", "boot", "seq", "event", "level", "cause", "class_name", "score", "threshold")
    fields = {
        name: getattr(row, name) for name in (*names, "occurred_at_ms", "occurrence_id", "rule", "reason")
    }
    return Told(line, row.level, {**fields, "text": line})


@cache
def _insert_new(dialect: str) -> sa.Insert:
    identity = ["rule", "channel", "reason", "alert_id"]
    return insert(dialect, notification).on_conflict_do_nothing(index_elements=identity)


_OF_ALERT = sa.or_(
    occurrence.c.raised_id == alert.c.id,
    occurrence.c.escalated_id == alert.c.id,
    occurrence.c.cleared_id == alert.c.id,
)
_SAME_SENSOR = sa.and_(
    occurrence.c.site == alert.c.site,
    occurrence.c.device == alert.c.device,
    occurrence.c.cause == alert.c.cause,
)
_ARRIVED = (
    sa.select(alert, occurrence.c.id.label("occurrence_id"), occurrence.c.shelved_until_ms)
    .join(occurrence, sa.and_(_SAME_SENSOR, _OF_ALERT))
    .where(alert.c.id > sa.bindparam("done"))
    .order_by(alert.c.id)
    .limit(ALERTS_AT_ONCE)
)
_DUE = (
    sa.select(
        notification.c.id.label("notification_id"),
        notification.c.rule,
        notification.c.reason,
        notification.c.occurrence_id,
        *(column for column in alert.c if column.name != "id"),
    )
    .join(alert, alert.c.id == notification.c.alert_id)
    .where(notification.c.channel == sa.bindparam("this_channel"), notification.c.ended_at_ms.is_(None))
    .where(
        sa.or_(
            notification.c.due_at_ms <= sa.bindparam("now_ms"),
            notification.c.due_at_ms > sa.bindparam("now_ms") + GIVE_UP_AFTER_MS,  # by a clock that was ahead
        )
    )
    .order_by(notification.c.id)
    .limit(TOLD_AT_ONCE)
)
_later = notification.alias("later")
_UNACKNOWLEDGED = (
    sa.select(sa.func.max(notification.c.alert_id).label("alert_id"), notification.c.occurrence_id)
    .join(occurrence, occurrence.c.id == notification.c.occurrence_id)
    .where(notification.c.rule == sa.bindparam("this_rule"), notification.c.reason == EVENT)
    .where(notification.c.planned_at_ms <= sa.bindparam("before_ms"))
    .where(
        sa.or_(
            occurrence.c.acked_level.is_(None), occurrence.c.acked_level.not_in([occurrence.c.level, "alarm"])
        )
    )
    .where(sa.func.coalesce(occurrence.c.shelved_until_ms, 0) <= sa.bindparam("now_ms"))
    .where(
        ~sa.exists(
            sa.select(_later.c.id)
            .where(_later.c.rule == notification.c.rule, _later.c.reason == UNACKNOWLEDGED)
            .where(_later.c.occurrence_id == notification.c.occurrence_id)
            .where(_later.c.alert_id >= notification.c.alert_id)
        )
    )
    .group_by(notification.c.occurrence_id)
)
