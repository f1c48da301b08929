"""The two buses that accelerometers speak, as reads and writes of registers; and the FIFO of a chip behind one.

``SpiBus(spi, cs, burst_bit)`` and ``I2cBus(i2c, address, burst_bit)``; `burst_bit`: what the chip wants to see in the
address when more than one byte is read. ``read(register, buf)``, ``read_byte(register)``, ``write(register, value)``;
``clocks(n)``: cycles of the bus clock that a read of n bytes takes. They raise OSError where the bus says that nothing
answers, which only I2C can.

``Fifo(bus, plan)``: see plain_fifo.Fifo for what it has, and fifo.plan for the plan. In MicroPython they are
``vib.Bus`` and ``vib.Fifo``, in C: a burst is one call, and none allocates.
"""

import vib

if hasattr(vib, "Bus"):
    SpiBus = I2cBus = vib.Bus
    Fifo = vib.Fifo
else:
    from .plain_bus import I2cBus, SpiBus
    from .plain_fifo import Fifo

__all__ = ("Fifo", "I2cBus", "SpiBus")
