"""Which alerts a device may forget: the acknowledgement of SPEC.md 3.3.

A device keeps its alerts in an outbox and numbers them: `seq` is 1 in a new outbox and goes up by one an
alert, through reboots; `boot` counts its starts. So within one outbox a higher seq never has a lower boot.
A device whose flash was lost starts a new outbox at seq 1 under a higher boot, and the seqs repeat. The two
are told apart thus:

* Outboxes of one device hold successive ranges of boots: `outbox.first_boot` is the first boot of each; the
  first range begins at 0. An outbox is made when a device starts, so no boot lies in two.
* Two alerts in one range, one with the higher boot and a seq not higher, prove that a new outbox began
  between them. The range is cut at that boot.

A seq is settled when its alert is committed, or is in quarantine (it was refused, and sending it again
would not help), or is under the `oldest` of some alert of the same outbox (the device no longer holds it).
The ack is the highest seq up to which all are settled. It carries the boot of the alert with that seq, and
holds for records with `boot` and `seq` both at most those of the ack: so an ack left over from an old
outbox can drop nothing from a new one. (A device sends oldest first; were a new outbox to begin with a seq
over all earlier ones, nothing could tell it from the old one.)

Not covered: a device that loses its boot counter too and so repeats whole identities. `Store` sees this
when the content differs, and puts the alert in quarantine with that reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from vibdash.messages import Identity, Sensor
from vibdash.schema import alert, outbox, quarantine

_NO_BOOT_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class Ack:
    """Every alert of the sensor's present outbox up to and including `seq` is settled."""

    sensor: Sensor
    boot: int
    seq: int


@dataclass(frozen=True)
class _Outbox:
    """The boots from `first_boot` to `last_boot`, both included."""

    first_boot: int
    last_boot: int
    settled_seq: int


def settle(connection: sa.Connection, sensor: Sensor, identity: Identity) -> Ack | None:
    """Take note that this alert is now stored (alert or quarantine), and return the ack to publish.

    None when nothing is settled yet. Must run in the transaction that stores the alert.
    """
    _cut_where_a_new_outbox_began(connection, sensor, identity)
    box = _outbox_of(connection, sensor, identity.boot)
    settled = _advance(connection, sensor, box, max(box.settled_seq, identity.oldest - 1))
    connection.execute(
        outbox.update()
        .where(outbox.c.site == sensor.site, outbox.c.device == sensor.device)
        .where(outbox.c.first_boot == box.first_boot)
        .values(settled_seq=settled)
    )
    # The topic is retained and holds one ack: a late alert of an earlier outbox must not put its own there.
    return _ack_of(connection, sensor, _outbox_of(connection, sensor, _NO_BOOT_LIMIT))


def _outbox_of(connection: sa.Connection, sensor: Sensor, boot: int) -> _Outbox:
    rows = connection.execute(
        sa.select(outbox.c.first_boot, outbox.c.settled_seq)
        .where(outbox.c.site == sensor.site, outbox.c.device == sensor.device)
        .order_by(outbox.c.first_boot.desc())
    ).all()
    last_boot = _NO_BOOT_LIMIT
    for first_boot, settled_seq in rows:
        if first_boot <= boot:
            return _Outbox(first_boot, last_boot, settled_seq)
        last_boot = first_boot - 1
    connection.execute(
        outbox.insert().values(site=sensor.site, device=sensor.device, first_boot=0, settled_seq=0)
    )
    return _Outbox(0, last_boot, 0)


def _cut_where_a_new_outbox_began(connection: sa.Connection, sensor: Sensor, identity: Identity) -> None:
    box = _outbox_of(connection, sensor, identity.boot)
    contradicts_earlier = connection.scalar(
        sa.select(alert.c.seq)
        .where(*_in_boots(alert, sensor, box.first_boot, identity.boot - 1))
        .where(alert.c.seq >= identity.seq)
        .order_by(alert.c.seq)
        .limit(1)
    )
    if contradicts_earlier is not None:
        _cut(connection, sensor, box, identity.boot)
        return
    contradicting_later_boot = connection.scalar(
        sa.select(sa.func.min(alert.c.boot))
        .where(*_in_boots(alert, sensor, identity.boot + 1, box.last_boot))
        .where(alert.c.seq <= identity.seq)
    )
    if contradicting_later_boot is not None:
        _cut(connection, sensor, box, contradicting_later_boot)


def _cut(connection: sa.Connection, sensor: Sensor, box: _Outbox, first_boot: int) -> None:
    """Begin a new outbox at `first_boot`; if it goes on into the next one, the two were one all along."""
    last_boot = box.last_boot
    if last_boot < _NO_BOOT_LIMIT:
        following = _outbox_of(connection, sensor, last_boot + 1)
        _, highest = _seq_range(connection, sensor, first_boot, last_boot)
        lowest_following, _ = _seq_range(connection, sensor, following.first_boot, following.last_boot)
        if highest < lowest_following:
            connection.execute(
                outbox.delete()
                .where(outbox.c.site == sensor.site, outbox.c.device == sensor.device)
                .where(outbox.c.first_boot == following.first_boot)
            )
            last_boot = following.last_boot
    new = _Outbox(first_boot, last_boot, 0)
    oldest = connection.scalar(
        sa.select(sa.func.max(alert.c.oldest)).where(*_in_boots(alert, sensor, first_boot, last_boot))
    )
    settled = _advance(connection, sensor, new, (oldest or 1) - 1)
    connection.execute(
        outbox.insert().values(
            site=sensor.site, device=sensor.device, first_boot=first_boot, settled_seq=settled
        )
    )


def _seq_range(connection: sa.Connection, sensor: Sensor, first_boot: int, last_boot: int) -> tuple[int, int]:
    low, high = connection.execute(
        sa.select(sa.func.min(alert.c.seq), sa.func.max(alert.c.seq)).where(
            *_in_boots(alert, sensor, first_boot, last_boot)
        )
    ).one()
    return low or 0, high or 0


def _in_boots(table: sa.Table, sensor: Sensor, first: int, last: int) -> list[sa.ColumnElement[bool]]:
    return [
        table.c.site == sensor.site,
        table.c.device == sensor.device,
        table.c.boot.between(first, last),
    ]


def _advance(connection: sa.Connection, sensor: Sensor, box: _Outbox, settled: int) -> int:
    """Return the highest seq from `settled` on up to which every one is stored."""
    stored = sa.union(
        *(
            sa.select(table.c.seq)
            .where(*_in_boots(table, sensor, box.first_boot, box.last_boot))
            .where(table.c.seq > settled)
            for table in (alert, quarantine)
        )
    ).subquery()
    for seq in connection.scalars(sa.select(stored.c.seq).order_by(stored.c.seq)):
        if seq != settled + 1:
            break
        settled = seq
    return settled


def _ack_of(connection: sa.Connection, sensor: Sensor, box: _Outbox) -> Ack | None:
    boots = sa.union_all(
        *(
            sa.select(sa.func.max(table.c.boot).label("boot"))
            .where(*_in_boots(table, sensor, box.first_boot, box.last_boot))
            .where(table.c.seq <= box.settled_seq)
            for table in (alert, quarantine)
        )
    ).subquery()
    boot = connection.scalar(sa.select(sa.func.max(boots.c.boot)))
    return None if boot is None or box.settled_seq == 0 else Ack(sensor, boot, box.settled_seq)
