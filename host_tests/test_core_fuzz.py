"""A short run of each fuzzer, always the same; `make fuzz` goes on for millions. And that the fuzzers see faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from vib import sources

from lab.fuzz import harness

CORE = sources.folder()

RUNS = {"model": 30_000, "stream": 10_000, "lanes": 20_000}


def fuzz(program: Path, name: str, folder: Path) -> harness.Figures:
    return harness.finish(harness.start(program, name, folder, RUNS[name], seed=1), folder)


@pytest.mark.parametrize("name", harness.NAMES)
def test_no_bytes_bring_the_core_down(tmp_path: Path, name: str) -> None:
    figures = fuzz(harness.build(name, tmp_path), name, tmp_path)
    assert figures.executions >= RUNS[name]
    assert figures.edges > 200, "the harness does not get past the first checks"


PLANTED = [
    ("model", "vib_model.c", "inputs[i] < n_features", "inputs[i] < n_features + 999"),
    ("model", "vib_model.c", "link <= i || link >= end", "false"),
    ("model", "vib_model.c", "m->whiten_shifts[k] > 31", "false"),
    ("stream", "vib_window.c", "return n < left ? n : left;", "return n + 0 * left;"),
    ("stream", "vib_window.c", "n < core->skip ? n : core->skip", "core->skip + 0 * n"),
    ("lanes", "vib_envelope.c", "21 * VIB_LOG2_ONE", "20 * VIB_LOG2_ONE"),
]


@pytest.mark.parametrize(("name", "file", "right", "wrong"), PLANTED)
def test_a_planted_fault_is_found(tmp_path: Path, name: str, file: str, right: str, wrong: str) -> None:
    copies = [Path(shutil.copy(source, tmp_path)) for source in sorted(CORE.glob("vib_*.c"))]
    text = (tmp_path / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong))
    program = harness.build(name, tmp_path / "planted", copies)
    with pytest.raises(harness.FuzzFailure, match="SUMMARY: "):
        fuzz(program, name, tmp_path / "planted")
