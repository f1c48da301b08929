"""The fault classifier's choices: kinds of forest, classes by severity, and how sure its accuracy is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import vib
from vibnode import status
from vibtrain.features import config
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate, intervals
from vibtrain.judging.virtual_sensor import VirtualSensor
from vibtrain.models import fit
from vibtrain.packaging import convert, proof
from vibtrain.recordings import DataError

from lab.rigs.small_model import small_config, small_windows


def chosen(kind: str, severities: bool) -> config.TrainingConfig:
    small = small_config()
    classifier = dataclasses.replace(small.classifier, kind=kind, severities=severities, least_leaf=2)
    return dataclasses.replace(small, classifier=classifier)


def with_severities(seed: int = 1) -> list[Windows]:
    """The small set and, on each machine, a light imbalance besides: half the shift of the other."""
    windows = small_windows(seed=seed)
    heavy = [dataclasses.replace(r, severity="heavy") if r.label == "imbalance" else r for r in windows]
    n = windows[0].features.shape[1]
    half = np.where(np.arange(n) % 3 == 0, 250, 0).astype(np.int16)
    light = [
        dataclasses.replace(r, name=f"{r.name}-light", severity="light", features=r.features - half)
        for r in heavy
        if r.label == "imbalance"
    ]
    return heavy + light


@pytest.mark.parametrize("kind", config.FORESTS)
def test_a_forest_of_either_kind_tells_degrees_apart_where_asked_to(kind: str) -> None:
    fitted = fit.fit(with_severities(), chosen(kind, True))
    assert fitted.classes == ("healthy", "imbalance-heavy", "imbalance-light", "outer-race")
    converted = convert.convert(fitted)
    recordings = with_severities(seed=5)
    learnt = fit.baselines(recordings)
    cases = [proof.Case(r.features, learnt[r.regime]) for r in recordings]
    assert proof.prove(fitted, converted, cases).class_differences == 0
    model = vib.Model(converted.binary)
    for r in recordings:
        if r.is_fault:
            named = vib.classify(model, r.features, learnt[r.regime])
            assert (named == fitted.classes.index(r.fine_label)).mean() > 0.8, r.name
    assert fit.fit(with_severities(), chosen(kind, False)).classes == ("healthy", "imbalance", "outer-race")


def test_a_forest_of_several_faults_knows_no_healthy_windows() -> None:
    fitted = fit.fit(small_windows(), chosen("extra-trees", False))
    model = vib.Model(convert.convert(fitted).binary)
    learnt = fit.baselines(small_windows())
    for r in small_windows(seed=5):
        named = vib.classify(model, r.features, learnt[r.regime])
        if r.is_healthy:
            assert named.min() > 0
        else:
            assert (named == fitted.classes.index(r.label)).all(), r.name


def test_one_fault_alone_is_told_from_healthy() -> None:
    def of_one(seed: int) -> list[Windows]:
        return [r for r in small_windows(seed=seed) if r.label != "outer-race"]

    fitted = fit.fit(of_one(1), chosen("random-forest", False))
    model = vib.Model(convert.convert(fitted).binary)
    learnt = fit.baselines(of_one(1))
    for r in of_one(5):
        named = vib.classify(model, r.features, learnt[r.regime])
        assert (named == fitted.classes.index(r.label)).mean() > 0.9, r.name


def growing(r: Windows) -> Windows:
    """The recording with its fault growing from none to what it is."""
    shift = {"imbalance": 500, "outer-race": -400}.get(r.label, 0) * (np.arange(r.features.shape[1]) % 3 == 0)
    missing = np.linspace(1, 0, len(r.features))[:, None] * shift
    return dataclasses.replace(r, features=np.rint(r.features - missing).astype(np.int16))


def test_a_window_under_the_threshold_is_judged_as_healthy() -> None:
    model = vib.Model(convert.convert(fit.fit(small_windows(), chosen("extra-trees", False))).binary)
    result = evaluate.evaluate(model, [growing(r) for r in small_windows(seed=5)], None)
    for s in (s for g in result.groups for s in g.best):
        under = s.scores < result.warning
        assert under.any() and under.all() != s.faulty, s.name
        assert ((s.classes == 0) == under).all(), s.name


def test_a_device_calls_a_machine_healthy_until_its_score_says_otherwise(tmp_path: Path) -> None:
    model = vib.Model(convert.convert(fit.fit(small_windows(), chosen("extra-trees", False))).binary)
    recordings = {r.label: r for r in small_windows(seed=5) if r.machine == "a"}
    sensor = VirtualSensor(model, tmp_path, learn_windows=20)
    told = []
    for label in ("healthy", "healthy", "imbalance"):
        sensor.play(recordings[label].features)
        told.append(json.loads(status.message("periodic", sensor._node.run, sensor._node)))
    assert [said["class"] for said in told] == ["healthy", "healthy", "imbalance"]
    assert told[1]["score"] < told[1]["warning"] <= told[2]["score"]


def test_accuracy_is_by_degree_where_the_model_knows_degrees() -> None:
    recordings = with_severities(seed=5)
    by_degree = vib.Model(convert.convert(fit.fit(with_severities(), chosen("extra-trees", True))).binary)
    summary = evaluate.summary(evaluate.evaluate(by_degree, recordings, None))
    assert summary["class_accuracy"] > 0.8
    swapped = [
        dataclasses.replace(r, severity={"light": "heavy", "heavy": "light", "": ""}[r.severity])
        for r in recordings
    ]
    wrong = evaluate.summary(evaluate.evaluate(by_degree, swapped, None))
    assert wrong["class_accuracy"] < 0.6  # two of four classes
    low, high = summary["intervals"]["class_accuracy"]
    assert low <= summary["class_accuracy"] <= high


def test_the_interval_of_a_mean_share_draws_recordings_within_their_class() -> None:
    sure = [([10, 10], [10, 10]), ([0, 0], [10, 10])]
    assert intervals.of_mean_share(sure) == (0.5, 0.5)
    low, high = intervals.of_mean_share([([10, 0], [10, 10]), ([5, 5], [10, 10])]) or (1, 0)
    assert (low, high) == (0.25, 0.75)
    assert intervals.of_mean_share([([1], [1]), ([1, 1], [1, 1])]) is None
    assert intervals.of_mean_share([]) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kind = "boosting"', "classifier.kind 'boosting'; accepted: random-forest, extra-trees"),
        ("least_leaf = 0", "classifier.least_leaf 0; accepted: 1 or more"),
        ("severities = 1", "severities: 1; accepted: true or false"),
        ("trees = true", "trees: True; accepted: a whole number, 0 or more"),
    ],
)
def test_a_choice_that_is_none_is_one_clear_line(tmp_path: Path, line: str, said: str) -> None:
    field = line.split(" = ")[0]
    text = (config.CONFIGS / "adi-motor-iis3dwb.toml").read_text()
    head, tail = text.split("[classifier]")
    kept = [row for row in tail.splitlines() if not row.startswith(f"{field} =")]
    path = tmp_path / "own.toml"
    path.write_text(f"{head}[classifier]{kept[0]}\n{line}\n" + "\n".join(kept[1:]) + "\n")
    with pytest.raises(DataError, match=said) as raised:
        config.load(str(path))
    assert "\n" not in str(raised.value)
