"""docs/TRAINING.md knows every field; test_tool_wheel.py runs its commands."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from vibtrain.data import manifest
from vibtrain.features import config

GUIDE = (Path(__file__).parents[1] / "docs" / "TRAINING.md").read_text()


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
