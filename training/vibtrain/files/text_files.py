"""Columns of text: CSV of any delimiter, with or without a heading, plain or gzip."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vibtrain.files.file_columns import BLOCK_FRAMES, Block, FileColumns
from vibtrain.recordings import DataError

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
BLANKS = r"\s+"
_SNIFFED_BYTES = 8192
_SNIFFED_LINES = (
    20  # whole ones, at least, where a text has them: a heading may be longer than all those bytes
)
_MOST_SNIFFED = 1 << 20
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.I)
_COUNT = re.compile(r"\d+")


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
        import pandas as pd

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
    """Layout of a text, from its beginning: lines before the first row of samples are a preamble, the last of them
    a heading if it has as many cells. Raises `DataError` for an empty file, and where commas may be anything."""
    encoding, lines = _beginning(path)
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: is empty; accepted: rows of numbers")
    delimiter = _delimiter(path, lines)
    rows = [_cells(line, delimiter) for line in lines]
    count, places = _shape(rows)
    first = next((i for i, cells in enumerate(rows) if _is_sample(cells, count, places)), None)
    if first is None:  # nothing but words
        return Layout(encoding, delimiter, ".", rows[0], len(rows[0]), 1)
    decimal = "," if any("," in cells[i] for cells in rows[first:] for i in places if i < len(cells)) else "."
    count = max(
        count, len(rows[first]) if rows[first][-1] else 0
    )  # a first row may carry more than the others
    heading = rows[first - 1] if first else []
    if len(heading) == count + 1 and not heading[-1]:
        heading.pop()
    return Layout(encoding, delimiter, decimal, heading if len(heading) == count else [], count, first)


def _beginning(path: Path) -> tuple[str, list[str]]:
    """Encoding, and the first lines; the one that the beginning cuts off is none of them."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        content = stream.read(_SNIFFED_BYTES)
        while content.count(b"\n") < _SNIFFED_LINES and len(content) < _MOST_SNIFFED:
            more = stream.read(_SNIFFED_BYTES)
            if not more:
                break
            content += more
        whole = not stream.read(1)
    encoding, text = _decoded(content)
    lines = text.splitlines()
    return encoding, lines if whole or len(lines) < 2 else lines[:-1]


def _shape(rows: list[list[str]]) -> tuple[int, list[int]]:
    """Of most rows with a number in them: how many cells, and which of these are numbers. No cells where none is."""
    with_numbers = [cells for cells in rows if any(map(_is_number, cells))]
    if not with_numbers:
        return 0, []
    times = Counter(map(len, with_numbers))
    latest = {len(cells): i for i, cells in enumerate(with_numbers)}
    count = max(times, key=lambda n: (times[n], latest[n]))
    usual = [cells for cells in with_numbers if len(cells) == count]
    if not any(cells[-1] for cells in usual) and count > 1:  # rows that end in a delimiter
        count -= 1
    return count, [i for i in range(count) if 2 * sum(_is_number(cells[i]) for cells in usual) > len(usual)]


def _is_sample(cells: list[str], count: int, places: list[int]) -> bool:
    """Numbers where numbers are due. A row may lack some of them, and is no heading for that, if one is no whole
    number: column names such as `0` and `1` are."""
    if len(cells) < count or not places:
        return False
    numbers = [cells[i] for i in places if _is_number(cells[i])]
    if len(numbers) == len(places):
        return True
    return 2 * len(numbers) >= len(places) and any(not number.lstrip("+-").isdecimal() for number in numbers)


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


def _delimiter(path: Path, lines: list[str]) -> str:
    """What parts the cells of most lines with a number in them."""
    filled = [line for line in lines if line.strip()]
    found = [_delimiter_of(line) for line in filled if re.search(r"\d", line)] or [_delimiter_of(filled[0])]
    times, latest = Counter(found), {mark: i for i, mark in enumerate(found)}
    delimiter = max(times, key=lambda mark: (times[mark], latest[mark]))
    return _comma_or_decimal_comma(path, lines) if delimiter == "," else delimiter


def _delimiter_of(line: str) -> str:
    """A comma parts cells only where nothing else does: else it is a decimal comma."""
    for mark in "\t;":
        if mark in line:
            return mark
    words = line.split()
    if "," not in line or (
        len(words) > 1 and 2 * sum(map(bool, map(_DECIMAL_COMMA.fullmatch, words))) > len(words)
    ):
        return BLANKS
    return ","


def _comma_or_decimal_comma(path: Path, lines: list[str]) -> str:
    """Whole numbers alone, of which every second one is never signed and has zeros in front now and then, are decimals:
    one column of them, or nobody can tell where a cell ends."""
    rows = [_cells(line, ",") for line in lines]
    rows = [cells for cells in rows if cells and all(_is_number(cell) for cell in cells)]
    behind = [cell for cells in rows for cell in cells[1::2]]
    if (
        not rows
        or any(len(cells) % 2 or any("." in cell for cell in cells) for cells in rows)
        or not all(map(_COUNT.fullmatch, behind))
        or not any(len(cell) > 1 and cell[0] == "0" for cell in behind)
    ):
        return ","
    if all(len(cells) == 2 for cells in rows):
        return BLANKS
    raise DataError(
        f"{path}: commas part the cells and mark the decimals, as in {','.join(rows[0])!r}; accepted: cells parted by "
        "semicolons, tabs or blanks, or points for decimals"
    )


def _cells(line: str, delimiter: str) -> list[str]:
    cells = line.split() if delimiter == BLANKS else next(csv.reader([line], delimiter=delimiter), [])
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
