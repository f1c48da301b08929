"""The farm over weeks: a folder of recordings, the true speed and torque beside each, and a manifest.

Every other turbine, from the first on, gets one of the faults, another one each time, at a day of its own; it doubles
in a time of its own. For judging methods where they may fail; it says nothing about a real machine. What a method
may know of it is written in docs/DATA.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from vibtrain.data.manifest import COURSE_FIELDS, FIELDS
from vibtrain.data.windfarm.course import course
from vibtrain.data.windfarm.faults import FAULTS
from vibtrain.data.windfarm.machine import machine
from vibtrain.data.windfarm.vibration import UG_PER_COUNT, counts
from vibtrain.data.windfarm.weather import Weather, weather
from vibtrain.recordings import HEALTHY, OFF, DataError
from vibtrain.workers import HERE, Workers, each

BEGIN = datetime(2026, 1, 1)
FIRST_SIZE = 0.05  # of a fault on its first day; 1 is severe
DOUBLING_DAYS = (4.0, 8.0)  # a fault's own lies between
FAULT_BEGINS = (1 / 3, 1 / 2)  # of the days, where no day is asked for
LEAST_HZ = 2000.0  # samples a second: the gears' first harmonics
MANIFEST, TRUTH = "simulated.csv", "truth.csv"
TRUTH_FIELDS = ("file", "fault", "size", "wind_m_s", "power_limit", "oil_c", "event")


@dataclass(frozen=True)
class Farm:
    """What is simulated.

    Attributes:
        turbines: of which every other one, from the first on, gets a fault.
        days: of recordings.
        defect_day: on which all faults begin; None: on a day that is drawn for each.
        a_day: recordings of each turbine.
        seconds: of each.
        rate_hz: samples a second on each axis.
        axes: 1 (radial) or 3.
    """

    turbines: int = 12
    days: int = 60
    defect_day: int | None = None
    a_day: int = 4
    seconds: float = 10.0
    rate_hz: float = 6667.0
    seed: int = 1
    axes: int = 3


@dataclass(frozen=True)
class Run:
    """One recording to be made. `fault` is empty, or grown to `size`."""

    turbine: int
    time: datetime
    weather: Weather
    fault: str
    size: float

    @property
    def label(self) -> str:
        """A turbine without wind is off, whatever is wrong with it."""
        return (self.fault or HEALTHY) if self.weather.runs else OFF

    @property
    def file(self) -> str:
        return f"simulated-turbine-{self.turbine}/{self.time:%Y%m%dT%H%M}.npy"

    @property
    def course_file(self) -> str:
        return self.file.removesuffix(".npy") + ".course.csv"


def runs(farm: Farm) -> Iterator[Run]:
    """Every recording of the farm, turbine by turbine, in order of time."""
    for turbine in range(1, farm.turbines + 1):
        random = np.random.default_rng([farm.seed, 3, turbine])
        begin_day = farm.days * random.uniform(*FAULT_BEGINS)
        if farm.defect_day is not None:
            begin_day = farm.defect_day
        doubling_days = random.uniform(*DOUBLING_DAYS)
        fault = FAULTS[turbine // 2 % len(FAULTS)] if turbine % 2 else ""
        times = farm.days * farm.a_day
        for number, met in enumerate(weather(farm.seed, turbine, times, 24 / farm.a_day)):
            day = number / farm.a_day
            began = bool(fault) and day >= begin_day
            size = min(1.0, FIRST_SIZE * 2 ** ((day - begin_day) / doubling_days)) if began else 0.0
            yield Run(turbine, BEGIN + timedelta(days=day), met, fault if began else "", size)


def write(folder: Path, farm: Farm, workers: Workers = HERE) -> Iterator[Run]:
    """Write the recordings, `truth.csv` with what no method may know, and last the manifest; yields each recording when
    it is written.

    Raises `DataError` where the folder holds anything, or the farm cannot be.
    """
    for name in ("turbines", "days", "a_day", "seconds"):
        if getattr(farm, name) <= 0:
            raise DataError(f"{name} {getattr(farm, name):g}; accepted: a number above 0")
    if farm.rate_hz < LEAST_HZ:
        raise DataError(f"rate_hz {farm.rate_hz:g}; accepted: a number of at least {LEAST_HZ:g}")
    if farm.axes not in (1, 3):
        raise DataError(f"axes {farm.axes}; accepted: 1, 3")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is not empty; accepted: a new or empty folder")
    done = []
    for run in each(partial(_write_run, folder, farm), list(runs(farm)), workers):
        done.append(run)
        yield run
    _write_table(folder / TRUTH, TRUTH_FIELDS, (_truth(run) for run in done))
    _write_table(folder / MANIFEST, (*FIELDS, *COURSE_FIELDS), (_row(run, farm) for run in done))


def _write_run(folder: Path, farm: Farm, run: Run) -> Run:
    minutes = round((run.time - BEGIN).total_seconds() / 60)
    random = np.random.default_rng([farm.seed, 4, run.turbine, minutes])
    moved = course(run.weather, farm.seconds, random)
    samples = counts(
        machine(farm.seed, run.turbine),
        run.weather,
        moved,
        run.fault,
        run.size,
        seconds=farm.seconds,
        rate_hz=farm.rate_hz,
        random=random,
    )
    path = folder / run.file
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, samples[:, : farm.axes])
    rows = zip(moved.times_s, moved.speed_rpm, moved.torque, strict=True)
    lines = (f"{time_s:.2f},{rpm:.2f},{load:.4f}\n" for time_s, rpm, load in rows)
    (folder / run.course_file).write_text("time_s,speed_rpm,load\n" + "".join(lines), encoding="utf-8")
    return run


def _row(run: Run, farm: Farm) -> dict[str, str]:
    return {
        "file": run.file,
        "machine": f"simulated-turbine-{run.turbine}",
        "session": f"mounting-{run.turbine}",
        "time": run.time.isoformat(),
        "label": run.label,
        "rate_hz": f"{farm.rate_hz:g}",
        "unit": "g",
        "scale": f"{UG_PER_COUNT * 1e-6:g}",
        "speed_file": run.course_file,
        "speed_column": "speed_rpm",
        "load_column": "load",
    }


def _truth(run: Run) -> dict[str, str]:
    return {
        "file": run.file,
        "fault": run.fault,
        "size": f"{run.size:.4f}",
        "wind_m_s": f"{run.weather.wind_m_s:.2f}",
        "power_limit": f"{run.weather.power_limit:.2f}",
        "oil_c": f"{run.weather.oil_c:.1f}",
        "event": run.weather.event,
    }


def _write_table(path: Path, fields: tuple[str, ...], rows: Iterator[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
