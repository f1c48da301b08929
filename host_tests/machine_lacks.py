"""Skips that are right even where every tool must be there: what this machine lacks and nothing here can bring.

Any other skip, such as that of a test whose emulator is not installed, is a failure with `--no-missing-tool`.
"""

from __future__ import annotations

from typing import NoReturn

import pytest
from vibtrain.data import registry


class MachineLacks(pytest.skip.Exception):  # type: ignore[name-defined, misc]
    """The reason of such a skip."""


def skip_for_want_of(what: str) -> NoReturn:
    """Leave the test out: the machine has no `what`, which no tool installs."""
    raise MachineLacks(f"the machine lacks {what}")


def machine_needs(what: str, *, there: bool) -> pytest.MarkDecorator:
    """A mark: leave the test out unless `what` is there."""
    return pytest.mark.machine_needs(what, there=there)


def have_recordings(dataset: str) -> bool:
    """Whether every file of a data set is on this machine."""
    return not registry.find(registry.dataset(dataset))[1]


def needs_recordings(dataset: str) -> pytest.MarkDecorator:
    """A mark: leave the test out unless the recordings of a data set are there."""
    return machine_needs(f"the recordings of {dataset} (VIBNODE_DATA)", there=have_recordings(dataset))
