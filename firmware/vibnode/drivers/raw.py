"""Frames as they come off a bus. The core takes them as they are; this reads the odd sample of them.

A format is (bits, bytes a sample, big-endian, left-justified, bytes to skip before each frame), as in
``vib.Core.raw_format``.
"""

PLAIN = (16, 2, False, False, 0)  # int16, little-endian


def frame_bytes(raw_format, axes: int) -> int:
    """Bytes of a frame."""
    return raw_format[4] + axes * raw_format[1]


def sample(raw_format, axes: int, buf, index: int) -> int:
    """Sample `index` of the frames in `buf`, in counts. Samples of two bytes."""
    bits, _, big_endian, left_justified, skip_bytes = raw_format
    at = (index // axes + 1) * skip_bytes + 2 * index
    value = buf[at] << 8 | buf[at + 1] if big_endian else buf[at + 1] << 8 | buf[at]
    if value & 0x8000:
        value -= 0x10000
    return value >> (16 - bits) if left_justified else value
