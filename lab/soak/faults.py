"""What goes wrong in a soak. Each fault takes hold, lasts, and is over before the next."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from .rig import Rig, outlast

LONGEST_S = 3.0
Fault = Callable[[Rig, random.Random], None]


def last(chance: random.Random) -> None:
    """Let the fault last for a while."""
    time.sleep(chance.uniform(0.05, LONGEST_S))


def broker_stopped(rig: Rig, chance: random.Random) -> None:
    """In order: it saves its sessions."""
    rig.broker.stop(signal.SIGTERM)
    last(chance)
    rig.broker.start()


def broker_killed(rig: Rig, chance: random.Random) -> None:
    """All that it held is gone."""
    rig.broker.stop(signal.SIGKILL)
    last(chance)
    rig.broker.start()


def broker_frozen(rig: Rig, chance: random.Random) -> None:
    """It holds its connections and answers nothing."""
    rig.broker.send(signal.SIGSTOP)
    last(chance)
    rig.broker.send(signal.SIGCONT)


def ingest_killed(rig: Rig, chance: random.Random) -> None:
    """The host's program, in the midst of whatever it does."""
    rig.ingest.stop(signal.SIGKILL)
    last(chance)
    assert rig.ingest.start()


def connection_reset(rig: Rig, chance: random.Random) -> None:
    """TCP's RST, some times in a row."""
    for _ in range(chance.randint(1, 3)):
        rig.proxy.reset()
        time.sleep(chance.uniform(0, 0.3))


def half_open(rig: Rig, chance: random.Random) -> None:
    """Neither side hears of the end; it lasts until the sensor finds out by itself."""
    broken = rig.proxy.half_open()
    outlast(rig, "the sensor gives its dead connection up", lambda: not set(map(id, broken)) & _open(rig))


def _open(rig: Rig) -> set[int]:
    return {id(connection) for connection in rig.proxy.connections}


def access_denied(rig: Rig, chance: random.Random) -> None:
    """The broker throws alerts away and says PUBACK."""
    rig.broker.deny_alerts(True)
    last(chance)
    rig.broker.deny_alerts(False)


def name_unknown(rig: Rig, chance: random.Random) -> None:
    """The name server does not answer while the connection has to be made again."""
    rig.sensor.no_dns.touch()
    rig.proxy.reset()
    last(chance)
    rig.sensor.no_dns.unlink()


def disk_full(rig: Rig, chance: random.Random) -> None:
    """The outbox takes a part of an alert, then nothing; over when it took a whole one again."""
    _restart(rig, signal.SIGKILL, outlives_a_full_disk=True)
    ledger = rig.sensor.ledger
    outlast(rig, "the sensor runs", lambda: ledger.held or ledger.kept)
    rig.sensor.limit_files(rig.sensor.outbox.stat().st_size + chance.randint(0, 600))
    last(chance)
    kept = len(ledger.kept)
    rig.sensor.limit_files(None)
    outlast(rig, "the outbox takes alerts again", lambda: len(ledger.kept) > kept)


def power_cut_in_a_write(rig: Rig, chance: random.Random) -> None:
    """The process ends at a random byte of a write to the outbox: the kernel kills it there."""
    _restart(rig, signal.SIGKILL)
    outlast(rig, "the sensor has its outbox open", rig.sensor.outbox.exists)
    time.sleep(chance.uniform(0.1, 0.5))
    rig.sensor.limit_files(rig.sensor.outbox.stat().st_size + chance.randint(1, 700))
    rig.sensor.wait()
    rig.sensor.start()


def power_cut(rig: Rig, chance: random.Random) -> None:
    """At any moment, and the power comes back later."""
    rig.sensor.end(signal.SIGKILL)
    time.sleep(chance.uniform(0, 0.5))
    rig.sensor.start()


def reboot(rig: Rig, chance: random.Random) -> None:
    """In order."""
    _restart(rig, signal.SIGINT)


def _restart(rig: Rig, how: signal.Signals, *, outlives_a_full_disk: bool = False) -> None:
    rig.sensor.end(how)
    rig.sensor.start(outlives_a_full_disk=outlives_a_full_disk)


KINDS: tuple[Fault, ...] = (
    broker_stopped,
    broker_killed,
    broker_frozen,
    ingest_killed,
    connection_reset,
    half_open,
    access_denied,
    name_unknown,
    disk_full,
    power_cut_in_a_write,
    power_cut,
    reboot,
)


def draw(count: int, chance: random.Random) -> list[Fault]:
    """`count` faults in random order, each kind about as often."""
    faults = [KINDS[i % len(KINDS)] for i in range(count)]
    chance.shuffle(faults)
    return faults
