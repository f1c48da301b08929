"""Recordings larger than memory: however they are cut into blocks, the same samples, counts and features."""

from __future__ import annotations

import dataclasses
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vib
from machine_lacks import machine_needs
from rich.console import Console
from scipy import signal
from scipy.io import savemat
from vibtrain.cli.progress import LONG_FRAMES, reading
from vibtrain.data import manifest, simulator
from vibtrain.features import config, extraction, sensors
from vibtrain.features.resample import Resampler, count_blocks, resample, to_counts
from vibtrain.files.file_columns import BLOCK_FRAMES
from vibtrain.files.sample_files import read_blocks, read_columns
from vibtrain.recordings import DataError, Entry, Reading, Recording, Samples, watched
from vibtrain.workers import HERE

FRAMES = 2 * BLOCK_FRAMES + 777  # three blocks
TABLE = np.random.default_rng(1).normal(0, 0.1, (FRAMES, 3))


def write_hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["acceleration"] = TABLE.T  # MATLAB's columns are HDF5's rows


def write_tdms(path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    with nptdms.TdmsWriter(path) as writer:
        for piece in np.array_split(TABLE, 5):  # a logger writes segments
            writer.write_segment([nptdms.ChannelObject("g", "xyz"[i], piece[:, i]) for i in range(3)])


def write_parquet(path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({f"a.{i}": TABLE[:, i] for i in range(3)}), path)


def write_sound(path: Path) -> None:
    pytest.importorskip("soundfile").write(path, TABLE, 8000, "DOUBLE" if path.suffix == ".wav" else "PCM_24")


FORMATS: list[tuple[str, Callable[[Path], object]]] = [
    ("a.csv", lambda path: np.savetxt(path, TABLE, delimiter=",", fmt="%.9g")),
    ("a.csv.gz", lambda path: np.savetxt(path, TABLE[: BLOCK_FRAMES + 5], delimiter="\t", fmt="%.6g")),
    ("a.npy", lambda path: np.save(path, TABLE)),
    ("table.npz", lambda path: np.savez(path, TABLE)),
    ("by_column.npz", lambda path: np.savez(path, np.asfortranarray(TABLE))),
    ("columns.npz", lambda path: np.savez_compressed(path, x=TABLE[:, 0], y=TABLE[:, 1], z=TABLE[:, 2])),
    ("a.wav", write_sound),
    ("a.flac", write_sound),
    ("a.h5", write_hdf5),
    ("a.mat", lambda path: savemat(path, {"acceleration": TABLE})),
    ("a.parquet", write_parquet),
    ("a.tdms", write_tdms),
]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_each_format_is_read_in_blocks(tmp_path: Path, name: str, write: Callable[[Path], object]) -> None:
    write(tmp_path / name)
    blocks = list(read_blocks(tmp_path / name, [2, 0]))
    assert [len(block) for block in blocks[:-1]] == [BLOCK_FRAMES] * (len(blocks) - 1)
    whole = np.concatenate(blocks)
    expected = TABLE[: len(whole), [2, 0]]
    assert len(whole) in (FRAMES, BLOCK_FRAMES + 5)
    np.testing.assert_allclose(whole, expected, atol=2e-6)
    np.testing.assert_array_equal(whole[:, 1:], read_columns(tmp_path / name, [0]))


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_how_far_the_reading_is_can_be_shown(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    """To the frame where the format states the length, about right in plain text, not at all in compressed text."""
    write(tmp_path / name)
    (tmp_path / "m.csv").write_text(f"file,rate_hz,columns\n{name},8000,0 1 2\n")
    (entry,) = manifest.catalogue(tmp_path / "m.csv")
    heard: list[tuple[str, int, int | None]] = []
    frames = sum(len(block) for block in watched(entry, lambda *told: heard.append(told)).blocks())
    assert [done for _, done, _ in heard][-1] == frames and {told[0] for told in heard} == {name}
    assert len(heard) == -(-frames // BLOCK_FRAMES)
    (expected,) = {told[2] for told in heard}
    if name.endswith(".gz"):
        assert expected is None
    elif name.endswith(".csv"):
        assert expected == pytest.approx(frames, rel=0.02)
    else:
        assert expected == frames


def test_a_long_recording_has_a_bar_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "long.npy", np.zeros((LONG_FRAMES + 1, 1), np.int8))
    np.save(tmp_path / "short.npy", np.zeros((1000, 1), np.int8))
    (tmp_path / "m.csv").write_text("file,rate_hz\nlong.npy,8000\nshort.npy,8000\n")
    entries = manifest.catalogue(tmp_path / "m.csv")
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with reading(entries, HERE, console) as (shown, done):
        for entry in shown:
            for _ in entry.blocks():
                pass
            done(entry.name)
    drawn = screen.getvalue()
    assert re.search(rf"long.npy, samples.*{BLOCK_FRAMES}/{LONG_FRAMES + 1}", drawn)
    assert "short.npy" not in drawn and re.search("recordings.*2/2", drawn)


def test_a_fault_in_a_later_block_is_told_by_its_row(tmp_path: Path) -> None:
    rows = ["1,2\n"] * (BLOCK_FRAMES + 10)
    rows[BLOCK_FRAMES + 4] = "1,oops\n"
    (tmp_path / "a.csv").write_text("".join(rows))
    with pytest.raises(DataError, match=f"row {BLOCK_FRAMES + 5}, column 1: 'oops'"):
        list(read_blocks(tmp_path / "a.csv"))


def test_an_archive_that_ends_early_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", TABLE)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"(%d, 3)" % FRAMES, b"(%d, 3)" % (FRAMES + 1)))
    with pytest.raises(DataError, match=r"a\.npz: cannot be read"):
        list(read_blocks(tmp_path / "a.npz"))


GROWTH = """
import sys
from pathlib import Path
from vibtrain.files.sample_files import read_blocks

def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

blocks = read_blocks(Path(sys.argv[1]))
next(blocks)
before = peak()
for block in blocks:
    pass
print((peak() - before) * 1024)
"""


@machine_needs("Linux's /proc, which tells the peak of memory", there=Path("/proc/self/status").exists())
@pytest.mark.parametrize("name", ["a.parquet", "a.h5", "a.wav", "a.npz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    long = np.tile(TABLE, (10, 1)).astype(np.float32)  # 63 MB as float64, which the reader gives
    if name == "a.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({n: long[:, i] for i, n in enumerate("xyz")})
        pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / name)
    elif name == "a.h5":
        with pytest.importorskip("h5py").File(tmp_path / name, "w") as file:
            file.create_dataset("acceleration", data=long, chunks=(1 << 14, 3), compression="lzf")
    elif name == "a.wav":
        pytest.importorskip("soundfile").write(tmp_path / name, long, 8000, "FLOAT")
    else:
        np.savez_compressed(tmp_path / name, long)
    command = [sys.executable, "-c", GROWTH, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32e6


def noise_recording(rate_hz: float, frames: int = 40_000) -> Recording:
    return Recording(
        name="noise", machine="m", session="s", label="healthy", rate_hz=rate_hz, axes=("x", "y", "z"),
        source="test", data=np.random.default_rng(7).normal(0, 3, (frames, 3)).astype(np.float32),
    )  # fmt: skip


def cut(data: Samples, seed: int) -> Iterator[Samples]:
    """Into pieces of 0 to some thousand frames."""
    random = np.random.default_rng(seed)
    at = 0
    while at < len(data):
        size = int(random.choice([0, 1, 3, 700, 4096, 9000]))
        yield data[at : at + size]
        at += size


@pytest.mark.parametrize(
    "rates", [(20_000, 3200), (26_667, 3200), (26_667, 26_667), (20_000, 19_900), (8192, 1344)]
)
def test_blocks_are_resampled_to_the_same_bits(rates: tuple[float, float]) -> None:
    from_hz, to_hz = rates
    whole = noise_recording(from_hz)
    expected = resample(whole, to_hz, bandwidth_hz=0.45 * to_hz)
    resampler = Resampler(whole, to_hz, 0.45 * to_hz)
    pieces = [resampler.push(piece) for piece in cut(whole.data, seed=1)]
    resampler.finish()
    np.testing.assert_array_equal(np.concatenate(pieces), expected.data)


def test_the_resampler_is_scipys() -> None:
    whole = noise_recording(20_000)
    resampled = resample(whole, 3200)
    ratio = Fraction(3200, 20_000)
    taps, beta = signal.kaiserord(80, 320 / 40_000)
    window = signal.firwin(taps | 1, 1440, window=("kaiser", beta), fs=80_000)
    data = signal.resample_poly(whole.data.astype(float), ratio.numerator, ratio.denominator, window=window)
    settling = (len(data) - len(resampled.data)) // 2
    np.testing.assert_array_equal(
        resampled.data, data[settling : settling + len(resampled.data)].astype(np.float32)
    )


@pytest.mark.parametrize("chip", ["adxl345", "iis3dwb"])
def test_the_sensors_counts_do_not_depend_on_the_blocks(chip: str) -> None:
    sensor = sensors.sensor(chip, rate_hz=None if chip == "adxl345" else 20_000)
    whole = noise_recording(20_000)
    counts = np.concatenate(list(count_blocks(whole, cut(whole.data, seed=2), sensor)))
    np.testing.assert_array_equal(counts, to_counts(whole, sensor))


@pytest.mark.parametrize("hop", [256, 1024, 1500])
def test_features_do_not_depend_on_the_blocks(hop: int) -> None:
    chosen = config.load("adi-motor")
    chosen = dataclasses.replace(chosen, settle_s=0.2, core=dataclasses.replace(chosen.core, hop=hop))
    entry = next(e for e in simulator.catalogue() if e.label == "outer-race")
    data = entry.read().data
    counts = to_counts(entry.read(), chosen.chip())[round(0.2 * 3200) :]
    expected = vib.extract(counts, chosen.core_config(), shaft_hz=(entry.speed_rpm or 0) / 60)
    in_pieces = extraction.windows_of(
        dataclasses.replace(entry, reader=lambda: Reading(cut(data, seed=3))), chosen
    )
    np.testing.assert_array_equal(in_pieces.features, expected)
    np.testing.assert_array_equal(in_pieces.first_window, counts[:1024])
    assert in_pieces.samples_digest == extraction.windows_of(entry, chosen).samples_digest


def test_a_number_that_is_not_finite_is_told_by_its_frame() -> None:
    def blocks() -> Reading:
        return Reading([np.zeros((10, 1), np.float32), np.full((5, 1), np.nan, np.float32)])

    entry = Entry(
        name="n", machine="m", session="s", label="healthy", rate_hz=10, axes=("x",), source="test", reader=blocks
    )  # fmt: skip
    with pytest.raises(DataError, match="n: frame 10, axis x: nan; accepted: finite numbers"):
        list(entry.blocks())
