"""Each file format is read as its own library wrote it; what is wrong with a file is said in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from vibtrain.data import manifest
from vibtrain.files import whole_files
from vibtrain.files.sample_files import read_columns, read_file
from vibtrain.recordings import DataError, Entry

h5py, nptdms, pyuff = (pytest.importorskip(library) for library in ("h5py", "nptdms", "pyuff"))
pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

RATE_HZ = 500.0
X, Y = np.array([0.5, -0.25, 1.0, 2.0]), np.array([0.25, 0.5, -1.0, 3.0])


def write_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table({"x": X, "y": Y}), path)


def write_mat(path: Path) -> None:
    savemat(path, {"bearing": {"x": X, "y": Y, "sr": RATE_HZ}})


def write_mat_73(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, column in (("bearing/x", X), ("bearing/y", Y)):
            file.create_dataset(name, data=column[None, :])  # MATLAB's columns are HDF5's rows
        file["bearing/fs"] = np.array([[RATE_HZ]])
    head = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"  # what says that it is version 7.3
    with path.open("r+b") as stream:
        stream.write(head)


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["sample_rate"] = RATE_HZ
        file["bearing/x"], file["bearing/y"] = X, Y


def write_tdms(path: Path) -> None:
    facts = {"wf_increment": 1 / RATE_HZ, "unit_string": "g"}
    with nptdms.TdmsWriter(path) as writer:
        writer.write_segment(
            [nptdms.ChannelObject("bearing", name, data, facts) for name, data in (("x", X), ("y", Y))]
        )


def write_uff(path: Path) -> None:
    file = pyuff.UFF(str(path))
    for name, column in (("x", X), ("y", Y)):
        written = pyuff.prepare_58(
            binary=0, func_type=1, rsp_node=1, rsp_dir=1, ref_node=0, ref_dir=0, data=column, id1=name,
            x=np.arange(len(column)) / RATE_HZ, abscissa_spacing=1, abscissa_inc=1 / RATE_HZ, ord_data_type=4,
            abscissa_spec_data_type=17, ordinate_spec_data_type=12, orddenom_spec_data_type=0,
            ordinate_axis_units_lab="m/s2", id2="-", id3="-", id4="-", id5="-",
        )  # fmt: skip
        file.write_sets(written, "add")


FORMATS: list[tuple[str, Callable[[Path], None], tuple[str, str], float | None, str]] = [
    ("a.parquet", write_parquet, ("x", "y"), None, ""),
    ("a.mat", write_mat, ("bearing.x", "bearing.y"), RATE_HZ, ""),
    ("b.mat", write_mat_73, ("bearing/x", "bearing/y"), RATE_HZ, ""),
    ("a.h5", write_hdf5, ("bearing/x", "bearing/y"), RATE_HZ, ""),
    ("a.tdms", write_tdms, ("x", "y"), RATE_HZ, "g"),
    ("a.uff", write_uff, ("x", "y"), RATE_HZ, "m/s2"),
]


@pytest.mark.parametrize(("name", "write", "columns", "rate_hz", "unit"), FORMATS)
def test_each_format_is_read(
    tmp_path: Path,
    name: str,
    write: Callable[[Path], None],
    columns: tuple[str, str],
    rate_hz: float,
    unit: str,
) -> None:
    path = tmp_path / name
    write(path)
    np.testing.assert_allclose(read_columns(path), np.stack([X, Y], axis=1), rtol=1e-6)
    np.testing.assert_allclose(read_columns(path, columns[1:])[:, 0], Y, rtol=1e-6)
    assert read_file(path).names == columns
    content = read_file(path)
    assert content.rate_hz(columns) == (pytest.approx(rate_hz) if rate_hz else None)
    assert content.units == ({column: unit for column in columns} if unit else {})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Date: today\nSerial, 12, b\n\nx\ty\n0.5\t0.25\n-0.25\t0.5\n", ["x", "y"]),
        ("x;y\n0,5;0,25\n-0,25;0,5\n", ["x", "y"]),
        ("0,5\t0,25\t\n-0,25\t0,5\t\n", ["0", "1"]),
        ('"x","y"\n0.5,0.25\n-0.25,0.5\n', ["x", "y"]),
        ("a log\n0.5 0.25\n-0.25 0.5\n", ["a", "log"]),
        ("recorded by me\n0.5 0.25\n-0.25 0.5\n", ["0", "1"]),
    ],
)
def test_text_of_any_delimiter_preamble_and_decimal_mark(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert list(read_file(path).names) == names
    np.testing.assert_array_equal(read_columns(path), [[0.5, 0.25], [-0.25, 0.5]])


@pytest.mark.parametrize(("name", "write", "columns", "rate_hz", "unit"), FORMATS)
def test_a_damaged_file_is_one_line_that_names_it(
    tmp_path: Path, name: str, write: Callable[[Path], None], columns: object, rate_hz: object, unit: object
) -> None:
    path = tmp_path / name
    path.write_bytes(b"this is no recording")
    with pytest.raises(DataError, match=rf"{name}: (cannot be read: .|no time response|is empty)") as caught:
        read_columns(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "write", "remedy"), [("a.mat", write_mat, "saved with -v7.3"), ("a.uff", write_uff, "as HDF5")]
)
def test_what_is_read_whole_is_refused_where_memory_does_not_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path], None], remedy: str
) -> None:
    write(tmp_path / name)
    size = (tmp_path / name).stat().st_size
    monkeypatch.setattr(whole_files, "free_bytes", lambda: 4 * size)
    assert len(read_columns(tmp_path / name)) == len(X)
    monkeypatch.setattr(whole_files, "free_bytes", lambda: size - 1)
    with pytest.raises(
        DataError, match=rf"{name}: is read whole, which takes .* GB are free; accepted: .*{remedy}"
    ):
        read_columns(tmp_path / name)


def test_a_compressed_mat_is_taken_for_what_it_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savemat(tmp_path / "a.mat", {"a": np.zeros((100_000, 3))}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    monkeypatch.setattr(whole_files, "free_bytes", lambda: 2_399_999)
    with pytest.raises(DataError, match="is read whole"):
        read_columns(tmp_path / "a.mat")
    monkeypatch.setattr(whole_files, "free_bytes", lambda: 2_400_000)
    assert len(read_columns(tmp_path / "a.mat")) == 100_000


def test_free_memory_is_what_linux_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:  7000 kB\n")
    monkeypatch.setattr(whole_files, "_MEMINFO", tmp_path / "meminfo")
    assert whole_files.free_bytes() == 7000 * 1024
    monkeypatch.setattr(whole_files, "_MEMINFO", tmp_path / "none")
    assert whole_files.free_bytes() is None


@pytest.mark.parametrize(
    ("name", "module"),
    [("a.parquet", "pyarrow.parquet"), ("a.h5", "h5py"), ("a.tdms", "nptdms"), ("a.uff", "pyuff")],
)
def test_a_missing_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"needs? the library .*pip install 'vibnode\[readers\]'"):
        read_columns(tmp_path / name)


def row(folder: Path, cells: str) -> Entry:
    path = folder / "m.csv"
    path.write_text("file,rate_hz,columns,unit,scale\n" + cells + "\n")
    entry: Entry
    (entry,) = manifest.catalogue(path)
    return entry


def test_the_rate_and_the_unit_must_be_the_files_own(tmp_path: Path) -> None:
    write_tdms(tmp_path / "a.tdms")
    right = row(tmp_path, "a.tdms,500,x y,g,").read()
    np.testing.assert_allclose(right.data[:, 0], X * 9.80665, rtol=1e-6)
    with pytest.raises(DataError, match="rate_hz 1000; accepted: the file's own 500"):
        row(tmp_path, "a.tdms,1000,x y,g,").read()
    with pytest.raises(DataError, match="column 'x': unit 'm/s2'; accepted: the file's own 'g'"):
        row(tmp_path, "a.tdms,500,x y,,").read()
    np.testing.assert_allclose(row(tmp_path, "a.tdms,500,x y,m/s2,2").read().data[:, 0], X * 2, rtol=1e-6)


def test_a_unit_that_is_no_acceleration_needs_a_scale(tmp_path: Path) -> None:
    with nptdms.TdmsWriter(tmp_path / "v.tdms") as writer:
        writer.write_segment([nptdms.ChannelObject("a", "x", X, {"unit_string": "V"})])
    with pytest.raises(DataError, match=r"column 'x' is in 'V'; accepted: m/s2.* or a scale"):
        row(tmp_path, "v.tdms,500,x,g,").read()
    np.testing.assert_allclose(
        row(tmp_path, "v.tdms,500,x,g,50").read().data[:, 0], X * 50 * 9.80665, rtol=1e-6
    )


def write_two_rates_mat(path: Path) -> None:
    savemat(path, {"acc": {"x": X, "fs": 6400.0}, "tacho": {"rpm": X, "fs": 10.0}})


def write_two_rates_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for group, column, rate_hz in (("acc", "x", 6400), ("tacho", "rpm", 10)):
            file[f"{group}/{column}"] = X
            file[group].attrs["sample_rate"] = rate_hz


def write_two_rates_npz(path: Path) -> None:
    arrays: dict[str, Any] = {"acc.x": X, "acc.fs": 6400.0, "tacho.rpm": X, "tacho.fs": 10.0}
    np.savez(path, **arrays)


def write_two_rates_tdms(path: Path) -> None:
    with nptdms.TdmsWriter(path) as writer:
        for group, column, rate_hz in (("acc", "x", 6400), ("tacho", "rpm", 10)):
            facts = {"wf_increment": 1 / rate_hz}
            writer.write_segment([nptdms.ChannelObject(group, column, X, facts)])


@pytest.mark.parametrize(
    ("name", "write", "columns"),
    [
        ("a.mat", write_two_rates_mat, ("acc.x", "tacho.rpm")),
        ("a.h5", write_two_rates_hdf5, ("acc/x", "tacho/rpm")),
        ("a.npz", write_two_rates_npz, ("acc.x", "tacho.rpm")),
        ("a.tdms", write_two_rates_tdms, ("x", "rpm")),
    ],
)
def test_a_rate_is_that_of_the_columns_beside_it(
    tmp_path: Path, name: str, write: Callable[[Path], None], columns: tuple[str, str]
) -> None:
    write(tmp_path / name)
    content = read_file(tmp_path / name)
    assert [content.rate_hz([column]) for column in columns] == [6400, 10]
    assert row(tmp_path, f"{name},6400,{columns[0]},,").read().rate_hz == 6400
    with pytest.raises(DataError, match="rate_hz 10; accepted: the file's own 6400"):
        row(tmp_path, f"{name},10,{columns[0]},,").read()
    with pytest.raises(DataError, match=r"columns of different rates, .*x \(6400 Hz\), .*rpm \(10 Hz\)"):
        row(tmp_path, f"{name},6400,{' '.join(columns)},,").read()


def test_a_rate_that_may_be_the_shaft_s_is_none_of_the_samples(tmp_path: Path) -> None:
    """As the MFPT files have it: `sr` is the sample rate, `rate` the shaft's in Hz."""
    savemat(tmp_path / "a.mat", {"bearing": {"sr": 97656.0, "gs": X, "load": 270.0, "rate": 25.0}})
    assert read_file(tmp_path / "a.mat").rate_hz(["bearing.gs"]) == 97656
    savemat(tmp_path / "b.mat", {"gs": X, "rate": 25.0})
    assert read_file(tmp_path / "b.mat").rate_hz(["gs"]) is None


@pytest.mark.parametrize("status", [{}, {"NI_Scaling_Status": "unscaled"}, {"NI_Scaling_Status": "scaled"}])
def test_raw_numbers_of_a_scale_that_is_not_known_are_refused(tmp_path: Path, status: dict[str, str]) -> None:
    """npTDMS gives them for the values, with a warning."""
    facts = {"NI_Number_Of_Scales": 1, "NI_Scale[0]_Scale_Type": "Reciprocal"} | status
    raw = np.array([19, -52, 259, 11], np.int16)
    with nptdms.TdmsWriter(tmp_path / "a.tdms") as writer:
        writer.write_segment([nptdms.ChannelObject("g", "x", raw, facts), nptdms.ChannelObject("g", "y", X)])
    np.testing.assert_array_equal(read_columns(tmp_path / "a.tdms", ["y"])[:, 0], X)
    if status.get("NI_Scaling_Status") == "scaled":
        np.testing.assert_array_equal(read_columns(tmp_path / "a.tdms", ["x"])[:, 0], raw)
        return
    with pytest.raises(
        DataError, match=r"channel 'x': NI_Scale\[0\]_Scale_Type 'Reciprocal'; accepted: Linear"
    ):
        read_columns(tmp_path / "a.tdms", ["x"])


@pytest.mark.parametrize(
    ("variables", "columns", "message"),
    [
        ({"x": X, "y": Y[:3]}, "", r"columns of different lengths, x \(4\), y \(3\)"),
        (
            {"x": np.array([1.0, np.nan, 2.0])},
            "x",
            "row 2, column 'x': empty or nan; accepted: finite numbers",
        ),
        ({"note": "nothing"}, "x", "holds no array of numbers"),
        ({"x": X}, "z", "column 'z'; accepted: x or 0 to 0"),
    ],
)
def test_what_cannot_be_used_of_a_mat_file(
    tmp_path: Path, variables: dict[str, object], columns: str, message: str
) -> None:
    savemat(tmp_path / "a.mat", variables)
    with pytest.raises(DataError, match=message):
        row(tmp_path, f"a.mat,500,{columns},,").read()


def test_a_time_stamp_is_no_sample(tmp_path: Path) -> None:
    table = pyarrow.table({"t": np.arange(3).astype("datetime64[ms]"), "x": X[:3]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 't': datetime64.*accepted: finite numbers"):
        read_columns(tmp_path / "t.parquet", ["t"])


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        (
            "a.npy",
            lambda path: np.save(path, np.zeros((0, 3))),
            r"float64 of shape \(0, 3\); accepted: numbers",
        ),
        ("a.npz", np.savez, "holds no array; accepted: numbers"),
        (
            "b.npy",
            lambda path: np.save(path, [1.0, np.inf]),
            "row 2, column 0: inf; accepted: finite numbers",
        ),
    ],
)
def test_what_an_array_lacks_is_told(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}: {message}"):
        read_columns(tmp_path / name)
