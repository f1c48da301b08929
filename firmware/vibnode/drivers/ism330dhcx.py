"""ISM330DHCX, SPI or I2C. From ST's data sheet DS13012 and application note AN5398.

The LSM6DSO's industrial sibling: other noise and limits, and the same registers as far as they are used here.
Not checked: the self-test limits, taken from ST's example, against the data sheet; noise; silicon.
"""

from .lsm6dso import Lsm6dso


class Ism330dhcx(Lsm6dso):
    """High-performance mode, which the chip is in from power-on."""

    IDENTITY = 0x6B
    NOISE_UG_RTHZ = 90
    SELF_TEST_MG = ((90, 1700), (90, 1700), (90, 1700))
