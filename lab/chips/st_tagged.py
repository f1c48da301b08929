"""What IIS3DWB, ISM330DHCX and LSM6DSO share, simulated from their data sheets' register maps and FIFO chapters."""

from .chip import Chip, low_high

SENSOR_XL = 2


class StTagged(Chip):
    """A FIFO of 512 words of 7 bytes at 0x78; the address goes from 0x7E back to 0x78."""

    DEPTH = 512
    WRITABLE = {
        0x07: 0xFF,
        0x08: 0x81,
        0x09: 0x0F,
        0x0A: 0xF7,
        0x0D: 0x7D,
        0x10: 0xEE,
        0x12: 0xFD,
        0x14: 0x63,
    }
    WHO_AM_I_AT = 0x0F
    I2C_ADDRESS = 0x6A

    def reset_state(self) -> None:
        self._word = bytearray(7)
        self._latched_overrun = False

    def scale(self):
        return (0.000061, 0.000488, 0.000122, 0.000244)[self.registers[0x10] >> 2 & 3], -32768, 32767

    def in_self_test(self) -> int:
        return self.registers[0x14] & 3 == 1

    def after(self, address: int) -> int:
        if not self.registers[0x12] & 0x04:  # IF_INC
            return address
        return 0x78 if address == 0x7E else super().after(address)

    def read(self, address: int) -> int:
        if address == 0x3A:
            return len(self.fifo) & 0xFF
        if address == 0x3B:
            return self._status2()
        if 0x78 <= address <= 0x7E:
            if address == 0x78:
                self._word = self.fifo.pop(0) if self.fifo else bytearray(7)
                self.overrun = False
            return self._word[address - 0x78]
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        if address == 0x12 and value & 0x01:
            self.power_on()
            return
        super().write(address, value)
        if address == 0x0A and not value & 0x07:
            self.fifo = []

    def sampled(self, frame) -> None:
        if self.registers[0x0A] & 0x07 != 6 or not self.registers[0x09] & 0x0F:
            return  # bypass, or acceleration is not batched
        before = self.lost
        super().sampled(bytes([self._tag()]) + bytes(low_high(frame)))
        if self.lost != before:
            self._latched_overrun = True

    def interrupt(self) -> bool:
        return bool(self.registers[0x0D] & 0x08) and len(self.fifo) >= self._watermark()

    def _tag(self) -> int:
        tag = SENSOR_XL << 3 | (self.made & 3) << 1
        ones = 0
        for bit in range(1, 8):
            ones += tag >> bit & 1
        return tag | ones & 1  # even parity

    def _watermark(self) -> int:
        return (self.registers[0x08] & 1) << 8 | self.registers[0x07]

    def _status2(self) -> int:
        status = len(self.fifo) >> 8
        status |= 0x80 if len(self.fifo) >= self._watermark() else 0
        status |= 0x40 if self.overrun else 0
        status |= 0x20 if len(self.fifo) == self.DEPTH else 0
        status |= 0x08 if self._latched_overrun else 0
        self._latched_overrun = False
        return status
