"""The accelerometers that are counted: how their FIFO looks on the bus, and which model runs behind each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TRANSFER_US = 28  # of an SPI, whatever its length, by ESP-IDF's documentation


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
        least_mhz: of the processors on which the guides use it; an ESP32-C3 has 160.
        overrun: register and bits that say that frames were lost; register 0: in the level's second byte.
        bus_hz: of its SPI or, if `is_i2c`, its I2C.
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
    overrun: tuple[int, int] = (0, 0)
    bus_hz: int = 10_000_000
    is_i2c: bool = False

    @property
    def burst_us(self) -> float:
        """How long the bus takes for a burst: each transfer by itself, and each byte its clocks."""
        data = self.burst_frames * self.frame_bytes
        clocks = 8 * (data + 2 * self.transactions)
        if self.is_i2c:  # the chip's address twice, the register, and a bit more for each byte
            clocks = 9 * (data + 4 * self.transactions)
        return self.transactions * TRANSFER_US + clocks * 1e6 / self.bus_hz

    def on_board(self, feeds: bool = False, paced: dict[str, int] | None = None) -> dict[str, Any]:
        """chip.json of lab/device/on_board.py: whether it is read in an interrupt; how its clock goes, see Paced."""
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
            "fifo_frames": self.fifo_frames,
            "overrun": self.overrun,
            "feeds": feeds,
            "paced": paced,
            "transfer_ns": TRANSFER_US * 1000,
            "ns_a_byte": round(8e9 / self.bus_hz),
        }


CHIPS = {
    "adxl345": Chip(
        "adxl345",
        3200,
        16,
        32,
        16,
        6,
        0x39,
        0x32,
        address_mask=0x3F,
        registers={0x00: 0xE5},
        transactions=17,
        overrun=(0x30, 1),
        bus_hz=5_000_000,
    ),
    "ism330dhcx": Chip(
        "ism330dhcx", 6667, 8, 512, 256, 7, 0x3A, 0x78, prefix=b"\x10", registers={0x0F: 0x6B}, overrun=(0, 8)
    ),
    "iis3dwb": Chip(
        "iis3dwb", 26667, 16, 512, 256, 7, 0x3A, 0x78, prefix=b"\x10", registers={0x0F: 0x7B}, overrun=(0, 8)
    ),
    "kx134": Chip(
        "kx134", 25600, 16, 86, 43, 6, 0x60, 0x63, level_unit=6, registers={0x13: 0x46}, least_mhz=240
    ),
}
