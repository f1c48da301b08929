"""Raw samples, held while they pass by: frames in a row, with no gap between them."""

from .drivers.raw import PLAIN, frame_bytes, sample

PIECE_FRAMES = 128  # free memory is in pieces, too: a long one may not be there


class Snapshot:
    """Filled by the sampler. `taken`: frames held so far, of `frames`."""

    def __init__(self, frames: int, raw_format, axes: int, orientation=None) -> None:
        """Takes all its memory now. `raw_format`, `axes`, `orientation`: the driver's."""
        self.frames = frames
        self.taken = 0
        self.axes = orientation.axes if orientation else axes
        self._format = raw_format
        self._orientation = orientation
        self._frame_bytes = frame_bytes(raw_format, axes)
        pieces = -(-frames // PIECE_FRAMES)
        self._pieces = [bytearray(PIECE_FRAMES * self._frame_bytes) for _ in range(pieces)]

    def restart(self) -> None:
        """Samples were lost: what is held so far does not go on."""
        if not self.is_whole():
            self.taken = 0

    def take(self, burst, frames: int) -> None:
        """Take what is still needed of the `frames` that `burst` holds."""
        frames = min(frames, self.frames - self.taken)
        source, end = memoryview(burst)[: frames * self._frame_bytes], self.taken + frames
        while self.taken < end:
            room = self._piece(self.taken, end)
            room[:] = source[: len(room)]
            source = source[len(room) :]
            self.taken += len(room) // self._frame_bytes

    def is_whole(self) -> bool:
        """Whether all frames are held."""
        return self.taken == self.frames

    def counts(self, first: int, frames: int) -> bytearray:
        """So many frames from frame `first` on, as little-endian i16."""
        burst = bytearray(frames * self._frame_bytes)
        room, end = memoryview(burst), first + frames
        while first < end:
            held = self._piece(first, end)
            room[: len(held)] = held
            room = room[len(held) :]
            first += len(held) // self._frame_bytes
        if self._format == PLAIN and not self._orientation:
            return burst
        counts = bytearray(2 * frames * self.axes)
        for i in range(frames * self.axes):
            value = self._sample(burst, i) & 0xFFFF
            counts[2 * i] = value & 0xFF
            counts[2 * i + 1] = value >> 8
        return counts

    def _piece(self, first: int, end: int):
        """Where the frames from `first` on are held, as far as one piece and `end` go."""
        start = first % PIECE_FRAMES
        stop = min(PIECE_FRAMES, start + end - first)
        piece = memoryview(self._pieces[first // PIECE_FRAMES])
        return piece[start * self._frame_bytes : stop * self._frame_bytes]

    def _sample(self, burst, index: int) -> int:
        if self._orientation:
            return self._orientation.sample(self._format, burst, index)
        return sample(self._format, self.axes, burst, index)
