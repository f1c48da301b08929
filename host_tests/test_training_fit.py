"""Fitting, conversion and its proof: a right conversion passes, and each way of being wrong is caught."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import vib
from small_model import relabelled, small_config, small_fit, small_windows
from vibtrain import anomaly, classifier, config, convert, fit, package, pipeline, proof
from vibtrain.recordings import DataError


def cases() -> list[proof.Case]:
    recordings = small_windows(seed=2)
    learnt = fit.baselines(recordings)
    return [proof.Case(r.features, None) for r in recordings] + [
        proof.Case(r.features, learnt[r.regime]) for r in recordings
    ]


def test_a_conversion_is_proved_on_windows_it_was_not_made_from() -> None:
    model = small_fit()
    proved = proof.prove(model, convert.convert(model), cases())
    assert proved.windows == 12 * 40
    assert proved.class_differences == 0
    assert proved.score_error_steps <= 1


def test_inexact_thresholds_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What emlearn does without our step: int(threshold), and < for <=."""
    model = small_fit()
    assert model.forest is not None
    X = fit.differences(small_windows(seed=2)[0].features, model.centre)[:, model.tree_inputs]
    tree = model.forest.estimators_[0].tree_
    tree.threshold[0] = float(X[0, tree.feature[0]]) + 0.5  # a value of the data on the wrong side of int()
    shifted = X.copy()
    shifted[:, tree.feature[0]] = int(tree.threshold[0])
    reference = classifier.votes(model.forest, shifted)
    assert len(reference) == len(shifted)
    monkeypatch.setattr(convert, "convertible", lambda forest: forest)
    features = np.tile(model.centre, (len(shifted), 1))
    features[:, model.tree_inputs] += shifted
    agreed = 0
    for offset in range(-2, 3):  # the trees test whole numbers; some row sits on a threshold
        rows = features.copy()
        rows[:, model.tree_inputs[tree.feature[0]]] += offset
        try:
            proof.prove(model, convert.convert(model), [proof.Case(rows, None), *_on_thresholds(model)])
            agreed += 1
        except proof.ConversionError as error:
            assert "change class" in str(error)
    assert agreed < 5


def _on_thresholds(model: fit.FittedModel) -> list[proof.Case]:
    """Windows each with one input exactly on a tree's threshold, where < and <= part."""
    assert model.forest is not None
    rows = []
    for tree in model.forest.estimators_:
        for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
            if feature >= 0:
                row = model.centre.copy()
                row[model.tree_inputs[feature]] += int(np.floor(threshold))
                rows.append(row)
    return [proof.Case(np.stack(rows), None)]


def test_our_thresholds_agree_on_the_thresholds_themselves() -> None:
    model = small_fit()
    assert proof.prove(model, convert.convert(model), _on_thresholds(model)).class_differences == 0


def test_a_wrong_whitening_is_caught() -> None:
    model = small_fit()
    rows = model.whitening.rows.copy()
    rows[0] //= 2
    wrong = dataclasses.replace(model, whitening=anomaly.Whitening(rows, model.whitening.shift))
    with pytest.raises(proof.ConversionError, match="off by"):
        proof.prove(wrong, convert.convert(wrong), cases())


def test_no_compiler_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    model = small_fit()
    with pytest.raises(proof.ConversionError, match="no C compiler 'no-such-compiler'"):
        proof.prove(model, convert.convert(model), cases())


def test_the_model_tells_healthy_from_faulty_on_an_unseen_machine() -> None:
    """Level alone separates nothing here: each machine has its own. The baseline does."""
    model = vib.Model(convert.convert(small_fit()).binary)
    unseen = [
        dataclasses.replace(r, machine="c", features=r.features + np.int16(900)) for r in small_windows(seed=3)[:3]
    ]
    baseline = fit.baselines(unseen)[unseen[0].regime]
    healthy, imbalance, outer_race = (vib.score(model, r.features, baseline) for r in unseen)
    warning = model.meta()["warning"]
    assert (healthy < warning).all()
    assert (imbalance >= warning).all() and (outer_race >= warning).all()
    classes = model.meta()["classes"]
    assert {classes[k] for k in vib.classify(model, unseen[1].features, baseline)} == {"imbalance"}


def test_the_same_data_give_the_same_package(tmp_path: Path) -> None:
    for name in ("one", "two"):
        pipeline.make_package(tmp_path / name, small_config(), small_windows())
    for file in ("model.bin", "model.c", "model.toml", "golden.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_package_reads_back(tmp_path: Path) -> None:
    outcome = pipeline.make_package(tmp_path / "small", small_config(), small_windows())
    model, description = package.read(tmp_path / "small")
    assert model.meta()["digest"] == outcome.digest == description["digest"]
    golden = np.load(tmp_path / "small" / "golden.npz")
    again = np.concatenate([vib.extract(window, model.config()) for window in golden["samples"]])
    assert np.array_equal(again, golden["features"])
    assert np.array_equal(vib.score(model, again), golden["scores"])


def test_a_folder_that_is_no_package_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="no model package"):
        pipeline.make_package(tmp_path, small_config(), small_windows())
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_without_healthy_recordings_there_is_no_model() -> None:
    with pytest.raises(DataError, match="no healthy recording"):
        fit.fit(relabelled(small_windows(), "imbalance"), small_config())


WRONG_CONFIGS = [
    ("[sensor]\nname = 'adxl999'", "adxl999"),
    ("[sensor]\nname = 'adxl345'\nrate_hz = 6400", "6400"),
    ("[sensor]\nname = 'adxl345'\nrate = 100", "unknown field 'rate'"),
    ("[anomaly]\ninputs = ['rmss']", "rmss"),
    ("[anomaly]\ninputs = 'rms'", "a list"),
    ("[anomaly]\ninputs = ['rms']\nfalse_alarm_rate = 2", "false_alarm_rate"),
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


def test_built_in_configurations_load() -> None:
    names = [p.stem for p in config.CONFIGS.glob("*.toml")]
    assert names
    for name in names:
        assert config.load(name).name == name
