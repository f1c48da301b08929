"""A person's own recordings, listed in a manifest: CSV with one row, or TOML with one table, for each file.

    file,machine,session,time,label,speed_rpm,load,rate_hz,columns,unit,scale
    pump1/a.csv,pump-1,may,2026-05-01T08:00,healthy,1480,full,6400,x y z,g,

Only `file` and `rate_hz` are compulsory; `columns` too where a file has more than three. In TOML,
`[defaults]` gives fields for all `[[recordings]]`. An empty label is healthy, `unknown` is no label at all.
Acceleration is value x scale x unit: volts at 20 mV/g are `unit = g, scale = 50`.

Where the speed moves within a recording, COURSE_FIELDS say where it is written: `speed_column` in rpm or
`tacho_column` with `pulses_per_turn`, and perhaps `load_column` (1 is full load), in `speed_file` or, without one, in
the recording itself.
"""

from __future__ import annotations

import csv
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vibtrain import recordings
from vibtrain.files import time_columns
from vibtrain.files.course_files import Stated, read_course
from vibtrain.files.sample_files import ENDINGS, Column, open_table, read_file
from vibtrain.recordings import (
    FAULT_NAME,
    FAULT_NAMES,
    HEALTHY,
    OTHER_WORDS,
    UNNAMED_MACHINE,
    Course,
    DataError,
    Entry,
    Reading,
)

FIELDS = (
    "file", "machine", "session", "time", "label", "speed_rpm", "load", "rate_hz", "columns", "unit", "scale",
)  # fmt: skip
COURSE_FIELDS = ("speed_file", "speed_column", "tacho_column", "pulses_per_turn", "load_column")
COMPULSORY = ("file", "rate_hz")
UNKNOWN = "?"  # what `vibtrain scan` writes for a field that it cannot tell and that must be known


@dataclass(frozen=True)
class _Row:
    """One recording as listed; `place` says where, for messages."""

    manifest: Path
    place: str
    fields: Mapping[str, Any]

    def get(self, field: str) -> Any:
        value = self.fields.get(field, "")
        return value.strip() if isinstance(value, str) else value

    def refuse(self, field: str, accepted: str) -> DataError:
        return DataError(
            f"{self.manifest}: {self.place}: field {field}: {self.get(field)!r}; accepted: {accepted}"
        )

    def positive(self, field: str, default: float | None) -> float | None:
        value = self.get(field)
        if value == "" and field not in COMPULSORY:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self.refuse(field, "a number") from None
        if not (math.isfinite(number) and number > 0):
            raise self.refuse(field, "a number above 0")
        return number


def catalogue(path: Path) -> list[Entry]:
    """The recordings that the manifest at `path` lists, samples not read yet.

    Raises `DataError` naming manifest, row, field, value and what is accepted, for the first fault found; a
    file whose samples cannot be used raises it on reading.
    """
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path}: lists no recordings; accepted: one at least")
    several = Counter(str(row.get("file")) for row in rows)
    entries = [_entry(row, alone=several[str(row.get("file"))] == 1) for row in rows]
    _refuse_same_columns(rows)
    spelt: dict[str, str] = {}
    for entry, row in zip(entries, rows, strict=True):
        usual = spelt.setdefault(entry.label.casefold(), entry.label)
        if entry.label != usual:
            raise row.refuse("label", f"one spelling of a fault, {usual!r} as in a row before")
    _refuse_mixed_times(entries, rows)
    return entries


def _refuse_same_columns(rows: list[_Row]) -> None:
    """A file may be listed once for each machine that it recorded, by other columns."""
    seen: dict[str, list[_Row]] = {}
    for row in rows:
        seen.setdefault(str(row.get("file")), []).append(row)
    for listed in seen.values():
        taken: dict[str, _Row] = {}
        for row in listed if len(listed) > 1 else ():
            file = _file(row)
            names = read_file(file).names
            for column in _columns(row, file):
                name = names[column] if isinstance(column, int) and column < len(names) else str(column)
                if name in taken:
                    raise row.refuse(
                        "file", f"each file once, or by other columns ({name} is in {taken[name].place} too)"
                    )
                taken[name] = row


def _refuse_mixed_times(entries: list[Entry], rows: list[_Row]) -> None:
    """One with an offset and one without cannot be compared: which came first depends on where the clock hung."""
    first: dict[bool, _Row] = {}
    for entry, row in zip(entries, rows, strict=True):
        if entry.time:
            first.setdefault(datetime.fromisoformat(entry.time).tzinfo is not None, row)
    if len(first) > 1:
        place = first[True].place
        raise first[False].refuse("time", f"an offset such as +02:00 in every row, as in {place}, or in none")


def _rows(path: Path) -> Iterator[_Row]:
    try:
        if path.suffix == ".toml":
            yield from _toml_rows(path)
        elif path.suffix == ".csv":
            yield from _csv_rows(path)
        else:
            raise DataError(f"{path}: ending {path.suffix!r}; accepted: .csv, .toml")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is no text; accepted: a text in UTF-8") from None
    except (OSError, csv.Error, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _csv_rows(path: Path) -> Iterator[_Row]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        heading = stream.readline()
        stream.seek(0)
        delimiter = next((mark for mark in ",;\t" if mark in heading), ",")
        reader = csv.DictReader(stream, delimiter=delimiter)
        _check_fields(path, "line 1", reader.fieldnames or ())
        for row in reader:
            if None in row or None in row.values():
                raise DataError(
                    f"{path}: line {reader.line_num}: number of cells differs from the heading's "
                    f"{len(reader.fieldnames or ())}"
                )
            yield _Row(path, f"line {reader.line_num}", row)


def _toml_rows(path: Path) -> Iterator[_Row]:
    with path.open("rb") as stream:
        document = tomllib.load(stream)
    unknown = set(document) - {"defaults", "recordings"}
    if unknown:
        raise DataError(
            f"{path}: {sorted(unknown)[0]!r}; accepted: [defaults], [[recordings]] and fields in them"
        )
    defaults, tables = document.get("defaults", {}), document.get("recordings", [])
    if not isinstance(defaults, dict):
        raise DataError(f"{path}: defaults {defaults!r}; accepted: a table, [defaults]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DataError(f"{path}: recordings {tables!r}; accepted: tables, [[recordings]]")
    for number, table in enumerate(tables, start=1):
        row = {**defaults, **table}
        _check_fields(path, f"recording {number}", row)
        yield _Row(path, f"recording {number}", row)


def _check_fields(path: Path, place: str, fields: Any) -> None:
    for field in fields:
        if field not in FIELDS + COURSE_FIELDS:
            accepted = ", ".join(FIELDS + COURSE_FIELDS)
            raise DataError(f"{path}: {place}: field {field!r} is unknown; accepted: {accepted}")
    for field in COMPULSORY:
        if field not in fields:
            raise DataError(f"{path}: {place}: field {field!r} is missing")


def _entry(row: _Row, alone: bool) -> Entry:
    """`alone`: the file is in no other row."""
    for field in row.fields:
        if row.get(field) == UNKNOWN:
            nobody = f", or {recordings.UNKNOWN} where nobody knows" if field == "label" else ""
            raise row.refuse(
                field, f"what you know of this recording{nobody}; `vibtrain scan` could not tell"
            )
    file = _file(row)
    rate_hz = row.positive("rate_hz", None)
    assert rate_hz is not None  # compulsory
    columns = _columns(row, file)
    scale = (row.positive("scale", 1.0) or 1.0) * recordings.IN_M_S2[_unit(row)]
    name = str(row.get("file"))
    if not alone:
        name += ":" + ",".join(map(str, columns))
    return Entry(
        name=name,
        machine=str(row.get("machine")) or UNNAMED_MACHINE,
        session=str(row.get("session")) or name,
        label=_label(row),
        speed_rpm=row.positive("speed_rpm", None),
        load=str(row.get("load")),
        time=_time(row),
        rate_hz=rate_hz,
        axes=_axes(columns),
        source=str(row.manifest),
        reader=partial(_read, file, columns, rate_hz, "" if row.get("scale") else _unit(row), scale),
        stamps=partial(time_columns.gaps, file, columns),
        course=_course(row, file, rate_hz),
    )


def _course(row: _Row, file: Path, rate_hz: float) -> Callable[[], Course] | None:
    """How the course is read; None where the row states none."""
    stated = [field for field in COURSE_FIELDS if row.get(field) != ""]
    if not stated:
        return None
    speed, tacho, load = (_column(row, field) for field in ("speed_column", "tacho_column", "load_column"))
    if (speed is None) == (tacho is None):
        raise row.refuse("speed_column", f"either this or tacho_column, with {', '.join(stated)}")
    if tacho is not None and load is not None:
        raise row.refuse("load_column", "none with tacho_column")
    if tacho is None and row.get("pulses_per_turn") != "":
        raise row.refuse("pulses_per_turn", "none without tacho_column")
    beside = row.get("speed_file") != ""
    where = _file(row, "speed_file") if beside else file
    pulses = row.positive("pulses_per_turn", 1.0) or 1.0
    return partial(read_course, Stated(where, beside, speed, tacho, pulses, load, rate_hz, _time(row)))


def _column(row: _Row, field: str) -> Column | None:
    value = row.get(field)
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise row.refuse(field, "the name or number (from 0) of a column")
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _label(row: _Row) -> str:
    """What is healthy or off is so however it is spelt: taken for a fault, it would be learnt as one."""
    label = str(row.get("label")) or HEALTHY
    plain = re.sub(r"[\s_-]+", " ", label.casefold())
    for known, words in OTHER_WORDS.items():
        if plain == known:
            return known
        if plain in words:
            raise row.refuse("label", f"{known}, if that is what it means; another name for a fault")
    if not FAULT_NAME.fullmatch(label):
        raise row.refuse("label", f"a name of {FAULT_NAMES}, which a model can hold")
    return label


def _read(file: Path, columns: tuple[Column, ...], rate_hz: float, unit: str, scale: float) -> Reading:
    tables, frames = open_table(file, columns, rate_hz=rate_hz, unit=unit)
    return Reading(((table * scale).astype(np.float32) for table in tables), expected_frames=frames)


def _file(row: _Row, field: str = "file") -> Path:
    name = row.get(field)
    if not name:
        raise row.refuse(field, "a path relative to the manifest")
    path = row.manifest.parent / str(name)
    if not path.name.lower().endswith(ENDINGS):
        raise row.refuse(field, f"names ending in {', '.join(ENDINGS)}")
    if not path.is_file():
        raise row.refuse(field, f"an existing file; there is no {path}")
    return path


def _unit(row: _Row) -> str:
    unit = str(row.get("unit") or "m/s2")
    if unit not in recordings.IN_M_S2:
        raise row.refuse("unit", ", ".join(recordings.IN_M_S2))
    return unit


def _time(row: _Row) -> str:
    value = row.get("time")
    if not value:
        return ""
    try:
        return (value if isinstance(value, datetime) else datetime.fromisoformat(str(value))).isoformat()
    except ValueError:
        raise row.refuse("time", "ISO 8601, e.g. 2026-05-01T08:00:00+02:00") from None


def _columns(row: _Row, file: Path) -> tuple[Column, ...]:
    """Column names or numbers; in CSV separated by blanks or else commas, where a whole number is a column number."""
    value = row.get("columns")
    if value == "":
        names = read_file(file).names
        if len(names) > 3:
            raise row.refuse(
                "columns", f"the axes, for {file.name} has {len(names)} columns: {', '.join(names)}"
            )
        return tuple(range(len(names)))
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(listed, list) or any(not isinstance(column, str | int) for column in listed):
        raise row.refuse("columns", "names or numbers (from 0) of the axes")
    columns = tuple(
        int(column) if isinstance(column, str) and column.isdecimal() else column for column in listed
    )
    if not 1 <= len(columns) <= 3 or len(set(columns)) != len(columns):
        raise row.refuse("columns", "one to three different columns, e.g. x y z, or 1 2 3")
    return columns


def _axes(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple("xyz"[: len(columns)])
