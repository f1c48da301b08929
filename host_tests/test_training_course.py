"""A manifest that says how the speed went: a column, a tacho, a file beside it, whatever the format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
from vibtrain.data import manifest
from vibtrain.features import extraction
from vibtrain.recordings import Course, DataError
from vibtrain.workflows import pipeline

RATE_HZ = 2000.0
SECONDS = 10.0
TIMES_S = np.arange(round(RATE_HZ * SECONDS)) / RATE_HZ
RPM = 1200 + 30 * TIMES_S  # 1200 to 1500
TURNS = np.cumsum(RPM / 60) / RATE_HZ
LOAD = 0.5 + 0.02 * TIMES_S


def _course(folder: Path, fields: dict[str, str], file: str = "a.csv") -> Course:
    row = {"file": file, "rate_hz": f"{RATE_HZ:g}", "columns": "x", **fields}
    path = folder / "m.csv"
    path.write_text("\n".join(",".join(cells) for cells in (row.keys(), row.values())) + "\n")
    read = manifest.catalogue(path)[0].course
    assert read is not None
    return read()


def _write(folder: Path, ending: str, columns: dict[str, np.ndarray]) -> str:
    """A recording `a` of that format."""
    path = folder / f"a{ending}"
    if ending == ".csv":
        pd.DataFrame(columns).to_csv(path, index=False)
    elif ending == ".parquet":
        pd.DataFrame(columns).to_parquet(path)
    elif ending == ".npz":
        np.savez(path, **columns)  # type: ignore[arg-type]
    elif ending == ".mat":
        scipy.io.savemat(path, columns)
    elif ending == ".h5":
        import h5py

        with h5py.File(path, "w") as stream:
            for name, values in columns.items():
                stream[name] = values
    return path.name


def _pulses(turns: np.ndarray, per_turn: int) -> np.ndarray:
    return np.where((turns * per_turn) % 1 < 0.3, 5.0, 0.1)


def _check(course: Course, tolerance_rpm: float) -> None:
    middle_s = np.arange(0.5, SECONDS - 0.5, 0.1)
    speed_rpm, _ = course.at(middle_s)
    np.testing.assert_allclose(speed_rpm, 1200 + 30 * middle_s, atol=tolerance_rpm)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz", ".mat", ".h5"])
def test_a_column_of_the_recording(tmp_path: Path, ending: str) -> None:
    columns = {"x": np.sin(TIMES_S), "n": RPM, "load": LOAD}
    file = _write(tmp_path, ending, columns)
    course = _course(tmp_path, {"speed_column": "n", "load_column": "load"}, file)
    _check(course, 0.01)
    assert len(course.times_s) <= 100 * SECONDS
    np.testing.assert_allclose(course.at(np.array([3.0]))[1], 0.56, atol=0.001)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz", ".mat", ".h5"])
@pytest.mark.parametrize("per_turn", [1, 6])
def test_a_tacho_in_the_recording(tmp_path: Path, ending: str, per_turn: int) -> None:
    file = _write(tmp_path, ending, {"x": np.sin(TIMES_S), "tacho": _pulses(TURNS, per_turn)})
    fields = {"tacho_column": "tacho", "pulses_per_turn": str(per_turn)}
    _check(_course(tmp_path, fields, file), 15)  # one frame of 2 kHz in a turn of 40 ms


def test_missing_and_bouncing_pulses(tmp_path: Path) -> None:
    pulses = _pulses(TURNS, 1)
    edges = np.flatnonzero(np.diff(pulses) > 0) + 1
    for edge in edges[[30, 90, 91]]:
        pulses[edge : edge + 40] = 0.1  # missing
    for edge in edges[[10, 60, 120]]:
        pulses[edge + 3 : edge + 5] = 0.1  # bouncing: down and up again
    file = _write(tmp_path, ".csv", {"x": np.sin(TIMES_S), "tacho": pulses})
    _check(_course(tmp_path, {"tacho_column": "tacho"}, file), 15)


def test_a_tacho_in_a_sound_file(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    both = np.stack([0.1 * np.sin(TIMES_S), _pulses(TURNS, 1) / 10], axis=1)
    soundfile.write(tmp_path / "a.wav", both, round(RATE_HZ), subtype="FLOAT")
    _check(_course(tmp_path, {"columns": "0", "tacho_column": "1"}, "a.wav"), 15)


def test_no_pulses_say_nothing(tmp_path: Path) -> None:
    file = _write(tmp_path, ".csv", {"x": np.sin(TIMES_S), "tacho": np.zeros(len(TIMES_S))})
    course = _course(tmp_path, {"tacho_column": "tacho"}, file)
    assert np.isnan(course.at(np.array([0.0, 5.0]))[0]).all()


def test_a_file_beside_it_with_seconds(tmp_path: Path) -> None:
    file = _write(tmp_path, ".csv", {"x": np.sin(TIMES_S)})
    slow_s = np.arange(0, 10.5, 0.5)
    pd.DataFrame({"time_s": slow_s, "rpm": 1200 + 30 * slow_s, "load": 0.1 * slow_s}).to_csv(
        tmp_path / "speed.csv", index=False
    )
    fields = {"speed_file": "speed.csv", "speed_column": "rpm", "load_column": "load"}
    course = _course(tmp_path, fields, file)
    _check(course, 0.01)
    speed_rpm, load = course.at(np.array([-3.0, 4.0, 30.0]))
    np.testing.assert_allclose(speed_rpm, [np.nan, 1320, np.nan])
    np.testing.assert_allclose(load, [np.nan, 0.4, np.nan])


def test_a_plants_export_with_dates_serves_by_the_recordings_time(tmp_path: Path) -> None:
    """As a SCADA gateway exports it: one file for all recordings."""
    file = _write(tmp_path, ".csv", {"x": np.sin(TIMES_S)})
    minute_s = np.arange(0, 120, 1.0)
    stamps = pd.Timestamp("2026-03-01T06:00:00Z") + pd.to_timedelta(minute_s, unit="s")
    table = pd.DataFrame({"time": stamps, "rpm": 1200 + 30 * (minute_s - 60)})
    table["rpm"] = table["rpm"].clip(lower=0)
    table.to_csv(tmp_path / "scada.csv", index=False)
    fields = {"speed_file": "scada.csv", "speed_column": "rpm"}
    _check(_course(tmp_path, {**fields, "time": "2026-03-01T08:01:00+02:00"}, file), 0.01)
    other = _course(tmp_path, {**fields, "time": "2026-03-01T12:00:00+00:00"}, file)
    assert np.isnan(other.at(np.array([5.0]))[0]).all()
    with pytest.raises(DataError, match="its rows have dates; accepted: with them, the recording's own time"):
        _course(tmp_path, fields, file)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"speed_file": "none.csv", "speed_column": "n"},
            "field speed_file: 'none.csv'; accepted: an existing",
        ),
        (
            {"speed_file": "a.csv"},
            "field speed_column: ''; accepted: either this or tacho_column, with speed_file",
        ),
        (
            {"speed_column": "n", "tacho_column": "n"},
            "field speed_column: 'n'; accepted: either this or tacho_column",
        ),
        (
            {"load_column": "n"},
            "field speed_column: ''; accepted: either this or tacho_column, with load_column",
        ),
        (
            {"speed_column": "n", "pulses_per_turn": "2"},
            "pulses_per_turn: '2'; accepted: none without tacho_column",
        ),
        ({"tacho_column": "n", "load_column": "n"}, "load_column: 'n'; accepted: none with tacho_column"),
        ({"tacho_column": "n", "pulses_per_turn": "0"}, "pulses_per_turn: '0'; accepted: a number above 0"),
        ({"speed_column": "rpm"}, "column 'rpm'; accepted: x, n or 0 to 1"),
        ({"speed_column": "n"}, "column n: -5; accepted: 0 or more"),
        (
            {"speed_file": "bare.csv", "speed_column": "n"},
            "no column of times is known; accepted: one named time_s",
        ),
        (
            {"speed_file": "back.csv", "speed_column": "n"},
            "column 'time_s': goes back in time; accepted: times",
        ),
    ],
)
def test_refusals(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    _write(tmp_path, ".csv", {"x": np.sin(TIMES_S), "n": np.where(TIMES_S < 5, -5.0, 7.0)})
    (tmp_path / "bare.csv").write_text("n,m\n1,4\n7,4\n3,9\n")
    (tmp_path / "back.csv").write_text("time_s,n\n0,4\n2,4\n1,9\n")
    with pytest.raises(DataError) as refused:
        _course(tmp_path, fields)
    assert said in str(refused.value)


def test_windows_have_the_speed_and_load_at_their_middle(tmp_path: Path) -> None:
    _write(tmp_path, ".csv", {"x": np.sin(TIMES_S), "n": RPM, "load": LOAD})
    rows = (
        "file,rate_hz,columns,speed_column,load_column,speed_rpm",
        "a.csv,2000,x,n,load,",
    )
    (tmp_path / "m.csv").write_text("\n".join(rows))
    (entry,) = manifest.catalogue(tmp_path / "m.csv")
    chosen = pipeline.general(tmp_path / "m.csv", [entry], "lis2dw12")
    windows = extraction.windows_of(entry, chosen)
    core = chosen.core_config()
    middles_s = (np.arange(len(windows.features)) * core["hop"] + core["window"] / 2) / chosen.chip().rate_hz
    assert windows.speeds_rpm is not None and windows.loads is not None
    np.testing.assert_allclose(windows.speeds_rpm, 1200 + 30 * middles_s, atol=1)
    np.testing.assert_allclose(windows.loads, 0.5 + 0.02 * middles_s, atol=0.001)
    stated = dataclasses.replace(entry, course=None, speed_rpm=1480.0)
    assert set(extraction.windows_of(stated, chosen).speeds_rpm) == {1480.0}  # type: ignore[arg-type]
    silent = extraction.windows_of(dataclasses.replace(entry, course=None), chosen)
    assert silent.speeds_rpm is not None and np.isnan(silent.speeds_rpm).all()
