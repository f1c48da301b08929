"""Raw samples, held while they pass by: frames in a row, with no gap between them."""

from .drivers.raw import PLAIN, frame_bytes, sample


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
        self._held = bytearray(frames * self._frame_bytes)

    def restart(self) -> None:
        """Samples were lost: what is held so far does not go on."""
        if not self.is_whole():
            self.taken = 0

    def take(self, burst, frames: int) -> None:
        """Take what is still needed of the `frames` that `burst` holds."""
        frames = min(frames, self.frames - self.taken)
        size, at = frames * self._frame_bytes, self.taken * self._frame_bytes
        memoryview(self._held)[at : at + size] = memoryview(burst)[:size]
        self.taken += frames

    def is_whole(self) -> bool:
        """Whether all frames are held."""
        return self.taken == self.frames

    def counts(self, first: int, frames: int) -> bytearray:
        """So many frames from frame `first` on, as little-endian i16."""
        at, size = first * self._frame_bytes, frames * self._frame_bytes
        if self._format == PLAIN and not self._orientation:
            return self._held[at : at + size]
        counts = bytearray(2 * frames * self.axes)
        burst = memoryview(self._held)[at : at + size]
        for i in range(frames * self.axes):
            value = self._sample(burst, i) & 0xFFFF
            counts[2 * i] = value & 0xFF
            counts[2 * i + 1] = value >> 8
        return counts

    def _sample(self, burst, index: int) -> int:
        if self._orientation:
            return self._orientation.sample(self._format, burst, index)
        return sample(self._format, self.axes, burst, index)
