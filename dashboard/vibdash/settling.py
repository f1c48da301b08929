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
from typing import Any

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
    this = {
        **vars(sensor),
        "this_boot": identity.boot,
        "this_seq": identity.seq,
        "first_boot": identity.boot - BOOTS_OF_ONE_LIFE + 1,
        "last_boot": identity.boot + BOOTS_OF_ONE_LIFE - 1,
    }
    held_from = max(identity.oldest, connection.scalar(_HIGHEST_OLDEST, this) or 1)
    settled_seq, settled_boot = held_from - 1, None
    for stored in connection.execute(_STORED_FROM, {**this, "held_from": held_from}):
        if stored.seq > settled_seq + 1:
            break
        settled_seq, settled_boot = stored.seq, stored.boot
    return None if settled_boot is None else Ack(sensor, settled_boot, settled_seq)


def _of_sensor(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == sa.bindparam("site"), table.c.device == sa.bindparam("device"))


def _earlier(table: sa.Table) -> sa.ColumnElement[bool]:
    boots = table.c.boot.between(sa.bindparam("first_boot"), sa.bindparam("this_boot"))
    return sa.and_(table.c.seq < sa.bindparam("this_seq"), boots)


def _later(table: sa.Table) -> sa.ColumnElement[bool]:
    boots = table.c.boot.between(sa.bindparam("this_boot"), sa.bindparam("last_boot"))
    return sa.and_(table.c.seq >= sa.bindparam("this_seq"), boots)


def _stored_in(table: sa.Table) -> sa.Select[Any]:
    from_there = table.c.seq >= sa.bindparam("held_from")
    of_outbox = sa.or_(_earlier(table), _later(table))
    return sa.select(table.c.seq, table.c.boot).where(_of_sensor(table), from_there, of_outbox)


def _stored_from() -> sa.Select[Any]:
    stored = sa.union_all(_stored_in(alert), _stored_in(quarantine)).subquery()
    boot = sa.func.max(stored.c.boot).label("boot")
    return sa.select(stored.c.seq, boot).group_by(stored.c.seq).order_by(stored.c.seq)


# The lowest seq still held as the latest alerts say: the one at hand may be an old repetition.
_HIGHEST_OLDEST = sa.select(sa.func.max(alert.c.oldest)).where(_of_sensor(alert), _later(alert))
# (seq, boot) of the alerts of this outbox from the lowest held on, by seq.
_STORED_FROM = _stored_from()
