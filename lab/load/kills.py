"""Kill the ingest, the broker or the database, restart and lock the database, at random moments under load; compare.

What is killed gets SIGKILL (PostgreSQL SIGQUIT, its crash without clean-up) and is started again after a random while.
A restart of PostgreSQL ends its connections in good order; a lock is another program's, longer at times than the ingest
waits for one. The sensors go on: what no ack has come for they send again. At the end the alerts in the database must
be the very ones that the sensors raised. A page is served meanwhile, and must be well again after every fault.
"""

from __future__ import annotations

import random
import signal
import time
import urllib.error
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from lab.rigs.dashboard import Mosquitto, Vibdash, eventually
from lab.rigs.databases import PostgreSQL

from .processes import IngestProcess
from .sensors import SensorFleet
from .storm import stored_alerts

RECOVERY_S = 120.0
LOCKS_S = (0.1, 15.0)  # the ingest waits 10 s for SQLite


@dataclass
class Outcome:
    """What was sent and what became of it. `faults` says how often what was done to which part."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    lost: int = 0
    not_sent: int = 0  # in the database, though no sensor sent it
    frozen: int = 0  # faults after which the page was not well again


class _Parts:
    """The parts to which something can be done, and how each comes back."""

    def __init__(
        self, broker: Mosquitto, server: PostgreSQL | None, ingest: IngestProcess, database: str
    ) -> None:
        self._broker = broker
        self._server = server
        self._ingest = ingest
        self._engine = sa.create_engine(database, poolclass=sa.NullPool)  # a restart ends what is kept open
        self._lock: sa.Connection | None = None
        self.killed = ["ingest", "broker", *(["database"] if server else [])]

    def break_off(self, name: str) -> None:
        match name:
            case "ingest":
                self._ingest.stop(signal.SIGKILL)
            case "broker":
                self._broker.stop(signal.SIGKILL)
            case "database" | "restart":
                assert self._server is not None
                self._server.stop(signal.SIGQUIT if name == "database" else signal.SIGINT)
            case "lock":
                self._take_lock()

    def take_up(self, name: str) -> None:
        match name:
            case "ingest":
                eventually(self._ingest.start, "the ingest takes up its work", RECOVERY_S)
            case "broker":
                self._broker.start()
            case "database" | "restart":
                assert self._server is not None
                self._server.start()
            case "lock":
                assert self._lock is not None
                self._lock.rollback()
                self._lock.close()

    def _take_lock(self) -> None:
        self._lock = self._engine.connect()
        if self._server:
            eventually(self._lock_tables, "the tables are locked", RECOVERY_S)
        else:
            # A statement that changes nothing: it takes the lock of a writer, as soon as nobody else has it.
            self._lock.execute(sa.text("PRAGMA busy_timeout = 60000"))
            self._lock.execute(sa.text("DELETE FROM alert WHERE id < 0"))

    def _lock_tables(self) -> bool:
        """Return whether the tables are locked; a deadlock may end the one that waits for the last of them."""
        assert self._lock is not None
        try:
            self._lock.execute(sa.text("LOCK TABLE alert, occurrence, device IN ACCESS EXCLUSIVE MODE"))
        except sa.exc.OperationalError:
            self._lock.rollback()
            return False
        return True


def break_at_random(
    folder: Path,
    *,
    seed: int,
    kills: int,
    sensors: int,
    rate_per_s: float,
    restarts: int = 0,
    locks: int = 0,
    locks_s: tuple[float, float] = LOCKS_S,
    with_server: bool = True,
) -> Outcome:
    """Do so much harm; on PostgreSQL, or on SQLite where the database is a file and no process."""
    chance = random.Random(seed)
    outcome = Outcome(seed)
    broker = Mosquitto(folder / "broker")
    broker.start()
    server = PostgreSQL(durable=True) if with_server else None
    database = server.new_database() if server else f"sqlite:///{folder}/alerts.db"
    ingest = IngestProcess(broker, database, folder / "ingest.log")
    page = Vibdash(None, database, folder / "page.log")
    parts = _Parts(broker, server, ingest, database)
    faults = [chance.choice(parts.killed) for _ in range(kills)]
    faults += ["restart"] * (restarts if server else 0) + ["lock"] * locks
    chance.shuffle(faults)
    try:
        parts.take_up("ingest")
        with SensorFleet(broker.port, sensors, folder / "sensors").running() as fleet:
            eventually(fleet.connected, "every sensor is connected")
            for fault in faults:
                _raise_alerts(fleet, chance, rate_per_s, chance.uniform(0.05, 1.0))
                parts.break_off(fault)
                for_s = chance.uniform(*(locks_s if fault == "lock" else (0.0, 0.5)))
                _raise_alerts(fleet, chance, rate_per_s, for_s)
                parts.take_up(fault)
                outcome.faults[fault] += 1
                outcome.frozen += not _becomes_well(page)
            eventually(lambda: not fleet.waiting(), "every alert is acknowledged", RECOVERY_S)
            stored = stored_alerts(database)
            outcome.sent = len(fleet.sent)
            outcome.lost = len(fleet.sent.items() - stored.items())
            outcome.not_sent = len(stored.items() - fleet.sent.items())
        return outcome
    finally:
        ingest.stop(signal.SIGKILL)
        page.stop()
        broker.stop()
        if server:
            server.remove()


def _becomes_well(page: Vibdash) -> bool:
    def is_well() -> bool:
        try:
            return bool(page.get("/healthz")["ok"])
        except (urllib.error.URLError, TimeoutError):
            return False

    try:
        return eventually(is_well, "the page is well", RECOVERY_S)
    except AssertionError:
        return False


def _raise_alerts(fleet: SensorFleet, chance: random.Random, rate_per_s: float, for_s: float) -> None:
    end_s = time.monotonic() + for_s
    while time.monotonic() < end_s:
        fleet.alert(chance.choice(fleet.sensors))
        time.sleep(chance.expovariate(rate_per_s))
