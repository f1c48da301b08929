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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.schema import alert, quarantine
from vibdash.protocol.fields import BOOTS_OF_ONE_LIFE
from vibdash.protocol.messages import Identity, Sensor


@dataclass(frozen=True)
class Ack:
    """Every alert of the sensor's outbox up to and including `seq` is settled."""

    sensor: Sensor
    boot: int
    seq: int


def settle(connection: sa.Connection, settled: Sequence[tuple[Sensor, Identity]]) -> list[Ack]:
    """Return what may be acknowledged now that these alerts are stored or refused.

    Must run in the transaction that stores them.
    """
    last = _last_of_each_boot(settled)
    if not last:
        return []
    dialect = connection.dialect.name
    keys: list[tuple[Any, ...]] = [
        (at, *sensor, *_reach(one), one.seq) for at, (sensor, one) in enumerate(last)
    ]
    highest = {at: seq for at, seq in connection.execute(_highest_oldest(dialect), {"keys": as_keys(keys)})}
    held_from = [max(one.oldest, highest.get(at) or 1) for at, (_, one) in enumerate(last)]
    keys = [(*key, seq) for key, seq in zip(keys, held_from, strict=True)]
    reached: list[tuple[int, int | None]] = [(seq - 1, None) for seq in held_from]
    for at, seq, boot in connection.execute(_stored_from(dialect), {"keys": as_keys(keys)}):
        if seq == reached[at][0] + 1:  # else there is a gap before it
            reached[at] = (seq, boot)
    found = zip(last, reached, strict=True)
    return [Ack(sensor, boot, seq) for (sensor, _), (seq, boot) in found if boot is not None]


def _last_of_each_boot(settled: Sequence[tuple[Sensor, Identity]]) -> list[tuple[Sensor, Identity]]:
    """Return of each boot the alert with the highest seq: the ack for it covers those for the others."""
    last: dict[tuple[Sensor, int], tuple[Sensor, Identity]] = {}
    for sensor, identity in settled:
        key = (sensor, identity.boot)
        if key not in last or identity.seq >= last[key][1].seq:
            last[key] = (sensor, identity)
    return list(last.values())


def _reach(one: Identity) -> tuple[int, int, int]:
    """Return the first boot that can be of the same life, this one, and the last."""
    return one.boot - BOOTS_OF_ONE_LIFE + 1, one.boot, one.boot + BOOTS_OF_ONE_LIFE - 1


def _keys(dialect: str, *more: str) -> sa.CTE:
    numbers = dict.fromkeys(("first_boot", "this_boot", "last_boot", "this_seq", *more), sa.BigInteger)
    return key_rows(dialect, place=sa.Integer, site=sa.Text, device=sa.Text, **numbers)


def _of_sensor(table: sa.Table, keys: sa.CTE) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.site == keys.c.site, table.c.device == keys.c.device)


def _earlier(table: sa.Table, keys: sa.CTE) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.seq < keys.c.this_seq, table.c.boot.between(keys.c.first_boot, keys.c.this_boot))


def _later(table: sa.Table, keys: sa.CTE) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.seq >= keys.c.this_seq, table.c.boot.between(keys.c.this_boot, keys.c.last_boot))


@cache
def _highest_oldest(dialect: str) -> sa.Select[Any]:
    """The lowest seq still held as the latest alerts say: the one at hand may be an old repetition."""
    keys = _keys(dialect)
    mine = sa.and_(_of_sensor(alert, keys), _later(alert, keys))
    return (
        sa.select(keys.c.place, sa.func.max(alert.c.oldest))
        .join_from(keys, alert, mine)
        .group_by(keys.c.place)
    )


@cache
def _stored_from(dialect: str) -> sa.Select[Any]:
    """(place in the keys, seq, boot) of the alerts of each outbox from the lowest held on, by seq."""
    keys = _keys(dialect, "held_from")

    def stored_in(table: sa.Table) -> sa.Select[Any]:
        of_outbox = sa.or_(_earlier(table, keys), _later(table, keys))
        mine = sa.and_(_of_sensor(table, keys), table.c.seq >= keys.c.held_from, of_outbox)
        return sa.select(keys.c.place, table.c.seq, table.c.boot).join_from(keys, table, mine)

    stored = sa.union_all(stored_in(alert), stored_in(quarantine)).subquery()
    highest_boot = sa.func.max(stored.c.boot)
    return (
        sa.select(stored.c.place, stored.c.seq, highest_boot)
        .group_by(stored.c.place, stored.c.seq)
        .order_by(stored.c.place, stored.c.seq)
    )
