"""When a machine is taken to turn at another speed than was learnt, and when a fault must not be taken for that."""

from __future__ import annotations

import math

import pytest
import vib
from signals import core_config
from vibnode.baseline import Baseline
from vibnode.shaft_line import BACK_TIMES, ShaftLine

CONFIG = core_config(1024) | {"axes": 3, "bands": 12, "band_lo_hz": 5, "band_hi_hz": 1440}  # bins of 3.125 Hz
NAMES = vib.feature_names(CONFIG)
WINDOWS = 4
QUIET, LOUD = 1000, 3000  # steps: a band at rest, and one with the line in it


def band_of(hz: float) -> int:
    return int(12 * math.log(hz / 5) / math.log(1440 / 5))


def window(*lines_hz: float, loud_hz: tuple[float, ...] = (), names: list[str] = NAMES) -> list[int]:
    """Features of a machine whose axes have these strongest lines; `loud_hz`: other lines that are there as well."""
    features = dict.fromkeys(names, 0)
    for axis, hz in zip("xyz", lines_hz, strict=False):
        for name in names:
            if name.startswith(f"{axis}.band"):
                loud = int(name[-2:]) in {band_of(line) for line in (hz, *loud_hz)}
                features[name] = LOUD if loud else QUIET
        features[f"{axis}.vline_freq"] = round(256 * math.log2(hz))
        features[f"{axis}.vline_level"] = LOUD
    return list(features.values())


def learnt(*lines_hz: float, spread: tuple[int, ...] = (16, 16, 16)) -> ShaftLine:
    """`spread`: of each axis's line while it was learnt, steps."""
    median = window(*lines_hz)
    spreads = [spread["xyz".index(name[0])] for name in NAMES]
    return ShaftLine(NAMES, CONFIG, Baseline(median, spreads, 30), WINDOWS)


def after(line: ShaftLine, features: list[int], windows: int) -> bool:
    for _ in range(windows):
        line.take(features)
    return bool(line.away)


@pytest.mark.parametrize("hz", [20.0, 36.0, 50.0, 90.0])
def test_another_speed_takes_as_many_windows_as_were_asked_for(hz: float) -> None:
    line = learnt(30, 30, 60)
    assert not after(line, window(30, 30, 60), 50) and not line.moving
    assert not after(line, window(hz, hz, 2 * hz), WINDOWS - 1)
    assert line.moving, "it is not judged meanwhile"
    assert after(line, window(hz, hz, 2 * hz), 1)
    assert not line.moving


def test_the_learnt_speed_has_to_be_back_for_longer() -> None:
    line = learnt(30, 30, 60)
    assert after(line, window(50, 50, 100), WINDOWS)
    assert after(line, window(30, 30, 60), BACK_TIMES * WINDOWS - 1)
    assert not after(line, window(30, 30, 60), 1)


def test_a_line_that_is_there_now_and_then_is_still_there() -> None:
    line = learnt(30, 30, 60)
    for _ in range(50):
        assert not after(line, window(50, 50, 100), WINDOWS - 1)
        assert not after(line, window(50, 30, 100), 1)


@pytest.mark.parametrize(
    ("usual_hz", "now_hz"),
    [
        pytest.param(30, 60, id="misalignment"),
        pytest.param(30, 90, id="looseness"),
        pytest.param(90, 30, id="imbalance of a machine that is heard by its three blades"),
        pytest.param(150, 30, id="imbalance of a machine that is heard by its five blades"),
        pytest.param(60, 30, id="a rub, at half the frequency"),
    ],
)
def test_a_fault_at_a_multiple_or_a_fraction_is_no_other_speed(usual_hz: float, now_hz: float) -> None:
    line = learnt(usual_hz, usual_hz, usual_hz)
    fault = window(now_hz, now_hz, now_hz, loud_hz=(usual_hz,))
    assert not after(line, fault, 200)


def test_a_fault_that_is_heard_elsewhere_on_each_axis_is_no_other_speed() -> None:
    line = learnt(30, 30, 60)
    assert not after(line, window(187, 410, 620, loud_hz=(30,)), 200)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(learnt(20, 44, 61, spread=(90, 16, 16)), id="one axis has a steady line, and not the lowest"),
        pytest.param(learnt(30, 30, 30, spread=(90, 90, 90)), id="a speed that was never the same"),
        pytest.param(learnt(5, 5, 5), id="under two bins"),
    ],
)
def test_without_a_steady_line_nothing_is_said(line: ShaftLine) -> None:
    assert not after(line, window(120, 120, 120), 200) and not line.moving


def test_a_sensor_of_one_axis_follows_its_only_line() -> None:
    names = [name for name in NAMES if name[0] == "x"]
    median = window(30, names=names)
    line = ShaftLine(names, CONFIG | {"axes": 1}, Baseline(median, [16] * len(median), 30), WINDOWS)
    assert not after(line, window(60, loud_hz=(30,), names=names), 50)
    assert after(line, window(50, names=names), WINDOWS)
