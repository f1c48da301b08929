"""A recording's counts, block by block, to rows of features: at the speed that it states, and with the slow path."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import vib

from vibtrain.recordings import Course, Entry

Int16 = npt.NDArray[np.int16]

PARTS = 4  # of a window between which its speed is taken to be linear
FURTHEST = 5, 4  # highest to lowest speed that the core follows within a window


class Windowing:
    """Takes the counts of one recording in order, and gives the features of its windows.

    Windows whose features lack something that a device does not judge without are left out: those by angle whose speed
    is not known or moves too far, and those before the first slow window.
    """

    def __init__(self, entry: Entry, core: Mapping[str, int], first_frame: int) -> None:
        """`first_frame`: of the recording that is taken. Raises `DataError` where its course cannot be read."""
        self._core = core
        self._next = first_frame  # where the next window begins
        self._constant_hz = (entry.speed_rpm or 0) / 60
        needs_speed = any(
            core.get(field) for field in ("orders", "by_angle", "slow_orders", "bpfo_milliorders")
        )
        self._course: Course | None = entry.course() if entry.course and needs_speed else None
        self._held = np.empty((0, core["axes"]), np.int16)  # frames of windows that are not complete yet
        self._between = 0  # frames still to come that are between two windows, where these do not touch
        self._stream = vib.Core(core) if core.get("slow_window") else None
        self._kept: list[bool] = []  # of each window so far

    def take(self, counts: Int16) -> Int16:
        """Features of the windows that these counts complete; shape (windows, features)."""
        if self._stream:
            return self._slow(self._stream, counts)
        hop = self._core["hop"]
        held = np.concatenate([self._held, counts[self._between :]])
        self._between = max(0, self._between - len(counts))
        windows = max(0, (len(held) - self._core["window"]) // hop + 1)
        courses = self._courses(windows)
        rows = vib.extract(held, self._core, shaft_hz=self._constant_hz, courses=courses)
        self._between += max(0, windows * hop - len(held))
        self._held = held[windows * hop :]
        told = self._told(courses, windows)
        self._kept += told.tolist()
        return rows[told]

    def kept(self) -> npt.NDArray[np.int64]:
        """Which of the recording's windows, counted from 0, have been given."""
        return np.flatnonzero(self._kept)

    def _courses(self, windows: int) -> npt.NDArray[np.uint32] | None:
        """Speeds of the next windows in 1/1000 Hz, shape (windows, PARTS + 1); 0 where they are not known."""
        begins = self._next + np.arange(windows) * self._core["hop"]
        self._next += windows * self._core["hop"]
        if self._course is None:
            return None
        frames = begins[:, None] + np.arange(PARTS + 1) * self._core["window"] / PARTS
        speed_rpm, _ = self._course.at(frames * 1000 / self._core["rate_millihz"])
        return np.round(np.nan_to_num(speed_rpm) * 1000 / 60).clip(0, 2**31).astype(np.uint32)

    def _told(self, courses: npt.NDArray[np.uint32] | None, windows: int) -> npt.NDArray[np.bool_]:
        """Whether the core knows each window's speed, or does without."""
        if not self._core.get("by_angle"):
            return np.ones(windows, bool)
        if courses is None:
            return np.full(windows, self._constant_hz > 0)
        lowest, highest = courses.min(axis=1).astype(np.int64), courses.max(axis=1).astype(np.int64)
        return np.asarray((lowest > 0) & (FURTHEST[1] * highest <= FURTHEST[0] * lowest), np.bool_)

    def _slow(self, stream: vib.Core, counts: Int16) -> Int16:
        """As `take`, of one core that goes on from block to block."""
        data, taken, rows = np.ascontiguousarray(counts).tobytes(), 0, []
        out = array("h", [0] * stream.n_features)
        while taken < len(counts):
            taken += stream.push(data, taken)
            if not stream.ready():
                continue
            courses = self._courses(1)
            if courses is None:
                stream.shaft(round(self._constant_hz * 1000))
            else:
                stream.course(courses[0])
            stream.features(out)
            self._kept.append(stream.slow_windows() > 0 and bool(self._told(courses, 1)[0]))
            if self._kept[-1]:
                rows.append(list(out))
        return np.array(rows, np.int16).reshape(len(rows), stream.n_features)
