"""The fault classifier's choices: kinds of forest, classes by severity, and how sure its accuracy is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import vib
from small_model import small_config, small_windows
from vibtrain import config, convert, evaluate, fit, intervals, proof
from vibtrain.features import Windows
from vibtrain.recordings import DataError


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
        ('kind = "boosting"', "classifier.kind 'boosting', accepted: random-forest, extra-trees"),
        ("least_leaf = 0", "classifier.least_leaf 0, accepted: 1 or more"),
        ("severities = 1", "severities: 1, accepted: true or false"),
        ("trees = true", "trees: True, accepted: a whole number, 0 or more"),
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
