"""Raw samples, held while they pass by: frames in a row, with no gap between them."""

from .drivers.raw import PLAIN, frame_bytes, sample


class Snapshot:
    """Filled by the sampler. `taken`: frames held so far, of `frames`."""

    def __init__(self, frames: int, raw_format, axes: int) -> None:
        """Takes all its memory now."""
        self.frames = frames
        self.taken = 0
        self.axes = axes
        self._format = raw_format
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
        if self._format == PLAIN:
            return self._held[at : at + size]
        counts = bytearray(2 * frames * self.axes)
        burst = memoryview(self._held)[at : at + size]
        for i in range(frames * self.axes):
            value = sample(self._format, self.axes, burst, i) & 0xFFFF
            counts[2 * i] = value & 0xFF
            counts[2 * i + 1] = value >> 8
        return counts
