"""Which pins of a board the accelerometer is wired to, and which way it lies: its pins.csv and sensor.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
PLACES = (_HERE / "boards", _HERE.parents[1] / "boards")
PINS = {
    "spi": {"sck": "SPI_SCK", "mosi": "SPI_MOSI", "miso": "SPI_MISO", "cs": "SPI_CS", "int1": "INT1"},
    "i2c": {"scl": "I2C_SCL", "sda": "I2C_SDA", "int1": "INT1"},
}
"""Keys of a device's `sensor`, and the names of the pins."""


def read_pins(path: Path) -> dict[str, int]:
    """Name and GPIO number of each pin in a pins.csv as MicroPython's ports have it."""
    rows = [line.split(",") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: int(pin.removeprefix("GPIO")) for name, pin in rows}


def board_of(chip: str | None) -> Path | None:
    """The folder of the board with `chip` (such as ESP32-C3), None where there is none."""
    if chip is None:
        return None
    name = "VIBNODE_" + chip.replace("-", "")
    return next((place / name for place in PLACES if (place / name).is_dir()), None)


def read_orientation(path: Path) -> list[str]:
    """The device's axes as the sensor's, of a sensor.toml (docs/DRIVERS.md)."""
    axes: list[str] = tomllib.loads(path.read_text())["orientation"]
    return axes


def pulse_pin(pulse: dict[str, Any], chip: str | None) -> dict[str, Any]:
    """`pulse`, that section of a device, with the board's pin where it names none."""
    folder = board_of(chip)
    if folder is None or "pin" in pulse:
        return pulse
    return {"pin": read_pins(folder / "pins.csv")["PULSE"], **pulse}


def fill_in(sensor: dict[str, Any], chip: str | None) -> dict[str, Any]:
    """`sensor` with the pins and the orientation that it leaves open, where it names a bus and none of the bus's pins.

    With pins of its own it is not the board's sensor, and its axes are the chip's unless it says otherwise.
    """
    names = PINS.get(str(sensor.get("bus")))
    folder = board_of(chip)
    if names is None or folder is None or any(key in sensor for key in names if key != "int1"):
        return sensor
    pins = read_pins(folder / "pins.csv")
    filled: dict[str, Any] = {key: pins[name] for key, name in names.items()}
    filled["orientation"] = read_orientation(folder / "sensor.toml")
    if sensor.get("driver") == "mpu6050":  # has no pin that tells of a burst
        filled.pop("int1", None)
    return {**sensor, **filled, **{key: value for key, value in sensor.items() if key in filled}}
