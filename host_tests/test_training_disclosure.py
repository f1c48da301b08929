"""What a model gives away: what is behind its parts, what `--least-machines` keeps out, and an attack that tries."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import vib
from sklearn.metrics import roc_auc_score
from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.models import disclosure, fit
from vibtrain.models.anomaly import median_baseline
from vibtrain.packaging import convert, model_card, package
from vibtrain.recordings import DataError
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_config, small_windows

N_FEATURES = len(vib.feature_names(small_config().core_config()))
# How far from a half the attack's area under the curve may be, with ten machines to learn from.
MARGIN, COLD_MARGIN = 0.15, 0.25


def plant(
    machines: int, seed: int, labels: tuple[str, ...] = ("healthy",), strength: float = 1.0
) -> list[Windows]:
    """So many machines, each of its own level, and its own way to scatter and to fail."""
    random = np.random.default_rng(seed)
    pattern = {"healthy": 0, "imbalance": 500, "outer-race": -400}
    made = []
    for number in range(machines):
        level = random.normal(5500, 250, N_FEATURES)
        spread = random.uniform(20, 45)
        for label in labels:
            shift = pattern[label] * (np.arange(N_FEATURES) % 3 == 0) + random.normal(0, 60, N_FEATURES)
            shift, windows = shift * strength, 40
            rows = level + (shift if pattern[label] else 0) + random.normal(0, spread, (windows, N_FEATURES))
            made.append(
                dataclasses.replace(
                    small_windows()[0],
                    name=f"{seed}-{number}-{label}",
                    machine=f"{seed}-{number}",
                    label=label,
                    features=np.round(rows).astype(np.int16),
                )
            )
    return made


FAULTY = ("healthy", "imbalance", "outer-race")


def without_classifier(kind: str, least_machines: int = 1) -> TrainingConfig:
    chosen = small_config(kind=kind, classifier=False)
    return dataclasses.replace(chosen, least_machines=least_machines)


def scores(model: vib.Model, recordings: list[Windows], learnt: bool) -> list[float]:
    """Of each recording the mean score of its second half: by the baseline of its first, or by none."""
    found = []
    for r in recordings:
        first, second = np.array_split(r.features, 2)
        baseline = median_baseline(first) if learnt else None
        found.append(float(np.mean(vib.score(model, np.ascontiguousarray(second), baseline))))
    return found


def told_apart(kind: str, seeds: int, *, learnt: bool) -> float:
    """Area under the curve of Yeom's attack (Privacy risk in machine learning, 2018): what the model knows scores
    lower. Plants of 20 machines, half of them trained on."""
    members, others = [], []
    for seed in range(seeds):
        machines = plant(20, seed)
        model = vib.Model(convert.convert(fit.fit(machines[::2], without_classifier(kind))).binary)
        members += scores(model, machines[::2], learnt)
        others += scores(model, machines[1::2], learnt)
    truth = [1] * len(members) + [0] * len(others)
    return float(roc_auc_score(truth, [-score for score in members + others]))


@pytest.mark.parametrize(
    ("kind", "seeds"), [("mahalanobis", 6), ("gaussian-mixture", 3), ("isolation-forest", 6)]
)
def test_an_attack_by_scores_with_a_baseline_cannot_tell_who_was_trained_on(kind: str, seeds: int) -> None:
    told = told_apart(kind, seeds, learnt=True)
    assert abs(told - 0.5) <= MARGIN, told


def test_an_attack_by_scores_without_a_baseline_tells_no_more_than_is_stated() -> None:
    """The line of the cold model is laid through ten machines, and lies nearer to them than to others."""
    told = told_apart("mahalanobis", 6, learnt=False)
    assert 0.5 - MARGIN <= told <= 0.5 + COLD_MARGIN, told


def told_of(machines: int, least: int, seed: int = 1) -> fit.FittedModel:
    chosen = small_config()
    deep = dataclasses.replace(chosen.classifier, trees=20, depth=12)
    chosen = dataclasses.replace(chosen, classifier=deep, least_machines=least)
    return fit.fit(plant(machines, seed, FAULTY, strength=0.2), chosen)


def test_a_model_says_what_is_behind_its_parts() -> None:
    held = told_of(6, 1).holds
    assert held.components == disclosure.Behind(1, 6, 6)
    assert held.leaves and held.leaves.machines == held.leaves.recordings == 1 and held.rare_leaves > 0


@pytest.mark.parametrize("least", [2, 4])
def test_no_answer_of_the_trees_is_of_fewer_machines_than_asked_for(least: int) -> None:
    fitted = told_of(6, least)
    held = fitted.holds
    assert held.leaves and held.leaves.machines >= least and held.rare_leaves == 0
    binary = convert.convert(fitted).binary  # the device's form is made of the same trees
    model, unseen = vib.Model(binary), plant(6, 9, FAULTY, strength=0.2)
    right = []
    for healthy, *faults in zip(unseen[::3], unseen[1::3], unseen[2::3], strict=True):
        baseline = median_baseline(healthy.features)
        for r in faults:
            right.append((vib.classify(model, r.features, baseline) == fitted.classes.index(r.label)).mean())
    assert np.mean(right) > 0.6


def test_what_one_machine_alone_showed_leaves_no_trace() -> None:
    """The package with its fault, and with as many machines but without it, answer alike but for what is averaged."""
    machines = plant(5, 1, FAULTY)
    alone = [r for r in machines if r.label != "outer-race" or r.machine == "1-0"]
    chosen = dataclasses.replace(small_config(), least_machines=2)
    fitted = fit.fit(alone, chosen)
    assert "outer-race" not in fitted.classes and fitted.holds.left_out == ("outer-race",)
    assert b"outer-race" not in convert.convert(fitted).binary
    assert "outer-race" in fit.fit(alone, small_config()).classes


def test_a_gaussian_of_one_machine_is_not_kept() -> None:
    machines = plant(6, 1)
    apart = [
        dataclasses.replace(r, features=r.features + (np.arange(40)[:, None] % 2 * 900).astype(np.int16))
        if r.machine == "1-0"
        else r
        for r in machines
    ]
    many = fit.fit(apart, without_classifier("gaussian-mixture")).holds.components
    kept = fit.fit(apart, without_classifier("gaussian-mixture", 3)).holds.components
    assert many.machines == 1 and kept.machines >= 3 and kept.parts < many.parts


def test_the_quietest_machine_does_not_show() -> None:
    machines = plant(4, 1)
    quiet = [
        dataclasses.replace(r, features=np.asarray(r.features - 600, np.int16)) if r.machine == "1-0" else r
        for r in machines
    ]
    shown = fit.fit(quiet, without_classifier("mahalanobis")).quiet_rms
    assert fit.fit(quiet, without_classifier("mahalanobis", 2)).quiet_rms > shown + 200


@pytest.mark.parametrize(
    ("kind", "least", "said"),
    [
        ("mahalanobis", 7, "--least-machines: 7; accepted: 1 to 6, the machines with a healthy recording"),
        ("isolation-forest", 2, "isolation-forest, whose cuts follow single windows; accepted with"),
    ],
)
def test_what_cannot_be_kept_out_is_refused(kind: str, least: int, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit.fit(plant(6, 1), without_classifier(kind, least))


def test_the_card_says_what_a_package_gives_away(tmp_path: Path) -> None:
    said = {}
    for least in (1, 2):
        chosen = dataclasses.replace(small_config(), least_machines=least)
        alone = [r for r in small_windows() if r.name != "b-outer-race"]
        pipeline.make_package(tmp_path / str(least), chosen, alone, lambda line: None, {})
        _, description = package.read(tmp_path / str(least))
        said[least] = model_card.gives_away(description)["Gives away"]
    assert "behind each Gaussian 2 machines and 2 recordings at least" in said[1]
    assert "from one recording alone" in said[1] and "golden windows, raw samples of recordings" in said[1]
    assert "nothing of outer-race, which fewer machines showed" in said[2]
    assert "golden windows, of noise" in said[2]
