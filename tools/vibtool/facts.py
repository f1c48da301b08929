"""What a board says of itself, and whether the application can run there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vibtool.errors import ToolError

if TYPE_CHECKING:
    from vibtool.board import Board

DEVICE_FILE = "device.json"
OLDEST = (1, 25)
BEFORE = (2, 0)
TRIED = "1.25 and 1.29"
MPY = (6, 3)  # version of .mpy files, and of the native code in them
# In the order of MicroPython's own numbers (py/persistentcode.h); a set runs on what stands beside it.
INSTRUCTION_SETS = (
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc", "rv64imc",
)  # fmt: skip
TAKES_THE_SET_OF = {"armv7em": "armv7m", "armv7emdp": "armv7emsp"}
CHIPS = ("ESP32-S3", "ESP32-C3", "ESP32-C6", "ESP32")


@dataclass(frozen=True)
class Facts:
    """A board's interpreter, room and application. `said`: all of on_device/facts.py."""

    said: dict[str, Any]

    @property
    def version(self) -> str:
        """Of MicroPython."""
        return ".".join(str(part) for part in self.said["version"])

    @property
    def machine(self) -> str:
        """The board and its chip, in MicroPython's words."""
        return str(self.said["machine"])

    @property
    def instruction_set(self) -> str | None:
        """That of native modules, None where the interpreter loads none."""
        number = int(self.said["mpy_arch"])
        return INSTRUCTION_SETS[number] if number < len(INSTRUCTION_SETS) else None

    @property
    def chip(self) -> str | None:
        """The ESP32 that it is, by Espressif's name; None for another."""
        name = self.machine.upper().replace("-", "")
        return next((chip for chip in CHIPS if chip.replace("-", "") in name), None)

    @property
    def is_frozen(self) -> bool:
        """The application is part of the firmware."""
        return self.said["fw"] is not None and "lib/" not in (self.said["fw_file"] or "")


def ask(board: Board) -> Facts:
    """The facts. Raises ToolError."""
    said = board.run("facts")
    if len(said) != 1:
        raise ToolError(f"{board.port}: does not say what it is; nothing was changed")
    return Facts(said[0])


def require_sensor(board: Board) -> None:
    """Raise ToolError unless the application and a configuration are on the board."""
    if ask(board).said["core"] is None:
        raise ToolError(f"{board.port}: there is no vibnode on this board yet: vibnode deploy")
    if not board.digests([DEVICE_FILE]):
        raise ToolError(f"{board.port}: this board is no sensor yet: vibnode provision SITE.toml DEVICE")


def set_for(port: str, facts: Facts) -> str:
    """The name of the set of .mpy files that runs there. Raises ToolError where none does."""
    version = tuple(facts.said["version"])
    if facts.said["name"] != "micropython" or not OLDEST <= version[:2] < BEFORE:
        raise ToolError(
            f"{port}: {facts.said['name']} {facts.version}; accepted: MicroPython {OLDEST[0]}.{OLDEST[1]} or a later "
            f"1.x (tried: {TRIED}); flash one: vibnode flash FIRMWARE.bin"
        )
    arch = facts.instruction_set
    if arch is None:
        raise ToolError(f"{port}: this MicroPython was built without native modules; flash another one")
    mpy = (facts.said["mpy_version"], facts.said["mpy_sub"])
    if mpy != MPY:
        raise ToolError(
            f"{port}: takes .mpy files of version {mpy[0]}.{mpy[1]}; these are {MPY[0]}.{MPY[1]}: flash a MicroPython "
            f"of {TRIED.replace(' and ', ' to ')}"
        )
    return TAKES_THE_SET_OF.get(arch, arch)
