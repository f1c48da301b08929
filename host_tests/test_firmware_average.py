"""The mean of windows that is scored: on the device, and as training forms it. Portable: runs on MicroPython too."""

from array import array

from vibnode.average import Average

ROWS = [array("h", [(i * 7919 + j * 104729) % 65536 - 32768 for j in range(5)]) for i in range(40)]


def means(average, rows):
    return [(average.add(row), list(average.mean)) for row in rows]


def test_it_is_the_mean_of_the_last_windows():
    for windows in (1, 2, 3, 7):
        for i, (whole, mean) in enumerate(means(Average(windows, 5), ROWS)):
            held = ROWS[max(0, i + 1 - windows) : i + 1]
            assert whole == (i + 1 >= windows)
            assert mean == [(sum([row[j] for row in held]) + len(held) // 2) // len(held) for j in range(5)]


def test_what_is_forgotten_is_in_no_mean():
    average = Average(3, 5)
    means(average, ROWS[:10])
    average.forget()
    assert means(average, ROWS[10:20]) == means(Average(3, 5), ROWS[10:20])
