"""The search for a model within a budget, and what a window is said to cost."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import vib
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.features import config
from vibtrain.features.config import Selection, TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.packaging import costs
from vibtrain.packaging.costs import Budget
from vibtrain.recordings import DataError
from vibtrain.workers import Workers
from vibtrain.workflows import search
from vibtrain.workflows.search import Found

from lab.rigs.small_model import small_config, small_windows

COUNTED = json.loads((Path(__file__).parents[1] / "lab" / "bench" / "baseline.json").read_text())["figures"]


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SUBSETS", (("band",),))  # and the configuration's own
    monkeypatch.setattr(search, "MIXTURES", (2,))
    monkeypatch.setattr(search, "ISOLATION_TREES", (4,))
    monkeypatch.setattr(search, "FORESTS", ((2, 3), (10, 6)))


def search_again(budget: Budget, jobs: int = 1) -> Found:
    return search.search(small_windows(), small_config(), budget, workers=Workers(jobs=jobs))


found = functools.cache(search_again)


@pytest.mark.parametrize(("envelope", "name"), [(0, "window3x1024"), (6, "window3x1024_envelope")])
def test_a_windows_cost_is_what_the_bench_counted(envelope: int, name: str) -> None:
    core = config.load("adi-motor").core_config() | {"window": 1024, "hop": 512, "envelope_bands": envelope}
    models = COUNTED["rv32.mahalanobis.instructions"] + COUNTED["rv32.forest_inline.instructions"]
    counted = COUNTED[f"rv32.{name}.instructions"] - models
    assert costs.window_instructions(core) == pytest.approx(counted, rel=0.05)


def test_a_models_cost_is_what_the_bench_counted() -> None:
    assert costs.priced("gaussians", costs.gaussian_terms(21, 1)) == pytest.approx(
        COUNTED["rv32.mahalanobis.instructions"], rel=0.1
    )
    assert costs.priced("gaussians", costs.gaussian_terms(21, 2)) == pytest.approx(
        COUNTED["rv32.mixture.instructions"], rel=0.1
    )


def test_the_answer_is_the_same_again_and_by_others() -> None:
    assert found(Budget()) == search_again(Budget(), jobs=3)


def test_the_frontier_is_of_those_that_none_beats() -> None:
    result = found(Budget())
    assert result.by == "machine" and result.best in result.frontier
    sizes = [c.flash_bytes for c in result.frontier]
    assert sizes == sorted(sizes)
    for c in result.anomaly:
        beaten = [o for o in result.frontier if o.detection >= c.detection and o.flash_bytes <= c.flash_bytes]
        assert beaten, c
    assert result.chosen.classifier.trees in (2, 10)


def test_only_training_recordings_are_looked_at() -> None:
    """What the configuration keeps out of training may be anything at all."""
    recordings = [
        dataclasses.replace(r, load="held out", features=np.flip(r.features)) for r in small_windows(seed=9)
    ]
    admitted = [dataclasses.replace(r, load="") for r in small_windows()]
    chosen = dataclasses.replace(small_config(), train=Selection(load=("",)))
    alone = search.search(admitted, chosen, Budget())
    assert search.search([*admitted, *recordings], chosen, Budget()) == alone
    assert alone.chosen.train == chosen.train


def test_what_is_over_budget_is_not_judged_nor_chosen() -> None:
    everything = found(Budget())
    smallest = everything.anomaly[0]
    limit = everything.anomaly[len(everything.anomaly) // 2].flash_bytes
    result = found(Budget(flash_bytes=limit))
    assert {c.judged for c in result.anomaly} == {True, False}
    assert all(c.judged == (c.flash_bytes <= limit) for c in (*result.anomaly, *result.classifiers))
    assert result.best.flash_bytes <= limit
    with pytest.raises(
        DataError, match=rf"no model fits --max-flash 10 .*at least {smallest.flash_bytes:,} bytes"
    ):
        found(Budget(flash_bytes=10))


def with_envelope(recordings: list[Windows], chosen: TrainingConfig) -> tuple[list[Windows], TrainingConfig]:
    core = dataclasses.replace(chosen.core, envelope_bands=2, envelope_lo_hz=800, envelope_hi_hz=1500)
    wider = dataclasses.replace(chosen, core=core)
    names = vib.feature_names(chosen.core_config())
    places = [names.index(n) if n in names else 0 for n in vib.feature_names(wider.core_config())]
    return [
        dataclasses.replace(r, features=np.ascontiguousarray(r.features[:, places])) for r in recordings
    ], wider


def test_an_envelope_that_no_input_needs_is_left_out() -> None:
    windows, wider = with_envelope(small_windows(), small_config(classifier=False))
    result = search.search(windows, wider, Budget())
    assert result.chosen.core.envelope_bands == 0
    bare = search.search(small_windows(), small_config(classifier=False), Budget())
    assert [(c.name, c.recall, c.instructions) for c in result.anomaly] == [
        (c.name, c.recall, c.instructions) for c in bare.anomaly
    ]


def test_a_configuration_that_was_found_is_read_again(tmp_path: Path) -> None:
    chosen = found(Budget()).chosen
    config.write(tmp_path / "c.toml", chosen)
    assert config.load(str(tmp_path / "c.toml")) == chosen


def listed(folder: Path) -> Path:
    random = np.random.default_rng(1)
    rows = ["file,machine,session,label,rate_hz"]
    for i in range(8):
        np.save(folder / f"{i}.npy", random.normal(0, 1 + 2 * (i % 2), (40_000, 3)))
        rows.append(f"{i}.npy,m{i // 4},s{i},{'worn' if i % 2 else ''},3200")
    (folder / "m.csv").write_text("\n".join(rows) + "\n")
    return folder / "m.csv"


def test_the_command_names_a_model_that_fit_then_keeps_within_the_budget(tmp_path: Path) -> None:
    written = tmp_path / "found.toml"
    command = ["search", "--recordings", str(listed(tmp_path)), "--write-config", str(written)]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["by"] == "machine" and facts["frontier"] and facts["chosen"]["within_budget"]
    takes = facts["chosen"]["classifier"]["flash_bytes"]
    fit = ["fit", "--recordings", str(tmp_path / "m.csv"), "--config", str(written)]
    made = CliRunner().invoke(app, [*fit, "--out", str(tmp_path / "model"), "--max-flash", str(takes)])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "model" / "model.bin").stat().st_size == takes
    refused = CliRunner().invoke(app, [*fit, "--out", str(tmp_path / "other"), "--max-flash", str(takes - 1)])
    assert refused.exit_code == 1 and not (tmp_path / "other").exists()
    assert f"the model takes {takes:,} bytes; accepted: up to {takes - 1:,} (--max-flash)" in refused.stderr


def test_one_machine_cannot_be_left_out(tmp_path: Path) -> None:
    path = listed(tmp_path)
    path.write_text(path.read_text().replace(",m1,", ",m0,"))
    done = CliRunner().invoke(app, ["search", "--recordings", str(path), "--by", "machine"])
    assert done.exit_code == 1
    assert "split by machine: all 8 recordings have machine 'm0'; accepted: two or more" in done.stderr
