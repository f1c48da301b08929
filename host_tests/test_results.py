"""`make results`: its two files say what the commands said, and nothing is written where a command fails."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import vib
from vibtrain.features.config import Selection
from vibtrain.judging import evaluate

from lab.rigs.small_model import small_model_binary, small_windows

SCRIPT = Path(__file__).parents[1] / "lab" / "results.py"


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
    command = [sys.executable, str(SCRIPT), "--markdown", str(out[0]), "--json", str(out[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith("error: adi-motor: files not found; tried") and done.stderr.count("\n") == 1
    assert not any(path.exists() for path in out)
