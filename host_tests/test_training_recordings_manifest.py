"""Manifests of a person's own recordings: what is read, and what is said about a fault in one."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from vibtrain.data import manifest
from vibtrain.recordings import DataError

HEAD = "file,machine,session,time,label,speed_rpm,load,rate_hz,columns,unit,scale\n"
ROWS = "0.0;1;2;-3\n0.1;4;5;-6\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("t;x;y;z\n" + ROWS)
    (tmp_path / "b.csv").write_text(ROWS)
    return tmp_path


def write(folder: Path, text: str, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_all_fields_of_a_csv_manifest(folder: Path) -> None:
    path = write(folder, HEAD + "a.csv,pump-1,may,2026-05-01T08:00,imbalance,1480,full,6400,x z,g,50\n")
    (entry,) = manifest.catalogue(path)
    assert (entry.name, entry.machine, entry.session, entry.label) == ("a.csv", "pump-1", "may", "imbalance")
    assert (entry.speed_rpm, entry.load, entry.rate_hz) == (1480, "full", 6400)
    assert entry.time == "2026-05-01T08:00:00" and entry.axes == ("x", "y") and entry.is_fault
    recording = entry.read()
    np.testing.assert_allclose(recording.data, np.array([[1, -3], [4, -6]]) * 50 * 9.80665, rtol=1e-6)


def test_only_file_and_rate_are_compulsory(folder: Path) -> None:
    np.save(folder / "c.npy", np.ones((5, 2), dtype=np.int16))
    (entry,) = manifest.catalogue(write(folder, "file,rate_hz\nc.npy,100\n"))
    assert entry.is_healthy and entry.speed_rpm is None and entry.axes == ("x", "y")
    assert entry.read().data.tolist() == [[1, 1]] * 5


def test_healthy_is_healthy_however_it_is_spelt(folder: Path) -> None:
    rows = "a.csv,,,, Healthy ,,,100,1,,\nb.csv,,,,OFF,,,100,1,,\n"
    healthy, off = manifest.catalogue(write(folder, HEAD + rows))
    assert healthy.is_healthy and not off.is_healthy and not off.is_fault


def test_toml_defaults(folder: Path) -> None:
    text = '[defaults]\nrate_hz = 100\ncolumns = [1, 2, 3]\nunit = "mg"\n'
    text += '[[recordings]]\nfile = "b.csv"\n[[recordings]]\nfile = "a.csv"\ncolumns = ["x"]\nlabel = "off"\n'
    b, a = manifest.catalogue(write(folder, text, "m.toml"))
    np.testing.assert_allclose(b.read().data[1], np.array([4, 5, -6]) * 9.80665e-3, rtol=1e-6)
    assert a.axes == ("x",) and not a.is_healthy and not a.is_fault


def test_each_kind_of_file(folder: Path) -> None:
    expected = np.array([[0.5, -0.25], [0.25, 0.5]])
    np.savez(folder / "c.npz", x=expected[:, 0], y=expected[:, 1])
    wavfile.write(folder / "d.wav", 100, (expected * 32768).astype(np.int16))
    (folder / "e.txt.gz").write_bytes(gzip.compress(b"0.5 -0.25\n0.25 0.5\n"))
    (folder / "f.tsv").write_text("x\ty\n0.5\t-0.25\n0.25\t0.5\n")
    rows = "".join(f"{name},100\n" for name in ("c.npz", "d.wav", "e.txt.gz", "f.tsv"))
    for entry in manifest.catalogue(write(folder, "file,rate_hz\n" + rows)):
        np.testing.assert_allclose(entry.read().data, expected, err_msg=entry.name)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("gone.csv,,,,,,,100,1,,", "line 2: field file: 'gone.csv'; accepted: an existing file"),
        ("a.xls,,,,,,,100,1,,", r"field file: 'a.xls'; accepted: names ending in .csv"),
        ("a.csv,,,,,,,,1,,", "field rate_hz: ''; accepted: a number"),
        ("a.csv,,,,,,,fast,1,,", "field rate_hz: 'fast'; accepted: a number"),
        ("a.csv,,,,,-5,,100,1,,", "field speed_rpm: '-5'; accepted: a number above 0"),
        ("a.csv,,,,,,,nan,1,,", "field rate_hz: 'nan'; accepted: a number above 0"),
        ("a.csv,,,,,,,100,1,inch,", "field unit: 'inch'; accepted: m/s2"),
        ("a.csv,,,yesterday,,,,100,1,,", "field time: 'yesterday'; accepted: ISO 8601"),
        ("a.csv,,,,,,,100,,,", "field columns: ''; accepted: .*, for a.csv has 4 columns"),
        ("a.csv,,,,,,,100,1 1,,", "field columns: '1 1'; accepted: one to three different columns"),
        ("a.csv,,,,Normal,,,100,1,,", "field label: 'Normal'; accepted: healthy, if that is what it means"),
        ("a.csv,,,,NO_FAULT,,,100,1,,", "field label: 'NO_FAULT'; accepted: healthy"),
        ("a.csv,,,,idle,,,100,1,,", "field label: 'idle'; accepted: off, if that is what it means"),
        (
            "a.csv,,,,Rub,,,100,1,,\nb.csv,,,,rub,,,100,1,,",
            "line 3: field label: 'rub'; accepted: one spelling of a fault, 'Rub'",
        ),
        ("a.csv,,,,,,,100,1,", "line 2: number of cells differs from the heading's 11"),
        (
            "a.csv,,,,,,,100,1,,\na.csv,,,,,,,100,x 2,,",
            r"line 3: field file: .*each file once, or by other columns \(x is in line 2 too\)",
        ),
        (
            "a.csv,,,,not known,,,100,1,,",
            "field label: 'not known'; accepted: unknown, if that is what it means",
        ),
        (
            "a.csv,,,,?,,,100,1,,",
            "field label: .*; accepted: what you know .*, or unknown where nobody knows",
        ),
        (
            "a.csv,,,2026-10-25T02:30:00+02:00,,,,100,1,,\nb.csv,,,2026-10-25T02:30:00,,,,100,1,,",
            r"line 3: field time: .*accepted: an offset such as \+02:00 in every row, as in line 2, or in none",
        ),
        ("", "lists no recordings"),
    ],
)
def test_faulty_rows(folder: Path, row: str, message: str) -> None:
    path = write(folder, HEAD + row + "\n")
    with pytest.raises(DataError, match=message) as caught:
        manifest.catalogue(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("file,rate\n", "m.csv", "line 1: field 'rate' is unknown; accepted: file, machine"),
        ("file\na.csv\n", "m.csv", "line 1: field 'rate_hz' is missing"),
        ("[[recordings]]\nfile = 'a.csv'\n", "m.toml", "recording 1: field 'rate_hz' is missing"),
        ("[[recording]]\n", "m.toml", r"'recording'; accepted: \[defaults\], \[\[recordings\]\]"),
        ("not toml", "m.toml", "cannot be read"),
        ("", "m.xlsx", "ending '.xlsx'; accepted: .csv, .toml"),
    ],
)
def test_faulty_manifests(folder: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        manifest.catalogue(write(folder, text, name))


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("n.csv", b"1,2\n3,oops\n", "1", "row 2, column 1: 'oops'; accepted: finite numbers"),
        ("n.csv", b"1,2\n3,\n", "1", "row 2, column 1: empty or nan; accepted: finite numbers"),
        ("n.csv", b"a,b\n1,2\n", "c", "column 'c'; accepted: a, b or 0 to 1"),
        ("n.csv", b"1,2\n", "2", "column 2; accepted: 0 to 1"),
        ("n.csv", b"\n", "0", "is empty"),
        ("n.npz", b"junk", "0", "cannot be read"),
        ("n.wav", b"junk", "0", "cannot be read"),
        ("n.csv.gz", b"junk", "0", "cannot be read"),
    ],
)
def test_faulty_samples(folder: Path, name: str, content: bytes, columns: str, message: str) -> None:
    (folder / name).write_bytes(content)
    (entry,) = manifest.catalogue(write(folder, f"file,rate_hz,columns\n{name},100,{columns}\n"))
    with pytest.raises(DataError, match=message) as caught:
        entry.read()
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_wav_must_have_the_rate_that_the_manifest_says(folder: Path) -> None:
    wavfile.write(folder / "d.wav", 8000, np.zeros(10, dtype=np.int16))
    (entry,) = manifest.catalogue(write(folder, "file,rate_hz\nd.wav,100\n"))
    with pytest.raises(DataError, match="rate_hz 100; accepted: the file's own 8000"):
        entry.read()


@pytest.mark.parametrize("columns", ["2 1 0", '"2,1,0"', '"2, 1, 0"'])
def test_columns_may_be_parted_by_commas(tmp_path: Path, columns: str) -> None:
    samples = np.arange(30.0).reshape(10, 3)
    np.save(tmp_path / "a.npy", samples)
    (tmp_path / "m.csv").write_text(f"file,rate_hz,columns\na.npy,800,{columns}\n")
    (entry,) = manifest.catalogue(tmp_path / "m.csv")
    assert np.array_equal(entry.read().data, samples[:, ::-1])


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_manifest_as_spreadsheets_of_other_countries_write_it(tmp_path: Path, delimiter: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((10, 3)))
    lines = (("file", "rate_hz", "columns", "label"), ("a.npy", "800", "0 1 2", "worn, a little"))
    (tmp_path / "m.csv").write_text("".join(delimiter.join(cells) + "\n" for cells in lines))
    (entry,) = manifest.catalogue(tmp_path / "m.csv")
    assert (entry.rate_hz, entry.label, entry.axes) == (800.0, "worn, a little", ("x", "y", "z"))


@pytest.mark.parametrize(
    "label", ["Lagerschaden außen", 'the "big" one', "back\\slash", "a" * 49, "*/ x", "-crack"]
)
def test_a_label_that_no_model_can_hold_is_refused_with_its_row(folder: Path, label: str) -> None:
    cell = '"' + label.replace('"', '""') + '"'
    path = write(
        folder, "file,rate_hz,columns,label\na.csv,800,x y z,healthy\n" + f"a.csv,800,x y z,{cell}\n"
    )
    with pytest.raises(
        DataError, match=r"m.csv: line 3: field label: .*; accepted: a name of up to 48 letters"
    ):
        manifest.catalogue(path)


@pytest.mark.parametrize(
    "label", ["outer race (6205)", "bent-shaft", "misalignment+imbalance", "BPFO: 3.05", "a" * 48]
)
def test_labels_as_people_write_them(folder: Path, label: str) -> None:
    path = write(folder, f"file,rate_hz,columns,label\na.csv,800,x y z,{label}\n")
    assert manifest.catalogue(path)[0].label == label


def test_one_file_serves_several_machines_by_its_columns(folder: Path) -> None:
    rows = "a.csv,100,pump,1\na.csv,100,motor,y z\nb.csv,100,pump,1\n"
    path = write(folder, "file,rate_hz,machine,columns\n" + rows)
    pump, motor, other = manifest.catalogue(path)
    assert [e.name for e in (pump, motor, other)] == ["a.csv:1", "a.csv:y,z", "b.csv"]
    assert (pump.machine, motor.machine) == ("pump", "motor") and pump.session != motor.session
    whole = manifest.catalogue(write(folder, "file,rate_hz,columns\na.csv,100,x y z\n", "whole.csv"))[
        0
    ].read()
    np.testing.assert_array_equal(np.hstack([pump.read().data, motor.read().data]), whole.data)


def test_a_state_that_nobody_knows_is_neither_healthy_nor_faulty(folder: Path) -> None:
    entry = manifest.catalogue(write(folder, "file,rate_hz,columns,label\na.csv,100,1,Unknown\n"))[0]
    assert (entry.is_healthy, entry.is_fault, entry.is_known) == (False, False, False)
