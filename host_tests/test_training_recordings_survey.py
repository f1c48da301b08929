"""The look at recordings before training, and the `data` commands."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from vibtrain.cli.data import app
from vibtrain.data.survey import survey
from vibtrain.recordings import DataError, Entry, Reading

RATE_HZ = 1000


def recording_of(data: np.ndarray, name: str = "r", **fields: Any) -> Entry:
    """It comes in blocks of 700 frames."""
    blocks = [data[i : i + 700].astype(np.float32) for i in range(0, len(data), 700)]
    return Entry(
        name=name,
        machine="m",
        session="s",
        label="healthy",
        rate_hz=RATE_HZ,
        axes=tuple("xyz"[: data.shape[1]]),
        source="test",
        reader=lambda: Reading(blocks),
        **fields,
    )


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((5000, 2)) + 9.8


def test_sound_recording_has_no_findings() -> None:
    (figures,) = survey([recording_of(noise())])
    assert figures.findings == ()
    assert figures.rms == pytest.approx((1.0, 1.0), abs=0.03)
    assert figures.kurtosis == pytest.approx(3.0, abs=0.3)
    assert figures.seconds == 5.0


def test_clipping_is_found() -> None:
    data = noise()
    data[100:104, 1] = data[:, 1].max() + 1
    (figures,) = survey([recording_of(data)])
    assert figures.findings == ("clipped (4 samples)",)


def test_a_stuck_axis_is_found() -> None:
    data = noise()
    data[1000:1500, 0] = 9.8
    (figures,) = survey([recording_of(data)])
    assert figures.findings == ("stuck (0.500 s)",)


def test_a_dead_axis_is_stuck_and_not_clipped() -> None:
    data = noise()
    data[:, 0] = 0
    (figures,) = survey([recording_of(data)])
    assert figures.findings == ("stuck (5.000 s)",)


def test_duplicates_are_found() -> None:
    recordings = [recording_of(noise(), "a"), recording_of(noise(2), "b"), recording_of(noise(), "c")]
    assert [figures.findings for figures in survey(recordings)] == [(), (), ("duplicate of a",)]


def test_a_recording_refuses_what_is_not_finite() -> None:
    data = noise()
    data[7, 1] = np.nan
    with pytest.raises(DataError, match="frame 7, axis y: nan"):
        recording_of(data).read()


def test_list_and_info_name_the_licence() -> None:
    listed = CliRunner().invoke(app, ["list"])
    assert listed.exit_code == 0 and "adi-motor" in listed.stdout and "BSD-3-Clause" in listed.stdout
    told = CliRunner().invoke(app, ["info", "mathworks-wind-turbine"])
    assert told.exit_code == 0 and "commercial use: not allowed" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nope"], "error: data set 'nope' is unknown"),
        (["get", "mathworks-wind-turbine"], "error: mathworks-wind-turbine: nothing to download here"),
        (["check", "missing.csv"], "error: missing.csv: cannot be read"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(message) and result.stderr.count("\n") == 1


def test_check_reports_a_broken_recording(tmp_path: Path) -> None:
    data = noise()
    data[:, 1] = 1.0
    np.save(tmp_path / "a.npy", data)
    (tmp_path / "m.csv").write_text("file,rate_hz\na.npy,1000\n")
    result = CliRunner().invoke(app, ["check", "--markdown", str(tmp_path / "m.csv")])
    assert result.exit_code == 0
    assert re.search(r"\| a\.npy \| healthy \|.*\| stuck \(5\.000 s\) \|", result.stdout)
