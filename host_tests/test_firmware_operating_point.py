"""Operating points: trust decides between sources, and what was told holds for its time only."""

import pytest
from vibnode.operating_point import (
    ESTIMATED,
    NONE,
    PULSE,
    QUALITIES,
    TOLD,
    Constant,
    OperatingPoints,
    Told,
    speed_steps,
)


class Saying:
    """A source that always says the same."""

    def __init__(self, log2_speed, quality, load=None):
        self.said = log2_speed, quality, QUALITIES[quality]
        self.load = load

    def fill(self, point, begin_ms, end_ms, features):
        point.set_speed(*self.said)
        point.set_load(self.load)


def test_speed_is_log2_of_millihertz():
    assert speed_steps(60) == round(256 * 9.965784)  # 1 Hz
    assert speed_steps(3000) - speed_steps(1500) == 256
    assert speed_steps(0.06) == 1


def test_no_source_knows_nothing():
    point = OperatingPoints([]).at(0, 100, None)
    assert (point.quality, point.load, point.source) == (NONE, None, "none")


@pytest.mark.parametrize("order", [(ESTIMATED, TOLD, PULSE), (PULSE, TOLD, ESTIMATED)])
def test_the_most_trusted_source_tells_the_speed(order):
    points = OperatingPoints([Saying(100 * quality, quality) for quality in order])
    point = points.at(0, 100, None)
    assert (point.log2_speed, point.quality, point.source) == (300, PULSE, "pulse")


def test_a_load_may_come_from_another_source_than_the_speed():
    point = OperatingPoints([Saying(300, PULSE), Saying(200, TOLD, load=700)]).at(0, 100, None)
    assert (point.log2_speed, point.load) == (300, 700)


def test_what_was_told_holds_for_its_time_only():
    told = Told()
    points = OperatingPoints([told, Saying(50, ESTIMATED)])
    told.tell(200, None, from_ms=1000, until_ms=2000)
    speeds = [points.at(begin, begin + 100, None).log2_speed for begin in (900, 1000, 1900, 1960, 3000)]
    assert speeds == [50, 200, 200, 50, 50]


def test_nothing_is_left_from_the_window_before():
    told = Told()
    points = OperatingPoints([told])
    told.tell(200, 400, from_ms=0, until_ms=1000)
    points.at(0, 100, None)
    point = points.at(1000, 1100, None)
    assert (point.quality, point.load) == (NONE, None)


def test_the_configured_speed_is_a_constant():
    point = OperatingPoints([Constant(1800)]).at(0, 100, None)
    assert (point.log2_speed, point.quality, point.source) == (speed_steps(1800), TOLD, "constant")
