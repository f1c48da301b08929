"""The harder simulated farm: the same again for a seed, a course that moves, faults that show where they should."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest
from vibtrain.data.windfarm import faults, fleet, vibration
from vibtrain.data.windfarm.course import Course, course
from vibtrain.data.windfarm.fleet import Farm
from vibtrain.data.windfarm.machine import HIGH_SPEED_BEARING, MAIN_BEARING, ROTOR, machine
from vibtrain.data.windfarm.weather import Weather

RATE_HZ = 6667.0
CALM = Weather(wind_m_s=13.0, turbulence=0.1, power_limit=1.0, oil_c=50.0, event="")


def test_the_plan_is_the_same_again_and_every_fault_comes() -> None:
    planned = list(fleet.runs(Farm()))
    assert len(planned) == 12 * 60 * 4 and planned == list(fleet.runs(Farm()))
    assert planned != list(fleet.runs(Farm(seed=2)))
    assert {run.fault for run in planned if run.fault} == set(faults.FAULTS)
    assert not any(run.fault for run in planned if run.turbine % 2 == 0)
    for turbine in range(1, 12, 2):
        sizes = [run.size for run in planned if run.turbine == turbine]
        first = next(number for number, size in enumerate(sizes) if size)
        assert 60 * 4 / 3 <= first <= 60 * 4 / 2 + 1 and sizes == sorted(sizes)
        assert fleet.FIRST_SIZE <= sizes[first] < 1.1 * fleet.FIRST_SIZE and sizes[-1] > 4 * fleet.FIRST_SIZE
    off = [run.label == "off" for run in planned]
    assert off == [not run.weather.runs for run in planned] and 0.05 < np.mean(off) < 0.3
    assert {run.weather.event for run in planned} == {"", "start", "stop", "yaw", "pitch", "ramp"}


def test_the_day_that_is_asked_for_is_every_faults_first() -> None:
    began = [run for run in fleet.runs(Farm(days=20, defect_day=9)) if run.fault]
    assert {run.turbine for run in began} == {1, 3, 5, 7, 9, 11}
    assert min(run.time for run in began) == fleet.BEGIN.replace(day=10)


def test_the_speed_moves_within_a_recording_and_torque_goes_its_own_way() -> None:
    swings, likenesses = [], []
    for number in range(60):
        random = np.random.default_rng(number)
        wind = float(random.uniform(5, 8))
        moved = course(Weather(wind, 0.15, 1.0, 50.0, ""), 10.0, random)
        swings.append(np.ptp(moved.speed_rpm) / moved.speed_rpm.mean())
        likenesses.append(np.corrcoef(moved.speed_rpm, moved.torque)[0, 1])
    assert 0.03 < np.median(swings) < 0.2
    assert np.median(likenesses) < 0.9
    limited = course(Weather(13.0, 0.1, 0.4, 50.0, ""), 10.0, np.random.default_rng(1))
    assert limited.speed_rpm.mean() > 1700 and limited.torque.mean() < 0.5


def test_starts_and_stops() -> None:
    random = np.random.default_rng(3)
    start = course(Weather(9.0, 0.1, 1.0, 50.0, "start"), 10.0, random)
    stop = course(Weather(9.0, 0.1, 1.0, 50.0, "stop"), 10.0, random)
    assert start.speed_rpm[-1] > start.speed_rpm[0] + 300 and start.torque[0] == 0
    assert stop.speed_rpm[-1] < stop.speed_rpm[0] - 300 and stop.torque[-1] < 0.01
    still = course(Weather(2.0, 0.1, 1.0, 50.0, ""), 10.0, random)
    assert still.torque.max() == 0 and still.speed_rpm.max() < 130


def test_no_two_turbines_are_alike() -> None:
    one, other = machine(1, 1), machine(1, 2)
    assert np.abs(one.modes_hz / other.modes_hz - 1).min() > 0.001
    assert np.abs(one.mounting - other.mounting).max() > 0.02
    np.testing.assert_array_equal(one.shapes, machine(1, 1).shapes)


def _strikes_a_turn(fault: str, turns: float) -> float:
    """Of the high-speed shaft at 30 Hz: places where the force is not 0, those of one strike taken together."""
    frames = round(turns / 30 * RATE_HZ)
    angle, full = np.arange(frames) / RATE_HZ * 30, np.ones(frames)
    force = faults.impacts(fault, 1.0, angle, full, full, RATE_HZ, np.random.default_rng(1))
    struck = np.flatnonzero(np.abs(force) > 1e-9)
    return (1 + int((np.diff(struck) > 1).sum())) / turns


@pytest.mark.parametrize(
    ("fault", "order"),
    [
        (faults.OUTER, HIGH_SPEED_BEARING.outer_race_order),
        (faults.INNER, HIGH_SPEED_BEARING.inner_race_order),
        (faults.MAIN, ROTOR * MAIN_BEARING.outer_race_order),
        (faults.TOOTH, 1.0),
        (faults.LOOSENESS, 1.0),
        (faults.ROTOR_IMBALANCE, 0.0),
    ],
)
def test_strikes_come_as_often_as_the_bearing_says(fault: str, order: float) -> None:
    assert _strikes_a_turn(fault, 600.0) == pytest.approx(order, rel=0.03, abs=0.004)


@functools.cache
def _spectrum(fault: str, size: float, seconds: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes of the x axis over the order of the high-speed shaft, at rated speed that never moves."""
    times_s = np.arange(0, seconds + 1)
    steady = Course(
        times_s, np.full(len(times_s), 1800.0), np.ones(len(times_s)), np.full(len(times_s), 13.0)
    )
    counts = vibration.counts(
        machine(1, 1),
        CALM,
        steady,
        fault,
        size,
        seconds=seconds,
        rate_hz=RATE_HZ,
        random=np.random.default_rng(1),
    )
    x = counts[:, 0] - counts[:, 0].mean()
    amplitude = (
        np.abs(np.fft.rfft(x * np.hanning(len(x)))) / len(x) * vibration.UG_PER_COUNT * 1e-6 * 9.80665 * 4
    )
    return np.fft.rfftfreq(len(x), 1 / RATE_HZ) / 30, amplitude


def _line(fault: str, size: float, order: float) -> float:
    orders, amplitude = _spectrum(fault, size)
    return float(amplitude[np.abs(orders - order) < max(0.003, 0.03 * min(1, order))].max())


def test_meshes_stand_at_their_orders() -> None:
    orders, amplitude = _spectrum("", 0.0)
    for mesh in (22.0, 5.75, 1.2149):
        around = np.abs(orders - mesh) < 0.45
        near = np.abs(orders - mesh) < 0.1  # the rotor's sway smears a line
        assert amplitude[near].max() > 4 * np.median(amplitude[around]), mesh


def test_faults_show_where_they_should() -> None:
    side_bands = [22 + side for side in (-3, -2, 2, 3)]  # a sound gear has hardly any beyond the first
    cracked, sound = (np.mean([_line(faults.TOOTH, size, o) for o in side_bands]) for size in (0.6, 0.0))
    assert cracked > 3 * sound
    assert _line(faults.LOOSENESS, 0.6, 1.5) > 3 * _line(faults.LOOSENESS, 0.0, 1.5)
    assert _line(faults.ROTOR_IMBALANCE, 0.6, ROTOR) > 3 * _line(faults.ROTOR_IMBALANCE, 0.0, ROTOR)


def test_what_is_written_is_listed_with_its_course_and_no_truth(tmp_path: Path) -> None:
    small = Farm(turbines=2, days=4, a_day=2, seconds=1.0, defect_day=2)
    for name in ("a", "b"):
        assert len(list(fleet.write(tmp_path / name, small))) == 16
    entries = manifest.catalogue(tmp_path / "a" / "simulated.csv")
    with (tmp_path / "a" / "truth.csv").open() as stream:
        truth = {row["file"]: row for row in csv.DictReader(stream)}
    planned = {run.file: run for run in fleet.runs(small)}
    for entry, again in zip(entries, manifest.catalogue(tmp_path / "b" / "simulated.csv"), strict=True):
        run = planned[entry.name]
        assert entry.label == run.label and entry.speed_rpm is None and "simulated" in entry.machine
        assert truth[entry.name]["fault"] == run.fault and float(truth[entry.name]["size"]) == round(
            run.size, 4
        )
        np.testing.assert_array_equal(entry.read().data, again.read().data)
        assert entry.course is not None
        told = entry.course()
        minutes = round((run.time - fleet.BEGIN).total_seconds() / 60)
        moved = course(run.weather, 1.0, np.random.default_rng([1, 4, run.turbine, minutes]))
        np.testing.assert_allclose(told.speed_rpm, moved.speed_rpm, atol=0.006)
        assert told.load is not None
        np.testing.assert_allclose(told.load, moved.torque, atol=6e-5)


def test_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "farm"
    options = ["--harder", "--turbines", "1", "--days", "1", "--a-day", "2", "--seconds", "1", "--axes", "1"]
    made = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert made.exit_code == 0 and "Wrote 2 SIMULATED recordings" in made.stdout, made.output
    entry = manifest.catalogue(folder / "simulated.csv")[0]
    assert entry.rate_hz == 6667 and entry.read().data.shape == (6667, 1)
    again = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert again.exit_code == 1 and "is not empty; accepted: a new or empty folder" in again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--harder", "--days", "0"], "days 0; accepted: a number above 0"),
        (["--harder", "--rate", "1000"], "rate_hz 1000; accepted: a number of at least 2000"),
        (["--harder", "--axes", "2"], "axes 2; accepted: 1, 3"),
        (["--axes", "1"], "--axes 1; accepted: 3, or --harder with it"),
    ],
)
def test_a_farm_that_cannot_be(tmp_path: Path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "farm"), *options])
    assert done.exit_code == 1 and said in done.stderr and not (tmp_path / "farm").exists()
