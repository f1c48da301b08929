"""Columns of text: CSV of any delimiter, with or without a heading, plain or gzip."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vibtrain.files.file_columns import BLOCK_FRAMES, Block, FileColumns
from vibtrain.recordings import DataError

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
BLANKS = r"\s+"
_SNIFFED_BYTES = 8192


@dataclass(frozen=True)
class Layout:
    """How a text is laid out: `names` of its columns (none where it has no heading), their number `count`, and the
    lines before the first row of samples."""

    encoding: str
    delimiter: str
    decimal: str
    names: list[str]
    count: int
    lines_before: int


def read_text(path: Path) -> FileColumns:
    """All columns; a piece with a cell that is no number comes as text. Raises `DataError` for an empty file."""
    found = layout(path)
    titles = tuple(found.names or map(str, range(found.count)))
    if len(set(titles)) != len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise DataError(f"{path}: column {twice!r} is there twice; accepted: different names")

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        places = [titles.index(name) for name in chosen]
        pieces = pd.read_csv(
            path,
            sep=found.delimiter,
            decimal=found.decimal,
            header=None,
            skiprows=found.lines_before,
            usecols=sorted(places),
            encoding=found.encoding,
            encoding_errors="replace",  # beyond the beginning: numbers are ASCII
            low_memory=False,
            chunksize=BLOCK_FRAMES,
        )
        with pieces:
            for piece in pieces:
                yield [piece[place].to_numpy() for place in places]

    return FileColumns(titles, blocks, named=bool(found.names), expected_frames=_expected_rows(path))


def layout(path: Path) -> Layout:
    """Layout of a text, from its beginning: lines before the first row of numbers are a preamble, the last of them
    a heading if it has as many cells. Raises `DataError` for an empty file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        encoding, text = _decoded(stream.read(_SNIFFED_BYTES))
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: is empty; accepted: rows of numbers")
    rows = [_cells(line) for line in lines]
    first = next((i for i, (_, cells) in enumerate(rows) if cells and all(map(_is_number, cells))), None)
    # No row is all numbers, as with time stamps in words: then the first line is the heading.
    if first is None:
        delimiter, names = rows[0]
        return Layout(encoding, delimiter, ".", names, len(names), 1)
    delimiter, cells = rows[first]
    decimal = "," if any("," in cell for cell in cells) else "."
    heading = _cells(lines[first - 1], delimiter)[1] if first else []
    names = heading if len(heading) == len(cells) else []
    return Layout(encoding, delimiter, decimal, names, len(cells), first)


def _expected_rows(path: Path) -> int | None:
    """As many as lines like the first ones fill the file; None of a compressed one."""
    if path.suffix == ".gz":
        return None
    with path.open("rb") as stream:
        beginning = stream.read(_SNIFFED_BYTES)
    return round(beginning.count(b"\n") * path.stat().st_size / len(beginning))


def _decoded(beginning: bytes) -> tuple[str, str]:
    """Encoding and text: UTF-16 where a byte order mark says so, UTF-8, or what Windows programs of the West write."""
    if beginning[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16", beginning.decode("utf-16", "ignore")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()  # the beginning may end within a character
    try:
        return "utf-8-sig", decoder.decode(beginning)
    except UnicodeDecodeError:
        return "cp1252", beginning.decode("cp1252", "replace")


def _cells(line: str, delimiter: str | None = None) -> tuple[str, list[str]]:
    """Delimiter and cells of a line. A comma parts cells only where nothing else does: else it is a decimal comma."""
    if delimiter is None:
        stronger = [mark for mark in "\t;" if mark in line]
        delimiter = stronger[0] if stronger else "," if "," in line else BLANKS
    cells = line.split() if delimiter == BLANKS else next(csv.reader([line], delimiter=delimiter), [])
    if len(cells) > 1 and not cells[-1].strip():  # rows that end in a delimiter
        cells.pop()
    return delimiter, [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
