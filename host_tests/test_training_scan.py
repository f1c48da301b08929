"""`vibtrain scan`: what a folder of recordings is guessed to be, and what is left for its owner to say."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat, wavfile
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest, scan
from vibtrain.recordings import DataError

FRAMES = 200


def noise(offset: tuple[float, ...] = (0, 0, 1)) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.05, (FRAMES, len(offset))) + offset


def write_csv(path: Path, data: np.ndarray, heading: str = "", *, times: np.ndarray | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    table = data if times is None else np.column_stack([times, data])
    np.savetxt(path, table, delimiter=",", header=heading, comments="", fmt="%.9g")


def only(folder: Path) -> scan.Guess:
    (file,) = scan.find(folder)
    guessed = scan.guess(file, folder)
    assert not guessed.trouble
    return guessed


@pytest.mark.parametrize(
    ("heading", "step", "rate_hz"),
    [
        ("time,x,y,z", 1 / 400, "400"),
        ("timestamp_ms,x,y,z", 2.5, "400"),
        ("Time [us],x,y,z", 2500, "400"),
        ("", 1 / 400, "400"),
    ],
)
def test_the_rate_from_a_time_column(tmp_path: Path, heading: str, step: float, rate_hz: str) -> None:
    write_csv(tmp_path / "a.csv", noise(), heading, times=np.arange(FRAMES) * step)
    guess = only(tmp_path)
    assert guess.fields["rate_hz"] == rate_hz
    assert guess.fields["columns"] == ("x y z" if heading else "1 2 3")


def test_a_counter_does_not_tell_the_rate(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", noise(), "time,x,y,z", times=np.arange(FRAMES) * 5)
    assert only(tmp_path).fields["rate_hz"] == "?"


@pytest.mark.parametrize("first", [0, 1, 77])
def test_an_index_is_neither_time_nor_an_axis(tmp_path: Path, first: int) -> None:
    index, times = np.arange(FRAMES) + first, np.arange(FRAMES) / 400
    write_csv(tmp_path / "a.csv", np.column_stack([times, noise()]), ",time,x,y,z", times=index)
    assert only(tmp_path).fields["rate_hz"] == "400"
    write_csv(tmp_path / "a.csv", np.column_stack([times, noise()]), times=index)
    guess = only(tmp_path)
    assert (guess.fields["rate_hz"], guess.fields["columns"]) == ("400", "2 3 4")
    write_csv(tmp_path / "a.csv", noise(), times=index)
    guess = only(tmp_path)
    assert (guess.fields["rate_hz"], guess.fields["columns"]) == ("?", "1 2 3")


@pytest.mark.parametrize(
    ("factor", "unit", "scale"),
    [(1, "g", ""), (9.80665, "m/s2", ""), (1000, "mg", ""), (4096, "g", "0.000244140625"), (37, "?", "")],
)
def test_the_unit_from_gravity(tmp_path: Path, factor: float, unit: str, scale: str) -> None:
    write_csv(tmp_path / "400Hz-normal.csv", noise() * factor, "ax,ay,az")
    guess = only(tmp_path)
    assert (guess.fields["unit"], guess.fields["scale"]) == (unit, scale)


def test_names_tell_label_speed_machine_and_rate(tmp_path: Path) -> None:
    write_csv(tmp_path / "healthy" / "pump_3 1480rpm outer 20kHz.csv", noise(), "x [g],y [g],z [g]")
    fields = only(tmp_path).fields
    assert fields["file"] == "healthy/pump_3 1480rpm outer 20kHz.csv"
    assert (fields["machine"], fields["speed_rpm"], fields["rate_hz"]) == ("pump-3", "1480", "20000")
    assert (fields["label"], fields["unit"], fields["columns"]) == ("outer-race", "g", "0 1 2")


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("pump 2026-05-01 08-30.csv", "2026-05-01T08:30:00"),
        ("20260501T083015.csv", "2026-05-01T08:30:15"),
        ("rec_20260501_0830_x.csv", "2026-05-01T08:30:00"),
        ("20260501.csv", None),
        ("20261399T0830.csv", None),
        ("12026050108301.csv", None),
    ],
)
def test_the_time_from_a_name(tmp_path: Path, name: str, time: str | None) -> None:
    write_csv(tmp_path / name, noise(), "x [g],y [g],z [g]")
    assert only(tmp_path).fields.get("time") == time


def test_what_nobody_could_know_is_a_question_that_a_manifest_refuses(tmp_path: Path) -> None:
    savemat(tmp_path / "X097.mat", {f"c{i}": noise((0,)) for i in range(5)})
    result = CliRunner().invoke(app, ["scan", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader((tmp_path / "manifest.csv").open())
    assert {field for field, value in row.items() if value == "?"} == {"rate_hz", "columns", "unit", "label"}
    with pytest.raises(DataError, match=r"line 2: field label: '\?'; accepted: what you know"):
        manifest.catalogue(tmp_path / "manifest.csv")


def test_a_scanned_manifest_is_read_as_it_stands(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "normal.wav", 8000, (noise((0.0,)) * 8000).astype(np.int16))
    write_csv(tmp_path / "sub" / "clogged.csv", noise((0, 0, 9.81)), "t,x,y,z", times=np.arange(FRAMES) / 400)
    (tmp_path / "sub" / "broken.npz").write_bytes(b"junk")
    result = CliRunner().invoke(app, ["scan", str(tmp_path), "--out", str(tmp_path / "sub" / "m.csv")])
    assert result.exit_code == 0 and "left out" in result.stderr and "broken.npz" in result.stderr
    text = (tmp_path / "sub" / "m.csv").read_text()
    (tmp_path / "sub" / "m.csv").write_text(text.replace("?", "g"))  # the owner says the microphone's unit
    entries = {entry.label: entry for entry in manifest.catalogue(tmp_path / "sub" / "m.csv")}
    assert entries["healthy"].read().data.shape == (FRAMES, 1)
    np.testing.assert_allclose(entries["clogged"].read().data.mean(axis=0), (0, 0, 9.81), atol=0.02)
    again = CliRunner().invoke(app, ["scan", str(tmp_path), "--out", str(tmp_path / "sub" / "m.csv")])
    assert again.exit_code == 1 and "exists; accepted: a new file" in again.stderr


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_recordings_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["scan", str(tmp_path / folder)])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and folder in result.stderr


def test_a_folder_as_people_keep_them(tmp_path: Path) -> None:
    """Other files, hidden ones, other encodings, time stamps in words or milliseconds, a sample rate among arrays."""
    data, times = noise((0, 0, 9.81)), np.arange(FRAMES) / 400
    german = [
        "Gerät;XY-200",
        "",
        "Zeit [ms];Beschleunigung X [m/s²];Beschleunigung Y [m/s²];Beschleunigung Z [m/s²]",
    ]
    rows = [";".join(f"{v:.4f}" for v in (1000 * t, *row)) for t, row in zip(times, data, strict=True)]
    (tmp_path / "Messung normal.csv").write_bytes(
        "\n".join([*german, *rows]).replace(".", ",").encode("cp1252")
    )
    (tmp_path / "utf16 normal 400Hz.csv").write_text(
        "x,y,z\n" + "\n".join(",".join(f"{v:.4f}" for v in row) for row in data), encoding="utf-16"
    )
    stamps = np.datetime64("2026-05-01T08:00:00") + (times * 1e6).astype("timedelta64[us]")
    lines = [
        ",".join([str(stamp), *(f"{v:.4f}" for v in row)]) for stamp, row in zip(stamps, data, strict=True)
    ]
    (tmp_path / "stamped normal.csv").write_text("when,x,y,z\n" + "\n".join(lines) + "\n")
    np.savez(tmp_path / "arrays normal.npz", acc=data, fs=400)
    for name in ("._copy.csv", ".git/x.csv", "__MACOSX/y.csv", "notes.txt", "results.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("name,score\nfirst,1.0\nsecond,2.0\n")
    result = CliRunner().invoke(app, ["scan", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "4 of 6 files" in result.stdout
    assert result.stderr.count("left out") == 2 and "accepted: recordings of 64 at least" in result.stderr
    rows_written = list(csv.DictReader((tmp_path / "manifest.csv").open(encoding="utf-8")))
    assert {row["rate_hz"] for row in rows_written} == {"400"}
    for entry in manifest.catalogue(tmp_path / "manifest.csv"):
        np.testing.assert_allclose(entry.read().data, data, atol=1e-3, err_msg=entry.name)


def test_a_slow_step_is_not_taken_for_seconds(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", noise(), "time,x,y,z", times=np.arange(FRAMES) * 0.25)
    assert only(tmp_path).fields["rate_hz"] == "?"


def test_rounded_time_stamps_tell_the_mean_rate(tmp_path: Path) -> None:
    times = np.round(np.arange(FRAMES) * 1.25)
    write_csv(tmp_path / "a.csv", noise(), "time [ms],x,y,z", times=times)
    assert float(only(tmp_path).fields["rate_hz"]) == pytest.approx(800, rel=0.01)


def test_a_channel_without_samples_does_not_end_the_scan(tmp_path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    samples = np.random.default_rng(1).normal(0, 1, 1000)
    with nptdms.TdmsWriter(tmp_path / "a.tdms") as writer:
        channels = (("x", samples), ("y", samples[:0]))
        writer.write_segment([nptdms.ChannelObject("g", name, data) for name, data in channels])
    found = scan.guess(tmp_path / "a.tdms", tmp_path)
    assert not found.trouble and found.fields["columns"] == "x"


def test_a_manifest_with_semicolons_is_no_recording(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((100, 3)))
    (tmp_path / "m.csv").write_text("file;rate_hz\na.npy;800\n")
    assert scan.find(tmp_path) == [tmp_path / "a.npy"]
