"""What this machine's healthy features were at the operating points that it was seen at: a small table, filled slowly.

An entry is the mean of stays: windows in a row at about the same place. A stay counts for STAY_WINDOWS at most, and the
next one begins when the machine has been elsewhere or PAUSE_MS have passed, so that an hour at one place does not pass
for many visits. An entry of FULL_WINDOWS is done with: what changes slowly after that is for the score to find. Places
are in 1/256 octave. Between entries features follow them by their nearness, each carried along the fleet's line.
"""

import struct
from array import array

import vib

from . import checked_file

MOST_ENTRIES, MOST_BYTES = 16, 4608
CELL = 64  # a quarter of an octave: what is nearer is one place
STAY_WINDOWS, FULL_WINDOWS = 64, 512
PAUSE_MS = 3600000
ENOUGH_WINDOWS = 8  # learnt about a place to judge by it alone
NEAR = 21  # 6 %, as for shaft_line.py
_WEIGHTS_SUM = 16384
_HEAD = "<HH"  # features, entries
_MAGIC = b"VOT1"


class OperatingTable:
    """`used`: how many entries there are; `places` and `counts` (windows) are theirs. `usual`: see `blend`."""

    def __init__(self, line: "array[int]") -> None:
        """`line`: how features move along the operating points, steps an octave. Takes all its room here."""
        n = len(line)
        self.size = max(2, min(MOST_ENTRIES, MOST_BYTES // (2 * n)))
        self.used = 0
        self.places = array("h", bytes(2 * self.size))
        self.counts = array("h", bytes(2 * self.size))
        self.usual = array("h", bytes(2 * n))
        self._rows = array("h", bytes(2 * self.size * n))
        self._line = line
        self._weights = None  # of as many entries as are used
        self._sums = array("i", bytes(4 * n))
        self._taken = 0  # windows of the stay
        self._begun_at = 0  # place of its first
        self._place_sum = 0
        self._rest_until_ms = 0
        self._usual_at: int | None = None

    def forget(self) -> None:
        """All of it, and the stay."""
        self.used = 0
        self._weights = self._usual_at = None
        self.leave()

    def take(self, place: int, features: "array[int]", now_ms: int) -> bool:
        """A healthy window. True when an entry has changed by it."""
        changed = False
        if abs(place - self._begun_at) > CELL // 2:
            changed = self.end_stay()
            self._rest_until_ms = now_ms
        if now_ms < self._rest_until_ms or self._is_full(place):
            return changed
        if self._taken == 0:
            self._begun_at = place
        self._taken += 1
        self._place_sum += place
        sums = self._sums
        for i in range(len(sums)):
            sums[i] += features[i]
        if self._taken == STAY_WINDOWS:
            self._rest_until_ms = now_ms + PAUSE_MS
            changed = self.end_stay()
        return changed

    def leave(self) -> None:
        """The stay is broken off, and says nothing."""
        self._taken = self._place_sum = 0
        for i in range(len(self._sums)):
            self._sums[i] = 0

    def end_stay(self) -> bool:
        """What was taken since the stay began goes into the table. False where that is nothing."""
        if not self._taken:
            return False
        self._merge(self._entry_for(self._place_sum // self._taken))
        self._usual_at = None
        self.leave()
        return True

    def blend(self, place: int) -> None:
        """Put what features are at that place, by entries and line, into `usual`. There is an entry at least."""
        if place == self._usual_at:
            return
        weights, total = self._weights, 0
        for k in range(self.used):
            weights[k] = weight = self._weight(k, place)
            total += weight
        rest, at, best = _WEIGHTS_SUM, 0, 0
        for k in range(self.used):
            weights[k] = weight = weights[k] * _WEIGHTS_SUM // total
            rest -= weight
            at += weight * self.places[k]
            best = k if weight > weights[best] else best
        weights[best] += rest
        at += rest * self.places[best]
        vib.blend(self._rows, weights, self._line, place - (at >> 14), self.usual)
        self._usual_at = place

    def distance(self, place: int) -> int:
        """To the nearest entry, less what is near; 1/256 octave. There is one at least."""
        nearest = 32767
        for k in range(self.used):
            nearest = min(nearest, abs(place - self.places[k]))
        return max(0, nearest - NEAR)

    def spans(self, place: int) -> bool:
        """Whether it lies between entries, or by one."""
        under = over = False
        for k in range(self.used):
            under = under or self.places[k] - CELL <= place
            over = over or self.places[k] + CELL >= place
        return under and over

    def windows_about(self, place: int) -> int:
        """How many windows were learnt there, those of places nearby in part."""
        total = 0
        for k in range(self.used):
            total += self._weight(k, place)
        return total >> 8

    def _weight(self, k: int, place: int) -> int:
        """Of an entry, for that place: its windows up to STAY_WINDOWS, in 1/256; half at a quarter of an octave, none
        where it is far and has another before it. So between two entries features follow the straight line."""
        away = place - self.places[k]
        if abs(away) > 2 * CELL and self._is_behind(k, place):
            return 0
        return max(1, min(STAY_WINDOWS, self.counts[k]) * (256 * CELL // (CELL + abs(away))))

    def _is_behind(self, k: int, place: int) -> bool:
        behind, other = False, self.places[k]
        for i in range(self.used):
            at = self.places[i]
            behind = behind or other < at <= place or place <= at < other
        return behind

    def _is_full(self, place: int) -> bool:
        for k in range(self.used):
            if abs(place - self.places[k]) <= CELL // 2 and self.counts[k] >= FULL_WINDOWS:
                return True
        return False

    def _entry_for(self, place: int) -> int:
        """The nearest entry within a cell, else a new one, else, where there is no room, the nearest."""
        best = -1
        for k in range(self.used):
            if best < 0 or abs(place - self.places[k]) < abs(place - self.places[best]):
                best = k
        if best >= 0 and (abs(place - self.places[best]) <= CELL // 2 or self.used == self.size):
            return best
        self.places[self.used] = place
        self.counts[self.used] = 0
        self.used += 1
        self._weights = array("h", bytes(2 * self.used))
        return self.used - 1

    def _merge(self, k: int) -> None:
        had, taken, n = self.counts[k], self._taken, len(self._line)
        total = had + taken
        self.places[k] = (self.places[k] * had + self._place_sum) // total
        rows, sums, at = self._rows, self._sums, k * n
        for i in range(n):
            rows[at + i] = (rows[at + i] * had + sums[i] + total // 2) // total
        self.counts[k] = min(FULL_WINDOWS, total)

    def save(self, path: str, owner: bytes) -> None:
        """Store the entries in `path` as those of `owner`, 8 bytes, all or nothing. Raises OSError."""
        n, used = len(self._line), self.used
        head = struct.pack(_HEAD, n, used) + owner
        body = b"".join([_packed(values) for values in (self.places[:used], self.counts[:used])])
        checked_file.save(path, _MAGIC, head + body + _packed(self._rows[: used * n]))

    def load(self, path: str, owner: bytes) -> bool:
        """Have the entries in `path`. False where there are none of that owner. Raises checked_file.Damaged."""
        body = checked_file.load(path, _MAGIC)
        if body is None:
            return False
        n, used = struct.unpack(_HEAD, body[:4])
        if n != len(self._line) or not 1 <= used <= self.size or body[4:12] != owner:
            return False
        values = struct.unpack(f"<{used * (2 + n)}h", body[12:])
        self.places[:used] = array("h", values[:used])
        self.counts[:used] = array("h", values[used : 2 * used])
        self._rows[: used * n] = array("h", values[2 * used :])
        self.used, self._usual_at = used, None
        self._weights = array("h", bytes(2 * used))
        return True


def _packed(values: "array[int]") -> bytes:
    return b"".join([struct.pack("<h", value) for value in values])
