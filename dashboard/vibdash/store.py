"""Writing what sensors say into the database, one transaction a batch of messages.

Whoever calls may acknowledge the messages of a batch when the call has returned: by then they are committed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from vibdash.messages import Alert, Identity, Malformed, Sensor, Status, parse, sensor_of_topic
from vibdash.opening import DatabaseError, be_the_only_writer
from vibdash.quarantining import store_refused
from vibdash.schema import ingest_link
from vibdash.settling import Ack, settle
from vibdash.storing_alerts import store_alert
from vibdash.storing_statuses import store_status
from vibdash.upsert import insert_or_update

log = logging.getLogger("vibdash.ingest")


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
        self._engine = engine

    def take(self, batch: Sequence[Received]) -> list[Ack]:
        """Commit the messages, all or none; return what may now be acknowledged to the devices.

        An alert is stored once however often it comes. A malformed message goes to quarantine, and settles the
        alert that it is if its identity can be read.
        """
        parsed = [(_parse(message), message) for message in batch]
        settled: list[tuple[Sensor, Identity]] = []
        with _transaction(self._engine) as connection:
            for said, message in parsed:
                settled += _store(connection, said, message)
            acks = [settle(connection, *alert) for alert in _last_of_each_boot(settled)]
        return [ack for ack in acks if ack is not None]

    def note_link(self, client_id: str, broker: str, connected: bool, detail: str, now_ms: int) -> None:
        """Say how this ingest stands with its broker; to be called often, as a sign of life."""
        with _transaction(self._engine) as connection:
            mine = ingest_link.c.client_id == client_id
            before = connection.execute(sa.select(ingest_link).where(mine)).one_or_none()
            values = {
                "broker": broker,
                "connected": connected,
                "detail": detail,
                "heartbeat_at_ms": now_ms,
                "since_ms": before.since_ms if before and before.connected == connected else now_ms,
            }
            insert_or_update(connection, ingest_link, {"client_id": client_id}, values)


@contextmanager
def _transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.begin() as connection:
            be_the_only_writer(connection)
            yield connection
    except SQLAlchemyError as error:
        raise DatabaseError(f"database: {_reason(error)}") from error


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _parse(message: Received) -> Status | Alert | Malformed | None:
    try:
        return parse(message.topic, message.payload)
    except Malformed as error:
        return error


def _store(
    connection: sa.Connection, said: Status | Alert | Malformed | None, message: Received
) -> list[tuple[Sensor, Identity]]:
    """Store one message; return the alert that it settles, if it is one."""
    match said:
        case Status():
            store_status(connection, said, message.at_ms, repeated=message.repeated)
        case Alert():
            store_alert(connection, said, message.at_ms)
            return [(said.sensor, said.identity)]
        case Malformed():
            log.warning("quarantined a message on %s: %s", message.topic, said.reason)
            sensor = sensor_of_topic(message.topic)
            store_refused(connection, message.topic, message.payload, said, message.at_ms)
            if sensor is not None and said.identity is not None:
                return [(sensor, said.identity)]
    return []


def _last_of_each_boot(settled: list[tuple[Sensor, Identity]]) -> list[tuple[Sensor, Identity]]:
    """Return of each boot the alert with the highest seq: the ack for it covers those for the others."""
    last: dict[tuple[Sensor, int], tuple[Sensor, Identity]] = {}
    for sensor, identity in settled:
        key = (sensor, identity.boot)
        if key not in last or identity.seq >= last[key][1].seq:
            last[key] = (sensor, identity)
    return list(last.values())
