"""Columns of files as data loggers and their programs write them: Parquet, TDMS, Universal File Format 58."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vibtrain.file_columns import Array, FileColumns, library
from vibtrain.recordings import DataError

_UFF_TIME_RESPONSE = 1


def read_parquet(path: Path) -> FileColumns:
    """Columns of a Parquet table."""
    table = library(path, "pyarrow.parquet").read_table(path)
    return FileColumns({name: table[name].to_numpy() for name in table.column_names})


def read_tdms(path: Path) -> FileColumns:
    """Channels of a TDMS file: `channel`, or `group/channel` where a name is there twice."""
    channels = [c for group in library(path, "nptdms").TdmsFile.read(path).groups() for c in group.channels()]
    names = [channel.name for channel in channels]
    columns: dict[str, Array] = {}
    units, increments = {}, set()
    for channel in channels:
        name = channel.name if names.count(channel.name) == 1 else f"{channel.group_name}/{channel.name}"
        columns[name] = np.asarray(channel[:])
        if unit := channel.properties.get("unit_string"):
            units[name] = str(unit)
        if increment_s := channel.properties.get("wf_increment"):
            increments.add(float(increment_s))
    return FileColumns(columns, rate_hz=_one_rate(increments), units=units)


def read_uff(path: Path) -> FileColumns:
    """Time responses of a UFF file (data sets 58 and 58b), named as the file does or `node:direction`."""
    sets = library(path, "pyuff").UFF(str(path)).read_sets()
    responses = [
        s
        for s in (sets if isinstance(sets, list) else [sets])
        if s.get("type") == 58 and s.get("func_type") == _UFF_TIME_RESPONSE
    ]
    if not responses:
        raise DataError(f"{path}: no time response, accepted are data sets 58 with function type 1")
    columns: dict[str, Array] = {}
    units, increments = {}, set()
    for response in responses:
        if not response.get("abscissa_spacing"):
            raise DataError(f"{path}: unevenly spaced samples, accepted are data sets 58 of even spacing")
        name = _uff_name(response, columns)
        columns[name] = np.asarray(response["data"])
        increments.add(float(response["abscissa_inc"]))
        unit = str(response.get("ordinate_axis_units_lab") or "").strip()
        if unit and unit != "NONE":
            units[name] = unit
    return FileColumns(columns, rate_hz=_one_rate(increments), units=units)


def _uff_name(response: dict[str, Any], taken: dict[str, Array]) -> str:
    name = str(response.get("id1") or "").strip()
    if name in ("", "NONE") or name in taken:
        name = f"{response.get('rsp_node', 0)}:{response.get('rsp_dir', 0)}"
    return name if name not in taken else f"{name}#{len(taken)}"


def _one_rate(increments_s: set[float]) -> float | None:
    """The rate of all channels; None where they state none or differ."""
    return 1 / increments_s.pop() if len(increments_s) == 1 else None
