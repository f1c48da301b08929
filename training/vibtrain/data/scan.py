"""A folder of recordings to a manifest for its owner to correct: rate, columns, unit, label, machine, speed and time
are guessed.

Every guess says what it rests on. What cannot be guessed and must be known is written as `?`, which a manifest
refuses, so that nothing is trained on a guess that nobody made.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from vibtrain import recordings
from vibtrain.data.manifest import FIELDS, UNKNOWN
from vibtrain.files.file_columns import Array, FileColumns
from vibtrain.files.sample_files import ENDINGS, read_file
from vibtrain.files.time_columns import Stamps, find_stamps, no_samples
from vibtrain.recordings import HEALTHY, OFF, OTHER_WORDS, STANDARD_GRAVITY, DataError

_AXIS_NAME = re.compile(r"(acc\w*?|accel\w*?|a|vib\w*?)?[ _.-]?[xyz][ _.-]?\d?(\W.*|_?m?g|_?m_?s2)?", re.I)
_UNIT_IN_NAME = re.compile(r"[\[(_ ](?P<unit>m/s2|m/s\^2|m/s²|mg|g)[\])]?$", re.I)
_RATE_IN_NAME = re.compile(r"(?<![\d.])(?P<number>\d+(\.\d+)?)\s?(?P<kilo>k?)hz", re.I)
_SPEED_IN_NAME = re.compile(r"(?<!\d)(?P<rpm>\d{2,6})[ _-]?rpm", re.I)
_MACHINE_IN_NAME = re.compile(
    r"(?<![a-z])(machine|motor|pump|fan|gearbox|turbine|compressor|bearing|unit)[-_ ]?(\d+|[a-z])(?![a-z\d])",
    re.I,
)
_TIME_IN_NAME = re.compile(  # the day alone would set recordings of one day to the same time
    r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[T _-]?(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d))?(?!\d)"
)
SHORTEST = 64  # frames: the core's shortest window
_COUNTS_PER_G = (256, 1024, 2048, 4096, 8192, 16384)
_GRAVITY_TOLERANCE = 0.15
_LABEL_WORDS = {
    HEALTHY: (HEALTHY, "on", *OTHER_WORDS[HEALTHY]),
    OFF: (OFF, *OTHER_WORDS[OFF]),
    "imbalance": ("imbalance", "unbalance", "unbalanced", "imbalanced"),
    "misalignment": ("misalignment", "misaligned", "misalign"),
    "inner-race": ("inner", "ir", "bpfi"),
    "outer-race": ("outer", "or", "bpfo"),
    "ball": ("ball", "bsf"),
    "looseness": ("loose", "looseness"),
    "clogged": ("clog", "clogged", "blocked"),
    "friction": ("friction", "rubbing", "rub"),
    "bent-shaft": ("bent",),
    "fault": ("fault", "faulty", "bad", "broken", "damaged", "anomaly", "abnormal"),
}


@dataclass(frozen=True)
class Guess:
    """One row of the manifest and, for each field that was guessed, why; `trouble` says why a file was left out."""

    fields: dict[str, str]
    reasons: dict[str, str]
    trouble: str = ""


def find(folder: Path) -> list[Path]:
    """All files of samples under `folder`, manifests left out. Raises `DataError` where there is none."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; accepted: a folder of recordings")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.name.lower().endswith(ENDINGS)
        and path.is_file()
        and not _is_hidden(path.relative_to(folder))
        and not _is_manifest(path)
    ]
    if not files:
        raise DataError(f"{folder}: holds no recordings; accepted: files ending in {', '.join(ENDINGS)}")
    return files


def guess(file: Path, manifest_folder: Path) -> Guess:
    """What `file` seems to be, as the row of a manifest in `manifest_folder`."""
    name = os.path.relpath(file, manifest_folder)
    try:
        content = read_file(file)
        return _guess(name, content, content.beginning())
    except DataError as error:
        return Guess({"file": name}, {}, trouble=str(error))


def write_manifest(path: Path, guesses: list[Guess]) -> None:
    """Write the manifest. Raises `DataError` where `path` exists: it may hold a person's corrections."""
    rows = [guess.fields for guess in guesses if not guess.trouble]
    if not rows:
        raise DataError(f"{path}: not written, none of the {len(guesses)} files can be read")
    try:
        with path.open("x", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except FileExistsError:
        raise DataError(f"{path}: exists; accepted: a new file") from None


def _is_hidden(path: Path) -> bool:
    """What an operating system or a program keeps beside a person's files: .git, ._x.csv, __MACOSX."""
    return any(part.startswith((".", "__")) for part in path.parts)


def _is_manifest(path: Path) -> bool:
    if path.suffix != ".csv":
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return set(re.split("[,;\t]", stream.readline().strip())) >= {"file", "rate_hz"}


def _guess(name: str, content: FileColumns, columns: dict[str, Array]) -> Guess:
    """From the beginning of the `columns`."""
    frames = max((len(column) for column in columns.values()), default=0)
    if frames < SHORTEST:
        raise DataError(f"{name}: {frames} rows; accepted: recordings of {SHORTEST} at least")
    if not any(column.dtype.kind in "iuf" for column in columns.values()):
        raise DataError(f"{name}: no column of numbers; accepted: one at least")
    stamps = find_stamps(columns, units=content.units)
    axes, why_axes = _axes(content, columns)
    guessed = {
        "rate_hz": _rate(name, content, columns, stamps, axes),
        "columns": (" ".join(axes) if _fit_for_csv(axes) else " ".join(_numbers(axes, content)), why_axes),
        "label": _label(name),
    }
    unit, scale, why_unit = _unit(content, columns, axes)
    fields = {"file": name, "unit": unit, "scale": scale} | {
        field: value for field, (value, _) in guessed.items()
    }
    reasons = {field: reason for field, (_, reason) in guessed.items()} | {"unit": why_unit}
    if speed := _SPEED_IN_NAME.search(name):
        fields["speed_rpm"] = speed["rpm"]
    if machine := _MACHINE_IN_NAME.search(name):
        fields["machine"] = f"{machine[1].lower()}-{machine[2].lower()}"
    if time := _time(name):
        fields["time"] = time
    return Guess(fields, reasons)


def _time(name: str) -> str:
    """When it was recorded, if its name says so to the minute."""
    found = _TIME_IN_NAME.search(os.path.basename(name))
    if not found:
        return ""
    year, month, day, hour, minute, second = map(int, found.groups(default="0"))
    try:
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:  # digits, but no day of a calendar
        return ""


def _rate(
    name: str, content: FileColumns, columns: dict[str, Array], stamps: Stamps | None, axes: list[str]
) -> tuple[str, str]:
    if own_rate_hz := content.rate_hz(content.names if axes == [UNKNOWN] else axes):
        return f"{own_rate_hz:.10g}", "the file states it"
    if stamps is not None:
        step, unit = stamps.step(columns), stamps.unit_s
        if unit is not None and step > 0:
            return f"{1 / (step * unit):.6g}", f"from column {' and '.join(stamps.names)}"
    if in_name := _RATE_IN_NAME.search(name):
        hz = float(in_name["number"]) * (1000 if in_name["kilo"] else 1)
        return f"{hz:g}", "in the file's name"
    if stamps is None:
        return UNKNOWN, "no time column, none in the name"
    return UNKNOWN, f"column {stamps.names[0]} rises by {step:g} a row, in an unknown unit"


def _axes(content: FileColumns, columns: dict[str, Array]) -> tuple[list[str], str]:
    timing = no_samples(columns)
    numeric = [n for n, column in columns.items() if n not in timing and column.dtype.kind in "iuf"]
    named = [n for n in numeric if _AXIS_NAME.fullmatch(n.rsplit("/", 1)[-1])]
    if content.named and 1 <= len(named) <= 3:
        return named, "named as axes are"
    if 1 <= len(numeric) <= 3:
        left = ", ".join(n for n in columns if n in timing)
        return numeric, "all columns of numbers" + (f" but {left}" if left else "")
    return [UNKNOWN], f"{len(numeric)} columns of numbers: {', '.join(numeric) or 'none'}"


def _fit_for_csv(axes: list[str]) -> bool:
    """In a CSV manifest blanks part the columns, and a whole number is a column's number."""
    return not any(" " in name or name.isdecimal() for name in axes)


def _numbers(axes: list[str], content: FileColumns) -> list[str]:
    return [str(content.names.index(name)) for name in axes]


def _unit(content: FileColumns, columns: dict[str, Array], axes: list[str]) -> tuple[str, str, str]:
    """Unit, scale and reason."""
    if axes == [UNKNOWN]:
        return UNKNOWN, "", "the columns are not known"
    stated = content.units.get(axes[0])
    if stated:
        known = stated in recordings.IN_M_S2
        return stated if known else UNKNOWN, "", f"the file says {stated}"
    if in_name := _UNIT_IN_NAME.search(axes[0]):
        return in_name["unit"].lower(), "", "in the column's name"
    return _unit_by_gravity(np.array([np.mean(columns[name]) for name in axes]))


def _unit_by_gravity(means: Array) -> tuple[str, str, str]:
    """A sensor that passes gravity shows one g at rest, whatever the unit."""
    level = float(np.linalg.norm(means))
    candidates = [(1.0, "g", ""), (STANDARD_GRAVITY, "m/s2", ""), (1000.0, "mg", "")]
    candidates += [(float(counts), "g", f"{1 / counts:.10g}") for counts in _COUNTS_PER_G]
    nearest = min(candidates, key=lambda c: abs(np.log(max(level, 1e-12) / c[0])))
    if abs(level / nearest[0] - 1) > _GRAVITY_TOLERANCE:
        return UNKNOWN, "", f"no unit stated, and a mean of {level:.3g} is not gravity in any"
    return nearest[1], nearest[2], f"a mean of {level:.4g} is gravity"


def _label(name: str) -> tuple[str, str]:
    words = re.split(r"[^a-z]+", name.lower())
    for word in reversed(words):  # the file's own name says more than its folders'
        for label, known in _LABEL_WORDS.items():
            if word in known:
                return label, f"`{word}` in its name"
    return UNKNOWN, "no word in its name that says so"
