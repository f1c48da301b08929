"""Features by the shaft's angle: against the float64 reference, against a textbook, and what is refused."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
import vib
from test_core_reference import STEPS_PER_DB, share_db

from lab import reference
from lab.signals import BY_ANGLE, Int16, core_config, signals

COURSES_HZ = [
    (29.7, 29.7),
    (27.0, 33.0),
    (33.0, 27.0, 30.0),
    (30.0, 31.1, 28.0, 27.5, 33.9),
    tuple(30 + 2 * np.sin(np.arange(17))),
]
ONLY_BY_ANGLE = ("oband", "oenv", "mesh", "side")
TURNED = ("order", "oband", "mesh", "side")
TURNED_ENVELOPE = ("oenv", "bpfo", "bpfi", "bsf", "ftf")
COARSE_BOUND = 6  # in short windows the speed moves more from sample to sample
DEPTH_FLOOR = (20 - 50 / (20 * np.log10(2))) * 256  # -50 dB


def courses(*course_hz: float) -> np.ndarray:
    return np.round(np.array([course_hz]) * 1000).astype(np.uint32)


def family(name: str) -> str:
    return name.split(".")[1].rstrip("0123456789")


def out_of_bounds(x: Int16, config: dict[str, int], course_hz: tuple[float, ...], what: str) -> list[str]:
    names = vib.feature_names(config)
    measured = vib.extract(x, config, courses=courses(*course_hz))[0]
    told = [round(hz * 1000) / 1000 for hz in course_hz]
    exact = dict(zip(names, reference.features(x, config, course_hz=told), strict=True))
    pass_band = (config["envelope_lo_hz"], config["envelope_hi_hz"])
    wrong = []
    for (name, want), got in zip(exact.items(), measured, strict=True):
        if family(name) in TURNED:
            bound, held = 2, want >= exact["x.rms"] - 50 * STEPS_PER_DB
        elif family(name) in TURNED_ENVELOPE:
            deep = family(name) != "oenv" or want >= DEPTH_FLOOR
            bound, held = 4, share_db(x, config, pass_band) >= -50 and deep
        else:
            continue
        if held and abs(got - want) > (bound if config["window"] >= 1024 else COARSE_BOUND):
            wrong.append(f"{name} of {what}, {config['window']}, {told}: {got}, reference {want:.1f}")
    return wrong


@pytest.mark.parametrize("window", [64, 256, 512, 1024, 2048, 4096])
def test_features_are_within_their_bounds(window: int) -> None:
    config = core_config(window) | BY_ANGLE
    wrong: list[str] = []
    for course_hz in COURSES_HZ:
        for what, x in signals(window).items():
            wrong += out_of_bounds(x, config, course_hz, what)
    assert not wrong, "\n".join(wrong)


def turning(config: dict[str, int], from_hz: float, to_hz: float, orders: dict[float, float]) -> Int16:
    """One window of a shaft that runs up evenly, with a sine at each order of that amplitude in counts."""
    n, rate_hz = config["window"], config["rate_millihz"] / 1000
    t = np.arange(n) / rate_hz
    turns = from_hz * t + (to_hz - from_hz) * t**2 / 2 / (n / rate_hz)
    x = sum(amplitude * np.sin(2 * np.pi * order * turns + order) for order, amplitude in orders.items())
    return np.round(np.asarray(x)).astype(np.int16)[:, None]


def octaves_of(x: Int16, config: dict[str, int], *course_hz: float) -> dict[str, float]:
    """Features in octaves, by name."""
    values = vib.extract(x, config, courses=courses(*course_hz))[0] / 256
    return dict(zip(vib.feature_names(config), values, strict=True))


@pytest.mark.parametrize(("from_hz", "to_hz"), [(30.0, 30.0), (27.0, 33.0), (33.0, 27.0)])
def test_orders_mesh_and_side_bands_of_a_run_up_read_their_textbook_values(
    from_hz: float, to_hz: float
) -> None:
    config = core_config(2048) | BY_ANGLE | {"envelope_bands": 0, "order_envelope_bands": 0}
    config |= dict.fromkeys(("bpfo_milliorders", "bpfi_milliorders", "bsf_milliorders", "ftf_milliorders"), 0)
    x = turning(config, from_hz, to_hz, {1: 3000, 2: 500, 7: 2000, 6: 100, 8: 100, 14: 700, 16: 50})
    got = octaves_of(x, config, from_hz, to_hz)
    um_s2 = config["lsb_nm_s2"] / 1000 / np.sqrt(2)

    def rms(*amplitudes: float) -> float:
        return float(np.log2(np.hypot.reduce(amplitudes) * um_s2))

    assert got["x.order01"] == pytest.approx(rms(3000), abs=0.02)
    assert got["x.order02"] == pytest.approx(rms(500), abs=0.04)
    assert got["x.order07"] == pytest.approx(rms(2000), abs=0.02)
    assert got["x.order03"] < rms(3000) - 7
    assert got["x.oband00"] == pytest.approx(rms(3000), abs=0.02)  # 0.7 to 1.4
    assert got["x.oband03"] == pytest.approx(rms(2000, 100, 100), abs=0.02)  # 5.6 to 11.2
    assert got["x.mesh01"] == pytest.approx(rms(2000, 700), abs=0.02)
    assert got["x.side01"] == pytest.approx(rms(100, 100, 50), abs=0.1)


def test_by_time_the_same_run_up_smears_what_is_sharp_by_angle() -> None:
    config = core_config(4096) | BY_ANGLE
    x = turning(config, 28, 32, {5: 3000})
    by_time = {field: value for field, value in config.items() if field not in BY_ANGLE} | {"orders": 8}
    smeared = dict(
        zip(vib.feature_names(by_time), vib.extract(x, by_time, shaft_hz=30)[0] / 256, strict=True)
    )
    sharp = octaves_of(x, config, 28, 32)
    assert smeared["x.order05"] < sharp["x.order05"] - 0.7
    assert sharp["x.order05"] == pytest.approx(
        np.log2(3000 * config["lsb_nm_s2"] / 1000 / np.sqrt(2)), abs=0.02
    )


def test_a_struck_bearing_stands_out_while_the_speed_moves() -> None:
    """Strikes 3.585 times a turn from 27 to 33 Hz, in noise. By time they stand out of nothing."""
    config = core_config(4096) | BY_ANGLE
    random, rate_hz = np.random.default_rng(5), 3200
    t = np.arange(4096) / rate_hz
    turns = 27 * t + 6 * t**2 / 2 / 1.28
    strikes = np.diff(np.floor(3.585 * turns), prepend=0) * 3000
    ring = np.exp(-np.arange(100) / 15) * np.sin(2 * np.pi * 1000 / rate_hz * np.arange(100))
    x = np.round(random.normal(0, 300, 4096) + np.convolve(strikes, ring)[:4096]).astype(np.int16)[:, None]
    followed = octaves_of(x, config, 27, 33)
    assert followed["x.bpfo"] > 1.5 and followed["x.bpfo"] > followed["x.bpfi"] + 1
    assert octaves_of(x, config, 30, 30)["x.bpfo"] < followed["x.bpfo"] - 0.7


def test_what_is_not_by_angle_is_as_it_was() -> None:
    for window in (64, 1024):
        config = core_config(window) | BY_ANGLE
        before = {field: value for field, value in config.items() if field not in BY_ANGLE} | {"orders": 8}
        turned = ("order", "bpfo", "bpfi", "bsf", "ftf", *ONLY_BY_ANGLE)
        for x in signals(window).values():
            got = dict(
                zip(
                    vib.feature_names(config),
                    vib.extract(x, config, courses=courses(27, 33))[0],
                    strict=True,
                )
            )
            want = dict(zip(vib.feature_names(before), vib.extract(x, before, shaft_hz=30)[0], strict=True))
            assert all(got[name] == value for name, value in want.items() if family(name) not in turned)


@pytest.mark.parametrize("course", [(24_000, 30_001), (24_000, 27_000, 0), (100_000_000, 100_000_001)])
def test_a_speed_that_moves_too_far_is_told_and_not_known(course: tuple[int, ...]) -> None:
    config = core_config(1024) | BY_ANGLE
    x = signals(1024)["noise"]
    core, out = vib.Core(config), array("h", [0] * vib.Core(config).n_features)
    core.push(x.tobytes())
    assert core.course(array("I", (24_000, 30_000))) is True
    assert core.course(array("I", course)) is False
    core.features(out)
    by_name = dict(zip(vib.feature_names(config), out, strict=True))
    needs_speed = [name for name in by_name if family(name) in (*TURNED, *TURNED_ENVELOPE)]
    assert len(needs_speed) == 8 + 6 + 4 + 4 + 4 and not any(by_name[name] for name in needs_speed)
    assert list(out) == list(vib.extract(x, config)[0])


@pytest.mark.parametrize(
    "wrong", [array("I", [1]), array("I", [1] * 4), array("I", [1] * 33), array("h", [1] * 4), b"1234"]
)
def test_a_course_of_another_shape_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"course of \d+ bytes; accepted: "):
        vib.Core(core_config(1024)).course(wrong)
    with pytest.raises(ValueError, match=r"courses: uint32 of shape .* accepted: "):
        vib.extract(signals(1024)["noise"], core_config(1024), courses=np.zeros((2, 2), np.uint32))


def test_in_steps_and_in_threads_it_is_the_same() -> None:
    config = core_config(256, hop=64) | BY_ANGLE
    x = np.random.default_rng(3).integers(-3000, 3000, (256 + 64 * 899, 1)).astype(np.int16)
    speeds = np.linspace(27_000, 33_000, 901).astype(np.uint32)
    each = np.column_stack([speeds[:-1], speeds[1:]])
    rows = vib.extract(x, config, courses=each, workers=1)
    assert np.array_equal(rows, vib.extract(x, config, courses=each, workers=3))
    core, out = vib.Core(config), array("h", [0] * rows.shape[1])
    taken = 0
    for row, speed in zip(rows[:5], each, strict=False):
        taken += core.push(x.tobytes(), taken)
        core.course(array("I", speed.tolist()))
        while not core.step(out, 1):
            pass
        assert list(out) == list(row)
