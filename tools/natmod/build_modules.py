"""Build vib.mpy for every instruction set whose compiler is on this machine, or for the one named with --arch.

Writes build/natmod/<arch>/vib.mpy, and build/natmod.json: {arch: {"bytes": size of the file, "ran_in": where the tests
have run this very file, or null}}.
"""

import argparse
import fcntl
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "natmod"
RECORD = ROOT / "build" / "natmod.json"
MAKEFILE = ROOT / "firmware" / "natmod" / "Makefile"
XTENSA_FROM_DEBIAN = ROOT / "build" / "xtensa" / "root" / "usr" / "bin" / "xtensa-lx106-elf-"
LOG_LINES = 30
LINKER_NEEDS = {"elftools": "pyelftools", "ar": "ar"}
"""Modules that MicroPython's linker imports, and the packages that bring them."""


class BuildError(Exception):
    """A module cannot be built; the message is one line."""


class Entry(TypedDict):
    """What build/natmod.json holds of an instruction set."""

    bytes: int
    ran_in: str | None


@dataclass(frozen=True)
class Architecture:
    """An instruction set, by MicroPython's name of it."""

    chips: str
    compilers: tuple[str, ...]
    """What a compiler's name may begin with, the best first."""
    source: str
    """Where a compiler comes from."""

    def compiler(self) -> str | None:
        """Return the beginning of the name of the compiler to use, None where there is none."""
        return next((prefix for prefix in self.compilers if shutil.which(f"{prefix}gcc")), None)


ARM = ("arm-none-eabi-",), "Debian's gcc-arm-none-eabi"
ARCHITECTURES = {
    "x64": Architecture(
        "this computer",
        ("",) if platform.machine() == "x86_64" else ("x86_64-linux-gnu-",),
        "Debian's gcc, on x86-64; else gcc-x86-64-linux-gnu",
    ),
    "armv6m": Architecture("Cortex-M0+: RP2040", *ARM),
    "armv7m": Architecture("Cortex-M3", *ARM),
    "armv7emsp": Architecture("Cortex-M4F: nRF52, STM32F4", *ARM),
    "rv32imc": Architecture(
        "RISC-V: ESP32-C3, ESP32-C6", ("riscv64-unknown-elf-",), "Debian's gcc-riscv64-unknown-elf"
    ),
    "xtensawin": Architecture(
        "Xtensa: ESP32, ESP32-S3",
        ("xtensa-esp32-elf-", str(XTENSA_FROM_DEBIAN)),
        "Espressif's toolchain; `make xtensa` puts one for tests together from Debian's packages",
    ),
}


def read_record() -> dict[str, Entry]:
    """Return what build/natmod.json holds; nothing where it does not exist."""
    record: dict[str, Entry] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return record


@contextmanager
def held_record() -> Iterator[dict[str, Entry]]:
    """What build/natmod.json holds, to be changed; it is written, whole or not at all, before another may change it."""
    with RECORD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = read_record()
        yield record
        _write_record(record)


def _write_record(record: dict[str, Entry]) -> None:
    partial = RECORD.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
    partial.replace(RECORD)


def empty_for(folder: Path, compiler: str) -> None:
    """Make sure that `folder` holds nothing that another compiler made."""
    stamp = folder / "compiler.txt"
    if not stamp.exists() or stamp.read_text() != compiler:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stamp.write_text(compiler)


def build(arch: str, compiler: str, micropython: Path) -> bool:
    """Build the module for `arch`; tell whether the file is another than before. BuildError if it cannot be built."""
    folder = BUILD / arch
    empty_for(folder, compiler)
    module = folder / "vib.mpy"
    before = module.read_bytes() if module.exists() else None
    # ARCH and the like of a make that calls this are not for this one.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES")
    }
    command = ["make", "--no-print-directory", "-f", str(MAKEFILE), f"ARCH={arch}", f"CROSS={compiler}"]
    command += [f"MPY_DIR={micropython}", f"PYTHON={sys.executable}", f"-j{os.cpu_count() or 1}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    (folder / "build.log").write_text(done.stdout)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-LOG_LINES:]), file=sys.stderr)
        raise BuildError(f"{arch}: vib.mpy not built, see {folder / 'build.log'}")
    return module.read_bytes() != before


def update(architectures: list[str], micropython: Path) -> dict[str, Entry]:
    """Build those of `architectures` that have a compiler; record, and return, all that are built."""
    changed = {}
    for arch in architectures:
        compiler = ARCHITECTURES[arch].compiler()
        if compiler is not None:
            changed[arch] = build(arch, compiler, micropython)
    with held_record() as record:
        for arch in changed:
            ran_in = None if changed[arch] or arch not in record else record[arch]["ran_in"]
            record[arch] = {"bytes": (BUILD / arch / "vib.mpy").stat().st_size, "ran_in": ran_in}
        for arch in list(record):
            if not (BUILD / arch / "vib.mpy").exists():
                del record[arch]
    return record


def table(record: dict[str, Entry]) -> str:
    """Return a line for each instruction set: size, chips, and where it has run or what it needs."""
    lines = [f"{'vib.mpy for':<12}{'bytes':>7}  {'chips':<27} ran in"]
    for arch, architecture in ARCHITECTURES.items():
        size = f"{record[arch]['bytes']}" if arch in record else "-"
        note = (record[arch]["ran_in"] or "-") if arch in record else f"needs {architecture.source}"
        lines.append(f"{arch:<12}{size:>7}  {architecture.chips:<27} {note}")
    return "\n".join(lines)


def main() -> None:
    """Build, record, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--arch", help=f"one of {', '.join(ARCHITECTURES)}; all that have a compiler where left out"
    )
    parser.add_argument("--micropython", type=Path, required=True, help="MicroPython's source tree")
    options = parser.parse_args()
    if options.arch is not None and options.arch not in ARCHITECTURES:
        raise BuildError(f"ARCH={options.arch}: not an instruction set; one of {', '.join(ARCHITECTURES)}")
    if options.arch is not None and ARCHITECTURES[options.arch].compiler() is None:
        architecture = ARCHITECTURES[options.arch]
        names = " or ".join(f"{prefix}gcc" for prefix in architecture.compilers)
        raise BuildError(f"ARCH={options.arch}: no {names}; it comes with {architecture.source}")
    missing = [
        package for module, package in LINKER_NEEDS.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise BuildError(f"MicroPython's linker needs the Python packages {', '.join(missing)}: make venv")
    architectures = [options.arch] if options.arch is not None else list(ARCHITECTURES)
    print(table(update(architectures, options.micropython.resolve())))


if __name__ == "__main__":
    try:
        main()
    except BuildError as error:
        sys.exit(f"error: {error}")
