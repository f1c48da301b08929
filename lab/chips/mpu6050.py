"""MPU-6050, simulated from RM-MPU-6000A rev. 4.2."""

from .chip import Chip

FIFO_BYTES = 1024


class Mpu6050(Chip):
    """I2C. Asleep after power-on; its FIFO is of bytes, and an overflow leaves part of a frame in front."""

    SPI_MAX_HZ = 0
    WHO_AM_I_AT = 0x75
    I2C_ADDRESS = 0x68
    POWER_ON = {0x0D: 0x4A, 0x0E: 0x6B, 0x0F: 0x8C, 0x10: 0x1B, 0x6B: 0x40, 0x75: 0x68}
    WRITABLE = {0x19: 0xFF, 0x1A: 0x3F, 0x1C: 0xF8, 0x23: 0xFF, 0x6A: 0x77, 0x6B: 0xEF}
    TYPICAL_SELF_TEST_G = (
        0.443,
        0.523,
        0.618,
    )  # what the codes 9, 14 and 19 in the registers above stand for

    def reset_state(self) -> None:
        self._overflowed = False

    def rate_hz(self):
        """0 asleep. The internal oscillator is off by a few per cent, the gyroscope's is not."""
        if self.registers[0x6B] & 0x40:
            return 0
        low_pass = self.registers[0x1A] & 7
        gyroscope_hz = 8000 if low_pass in (0, 7) else 1000
        drift = 1 if self.registers[0x6B] & 7 else 1.03
        return drift * gyroscope_hz / (1 + self.registers[0x19])

    def scale(self):
        return (1 << (self.registers[0x1C] >> 3 & 3)) / 16384, -32768, 32767

    def in_self_test(self) -> int:
        return self.registers[0x1C] >> 5 == 7

    def after(self, address: int) -> int:
        return address if address == 0x74 else super().after(address)

    def read(self, address: int) -> int:
        if address == 0x72:
            return len(self.fifo) >> 8
        if address == 0x73:
            return len(self.fifo) & 0xFF
        if address == 0x74:
            return self.fifo.pop(0) if self.fifo else 0xFF
        if address == 0x3A:
            status = 0x01 | (0x10 if self._overflowed else 0)
            self._overflowed = False
            return status
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        if address == 0x6B and value & 0x80:
            self.power_on()
            return
        if address == 0x6A and value & 0x04:
            if not value & 0x40:
                self.fifo = []
            value &= ~0x04
        super().write(address, value)

    def sampled(self, frame) -> None:
        if not self.registers[0x6A] & 0x40 or not self.registers[0x23] & 0x08:
            return
        for count in frame:
            self.fifo.append(count >> 8 & 0xFF)
            self.fifo.append(count & 0xFF)
        while len(self.fifo) > FIFO_BYTES:
            self.fifo.pop(0)
            self._overflowed = True

    def interrupt(self) -> bool:
        return False
