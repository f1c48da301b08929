"""For a board on a pseudo-terminal: a simulated accelerometer in the place of ``machine``'s buses, in real time.

Shaken with the recording chip.i16 of the board's folder; the file chip.json says which chip it is.
"""

import json
import sys
from array import array

from vibnode import clock

from lab.chips import wire
from lab.chips.recordings import Recording
from lab.chips.time import RealTime


def plug_in() -> None:
    """Put the chip where MicroPython has its buses."""
    with open("chip.json") as file:
        said = json.load(file)
    with open("chip.i16", "rb") as file:
        samples = array("h", file.read())
    chip_class = getattr(
        __import__("lab.chips." + said["module"], None, None, (said["class"],)), said["class"]
    )
    time = RealTime(clock.ticks_ms)
    chip = chip_class(time, Recording(samples, said["lsb_g"]), said.get("ppm", 0))
    chip.plugged = said.get("plugged", True)
    sys.modules["machine"] = wire.Machine(chip, time)


plug_in()
