"""vib.medians: what it gives, and that nobody can have it read or write beyond its arrays. Portable."""

from array import array

import vib

ROWS = (5, -3, 8, 7, -9, 100, 4, -32768)  # four rows of two columns


def test_medians_and_their_spreads_go_into_the_row_that_was_asked_for():
    medians, spreads = array("h", [99] * 6), array("h", [99] * 6)
    vib.medians(array("h", ROWS), 4, 2, medians, spreads, 1)
    assert list(medians) == [99, 99, 4, 2, 99, 99]  # of -9 4 5 8, rounded down, and of -32768 -3 7 100
    assert list(spreads) == [99, 99, 2, 51, 99, 99]  # of 0 1 4 13, and of 5 5 98 32767, which is limited


def refusal(*arguments):
    try:
        vib.medians(*arguments)
    except ValueError as error:
        return str(error)
    return "none"


def test_what_does_not_fit_is_refused_by_its_name_and_nothing_is_written():
    rows = array("h", ROWS)
    medians, spreads = array("h", [99] * 4), array("h", [99] * 6)
    for count, n, at, named in (
        (0, 2, 0, "0 rows"),
        (-1, 2, 0, "-1 rows"),
        (5, 2, 0, "5 rows"),
        (65, 1, 0, "65 rows"),
        (4, 0, 0, "0 columns"),
        (4, -2, 0, "-2 columns"),
        (1, 1 << 16, 0, "65536 columns"),
        (4, -(1 << 31), 0, "columns"),
        (4, 1 << 62, 0, "columns"),
        (4, 2, -1, "row -1"),
        (4, 2, 2, "row 2"),
        (4, 2, (1 << 31) - 1, "row 2147483647"),
        (4, 2, 1 << 62, "row 4611686018427387904"),
    ):
        said = refusal(rows, count, n, medians, spreads, at)
        assert named in said and "accepted: " in said, (count, n, at, said)
    assert list(medians) == [99] * 4 and list(spreads) == [99] * 6
