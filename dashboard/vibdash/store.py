"""Writing what sensors say into the database, one transaction a message.

Whoever calls may acknowledge a message when the call has returned: by then it is committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from vibdash.dating import boot_row, date_alert, is_sensor, note_clock, read_clock
from vibdash.messages import Alert, Identity, Malformed, Measured, Sensor, Status
from vibdash.schema import (
    DatabaseError,
    alert,
    boot,
    cause,
    device,
    ingest_link,
    quarantine,
    status_history,
    threshold,
)
from vibdash.settling import Ack, same_life, settle

QUARANTINED_BYTES = 4096
_NOT_IN_DEVICE_ROW = ("time", "time_quality", "bytes_sampled", "bytes_sent")
_NOT_THE_SAME = "boot {} and seq {} are those of another alert: boot counter lost, or two devices of one name"


class Store:
    """The one writer of an ingest process. Every method raises DatabaseError when nothing was stored."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take_status(self, status: Status, received_at_ms: int, *, repeated: bool = False) -> None:
        """Commit a status. `repeated`: it was retained or delivered before, so it may be an old one."""
        with _transaction(self._engine) as connection:
            _store_status(connection, status, received_at_ms, repeated)

    def take_alert(self, new: Alert, received_at_ms: int) -> Ack | None:
        """Commit an alert, once however often it comes; return what may now be acknowledged to the device."""
        with _transaction(self._engine) as connection:
            _store_alert(connection, new, received_at_ms)
            return settle(connection, new.sensor, new.identity)

    def take_malformed(
        self, topic: str, payload: bytes, error: Malformed, sensor: Sensor | None, received_at_ms: int
    ) -> Ack | None:
        """Commit a refused message to quarantine; an alert with a readable identity is settled by it."""
        with _transaction(self._engine) as connection:
            _store_malformed(connection, topic, payload, error, sensor, received_at_ms)
            if sensor is None or error.identity is None:
                return None
            return settle(connection, sensor, error.identity)

    def note_link(self, client_id: str, broker: str, connected: bool, detail: str, now_ms: int) -> None:
        """Say how this ingest stands with its broker; to be called often, as a sign of life."""
        with _transaction(self._engine) as connection:
            mine = ingest_link.c.client_id == client_id
            before = connection.execute(sa.select(ingest_link).where(mine)).one_or_none()
            values: dict[str, Any] = {
                "broker": broker,
                "connected": connected,
                "detail": detail,
                "heartbeat_at_ms": now_ms,
            }
            if before is None:
                values |= {"client_id": client_id, "since_ms": now_ms}
                connection.execute(ingest_link.insert().values(values))
                return
            since_ms = before.since_ms if before.connected == connected else now_ms
            connection.execute(ingest_link.update().where(mine).values(since_ms=since_ms, **values))


@contextmanager
def _transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise DatabaseError(f"database: {_reason(error)}") from error


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _store_status(connection: sa.Connection, status: Status, received_at_ms: int, repeated: bool) -> None:
    known = connection.execute(sa.select(device).where(is_sensor(device, status.sensor))).one_or_none()
    if known is not None and _is_old(status, known, repeated):
        return
    values = _device_values(status, known, received_at_ms, repeated)
    if known is None:
        connection.execute(device.insert().values(**vars(status.sensor), **values))
    else:
        connection.execute(device.update().where(is_sensor(device, status.sensor)).values(**values))
    if status.measured is not None:
        _note_boot(connection, status.sensor, status.boot, status.measured)
        offset_ms, source = read_clock(status.measured, None if repeated else received_at_ms)
        note_clock(connection, status.sensor, status.boot, offset_ms, source)
    connection.execute(status_history.insert().values(_history_values(status, received_at_ms)))


def _is_old(status: Status, known: Any, repeated: bool) -> bool:
    if not same_life(status.boot, known.boot):
        return False
    if status.state == "offline" and status.boot < known.boot:
        return True  # the last will of a run that a later one has replaced
    if not repeated:
        return False
    if status.measured is None:
        return status.boot == known.boot and bool(known.state == "offline")
    return (status.boot, status.measured.uptime_ms) <= (known.boot, known.uptime_ms or 0)


def _device_values(status: Status, known: Any, received_at_ms: int, repeated: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"state": status.state, "why": status.why, "boot": status.boot}
    if known is None or known.state != status.state:
        values["state_since_ms"] = received_at_ms
    heard_at_ms = _heard_at_ms(status, received_at_ms, repeated)
    if heard_at_ms is not None:
        values["heard_at_ms"] = heard_at_ms
    if status.measured is not None:
        values |= {k: v for k, v in vars(status.measured).items() if k not in _NOT_IN_DEVICE_ROW}
        values["active"] = list(status.measured.active)
    return values


def _heard_at_ms(status: Status, received_at_ms: int, repeated: bool) -> int | None:
    """Return when the device said this, None where unknown.

    A will is the broker speaking. A retained or queued message may be hours old, so a device clock set by NTP
    is believed when it says earlier than now.
    """
    if status.why == "will":
        return None
    measured = status.measured
    if measured is not None and measured.time is not None and (repeated or measured.time_quality == "ntp"):
        return min(received_at_ms, measured.time * 1000 + 999)
    return None if repeated else received_at_ms


def _history_values(status: Status, received_at_ms: int) -> dict[str, Any]:
    values = {"state": status.state, "why": status.why, "boot": status.boot, "received_at_ms": received_at_ms}
    if status.measured is not None:
        columns = status_history.c.keys()
        values |= {k: v for k, v in vars(status.measured).items() if k in columns}
    return {**vars(status.sensor), **values}


def _note_boot(connection: sa.Connection, sensor: Sensor, number: int, measured: Measured) -> None:
    """Keep the highest byte counts of each boot, so that a repeated status counts nothing twice."""
    row = boot_row(connection, sensor, number)
    connection.execute(
        boot.update()
        .where(is_sensor(boot, sensor), boot.c.boot == number)
        .values(
            bytes_sampled=max(row.bytes_sampled, measured.bytes_sampled),
            bytes_sent=max(row.bytes_sent, measured.bytes_sent),
        )
    )


def _store_alert(connection: sa.Connection, new: Alert, received_at_ms: int) -> None:
    sensor, identity = new.sensor, new.identity
    stored = connection.execute(
        sa.select(alert).where(
            is_sensor(alert, sensor), alert.c.boot == identity.boot, alert.c.seq == identity.seq
        )
    ).one_or_none()
    if stored is not None:
        _note_repetition(connection, new, stored, received_at_ms)
        return
    offset_ms, source = read_clock(new, None if new.replay else received_at_ms)
    if new.time is not None:
        note_clock(connection, sensor, identity.boot, offset_ms, source)
    connection.execute(alert.insert().values(_alert_values(connection, new, received_at_ms)))
    _note_cause(connection, new)
    _note_threshold(connection, new)
    _note_heard(connection, new, received_at_ms)


def _note_cause(connection: sa.Connection, new: Alert) -> None:
    mine = sa.and_(is_sensor(cause, new.sensor), cause.c.cause == new.cause)
    last = connection.execute(sa.select(cause.c.boot, cause.c.seq).where(mine)).one_or_none()
    at = {"boot": new.identity.boot, "seq": new.identity.seq}
    if last is None:
        connection.execute(cause.insert().values(**vars(new.sensor), cause=new.cause, **at))
    elif not same_life(new.identity.boot, last.boot) or (new.identity.boot, new.identity.seq) > last:
        connection.execute(cause.update().where(mine).values(at))


def _note_threshold(connection: sa.Connection, new: Alert) -> None:
    if new.cause != "anomaly" or new.event == "clear" or new.model is None or new.threshold is None:
        return
    key = {**vars(new.sensor), "model": new.model, "level": new.level}
    connection.execute(threshold.delete().where(*(threshold.c[name] == value for name, value in key.items())))
    connection.execute(threshold.insert().values(**key, score=new.threshold))


def _note_heard(connection: sa.Connection, new: Alert, received_at_ms: int) -> None:
    """A fresh alert is a sign of life; a sensor whose status never came is listed all the same."""
    known = connection.execute(sa.select(device).where(is_sensor(device, new.sensor))).one_or_none()
    heard_at_ms = None if new.replay else _alert_heard_at_ms(new, received_at_ms)
    if known is None:
        values = {
            "state": "unknown",
            "state_since_ms": received_at_ms,
            "why": "alert",
            "boot": new.identity.boot,
        }
        connection.execute(device.insert().values(**vars(new.sensor), **values, heard_at_ms=heard_at_ms))
    elif heard_at_ms is not None and heard_at_ms > (known.heard_at_ms or 0):
        connection.execute(
            device.update().where(is_sensor(device, new.sensor)).values(heard_at_ms=heard_at_ms)
        )


def _alert_heard_at_ms(new: Alert, received_at_ms: int) -> int:
    if new.time is not None and new.time_quality == "ntp":
        return min(received_at_ms, new.time * 1000 + 999)
    return received_at_ms


def _alert_values(connection: sa.Connection, new: Alert, received_at_ms: int) -> dict[str, Any]:
    occurred_at_ms, occurred_from = date_alert(connection, new, received_at_ms)
    columns = ("replay", "uptime_ms", "time_quality", "event", "level", "cause", "score", "threshold")
    return {
        **vars(new.sensor),
        **vars(new.identity),
        **{column: getattr(new, column) for column in columns},
        "received_at_ms": received_at_ms,
        "occurred_at_ms": occurred_at_ms,
        "occurred_from": occurred_from,
        "time_s": new.time,
        "class_name": new.class_name,
        "model": new.model,
        "features": [list(feature) for feature in new.features],
        "spectrum": {**vars(new.spectrum), "levels": list(new.spectrum.levels)} if new.spectrum else None,
    }


def _note_repetition(connection: sa.Connection, new: Alert, stored: Any, received_at_ms: int) -> None:
    if all(getattr(new, name) == getattr(stored, name) for name in ("uptime_ms", "event", "cause", "level")):
        return
    error = Malformed(_NOT_THE_SAME.format(new.identity.boot, new.identity.seq), new.identity)
    payload = repr(new).encode()
    _store_malformed(connection, new.sensor.topic("alert"), payload, error, new.sensor, received_at_ms)


def _store_malformed(
    connection: sa.Connection,
    topic: str,
    payload: bytes,
    error: Malformed,
    sensor: Sensor | None,
    received_at_ms: int,
) -> None:
    digest = hashlib.sha256(payload).hexdigest()
    same = sa.and_(quarantine.c.topic == topic, quarantine.c.digest == digest)
    again = connection.execute(
        quarantine.update().where(same).values(times=quarantine.c.times + 1, last_at_ms=received_at_ms)
    )
    if again.rowcount:
        return
    identity: Identity | None = error.identity
    connection.execute(
        quarantine.insert().values(
            topic=topic,
            digest=digest,
            payload=payload[:QUARANTINED_BYTES],
            reason=error.reason,
            times=1,
            first_at_ms=received_at_ms,
            last_at_ms=received_at_ms,
            site=sensor.site if sensor else None,
            device=sensor.device if sensor else None,
            boot=identity.boot if identity else None,
            seq=identity.seq if identity else None,
        )
    )
