"""A seeded fleet of wind turbines over weeks: a folder of recordings and its manifest; all it makes says `simulated`.

The wind, a slow random walk, drives the high-speed shaft between cut-in and rated speed; recordings are some seconds
long, several a day. On one bearing a defect begins at some day and grows exponentially. For people without recordings,
and for tests of what happens over time; it says nothing about a real machine.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from vibtrain.data.manifest import FIELDS
from vibtrain.data.simulator import simulate
from vibtrain.recordings import HEALTHY, DataError, Samples

SLOWEST_RPM, RATED_RPM = 1000.0, 1800.0  # of the high-speed shaft
WIND_HOURS = 12.0  # over which the wind forgets itself
DOUBLING_DAYS = 5.0  # of the defect
FIRST_SIZE = 0.05  # of the defect on its first day; 1 is severe
BEGIN = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Fleet:
    """What is simulated.

    Attributes:
        turbines: of which every other one, from the first on, gets a defect.
        days: of recordings.
        defect_day: on which it begins.
        a_day: recordings of each turbine.
        seconds: of each.
        rate_hz: samples a second on each of three axes.
    """

    turbines: int = 2
    days: int = 28
    defect_day: int = 14
    a_day: int = 4
    seconds: float = 10.0
    rate_hz: float = 20_000.0
    seed: int = 1


@dataclass(frozen=True)
class Run:
    """One recording to be made; `size` is the defect's."""

    turbine: int
    time: datetime
    speed_rpm: float
    size: float

    @property
    def label(self) -> str:
        return "outer-race" if self.size else HEALTHY

    @property
    def file(self) -> str:
        return f"simulated-turbine-{self.turbine}/{self.time:%Y%m%dT%H%M}.npy"


def runs(fleet: Fleet) -> Iterator[Run]:
    """Every recording of the fleet, turbine by turbine, in order of time."""
    step_hours = 24 / fleet.a_day
    for turbine in range(1, fleet.turbines + 1):
        random = np.random.default_rng([fleet.seed, turbine])
        kept = np.exp(-step_hours / WIND_HOURS)
        wind = random.standard_normal()
        for number in range(fleet.days * fleet.a_day):
            day = number / fleet.a_day
            share = 1 / (1 + np.exp(-1.5 * wind))  # the controller holds the speed between its limits
            age_days = day - fleet.defect_day
            grown = FIRST_SIZE * 2 ** (age_days / DOUBLING_DAYS) if turbine % 2 and age_days >= 0 else 0.0
            speed_rpm = SLOWEST_RPM + share * (RATED_RPM - SLOWEST_RPM)
            yield Run(turbine, BEGIN + timedelta(days=day), round(float(speed_rpm), 1), min(1.0, grown))
            wind = kept * wind + np.sqrt(1 - kept**2) * random.standard_normal()


def samples(run: Run, fleet: Fleet) -> Samples:
    """Acceleration of a recording in m/s², shape (frames, 3): the same for the same seed, turbine and time."""
    minutes = round((run.time - BEGIN).total_seconds() / 60)
    random = np.random.default_rng([fleet.seed, run.turbine, minutes])
    load = (run.speed_rpm - SLOWEST_RPM) / (RATED_RPM - SLOWEST_RPM)
    return simulate(
        run.label,
        run.size,
        speed_rpm=run.speed_rpm,
        load=load,
        seconds=fleet.seconds,
        rate_hz=fleet.rate_hz,
        random=random,
    )


def write(folder: Path, fleet: Fleet) -> Iterator[Run]:
    """Write the recordings, and last the manifest, `simulated.csv`; yields each recording when it is written.

    Raises `DataError` where the folder holds anything, or the fleet cannot be.
    """
    for name in ("turbines", "days", "a_day", "seconds", "rate_hz"):
        if getattr(fleet, name) <= 0:
            raise DataError(f"{name} {getattr(fleet, name):g}; accepted: a number above 0")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is not empty; accepted: a new or empty folder")
    rows = []
    for run in runs(fleet):
        path = folder / run.file
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, samples(run, fleet))
        rows.append(
            {
                "file": run.file,
                "machine": f"simulated-turbine-{run.turbine}",
                # No speed: it is another one in every recording, and a device on a turbine is not told.
                "session": f"mounting-{run.turbine}",
                "time": run.time.isoformat(),
                "label": run.label,
                "rate_hz": f"{fleet.rate_hz:g}",
            }
        )
        yield run
    with (folder / "simulated.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
