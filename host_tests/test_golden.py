"""The golden vectors on every target: C with sanitizers, CPython, each board, each native module."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from natmod_fixtures import INTERPRETERS, Interpreter, run_native

from lab.rigs.boards import ALL_BOARDS, ROOT, run

GOLDEN = ROOT / "lab" / "golden"
FOLDER = ROOT / "training" / "vib" / "golden"
CORE = ROOT / "firmware" / "cmodules" / "vib"
SCRIPT = (GOLDEN / "check_golden.py").read_text()
VECTORS = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
SAID = "golden: 20 windows 10 streams 72 rows\n"


def test_making_them_again_changes_nothing() -> None:
    assert runpy.run_path(str(GOLDEN / "make_golden.py"))["files"]() == VECTORS


@pytest.mark.parametrize("name", [name for name in VECTORS if name.endswith(".scores")])
def test_the_answers_are_worth_comparing(name: str) -> None:
    n = int(np.frombuffer(VECTORS[name], "<u4", count=1)[0])
    answers = np.frombuffer(VECTORS[name], "<i2")[4 + n :].reshape(24, n + 6)[:, -6:]
    assert len(set(answers[:, 0])) > 12 and len(set(answers[:, 1])) > 12
    assert len(set(answers[:, 4])) > 12 and len(set(answers[:, 5])) > 12
    assert set(answers[:, 2]) == {0, 1, 2} and set(answers[:, 3]) == {0, 1}


def test_c_with_sanitizers(tmp_path: Path) -> None:
    program = tmp_path / "check"
    flags = ["-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    sources = [str(GOLDEN / "check_golden.c"), *map(str, sorted(CORE.glob("vib_*.c")))]
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, *flags, "-fno-sanitize-recover=all", "-I", CORE, *sources, "-o", program], check=True
    )
    done = subprocess.run([program, FOLDER], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, SAID), done.stderr


def test_cpython() -> None:
    done = subprocess.run(
        [sys.executable, GOLDEN / "check_golden.py"], cwd=FOLDER, capture_output=True, text=True
    )
    assert done.stdout == SAID, done.stderr


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_board(board: str) -> None:
    assert run(board, SCRIPT, files=VECTORS).stdout == SAID


@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=str)
def test_native_module(interpreter: Interpreter) -> None:
    assert run_native(interpreter, SCRIPT, VECTORS)[1].stdout == SAID


def test_a_wrong_vector_is_noticed() -> None:
    """One bit of one feature, in the middle of the file."""
    data = bytearray(VECTORS["windows.bin"])
    data[72 + 64 * 3 * 2] ^= 1
    done = run("UNIX", SCRIPT, files=VECTORS | {"windows.bin": bytes(data)}, exit_code=1)
    assert "AssertionError" in done.stdout
