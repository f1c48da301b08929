"""One soak: alerts through faults, then the books are settled."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.rigs.dashboard import eventually

from . import faults
from .ledger import Verdict
from .rig import Rig, outlast

SECONDS_A_FAULT = 4.0
SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS = 5, 40
WINDOWS_AN_ALERT = 6
TO_DRAIN_S = 300


@dataclass
class Soak:
    """What came of it."""

    verdict: Verdict
    dropped_counted: int  # as the sensor told the host
    unexplained: list[int]
    faults: Counter[str]
    seconds: float

    def problems(self) -> list[str]:
        """What must not be, a line each."""
        verdict, found = self.verdict, []
        if verdict.lost:
            found.append(f"lost: seq {verdict.lost}")
        if verdict.invented:
            found.append(f"in the database, but not as the sensor stored them: {verdict.invented}")
        if verdict.duplicates_stored:
            found.append(f"{verdict.duplicates_stored} stored twice")
        if self.unexplained:
            found.append(f"not held after a restart, though it was said: seq {self.unexplained}")
        if self.dropped_counted != verdict.dropped:
            found.append(f"{self.dropped_counted} counted as dropped; by the books {verdict.dropped}")
        return found


def soak(
    folder: Path, alerts: int, n_faults: int, seed: int, seconds_a_fault: float = SECONDS_A_FAULT
) -> Soak:
    """Have the sensor raise at least `alerts` alerts through `n_faults` faults, and everything calm down.

    The alerts are spread over `seconds_a_fault` for each.
    """
    chance = random.Random(seed)
    start_s = time.monotonic()
    window_ms = round(1000 * seconds_a_fault * n_faults / alerts / WINDOWS_AN_ALERT)
    rig = Rig(folder, max(SHORTEST_WINDOW_MS, min(window_ms, LONGEST_WINDOW_MS)))
    done: Counter[str] = Counter()
    try:
        rig.sensor.start()
        for i, fault in enumerate(faults.draw(n_faults, chance)):
            due = (i * alerts) // n_faults
            outlast(rig, f"{due} alerts", lambda due=due: rig.sensor.ledger.begun >= due)
            fault(rig, chance)
            done[fault.__name__] += 1
        outlast(rig, f"{alerts} alerts", lambda: rig.sensor.ledger.begun >= alerts, 600)
        _calm_down(rig)
        ledger = rig.sensor.ledger
        verdict = ledger.settle(rig.stored())
        in_database = {seq for _, seq, *_ in rig.stored()}
        unexplained = sorted(ledger.unexplained - in_database)
        return Soak(verdict, rig.dropped(), unexplained, done, time.monotonic() - start_s)
    finally:
        rig.stop()


def _calm_down(rig: Rig) -> None:
    """No more alerts; wait until the outbox is empty, and have the sensor say goodbye with its last counts."""
    (rig.folder / "stop").touch()
    kept = -1
    while kept != len(rig.sensor.ledger.kept):
        kept = len(rig.sensor.ledger.kept)
        outlast(rig, "the outbox is empty", lambda: not rig.sensor.ledger.held, TO_DRAIN_S)
        time.sleep(1)
    rig.sensor.end(signal.SIGINT)
    eventually(lambda: rig.last_why() == "shutdown", "the sensor's goodbye is stored", TO_DRAIN_S)
