"""When a machine is taken to turn at another speed than was learnt, and when a fault must not be taken for that.

Portable: runs on MicroPython too.
"""

import math

from vibnode.baseline import Baseline
from vibnode.shaft_line import BACK_TIMES, ShaftLine

CONFIG = {
    "rate_millihz": 3200000,
    "window": 1024,
    "bands": 12,
    "band_lo_hz": 5,
    "band_hi_hz": 1440,
}  # bins of 3.125 Hz
NAMES = [
    f"{axis}.{feature}"
    for axis in "xyz"
    for feature in ["vline_freq", "vline_level"] + [f"band{band:02d}" for band in range(12)]
]
WINDOWS = 4
QUIET, LOUD = 1000, 3000  # steps: a band at rest, and one with the line in it
STEADY = (16, 16, 16)  # spread of each axis's line while it was learnt, steps


def band_of(hz):
    return int(12 * math.log(hz / 5) / math.log(1440 / 5))


def window(lines_hz, also_hz=(), names=NAMES):
    """Features of a machine whose axes have these strongest lines; `also_hz`: other lines that are there as well."""
    features = []
    for name in names:
        hz = lines_hz["xyz".index(name[0])]
        heard_hz = [hz]
        heard_hz.extend(also_hz)
        if name.endswith("freq"):
            features.append(round(256 * math.log(hz) / math.log(2)))
        elif name.endswith("level"):
            features.append(LOUD)
        else:
            features.append(LOUD if int(name[-2:]) in [band_of(line) for line in heard_hz] else QUIET)
    return features


def learnt(*lines_hz, spread=STEADY):
    spreads = [spread["xyz".index(name[0])] for name in NAMES]
    return ShaftLine(NAMES, CONFIG, Baseline(window(lines_hz), spreads, 30), WINDOWS)


def after(line, features, windows):
    for _ in range(windows):
        line.take(features)
    return line.away


def test_another_speed_takes_as_many_windows_as_were_asked_for():
    usual = window((30, 30, 60))
    for hz in (20, 36, 50, 90):
        line, other = learnt(30, 30, 60), window((hz, hz, 2 * hz))
        assert not after(line, usual, 50) and not line.moving
        assert not after(line, other, WINDOWS - 1), hz
        assert line.moving, "it is not judged meanwhile"
        assert after(line, other, 1), hz
        assert not line.moving


def test_the_learnt_speed_has_to_be_back_for_longer():
    line, usual = learnt(30, 30, 60), window((30, 30, 60))
    assert after(line, window((50, 50, 100)), WINDOWS)
    assert after(line, usual, BACK_TIMES * WINDOWS - 1)
    assert not after(line, usual, 1)


def test_a_line_that_is_there_now_and_then_is_still_there():
    line = learnt(30, 30, 60)
    for _ in range(50):
        assert not after(line, window((50, 50, 100)), WINDOWS - 1)
        assert not after(line, window((50, 30, 100)), 1)


def test_a_fault_at_a_multiple_or_a_fraction_is_no_other_speed():
    for usual_hz, now_hz, fault in (
        (30, 60, "misalignment"),
        (30, 90, "looseness"),
        (90, 30, "imbalance of a machine that is heard by its three blades"),
        (150, 30, "imbalance of a machine that is heard by its five blades"),
        (60, 30, "a rub, at half the frequency"),
    ):
        line = learnt(usual_hz, usual_hz, usual_hz)
        assert not after(line, window((now_hz, now_hz, now_hz), also_hz=(usual_hz,)), 200), fault


def test_a_fault_that_is_heard_elsewhere_on_each_axis_is_no_other_speed():
    line = learnt(30, 30, 60)
    assert not after(line, window((187, 410, 620), also_hz=(30,)), 200)


def test_without_a_steady_line_nothing_is_said():
    for line, why in (
        (learnt(20, 44, 61, spread=(90, 16, 16)), "one axis has a steady line, and not the lowest"),
        (learnt(30, 30, 30, spread=(90, 90, 90)), "a speed that was never the same"),
        (learnt(5, 5, 5), "under two bins"),
    ):
        assert not after(line, window((120, 120, 120)), 200), why
        assert not line.moving, why


def test_a_sensor_of_one_axis_follows_its_only_line():
    names = [name for name in NAMES if name[0] == "x"]
    median = window((30,), names=names)
    line = ShaftLine(names, CONFIG, Baseline(median, [16] * len(median), 30), WINDOWS)
    assert not after(line, window((60,), also_hz=(30,), names=names), 50)
    assert after(line, window((50,), names=names), WINDOWS)
