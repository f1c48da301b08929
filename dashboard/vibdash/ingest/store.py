"""Writing what sensors say into the database, one transaction a batch of messages.

Whoever calls may acknowledge the messages of a batch when the call has returned: by then they are committed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from vibdash.database.opening import DatabaseError, for_reading, reason_of, writing
from vibdash.database.schema import ingest_link
from vibdash.database.upsert import insert_or_update
from vibdash.ingest.acknowledgement import Ack, settle
from vibdash.ingest.alerts import store_alerts
from vibdash.ingest.quarantine import store_refused
from vibdash.ingest.replies import store_reply
from vibdash.ingest.statuses import store_statuses
from vibdash.protocol.messages import (
    Alert,
    Identity,
    Malformed,
    Reply,
    Sensor,
    Status,
    parse,
    sensor_of_topic,
)
from vibdash.read.host import INGEST_DEAD_AFTER_MS

log = logging.getLogger("vibdash.ingest")
Said = Status | Alert | Reply | Malformed | None


@dataclass(frozen=True)
class Received:
    """A message as it came. `repeated`: it was retained or delivered before, so it may be an old one."""

    topic: str
    payload: bytes
    at_ms: int
    repeated: bool = False


class Store:
    """The one writer of an ingest process. Every method raises DatabaseError when nothing was stored."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def take(self, batch: Sequence[Received]) -> list[Ack]:
        """Commit the messages, all or none; return what may now be acknowledged to the devices.

        An alert is stored once however often it comes. A malformed message goes to quarantine, and settles the
        alert that it is if its identity can be read.
        """
        parsed = [(_parse(message), message) for message in batch]
        try:
            return self._take(parsed)
        except Exception as error:
            if not _is_of_a_message(error):
                raise
            if len(batch) > 1:  # whichever it is must not keep the others out
                return [ack for message in batch for ack in self.take([message])]
            log.exception("cannot store a message on %s", batch[0].topic)
            return self._take([(_unstorable(error, parsed[0][0]), batch[0])])

    def _take(self, parsed: Sequence[tuple[Said, Received]]) -> list[Ack]:
        with writing(self.engine) as connection:
            settled: list[tuple[Sensor, Identity]] = []
            statuses = [(said, msg.at_ms, msg.repeated) for said, msg in parsed if isinstance(said, Status)]
            store_statuses(connection, statuses)
            for said, message in parsed:
                if isinstance(said, Reply):
                    settled += _take_reply(connection, said, message)
                elif isinstance(said, Malformed):
                    settled += _refuse(connection, said, message)
            alerts = [(said, message.at_ms) for said, message in parsed if isinstance(said, Alert)]
            store_alerts(connection, alerts)
            settled += [(said.sensor, said.identity) for said, _ in alerts]
            return settle(connection, settled)

    def note_link(
        self,
        client_id: str,
        broker: str,
        connected: bool,
        detail: str,
        now_ms: int,
        process: str | None = None,
    ) -> None:
        """Say how this ingest stands with its broker; to be called often, as a sign of life.

        `process`: which one this is. One that is not connected says nothing over one that is, of the same client id.
        """
        with writing(self.engine) as connection:
            before = connection.execute(_LINK, {"client_id": client_id}).one_or_none()
            if not connected and before is not None and _is_held(before, process, now_ms):
                return
            values = {
                "broker": broker,
                "connected": connected,
                "detail": detail,
                "heartbeat_at_ms": now_ms,
                "since_ms": before.since_ms if before and before.connected == connected else now_ms,
                "process": process,
            }
            insert_or_update(connection, ingest_link, {"client_id": client_id}, values)

    def holder(self, client_id: str, process: str, now_ms: int) -> str | None:
        """Return which other process has been connected under a client id of late, None where none has."""
        with for_reading(self.engine).begin() as connection:
            row = connection.execute(_LINK, {"client_id": client_id}).one_or_none()
        return str(row.process) if row is not None and _is_held(row, process, now_ms) else None


_LINK = sa.select(ingest_link).where(ingest_link.c.client_id == sa.bindparam("client_id"))


def _is_held(row: Any, process: str | None, now_ms: int) -> bool:
    alive = row.connected and abs(now_ms - row.heartbeat_at_ms) <= INGEST_DEAD_AFTER_MS
    return bool(alive and process is not None and row.process not in (None, process))


def _is_of_a_message(error: Exception) -> bool:
    """Return whether a message cannot be stored as it is; else the database does not take anything now."""
    if isinstance(error, DatabaseError):
        return isinstance(error.__cause__, DataError | IntegrityError)
    return not isinstance(error, OSError | MemoryError)


def _unstorable(error: Exception, said: Said) -> Malformed:
    reason = reason_of(error.__cause__ or error)
    identity = said.identity if isinstance(said, Alert | Malformed) else None
    return Malformed(f"cannot be stored: {type(error).__name__}: {reason}"[:300], identity)


def _parse(message: Received) -> Said:
    try:
        return parse(message.topic, message.payload)
    except Malformed as error:
        return error


def _take_reply(connection: sa.Connection, said: Reply, message: Received) -> list[tuple[Sensor, Identity]]:
    try:
        store_reply(connection, said, message.at_ms)
    except Malformed as error:
        return _refuse(connection, error, message)
    return []


def _refuse(connection: sa.Connection, error: Malformed, message: Received) -> list[tuple[Sensor, Identity]]:
    """Put a message in quarantine; return the alert that it settles, if it is one."""
    log.warning("quarantined a message on %s: %s", message.topic, error.reason)
    store_refused(connection, message.topic, message.payload, error, message.at_ms)
    sensor = sensor_of_topic(message.topic)
    return [(sensor, error.identity)] if sensor is not None and error.identity is not None else []
