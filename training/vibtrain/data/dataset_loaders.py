"""Catalogues of the published data sets: labels from their file names, samples in m/s² from their formats."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibtrain.data import registry
from vibtrain.data.registry import DataFile, Dataset
from vibtrain.recordings import HEALTHY, OFF, STANDARD_GRAVITY, DataError, Entry, Reading

AXES = ("x", "y", "z")

ADI_VOLTS_PER_G = 0.020  # ADXL356C, +-40 g range
NXP_COUNTS_PER_G = 4096

_ADI_NAME = re.compile(
    r"(?P<speed>\d{4})_(?P<bearing>[A-Z][A-Za-z]{2})_(?P<shaft>GS|BS)_(?P<balance>[A-Z][A-Za-z]{3})"
    r"_(?P<alignment>WA|MA)_(?P<load>\d{2})lb\.Wfm\.csv"
)
# The parts of an ADI file name that are not sound, and the fault and severity that each stands for.
_ADI_FAULTS = {
    "BS": ("bent-shaft", ""),
    "MA": ("misalignment", ""),
    "VLIL": ("imbalance", "very-light"),
    "LImL": ("imbalance", "light"),
    "HImL": ("imbalance", "heavy"),
    "VHIL": ("imbalance", "very-heavy"),
    "LIR": ("inner-race", "light"),
    "HIR": ("inner-race", "heavy"),
    "LOR": ("outer-race", "light"),
    "HOR": ("outer-race", "heavy"),
    "LBF": ("ball", "light"),
    "HBF": ("ball", "heavy"),
}
_ADI_SOUND = {"GoB", "GS", "BaLo", "WA"}

_NXP_NAME = re.compile(r"200Hz_5Vfan-(?P<fan>\d)-(?P<session>vd\d?)-(?P<state>on|clog|friction|off)\.csv")
_NXP_LABELS = {"on": HEALTHY, "clog": "clogged", "friction": "friction", "off": OFF}

_ST_LABELS = {"fan_onf.txt": HEALTHY, "fan_off.txt": OFF, "fan_fault.txt": "fault"}


def catalogue(name: str, *, announce: Callable[[str], None] = print) -> list[Entry]:
    """All recordings of the data set `name`, samples not read yet, in order of file name.

    Downloads missing files (`announce` is told the licence first). Raises `DataUnavailable` where they are
    not to be had, `DataError` for an unknown name. Reading an entry raises `ChecksumMismatch` for a file that
    is not the published one.
    """
    data = registry.dataset(name)
    describe = _DESCRIBE.get(name)
    if data.files and describe is None:
        raise DataError(
            f"{name}: is not read by its name; accepted: vibtrain data get {name}, and a manifest of its recordings"
        )
    paths = registry.locate(data, announce=announce)
    assert describe is not None  # without files nothing was located
    return [describe(data, file, paths[file.name]) for file in data.files]


def adi_motor_labels(file_name: str) -> tuple[float, str, str, str]:
    """Speed in rpm, load, label and severity from an ADI file name. Raises `DataError` for any other name."""
    match = _ADI_NAME.fullmatch(file_name)
    parts = match.group("bearing", "shaft", "balance", "alignment") if match else ()
    faults = [_ADI_FAULTS.get(part) for part in parts if part not in _ADI_SOUND]
    if match is None or len(faults) > 1 or None in faults:
        raise DataError(
            f"{file_name}: its name tells no condition; accepted: names like 0600_GoB_GS_BaLo_WA_00lb.Wfm.csv "
            "with one fault at most"
        )
    label, severity = next((fault for fault in faults if fault), (HEALTHY, ""))
    return float(match["speed"]), f"{int(match['load'])} lb", label, severity


def _describe_adi(data: Dataset, file: DataFile, path: Path) -> Entry:
    speed_rpm, load, label, severity = adi_motor_labels(file.name)
    return Entry(
        name=file.name.removesuffix(".Wfm.csv"),
        machine="rig",
        # One mounting runs through all speeds: the offsets that each file states are the same in them.
        session="_".join(file.name.removesuffix(".Wfm.csv").split("_")[1:]),
        label=label,
        severity=severity,
        speed_rpm=speed_rpm,
        load=load,
        rate_hz=data.rate_hz,
        axes=AXES,
        source=data.name,
        reader=partial(_read_adi, path, file),
    )


def _read_adi(path: Path, file: DataFile) -> Reading:
    columns = range(7)  # time, three voltages, and in the first row alone the three offsets
    volts = _parse(path, file, sep=";", header=None, names=columns, usecols=(1, 2, 3))
    offset = volts.mean(axis=0)
    note = "offset taken off, gravity with it: " + ", ".join(f"{value:.4f} V" for value in offset)
    return Reading([((volts - offset) * (STANDARD_GRAVITY / ADI_VOLTS_PER_G)).astype(np.float32)], note)


def _describe_nxp(data: Dataset, file: DataFile, path: Path) -> Entry:
    match = _NXP_NAME.fullmatch(file.name)
    if match is None:
        raise DataError(
            f"{file.name}: its name tells no condition; accepted: names like 200Hz_5Vfan-1-vd1-on.csv"
        )
    return Entry(
        name=file.name.removesuffix(".csv"),
        machine=f"fan-{match['fan']}",
        session=match["session"],
        label=_NXP_LABELS[match["state"]],
        rate_hz=data.rate_hz,
        axes=AXES,
        source=data.name,
        reader=partial(_read_nxp, path, file),
    )


def _read_nxp(path: Path, file: DataFile) -> Reading:
    counts = _parse(path, file, sep=",", usecols=("ax", "ay", "az"))
    samples = (counts * (STANDARD_GRAVITY / NXP_COUNTS_PER_G)).astype(np.float32)
    return Reading([samples], "gravity is in it")


def _describe_st(data: Dataset, file: DataFile, path: Path) -> Entry:
    return Entry(
        name=file.name.removesuffix(".txt"),
        machine="fan",
        session=file.name.removesuffix(".txt"),
        label=_ST_LABELS[file.name],
        rate_hz=data.rate_hz,
        axes=AXES,
        source=data.name,
        reader=partial(_read_st, path, file),
    )


def _read_st(path: Path, file: DataFile) -> Reading:
    g = _parse(path, file, sep="\t", skiprows=4, header=None, usecols=(0, 1, 2))
    return Reading([(g * STANDARD_GRAVITY).astype(np.float32)], "gravity is in it")


def _parse(path: Path, file: DataFile, **how: Any) -> npt.NDArray[np.float64]:
    content = registry.read_verified(path, file)
    import pandas as pd

    return np.asarray(pd.read_csv(io.BytesIO(content), **how), dtype=np.float64)


_DESCRIBE: dict[str, Callable[[Dataset, DataFile, Path], Entry]] = {
    "adi-motor": _describe_adi,
    "nxp-fan": _describe_nxp,
    "st-fan": _describe_st,
}
