"""IIS3DWB, SPI. From ST's data sheet DS12569 and application note AN5444 rev. 1.

One rate, 26.667 kHz typical, three axes, flat to 6.3 kHz.
Not checked: the self-test limits, taken from ST's example, against the data sheet; silicon.
"""

from .st_tagged import StTaggedFifo


class Iis3dwb(StTaggedFifo):
    """Its anti-aliasing filter is inside: what the core sees above 6.3 kHz is the filter's slope."""

    IDENTITY = 0x7B
    RATES_HZ = {26667: 0xA}  # XL_EN = 101, in the place where the others have four bits
    BDR_XL = {26667: 0xA}
    NOISE_UG_RTHZ = 75
    I2C_HZ = None
    SELF_TEST = (26667, 4, 100, 5)
    SELF_TEST_MG = ((800, 3200), (800, 3200), (800, 3200))

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth, typical."""
        return 6300
