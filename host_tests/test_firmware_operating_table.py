"""What a machine has learnt of its operating points: how entries come about, what lies between them, what is kept.

Portable: runs on MicroPython too.
"""

from array import array

from vibnode.operating_table import (
    CELL,
    FULL_WINDOWS,
    MOST_BYTES,
    PAUSE_MS,
    STAY_WINDOWS,
    OperatingTable,
)

LINE = array("h", [256, -128, 0])  # steps an octave
OWNER = b"12345678"


def learnt(*stays):
    """A table that was at each (place, features) for a whole stay."""
    table = OperatingTable(LINE)
    for place, features in stays:
        for _ in range(STAY_WINDOWS):
            table.take(place, array("h", features), 0)
    return table


def usual(table, place):
    table.blend(place)
    return list(table.usual)


def test_an_entry_is_carried_along_the_line():
    table = learnt((100, [1000, 2000, 50]))
    assert usual(table, 100) == [1000, 2000, 50]
    assert usual(table, 356) == [1256, 1872, 50]
    assert usual(table, -156) == [744, 2128, 50]


def test_between_two_far_entries_features_follow_the_straight_line_nearly():
    """Whatever the fleet's line is: here the machine's own has another slope."""
    table = learnt((0, [1000, 0, 0]), (512, [3000, 0, 0]))
    middle = usual(table, 256)
    assert middle[0] == 2000
    assert abs(usual(table, 128)[0] - 1500) < 120
    assert usual(table, 0)[0] < 1130 and usual(table, 512)[0] > 2870  # each a little of the other's


def test_an_entry_behind_another_says_nothing():
    table = learnt((0, [0, 0, 0]), (256, [256, -128, 0]), (512, [9000, 0, 0]))
    assert usual(table, 100)[0] < 130


def test_an_hour_at_one_place_counts_as_one_visit():
    table = OperatingTable(LINE)
    for ms in range(0, PAUSE_MS, 4000):
        table.take(0, array("h", [10, 20, 30]), ms)
    assert table.counts[0] == STAY_WINDOWS
    table.take(0, array("h", [10, 20, 30]), PAUSE_MS + 4000 * STAY_WINDOWS)
    table.end_stay()
    assert table.counts[0] == STAY_WINDOWS + 1


def test_leaving_a_place_ends_the_stay():
    table = OperatingTable(LINE)
    for place in (0, 0, 0, 100, 100, 0):
        table.take(place, array("h", [place, 0, 0]), 0)
    table.end_stay()
    assert (list(table.places[:2]), list(table.counts[:2])) == ([0, 100], [4, 2])


def test_a_full_entry_learns_no_more():
    """A fault that grows slowly would be learnt with it."""
    table = learnt(
        *[((0, [0, 0, 0]), (400, [0, 0, 0]))[i % 2] for i in range(2 * FULL_WINDOWS // STAY_WINDOWS)]
    )
    before = usual(table, 0)
    for _ in range(10 * STAY_WINDOWS):
        assert not table.take(0, array("h", [500, 500, 500]), 0)
    assert usual(table, 0) == before


def test_where_there_is_no_room_the_nearest_entry_takes_it():
    table = OperatingTable(LINE)
    for number in range(table.size + 3):
        for _ in range(4):
            table.take(number * 2 * CELL, array("h", [0, 0, 0]), 0)
    table.end_stay()
    assert table.used == table.size
    assert sum(table.counts[:]) == 4 * (table.size + 3)


def test_what_is_known_of_a_place():
    table = learnt((0, [0, 0, 0]))
    assert (table.windows_about(0), table.windows_about(CELL)) == (STAY_WINDOWS, STAY_WINDOWS // 2)
    assert (table.distance(10), table.distance(121)) == (0, 100)
    assert table.spans(-CELL) and not table.spans(CELL + 1)


def test_the_table_takes_less_than_6_kb():
    for n in (1, 87, 213, 300):
        table = OperatingTable(array("h", bytes(2 * n)))
        assert 2 <= table.size <= 16
        assert 2 * n * table.size <= MOST_BYTES
        assert 2 * n * table.size + 4 * n + 2 * n + 6 * table.size < 6144 + 300


def test_it_outlasts_a_restart_as_the_same_model_s(tmp_path):
    path = str(tmp_path) + "/operating.bin"
    table = learnt((0, [1000, 0, -5]), (512, [3000, 7, 0]))
    table.save(path, OWNER)
    again = OperatingTable(LINE)
    assert again.load(path, OWNER)
    assert [usual(again, place) for place in (0, 100, 700)] == [
        usual(table, place) for place in (0, 100, 700)
    ]
    assert not OperatingTable(LINE).load(path, b"another1")
    assert not OperatingTable(array("h", [1, 2])).load(path, OWNER)
    assert not OperatingTable(LINE).load(path + "x", OWNER)
