"""The speed that two axes agree on, and when none is heard. Portable: runs on MicroPython too."""

import math

from vibnode.heard_speed import HeardSpeed
from vibnode.operating_point import ESTIMATED, TOLD, OperatingPoint, speed_steps

CONFIG = {"rate_millihz": 3200000, "window": 1024}  # bins of 3.125 Hz: nothing under 25 Hz is heard
NAMES = ["x.vline_freq", "x.rms", "y.vline_freq", "y.rms", "z.vline_freq", "z.rms"]
MIDDLE = speed_steps(2400)


class Placing:
    """Stands for the model: where the features look as if the machine were, in rpm."""

    def __init__(self, rpm):
        self.rpm = rpm

    def place(self, features):
        return speed_steps(self.rpm) - MIDDLE


def heard(lines_hz, looks_like_rpm):
    ear = HeardSpeed(NAMES, CONFIG, Placing(looks_like_rpm), (MIDDLE, -512, 512))
    features = []
    for hz in lines_hz:
        features += [round(256 * math.log(hz) / math.log(2)), 0]
    speed = ear.speed(features)
    return speed and round(60 * 2 ** (speed / 256) / 1000)


def about(rpm, said):
    return said and abs(said - rpm) < 0.02 * rpm


def test_two_axes_agree_on_the_shaft_or_its_multiples():
    assert about(2400, heard((40, 40, 333), 2400))
    assert about(2400, heard((40, 555, 80), 2500))
    assert about(2400, heard((80, 777, 120), 2200))


def test_of_two_speeds_the_one_that_the_levels_look_like_is_told():
    assert about(4800, heard((80, 80, 80), 4700))
    assert about(2400, heard((80, 80, 80), 2300))


def test_a_fault_may_look_faster_but_hardly_slower():
    assert about(2400, heard((40, 40, 333), 8000))
    assert heard((80, 83, 333), 1000) == 0


def test_nothing_is_heard_where_axes_differ_or_bins_are_too_coarse():
    assert heard((40, 55, 333), 2400) == 0
    assert heard((20, 20, 20), 1200) == 0


def test_what_was_told_goes_before():
    ear = HeardSpeed(NAMES, CONFIG, Placing(2400), (MIDDLE, -512, 512))
    features = [round(256 * math.log(40) / math.log(2)), 0] * 3
    point = OperatingPoint()
    point.set_speed(1, TOLD, "told")
    ear.fill(point, 0, 0, features)
    assert (point.log2_speed, point.source) == (1, "told")
    point.forget()
    ear.fill(point, 0, 0, features)
    assert (point.quality, point.source) == (ESTIMATED, "estimated")
