"""The instruction sets that are measured: how to compile for each, and how to run the result and count."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Level, contraction and warnings as the firmware compiles these files (micropython.mk). A section to each object tells
# what every part takes of the flash.
CORE_FLAGS = (
    "-std=c99",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
)
LEVEL = "-O2"

SEMIHOSTING = (
    *("-display", "none", "-monitor", "none", "-serial", "none", "-chardev", "stdio,id=host"),
    *("-semihosting-config", "enable=on,target=native,chardev=host"),
)


@dataclass(frozen=True)
class Target:
    """One instruction set.

    Attributes:
        name: as the figures are called.
        title: for people.
        cc, size: its compiler, and its binutils' `size`.
        flags: instruction set, ABI and library.
        link: linker flags.
        run: the command before the program's path; empty: under callgrind.
    """

    name: str
    title: str
    cc: str
    size: str
    flags: tuple[str, ...]
    link: tuple[str, ...] = ()
    run: tuple[str, ...] = ()

    @property
    def bare_metal(self) -> bool:
        return bool(self.run)


def _picolibc(flash: str, ram: str) -> tuple[str, ...]:
    """Both memories roomy: where things lie does not change what they cost."""
    sizes = {"__flash_size": "0x200000", "__ram_size": "0x100000", "__stack_size": "0x4000"}
    places = {"__flash": flash, "__ram": ram} | sizes
    return (
        "--crt0=hosted",
        "--oslib=semihost",
        *(f"-Wl,--defsym={name}={at}" for name, at in places.items()),
    )


RV32 = Target(
    name="rv32",
    title="RV32IMC",
    cc="riscv64-unknown-elf-gcc",
    size="riscv64-unknown-elf-size",
    # Since ISA specification 2019-12-13 reading a counter is an extension of its own, which gcc 12 has no library for.
    flags=("-march=rv32imc", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs"),
    link=_picolibc("0x80000000", "0x80200000"),
    run=("qemu-system-riscv32", "-M", "virt", "-bios", "none", *SEMIHOSTING, "-icount", "shift=0", "-kernel"),
)


def _cortexm(name: str, title: str, board: str, *flags: str) -> Target:
    return Target(
        name=name,
        title=title,
        cc="arm-none-eabi-gcc",
        size="arm-none-eabi-size",
        flags=("-mthumb", *flags, "--specs=picolibc.specs"),
        link=_picolibc("0", "0x20000000"),
        run=("qemu-system-arm", "-M", board, *SEMIHOSTING, "-icount", "shift=6", "-kernel"),
    )


TARGETS = (
    RV32,
    _cortexm("cortexm3", "Cortex-M3", "mps2-an385", "-mcpu=cortex-m3"),
    _cortexm(
        "cortexm4f", "Cortex-M4F", "mps2-an386", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"
    ),
    Target(
        name="x86_64",
        title="x86-64",
        cc=os.environ.get("CC", "cc"),
        size="size",
        flags=("-fno-pie",),
        link=("-no-pie",),
    ),
)
