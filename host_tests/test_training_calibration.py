"""The warning threshold where a machine was recorded more than once, and windows of another speed than was learnt."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
import vib
from vibtrain.features import config, extraction
from vibtrain.judging import evaluate
from vibtrain.models import fit
from vibtrain.packaging import convert

CONFIG = config.general("made", "adxl345", 3200, 3)
SECONDS = 8


@cache
def recorded(machine: str, number: int, shaft_hz: float, hiss_octaves: float) -> extraction.Windows:
    """A shaft and its hiss, which is louder or quieter from day to day."""
    random = np.random.default_rng(1000 * number + sum(machine.encode()))
    t = np.arange(SECONDS * 3200) / 3200
    shaft = np.stack([np.sin(2 * np.pi * shaft_hz * t + phase) for phase in (0, 1, 2)], axis=1)
    hiss = 60 * 2**hiss_octaves * random.normal(size=(len(t), 3))
    counts = np.round(300 * shaft + hiss).astype(np.int16)
    return extraction.Windows(
        name=f"{machine}-{number}",
        machine=machine,
        session=str(number),
        label="healthy",
        rate_hz=3200,
        axes=("x", "y", "z"),
        source="seeded",
        features=vib.extract(counts, CONFIG.core_config()),
        first_window=counts[: CONFIG.core.window],
        samples_digest=bytes(32),
    )


def days(machine: str, number: int = 8, spread_octaves: float = 0.5) -> list[extraction.Windows]:
    louder = np.random.default_rng(sum(machine.encode())).uniform(-1, 1, number) * spread_octaves
    return [recorded(machine, i, 30.0, float(octaves)) for i, octaves in enumerate(louder)]


def warning_of(recordings: list[extraction.Windows]) -> int:
    return fit.fit(recordings, CONFIG).warning


def over_threshold(trained_on: list[extraction.Windows], judged: list[extraction.Windows]) -> float:
    model = vib.Model(convert.convert(fit.fit(trained_on, CONFIG)).binary)
    judging = evaluate.evaluate(model, judged, None, 4.0, play=False)
    share = evaluate.figures(judging.groups[0].best, judging).false_alarm_rate
    assert share is not None
    return share


def test_days_that_differ_raise_the_threshold_over_what_halves_of_one_recording_show() -> None:
    machines = ("a", "b", "c", "d")
    alike = [r for name in machines for r in days(name, number=4, spread_octaves=0.0)]
    different = [r for name in machines for r in days(name, number=4, spread_octaves=1.0)]
    assert warning_of(different) > warning_of(alike) + 20
    assert over_threshold(different, days("e", spread_octaves=1.0)) <= 0.02


def test_the_days_of_one_machine_alone_count_too() -> None:
    assert warning_of(days("d", spread_octaves=1.5)) > warning_of(days("d", spread_octaves=0.0)) + 20


def test_one_odd_recording_in_many_does_not_rule_the_threshold() -> None:
    usual = [r for name in ("a", "b") for r in days(name, number=6)]
    odd = recorded("a", 99, 30.0, 4.0)
    assert warning_of([*usual, odd]) < warning_of(usual) + 256


@pytest.mark.parametrize(("speed_rpm", "outside"), [(None, True), (1800.0, False)])
def test_windows_of_another_speed_than_was_learnt_count_apart_unless_it_is_told(
    speed_rpm: float | None, outside: bool
) -> None:
    trained_on = [r for name in ("a", "b") for r in days(name)]
    learnt, slower = recorded("e", 1, 30.0, 0.0), recorded("e", 2, 18.0, 0.0)
    judged = [dataclasses.replace(r, speed_rpm=speed_rpm) for r in (learnt, slower)]
    model = vib.Model(convert.convert(fit.fit(trained_on, CONFIG)).binary)
    result = evaluate.evaluate(model, judged, None, 4.0, play=False).groups[0].best
    assert [bool(scored.outside.mean() > 0.9) for scored in result] == [False, outside]
    assert not result[0].outside.any()


def test_a_machine_s_other_speeds_do_not_raise_the_threshold() -> None:
    """Where they were not told: they are outside on a device, too."""
    same = [recorded("a", i, 30.0, 0.0) for i in range(6)]
    others = [recorded("a", i, 30.0 if i < 3 else 18.0, 0.0) for i in range(6)]
    assert warning_of(others) <= warning_of(same) + 64
