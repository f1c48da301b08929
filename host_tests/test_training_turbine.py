"""The simulated fleet: the same again for a seed, a wind-driven speed, a defect that grows and is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest, turbine
from vibtrain.data.turbine import Fleet

SMALL = Fleet(turbines=2, days=12, defect_day=4, a_day=2, seconds=1.5)


def test_the_plan_is_a_fleet_over_time() -> None:
    planned = list(turbine.runs(Fleet()))
    assert len(planned) == 2 * 28 * 4 and planned == list(turbine.runs(Fleet()))
    assert planned != list(turbine.runs(Fleet(seed=2)))
    speeds = np.array([run.speed_rpm for run in planned])
    assert turbine.SLOWEST_RPM < speeds.min() < 1200 and 1600 < speeds.max() < turbine.RATED_RPM
    steps = np.abs(np.diff(speeds[: len(speeds) // 2]))
    assert np.median(steps) < 0.5 * (speeds.max() - speeds.min())  # the wind is slow, not drawn anew
    sizes = [run.size for run in planned if run.turbine == 1]
    assert sizes[:56] == [0] * 56 and 0 < sizes[56] < sizes[-1] <= 1 and sizes == sorted(sizes)
    assert {run.label for run in planned if run.turbine == 2} == {"healthy"}


def test_what_is_written_is_listed_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    small = Fleet(turbines=1, days=2, a_day=2, seconds=0.5, defect_day=1)
    for name in ("a", "b"):
        assert len(list(turbine.write(tmp_path / name, small))) == 4
    entries = manifest.catalogue(tmp_path / "a" / "simulated.csv")
    assert [e.label for e in entries] == ["healthy", "healthy", "outer-race", "outer-race"]
    assert all("simulated" in e.name and "simulated" in e.machine and e.time for e in entries)
    for first, second in zip(entries, manifest.catalogue(tmp_path / "b" / "simulated.csv"), strict=True):
        np.testing.assert_array_equal(first.read().data, second.read().data)


def test_a_growing_defect_is_found_on_another_machine(tmp_path: Path) -> None:
    """Through the commands: simulated, trained on the sound turbine, judged on the other."""
    folder, package = tmp_path / "fleet", tmp_path / "model"
    options = ["--days", "12", "--defect-day", "4", "--a-day", "2", "--seconds", "1.5"]
    made = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert made.exit_code == 0 and "SIMULATED" in made.stdout, made.output
    rows = (folder / "simulated.csv").read_text().splitlines()
    for machine in ("1", "2"):
        kept = [row for row in rows[1:] if f"simulated-turbine-{machine}," in row]
        (folder / f"simulated-{machine}.csv").write_text("\n".join([rows[0], *kept]) + "\n")
    source = ["--recordings", str(folder / "simulated-2.csv")]
    fitted = CliRunner().invoke(app, ["fit", *source, "--out", str(package)])
    assert fitted.exit_code == 0, fitted.output
    judged = CliRunner().invoke(
        app, ["evaluate", str(package), "--recordings", str(folder / "simulated-1.csv"), "--json"]
    )
    assert judged.exit_code == 0, judged.output
    figures = json.loads(judged.stdout)
    assert figures["window_auc"] > 0.8 and figures["episodes"] == figures["episodes_detected"] == 1
    again = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert again.exit_code == 1 and "is not empty; accepted: a new or empty folder" in again.stderr
