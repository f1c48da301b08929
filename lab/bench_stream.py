"""Time and peak memory of turning a long recording into features: `python -m lab.bench_stream --hours 1`.

The recording is simulated, three axes at 26,667 Hz, and written once to each format under build/stream/. Each format is
read in a process of its own. Its peak memory is Linux's figure (VmHWM), interpreter and libraries included; how much
these take alone stands beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from rich.console import Console
from rich.progress import track
from rich.table import Table
from vibtrain.data import manifest
from vibtrain.data.simulator import simulate
from vibtrain.features import extraction
from vibtrain.recordings import Samples
from vibtrain.workflows import pipeline

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ = 26_667
PIECE_S = 10.0
SENSORS = ("adxl345", "iis3dwb")
FORMATS = ("wav", "h5", "parquet", "csv")

Write = Callable[[Samples], object]


def main() -> int:
    """Write what is missing, measure each format for each sensor, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "stream")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=["wav"])
    parser.add_argument("--measure", nargs=2, metavar=("MANIFEST", "SENSOR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), options.measure[1])))
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    paths = [options.folder / f"{options.hours:g}h.{ending}" for ending in options.formats]
    write_missing(paths, options.hours)
    table = Table("file", "MB", "sensor", "windows", "seconds", "of processor", "peak MB", "libraries")
    for path in paths:
        listed = path.with_suffix(path.suffix + ".manifest.csv")
        listed.write_text(f"file,rate_hz,columns\n{path.name},{RATE_HZ},0 1 2\n")
        for sensor in SENSORS:
            done = in_own_process(listed, sensor)
            size = f"{path.stat().st_size / 1e6:,.0f}"
            seconds, used = (f"{done[name]:.0f}" for name in ("seconds", "processor_seconds"))
            peak, before = (f"{done[name] / 1e6:.0f}" for name in ("peak_bytes", "bytes_before"))
            table.add_row(path.name, size, sensor, f"{done['windows']:,.0f}", seconds, used, peak, before)
    Console(width=110).print(table)
    return 0


def measure(listed: Path, sensor: str) -> dict[str, float]:
    """Features of the one recording in the manifest, and what they took; a start-up of libraries is not timed."""
    (entry,) = manifest.catalogue(listed)
    chosen = pipeline.general(listed, [entry], sensor)
    before = peak_bytes()
    started, used = time.perf_counter(), time.process_time()
    windows = extraction.windows_of(entry, chosen)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - used,
        "windows": len(windows.features),
        "peak_bytes": peak_bytes(),
        "bytes_before": before,
    }


def peak_bytes() -> int:
    """Of this process. Not getrusage's, which begins with that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def in_own_process(listed: Path, sensor: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", str(listed), sensor]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def write_missing(paths: list[Path], hours: float) -> None:
    """Write the files that are not there, all of the same samples, piece by piece."""
    missing = [path for path in paths if not path.exists()]
    if not missing:
        return
    with ExitStack() as stack:
        parts = {path: path.with_name(f"part-{path.name}") for path in missing}
        writers = [opened(part, stack) for part in parts.values()]
        pieces = max(1, round(hours * 3600 / PIECE_S))
        for piece in track(simulated(pieces), description="simulating", total=pieces):
            for write in writers:
                write(piece)
    for path, part in parts.items():
        part.rename(path)


def simulated(pieces: int) -> Iterator[Samples]:
    """A healthy drivetrain at full load, started anew every PIECE_S."""
    for piece in range(pieces):
        random = np.random.default_rng([1, piece])
        yield simulate("healthy", 0, speed_rpm=1800, load=1, seconds=PIECE_S, rate_hz=RATE_HZ, random=random)


def opened(path: Path, stack: ExitStack) -> Write:
    """A function that appends samples to the file; numbers are float32, m/s² ("wav" has them unscaled too)."""
    if path.suffix == ".wav":
        sound = soundfile.SoundFile(path, "w", RATE_HZ, 3, "FLOAT")
        return stack.enter_context(sound).write  # type: ignore[no-any-return]
    if path.suffix == ".parquet":
        schema = pa.schema([(name, pa.float32()) for name in "xyz"])
        parquet = stack.enter_context(pq.ParquetWriter(path, schema))
        return lambda piece: parquet.write_table(pa.table(list(piece.T), schema=schema))
    if path.suffix == ".csv":
        stream = stack.enter_context(path.open("wb"))
        return lambda piece: np.savetxt(stream, piece, "%.5g", ",")
    file = stack.enter_context(h5py.File(path, "w"))
    data = file.create_dataset("acceleration", (0, 3), "f4", maxshape=(None, 3), chunks=(1 << 16, 3))

    def append(piece: Samples) -> None:
        data.resize(len(data) + len(piece), axis=0)
        data[-len(piece) :] = piece

    return append


if __name__ == "__main__":
    sys.exit(main())
