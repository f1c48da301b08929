"""docs/TRAINING.md: its commands run as they stand, and it knows every field."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from vibtrain.data import manifest
from vibtrain.features import config

GUIDE = (Path(__file__).parents[1] / "docs" / "TRAINING.md").read_text()
COMMANDS = re.findall(r"^    \$ vibtrain (.+)$", GUIDE, re.M)
OF_SEARCH = ("search ", "mine.toml")  # a minute; test_training_search.py runs it


def test_its_commands_run_in_order(tmp_path: Path) -> None:
    vibtrain = Path(sys.executable).with_name("vibtrain")
    ran = [command for command in COMMANDS if not any(word in command for word in OF_SEARCH)]
    assert len(ran) == len(COMMANDS) - 2 >= 6
    for command in ran:
        done = subprocess.run(
            [vibtrain, *command.split()],
            cwd=tmp_path,
            env=os.environ | {"VIBNODE_DATA": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert {path.name for path in tmp_path.iterdir()} == {
        "plant", "guessed.csv", "model", "report.html", "report.json",
    }  # fmt: skip


def fields_of(kind: type) -> Iterator[str]:
    """Names of the fields, tables within left out."""
    for field in dataclasses.fields(kind):
        nested = getattr(config, str(field.type), None)
        if dataclasses.is_dataclass(nested):
            yield from fields_of(nested)  # type: ignore[arg-type]
        else:
            yield field.name


@pytest.mark.parametrize("name", [*fields_of(config.TrainingConfig), *manifest.FIELDS])
def test_it_says_what_a_field_means(name: str) -> None:
    assert f"`{name}`" in GUIDE


def test_it_names_no_field_that_is_not_there() -> None:
    known = {*fields_of(config.TrainingConfig), *manifest.FIELDS}
    rows = re.findall(r"^\| (?:`\[[\w.]+\]`)? ?\| ([^|]+) \|", GUIDE, re.M)
    assert rows
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= known
