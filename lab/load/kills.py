"""Kill the ingest, the broker or the database at random moments under load, and compare at the end.

What is killed gets SIGKILL (PostgreSQL SIGQUIT, its crash without clean-up) and is started again after a random while.
The sensors go on: what no ack has come for they send again. At the end the alerts in the database must be the very
ones that the sensors raised.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lab.rigs.dashboard import Mosquitto, eventually
from lab.rigs.databases import PostgreSQL

from .processes import IngestProcess
from .sensors import SensorFleet
from .storm import stored_alerts

RECOVERY_S = 120.0


@dataclass
class Outcome:
    """What was sent and what became of it. `kills` says how often each part was killed."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    lost: int = 0
    not_sent: int = 0  # in the database, though no sensor sent it


class _Victims:
    """The parts that can be killed, and how each comes back."""

    def __init__(self, broker: Mosquitto, server: PostgreSQL | None, ingest: IngestProcess) -> None:
        self._broker = broker
        self._server = server
        self._ingest = ingest
        self.names = ["ingest", "broker", *(["database"] if server else [])]

    def kill(self, name: str) -> None:
        match name:
            case "ingest":
                self._ingest.stop(signal.SIGKILL)
            case "broker":
                self._broker.stop(signal.SIGKILL)
            case "database":
                assert self._server is not None
                self._server.stop(signal.SIGQUIT)

    def start(self, name: str) -> None:
        match name:
            case "ingest":
                eventually(self._ingest.start, "the ingest takes up its work", RECOVERY_S)
            case "broker":
                self._broker.start()
            case "database":
                assert self._server is not None
                self._server.start()


def kill_at_random(
    folder: Path, *, seed: int, kills: int, sensors: int, rate_per_s: float, with_server: bool = True
) -> Outcome:
    """Kill so many times; on PostgreSQL, or on SQLite where the database is a file and no process."""
    chance = random.Random(seed)
    outcome = Outcome(seed)
    broker = Mosquitto(folder / "broker")
    broker.start()
    server = PostgreSQL(durable=True) if with_server else None
    database = server.new_database() if server else f"sqlite:///{folder}/alerts.db"
    ingest = IngestProcess(broker, database, folder / "ingest.log")
    victims = _Victims(broker, server, ingest)
    try:
        victims.start("ingest")
        with SensorFleet(broker.port, sensors, folder / "sensors").running() as fleet:
            eventually(fleet.connected, "every sensor is connected")
            for _ in range(kills):
                _raise_alerts(fleet, chance, rate_per_s, chance.uniform(0.05, 1.0))
                victim = chance.choice(victims.names)
                victims.kill(victim)
                _raise_alerts(fleet, chance, rate_per_s, chance.uniform(0.0, 0.5))
                victims.start(victim)
                outcome.kills[victim] += 1
            eventually(lambda: not fleet.waiting(), "every alert is acknowledged", RECOVERY_S)
            stored = stored_alerts(database)
            outcome.sent = len(fleet.sent)
            outcome.lost = len(fleet.sent.items() - stored.items())
            outcome.not_sent = len(stored.items() - fleet.sent.items())
        return outcome
    finally:
        ingest.stop(signal.SIGKILL)
        broker.stop()
        if server:
            server.remove()


def _raise_alerts(fleet: SensorFleet, chance: random.Random, rate_per_s: float, for_s: float) -> None:
    end_s = time.monotonic() + for_s
    while time.monotonic() < end_s:
        fleet.alert(chance.choice(fleet.sensors))
        time.sleep(chance.expovariate(rate_per_s))
