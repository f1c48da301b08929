"""What `vibtrain` says of bad input: one line with the place and what would be accepted, and nothing half-written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from vibtrain.cli.main import app

RATE_HZ = 3200
HEAD = "file,machine,session,label,rate_hz,columns,unit,scale"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four recordings of three axes, two of each label, each a session of its own, and their manifest."""
    random = np.random.default_rng(1)
    rows = [HEAD]
    for i in range(4):
        data = random.normal(0, 1 + i % 2, (4000, 3))
        np.savetxt(tmp_path / f"{i}.csv", data, "%.6g", ",", header="x,y,z", comments="")
        rows.append(f"{i}.csv,m,s{i},{'worn' if i % 2 else 'healthy'},{RATE_HZ},x y z,g,")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def refused(folder: Path, *arguments: str) -> str:
    """The one line of the error."""
    done = CliRunner().invoke(app, [*arguments, "--recordings", str(folder / "m.csv")])
    assert done.exit_code == 1, done.output
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in done.output
    return lines[0]


def in_row(number: int, before: str, after: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        rows = (folder / "m.csv").read_text().splitlines()
        assert before in rows[number]
        rows[number] = rows[number].replace(before, after)
        (folder / "m.csv").write_text("\n".join(rows) + "\n")

    return edit


def in_file(name: str, row: int, text: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines()
        lines[row] = text
        (folder / name).write_text("\n".join(lines) + "\n")

    return edit


def all_labels(label: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / "m.csv").read_text()
        (folder / "m.csv").write_text(text.replace("healthy", label).replace("worn", label))

    return edit


def two_axes(folder: Path) -> None:
    in_row(2, "x y z", "x y")(folder)


BAD = [
    ("an unreadable file", lambda f: (f / "0.csv").write_bytes(b"\x00\x01" * 500), r"0\.csv.*accepted"),
    (
        "an empty file",
        lambda f: (f / "0.csv").write_text(""),
        r"0\.csv: is empty; accepted: rows of numbers",
    ),
    (
        "a missing file",
        in_row(1, "0.csv", "9.csv"),
        r"line 2: field file: '9\.csv'; accepted: an existing file",
    ),
    ("a missing column", in_row(1, "x y z", "x y w"), r"0\.csv: column 'w'; accepted: x, y, z or 0 to 2"),
    (
        "no number",
        in_file("0.csv", 5, "1.0,nan,2.0"),
        r"0\.csv: row 5, column 'y': .*nan; accepted: finite numbers",
    ),
    (
        "a word",
        in_file("0.csv", 5, "1.0,broken,2.0"),
        r"row 5, column 'y': 'broken'; accepted: finite numbers",
    ),
    ("a wrong unit", in_row(2, ",g,", ",mm/s,"), r"line 3: field unit: 'mm/s'; accepted: m/s2"),
    (
        "a negative scale",
        in_row(2, ",g,", ",g,-50"),
        r"line 3: field scale: '-50'; accepted: a number above 0",
    ),
    ("a scale of 0", in_row(2, ",g,", ",g,0"), r"line 3: field scale: '0'; accepted: a number above 0"),
    (
        "a rate too low",
        in_row(2, "3200", "9"),
        r"m: recordings of 9 Hz, accepted for the adxl345: 100 Hz or more",
    ),
    (
        "next to no rate",
        in_row(2, "3200", "1e-9"),
        r"m: recordings of 1e-09 Hz, accepted for the adxl345: 100 Hz or more",
    ),
    ("an unfilled label", in_row(2, "worn", "?"), r"line 3: field label: '\?'; accepted: what you know"),
    ("no healthy recording", all_labels("worn"), r"no healthy recording among the 4"),
    (
        "other axes",
        two_axes,
        r"recordings of 2 \(\d\.csv\), 3 \(0\.csv\) axes; accepted: one number of axes for all",
    ),
]


@pytest.mark.parametrize(("edit", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_fit_says_what_is_wrong(folder: Path, edit: Callable[[Path], object], message: str) -> None:
    edit(folder)
    out = folder / "model"
    said = refused(folder, "fit", "--out", str(out))
    assert re.search(message, said), said
    assert not out.exists() and not list(folder.glob(".package-*"))


def test_a_recording_under_a_window(folder: Path) -> None:
    lines = (folder / "0.csv").read_text().splitlines()
    (folder / "0.csv").write_text("\n".join(lines[:300]) + "\n")
    said = refused(folder, "fit", "--out", str(folder / "model"))
    assert "0.csv" in said and "accepted: at least" in said


def test_an_empty_label_is_healthy(folder: Path) -> None:
    in_row(1, "healthy", "")(folder)
    done = CliRunner().invoke(
        app, ["fit", "--recordings", str(folder / "m.csv"), "--out", str(folder / "model")]
    )
    assert done.exit_code == 0, done.output


def test_files_of_two_rates_are_brought_to_the_slower_one_and_a_slower_one_than_the_sensor_is_refused(
    folder: Path,
) -> None:
    in_row(2, str(RATE_HZ), str(RATE_HZ // 2))(folder)
    out = folder / "model"
    done = CliRunner().invoke(app, ["fit", "--recordings", str(folder / "m.csv"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "rate_millihz = 1600000" in (out / "model.toml").read_text()
    said = refused(folder, "fit", "--config", "adi-motor", "--out", str(folder / "other"))
    assert "1.csv: cannot be resampled to 3200 Hz; accepted: rates up to its own 1600 Hz" in said


def test_an_unknown_sensor(folder: Path) -> None:
    said = refused(folder, "fit", "--sensor", "adxl999", "--out", str(folder / "model"))
    assert "sensor 'adxl999' is unknown; accepted: adxl345" in said


def test_a_single_machine_cannot_be_left_out(folder: Path) -> None:
    said = refused(folder, "crossval", "--by", "machine")
    assert "split by machine: all 4 recordings have machine 'm'; accepted: two or more" in said


def test_a_model_over_budget(folder: Path) -> None:
    out = folder / "model"
    said = refused(folder, "fit", "--out", str(out), "--max-flash", "100")
    assert "accepted: up to 100 (--max-flash); `vibtrain search` looks for one that fits" in said
    said = refused(folder, "fit", "--out", str(out), "--max-instructions", "1000")
    assert "instructions a window; accepted: up to 1,000 (--max-instructions)" in said
    assert not out.exists()


def test_a_baseline_longer_than_what_was_recorded(folder: Path) -> None:
    out = folder / "model"
    assert (
        CliRunner().invoke(app, ["fit", "--recordings", str(folder / "m.csv"), "--out", str(out)]).exit_code
        == 0
    )
    said = refused(folder, "evaluate", str(out), "--baseline", "3600")
    assert "a baseline of 3600 s; accepted: under" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults = 3", r"defaults 3; accepted: a table, \[defaults\]"),
        ('recordings = "a"', r"recordings 'a'; accepted: tables, \[\[recordings\]\]"),
        ("recordings = [1]", r"recordings \[1\]; accepted: tables"),
        ("x = [", "cannot be read"),
    ],
)
def test_a_manifest_in_toml_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.toml").write_text(text + "\n")
    done = CliRunner().invoke(
        app, ["fit", "--recordings", str(tmp_path / "m.toml"), "--out", str(tmp_path / "p")]
    )
    assert done.exit_code == 1 and re.search(r"error: .*m\.toml: " + message, done.stderr), done.output


def test_a_manifest_that_is_no_text(folder: Path) -> None:
    (folder / "m.csv").write_bytes((folder / "m.csv").read_text().encode("utf-16"))
    said = refused(folder, "fit", "--out", str(folder / "model"))
    assert said.endswith("m.csv: byte 0 is no text; accepted: a text in UTF-8")


@pytest.mark.parametrize("seconds", ["x", "-1", "0", "nan", "inf", ""])
def test_a_playlist_for_no_time(folder: Path, seconds: str) -> None:
    said = refused(
        folder, "replay", "--out", str(folder / "replay"), "--config", "adi-motor", f"0.csv:{seconds}"
    )
    assert said == f"error: '0.csv:{seconds}': seconds '{seconds}'; accepted: a number above 0"
    assert not (folder / "replay").exists()


def test_a_file_in_the_packages_place_is_told_before_anything_is_read(folder: Path) -> None:
    (folder / "0.csv").write_text("not,read\n")
    (folder / "taken").write_text("mine")
    said = refused(folder, "fit", "--out", str(folder / "taken"))
    assert "taken: exists and is no model package; accepted: a new or empty folder, or a package" in said
    assert (folder / "taken").read_text() == "mine"


def test_a_baseline_of_less_than_nothing() -> None:
    done = CliRunner().invoke(app, ["crossval", "--by", "session", "--baseline", "-1"])
    assert done.exit_code == 2 and "'--baseline': Input should be greater than or equal to 0" in done.stderr


@pytest.mark.parametrize(("option", "named"), [("--turbines", "turbines 0"), ("--rate", "rate_hz 0")])
def test_a_fleet_of_nothing(tmp_path: Path, option: str, named: str) -> None:
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "fleet"), option, "0"])
    assert done.exit_code == 1
    assert f"error: {named}; accepted: a number above 0" in done.stderr and not (tmp_path / "fleet").exists()
