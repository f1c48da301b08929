"""The keys with which commands to devices are signed (SPEC.md 3.4). They stay in the database of this host."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from vibnode.signing import KEY_BYTES

from vibdash.database.opening import for_reading, writing
from vibdash.database.schema import command_key
from vibdash.database.upsert import insert_or_update
from vibdash.protocol.messages import Sensor

LARGEST_N = 2**53 - 1


@dataclass(frozen=True)
class NextCommand:
    """What the next command to a device is signed and counted with."""

    key: bytes
    n: int


class CommandKeys:
    """Makes and removes keys. Times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def make(self, sensor: Sensor, now_ms: int) -> bytes:
        """Return a new key for a device; the one it had is no longer used."""
        key = secrets.token_bytes(KEY_BYTES)
        with writing(self._engine) as connection:
            # The counter starts at the clock: a device that took commands before goes on from there.
            values = {"key": key, "last_n": 0, "created_at_ms": now_ms}
            insert_or_update(connection, command_key, sensor._asdict(), values)
        return key

    def remove(self, sensor: Sensor) -> None:
        """Forget a device's key: no command can be sent to it."""
        with writing(self._engine) as connection:
            connection.execute(command_key.delete().where(_of(sensor)))

    def has(self, sensor: Sensor) -> bool:
        """Return whether a device has a key here."""
        with for_reading(self._engine).begin() as connection:
            return connection.scalar(sa.select(command_key.c.site).where(_of(sensor))) is not None

    def all(self) -> dict[Sensor, int]:
        """Return the devices that have a key, and when it was made."""
        with for_reading(self._engine).begin() as connection:
            rows = connection.execute(
                sa.select(command_key).order_by(command_key.c.site, command_key.c.device)
            )
            return {Sensor(row.site, row.device): row.created_at_ms for row in rows}


def take_next(connection: sa.Connection, sensor: Sensor, now_ms: int) -> NextCommand | None:
    """Return key and counter for a command, None without a key. Counted for good when the transaction ends."""
    row = connection.execute(sa.select(command_key).where(_of(sensor))).one_or_none()
    if row is None:
        return None
    n = min(max(now_ms, row.last_n + 1), LARGEST_N)
    connection.execute(command_key.update().where(_of(sensor)).values(last_n=n))
    return NextCommand(row.key, n)


def skip_to(connection: sa.Connection, sensor: Sensor, next_n: int) -> None:
    """Go on from the counter that the device says comes next."""
    last = sa.case((command_key.c.last_n < next_n - 1, next_n - 1), else_=command_key.c.last_n)
    connection.execute(command_key.update().where(_of(sensor)).values(last_n=last))


def _of(sensor: Sensor) -> sa.ColumnElement[Any]:
    return sa.and_(command_key.c.site == sensor.site, command_key.c.device == sensor.device)
