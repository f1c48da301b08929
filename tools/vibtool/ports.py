"""Serial ports: which ones a board may be at, and which one to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vibtool.errors import ToolError

if TYPE_CHECKING:
    from vibtool.board import Board

USB_MAKERS = {
    0x303A: "Espressif's own USB",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH34x",
    0x0403: "FTDI",
    0x2E8A: "Raspberry Pi",
}
"""USB vendor numbers of what is on boards that run MicroPython."""


@dataclass(frozen=True)
class Port:
    """A serial port with something on USB behind it."""

    path: str
    what: str
    serial_number: str


def boards() -> list[Port]:
    """Every port on USB, those of makers known from boards first."""
    from serial.tools import list_ports

    found = [port for port in list_ports.comports() if port.vid is not None]
    found.sort(key=lambda port: (port.vid not in USB_MAKERS, port.device))
    return [
        Port(port.device, USB_MAKERS.get(port.vid, port.description or "?"), port.serial_number or "")
        for port in found
    ]


def choose(wanted: str | None) -> str:
    """`wanted`, or the only board's port. Raises ToolError where there is none, or a choice."""
    if wanted is not None:
        return wanted
    found = boards()
    if not found:
        raise ToolError(
            "no board found on USB: plug it in with a cable that carries data, or name its port with --port"
        )
    if len(found) > 1:
        names = ", ".join(port.path for port in found)
        raise ToolError(f"{len(found)} boards found; accepted: one, named with --port: {names}")
    return found[0].path


def board_at(wanted: str | None) -> Board:
    """The board at the port `wanted`, or the only one there is, taken over. Raises ToolError."""
    port = choose(wanted)
    from vibtool.board import Board

    return Board(port)
