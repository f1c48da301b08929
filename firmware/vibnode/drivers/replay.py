"""Plays recordings in place of a sensor: the playlist of SPEC 4.2, in real time, faster, or as fast as it goes."""

import io
import os

from .. import checks
from ..clock import sleep_ms, ticks_diff, ticks_ms
from .raw import PLAIN

PLAYLIST_FIELDS = {
    "rate_hz": (checks.REQUIRED, checks.number(1, 100000)),
    "axes": (checks.REQUIRED, checks.whole(1, 3)),
    "lsb_nm_s2": (checks.REQUIRED, checks.whole(1, 4000000000)),
    "full_scale_counts": (32767, checks.whole(1, 32767)),
    "items": (
        checks.REQUIRED,
        lambda value: None if isinstance(value, list) and value else "a list of items",
    ),
}
ITEM_FIELDS = {
    "file": (checks.REQUIRED, checks.text(256)),
    "seconds": (checks.REQUIRED, checks.number(0.001, 1e9)),
    "label": ("", checks.optional(checks.text(64))),
}
MAX_BACKLOG_MS = 1000  # a host too slow for the pace plays slower; it does not skip


class Replay:
    """The items of a playlist one after the other, each repeated until its time is up, the last one for ever."""

    fifo_ms = 0  # it waits
    poll_ms = 10
    raw_format = PLAIN
    orientation = None  # a recording is of the device's axes
    burst_frames = 1 << 16  # any number at once
    backlog = None  # the pace is not a sensor's own
    noise_um_s2 = None

    def __init__(self, playlist_path: str, pace: float) -> None:
        """Check the playlist and every file in it. Raises checks.ConfigError."""
        playlist = checks.fill(playlist_path, "", checks.read_json(playlist_path), PLAYLIST_FIELDS)
        self.rate_hz = playlist["rate_hz"]
        self.axes = playlist["axes"]
        self.lsb_nm_s2 = playlist["lsb_nm_s2"]
        self.full_scale_counts = playlist["full_scale_counts"]
        self.gap = False
        self.frame_bytes = 2 * self.axes
        self._items = [self._item(playlist_path, i, item) for i, item in enumerate(playlist["items"])]
        self._index = 0
        self._played = 0  # frames of this item
        self._file: io.RawIOBase | io.BufferedIOBase | None = None
        self._seam = False
        self._micro_per_ms = int(self.rate_hz * pace * 1000)  # millionths of a frame due each millisecond
        self._due = 0  # millionths of a frame
        self._last_ms = ticks_ms()
        self._asleep = False

    def label(self) -> str:
        """What is being played now."""
        return self._items[self._index][2]

    def readinto(self, buf) -> int:
        """See the package's docstring. A read never crosses a seam."""
        frames = len(buf) // self.frame_bytes
        if self._micro_per_ms and not self._is_due(frames):
            return 0
        if self._index < len(self._items) - 1:
            self._next_if_over()
            left = self._items[self._index][1] - self._played
            if self._index < len(self._items) - 1 and left < frames:
                frames = left
        got = self._read(buf, frames * self.frame_bytes)
        if not got:  # the end of the file: from its beginning again
            self._close()
            got = self._read(buf, frames * self.frame_bytes)
            if not got:
                raise OSError(f"{self._items[self._index][0]}: no samples")
        self.gap, self._seam = self._seam, False
        self._played += got
        self._due -= got * 1000000
        return got

    async def wait(self) -> None:
        """Let some time pass."""
        await sleep_ms(self.poll_ms)

    def sleep(self) -> None:
        """Play nothing until the next read."""
        self._asleep = True

    def _next_if_over(self) -> None:
        if self._played >= self._items[self._index][1]:
            self._close()
            self._index += 1
            self._played = 0

    def _read(self, buf, size: int) -> int:
        file = self._file
        if file is None:  # it stays open from one read to the next
            file = self._file = open(self._items[self._index][0], "rb")  # noqa: SIM115
        return file.readinto(buf if size == len(buf) else memoryview(buf)[:size]) // self.frame_bytes

    def _is_due(self, frames: int) -> bool:
        now = ticks_ms()
        if self._asleep:
            self._asleep, self._last_ms = False, now
        self._due += ticks_diff(now, self._last_ms) * self._micro_per_ms
        self._last_ms = now
        self._due = min(self._due, (MAX_BACKLOG_MS * self._micro_per_ms) + frames * 1000000)
        return self._due >= frames * 1000000

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._seam = True

    def _item(self, playlist_path: str, i: int, given) -> "tuple[str, int, str]":
        section = f"items[{i}]."
        if not isinstance(given, dict):
            raise checks.ConfigError(f"{playlist_path}: items[{i}]: {given!r}; accepted: an object in braces")
        item = checks.fill(playlist_path, section, given, ITEM_FIELDS)
        path = checks.beside(playlist_path, item["file"])
        field = f"{playlist_path}: {section}file: {path!r}"
        try:
            size = os.stat(path)[6]
        except OSError as error:
            raise checks.ConfigError(f"{field}: cannot be read ({error})") from None
        if size < self.frame_bytes or size % self.frame_bytes:
            accepted = f"a multiple of {self.frame_bytes}, one i16 an axis"
            raise checks.ConfigError(f"{field}: {size} bytes; accepted: {accepted}")
        return path, max(1, int(item["seconds"] * self.rate_hz + 0.5)), item["label"] or ""

    def shortest_frames(self) -> "tuple[str, int]":
        """The path of the shortest file and its frames: a window has to fit into it."""
        sizes = [(min(os.stat(path)[6] // self.frame_bytes, length), path) for path, length, _ in self._items]
        frames, path = min(sizes)
        return path, frames
