"""Columns of files as data loggers and their programs write them: Parquet, TDMS, Universal File Format 58."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vibtrain.files.file_columns import (
    BLOCK_FRAMES,
    Array,
    Block,
    FileColumns,
    Sliceable,
    library,
    of_arrays,
    slices,
)
from vibtrain.files.whole_files import refuse_beyond_memory
from vibtrain.recordings import DataError

_TDMS_SCALES = (  # what npTDMS applies
    "Linear", "Polynomial", "Table", "Add", "Subtract", "AdvancedAPI", "RTD", "Strain", "Thermistor", "Thermocouple",
)  # fmt: skip
_UFF_TIME_RESPONSE = 1
_UFF_BEGINNING = 200  # bytes: the first set's number is in them


def read_parquet(path: Path) -> FileColumns:
    """Columns of a Parquet table."""
    parquet = library(path, "pyarrow.parquet")
    with parquet.ParquetFile(path) as file:
        names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        # Without these two it reads far ahead, up to the whole file.
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(BLOCK_FRAMES, columns=list(chosen)):
                yield [batch[name].to_numpy(zero_copy_only=False) for name in chosen]

    return FileColumns(names, blocks, expected_frames=rows)


def read_tdms(path: Path) -> FileColumns:
    """Channels of a TDMS file: `channel`, or `group/channel` where a name is there twice."""
    nptdms = library(path, "nptdms")
    with nptdms.TdmsFile.read_metadata(path) as file:
        channels = _channels(file)
        lengths = {name: len(channel) for name, channel in channels.items()}
        of_groups = {group.name: dict(group.properties) for group in file.groups()}
        facts = {
            name: dict(file.properties) | of_groups[channel.group_name] | dict(channel.properties)
            for name, channel in channels.items()
        }

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        for name in chosen:
            _refuse_unscaled(path, name, facts[name])
        with nptdms.TdmsFile.open(path) as file:
            channels = _channels(file)
            yield from slices([_channel(channels[name]) for name in chosen])

    rates_hz = {name: 1 / float(f["wf_increment"]) for name, f in facts.items() if f.get("wf_increment")}
    units = {name: str(f["unit_string"]) for name, f in facts.items() if f.get("unit_string")}
    return FileColumns(tuple(lengths), blocks, lengths, rates_hz=rates_hz, units=units)


def _channels(file: Any) -> dict[str, Any]:
    channels = [channel for group in file.groups() for channel in group.channels()]
    names = [channel.name for channel in channels]
    return {c.name if names.count(c.name) == 1 else f"{c.group_name}/{c.name}": c for c in channels}


def _refuse_unscaled(path: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Raise `DataError` where npTDMS would give a channel's raw numbers for its values, with no more than a warning."""
    if facts.get("NI_Scaling_Status", "unscaled") == "scaled":
        return
    for key, kind in facts.items():
        if key.endswith("_Scale_Type") and key.startswith("NI_Scale[") and kind not in _TDMS_SCALES:
            raise DataError(
                f"{path}: channel {name!r}: {key} {kind!r}; accepted: {', '.join(_TDMS_SCALES)}; or saved scaled"
            )


def _channel(channel: Any) -> Sliceable:
    return Sliceable(len(channel), lambda first, last: np.asarray(channel[first:last]))


def read_uff(path: Path) -> FileColumns:
    """Time responses of a UFF file (data sets 58 and 58b), named as the file does or `node:direction`; read whole."""
    pyuff = library(path, "pyuff")
    with path.open("rb") as stream:
        binary = b"58b" in stream.read(_UFF_BEGINNING)
    refuse_beyond_memory(
        path, path.stat().st_size * (9 if binary else 3), "the same as HDF5, WAV, Parquet or TDMS"
    )  # measured: 35 bytes for each value, of 4 at least in binary; as text 2.5 times
    sets = pyuff.UFF(str(path)).read_sets()
    responses = [
        s
        for s in (sets if isinstance(sets, list) else [sets])
        if s.get("type") == 58 and s.get("func_type") == _UFF_TIME_RESPONSE
    ]
    if not responses:
        raise DataError(f"{path}: no time response; accepted: data sets 58 with function type 1")
    columns: dict[str, Array] = {}
    units, rates_hz = {}, {}
    for response in responses:
        if not response.get("abscissa_spacing"):
            raise DataError(f"{path}: unevenly spaced samples; accepted: data sets 58 of even spacing")
        name = _uff_name(response, columns)
        columns[name] = np.asarray(response["data"])
        rates_hz[name] = 1 / float(response["abscissa_inc"])
        unit = str(response.get("ordinate_axis_units_lab") or "").strip()
        if unit and unit != "NONE":
            units[name] = unit
    return of_arrays(columns, rates_hz=rates_hz, units=units)


def _uff_name(response: dict[str, Any], taken: dict[str, Array]) -> str:
    name = str(response.get("id1") or "").strip()
    if name in ("", "NONE") or name in taken:
        name = f"{response.get('rsp_node', 0)}:{response.get('rsp_dir', 0)}"
    return name if name not in taken else f"{name}#{len(taken)}"
