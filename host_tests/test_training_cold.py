"""Before a baseline: the line that healthy levels follow against speed, what is outside, where the threshold is."""

from __future__ import annotations

import dataclasses
from array import array

import numpy as np
import pytest
import vib
from machine_lacks import needs_recordings
from vibnode.average import Average
from vibtrain.features.automatic import general
from vibtrain.features.config import Selection, TrainingConfig, select_inputs
from vibtrain.features.config import load as load_config
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate
from vibtrain.models import anomaly, cold, fit
from vibtrain.models.anomaly import differences
from vibtrain.models.cold import HealthyCondition
from vibtrain.packaging import convert
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_config, small_windows

N = len(vib.feature_names(small_config().core_config()))
SLOPES = np.random.default_rng(5).uniform(100, 500, N)  # steps an octave


def at_speed(rpm: float, *, label: str = "healthy", known: bool = True, shift: int = 0) -> Windows:
    """Windows of a machine whose levels follow SLOPES; a fault raises every third feature by 1500 steps."""
    random = np.random.default_rng(round(rpm))
    rows = 5000 + SLOPES * np.log2(rpm / 1000) + random.normal(0, 20, (40, N)) + random.normal(0, 30, N)
    if label != "healthy":
        rows[:, ::3] += 1500
    return dataclasses.replace(
        small_windows()[0],
        name=f"{rpm:g}-{label}",
        session=f"{rpm:g}",
        label=label,
        speed_rpm=rpm if known else None,
        features=np.round(rows).astype(np.int16) + np.int16(shift),
    )


def config() -> TrainingConfig:
    return dataclasses.replace(small_config(classifier=False), name="speeds")


@pytest.fixture(scope="module")
def model() -> vib.Model:
    """Trained at three speeds, 600 to 2400 rpm."""
    return vib.Model(convert.convert(fit.fit([at_speed(rpm) for rpm in (600, 1200, 2400)], config())).binary)


def conditions(*rpm: float) -> list[HealthyCondition]:
    return [HealthyCondition(str(v), float(np.log2(v)), 1000 + 300 * np.log2([v, v]) * [1, 2]) for v in rpm]


def test_the_line_is_found_and_the_speed_read_off_it() -> None:
    fitted = cold.fit(conditions(500, 1000, 2000, 4000, 8000, 16000), ["a", "b"], 200)
    assert fitted.slopes == pytest.approx([300, 600], rel=0.02)
    assert (fitted.low, fitted.high) == pytest.approx((-2.5, 2.5))
    d = np.array([fitted.slopes * octaves for octaves in (-4, -1, 0, 2)])
    assert fitted.speed_octaves(d) == pytest.approx([-4, -1, 0, 2])
    assert (fitted.steps(d) == -2048).all()


def test_one_condition_is_as_wide_as_assumed_and_knows_no_speed() -> None:
    fitted = cold.fit(conditions(1000), ["a", "b"], 200)
    assert not fitted.slopes.any() and (fitted.low, fitted.high) == (0, 0)
    assert fitted.deviations == pytest.approx(200)


def test_an_unknown_speed_among_them_leaves_speed_out() -> None:
    mixed = [*conditions(500, 1000), dataclasses.replace(conditions(2000)[0], log2_rpm=None)]
    assert not cold.fit(mixed, ["a", "b"], 200).slopes.any()


def test_axes_of_a_feature_share_their_deviation() -> None:
    fitted = cold.fit(conditions(500, 1000, 4000), ["band00", "band00"], 10)
    assert fitted.deviations[0] == fitted.deviations[1] > 10


def test_a_condition_is_tried_on_others_only_at_a_speed_within_theirs() -> None:
    assert [i for i, _ in cold.trials(conditions(600, 1800, 3000))] == [1]
    assert cold.trials(conditions(600, 3000)) == []
    assert [i for i, _ in cold.trials(conditions(1000, 1100))] == [0, 1]  # an eighth of an octave apart
    unknown = [dataclasses.replace(c, log2_rpm=None) for c in conditions(600, 3000)]
    assert [i for i, _ in cold.trials(unknown)] == [0, 1]


def test_deviations_are_those_of_trials_and_with_few_never_under_the_assumed_one() -> None:
    """Off the line by 300 steps in the first input: as much as that and the assumed 100 together; the second is on it
    but for the ridge. Two others know the place less well than all three will, by 3/2 to 4/3 in variance."""
    made = conditions(500, 1000, 2000)
    off = dataclasses.replace(made[1], mean=np.add(made[1].mean, [300, 0]))
    deviations = cold.fit([made[0], off, made[2]], ["a", "b"], 100).deviations
    assert deviations == pytest.approx([np.sqrt((300**2 / (3 / 2 / (4 / 3)) + 100**2) / 2), 100], rel=1e-3)


def test_three_conditions_left_out_are_enough_to_know_better_than_assumed() -> None:
    made = conditions(500, 700, 1000, 1400, 2000)
    assert (cold.fit(made, ["a", "b"], 100).deviations < 75).all()
    assert cold.fit(made, ["a", "b"], 100, least_assumed=True).deviations == pytest.approx(100)


def loaded(*loads: float, bent: float = 0.0) -> list[HealthyCondition]:
    """Conditions of one speed along a line of their own."""
    direction, across = np.array([3.0, -1.0, 2.0, 0.0]), np.array([0.0, 1.0, 0.0, 3.0])
    return [
        HealthyCondition(str(v), None, 1000 + v * direction + bent * v * (v - 60) * across) for v in loads
    ]


def test_a_line_of_unknown_speeds_is_found_where_it_gives_conditions_left_out() -> None:
    names = ["a", "b", "c", "d"]
    fitted = cold.fit(loaded(0, 20, 40, 60), names, 100)
    along = fitted.slopes / np.linalg.norm(fitted.slopes)
    assert abs(along @ np.array([3, -1, 2, 0]) / 14**0.5) == pytest.approx(1)
    assert (fitted.low, fitted.high) == pytest.approx((-1, 1))
    assert (fitted.steps(loaded(50)[0].mean[None] - fitted.centre) < -1000).all()
    assert (fitted.steps(loaded(50)[0].mean[None] + [0, 300, 0, 300] - fitted.centre) > 256).all()


@pytest.mark.parametrize(
    "made",
    [
        loaded(0, 20, 40),
        [HealthyCondition(str(i), None, 1000 + row) for i, row in enumerate(np.eye(5) * 300)],
    ],
    ids=["three are too few", "every one off in its own way"],
)
def test_no_line_is_found_where_none_shows(made: list[HealthyCondition]) -> None:
    assert not cold.fit(made, list("abcde")[: len(made[0].mean)], 100).slopes.any()


def test_loads_that_nobody_put_a_number_to_are_forgiven_and_a_fault_is_not() -> None:
    """As a fleet whose speed nobody states, or a gearbox under several loads: healthy levels move by more than a fault
    moves them, all along one line."""
    rpm = (600, 800, 1100, 1500, 2000, 2700)
    made = [dataclasses.replace(at_speed(v, known=False), load=f"{v}") for v in rpm]
    between = at_speed(1300, known=False)
    faulty = dataclasses.replace(between, features=between.features + np.int16(350) * (np.arange(N) % 3 == 0))
    fitted = vib.Model(convert.convert(fit.fit(made, config())).binary)
    assert (vib.score(fitted, between.features) < fitted.meta()["warning"]).all()
    assert (vib.score(fitted, faulty.features.astype(np.int16)) >= fitted.meta()["warning"]).all()


def test_two_speeds_are_judged_by_what_is_assumed() -> None:
    """No condition can be tried on the others; the threshold is the assumed deviation, and the margin."""
    chosen = config()
    fitted = fit.fit([at_speed(600), at_speed(3000)], chosen)
    d = np.ones(len(fitted.inputs))
    d -= fitted.cold.speed_octaves(d) * fitted.cold.slopes  # nothing of it is speed
    d *= chosen.anomaly.condition_steps / np.sqrt((d**2).mean())
    assert fitted.cold.steps(d[None]) == pytest.approx(
        fitted.warning - chosen.anomaly.cold_margin_steps, abs=3
    )


@pytest.mark.parametrize("rpm", [800, 1700, 2300])
def test_a_healthy_machine_at_a_speed_between_is_under_the_threshold_and_a_fault_over(
    model: vib.Model, rpm: float
) -> None:
    warning = model.meta()["warning"]
    healthy, faulty = at_speed(rpm), at_speed(rpm, label="imbalance")
    assert (vib.score(model, healthy.features) < warning).all()
    assert (vib.score(model, faulty.features) >= warning).all()
    assert not vib.outside(model, healthy.features).any()
    assert not vib.outside(model, faulty.features).any()


@pytest.mark.parametrize("rpm", [150, 300, 5000, 9600])
def test_a_speed_beyond_those_trained_on_is_outside_and_a_fault_there_is_not_hidden(
    model: vib.Model, rpm: float
) -> None:
    assert vib.outside(model, at_speed(rpm).features).all()
    faulty = at_speed(rpm, label="imbalance")
    assert not vib.outside(model, faulty.features).any()


def test_outside_is_counted_apart(model: vib.Model) -> None:
    """With the speed unknown as with the speed told; with a baseline nothing is outside."""
    for known in (True, False):
        recordings = [at_speed(9600, known=known), at_speed(9600, label="imbalance", known=known)]
        summary = evaluate.summary(evaluate.evaluate(model, recordings, None, baseline_s=0))
        assert summary["outside_rate"] == (1 if known else 0.5)
        assert (summary["false_alarm_rate"], summary["false_alarms"]) == (None, 0)
        assert summary["recall"] == (None if known else 1)
        learnt = evaluate.summary(evaluate.evaluate(model, recordings, None))
        assert (learnt["outside_rate"], learnt["false_alarm_rate"], learnt["recall"]) == (0, 0, 1)


def test_the_trained_range_of_speeds_is_told(model: vib.Model) -> None:
    meta = model.meta()
    assert (meta["shaft_low_millihz"], meta["shaft_high_millihz"]) == (10_000, 40_000)
    unknown = fit.fit([at_speed(600), at_speed(1200, known=False)], config())
    assert (unknown.shaft_low_millihz, unknown.shaft_high_millihz) == (0, 0)


def test_conditions_farther_apart_make_a_threshold_that_forgives_more() -> None:
    d = np.full((1, N), 700)
    scores = []
    for apart in (0, 400, 1600):
        recordings = [at_speed(1000, known=False), at_speed(1001, known=False, shift=apart)]
        fitted = fit.fit(recordings, config())
        scores.append(float(fitted.cold.steps(d[:, fitted.inputs])[0]) - fitted.warning)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 128


@needs_recordings("adi-motor")
def test_a_real_motor_s_speed_is_told_from_its_levels() -> None:
    """Trained on three speeds without load, asked of the same speeds under a load."""
    chosen = dataclasses.replace(load_config("adi-motor"), train=Selection(load=("0 lb",)))
    entries = [e for e in pipeline.entries_of(chosen) if e.label == "healthy"]
    recordings = pipeline.windows_of(chosen, entries)
    fitted = fit.fit(recordings, chosen)
    middle = np.log2([r.speed_rpm or 0 for r in recordings if r.load == "0 lb"]).mean()
    errors = []
    for r in recordings:
        d = differences(anomaly.averaged(r.features, 3), fitted.centre)[:, fitted.inputs]
        assert r.speed_rpm is not None
        errors.append(abs(np.median(fitted.cold.speed_octaves(d)) - (np.log2(r.speed_rpm) - middle)))
    assert len(errors) == 6
    assert np.median(errors) < 0.2 and max(errors) < 0.9


@needs_recordings("adi-motor")
def test_a_real_motor_at_a_speed_between_is_judged_without_a_baseline() -> None:
    """Trained at 600 and 3000 rpm without load, judged at 1800 rpm with and without, the speed told or not."""
    chosen = load_config("adi-motor")
    entries = pipeline.entries_of(chosen)
    learnt = [e for e in entries if chosen.train.admits(e) and e.label == "healthy"]
    model = vib.Model(convert.convert(fit.fit(pipeline.windows_of(chosen, learnt), chosen)).binary)
    told = pipeline.windows_of(chosen, [e for e in entries if e.speed_rpm == 1800])
    for recordings in (told, [dataclasses.replace(r, speed_rpm=None) for r in told]):
        summary = evaluate.summary(evaluate.evaluate(model, recordings, None, baseline_s=0, play=False))
        assert summary["window_auc"] > 0.99
        assert summary["recall"] > 0.9
        assert (summary["false_alarm_rate"], summary["outside_rate"]) == (0, 0)


def test_a_manifest_s_score_takes_the_bands_of_200_to_1000_hz_or_the_upper_half() -> None:
    fast = general("m", "adxl345", 3200, 3)
    assert fast.anomaly.inputs[4:] == ("band08", "band09", "band10")  # 218 to 898 Hz
    names = vib.feature_names(fast.core_config())
    assert [names[i] for i in select_inputs(names, ("band10",))] == ["x.band10", "y.band10", "z.band10"]
    slow = general("m", "fxos8700-recorded", 200, 3).anomaly.inputs
    assert slow[4:] == tuple(f"band{i:02d}" for i in range(6, 12))


@pytest.mark.parametrize("windows", [1, 2, 3, 7])
def test_training_and_device_form_the_same_means(windows: int) -> None:
    rows = np.random.default_rng(windows).integers(-32768, 32768, (50, N)).astype(np.int16)
    device, means = Average(windows, N), []
    for row in rows:
        if device.add(array("h", row.tobytes())):
            means.append(list(device.mean))
    assert np.array_equal(anomaly.averaged(rows, windows), means)
    assert anomaly.averaged(rows[: windows - 1], windows).shape == (0, N)
