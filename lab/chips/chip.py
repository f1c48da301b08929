"""What all simulated chips share: registers, an address that counts up, sampling, and a FIFO of frames."""

PS_PER_S = 1000000000000


class Chip:
    """A chip's class states its registers' values at power-on and overrides what happens on access.

    ``WRITABLE``: for each register that may be written, the bits that the data sheet defines; writing any other is an
    AssertionError. `plugged`: it hears the bus. `ppm`: how far its oscillator is off. `self_test_g`: what its
    self-test adds.
    `stuck`: it gives the same frame again and again. `made`: frames sampled since power-on.
    """

    SPI_MAX_HZ = 10000000
    SPI_MODES = ((0, 0), (1, 1))
    I2C_MAX_HZ = 400000
    I2C_ADDRESS = 0
    POWER_ON = {}
    WRITABLE = {}
    DEPTH = 32  # frames in the FIFO

    def __init__(self, time, source, ppm: int = 0) -> None:
        self.time = time
        self.source = source
        self.ppm = ppm
        self.plugged = True
        self.stuck = False
        self.self_test_g = self.TYPICAL_SELF_TEST_G
        self.lost = 0  # frames overwritten before they were read
        self.power_on()

    def power_on(self) -> None:
        """All registers as after power-on, FIFO empty."""
        self.registers = bytearray(128)
        for address, value in self.POWER_ON.items():
            self.registers[address] = value
        self.fifo = []
        self.made = 0
        self.overrun = False
        self.address = 0
        self.counts_up = True
        self._next_ps = None
        self._frame = (0, 0, 0)
        self.reset_state()

    # --- what the wire calls ---

    def spi_command(self, byte: int) -> None:
        """First byte of an SPI transfer."""
        self.address = byte & 0x7F
        self.counts_up = True

    def i2c_register(self, byte: int) -> None:
        """Register number of an I2C transfer."""
        self.address = byte
        self.counts_up = True

    def read_next(self) -> int:
        """The next byte out."""
        self.catch_up()
        value = self.read(self.address)
        if self.counts_up:
            self.address = self.after(self.address)
        return value

    def write_next(self, value: int) -> None:
        """The next byte in."""
        undefined = value & ~self.WRITABLE.get(self.address, 0)
        assert not undefined and self.address in self.WRITABLE, (
            f"register {self.address:#04x}: {undefined:#04x} of {value:#04x} is reserved"
        )
        self.catch_up()
        self.write(self.address, value)
        if self.counts_up:
            self.address = self.after(self.address)

    def end(self) -> None:
        """The transfer is over."""

    def scramble(self) -> None:
        """Leave it as another program might have: every bit that can be set is."""
        for address, bits in self.WRITABLE.items():
            self.registers[address] = bits
        self.rate_changed()

    def int1(self) -> int:
        """Level of the interrupt pin."""
        self.catch_up()
        return 1 if self.plugged and self.interrupt() else 0

    # --- sampling ---

    def catch_up(self) -> None:
        """Take the samples that are due."""
        now_ps = self.time.now_ps
        if self._next_ps is None or self._next_ps > now_ps:
            return
        period_ps = self.period_ps()
        while self._next_ps <= now_ps:
            self._next_ps += period_ps
            if not self.stuck:
                self._frame = self.convert(self.source(self.made))
            self.made += 1
            self.sampled(self._frame)

    def rate_changed(self) -> None:
        """A register that switches sampling was written: begin, or stop."""
        if not self.rate_hz():
            self._next_ps = None
        elif self._next_ps is None:
            self._next_ps = self.time.now_ps + self.period_ps()

    def period_ps(self) -> int:
        """Time from one sample to the next by its own oscillator."""
        return int(PS_PER_S / (self.rate_hz() * (1 + self.ppm / 1000000)))

    def convert(self, frame_g):
        """Counts of a frame, limited to what the range gives."""
        lsb_g, lowest, highest = self.scale()
        counts = []
        for axis in range(3):
            g = frame_g[axis] + (self.self_test_g[axis] if self.in_self_test() else 0)
            counts.append(min(highest, max(lowest, int(g / lsb_g + (0.5 if g >= 0 else -0.5)))))
        return counts

    def sampled(self, frame) -> None:
        """A frame came: into the FIFO, over the oldest where it is full."""
        if len(self.fifo) >= self.DEPTH:
            self.fifo.pop(0)
            self.overrun = True
            self.lost += 1
        self.fifo.append(frame)

    # --- what each chip says ---

    def reset_state(self) -> None:
        """State beside the registers, after power-on."""

    def after(self, address: int) -> int:
        """The address after `address`."""
        return (address + 1) & 0x7F

    def read(self, address: int) -> int:
        """Read a register, with what that does."""
        return self.registers[address]

    def write(self, address: int, value: int) -> None:
        """Write a register, with what that does."""
        self.registers[address] = value
        self.rate_changed()


def low_high(frame):
    """The six bytes of a frame, low byte first."""
    data = bytearray(6)
    for axis in range(3):
        data[2 * axis] = frame[axis] & 0xFF
        data[2 * axis + 1] = frame[axis] >> 8 & 0xFF
    return data
