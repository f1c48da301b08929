"""`vibnode deploy`: onto a stock MicroPython at a pseudo-terminal, through mpremote's transport."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from board_on_pty import UnixBoard
from vibnode_fixtures import mpy_sets as mpy_sets
from vibnode_fixtures import stock_board as stock_board
from vibnode_fixtures import vibnode
from vibtool import deploying, facts
from vibtool.errors import ToolError
from vibtool.facts import Facts

from lab.rigs.boards import ROOT
from lab.rigs.firmware import wait_for

SAID = {
    "name": "micropython", "version": [1, 26, 1], "machine": "ESP32C3 module with ESP32C3", "mpy_version": 6,
    "mpy_sub": 3, "mpy_arch": 11, "fw": None, "fw_file": None, "flash_free": 1 << 20, "path": ["", ".frozen", "/lib"],
}  # fmt: skip


def test_it_copies_what_differs_and_starts_the_program(stock_board: UnixBoard, mpy_sets: Path) -> None:
    dry = vibnode("deploy", "--port", stock_board.port, "--from", mpy_sets, "--dry-run")
    assert dry.code == 0 and "would be written" in dry.out, dry.err
    assert list(stock_board.folder.iterdir()) == []

    first = vibnode("deploy", "--port", stock_board.port, "--from", mpy_sets)
    assert first.code == 0, first.err
    assert "set x64" in first.out
    for path in (mpy_sets / "x64").rglob("*.mpy"):
        copied = stock_board.folder / "lib" / path.relative_to(mpy_sets / "x64")
        assert copied.read_bytes() == path.read_bytes()
    wait_for("the program runs", lambda: b"vibnode: not provisioned" in stock_board.printed)

    (stock_board.folder / "lib/vibnode/clock.mpy").write_bytes(b"old")
    (stock_board.folder / "lib/vibnode/gone.mpy").write_bytes(b"of an older version")
    second = vibnode("deploy", "--port", stock_board.port, "--from", mpy_sets, "--no-start")
    assert "1 files written" in second.out and "1 out of date removed" in second.out
    assert not (stock_board.folder / "lib/vibnode/gone.mpy").exists()
    assert not list(stock_board.folder.rglob("*.new"))


def test_make_deploy_builds_and_copies_it(stock_board: UnixBoard) -> None:
    """As a person says it in a checkout. Only the Python environment is left as it is: this test runs in it."""
    command = ["make", "-o", "build/venv/installed", "deploy", f"PORT={stock_board.port}"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set x64, vibnode" in done.stdout and " files written, 0 were there" in done.stdout
    copied = stock_board.folder / "lib" / "vib.mpy"
    assert copied.read_bytes() == (ROOT / "build" / "natmod" / "x64" / "vib.mpy").read_bytes()
    wait_for("the program runs", lambda: b"vibnode: not provisioned" in stock_board.printed)
    done = subprocess.run(
        [*command[:-1], "PORT=/dev/none"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0 and "error: /dev/none: " in done.stderr, done.stderr


def test_another_program_is_not_overwritten(stock_board: UnixBoard, mpy_sets: Path) -> None:
    (stock_board.folder / "main.py").write_text("print('a clock')\n")
    refused = vibnode("deploy", "--port", stock_board.port, "--from", mpy_sets)
    assert refused.code == 1 and "main.py: is another program's" in refused.err
    assert (stock_board.folder / "main.py").read_text() == "print('a clock')\n"
    assert not (stock_board.folder / "lib").exists()
    assert vibnode("deploy", "-p", stock_board.port, "--from", mpy_sets, "--force", "--no-start").code == 0
    assert "vibnode" in (stock_board.folder / "main.py").read_text()


def test_a_folder_without_the_boards_set_is_named(
    stock_board: UnixBoard, mpy_sets: Path, tmp_path: Path
) -> None:
    (tmp_path / "rv32imc").symlink_to(mpy_sets / "rv32imc")
    refused = vibnode("deploy", "--port", stock_board.port, "--from", tmp_path)
    assert refused.code == 1 and refused.err.strip().endswith("no set for x64; accepted: rv32imc")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": [1, 24, 1]}, "micropython 1.24.1; accepted: MicroPython 1.25 or a later 1.x"),
        ({"version": [2, 0, 0]}, "accepted: MicroPython 1.25"),
        ({"name": "circuitpython", "version": [9, 2, 0]}, "circuitpython 9.2.0; accepted: MicroPython"),
        ({"mpy_arch": 0}, "built without native modules"),
        ({"mpy_version": 7}, "takes .mpy files of version 7.3; these are 6.3"),
        ({"mpy_sub": 2}, "takes .mpy files of version 6.2; these are 6.3"),
    ],
)
def test_a_micropython_that_cannot_run_it_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ToolError) as refused:
        facts.set_for("/dev/ttyACM0", Facts(SAID | changed))
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "arch"),
    [
        (2, "x64"),
        (4, "armv6m"),
        (5, "armv7m"),
        (6, "armv7m"),
        (7, "armv7emsp"),
        (8, "armv7emsp"),
        (10, "xtensawin"),
    ],
)
def test_the_set_follows_the_instruction_set(number: int, arch: str) -> None:
    assert facts.set_for("/dev/ttyACM0", Facts(SAID | {"mpy_arch": number})) == arch


def test_a_firmware_with_the_application_inside_is_left_alone(tmp_path: Path) -> None:
    board = UnixBoard(tmp_path)  # the virtual sensor, in which it is frozen
    try:
        refused = vibnode("deploy", "--port", board.port)
    finally:
        board.stop()
    assert refused.code == 1
    assert "is part of this board's firmware" in refused.err or "imports nothing from /lib" in refused.err


def test_a_small_flash_is_told_before_anything_is_written(mpy_sets: Path) -> None:
    from vibtool import sets

    chosen = sets.find("rv32imc", mpy_sets)
    everything = deploying.Plan(write=list(chosen.files), keep=[], remove=[])
    with pytest.raises(
        ToolError, match=r"65536 bytes of flash are free; accepted: \d+ or more; remove files"
    ):
        deploying.check_room("/dev/ttyACM0", Facts(SAID | {"flash_free": 65536}), chosen, everything)
    deploying.check_room("/dev/ttyACM0", Facts(SAID), chosen, everything)


def test_a_set_lists_what_it_holds(mpy_sets: Path) -> None:
    """So that mip installs the same files."""
    for arch in mpy_sets.iterdir():
        package = json.loads((arch / "package.json").read_text())
        files = {path.relative_to(arch).as_posix() for path in arch.rglob("*.mpy")}
        assert {source for _, source in package["urls"]} == files
        assert (arch / "vib.mpy").stat().st_size > 10000
