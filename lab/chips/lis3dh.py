"""LIS3DH, simulated from the data sheet DS6839 and, for the FIFO's flags, the application note AN3308."""

from .chip import Chip, low_high

RATES_HZ = (0, 1, 10, 25, 50, 100, 200, 400, 1600, 1344)


class Lis3dh(Chip):
    """12, 10 or 8 bits by mode, at the upper end of 16. OVRN means full: 32 unread frames."""

    WHO_AM_I_AT = 0x0F
    I2C_ADDRESS = 0x18
    POWER_ON = {0x0F: 0x33, 0x1E: 0x10, 0x20: 0x07}
    WRITABLE = {
        0x1E: 0xFF,
        0x1F: 0xC0,
        0x20: 0xFF,
        0x21: 0xFF,
        0x22: 0xF6,
        0x23: 0xFF,
        0x24: 0xCF,
        0x25: 0xFA,
        0x2E: 0xFF,
    }
    TYPICAL_SELF_TEST_G = (0.4, 0.4, 0.4)

    def reset_state(self) -> None:
        self._output = bytearray(6)

    def spi_command(self, byte: int) -> None:
        self.address = byte & 0x3F
        self.counts_up = bool(byte & 0x40)

    def i2c_register(self, byte: int) -> None:
        self.address = byte & 0x7F
        self.counts_up = bool(byte & 0x80)

    def rate_hz(self):
        """0 in power-down."""
        rate_hz = RATES_HZ[min(9, self.registers[0x20] >> 4)]
        return 5376 if rate_hz == 1344 and self._bits() == 8 else rate_hz

    def scale(self):
        bits = self._bits()
        lsb_g = (0.001, 0.002, 0.004, 0.012)[self.registers[0x23] >> 4 & 3] * (1 << 12 - bits)
        return lsb_g, -(1 << bits - 1), (1 << bits - 1) - 1

    def convert(self, frame_g):
        if self.registers[0x21] & 0x08:  # the high-pass path: nothing of what is slow
            return [0, 0, 0]
        frame = [count << 16 - self._bits() for count in super().convert(frame_g)]
        return [frame[axis] if self.registers[0x20] >> axis & 1 else 0 for axis in range(3)]

    def in_self_test(self) -> int:
        return self.registers[0x23] >> 1 & 3 == 1

    def after(self, address: int) -> int:
        if address == 0x2D and self._streams():
            return 0x28
        return super().after(address)

    def read(self, address: int) -> int:
        if address == 0x2F:
            return self._source()
        if 0x28 <= address <= 0x2D:
            if address == 0x28 and self.fifo:
                self._output = low_high(self.fifo.pop(0))
            return self._output[address - 0x28]
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        super().write(address, value)
        if not self._streams():
            self.fifo = []

    def sampled(self, frame) -> None:
        if self._streams():
            super().sampled(frame)
        else:
            self._output = low_high(frame)

    def interrupt(self) -> bool:
        above = bool(self.registers[0x22] & 0x04) and len(self.fifo) > (self.registers[0x2E] & 0x1F)
        return above != bool(self.registers[0x25] & 0x02)

    def _streams(self) -> bool:
        return bool(self.registers[0x24] & 0x40) and self.registers[0x2E] >> 6 == 2

    def _source(self) -> int:
        level = len(self.fifo)
        above = 0x80 if level > (self.registers[0x2E] & 0x1F) else 0
        return above | (0x40 if level == 32 else 0) | (0 if level else 0x20) | min(31, level)

    def _bits(self) -> int:
        if self.registers[0x20] & 0x08:
            return 8
        return 12 if self.registers[0x23] & 0x08 else 10
