"""The warning threshold where a machine was recorded more than once, and windows of another speed than was learnt."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
import vib
from vibtrain.features import automatic, extraction
from vibtrain.judging import evaluate
from vibtrain.models import calibration, fit
from vibtrain.packaging import convert

CONFIG = automatic.general("made", "adxl345", 3200, 3)
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


@pytest.mark.parametrize("number", [4, 8])
def test_days_that_the_model_knows_do_not_raise_the_threshold_once_more(number: int) -> None:
    """Its spread holds them already. Half of them, which is what a model for the threshold once knew, does not."""
    assert warning_of(days("d", number, 1.5)) < warning_of(days("d", number, 0.0)) + 100
    assert over_threshold(days("d", number, 1.5), days("e", spread_octaves=1.5)) <= 0.02


def test_the_threshold_says_how_far_it_is_over_healthy_recordings_held_out() -> None:
    fitted = fit.fit(days("d", 8, 1.5), CONFIG)
    worst, second, *_ = fitted.learnt.reached
    assert len(fitted.learnt.reached) == 8
    assert fitted.warning >= second and fitted.learnt.gap == fitted.warning - worst
    assert abs(fitted.learnt.gap) < 128


def test_sessions_are_held_out_whole() -> None:
    """Recordings of one mounting are near copies: were one left in, it would show what the others of it score."""
    twice = [dataclasses.replace(r, name=f"{r.name}-{i}") for r in days("d", 4, 1.5) for i in (0, 1)]
    apart = [dataclasses.replace(r, session=r.name) for r in twice]
    assert fit.fit(twice, CONFIG).learnt.reached[0] > fit.fit(apart, CONFIG).learnt.reached[0] + 30


def test_the_margin_shrinks_with_what_is_known() -> None:
    """The prediction limit of a normal distribution for one more value: t x s x sqrt(1 + 1/n)."""
    alike = [-10.0, 10.0] * 50
    assert calibration.reached_at_most(alike[:1], 0.01) == np.inf
    assert calibration.reached_at_most([-10.0, 0.0, 10.0], 0.05) == pytest.approx(
        2.92 * 10 * (4 / 3) ** 0.5, abs=1
    )
    few, many = (calibration.reached_at_most(alike[:n], 0.01) for n in (4, 100))
    assert many == pytest.approx(2.365 * 10.05 * 1.005, abs=1) and few > 2 * many


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
