"""The level that all axes share: what is moved, by how much, and when nothing is. Portable: CPython and MicroPython."""

from array import array

from vibnode.common_level import CommonLevel

NAMES = ("x.rms", "x.crest", "x.band00", "x.env00", "y.rms", "y.velocity_rms", "y.vline_freq", "y.order01")
USUAL = array("h", [3000, 500, 2900, 80, 2800, 2000, 1500, 2400])


def heard(x, y):
    mean = array("h", USUAL)
    mean[0] += x
    mean[4] += y
    return mean


def test_the_least_that_all_axes_share_and_two_decibels_at_most():
    common = CommonLevel(NAMES)
    for x, y, steps in (
        (40, 60, 40),
        (-40, -60, -40),
        (200, 90, 85),
        (-300, -90, -85),
        (40, -40, 0),
        (0, 300, 0),
        (0, -300, 0),
    ):
        assert common.steps(heard(x, y), USUAL) == steps, (x, y)


def test_levels_move_and_shapes_and_frequencies_stay():
    common = CommonLevel(NAMES)
    moved = common.moved(USUAL, -85)
    changed = [moved[i] - USUAL[i] for i in range(len(USUAL))]
    assert changed == [-85, 0, -85, 0, -85, -85, 0, -85]
    assert common.moved(array("h", [32767] * 8), 85)[0] == 32767
    assert common.moved(USUAL, 0) == USUAL
