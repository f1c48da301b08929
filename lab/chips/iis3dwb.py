"""IIS3DWB, simulated from the data sheet DS12569."""

from .st_tagged import StTagged


class Iis3dwb(StTagged):
    """SPI only, one rate."""

    I2C_MAX_HZ = 0
    POWER_ON = {0x0F: 0x7B, 0x12: 0x04}
    TYPICAL_SELF_TEST_G = (1.6, 1.6, 1.6)

    def rate_hz(self):
        """26.667 kHz while XL_EN is 101."""
        return 80000 / 3 if self.registers[0x10] >> 5 == 5 else 0
