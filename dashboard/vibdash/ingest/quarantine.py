"""Keeping what was refused, with the reason: once, however often it comes, and only so much of each device."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.schema import quarantine
from vibdash.database.upsert import insert
from vibdash.protocol.messages import Malformed, Sensor, sensor_of_topic

QUARANTINED_BYTES = 4096
MOST_OF_DEVICE = 1000  # more than a device can have waiting, so that what is not acknowledged yet stays
EARLIER = ""  # the digest of the row that counts those of a topic that were put out


def store_refused(
    connection: sa.Connection, topic: str, payload: bytes, error: Malformed, received_at_ms: int
) -> None:
    """Put a message in quarantine, or count it once more if it is there."""
    sensor, identity = sensor_of_topic(topic), error.identity
    row: dict[str, Any] = {
        "topic": topic,
        "digest": hashlib.sha256(payload).hexdigest(),
        "payload": payload[:QUARANTINED_BYTES],
        "reason": error.reason,
        "times": 1,
        "first_at_ms": received_at_ms,
        "last_at_ms": received_at_ms,
        **_of(sensor),
    }
    if identity is not None:
        row |= {"boot": identity.boot, "seq": identity.seq}
    connection.execute(_insert_or_count(connection.dialect.name), row)
    _put_out_oldest(connection, sensor)


def _put_out_oldest(connection: sa.Connection, sensor: Sensor | None) -> None:
    """Keep of each device, and of all topics that are no device's, the latest; count the others."""
    kept = quarantine.c
    mine = sa.and_(kept.site.is_(None), kept.digest != EARLIER)
    if sensor is not None:
        mine = sa.and_(kept.site == sensor.site, kept.device == sensor.device, kept.digest != EARLIER)
    count = connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
    if count <= MOST_OF_DEVICE:
        return
    oldest = sa.select(kept.id).where(mine).order_by(kept.last_at_ms, kept.id).limit(count - MOST_OF_DEVICE)
    ids = connection.scalars(oldest).all()
    by_topic = sa.select(
        kept.topic, sa.func.sum(kept.times), sa.func.min(kept.first_at_ms), sa.func.max(kept.last_at_ms)
    )
    for topic, times, first_at_ms, last_at_ms in connection.execute(
        by_topic.where(kept.id.in_(ids)).group_by(kept.topic)
    ).all():
        counted: dict[str, Any] = {"topic": topic if sensor else "", "digest": EARLIER, "payload": b""}
        counted |= {"reason": "earlier ones, no longer kept", "times": times}
        counted |= {"first_at_ms": first_at_ms, "last_at_ms": last_at_ms}
        connection.execute(_insert_or_count(connection.dialect.name), _of(sensor) | counted)
    connection.execute(quarantine.delete().where(kept.id.in_(ids)))


def _of(sensor: Sensor | None) -> dict[str, Any]:
    named = sensor._asdict() if sensor is not None else {"site": None, "device": None}
    return {**named, "boot": None, "seq": None}


@cache
def _insert_or_count(dialect: str) -> sa.Insert:
    statement = insert(dialect, quarantine)
    again = {
        "times": quarantine.c.times + statement.excluded.times,
        "last_at_ms": statement.excluded.last_at_ms,
    }
    return statement.on_conflict_do_update(index_elements=["topic", "digest"], set_=again)
