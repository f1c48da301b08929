"""What every reader of sample files gives: the columns of one file by name, read piece by piece, and what the file
says of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from vibtrain.recordings import DataError

Array = npt.NDArray[Any]
Block = list[Array]  # a piece of each of several columns, equally long

BLOCK_FRAMES = 1 << 17  # read at a time: some megabytes, and thousands of windows

RATE_NAMES = {
    "fs",
    "sr",
    "ratehz",
    "samplerate",
    "samplingrate",
    "samplefrequency",
    "samplingfrequency",
}


@dataclass(frozen=True)
class FileColumns:
    """The columns of one file.

    Attributes:
        names: in the file's order; the columns are not yet known to be numbers.
        blocks: reads the named columns from their beginning, BLOCK_FRAMES at a time, so that memory holds one block.
        lengths: of each column, where the file's format lets columns be of different lengths; else empty.
        named: whether the names are the file's own; else they are numbers from 0.
        rates_hz: the sample rate that the file states for a column, by the column's name.
        units: the unit that the file states for a column, by the column's name.
        expected_frames: of columns without `lengths`, about how many there are; None where nothing says so.
    """

    names: tuple[str, ...]
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    lengths: Mapping[str, int] = field(default_factory=dict)
    named: bool = True
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    expected_frames: int | None = None

    def rate_hz(self, names: Collection[str]) -> float | None:
        """The sample rate that the file states for these columns; None where it states none, or they differ."""
        stated = {self.rates_hz[name] for name in names if name in self.rates_hz}
        return stated.pop() if len(stated) == 1 else None

    def beginning(self) -> dict[str, Array]:
        """The first block of every column that has any."""
        if len(set(self.lengths.values())) <= 1:
            return dict(zip(self.names, next(self.blocks(self.names), []), strict=False))
        firsts = {name: next(self.blocks([name]), None) for name in self.names}
        return {name: first[0] for name, first in firsts.items() if first}


@dataclass(frozen=True)
class Sliceable:
    """A column of which any piece can be read: `piece(first, last)` gives frames `first` up to `last`."""

    length: int
    piece: Callable[[int, int], Array]


def slices(columns: Sequence[Sliceable]) -> Iterator[Block]:
    """Blocks of columns of one length."""
    for first in range(0, columns[0].length, BLOCK_FRAMES):
        yield [column.piece(first, min(first + BLOCK_FRAMES, column.length)) for column in columns]


def of_arrays(
    columns: Mapping[str, Array],
    *,
    named: bool = True,
    rates_hz: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
) -> FileColumns:
    """Columns that are in memory, or mapped into it."""

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        return slices([in_memory(columns[name]) for name in names])

    lengths = {name: len(column) for name, column in columns.items()}
    return FileColumns(tuple(columns), blocks, lengths, named, rates_hz or {}, units or {})


def in_memory(column: Array) -> Sliceable:
    """An array of one dimension as a column."""
    return Sliceable(len(column), lambda first, last: column[first:last])


def split_shape(name: str, shape: tuple[int, ...], kind: str) -> dict[str, int | None]:
    """Columns of an array of that shape and NumPy `kind`: `name`, or `name.0`, `name.1` of several, with their place.

    Frames are the longer dimension, for some programs write rows; the place is the index in the other, None in an
    array of one dimension. Empty where it is neither of numbers nor of one or two dimensions, or a single number.
    """
    if kind not in "iuf" or len(shape) not in (1, 2) or max(shape) < 2 or min(shape) < 1:
        return {}
    if len(shape) == 1:
        return {name: None}
    if min(shape) == 1:
        return {name: 0}
    return {f"{name}.{i}": i for i in range(min(shape))}


def is_rate(name: str) -> bool:
    """Whether a single number of this name is a sample rate: `fs`, `sample_rate`, `bearing.sr`."""
    last = name.replace("/", ".").rsplit(".", 1)[-1]
    return last.lower().replace("_", "").replace(" ", "") in RATE_NAMES


def rates_of(columns: Iterable[str], stated: Mapping[str, float]) -> dict[str, float]:
    """The sample rate of each column, of those that a file states under names such as `acc.fs`.

    A rate holds for what lies beside or below it: `acc.fs` for `acc.xyz`, not for `tacho.rpm`. One that lies elsewhere
    holds where the file states no other.
    """
    found: dict[str, float] = {}
    places = {_place(name): value for name, value in stated.items()}
    for column in columns:
        place = _place(column)
        while place not in places and place:
            place = place[:-1]
        if place in places:
            found[column] = places[place]
        elif len(set(stated.values())) == 1:
            found[column] = next(iter(stated.values()))
    return found


def _place(name: str) -> tuple[str, ...]:
    """The groups or structures that a name lies in."""
    return tuple(name.replace("/", ".").split(".")[:-1])


def library(path: Path, module: str) -> Any:
    """Import a reading library of the extra `readers`. Raises `DataError` naming the extra where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError:
        needed = module.split(".")[0]
        raise DataError(
            f"{path}: {path.suffix} files need the library {needed}, which is not installed; "
            "install it: pip install 'vibnode[readers]'"
        ) from None
