"""Accelerometers, one a file, and ``replay``, which plays recordings in their place.

What the sampler asks of a driver:

- ``rate_hz``, ``axes``, ``lsb_nm_s2`` (acceleration of one count), ``full_scale_counts``, ``noise_um_s2`` (RMS of the
  sensor's own noise, typical; None: not known).
- ``orientation``: how the device's axes lie in its frames (drivers.orientation.Orientation), None: as they are. The
  sampler turns; a driver only carries it: what it reads and its self-test are of the chip's own axes.
- ``raw_format`` and ``frame_bytes``: how a frame looks, see drivers.raw. ``burst_frames``: most frames for one read.
- ``readinto(buf)``: fill `buf`, a bytearray of whole frames; returns how many frames, 0 while fewer are there. Always
  the same `buf`: its length is the watermark. Raises OSError when the sensor does not answer; the samples up to
  the next read are lost then, and that read tries to start the sensor anew.
- ``gap``: after a read, whether samples were lost right before what it returned: 0, 1, or 2 where the sensor was read
  in time, but nobody took the samples.
- ``backlog``: after a read, how many frames the sensor still held; None where it has no clock of its own. ``late_ms``:
  how long ago that was, if it has one: what is read outside of Python waits.
- ``sleep()``: power down until the next read. Raises OSError.
- ``fifo_ms``: how long the sensor can go without being read; 0: as long as you like.
- ``await wait()``: after a read that returned 0, until there may be more; ``poll_ms``: for those who cannot await.

A chip (base class drivers.fifo.FifoSensor) adds ``self_test()`` and ``know_tick(tick_ms)``: how late a wait may end.
"""

from .replay import Replay


def open_sensor(sensor: dict, core_config: dict):
    """The driver that `sensor`, that section of the checked device configuration, asks for.

    What it leaves open is taken from `core_config`, the model's. Raises checks.ConfigError.
    """
    if sensor["driver"] == "replay":
        return Replay(sensor["playlist"], sensor["pace"])
    from . import chips  # a virtual sensor does without

    return chips.open_chip(sensor, core_config)
