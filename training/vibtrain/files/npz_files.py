"""Columns of NumPy's npz, read as they are unpacked: compressed or not, of any size, without a copy on disk."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vibtrain.files.array_files import refuse_other_than_tables
from vibtrain.files.file_columns import BLOCK_FRAMES, Array, Block, FileColumns, is_rate, rates_of
from vibtrain.recordings import DataError

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class _Member:
    """One array of the archive; `by_column` is Fortran's order."""

    member: str
    shape: tuple[int, ...]
    by_column: bool
    dtype: Any

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def columns(self) -> int:
        return self.shape[1] if len(self.shape) == 2 else 1


def read_npz(path: Path) -> FileColumns:
    """One array of shape (frames, axes), or several: of one dimension each is a column, of two `name.0`, `name.1`.

    A single number is passed over, but for a sample rate.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
        stated = {name: _single(archive, m) for name, m in members.items() if m.size == 1 and is_rate(name)}
    members = {name: m for name, m in members.items() if m.size != 1}
    if not members:
        raise DataError(f"{path}: holds no array; accepted: numbers of shape (frames, axes)")
    for member in members.values():
        refuse_other_than_tables(path, member.shape, member.dtype)
    named = len(members) > 1 or all(m.columns == 1 for m in members.values())
    places = {
        (name if len(m.shape) == 1 or (named and m.columns == 1) else f"{name}.{i}" if named else str(i)): (
            m,
            i,
        )
        for name, m in members.items()
        for i in range(m.columns)
    }

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        picked: dict[_Member, list[int]] = {}
        for name in chosen:
            picked.setdefault(places[name][0], []).append(places[name][1])
        with zipfile.ZipFile(path) as archive:
            streams = [_table_blocks(archive, member, columns) for member, columns in picked.items()]
            for pieces in zip(*streams, strict=True):
                read = dict(zip(picked, map(iter, pieces), strict=True))
                yield [next(read[places[name][0]]) for name in chosen]

    lengths = {name: member.shape[0] for name, (member, _) in places.items()}
    return FileColumns(tuple(places), blocks, lengths, named=named, rates_hz=rates_of(places, stated))


def _single(archive: zipfile.ZipFile, member: _Member) -> float:
    return float(_numbers(_opened(archive, member, skip=0), member, 1)[0])


def _header(archive: zipfile.ZipFile, name: str) -> _Member:
    with archive.open(name) as stream:
        return _Member(name, *_read_header(stream))


def _read_header(stream: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(stream)
    return _HEADERS[version](stream)


def _table_blocks(archive: zipfile.ZipFile, member: _Member, columns: Sequence[int]) -> Iterator[Block]:
    frames = member.shape[0]
    if member.by_column and member.columns > 1:
        streams = [_opened(archive, member, skip=column * frames) for column in columns]
        for first in range(0, frames, BLOCK_FRAMES):
            count = min(BLOCK_FRAMES, frames - first)
            yield [_numbers(stream, member, count) for stream in streams]
        return
    stream = _opened(archive, member, skip=0)
    for first in range(0, frames, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, frames - first)
        table = _numbers(stream, member, count * member.columns).reshape(count, member.columns)
        yield [table[:, column] for column in columns]


def _opened(archive: zipfile.ZipFile, member: _Member, skip: int) -> IO[bytes]:
    """The member's data, `skip` numbers passed over; the archive closes it."""
    stream = archive.open(member.member)
    _read_header(stream)
    stream.seek(skip * member.dtype.itemsize, 1)
    return stream


def _numbers(stream: IO[bytes], member: _Member, count: int) -> Array:
    wanted = count * member.dtype.itemsize
    content = stream.read(wanted)
    if len(content) != wanted:
        raise EOFError(f"{member.member} ends early")
    return np.frombuffer(content, member.dtype)
