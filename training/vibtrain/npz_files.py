"""Columns of NumPy's npz, read as they are unpacked: compressed or not, of any size, without a copy on disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vibtrain.array_files import refuse_other_than_tables
from vibtrain.file_columns import BLOCK_FRAMES, Array, Block, FileColumns
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
    def columns(self) -> int:
        return self.shape[1] if len(self.shape) == 2 else 1


def read_npz(path: Path) -> FileColumns:
    """One array of shape (frames, axes), or arrays of one dimension, each a column."""
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
    for member in members.values():
        refuse_other_than_tables(path, member.shape, member.dtype)
    if len(members) == 1:
        ((name, member),) = members.items()
        named = member.columns == 1
        places = {name if named else str(i): (member, i) for i in range(member.columns)}
    elif any(len(member.shape) != 1 for member in members.values()):
        shapes = {name: member.shape for name, member in members.items()}
        raise DataError(f"{path}: arrays {shapes}, accepted are one of shape (frames, axes), or columns")
    else:
        named, places = True, {name: (member, 0) for name, member in members.items()}

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        picked = [places[name] for name in chosen]
        with zipfile.ZipFile(path) as archive:
            if len(members) == 1:
                yield from _table_blocks(archive, picked[0][0], [column for _, column in picked])
            else:
                streams = [_table_blocks(archive, member, [0]) for member, _ in picked]
                for pieces in zip(*streams, strict=True):
                    yield [piece for (piece,) in pieces]

    lengths = {name: member.shape[0] for name, (member, _) in places.items()}
    return FileColumns(tuple(places), blocks, lengths, named=named)


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
