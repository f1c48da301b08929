"""Which alerts a device may forget: the acknowledgement of SPEC.md 3.3.

A device keeps its alerts in an outbox and numbers them: `seq` is 1 in a new outbox and goes up by one an
alert, through reboots; `boot` counts its starts. So within one outbox a higher seq never has a lower boot.
A device whose flash was lost begins a new outbox at seq 1, and the seqs repeat. It takes a random multiple
of 1000, plus 1, for its first boot then, so that boots 1000 or more apart are not of one life of the
device.

Each alert says `oldest`, the lowest seq that the device still holds: what is lower has been acknowledged
before, or was dropped for want of room, and will never come. From there on up, a seq is settled when its
alert is stored, or is in quarantine (it was refused, and sending it again would not help). The ack is the
highest seq up to which all are settled, and carries the boot of the alert with that seq.

Only alerts that can be of the same outbox count: boots less than 1000 away, and not higher for a lower seq,
nor lower for a higher one. So leftovers of an earlier outbox settle nothing in a new one, even where its
boots just go on from the old ones; and a device knows an ack for an earlier outbox by its boot. This relies
on devices sending the oldest alert first.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from vibdash.messages import Identity, Sensor
from vibdash.schema import alert, quarantine

BOOTS_OF_ONE_LIFE = 1000


@dataclass(frozen=True)
class Ack:
    """Every alert of the sensor's outbox up to and including `seq` is settled."""

    sensor: Sensor
    boot: int
    seq: int


def same_life(boot: int, other_boot: int) -> bool:
    """Return whether two boots of a device can lie between the same two losses of its flash."""
    return abs(boot - other_boot) < BOOTS_OF_ONE_LIFE


def settle(connection: sa.Connection, sensor: Sensor, identity: Identity) -> Ack | None:
    """Return what may be acknowledged now that this alert is stored, None while nothing may.

    Must run in the transaction that stores the alert.
    """
    held_from = max(identity.oldest, _highest_oldest(connection, sensor, identity))
    settled_seq, settled_boot = held_from - 1, None
    for seq, boot in _stored_from(connection, sensor, identity, held_from):
        if seq > settled_seq + 1:
            break
        settled_seq, settled_boot = seq, boot
    return None if settled_boot is None else Ack(sensor, settled_boot, settled_seq)


def _highest_oldest(connection: sa.Connection, sensor: Sensor, identity: Identity) -> int:
    """Return the lowest seq still held as the latest alerts say; this one may be an old repetition."""
    later = _later(alert, identity)
    return connection.scalar(sa.select(sa.func.max(alert.c.oldest)).where(_of(alert, sensor), later)) or 1


def _stored_from(
    connection: sa.Connection, sensor: Sensor, identity: Identity, first_seq: int
) -> list[tuple[int, int]]:
    """Return (seq, boot) of the alerts of this outbox from `first_seq` on, by seq."""
    stored = sa.union_all(
        *(
            sa.select(table.c.seq, table.c.boot).where(
                _of(table, sensor),
                table.c.seq >= first_seq,
                sa.or_(_earlier(table, identity), _later(table, identity)),
            )
            for table in (alert, quarantine)
        )
    ).subquery()
    query = sa.select(stored.c.seq, sa.func.max(stored.c.boot)).group_by(stored.c.seq).order_by(stored.c.seq)
    return [(seq, boot) for seq, boot in connection.execute(query)]


def _of(table: sa.Table, sensor: Sensor) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == sensor.site, table.c.device == sensor.device)


def _earlier(table: sa.Table, identity: Identity) -> sa.ColumnElement[bool]:
    first_boot = identity.boot - BOOTS_OF_ONE_LIFE + 1
    return sa.and_(table.c.seq < identity.seq, table.c.boot.between(first_boot, identity.boot))


def _later(table: sa.Table, identity: Identity) -> sa.ColumnElement[bool]:
    last_boot = identity.boot + BOOTS_OF_ONE_LIFE - 1
    return sa.and_(table.c.seq >= identity.seq, table.c.boot.between(identity.boot, last_boot))
