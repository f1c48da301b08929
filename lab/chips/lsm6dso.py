"""LSM6DSO and ISM330DHCX, simulated from the data sheets DS12140 and DS13012."""

from .st_tagged import StTagged

RATES_HZ = (0, 12.5, 26, 52, 104, 208, 416.67, 833.33, 1666.67, 3333.33, 6666.67, 1.6)


class Lsm6dso(StTagged):
    """The accelerometer of it."""

    POWER_ON = {0x0F: 0x6C, 0x12: 0x04, 0x18: 0xE0}
    WRITABLE = {
        0x07: 0xFF,
        0x08: 0xD7,
        0x09: 0xFF,
        0x0A: 0xF7,
        0x0D: 0xFF,
        0x10: 0xFE,
        0x12: 0xFD,
        0x14: 0xEF,
        0x18: 0xFE,
    }
    TYPICAL_SELF_TEST_G = (0.6, 0.6, 0.6)

    def rate_hz(self):
        """0 when switched off."""
        return RATES_HZ[min(11, self.registers[0x10] >> 4)]


class Ism330dhcx(Lsm6dso):
    """The same for what is simulated, but for its identity."""

    POWER_ON = {0x0F: 0x6B, 0x12: 0x04, 0x18: 0xE0}
