"""Columns of text: CSV of any delimiter, with or without a heading, plain or gzip."""

from __future__ import annotations

import gzip
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from vibtrain.files.file_columns import BLOCK_FRAMES, Array, Block, FileColumns
from vibtrain.files.text_layout import SNIFFED_BYTES, Layout, layout
from vibtrain.recordings import DataError

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


def read_text(path: Path) -> FileColumns:
    """All columns, in the order of the file's cells. Raises `DataError` for an empty file."""
    found = layout(path)
    titles = tuple(found.names or map(str, range(found.count)))
    if len(set(titles)) != len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise DataError(f"{path}: column {twice!r} is there twice; accepted: different names")

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        import pandas as pd

        places = [titles.index(name) for name in chosen]
        with _at_first_row(path, found) as stream, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells more than in any line seen
            pieces = pd.read_csv(
                stream,
                sep=found.delimiter,
                decimal=found.decimal,
                header=None,
                names=range(found.width),
                index_col=False,
                usecols=sorted(places),
                encoding=_bytes_encoding(found),
                encoding_errors="replace",  # beyond the beginning: numbers are ASCII
                low_memory=False,
                chunksize=BLOCK_FRAMES,
            )
            for piece in pieces:
                yield [_as_numbers(piece[place].to_numpy(), found, place) for place in places]

    units = {title: unit for title, unit in zip(titles, found.units, strict=True) if unit not in ("", "-")}
    return FileColumns(
        titles, blocks, named=bool(found.names), units=units, expected_frames=_expected_rows(path)
    )


def _at_first_row(path: Path, found: Layout) -> IO[Any]:
    """The file behind the lines before its first row. As text where it is UTF-16, else as bytes, which pandas reads
    faster."""
    utf16 = found.encoding.startswith("utf-16")
    opener: Callable[..., IO[Any]] = gzip.open if path.suffix == ".gz" else open
    stream = opener(path, "rt", encoding=found.encoding) if utf16 else opener(path, "rb")
    if not utf16 and found.encoding == "utf-8-sig" and stream.read(3) != b"\xef\xbb\xbf":
        stream.seek(0)
    for _ in range(found.lines_before):
        stream.readline()
    return stream


def _bytes_encoding(found: Layout) -> str:
    return "utf-8" if found.encoding == "utf-8-sig" else found.encoding


def _as_numbers(column: Array, found: Layout, place: int) -> Array:
    """A column of numbers in which a cell is none comes as text: as it stands where a number's text is one by these
    decimals, so that the cell that is none is the one that is named."""
    if column.dtype.kind != "O" or place >= found.count or not found.numeric[place]:
        return column
    number = re.compile(
        rf"\s*[-+]?(\d+{re.escape(found.decimal)}?\d*|{re.escape(found.decimal)}\d+)(e[-+]?\d+)?\s*", re.I
    )

    def one(cell: object) -> object:
        text = str(cell)
        return float(text.replace(found.decimal, ".")) if number.fullmatch(text) else _no_number(cell)

    return np.array([one(cell) for cell in column], dtype=object)


def _no_number(cell: object) -> object:
    """A cell that is no number by the file's decimals, so that nobody takes it for one by others."""
    return cell if not isinstance(cell, str) or not re.fullmatch(r"[-+\d.,\s]*", cell) else f"{cell} "


def _expected_rows(path: Path) -> int | None:
    """As many as lines like the first ones fill the file; None of a compressed one."""
    if path.suffix == ".gz":
        return None
    with path.open("rb") as stream:
        beginning = stream.read(SNIFFED_BYTES)
    return round(beginning.count(b"\n") * path.stat().st_size / len(beginning))
