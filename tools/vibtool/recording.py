"""Raw samples of a sensor into Parquet files, listed in a manifest as `vibtrain` reads it."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibnode.drivers import orientation
from vibtrain.cli.extras import is_installed

from vibtool.errors import ToolError
from vibtool.facts import DEVICE_FILE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vibtool.board import Board, Message

MANIFEST = "manifest.csv"
# The fields of vibtrain's manifests.
FIELDS = (
    "file", "machine", "session", "time", "label", "speed_rpm", "load", "rate_hz", "columns", "unit", "scale",
)  # fmt: skip
M_PER_NM = 1e-9
SILENCE_S = 60.0  # that a stretch of samples may take to be filled


@dataclass(frozen=True)
class Stretch:
    """Samples without a gap. `counts`: i16 (frames, axes of the device); `said`: what the board said of them."""

    counts: NDArray[np.int16]
    said: Message
    began: dt.datetime

    @property
    def seconds(self) -> float:
        """How long it is by the sensor's nominal rate."""
        return float(len(self.counts) / self.said["rate_hz"])


@dataclass(frozen=True)
class Circumstances:
    """What a person knows of the recordings; empty or None: not known."""

    label: str = "healthy"
    machine: str = ""
    session: str = ""
    speed_rpm: float | None = None
    load: str = ""


def take(board: Board, rate_hz: float | None, range_g: int | None, seconds: float) -> Stretch:
    """One stretch of up to `seconds`, as long as the board's memory takes. Raises ToolError."""
    began = dt.datetime.now(dt.UTC)
    messages = board.run(
        "record", timeout_s=SILENCE_S, path=DEVICE_FILE, rate_hz=rate_hz, range_g=range_g, seconds=seconds
    )
    if not messages:
        raise ToolError(f"{board.port}: sent no samples")
    raw = bytearray()
    for line in messages[1:]:
        if line["at"] != len(raw):
            raise ToolError(f"{board.port}: samples were lost on the line; record again")
        raw += base64.b64decode(line["data"])
    chips_own = counts(bytes(raw), messages[0])
    return Stretch(turn(chips_own, messages[0]["orientation"]), messages[0], began)


def counts(raw: bytes, said: Message) -> NDArray[np.int16]:
    """Frames as they came off the bus, as counts (frames, axes): what ``vib.Core.push_raw`` makes of them."""
    bits, sample_bytes, big_endian, left_justified, skip_bytes = said["raw_format"]
    if sample_bytes != 2:
        raise ToolError(f"samples of {sample_bytes} bytes; accepted: 2")
    if len(raw) != said["frames"] * said["frame_bytes"]:
        raise ToolError(f"{len(raw)} bytes of samples came instead of {said['frames'] * said['frame_bytes']}")
    import numpy as np

    frames = np.frombuffer(raw, np.uint8).reshape(said["frames"], said["frame_bytes"])[:, skip_bytes:]
    samples = np.ascontiguousarray(frames).view(">i2" if big_endian else "<i2").astype(np.int16)
    return samples >> (16 - bits) if left_justified else samples


def turn(chips_own: NDArray[np.int16], names: list[str]) -> NDArray[np.int16]:
    """Counts (frames, axes) of a chip, as those of a device whose axes are `names`; none: as they are.

    The same as the device's own ``Orientation.sample`` makes of them.
    """
    lies = orientation.of(names or orientation.AS_THE_CHIP)
    if lies is None:
        return chips_own
    import numpy as np

    turned = chips_own[:, lies.places].astype(np.int32) * lies.signs
    limited: NDArray[np.int16] = np.minimum(turned, orientation.LARGEST).astype(np.int16)
    return limited


def check_folder(folder: Path) -> None:
    """Raise ToolError where recordings could not be written, to `folder`, which is made if it is not there."""
    if not is_installed("pyarrow"):
        raise ToolError(
            "recording writes Parquet, and pyarrow is not installed; install it: pip install 'vibnode[parquet]'"
        )
    _rows(folder / MANIFEST)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise ToolError(f"{folder}: {nearest} is no folder that can be written to; name another")


def write(folder: Path, stretch: Stretch, known: Circumstances) -> Path:
    """A Parquet file of counts, and its row at the end of the folder's manifest.csv. Raises ToolError."""
    said = stretch.said
    rows = _rows(folder / MANIFEST)
    stem = f"{said['device']}-{stretch.began:%Y%m%dT%H%M%SZ}"
    number = 1 + sum(row["file"].startswith(stem) for row in rows)
    path = folder / f"{stem}-{number:03d}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    _write_parquet(path, stretch)
    row = {
        "file": path.name,
        "machine": known.machine or said["machine"],
        "session": known.session or f"{stretch.began:%Y-%m-%d}",
        "time": stretch.began.isoformat(timespec="milliseconds"),
        "label": known.label,
        "speed_rpm": _text(known.speed_rpm or said["shaft_rpm"]),
        "load": known.load,
        "rate_hz": _text(said["rate_hz"]),
        "columns": " ".join("xyz"[: stretch.counts.shape[1]]),
        "unit": "m/s2",
        "scale": _text(said["lsb_nm_s2"] * M_PER_NM),
    }
    _write_rows(folder / MANIFEST, [*rows, row])
    return path


def _write_parquet(path: Path, stretch: Stretch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts = {key: str(stretch.said[key]) for key in ("driver", "device", "rate_hz", "lsb_nm_s2")}
    if stretch.said["orientation"]:
        facts["orientation"] = " ".join(stretch.said["orientation"])
    columns = {axis: stretch.counts[:, i] for i, axis in enumerate("xyz"[: stretch.counts.shape[1]])}
    table = pa.table(columns).replace_schema_metadata(
        {f"vibnode.{key}": value for key, value in facts.items()}
    )
    new = path.with_suffix(".partial")
    pq.write_table(table, new)
    os.replace(new, path)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Of the manifest there is. Raises ToolError where it is another kind."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise ToolError(
                f"{path}: has other columns; accepted: {','.join(FIELDS)}; or name another folder"
            )
        return list(reader)


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    new = path.with_suffix(".partial")
    new.write_text(text.getvalue(), encoding="utf-8")
    os.replace(new, path)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
