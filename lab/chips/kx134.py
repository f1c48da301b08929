"""KX134-1211, simulated from the technical reference manual rev. 1.0."""

from .chip import Chip, low_high

ONLY_IN_STANDBY = (0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27)


class Kx134(Chip):
    """A buffer of 86 frames of 16 bits. Most registers take no value while it runs."""

    WHO_AM_I_AT = 0x13
    I2C_ADDRESS = 0x1E
    POWER_ON = {0x12: 0x55, 0x13: 0x46, 0x1C: 0x3F, 0x1D: 0xA8, 0x1E: 0x40, 0x21: 0x06, 0x22: 0x10}
    WRITABLE = {
        0x1B: 0xFD,
        0x1C: 0xFF,
        0x21: 0xEF,
        0x22: 0xFB,
        0x25: 0xF7,
        0x5D: 0xFF,
        0x5E: 0xFF,
        0x5F: 0xE3,
        0x62: 0xFF,
    }
    DEPTH = 86
    TYPICAL_SELF_TEST_G = (0.5, 0.5, 0.5)

    def reset_state(self) -> None:
        self._output = bytearray(6)
        self._byte = 6

    def rate_hz(self):
        """0 in stand-by."""
        return 25600 / (1 << 15 - (self.registers[0x21] & 0x0F)) if self.registers[0x1B] & 0x80 else 0

    def scale(self):
        return (8 << (self.registers[0x1B] >> 3 & 3)) / 32768, -32768, 32767

    def in_self_test(self) -> int:
        return self.registers[0x5D] == 0xCA

    def after(self, address: int) -> int:
        return address if address == 0x63 else super().after(address)

    def read(self, address: int) -> int:
        held = 6 * len(self.fifo) + 6 - self._byte
        if address == 0x60:
            return held & 0xFF
        if address == 0x61:
            return held >> 8
        if address == 0x17:
            return 0x20 if self._above() else 0
        if address == 0x63:
            return self._next_byte()
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        if address == 0x1C and value & 0x80:
            self.power_on()
            return
        if address in ONLY_IN_STANDBY and self.registers[0x1B] & 0x80:
            return
        super().write(address, value)
        if address == 0x62:
            self.fifo = []
            self._byte = 6

    def sampled(self, frame) -> None:
        if self.registers[0x5F] & 0xC3 == 0xC1:  # on, 16 bits, stream
            super().sampled(frame)

    def interrupt(self) -> bool:
        enabled = self.registers[0x22] & 0x30 == 0x30 and self.registers[0x25] & 0x20
        return bool(enabled) and self._above()

    def _above(self) -> bool:
        return len(self.fifo) >= self.registers[0x5E]

    def _next_byte(self) -> int:
        if self._byte == 6:
            if not self.fifo:
                return 0
            self._output = low_high(self.fifo.pop(0))
            self._byte = 0
        self._byte += 1
        return self._output[self._byte - 1]
