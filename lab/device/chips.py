"""The accelerometers that are counted: how their FIFO looks on the bus, and which model runs behind each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chip:
    """One chip at one rate.

    Attributes:
        name: of its driver.
        rate_hz, range_g: as configured.
        fifo_frames, burst_frames: that it holds, and that are read at once.
        frame_bytes: of a frame in the FIFO; `prefix` stands before each.
        level_register, data_register: where the FIFO's level and its data are read.
        level_unit: of the level, for each frame.
        address_mask: the bits of the first byte that are the register's number.
        registers: what else is asked for, by number.
        transactions: SPI transfers of a burst, its level included.
        orders: MHz at which the guides use it on an ESP32-C3; none: not there.
    """

    name: str
    rate_hz: float
    range_g: int
    fifo_frames: int
    burst_frames: int
    frame_bytes: int
    level_register: int
    data_register: int
    address_mask: int = 0x7F
    level_unit: int = 1
    prefix: bytes = b""
    registers: dict[int, int] = field(default_factory=dict)
    transactions: int = 3
    least_mhz: int = 160

    def on_board(self) -> dict[str, Any]:
        """chip.json of lab/device/on_board.py."""
        values = [self.registers.get(place, 0) for place in range(128)]
        return {
            "registers": values,
            "level_register": self.level_register,
            "data_register": self.data_register,
            "address_mask": self.address_mask,
            "level_unit": self.level_unit,
            "frame_bytes": self.frame_bytes,
            "burst_frames": self.burst_frames,
            "ns_a_frame": round(1e9 / self.rate_hz),
        }


CHIPS = {
    "adxl345": Chip(
        "adxl345", 3200, 16, 32, 16, 6, 0x39, 0x32, address_mask=0x3F, registers={0x00: 0xE5}, transactions=17
    ),
    "ism330dhcx": Chip(
        "ism330dhcx", 6667, 8, 512, 256, 7, 0x3A, 0x78, prefix=b"\x10", registers={0x0F: 0x6B}
    ),
    "iis3dwb": Chip("iis3dwb", 26667, 16, 512, 256, 7, 0x3A, 0x78, prefix=b"\x10", registers={0x0F: 0x7B}),
    "kx134": Chip(
        "kx134", 25600, 16, 86, 43, 6, 0x60, 0x63, level_unit=6, registers={0x13: 0x46}, least_mhz=240
    ),
}
