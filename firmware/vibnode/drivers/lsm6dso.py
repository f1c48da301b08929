"""LSM6DSO, SPI or I2C. From ST's data sheet DS12140 and application note AN5192.

The gyroscope stays off. Over I2C at 400 kHz up to 3333 Hz.
Not checked: the self-test limits, taken from ST's example, against the data sheet; noise; silicon.
"""

from .st_tagged import StTaggedFifo

CTRL9_XL = 0x18
CTRL9_WANTED = 0xE2  # its power-on value, and the bit that both data sheets want set: no I3C


class Lsm6dso(StTaggedFifo):
    """High-performance mode, which the chip is in from power-on."""

    IDENTITY = 0x6C
    RATES_HZ = {6667: 10, 3333: 9, 1667: 8, 833: 7, 417: 6, 208: 5, 104: 4, 52: 3}
    BDR_XL = RATES_HZ
    NOISE_UG_RTHZ = 110
    I2C_ADDRESSES = (0x6A, 0x6B)
    SELF_TEST = (52, 4, 100, 5)
    SELF_TEST_MG = ((50, 1700), (50, 1700), (50, 1700))

    def _configure_chip(self) -> None:
        self._bus.write(CTRL9_XL, CTRL9_WANTED)
