"""Leaving a group out: right sides, refusals with their reason, and what a healthy baseline is worth."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machine_lacks import needs_recordings
from vibtrain.data import dataset_loaders
from vibtrain.features.config import DetectorChoice
from vibtrain.features.extraction import Windows
from vibtrain.judging import splits
from vibtrain.judging.evaluate import Evaluation
from vibtrain.recordings import DataError
from vibtrain.workflows import crossval

from lab.rigs.small_model import small_config, small_windows


def changed(recordings: list[Windows], **fields: Any) -> list[Windows]:
    return [dataclasses.replace(r, **fields) for r in recordings]


def test_a_fold_holds_its_group_and_nothing_else() -> None:
    recordings = small_windows()
    held = {fold.held_out: fold for fold in splits.folds(recordings, "machine")}
    assert set(held) == {"a", "b"}
    for name, fold in held.items():
        assert {r.machine for r in fold.test} == {name}
        assert name not in {r.machine for r in fold.train}
        assert len(fold.train) + len(fold.test) == len(recordings)
        assert fold.caveat == ""


def test_sessions_of_the_same_name_on_two_machines_are_two() -> None:
    assert [f.held_out for f in splits.folds(small_windows(), "session")] == ["a 1", "b 1"]


def speeds() -> list[Windows]:
    """The same machines at a second speed, in the same mounting."""
    slow = changed(small_windows(), speed_rpm=600.0)
    fast = [dataclasses.replace(r, name=r.name + "-fast", speed_rpm=1200.0) for r in small_windows(seed=2)]
    return slow + fast


def test_one_mounting_on_both_sides_of_a_split_by_speed_is_said() -> None:
    folds = splits.folds(speeds(), "speed")
    assert [fold.held_out for fold in folds] == ["1200", "600"]
    assert all(fold.caveat.startswith("2 mountings are on both sides") for fold in folds)


def without_healthy(recordings: list[Windows], machine: str) -> list[Windows]:
    return [r for r in recordings if not (r.is_healthy and r.machine == machine)]


REFUSALS = [
    (
        "machine",
        changed(small_windows(), machine="one"),
        "all 6 recordings have machine 'one'; accepted: two",
    ),
    ("load", small_windows(), "a-healthy states no load; accepted: one in every row"),
    ("speed", small_windows(), "a-healthy states no speed_rpm"),
    ("machine", without_healthy(small_windows(), "b"), "without a no healthy recording is left to train on"),
    ("colour", small_windows(), "split by 'colour'; accepted: machine, session, speed, load"),
    (
        "session",
        [dataclasses.replace(r, session=r.name) for r in small_windows()],
        "a-healthy states none; accepted: the mounting or day in every row",
    ),
]


@pytest.mark.parametrize(("by", "recordings", "reason"), REFUSALS)
def test_splits_that_would_leak_or_say_nothing_are_refused(
    by: str, recordings: list[Windows], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        splits.folds(recordings, by)


def test_a_group_without_healthy_recordings_cannot_be_held_out() -> None:
    recordings = without_healthy(small_windows(), "a")
    with pytest.raises(DataError, match="split by machine: a has no healthy recording"):
        splits.folds(recordings, "machine")


def test_the_same_samples_on_both_sides_are_refused() -> None:
    recordings = small_windows()
    recordings[3] = dataclasses.replace(recordings[3], samples_digest=recordings[0].samples_digest)
    with pytest.raises(DataError, match="holds the same samples as"):
        splits.folds(recordings, "machine")


def results() -> list[crossval.FoldResult]:
    """Machine `a` is eight octaves quieter than `b`: neither may be taken to be off."""
    config = dataclasses.replace(small_config(), detector=DetectorChoice(off_octaves=20))
    return crossval.cross_validate(small_windows(), config, "machine", (0.0, 20 * 32 / 3200, 3600.0))


def test_a_new_machine_needs_its_baseline() -> None:
    """The two machines differ in level alone: cold, every healthy window is over the threshold."""
    summary = json.loads(json.dumps(crossval.summary(results(), "machine")))
    cold, learnt = summary["overall"]["0"], summary["overall"]["0.2"]
    assert (cold["folds"], learnt["folds"]) == (2, 2)
    assert cold["false_alarm_rate"] == 1 and cold["false_alarms"] == 2
    assert learnt["false_alarm_rate"] == 0 and learnt["false_alarms"] == 0
    assert learnt["window_auc"] == 1 and learnt["episodes_detected"] == learnt["episodes"] == 4
    assert learnt["class_accuracy"] == 1


def test_a_baseline_that_cannot_be_had_is_said_and_the_rest_goes_on() -> None:
    summary = crossval.summary(results(), "machine")
    assert "3600" not in summary["overall"]
    for fold in summary["folds"]:
        assert "a baseline of 3600 s; accepted: under" in fold["baselines"]["3600"]["refused"]
        assert fold["baselines"]["0.2"]["window_auc"] == 1


def test_pooled_models_keep_their_own_thresholds_and_class_names() -> None:
    one, two = ([e for r in results() if isinstance(e := r.evaluations[0.2], Evaluation)][i] for i in (0, 1))
    moved = dataclasses.replace(
        two,
        warning=two.warning + 500,
        classes=("healthy", "ball", "imbalance", "outer-race"),
        groups=[
            dataclasses.replace(
                g,
                learnt=[
                    dataclasses.replace(
                        s, scores=s.scores + np.int16(500), classes=s.classes + (s.classes > 0)
                    )
                    for s in g.learnt or []
                ],
            )
            for g in two.groups
        ],
    )
    together = crossval.pooled([one, moved])
    again = crossval.pooled([one, two])
    for left, right in zip(together.groups, again.groups, strict=True):
        for a, b in zip(left.learnt or [], right.learnt or [], strict=True):
            assert np.array_equal(a.scores, b.scores)
            assert [together.classes[k] for k in a.classes] == [again.classes[k] for k in b.classes]


@needs_recordings("nxp-fan")
def test_fan_two_is_judged_by_a_model_of_fan_one() -> None:
    assert dataset_loaders.catalogue("nxp-fan")
    command = [
        sys.executable,
        "-m",
        "vibtrain",
        "crossval",
        "--config",
        "nxp-fan",
        "--by",
        "machine",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    fan_2 = next(f for f in json.loads(done.stdout)["folds"] if f["held_out"] == "fan-2")
    assert all("fan-1" in name for name in fan_2["trained_on"])
    minute = fan_2["baselines"]["60"]
    assert minute["window_auc"] >= 0.95
    assert minute["false_alarms"] == 0 and minute["intervals"]["false_alarms_per_day"][1] > 1000
    assert minute["episodes_detected"] == minute["episodes"] == 2
    assert minute["delay_s"] < 15
    assert "accepted: under" in fan_2["baselines"]["1800"]["refused"]


def test_a_refused_split_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vibtrain", "crossval", "--simulate", "--by", "machine"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("error: split by machine: all")]
