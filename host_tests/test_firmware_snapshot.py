"""Raw samples held while they pass by, from any FIFO's format. Portable: CPython and MicroPython."""

import struct

from vibnode.drivers.raw import PLAIN
from vibnode.snapshot import PIECE_FRAMES, Snapshot


def bursts(frames, sizes):
    """`frames`, each of 3 counts, as i16, in bursts of those sizes."""
    at = 0
    for size in sizes:
        yield b"".join([struct.pack("<3h", *frame) for frame in frames[at : at + size]]), size
        at += size


FRAMES = [(i, -i, 7 * i) for i in range(200)]


def held(snapshot, first, frames):
    values = struct.unpack("<%dh" % (3 * frames), bytes(snapshot.counts(first, frames)))  # noqa: UP031
    return [values[i : i + 3] for i in range(0, len(values), 3)]


def test_bursts_of_any_size_come_out_in_a_row():
    for sizes in ((100,), (64, 64), (1,) * 120, (99, 1, 100)):
        snapshot = Snapshot(100, PLAIN, 3)
        for burst, size in bursts(FRAMES, sizes):
            snapshot.take(burst, size)
        assert snapshot.is_whole() and held(snapshot, 0, 100) == FRAMES[:100], sizes
        assert held(snapshot, 30, 5) == FRAMES[30:35]


def test_more_than_fits_into_one_piece_of_memory():
    frames = [(i % 30000, -i % 30000, 7 * i % 30000) for i in range(2 * PIECE_FRAMES + 50)]
    for sizes in ((len(frames),), (1,) * len(frames), (PIECE_FRAMES - 1, 2, PIECE_FRAMES, 100), (77,) * 8):
        snapshot = Snapshot(len(frames), PLAIN, 3)
        for burst, size in bursts(frames, sizes):
            snapshot.take(burst, min(size, len(burst) // 6))
        assert snapshot.is_whole() and held(snapshot, 0, len(frames)) == frames, sizes
        assert held(snapshot, PIECE_FRAMES - 3, 7) == frames[PIECE_FRAMES - 3 : PIECE_FRAMES + 4]


def test_a_gap_begins_it_anew_unless_it_is_whole():
    snapshot = Snapshot(100, PLAIN, 3)
    for burst, size in bursts(FRAMES, (60,)):
        snapshot.take(burst, size)
    snapshot.restart()
    assert snapshot.taken == 0
    for burst, size in bursts(FRAMES[50:], (60, 60)):
        snapshot.take(burst, size)
    snapshot.restart()
    assert held(snapshot, 0, 100) == FRAMES[50:150]


def test_other_formats_come_out_as_counts():
    for raw_format, pack in (
        ((16, 2, True, False, 0), lambda x, y, z: struct.pack(">3h", x, y, z)),
        ((16, 2, False, False, 1), lambda x, y, z: b"\x11" + struct.pack("<3h", x, y, z)),
        ((12, 2, False, True, 0), lambda x, y, z: struct.pack("<3h", 16 * x, 16 * y, 16 * z)),
    ):
        frames = [(i, -i, 9 * i) for i in range(64)]
        snapshot = Snapshot(64, raw_format, 3)
        snapshot.take(b"".join([pack(*frame) for frame in frames]), 64)
        assert held(snapshot, 0, 64) == frames, raw_format
