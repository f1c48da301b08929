"""The two buses that accelerometers speak, as reads and writes of registers, and whole bursts of a FIFO.

``SpiBus(spi, cs, burst_bit)`` and ``I2cBus(i2c, address, burst_bit)``; `burst_bit`: what the chip wants to see in the
address when more than one byte is read. ``read(register, buf)``, ``read_entries(register, buf, entry_bytes)`` (of a
FIFO that gives one entry for each read), ``read_byte(register)``, ``write(register, value)``; ``clocks(n)``: cycles of
the bus clock that a read of n bytes takes. They raise OSError where the bus says that nothing answers, which only I2C
can. In MicroPython it is ``vib.Bus``, in C: a burst is one call, and none allocates.
"""

import vib

if hasattr(vib, "Bus"):
    SpiBus = I2cBus = vib.Bus
else:
    from .plain_bus import I2cBus, SpiBus

__all__ = ("I2cBus", "SpiBus")
