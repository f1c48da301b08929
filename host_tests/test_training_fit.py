"""Fitting, conversion and its proof: a right conversion passes, and each way of being wrong is caught."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vib
from vibtrain.errors import ConversionError
from vibtrain.features import config
from vibtrain.models import classifier, fit, isolation, mahalanobis, mixture
from vibtrain.models.anomaly import Gaussians, differences
from vibtrain.models.emlearn_code import flat_forest
from vibtrain.models.whitening import quantise
from vibtrain.packaging import convert, package, proof
from vibtrain.recordings import DataError
from vibtrain.workflows import pipeline

from lab.rigs.small_model import relabelled, small_config, small_fit, small_windows


def cases() -> list[proof.Case]:
    recordings = small_windows(seed=2)
    learnt = fit.baselines(recordings)
    return [proof.Case(r.features, None) for r in recordings] + [
        proof.Case(r.features, learnt[r.regime]) for r in recordings
    ]


@pytest.mark.parametrize("kind", config.KINDS)
def test_a_conversion_is_proved_on_windows_it_was_not_made_from(kind: str) -> None:
    model = small_fit(kind=kind)
    proved = proof.prove(model, convert.convert(model), cases())
    assert proved.windows == 12 * 40
    assert proved.class_differences == 0
    assert 0 < proved.score_error_steps <= 1


@pytest.mark.parametrize("form", ["source", "binary"])
def test_inexact_thresholds_are_caught_in_either_form(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """What emlearn does without our step, int(threshold) and < for <=, in the linked or in the loaded classifier."""
    model = small_fit()
    right = convert.convert(model)
    monkeypatch.setattr(convert, "convertible", lambda forest: forest)
    wrong = convert.convert(model)
    converted = dataclasses.replace(right, **{form: getattr(wrong, form)})
    (case,) = _on_thresholds(model)
    exact = classifier.votes(model.forest, differences(case.features, model.centre)[:, model.tree_inputs])
    changed = int((vib.classify(vib.Model(wrong.binary), case.features) != exact).sum())
    assert changed > 0
    with pytest.raises(ConversionError, match=f"^{changed} of {len(exact)} windows change class"):
        proof.prove(model, converted, [case])


def at_thresholds(model: fit.FittedModel, inputs: list[int], forest: Any) -> np.ndarray:
    """Windows each with one input exactly on a tree's threshold, where < and <= part."""
    rows = []
    for tree in forest.estimators_:
        for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
            if feature >= 0:
                row = model.centre.copy()
                row[inputs[feature]] += int(np.floor(threshold))
                rows.append(row)
    return np.stack(rows)


def _on_thresholds(model: fit.FittedModel) -> list[proof.Case]:
    return [proof.Case(at_thresholds(model, model.tree_inputs, model.forest), None)]


def test_our_thresholds_agree_on_the_thresholds_themselves() -> None:
    model = small_fit()
    assert proof.prove(model, convert.convert(model), _on_thresholds(model)).class_differences == 0


def changed_gaussians(change: Callable[[Gaussians], Gaussians]) -> Callable[..., Gaussians]:
    return lambda *args: change(quantise(*args))


def halved_row(g: Gaussians) -> Gaussians:
    rows = g.rows.copy()
    rows[:, 0] //= 2
    return dataclasses.replace(g, rows=rows)


def moved_means(g: Gaussians) -> Gaussians:
    return dataclasses.replace(g, means=g.means + np.int16(8))


def equal_offsets(g: Gaussians) -> Gaussians:
    return dataclasses.replace(g, offsets=np.zeros_like(g.offsets))


def other_shift(g: Gaussians) -> Gaussians:
    return dataclasses.replace(g, shifts=g.shifts - np.uint16(1))


@pytest.mark.parametrize(
    ("kind", "module", "change"),
    [
        ("mahalanobis", mahalanobis, halved_row),
        ("mahalanobis", mahalanobis, moved_means),
        ("mahalanobis", mahalanobis, other_shift),
        ("gaussian-mixture", mixture, halved_row),
        ("gaussian-mixture", mixture, moved_means),
        ("gaussian-mixture", mixture, equal_offsets),
        ("gaussian-mixture", mixture, other_shift),
    ],
)
def test_wrong_gaussians_are_caught(
    monkeypatch: pytest.MonkeyPatch, kind: str, module: object, change: Callable[[Gaussians], Gaussians]
) -> None:
    monkeypatch.setattr(module, "quantise", changed_gaussians(change))
    model = small_fit(kind=kind)
    with pytest.raises(ConversionError, match="off by"):
        proof.prove(model, convert.convert(model), cases())


def shorter_leaves(forest: Any, leaf: Callable[[float], int]) -> tuple[Any, list[int]]:
    return flat_forest(forest, lambda path: round(path * 1000))


WRONG_PATHS = [("flat_forest", shorter_leaves), ("SCALE_BITS", 27), ("convertible", lambda forest: forest)]


@pytest.mark.parametrize(("name", "value"), WRONG_PATHS)
def test_wrong_paths_are_caught(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    """Leaves and scale of another size than the core's, and thresholds as emlearn would cut them."""
    model = small_fit(kind="isolation-forest")
    assert isinstance(model.anomaly, isolation.BaselineIsolationForest)
    on_thresholds = proof.Case(at_thresholds(model, model.inputs, model.anomaly.forest_), model.centre)
    proof.prove(model, convert.convert(model), [on_thresholds])
    monkeypatch.setattr(isolation, name, value)
    with pytest.raises(ConversionError, match="off by"):
        proof.prove(model, convert.convert(model), [on_thresholds])


@pytest.mark.parametrize("kind", config.KINDS)
def test_c_from_emlearn_that_differs_is_caught(kind: str) -> None:
    model = small_fit(kind=kind)
    converted = convert.convert(model)
    right = converted.emlearn
    for wrong in (
        dataclasses.replace(right, units=right.units * 1.05),
        dataclasses.replace(right, steps=lambda value: right.steps(value) + 2),
        dataclasses.replace(right, code="float vib_emlearn(const float *inputs) { return 0.0f / 0.0f; }"),
    ):
        with pytest.raises(ConversionError, match="off by"):
            proof.prove(model, dataclasses.replace(converted, emlearn=wrong), cases())


@pytest.mark.parametrize(
    ("kind", "array"), [("gaussian-mixture", "means"), ("isolation-forest", "path_roots")]
)
def test_a_model_c_that_differs_from_model_bin_is_caught(kind: str, array: str) -> None:
    model = small_fit(kind=kind)
    converted = convert.convert(model)
    head, values = converted.source.split(f" {array}[] = {{\n    ")
    first, rest = values.split(",", 1)
    if kind == "isolation-forest":  # the first tree twice, in place of the second
        second, rest = rest.split(",", 1)
        assert int(second) > 0
        rest = f" 1,{rest}"
    else:
        first = str(int(first) + 40)
    source = f"{head} {array}[] = {{\n    {first},{rest}"
    with pytest.raises(ConversionError, match=r"model.c and model.bin give different scores"):
        proof.prove(model, dataclasses.replace(converted, source=source), cases())


@pytest.mark.parametrize("kind", config.KINDS)
def test_scores_follow_those_of_scikit_learn(kind: str) -> None:
    """Of what the estimators learnt, by scikit-learn's and NumPy's own arithmetic."""
    model = small_fit(kind=kind)
    features = np.concatenate([r.features for r in small_windows(seed=4)])
    d = differences(features, model.centre)[:, model.inputs].astype(float)
    scores = vib.score(vib.Model(convert.convert(model).binary), features, model.centre)
    n = len(model.inputs)
    if isinstance(model.anomaly, isolation.BaselineIsolationForest):
        expected = 2048 * np.log2(-2 * model.anomaly.forest_.score_samples(d))
    elif isinstance(model.anomaly, mixture.BaselineMixture):
        m = model.anomaly.mixture_
        peaks = np.log(m.weights_) - np.linalg.slogdet(2 * np.pi * m.covariances_)[1] / 2
        log_density = m.score_samples(d / model.anomaly.units_)
        expected = 128 * np.log2(2 * (peaks.max() - log_density) / n)
    else:
        assert isinstance(model.anomaly, mahalanobis.BaselineMahalanobis)
        inverse = np.linalg.inv(model.anomaly.covariance_)
        expected = 128 * np.log2(np.einsum("ij,jk,ik->i", d, inverse, d) / n)
    assert np.abs(scores - expected).max() <= 1


def test_importing_the_converter_leaves_floating_point_errors_alone() -> None:
    """emlearn 0.23.2 makes every underflow an exception for the whole process, which scikit-learn trips over."""
    ask = "import numpy, vibtrain.packaging.convert; print(set(numpy.geterr().values()) & {'raise'})"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_each_tree_of_the_classifier_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call costs more than a thousand windows in it; there may be hundreds of cases."""
    model = small_fit()
    asked = []

    def count(forest: classifier.Classifier, d: np.ndarray) -> np.ndarray:
        asked.append(len(d))
        return classifier.votes(forest, d)

    monkeypatch.setattr(proof, "votes", count)
    given = cases()
    assert proof.prove(model, convert.convert(model), given).class_differences == 0
    assert asked == [sum(len(case.features) for case in given)] and len(given) > 1


@pytest.mark.parametrize("kind", config.KINDS)
def test_the_model_tells_healthy_from_faulty_on_an_unseen_machine(kind: str) -> None:
    """Level alone separates nothing here: each machine has its own. The baseline does."""
    small = small_config(kind=kind)
    whole_forest = dataclasses.replace(small.anomaly, isolation=config.IsolationChoice())
    fitted = fit.fit(small_windows(), dataclasses.replace(small, anomaly=whole_forest))
    model = vib.Model(convert.convert(fitted).binary)
    unseen = [
        dataclasses.replace(r, machine="c", features=r.features + np.int16(900))
        for r in small_windows(seed=3)[:3]
    ]
    baseline = fit.baselines(unseen)[unseen[0].regime]
    healthy, imbalance, outer_race = (vib.score(model, r.features, baseline) for r in unseen)
    warning = model.meta()["warning"]
    assert (healthy < warning).all()
    assert (imbalance >= warning).all() and (outer_race >= warning).all()
    classes = model.meta()["classes"]
    assert {classes[k] for k in vib.classify(model, unseen[1].features, baseline)} == {"imbalance"}


@pytest.mark.parametrize("kind", config.KINDS)
def test_the_same_data_give_the_same_package(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        pipeline.make_package(tmp_path / name, small_config(kind=kind), small_windows())
    for file in ("model.bin", "model.c", "model.toml", "model.ota", "golden.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_package_reads_back(tmp_path: Path) -> None:
    outcome = pipeline.make_package(tmp_path / "small", small_config(), small_windows())
    model, description = package.read(tmp_path / "small")
    assert model.meta()["digest"] == outcome.digest == description["digest"]
    golden = np.load(tmp_path / "small" / "golden.npz")
    again = np.concatenate([vib.extract(window, model.config()) for window in golden["samples"]])
    assert np.array_equal(again, golden["features"])
    assert np.array_equal(vib.score(model, again), golden["scores"])


def test_a_package_of_another_version_says_that_it_has_to_be_fitted_again(tmp_path: Path) -> None:
    pipeline.make_package(tmp_path / "small", small_config(), small_windows())
    described = tmp_path / "small" / "model.toml"
    stated = f"feature_version = {vib.FEATURE_VERSION}"
    described.write_text(described.read_text().replace(stated, "feature_version = 1"))
    with pytest.raises(
        DataError, match=r"model\.toml: feature_version 1; accepted: \d+; fit it again"
    ) as caught:
        package.read(tmp_path / "small")
    assert "model.bin" not in str(caught.value)


def test_a_folder_that_is_no_package_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="no model package"):
        pipeline.make_package(tmp_path, small_config(), small_windows())
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_without_healthy_recordings_there_is_no_model() -> None:
    with pytest.raises(DataError, match="no healthy recording"):
        fit.fit(relabelled(small_windows(), "imbalance"), small_config())


def test_more_components_than_windows_are_refused() -> None:
    few = [dataclasses.replace(r, features=r.features[:1]) for r in small_windows()]
    with pytest.raises(DataError, match="2 healthy windows to fit on; accepted: 3 or more"):
        fit.fit(few, small_config(kind="gaussian-mixture"))


HOSTILE = 'a"; int z; /* \\ \n %s ä */ ??/'


def test_no_name_reaches_c_unescaped(tmp_path: Path) -> None:
    """Whatever a caller calls its model and classes; a manifest and a configuration refuse such names before."""
    small = small_fit()
    model = dataclasses.replace(small, name=f"*/ {HOSTILE}", classes=("healthy", HOSTILE, "outer-race"))
    source = convert._source(model, model.anomaly.core_form(), convert._classifier(model), bytes(8))
    literal = source.split("classes[] = {")[1].split("};")[0]
    comment = source.split('#include "vib.h"')[0]
    assert source.isascii() and comment.count("*/") == 1
    print_it = (
        f"#include <stdio.h>\nint main(void) {{ const char *names[] = {{ {literal} }}; puts(names[1]); }}"
    )
    (tmp_path / "a.c").write_text(print_it)
    subprocess.run(["cc", "-trigraphs", "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    said = subprocess.run([tmp_path / "a"], capture_output=True, check=True).stdout
    assert said.decode() == HOSTILE + "\n"


WRONG_CONFIGS = [
    ("[sensor]\nname = 'adxl999'", "adxl999"),
    ("[sensor]\nname = 'adxl345'\nrate_hz = 6400", "6400"),
    ("[sensor]\nname = 'adxl345'\nrate = 100", "unknown field 'rate'"),
    ("[anomaly]\ninputs = ['rmss']", "rmss"),
    ("[anomaly]\ninputs = 'rms'", "a list"),
    ("[anomaly]\ninputs = ['rms']\nfalse_alarm_rate = 2", "false_alarm_rate"),
    ("[anomaly]\ninputs = ['rms']\nkind = 'svm'", "anomaly.kind 'svm'.*gaussian-mixture"),
    ("[anomaly]\ninputs = ['rms']\nfloor_steps = 0", "floor_steps 0"),
    ("[anomaly]\ninputs = ['rms']\nmixture.components = 9", "mixture.components 9; accepted: 1 to 8"),
    ("[anomaly]\ninputs = ['rms']\nmixture.covariance = 'diag'", "'diag'; accepted: full, tied"),
    ("[anomaly]\ninputs = ['rms']\nisolation.trees = 0", "isolation.trees 0"),
    ("[anomaly]\ninputs = ['rms']\nisolation.samples = 8", "isolation.samples 8"),
    ("[core]\nwindow = 1000\nhop = 500\nbands = 8\nband_lo_hz = 10\nband_hi_hz = 1000", "window"),
    ("[core]\nwindow = 'big'\nhop = 512\nbands = 8\nband_lo_hz = 10\nband_hi_hz = 1000", "whole number"),
]


@pytest.mark.parametrize(("section", "named"), WRONG_CONFIGS)
def test_a_wrong_configuration_is_named(tmp_path: Path, section: str, named: str) -> None:
    sections = {
        "[sensor]": "[sensor]\nname = 'adxl345'",
        "[core]": "[core]\nwindow = 1024\nhop = 512\nbands = 8\nband_lo_hz = 10\nband_hi_hz = 1000",
        "[anomaly]": "[anomaly]\ninputs = ['rms']",
    }
    sections[section.split("\n")[0]] = section
    path = tmp_path / "wrong.toml"
    path.write_text("name = 'wrong'\n" + "\n".join(sections.values()))
    with pytest.raises(DataError, match=named) as caught:
        config.load(str(path))
    assert str(path) in str(caught.value) or "sensor" in str(caught.value)


@pytest.mark.parametrize("name", ['a"b', "", "mühle", "x" * 65, "../model"])
def test_a_name_that_no_model_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "wrong.toml"
    text = (config.CONFIGS / "adi-motor.toml").read_text()
    path.write_text(text.replace('name = "adi-motor"', f"name = '{name}'", 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"wrong\.toml: name .*; accepted: up to 64 letters"):
        config.load(str(path))


def test_built_in_configurations_load() -> None:
    names = [p.stem for p in config.CONFIGS.glob("*.toml")]
    assert names
    for name in names:
        assert config.load(name).name == name


def test_a_recording_that_is_one_value_is_refused() -> None:
    """As one is in another unit than was said, and clipped throughout or lost in the sensor's steps."""
    windows = small_windows()
    windows[1] = dataclasses.replace(windows[1], features=np.zeros_like(windows[1].features))
    with pytest.raises(
        DataError, match=r"a-imbalance: the same value throughout, .*are unit and scale right"
    ):
        fit.fit(windows, small_config())


def test_a_healthy_recording_of_nothing_but_noise_is_refused() -> None:
    """As a stuck sensor, or a machine that stood still: with the chip's noise added it is no longer constant."""
    windows = small_windows()
    silent = np.full_like(windows[0].features, 4_450)  # an ADXL345 at rest, RMS 168 mm/s²
    windows[0] = dataclasses.replace(windows[0], features=silent)
    with pytest.raises(DataError, match=r"a-healthy: 17\d mm/s² RMS, .*own noise.*label it off"):
        fit.fit(windows, small_config())
