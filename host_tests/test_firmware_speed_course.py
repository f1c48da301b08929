"""How the speed goes within a window, from pulses to the core's orders. Portable: CPython and MicroPython."""

import asyncio
from array import array

import vib
from test_firmware_pulse_input import Bench
from test_firmware_sampler import CONFIG, Chip, StopSampling, burst
from vibnode import sampler
from vibnode.operating_point import OperatingPoints, Told, speed_steps
from vibnode.pulse_input import log2_fine
from vibnode.speed_course import SpeedCourse, millihz_of

WITH_ORDERS = dict(CONFIG, orders=2)
TAUGHT = (array("I", [40000, 42000]), None, array("I", [44000, 41000]), array("I", [30000, 60000]))


def test_a_logarithm_and_back():
    for millihz in (1, 170, 24670, 30000, 500000, 1 << 29):
        there = millihz_of(log2_fine(millihz))
        assert abs(there - millihz) <= 1 + millihz // 2000, (there, millihz)
    assert millihz_of(30 * 4096) == (1 << 30) - 1


def test_a_speed_that_rises_is_told_as_a_straight_line():
    bench = Bench(lambda seconds: 20 + 2 * seconds, per_turn=8)
    bench.probe.run(3000000)
    end_ms = bench.time.ticks_ms()
    speeds = SpeedCourse(bench.points, bench.input).at(end_ms - 400, end_ms - 200, end_ms)
    assert abs(speeds[0] - 25200) < 60 and abs(speeds[1] - 26000) < 60, list(speeds)


def test_what_is_told_serves_where_there_is_no_probe_and_else_nobody_knows():
    told = Told()
    course = SpeedCourse(OperatingPoints([told]))
    assert course.at(0, 50, 100) is None
    told.tell(speed_steps(1500), None, 0, 1000)
    speeds = course.at(100, 150, 200)
    assert abs(speeds[0] - 25000) < 100 and speeds[0] == speeds[1]
    assert course.at(950, 1000, 1050) is None  # it holds no longer


class Taught:
    """Tells what it was taught, a window at a time."""

    def __init__(self):
        self.asked = []

    def at(self, begin_ms, middle_ms, end_ms):
        self.asked.append((begin_ms, middle_ms, end_ms))
        return TAUGHT[(len(self.asked) - 1) % len(TAUGHT)]


def heard(bursts, course):
    """The features of each window, as the sampler gives them."""
    made = sampler.Sampler(Chip(bursts), vib.Core(WITH_ORDERS), WITH_ORDERS)
    made.shaft(25000)
    made.follow(course)
    windows = []

    def keep(features):
        windows.append(list(features))

    async def run():
        try:  # noqa: SIM105 - MicroPython has no contextlib
            await made.run(keep, lambda fault: None)
        except StopSampling:
            pass

    asyncio.run(run())
    return windows


def test_the_core_is_told_the_course_of_each_window_before_its_features():
    course = Taught()
    bursts = [burst(frames=32, level=100 + 7 * i) for i in range(9)]
    windows = heard([(gap, list(samples)) for gap, samples in bursts], course)
    core, out = vib.Core(WITH_ORDERS), array("h", [0] * vib.Core(WITH_ORDERS).n_features)
    expected = []
    for _, samples in bursts:
        core.push(bytes(array("h", samples)))
        if core.ready():
            speeds = TAUGHT[len(expected) % len(TAUGHT)]
            if speeds:
                core.course(speeds)
            else:
                core.shaft(25000)
            core.features(out)
            expected.append(list(out))
    assert len(windows) == 8 and windows == expected and len(course.asked) == 8
    for begin_ms, middle_ms, end_ms in course.asked:
        assert middle_ms - begin_ms == end_ms - middle_ms == 32  # 64 frames at 1 kHz
    assert windows[0] != windows[1]


def test_a_window_given_up_is_asked_about_once_more():
    course = Taught()
    bursts = [burst(frames=32), burst(frames=32), burst(gap=True, frames=32), burst(frames=32)]
    assert len(heard(bursts, course)) == 2 == len(course.asked)
