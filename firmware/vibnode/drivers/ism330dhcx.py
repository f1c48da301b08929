"""ISM330DHCX, SPI or I2C. From ST's data sheet DS13012 and application note AN5398.

The LSM6DSO's industrial sibling, with the same registers as far as they are used here.
Not checked: the self-test limits, taken from ST's example, against the data sheet; noise; silicon.
"""

from .st_tagged import StTaggedFifo

CTRL9_XL = 0x18
DEVICE_CONF = 0xE2  # its power-on value, and the bit that the data sheet wants set


class Ism330dhcx(StTaggedFifo):
    """High-performance mode, which the chip is in from power-on."""

    IDENTITY = 0x6B
    RATES_HZ = {6667: 10, 3333: 9, 1667: 8, 833: 7, 417: 6, 208: 5, 104: 4, 52: 3}
    BDR_XL = RATES_HZ
    NOISE_UG_RTHZ = 90
    I2C_ADDRESSES = (0x6A, 0x6B)
    SELF_TEST = (52, 4, 100, 5)
    SELF_TEST_MG = ((90, 1700), (90, 1700), (90, 1700))

    def _configure_chip(self) -> None:
        self._bus.write(CTRL9_XL, DEVICE_CONF)
