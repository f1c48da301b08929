"""Write wiring.svg and deploy.md of each ESP32 board from its pins.csv, its sensor.toml and boards/chips.toml."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "boards"

LINE, WIDTH, BOX = 34, 640, 180
TOP = 70
ARROW, AXES_HEIGHT = 44, 110  # of the drawing of the axes
COLOURS = {
    "3V3": "#c62828",
    "GND": "#37474f",
    "SPI_SCK": "#1565c0",
    "SPI_MOSI": "#2e7d32",
    "SPI_MISO": "#ef6c00",
    "SPI_CS": "#6a1b9a",
    "INT1": "#00838f",
}
# Pin of the board; what it is called on breakouts of the accelerometers.
SPI_WIRES = {
    "3V3": "VCC, VDD",
    "GND": "GND",
    "SPI_SCK": "SCL, SCLK, SPC",
    "SPI_MOSI": "SDA, SDI",
    "SPI_MISO": "SDO",
    "SPI_CS": "CS",
    "INT1": "INT1",
}
I2C_WIRES = {"3V3": "VCC, VDD and CS", "GND": "GND", "I2C_SCL": "SCL", "I2C_SDA": "SDA", "INT1": "INT1"}


@dataclass(frozen=True)
class Board:
    """A board's folder and what stands in it. `chip`: its entry of chips.toml; `orientation`: of its sensor.toml."""

    folder: Path
    product: str
    chip: dict[str, Any]
    pins: dict[str, str]
    orientation: list[str]

    def place(self, wire: str) -> str:
        """The name of a wire's place on the board."""
        return self.pins.get(wire, wire)


def boards() -> list[Board]:
    """Every ESP32 board."""
    chips = tomllib.loads((BOARDS / "chips.toml").read_text())
    found = []
    for path in sorted(BOARDS.glob("*/board.json")):
        said = json.loads(path.read_text())
        rows = [
            line.split(",") for line in (path.parent / "pins.csv").read_text().splitlines() if line[:1] != "#"
        ]
        product = said["product"].removeprefix("Vibnode on ")
        axes = tomllib.loads((path.parent / "sensor.toml").read_text())["orientation"]
        found.append(Board(path.parent, product, chips[said["mcu"]], {row[0]: row[1] for row in rows}, axes))
    return found


def picture(board: Board) -> str:
    """The SPI wiring as SVG."""
    bottom = TOP + LINE * len(SPI_WIRES)
    height = bottom + AXES_HEIGHT
    right = WIDTH - BOX - 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="14">',
        f"<title>{board.product} to an accelerometer by SPI</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _box(10, board.product, height),
        _box(right, "accelerometer (SPI)", height),
    ]
    for i, (wire, there) in enumerate(SPI_WIRES.items()):
        y = TOP + LINE * i
        parts += [
            f'<line x1="{10 + BOX}" y1="{y}" x2="{right}" y2="{y}" stroke="{COLOURS[wire]}" stroke-width="3"/>',
            f'<text x="{BOX}" y="{y + 5}" text-anchor="end">{board.place(wire)}</text>',
            f'<text x="{WIDTH // 2}" y="{y - 5}" text-anchor="middle" fill="{COLOURS[wire]}">{_signal(wire)}</text>',
            f'<text x="{right + 10}" y="{y + 5}">{there}</text>',
        ]
    return "\n".join([*parts, *_axes(board, right + 50, bottom + AXES_HEIGHT - 40), "</svg>"]) + "\n"


def _axes(board: Board, x: int, y: int) -> list[str]:
    """The sensor's axes as breakouts print them, x right, y up, z out; named as the device's."""
    names = {
        axis[1]: ("-" if axis[0] == "-" else "") + name
        for name, axis in zip("xyz", board.orientation, strict=True)
    }
    arrow = '<path d="M{0} {1}L{2} {3}M{4}" fill="none" stroke="#37474f" stroke-width="2"/>'
    tip_x, tip_y = x + ARROW, y - ARROW
    return [
        arrow.format(x, y, tip_x, y, f"{tip_x - 7} {y - 4}L{tip_x} {y}L{tip_x - 7} {y + 4}"),
        arrow.format(x, y, x, tip_y, f"{x - 4} {tip_y + 7}L{x} {tip_y}L{x + 4} {tip_y + 7}"),
        f'<circle cx="{x}" cy="{y}" r="7" fill="#ffffff" stroke="#37474f" stroke-width="2"/>',
        f'<circle cx="{x}" cy="{y}" r="2" fill="#37474f"/>',
        f'<text x="{tip_x + 6}" y="{y + 5}">{names["x"]}</text>',
        f'<text x="{x + 10}" y="{tip_y + 8}">{names["y"]}</text>',
        f'<text x="{x - 12}" y="{y + 5}" text-anchor="end">{names["z"]}</text>',
    ]


def notes(board: Board) -> str:
    """deploy.md."""
    offset = f"{board.chip['flash_offset']:#x}" if board.chip["flash_offset"] else "0"
    return f"""\
<!-- Written by tools/boards/wiring.py from pins.csv and sensor.toml. -->
# {board.product}

For modules with an {board.chip["name"]} and 4 MB of flash or more. `make firmware BOARD={board.folder.name}`
builds firmware with the application inside; a stock MicroPython takes the `{board.chip["native"]}` files of
`vibnode deploy`.

    vibnode flash build/firmware/{board.folder.name}/firmware.bin
    vibnode provision site.toml motor-1

(`vibnode flash` runs esptool; the image begins at {offset}.)

## Wiring

![Wires from the board to the accelerometer](wiring.svg)

By SPI, which full rate needs:

{_table(board, SPI_WIRES)}

By I2C, for the chips and rates that [DRIVERS.md](../../docs/DRIVERS.md) gives for it:

{_table(board, I2C_WIRES)}

A speed probe (`pulse` in the site file) has its output at {board.place("PULSE")}:
[HARDWARE.md](../../docs/HARDWARE.md#a-speed-probe).

INT1 may be left out; then the sensor's FIFO is polled. Wires of SPI no longer than 10 cm at its full clock; else set
`bus_hz` lower. None of these pins is {_avoided(board.chip)}.

## Axes

{_axes_in_words(board)}
The arrows in the picture are those that breakouts print, z pointing out of them. `vibnode selftest` says which axis
points up. A sensor that lies otherwise says so in the site file: `orientation = ["+y", "-x", "+z"]` makes the
device's x the sensor's y ([DRIVERS.md](../../docs/DRIVERS.md)).
"""


def _axes_in_words(board: Board) -> str:
    x, y, z = board.orientation
    return f"In all that a device says and records x is the accelerometer's {x}, y its {y} and z its {z}."


def _table(board: Board, wires: dict[str, str]) -> str:
    rows = [f"| {board.place(wire)} | {_signal(wire)} | {there} |" for wire, there in wires.items()]
    return "\n".join(
        ["| pin of the board | signal | pin of the accelerometer |", "| --- | --- | --- |", *rows]
    )


def _avoided(chip: dict[str, Any]) -> str:
    usb = f", USB's ({_numbers(chip['usb'])})" if chip["usb"] else ""
    return (
        f"one that chooses how the chip starts ({_numbers(chip['strapping'])}), the flash's ({_numbers(chip['flash'])})"
        f"{usb} or the serial port's ({_numbers(chip['uart'])})"
    )


def _numbers(pins: list[int]) -> str:
    return ", ".join(str(pin) for pin in pins)


def _signal(wire: str) -> str:
    return {"3V3": "3.3 V", "GND": "ground", "INT1": "interrupt"}.get(wire, wire.partition("_")[2])


def _box(x: int, title: str, height: int) -> str:
    return (
        f'<rect x="{x}" y="10" width="{BOX}" height="{height - 20}" rx="8" fill="#eceff1" stroke="#37474f"/>'
        f'<text x="{x + BOX // 2}" y="36" text-anchor="middle" font-weight="bold">{title}</text>'
    )


def written() -> dict[Path, str]:
    """Every file that this script writes, and its contents."""
    files = {}
    for board in boards():
        files[board.folder / "wiring.svg"] = picture(board)
        files[board.folder / "deploy.md"] = notes(board)
    return files


if __name__ == "__main__":
    for file, text in written().items():
        file.write_text(text)
