"""ADXL345, simulated from the data sheet rev. G: register map, FIFO, data formatting of the upper rates."""

from .chip import Chip, low_high

POP_PS = 5000000  # the FIFO takes 5 us to bring the next entry up


class Adxl345(Chip):
    """32 entries and the output register behind them."""

    SPI_MAX_HZ = 5000000
    SPI_MODES = ((1, 1),)
    WHO_AM_I_AT = 0x00
    I2C_ADDRESS = 0x53
    POWER_ON = {0x00: 0xE5, 0x2C: 0x0A, 0x30: 0x02}
    WRITABLE = {
        0x1E: 0xFF,
        0x1F: 0xFF,
        0x20: 0xFF,
        0x2C: 0x1F,
        0x2D: 0x3F,
        0x2E: 0xFF,
        0x2F: 0xFF,
        0x31: 0xEF,
        0x38: 0xFF,
    }
    DEPTH = 33
    TYPICAL_SELF_TEST_G = (1.0, -1.0, 1.5)

    def reset_state(self) -> None:
        self._output = bytearray(6)
        self._popped_ps = -POP_PS

    def spi_command(self, byte: int) -> None:
        self.address = byte & 0x3F
        self.counts_up = bool(byte & 0x40)

    def rate_hz(self):
        """0 in stand-by."""
        return 3200 / (1 << 15 - (self.registers[0x2C] & 0x0F)) if self.registers[0x2D] & 0x08 else 0

    def scale(self):
        range_g = 2 << (self.registers[0x31] & 3)
        if self.registers[0x31] & 0x08:
            return 1 / 256, -256 * range_g, 256 * range_g - 1
        return range_g / 512, -512, 511

    def convert(self, frame_g):
        frame = super().convert(frame_g)
        for axis in range(3):
            offset = self.registers[0x1E + axis]
            frame[axis] += 4 * (offset - 256 if offset & 0x80 else offset)  # 15.6 mg each
        ten_bits_wide = not self.registers[0x31] & 0x08 and self.registers[0x31] & 3
        if self.registers[0x2C] & 0x0F >= 14 and not ten_bits_wide:
            frame = [count & ~1 for count in frame]
        return frame

    def in_self_test(self) -> int:
        return self.registers[0x31] & 0x80

    def read(self, address: int) -> int:
        if address == 0x30:
            return self._sources()
        if address == 0x39:
            return len(self.fifo)
        if 0x32 <= address <= 0x37:
            if address == 0x32:
                self._pop()
            return self._output[address - 0x32]
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        super().write(address, value)
        if address == 0x38 and not value & 0xC0:
            self.fifo = []

    def end(self) -> None:
        if 0x33 <= self.address <= 0x38:  # data was read
            self._popped_ps = self.time.now_ps

    def sampled(self, frame) -> None:
        if self.registers[0x38] & 0xC0:
            super().sampled(frame)
        else:
            self.fifo = [frame]

    def interrupt(self) -> int:
        routed = self._sources() & self.registers[0x2E] & ~self.registers[0x2F]
        return bool(routed) != bool(self.registers[0x31] & 0x20)

    def _sources(self) -> int:
        watermark = len(self.fifo) >= (self.registers[0x38] & 0x1F)
        return (0x80 if self.fifo else 0) | (0x02 if watermark else 0) | (0x01 if self.overrun else 0)

    def _pop(self) -> None:
        self.overrun = False
        if self.fifo and self.time.now_ps - self._popped_ps >= POP_PS:  # else the last entry once more
            self._output = low_high(self.fifo.pop(0))
