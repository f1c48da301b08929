"""How a text of numbers is laid out: what parts its cells and marks its decimals, where its samples begin, and which of
the lines before are names and units.

The rows are looked at before the heading, and the heading from the rows upwards: what stands before it may be
anything. Of the ways to part the cells the one counts under which no cell is left that looks like several numbers.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import gzip
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vibtrain.recordings import DataError

BLANKS = r"\s+"
SNIFFED_BYTES = 1 << 16
_MOST_SNIFFED = 1 << 20
_SNIFFED_LINES = 100  # rows, at the end of what was sniffed, by which the cells are told
_RUN = 10  # so many lines behind the first row, most of which are rows too
_MOST_SPOILT = 2  # lines over the first whole row with a word for a number: of more, a preamble is made
_MOST_HEADING = 4  # lines over the first row that may be names or units

_NUMBER = {
    ".": re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(nan|inf|infinity)", re.I),
    ",": re.compile(r"[-+]?(\d+,?\d*|,\d+)(e[-+]?\d+)?|[-+]?(nan|inf|infinity)", re.I),
}
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?(Z|[+-]\d{2}:?\d{2})?", re.I)
_SEVERAL = re.compile(r"[-+\d.,:;|\s/e]*\d[-+\d.,:;|\s/e]*|.*[,;|\s][-+]?[\d.,]+|[-+]?[\d.,]+[,;|\s].*", re.I)
_UNIT = re.compile(
    r"[\[(]?(|-|[mµu]?g|[mkµu]?m/s(2|²|\^2)?|mm/s(2|²|\^2)?|[mµun]?s|sec(onds?)?|[mµ]?v(olts?)?|[km]?hz|%|°c|rpm|counts?|lsb"
    r"|hh:mm:ss\S*|[dmy]{1,4}[./-][dmy]{1,4}[./-][dmy]{1,4}.*)[\])]?",
    re.I,
)
_MOST_WORDS = 3  # of the title of an only column; a line of more is a preamble
_CLOCK_TITLE = " (clock)"  # behind the title of a date, where its time of day is a cell of its own
_COUNT = re.compile(r"\d+")


@dataclass(frozen=True)
class Layout:
    """How a text is laid out.

    Attributes:
        encoding: of the text.
        delimiter: what parts the cells; BLANKS for any number of blanks.
        decimal: point or comma.
        names: of the columns; none where the text has no heading.
        units: of the columns, as the text has them; empty texts where it states none.
        numeric: which columns are numbers.
        count: columns.
        width: cells of the widest line seen, that of a delimiter at its end among them.
        lines_before: lines before the first row of samples.
    """

    encoding: str
    delimiter: str
    decimal: str
    names: list[str]
    units: list[str]
    numeric: list[bool]
    count: int
    width: int
    lines_before: int


@dataclass(frozen=True)
class _Way:
    """A way to part cells, and what the last lines are by it: kinds of their columns (n number, d date, c clock,
    t text), how many of the columns look like several numbers, and the share of the lines that are rows by it."""

    delimiter: str
    decimal: str
    kinds: str
    several: int
    share: float

    def rank(self, place: int) -> tuple[bool, float, float]:
        """The larger the better; `place` in the order of preference."""
        useful = sum(kind != "t" for kind in self.kinds)
        clean = not self.several and useful > 0 and len(self.kinds) > 1 and self.share > 0.5
        return (True, -place, useful) if clean else (False, self.share * (useful - self.several), -place)


def layout(path: Path) -> Layout:
    """Layout of a text, from its beginning. Raises `DataError` for an empty file, and where commas may be anything."""
    encoding, lines = _beginning(path)
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: is empty; accepted: rows of numbers")
    way = _way(path, lines)
    rows = [cells(line, way.delimiter) for line in lines]
    first = _first_row(rows, way)
    if first is None:  # nothing but words
        width = len(rows[0])
        return Layout(encoding, way.delimiter, ".", rows[0], [""] * width, [False] * width, width, width, 1)
    width = max(map(len, rows[first:]))
    count = max(len(way.kinds), len(rows[first]) if rows[first][-1] else 0)
    kinds = way.kinds.ljust(count, "n")
    names, units = _heading(rows[:first], kinds, way.delimiter)
    return Layout(
        encoding,
        way.delimiter,
        way.decimal,
        names,
        units,
        [kind == "n" for kind in kinds],
        count,
        width,
        first,
    )


def cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without blanks around them."""
    if delimiter == BLANKS:
        return line.split()
    quoted = '"' in line
    parts = next(csv.reader([line], delimiter=delimiter), []) if quoted else line.split(delimiter)
    return [part.strip() for part in parts] if line else []


def decoder_of(beginning: bytes) -> str:
    """Encoding: UTF-16 where a byte order mark or every second byte says so, UTF-8, or what Windows programs of the
    West write."""
    if beginning[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for encoding, zeros in (("utf-16-le", beginning[1::2]), ("utf-16-be", beginning[::2])):
        if len(beginning) > 3 and zeros.count(0) > 0.9 * len(zeros):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8-sig")().decode(beginning)  # it may end within a character
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _beginning(path: Path) -> tuple[str, list[str]]:
    """Encoding, and the first lines; the one that the beginning cuts off is none of them."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        content = stream.read(SNIFFED_BYTES)
        while content.count(b"\n") < 2 * _RUN and len(content) < _MOST_SNIFFED:
            more = stream.read(SNIFFED_BYTES)
            if not more:
                break
            content += more
        whole = not stream.read(1)
    encoding = decoder_of(content)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    lines = decoder.decode(content, final=whole).splitlines()
    return encoding, lines if whole or len(lines) < 2 else lines[:-1]


def _way(path: Path, lines: list[str]) -> _Way:
    """How cells are parted and decimals marked, by the last lines: those at the beginning may be a preamble."""
    seen = [line for line in lines if line.strip()][-_SNIFFED_LINES:]
    ways = [
        _judged(seen, delimiter, decimal)
        for delimiter in ("\t", ";", "|", ",", BLANKS)
        for decimal in ".,"
        if delimiter != decimal
        and (delimiter == BLANKS or _occurs(delimiter, seen))
        and _occurs(decimal, seen)
    ]
    best = max(range(len(ways)), key=lambda i: ways[i].rank(i))
    way = ways[best]
    if way.delimiter == "," and _is_decimal_comma(path, seen):
        return _judged(seen, BLANKS, ",")
    return way


def _occurs(mark: str, lines: Sequence[str]) -> bool:
    """Whether it is worth a try: a point may be in no line, since whole numbers have none."""
    return mark == "." or any(mark in line for line in lines)


def _judged(lines: Sequence[str], delimiter: str, decimal: str) -> _Way:
    rows = [cells(line, delimiter) for line in lines]
    told = [[_kind(cell, decimal) for cell in row] for row in rows]
    with_numbers = [i for i, kinds in enumerate(told) if set(kinds) & set("ndc")]
    if not with_numbers:
        return _Way(delimiter, decimal, "t" * len(rows[-1]), len(rows[-1]), 0.0)
    times = Counter(len(rows[i]) for i in with_numbers)
    latest = {len(rows[i]): i for i in with_numbers}
    count = max(times, key=lambda n: (times[n], latest[n]))
    usual = [i for i in with_numbers if len(rows[i]) == count]
    if count > 1 and not any(rows[i][-1] for i in usual):  # rows that end in a delimiter
        count -= 1
    kinds, several = "", 0
    for place in range(count):
        column = [told[i][place] for i in usual]
        filled = [kind for kind in column if kind != "e"]
        kind = max("ndct", key=filled.count) if filled else "t"
        kinds += kind if 2 * filled.count(kind) > len(filled) else "t"
        texts = [rows[i][place] for i in usual if told[i][place] == "t"]
        several += kinds[-1] == "t" and 2 * sum(map(bool, map(_SEVERAL.fullmatch, texts))) > len(texts) > 0
    way = _Way(delimiter, decimal, kinds, several, 0.0)
    return dataclasses.replace(way, share=sum(_is_row(row, way) for row in rows) / len(rows))


def _kind(cell: str, decimal: str) -> str:
    if not cell:
        return "e"
    if _NUMBER[decimal].fullmatch(cell):
        return "n"
    if _CLOCK.fullmatch(cell):
        return "c"
    day, _, clock = cell.replace("T", " ", 1).partition(" ")
    return "d" if _DATE.fullmatch(day) and (not clock or _CLOCK.fullmatch(clock)) else "t"


def _is_decimal_comma(path: Path, lines: list[str]) -> bool:
    """Whole numbers alone, of which every second one is never signed and has zeros in front now and then, are decimals:
    one column of them, or nobody can tell where a cell ends."""
    rows = [cells(line, ",") for line in lines]
    rows = [row for row in rows if row and all(_NUMBER["."].fullmatch(cell) for cell in row)]
    usual = max(map(len, rows), key=list(map(len, rows)).count, default=0)
    rows = [row for row in rows if len(row) == usual]  # a heading may be numbers too
    behind = [cell for row in rows for cell in row[1::2]]
    if (
        not rows
        or any(len(row) % 2 or any("." in cell for cell in row) for row in rows)
        or not all(map(_COUNT.fullmatch, behind))
        or not any(len(cell) > 1 and cell[0] == "0" for cell in behind)
    ):
        return False
    if all(len(row) == 2 for row in rows):
        return True
    raise DataError(
        f"{path}: commas part the cells and mark the decimals, as in {','.join(rows[0])!r}; accepted: cells parted by "
        "semicolons, tabs or blanks, or points for decimals"
    )


def _first_row(rows: list[list[str]], way: _Way) -> int | None:
    """The first line that is a row, and is followed by more of them."""
    if "n" not in way.kinds:
        return None
    for i, row in enumerate(rows):
        run = rows[i : i + _RUN]
        if _is_row(row, way) and 2 * sum(_is_row(other, way) for other in run) >= len(run):
            if _is_numbered_heading(row, rows[i + 1 :], way):
                return i + 1
            spoilt = next((n for n in range(i) if not _is_spoilt_row(rows[i - 1 - n], way)), i)
            return i - spoilt if spoilt <= _MOST_SPOILT else i
    return None


def _is_row(row: list[str], way: _Way) -> bool:
    """Numbers where numbers are due. A row may lack some of them, and is no heading for that, if one is no whole
    number: column names such as `0` and `1` are."""
    if len(row) < len(way.kinds):
        return False
    due = [(row[i], kind) for i, kind in enumerate(way.kinds) if kind != "t"]
    there = [cell for cell, kind in due if _kind(cell, way.decimal) == kind]
    if len(there) == len(due):
        return True
    return not any(cell for cell, _ in due if cell not in there) and _tells_numbers(there, due)


def _is_spoilt_row(row: list[str], way: _Way) -> bool:
    """A row with a word where a number is due: no heading, for that would lose it without a word."""
    if len(row) < len(way.kinds):
        return False
    due = [(row[i], kind) for i, kind in enumerate(way.kinds) if kind != "t"]
    return _tells_numbers([cell for cell, kind in due if _kind(cell, way.decimal) == kind], due)


def _tells_numbers(there: list[str], due: list[tuple[str, str]]) -> bool:
    return 2 * len(there) >= len(due) and any(not cell.lstrip("+-").isdecimal() for cell in there)


def _is_numbered_heading(row: list[str], below: list[list[str]], way: _Way) -> bool:
    """Names that are numbers: 0, 1, 2 or 1, 2, 3, over rows with decimals in every line of a column."""
    places = [i for i, kind in enumerate(way.kinds) if kind == "n"]
    names = [row[i] for i in places]
    if not all(map(_COUNT.fullmatch, names)) or int(names[0]) not in (0, 1):
        return False
    if any(int(b) - int(a) != 1 for a, b in itertools.pairwise(names)):
        return False
    below = [row for row in below[:_SNIFFED_LINES] if _is_row(row, way)]
    return len(below) > 2 and any(all(not _COUNT.fullmatch(r[i].lstrip("+-")) for r in below) for i in places)


def _heading(before: list[list[str]], kinds: str, delimiter: str) -> tuple[list[str], list[str]]:
    """Names and units of the columns, from the lines over the rows: units stand between names and rows. Of several
    lines of names the nearest is taken that names no two columns alike."""
    lines: list[list[str]] = []
    for row in reversed(before):
        titles = _titles(row, kinds, delimiter) if any(row) else []
        if titles is None or len(lines) == _MOST_HEADING:
            break
        lines += [titles] if titles else []
    units = [""] * len(kinds)
    if lines and all(_UNIT.fullmatch(title.removesuffix(_CLOCK_TITLE)) for title in lines[0]):
        distinct = len(set(lines[0])) == len(lines[0])
        units = [title.strip("[]()") for title in lines[0]]
        lines = lines[1:] or (lines if distinct else [])
    distinct_lines = [titles for titles in lines if len(set(titles)) == len(titles)]
    return next(iter(distinct_lines or lines), []), units


def _titles(row: list[str], kinds: str, delimiter: str) -> list[str] | None:
    """A title for each column, if the line has as many. Parted by blanks, a date and its time are two cells under one
    title, and a mark of a comment may stand before the first."""
    count = len(kinds)
    if delimiter == BLANKS and row[0] in ("#", "%", "//", ";"):
        row = row[1:]
    row = [row[0].lstrip("#% "), *row[1:]]
    if count == 1 and delimiter == BLANKS and len(row) <= _MOST_WORDS:
        return [" ".join(row)]
    if len(row) == count + 1 and not row[-1]:
        return row[:-1]
    if delimiter == BLANKS and len(row) == count - 1 and "dc" in kinds:
        day = kinds.index("dc")
        return [*row[: day + 1], row[day] + _CLOCK_TITLE, *row[day + 1 :]]
    return row if len(row) == count and any(row) else None
