"""LIS2DW12, simulated from the data sheet DS11811."""

from .chip import Chip, low_high

RATES_HZ = (0, 12.5, 12.5, 25, 50, 100, 200, 400, 800, 1600)


class Lis2dw12(Chip):
    """14 bits in high-performance mode, 12 in the others, at the upper end of 16."""

    WHO_AM_I_AT = 0x0F
    I2C_ADDRESS = 0x19
    POWER_ON = {0x0F: 0x44, 0x21: 0x04}
    WRITABLE = {0x20: 0xFF, 0x21: 0xDF, 0x22: 0xFB, 0x23: 0xFF, 0x25: 0xFC, 0x2E: 0xFF}
    TYPICAL_SELF_TEST_G = (0.5, 0.5, 0.5)

    def reset_state(self) -> None:
        self._output = bytearray(6)

    def rate_hz(self):
        """0 in power-down; the low-power modes end at 200 Hz."""
        rate_hz = RATES_HZ[min(9, self.registers[0x20] >> 4)]
        return rate_hz if self._high_performance() else min(rate_hz, 200)

    def scale(self):
        lsb_g = (0.000244, 0.000488, 0.000976, 0.001952)[self.registers[0x25] >> 4 & 3]
        return (lsb_g, -8192, 8191) if self._high_performance() else (4 * lsb_g, -2048, 2047)

    def convert(self, frame_g):
        if self.registers[0x25] & 0x08:  # the high-pass path: nothing of what is slow
            return [0, 0, 0]
        shift = 2 if self._high_performance() else 4
        return [count << shift for count in super().convert(frame_g)]

    def in_self_test(self) -> int:
        return self.registers[0x22] >> 6 == 1

    def after(self, address: int) -> int:
        if not self.registers[0x21] & 0x04:  # IF_ADD_INC
            return address
        if address == 0x2D and self.registers[0x2E] >> 5:
            return 0x28
        return super().after(address)

    def read(self, address: int) -> int:
        if address == 0x2F:
            full = 0x80 if len(self.fifo) >= (self.registers[0x2E] & 0x1F) else 0
            return full | (0x40 if self.overrun else 0) | len(self.fifo)
        if 0x28 <= address <= 0x2D:
            if address == 0x28 and self.fifo:
                self._output = low_high(self.fifo.pop(0))
                self.overrun = False
            return self._output[address - 0x28]
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        if address == 0x21 and value & 0x40:
            self.power_on()
            return
        super().write(address, value)
        if address == 0x2E and not value >> 5:
            self.fifo = []

    def sampled(self, frame) -> None:
        if self.registers[0x2E] >> 5 == 6:
            super().sampled(frame)
        else:
            self._output = low_high(frame)

    def interrupt(self) -> bool:
        return bool(self.registers[0x23] & 0x02) and len(self.fifo) >= (self.registers[0x2E] & 0x1F)

    def _high_performance(self) -> bool:
        return self.registers[0x20] >> 2 & 3 == 1
