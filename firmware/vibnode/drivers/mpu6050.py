"""MPU-6050, I2C. From InvenSense's RM-MPU-6000A rev. 4.2 (registers) and PS-MPU-6000A rev. 3.4 (self-test limit).

The accelerometer gives 1 kHz at most, and 260 Hz of bandwidth: too little for 10 to 1000 Hz. It has no watermark; the
FIFO's byte count is polled. 1024 bytes are no whole number of frames, so after an overflow the FIFO is emptied.
Relatives and copies that answer another WHO_AM_I are taken, and said to be such: their filter, noise and self-test are
their own.
Not checked: silicon.
"""

from .fifo import STANDARD_GRAVITY_UM_S2, FifoSensor

SELF_TEST_X = 0x0D
SMPLRT_DIV = 0x19
CONFIG = 0x1A
ACCEL_CONFIG = 0x1C
FIFO_EN = 0x23
USER_CTRL = 0x6A
PWR_MGMT_1 = 0x6B
FIFO_COUNTH = 0x72
FIFO_R_W = 0x74
WHO_AM_I = 0x75

IDENTITY = 0x68
KIN = (0x70, 0x98)  # what boards sold as MPU-6050 answer too: an MPU-6500, and a copy
DEVICE_RESET = 0x80
CLOCK_FROM_GYROSCOPE = 0x01  # within 1 %, the internal oscillator is not
ACCELEROMETER = 0x08
FIFO_ON = 0x40
FIFO_RESET = 0x04
SELF_TEST_XYZ = 0xE0
FIFO_BYTES = 1024
FRAME_BYTES = 6
RESET_MS = 100
TRIM_TOLERANCE_PERCENT = 14


class CountedFifo:
    """In the place of ``vib.Fifo``, which cannot empty one that is full."""

    late_ms = 0

    def __init__(self, bus, empty) -> None:
        """`empty`: empties the FIFO."""
        self._bus = bus
        self._empty = empty
        self._count = bytearray(2)
        self.begin()

    def begin(self) -> None:
        """The chip begins anew."""
        self.gap = self.left = 0
        self._lost = False

    def level(self) -> int:
        """Frames that are there."""
        self._bus.read(FIFO_COUNTH, self._count)
        count = self._count[0] << 8 | self._count[1]
        if count > FIFO_BYTES:
            raise OSError(f"FIFO_COUNT: {count}")
        if count > FIFO_BYTES - FRAME_BYTES:  # full: it may well have overflowed
            self._lost = True
            self._empty()
            return 0
        return count // FRAME_BYTES

    def fetch(self, buf) -> None:
        """The oldest frames."""
        self._bus.read(FIFO_R_W, buf)

    def readinto(self, buf) -> int:
        """A burst, if it is there."""
        frames = len(buf) // FRAME_BYTES
        level = self.level()
        if level < frames:
            return 0
        self.fetch(buf)
        self.left = level - frames
        self.gap, self._lost = int(self._lost), False
        return frames

    def feed(self, bus, frames: int, bursts: int, burst_us: int) -> bool:
        """It is read here."""
        return False


class Mpu6050(FifoSensor):
    """`RATES_HZ` holds the sample rate divider and the low-pass filter for each rate."""

    RATES_HZ = {1000: (7, 0), 500: (1, 1), 200: (4, 2)}
    RANGES_G = {16: (3, 4788403), 8: (2, 2394202), 4: (1, 1197101), 2: (0, 598550)}  # 1/16384 g at 2 g
    RAW_FORMAT = (16, 2, True, False, 0)
    FIFO_FRAMES = FIFO_BYTES // FRAME_BYTES
    FIFO = (FIFO_COUNTH, 2)
    NOISE_UG_RTHZ = 400
    SPI_HZ = None
    I2C_ADDRESSES = (0x68, 0x69)
    HAS_WATERMARK_PIN = False
    SELF_TEST = (1000, 8, 100, 50)
    SELF_TEST_SIGNED = True
    BANDWIDTH_HZ = {1000: 260, 500: 184, 200: 94}

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth at this rate, typical."""
        return self.BANDWIDTH_HZ[self.rate_hz]

    def _identify(self) -> None:
        self._expect(WHO_AM_I, IDENTITY, KIN)

    def _reset(self) -> None:
        self._bus.write(PWR_MGMT_1, DEVICE_RESET)
        self._time.pause_ms(RESET_MS)  # asleep now

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        divider, low_pass = self.RATES_HZ[rate_hz]
        self._bus.write(PWR_MGMT_1, CLOCK_FROM_GYROSCOPE)  # awake
        self._bus.write(SMPLRT_DIV, divider)
        self._bus.write(CONFIG, low_pass)
        self._bus.write(ACCEL_CONFIG, self.RANGES_G[range_g][0] << 3 | (SELF_TEST_XYZ if self_test else 0))
        self._bus.write(FIFO_EN, ACCELEROMETER)
        self._empty()

    def _empty(self) -> None:
        self._bus.write(USER_CTRL, FIFO_RESET)
        self._bus.write(USER_CTRL, FIFO_ON)

    def _new_fifo(self):
        return CountedFifo(self._bus, self._empty)

    def _self_test_limits(self):
        """Within 14 % of what the factory measured, kept in the chip as a 5-bit code; 0: it was not measured."""
        codes = bytearray(4)
        self._bus.read(SELF_TEST_X, codes)
        limits = []
        for axis in range(3):
            code = (codes[axis] >> 5) << 2 | codes[3] >> (4 - 2 * axis) & 3
            trim_counts = 4096 * 0.34 * (0.92 / 0.34) ** ((code - 1) / 30) if code else 0
            trim_mg = trim_counts * self.RANGES_G[8][1] / STANDARD_GRAVITY_UM_S2
            width_mg = trim_mg * TRIM_TOLERANCE_PERCENT / 100
            limits.append((int(trim_mg - width_mg), int(trim_mg + width_mg)))
        return limits
