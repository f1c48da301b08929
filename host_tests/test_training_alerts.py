"""Evaluation at alert level: the device's own program plays recordings, and what it says is counted."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import vib
from sklearn.metrics import roc_auc_score
from vibtrain import plain_words
from vibtrain.features.config import DetectorChoice, Selection
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate, intervals
from vibtrain.models import fit
from vibtrain.packaging import convert, package
from vibtrain.recordings import DataError

from lab.rigs.small_model import small_config, small_model_binary, small_windows

HOP_S, WINDOW_S = 32 / 3200, 64 / 3200
DWELL = 4
PER_RECORDING = 40


@pytest.fixture(scope="module")
def model() -> vib.Model:
    return vib.Model(small_model_binary())


def machine_a(shift: int = 0) -> list[Windows]:
    """Machine `a` of the small set: healthy, imbalance, outer race; all features `shift` steps higher."""
    return [
        dataclasses.replace(r, features=r.features + np.int16(shift))
        for r in small_windows(per_recording=PER_RECORDING, seed=7)
        if r.machine == "a"
    ]


def judged(model: vib.Model, recordings: list[Windows], baseline_s: float | None = None) -> dict[str, Any]:
    summary = evaluate.summary(
        evaluate.evaluate(model, recordings, Selection(machine=("none",)).admits, baseline_s)
    )
    through_json: dict[str, Any] = json.loads(json.dumps(summary))
    return through_json


def test_faults_are_alerts_after_the_dwell_and_healthy_windows_none(model: vib.Model) -> None:
    summary = judged(
        model, machine_a(shift=900)
    )  # a level that the model never saw: the baseline takes it up
    assert summary["false_alarms"] == 0
    assert (summary["episodes"], summary["episodes_detected"]) == (2, 2)
    assert summary["delay_s"] == pytest.approx((DWELL - 1) * HOP_S + WINDOW_S)
    learnt = PER_RECORDING // 2
    assert summary["healthy_s"] == pytest.approx((PER_RECORDING - learnt) * HOP_S)
    assert summary["bytes_sampled"] == 3 * PER_RECORDING * 32 * 3 * 2
    assert summary["alerts_sent"] == 2
    assert 2 * 300 < summary["bytes_sent"] < summary["bytes_sampled"]


def test_the_mean_of_windows_is_judged_and_takes_its_time() -> None:
    averaging = vib.Model(small_model_binary(average_windows=3))
    summary = judged(averaging, machine_a(shift=900))
    assert (summary["episodes_detected"], summary["false_alarms"]) == (2, 0)
    assert summary["delay_s"] == pytest.approx((2 + DWELL - 1) * HOP_S + WINDOW_S)
    assert summary["fault_windows"] == 2 * (PER_RECORDING - 2)
    assert summary["healthy_windows"] == PER_RECORDING // 2 - 2


def test_without_a_baseline_a_level_like_those_trained_on_is_none_and_one_far_off_is_a_false_alarm(
    model: vib.Model,
) -> None:
    """The two machines trained on are 2000 steps apart."""
    assert judged(model, machine_a(shift=900), baseline_s=0)["false_alarms"] == 0
    summary = judged(model, machine_a(shift=12000), baseline_s=0)
    assert summary["false_alarms"] == 1
    assert summary["false_alarms_per_day"] == pytest.approx(86400 / (PER_RECORDING * HOP_S))
    assert summary["with_baseline"]["window_auc"] is None


def test_a_fault_that_looks_healthy_is_missed_and_has_no_delay(model: vib.Model) -> None:
    healthy = machine_a()[0]
    hidden = dataclasses.replace(healthy, name="hidden", label="imbalance")
    summary = judged(model, [healthy, hidden])
    assert (summary["episodes"], summary["episodes_detected"], summary["delay_s"]) == (1, 0, None)
    assert "0 of 1 raised an alert" in " ".join(plain_words.sentences(summary))


def at(recording: Windows, name: str, time: str) -> Windows:
    return dataclasses.replace(recording, name=name, time=time)


def test_timed_recordings_are_played_as_they_happened(model: vib.Model) -> None:
    healthy, imbalance, _ = machine_a()
    story = [
        at(imbalance, "third", "2026-05-03T00:00:00"),
        at(imbalance, "fourth", "2026-05-04T00:00:00"),
        at(healthy, "second", "2026-05-02T00:00:00"),
        at(imbalance, "first", "2026-05-01T00:00:00"),
    ]
    summary = judged(model, story)
    assert (
        summary["episodes"] == 2
    )  # the first recording, before the machine was known healthy, and the last two
    assert summary["episodes_detected"] == 2
    assert summary["alerts_sent"] == 2


def test_an_alert_outlasts_the_fault_and_is_then_cleared_once(model: vib.Model) -> None:
    healthy, imbalance, _ = machine_a()
    days = [
        at(healthy, "a", "2026-05-01"),
        at(imbalance, "b", "2026-05-02"),
        at(healthy, "c", "2026-05-03"),
    ]
    summary = judged(model, days)
    assert summary["false_alarms"] == 0
    assert summary["alerts_sent"] == 2  # raised, cleared


def test_a_baseline_longer_than_the_recordings_is_refused(model: vib.Model) -> None:
    with pytest.raises(
        DataError, match=r"a: a baseline of 60 s; accepted: under 0 s, which its healthy recordings last"
    ):
        judged(model, machine_a(), baseline_s=60)


def test_windows_that_were_learnt_are_not_judged(model: vib.Model) -> None:
    healthy = machine_a()[0]
    second = dataclasses.replace(healthy, name="second")
    (group,) = judged(model, [healthy, second], baseline_s=50 * HOP_S)["groups"]
    assert group["baseline_windows"] == 50
    assert group["healthy_windows"] == 2 * PER_RECORDING - 50
    assert group["false_alarms"] == 0


def test_all_promised_numbers_are_there_overall_and_by_group(model: vib.Model) -> None:
    summary = judged(model, small_windows())
    promised = ["window_auc", "recall", "false_alarm_rate", "false_alarms_per_day", "delay_s"]
    promised += ["bytes_sampled", "bytes_sent"]
    for part in (summary, *summary["groups"]):
        assert all(isinstance(part[name], int | float) for name in promised)
    assert [group["machine"] for group in summary["groups"]] == ["a", "b"]
    assert summary["bytes_sampled"] == sum(group["bytes_sampled"] for group in summary["groups"])


def test_little_data_are_said_to_be_little(model: vib.Model) -> None:
    text = " ".join(plain_words.sentences(judged(model, machine_a())))
    assert "With so little" in text and "times as much healthy recording" in text
    assert "No interval" in text


def test_what_was_not_recorded_is_said_and_not_made_up(model: vib.Model) -> None:
    healthy, imbalance, _ = machine_a()
    without_faults = judged(model, [healthy])
    assert without_faults["delay_s"] is None and without_faults["window_auc"] is None
    assert "Faults: none was recorded" in " ".join(plain_words.sentences(without_faults))
    without_healthy = judged(model, [imbalance])
    assert without_healthy["false_alarms_per_day"] is None and without_healthy["episodes"] == 1
    assert "no healthy recording was left" in " ".join(plain_words.sentences(without_healthy))
    with pytest.raises(DataError, match="nothing to judge: all 1 recordings"):
        judged(model, [dataclasses.replace(healthy, label="off")])


def test_exact_intervals_are_the_textbooks() -> None:
    assert intervals.poisson_rate(0, 2.0) == pytest.approx((0, 3.6889 / 2), abs=1e-4)
    assert intervals.poisson_rate(10, 1.0) == pytest.approx((4.7954, 18.3904), abs=1e-4)
    assert intervals.share(0, 10) == pytest.approx((0, 0.3085), abs=1e-4)
    assert intervals.share(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert intervals.poisson_rate(0, 0) is None and intervals.share(0, 0) is None


def test_pairwise_areas_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    faulty, healthy = (random.integers(low, low + 9, 50).astype(np.int16) for low in (4, 0))
    expected = roc_auc_score(np.r_[np.ones(50), np.zeros(50)], np.r_[faulty, healthy])
    assert intervals.pairwise_auc([faulty], [healthy])[0, 0] == pytest.approx(expected)


def test_intervals_draw_recordings_and_not_windows() -> None:
    """Copies of the same windows must not look like more evidence."""
    random = np.random.default_rng(2)
    healthy = [random.normal(0, 30, 20).astype(np.int16) for _ in range(6)]
    faulty = [random.normal(shift, 30, 20).astype(np.int16) for shift in (-20, 0, 20, 60, 90, 120)]
    once = intervals.of_auc(faulty, healthy)
    many = intervals.of_auc([np.tile(f, 50) for f in faulty], [np.tile(h, 50) for h in healthy])
    assert once is not None and many == pytest.approx(once)
    assert once[1] - once[0] > 0.2
    assert intervals.of_auc(faulty, healthy[:1]) is None


def test_a_share_of_none_in_few_recordings_is_not_certain() -> None:
    assert intervals.of_share([0, 0, 0, 0], [5, 5, 5, 5]) == pytest.approx((0, 0.6024), abs=1e-4)
    assert intervals.of_share([5, 5], [5, 5]) == pytest.approx((0.1581, 1), abs=1e-4)
    assert intervals.of_auc(
        [np.array([5, 6], np.int16)] * 3, [np.array([1, 2], np.int16)] * 3
    ) == pytest.approx((0.2924, 1), abs=1e-4)


def test_a_median_of_delays_may_be_never() -> None:
    assert intervals.upper_median([1.0, np.inf, 2.0]) == 2.0
    spread = intervals.of_median([1.0, np.inf, 2.0, 3.0])
    assert spread is not None and spread[0] == 1.0 and spread[1] == np.inf


def test_a_machine_that_nobody_named_is_known_by_its_recordings_alone() -> None:
    conditions = [{"machine": machine, "load": ""} for machine in ("machine", "a")]
    known = {"conditions": conditions, "recordings": ["one.csv"]}
    trained = package.trained_on({"training": known})
    unnamed = dataclasses.replace(small_windows()[0], machine="machine", speed_rpm=None, load="")
    assert trained(dataclasses.replace(unnamed, name="one.csv"))
    assert not trained(dataclasses.replace(unnamed, name="two.csv"))
    assert trained(dataclasses.replace(unnamed, name="two.csv", machine="a"))
    assert not trained(dataclasses.replace(unnamed, name="one.csv", machine="a", load="full"))


def test_recordings_of_an_unknown_state_have_no_part_in_training_or_judging() -> None:
    """Were they taken for faults, the classifier would learn them; for healthy ones, the threshold."""
    known = small_windows()
    unknown = [dataclasses.replace(r, name=f"{r.name}-?", label="unknown") for r in small_windows(seed=7)]
    alone, beside = fit.fit(known, small_config()), fit.fit([*known, *unknown], small_config())
    assert convert.convert(beside).digest == convert.convert(alone).digest
    model = vib.Model(convert.convert(alone).binary)
    assert judged(model, [*known, *unknown]) == judged(model, known)


def test_an_alert_while_nobody_knew_the_state_is_no_false_alarm() -> None:
    """Recordings that state their time are played in order: the device meets the unknown ones too."""
    healthy, faulty = (r for r in small_windows() if r.name in ("a-healthy", "a-imbalance"))
    healthy = dataclasses.replace(healthy, features=np.tile(healthy.features, (4, 1)), time="2026-05-01")
    model = vib.Model(small_model_binary())
    for label, false_alarms in (("off", 1), ("unknown", 0)):
        later = dataclasses.replace(faulty, label=label, time="2026-05-02")
        assert judged(model, [healthy, later])["false_alarms"] == false_alarms


def test_recordings_too_short_for_the_times_of_a_model_are_judged_by_shorter_ones_and_that_is_said() -> None:
    """Two seconds against two minutes: no alert would fit into any recording, and none could be false."""
    usual = dataclasses.replace(small_config(), detector=DetectorChoice(average_windows=1))
    made = vib.Model(convert.convert(fit.fit(small_windows(), usual)).binary)
    assert made.meta()["dwell_windows"] == 12_000
    summary = judged(made, machine_a(shift=900))
    assert (summary["episodes_detected"], summary["false_alarms"]) == (2, 0)
    assert summary["time_share"] == pytest.approx(14 / 12_000)
    assert "dwell of 2 min: they were judged by one of 0.14 s" in " ".join(plain_words.sentences(summary))


def test_recordings_with_a_time_are_rounds_and_what_was_watched_is_the_time_between_them() -> None:
    """A minute's recording a day: three of them say what two minutes without a rest do."""
    healthy, imbalance, _ = machine_a(shift=900)
    usual = dataclasses.replace(small_config(), detector=DetectorChoice(average_windows=1))
    made = vib.Model(convert.convert(fit.fit(small_windows(), usual)).binary)
    days = [at(healthy, f"h{day}", f"2026-05-{day:02}") for day in range(1, 11)]
    days += [at(imbalance, f"f{day}", f"2026-05-{day:02}") for day in range(11, 15)]
    summary = judged(made, days)
    assert (summary["false_alarms"], summary["episodes"], summary["episodes_detected"]) == (0, 1, 1)
    assert summary["delay_s"] == pytest.approx(2 * PER_RECORDING * HOP_S + WINDOW_S)
    assert summary["watched_s"] == pytest.approx(9 * 86400, rel=0.01)
    assert summary["false_alarms_per_month"] == 0
    assert summary["intervals"]["false_alarms_per_month"] == pytest.approx([0, 3.689 * 30.4 / 9], rel=0.01)
