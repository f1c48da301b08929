"""Judging a machine whose speed or load moves: where it is, what is usual there, and how far that is known.

A place is 1/256 octave from the middle of the fleet's line, which the model holds: of the shaft's speed or the load
where these are told, else the place that explains the features best. The machine's own table says what is usual. Near
what was learnt the model's own score counts. Farther off it is at most that of a machine that may be off the line; a
quarter of an octave less is allowed for that near what was learnt than at the model's reach, and an octave more for
each reach beyond. Where few windows were learnt, up to half an octave is.
"""

import binascii
from array import array

from . import checked_file, flash
from .operating_point import NONE, TOLD
from .operating_table import ENOUGH_WINDOWS, OperatingTable

LINE_NONE, LINE_SPEED, LINE_LOAD, LINE_FOUND, LINE_HEARD = 0, 1, 2, 3, 4  # vib_line_t
QUARTER_OCTAVE = 64
LEAST_SCORE = -2048
SAVE_MS = 3600000  # at most as often, so that flash lasts


class OperatingBaseline:
    """`place` of the window that was located last, `told` whether somebody told it, `heard` whether
    two axes did, and `usual` there."""

    def __init__(self, model, meta: dict, names, path: str) -> None:
        """`model`: a vib.Model whose line is not flat, `meta`: its own. `path`: of the file that outlasts a restart."""
        line = array("h", bytes(2 * len(names)))
        model.line(line)
        self._line = line
        self.place, self.told, self.heard = 0, False, False
        self.roams = meta["reach"] == 0
        self.by_load = meta["line_over"] == LINE_LOAD
        self._model = model
        self._meta = meta
        self._path = path
        self._owner = binascii.unhexlify(meta["digest"])
        self._save_at_ms = 0
        self._changed = False
        self.table = OperatingTable(line)
        try:
            self.table.load(path, self._owner)
        except checked_file.Damaged as error:
            print("vibnode: what was learnt of operating points is lost:", error)

    @property
    def usual(self) -> "array[int]":
        """What features are at the place of the window that was scored last."""
        return self.table.usual

    def locate(self, point, features) -> None:
        """Where the window of these features was taken; `point`: its operating_point.OperatingPoint."""
        over, middle = self._meta["line_over"], self._meta["line_middle"]
        speed = over in (LINE_SPEED, LINE_HEARD) and point.quality > NONE
        self.told, self.heard = True, False
        if speed:
            self.place, self.told = point.log2_speed - middle, point.quality >= TOLD
            self.heard = not self.told
        elif over == LINE_LOAD and point.load is not None:
            self.place = point.load - middle
        else:
            self.told = False
            self.place = self._model.place(features)

    def follows(self) -> bool:
        """Whether it is known where a machine on its way is."""
        return self.roams or self.told

    def knows_place(self) -> bool:
        """Whether a machine on its way may be judged: it is known where it is, or its speed is heard."""
        return self.heard or self.follows()

    def moved(self, levels) -> int:
        """By how many steps the line moves the levels at these indexes; 0 where nobody can tell the place."""
        if not self.follows():
            return 0
        slopes = 0
        for i in levels:
            slopes += self._line[i]
        return slopes * self.place // (256 * len(levels))

    def score(self, features) -> int:
        """Of the window that was located, by what is usual there. The table is not empty."""
        table, reach = self.table, self._meta["reach"]
        table.blend(self.place)
        windows = table.windows_about(self.place)
        near = self._model.score(features, table.usual)
        if windows < ENOUGH_WINDOWS:
            near -= (ENOUGH_WINDOWS - windows) * 2 * QUARTER_OCTAVE // ENOUGH_WINDOWS
        distance = table.distance(self.place)
        if reach == 0 or distance == 0:
            return max(LEAST_SCORE, near)
        far = self._model.far(features, table.usual)
        wider = QUARTER_OCTAVE if distance < reach else 4 * QUARTER_OCTAVE
        return max(LEAST_SCORE, min(near, far + (reach - distance) * wider // reach))

    def outside(self) -> bool:
        """Whether neither the fleet nor this machine's table knows the place."""
        if self._meta["line_low"] <= self.place <= self._meta["line_high"]:
            return False
        return not self.table.used or self.table.distance(self.place) > 0

    def take(self, features, now_ms: int) -> None:
        """The window that was located is part of the baseline that is being learnt."""
        self.table.take(self.place, features, now_ms)

    def learnt(self, with_baseline: bool) -> None:
        """Learning has ended."""
        if with_baseline:
            self.save()
        else:
            self.forget()

    def learn(self, features, now_ms: int) -> None:
        """The window that was located is healthy, and may be added to what was learnt."""
        if self.table.take(self.place, features, now_ms):
            self._changed = True
        if self._changed and now_ms >= self._save_at_ms:
            self._save_at_ms = now_ms + SAVE_MS
            self.save()

    def save(self) -> None:
        """Have what was learnt outlast a restart."""
        self.table.end_stay()
        self._changed = False
        if not self.table.used:
            return
        try:
            self.table.save(self._path, self._owner)
        except OSError as error:
            print("vibnode: what was learnt of operating points could not be stored:", error)

    def forget(self) -> None:
        """All that was learnt, on flash too."""
        self.table.forget()
        self._save_at_ms = 0
        self._changed = False
        flash.remove(self._path)

    def covers(self) -> str:
        """What `coverage` is over: ``speed``, ``load``, or ``heard``, where the features tell the place themselves."""
        over = self._meta["line_over"]
        return "load" if over == LINE_LOAD else "speed" if over in (LINE_SPEED, LINE_HEARD) else "heard"

    def coverage(self) -> list:
        """The places that were learnt, in order: [place, windows]; a speed in mHz, a load in thousandths, or what the
        features told, in 1/256 octave from the middle of the line."""
        table, over, middle = self.table, self._meta["line_over"], self._meta["line_middle"]
        found = []
        for place, windows in sorted([(table.places[k], table.counts[k]) for k in range(table.used)]):
            if over in (LINE_SPEED, LINE_HEARD):
                place = int(2 ** ((place + middle) / 256) + 0.5)
            elif over == LINE_LOAD:
                place += middle
            found.append([place, windows])
        return found
