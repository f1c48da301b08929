"""`make results`: its two files say what the commands said, and nothing is written where a command fails."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import vib
from vibtrain.data import manifest
from vibtrain.features.config import Selection
from vibtrain.judging import evaluate

from lab import scikit_learn_peer, sets_at_hand
from lab.rigs.small_model import small_config, small_model_binary, small_windows

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "lab" / "results.py"


@pytest.fixture(scope="module")
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["results"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    judged = evaluate.evaluate(
        vib.Model(small_model_binary()), small_windows(seed=3), Selection(machine=("a",)).admits
    )
    through_json: dict[str, Any] = json.loads(json.dumps(evaluate.summary(judged)))
    return through_json


def test_the_page_names_commands_and_figures(results: ModuleType, figures: dict[str, Any]) -> None:
    row = results.Row("set.cold", "no baseline", figures)
    text = results.markdown(
        [results.Section("Set", "Why.", ["vibtrain evaluate x"], [row], row, ["too short"])]
    )
    assert "## Set" in text and "vibtrain evaluate x" in text and "Not to be had: too short." in text
    (line,) = [line for line in text.splitlines() if line.startswith("| no baseline")]
    assert f"{figures['episodes_detected']} of {figures['episodes']}" in line
    assert "In words, of *no baseline*: False alarms:" in text


def test_the_numbers_are_flat_and_keep_their_intervals(results: ModuleType, figures: dict[str, Any]) -> None:
    row = results.Row("set.cold", "no baseline", figures)
    numbers = results.flat([results.Section("Set", "Why.", [], [row], None)])
    assert all(isinstance(value, int | float) for value in numbers.values())
    assert numbers["set.cold.window_auc"] == figures["window_auc"]
    low, high = figures["intervals"]["false_alarms_per_day"]
    assert (numbers["set.cold.false_alarms_per_day_low"], numbers["set.cold.false_alarms_per_day_high"]) == (
        low,
        high,
    )


def test_without_recordings_nothing_is_written(tmp_path: Path) -> None:
    nowhere = {
        "VIBNODE_DATA": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",
    }
    out = [tmp_path / "RESULTS.md", tmp_path / "results.json"]
    command = [sys.executable, "-m", "lab.results", "--markdown", str(out[0]), "--json", str(out[1])]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | nowhere, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: adi-motor: files not found; tried") and done.stderr.count("\n") == 1
    assert not any(path.exists() for path in out)


def test_scikit_learn_beside_it_is_judged_by_the_same_windows_and_no_others(results: ModuleType) -> None:
    """Machines of the small set differ by far more than their faults: a distance from the mean of one calls the other
    faulty throughout, by either threshold, for with one machine nothing can be left out."""
    lines = scikit_learn_peer.compare("small", small_windows(per_recording=80), small_config(), "machine")
    assert [line.judge.split(",")[0] for line in lines] == ["vibnode", "scikit-learn", "scikit-learn"]
    assert all((line.faults, line.healthy) == (4, 2) for line in lines)
    plain = lines[1]
    assert (plain.found, plain.wrong, plain.recall, plain.healthy_over) == (4, 2, 1, 1)
    section = results.Section("Beside", "Why.", ["make results"], [], None, beside=lines)
    rows = [text for text in results.markdown([section]).splitlines() if "scikit-learn, threshold" in text]
    assert len(rows) == 2 and all(row.endswith("| 1 | 1 | 4 of 4 | 2 of 2 |") for row in rows)
    assert results.flat([section])["small.by_machine.vibnode.faults"] == 4


@pytest.mark.parametrize("name", ["gearbox", "pronostia"])
def test_a_set_that_is_not_at_hand_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("VIBNODE_DATA", str(tmp_path / "data"))
    assert sets_at_hand.manifests(tmp_path / "out") == {}
    folder = tmp_path / "data" / name / ("Bearing9_9" if name == "pronostia" else "")
    folder.mkdir(parents=True)
    files = (
        [f"acc_{i:05d}.csv" for i in range(100)]
        if name == "pronostia"
        else ["h30hz0.csv.gz", "b30hz0.csv.gz"]
    )
    for file in files:
        (folder / file).write_bytes(
            gzip.compress(b"a1,a2,a3,a4\n" + b"1,2,3,4\n" * 9) if file.endswith("gz") else b""
        )
    listed = manifest.catalogue(sets_at_hand.manifests(tmp_path / "out")[name])
    labels = Counter(entry.label for entry in listed)
    expected = (
        {"healthy": 20, "unknown": 77, "worn": 3}
        if name == "pronostia"
        else {"healthy": 1, "broken-tooth": 1}
    )
    assert labels == expected
