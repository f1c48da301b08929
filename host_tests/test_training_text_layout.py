"""How a text of numbers is laid out: where its samples begin, what parts its cells, what marks its decimals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from vibtrain.files.sample_files import read_columns, read_file
from vibtrain.files.text_layout import layout
from vibtrain.recordings import DataError

ROWS = 900
XYZ = np.round(np.random.default_rng(3).normal([0, 0, 9.8], 1, (ROWS, 3)), 4)


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("padding", [*range(0, 34, 3), 9_000])
@pytest.mark.parametrize("heading", [True, False])
def test_no_row_is_lost_wherever_the_beginning_of_the_file_is_cut(
    tmp_path: Path, heading: bool, padding: int
) -> None:
    """A text column keeps every row from being all numbers, but one that is cut off within it."""
    lines = [f"{x},{y},{z},normal" for x, y, z in XYZ]
    if heading:
        lines.insert(0, "x,y,z,state" + "e" * padding)
    else:
        lines[0] += "l" * padding
    path = written(tmp_path / "a.csv", lines)
    np.testing.assert_array_equal(read_columns(path, [0, 1, 2]), XYZ)
    if heading:
        np.testing.assert_array_equal(read_columns(path, ["x", "y", "z"]), XYZ)


def test_a_text_column_may_be_empty_in_some_rows(tmp_path: Path) -> None:
    lines = [f"{x},{y},{z},{'' if i % 3 == 0 else 'on'}" for i, (x, y, z) in enumerate(XYZ)]
    np.testing.assert_array_equal(read_columns(written(tmp_path / "a.csv", lines), [0, 1, 2]), XYZ)


@pytest.mark.parametrize("first_column", ["2026-05-01T08:00:00.{i:03d}", "2026-05-01 08:00:00.{i:03d}"])
def test_a_preamble_before_time_stamps_in_words(tmp_path: Path, first_column: str) -> None:
    lines = [f"{first_column.format(i=i)},{x},{y},{z}" for i, (x, y, z) in enumerate(XYZ)]
    path = written(tmp_path / "a.csv", ["Recorded by me", "Serial, 12, b", "time,x,y,z", *lines])
    np.testing.assert_array_equal(read_columns(path, ["x", "y", "z"]), XYZ)


def test_a_first_row_that_lacks_a_number_is_no_heading(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["0.5,,0.25", "0.5,1.5,0.25", "0.5,1.5,0.25"])
    assert read_file(path).names == ("0", "1", "2")
    with pytest.raises(DataError, match="row 1, column 1: empty or nan"):
        read_columns(path)


@pytest.mark.parametrize("heading", [",0,1,2", "0,1,2,3", "time,1,2,3"])
def test_whole_numbers_over_the_columns_are_names(tmp_path: Path, heading: str) -> None:
    path = written(tmp_path / "a.csv", [heading, *(f"{i},0.5,1.5,0.25" for i in range(5))])
    assert layout(path).lines_before == 1


def test_whole_numbers_over_whole_numbers_are_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["0,1,2", "4,1,7", "5,5,5"])
    assert layout(path).lines_before == 0


def decimal_comma(row: np.ndarray) -> str:
    return " ".join(f"{value:.4f}".replace(".", ",") for value in row)


@pytest.mark.parametrize("heading", [[], ["x y z"], ["made by me, today", "x y z"]])
def test_blanks_part_the_cells_where_commas_mark_the_decimals(tmp_path: Path, heading: list[str]) -> None:
    path = written(tmp_path / "a.txt", [*heading, *map(decimal_comma, XYZ)])
    np.testing.assert_array_equal(read_columns(path), XYZ)
    assert read_file(path).names == (("x", "y", "z") if heading else ("0", "1", "2"))


def test_one_column_with_decimal_commas_is_one_column(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", [decimal_comma(row[2:]) for row in XYZ])
    np.testing.assert_array_equal(read_columns(path), XYZ[:, 2:])


def test_two_columns_of_counts_are_two_columns(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(0, 4096, (ROWS, 2))
    path = written(tmp_path / "a.csv", [f"{a},{b}" for a, b in counts])
    np.testing.assert_array_equal(read_columns(path), counts)


def test_commas_for_cells_and_decimals_alike_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", [decimal_comma(row).replace(" ", ",") for row in XYZ])
    with pytest.raises(
        DataError, match=r"commas part the cells and mark the decimals, as in .*; accepted: cells"
    ):
        read_columns(path)


def test_a_decimal_mark_may_first_be_needed_in_a_later_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", ["0\t1\t10", "0,5\t1\t10", "0,25\t1\t10"])
    np.testing.assert_array_equal(read_columns(path)[:, 0], [0, 0.5, 0.25])
