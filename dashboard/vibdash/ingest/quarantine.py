"""Keeping what was refused, with the reason: once, however often it comes."""

from __future__ import annotations

import hashlib
from functools import cache

import sqlalchemy as sa

from vibdash.database.schema import quarantine
from vibdash.database.upsert import insert
from vibdash.protocol.messages import Malformed, sensor_of_topic

QUARANTINED_BYTES = 4096


def store_refused(
    connection: sa.Connection, topic: str, payload: bytes, error: Malformed, received_at_ms: int
) -> None:
    """Put a message in quarantine, or count it once more if it is there."""
    sensor, identity = sensor_of_topic(topic), error.identity
    row = {
        "topic": topic,
        "digest": hashlib.sha256(payload).hexdigest(),
        "payload": payload[:QUARANTINED_BYTES],
        "reason": error.reason,
        "times": 1,
        "first_at_ms": received_at_ms,
        "last_at_ms": received_at_ms,
        "site": sensor.site if sensor else None,
        "device": sensor.device if sensor else None,
        "boot": identity.boot if identity else None,
        "seq": identity.seq if identity else None,
    }
    connection.execute(_insert_or_count(connection.dialect.name), row)


@cache
def _insert_or_count(dialect: str) -> sa.Insert:
    statement = insert(dialect, quarantine)
    again = {"times": quarantine.c.times + 1, "last_at_ms": statement.excluded.last_at_ms}
    return statement.on_conflict_do_update(index_elements=["topic", "digest"], set_=again)
