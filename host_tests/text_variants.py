"""Texts of numbers as loggers, oscilloscopes and spreadsheets write them, each with what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

RATE_HZ = 1000
BLANK, BLANKS = " ", "   "
START = datetime(2026, 5, 1, 23, 59, 59, 900_000, timezone(timedelta(hours=2)))  # midnight passes within

NAMES = {
    "none": [],
    "plain": ["x", "y", "z"],
    "unit": ["acc_x [g]", "acc_y [g]", "acc_z [g]"],
    "words": ["Channel 1", "Channel 2", "Channel 3"],
    "numbers": ["1", "2", "3"],
    "units row": ["x", "y", "z"],
    "three lines": ["x", "y", "z"],
}
TIMES = (
    "none",
    "index",
    "seconds",
    "index and seconds",
    "milliseconds",
    "microseconds",
    "epoch s",
    "epoch ms",
    "epoch us",
    "iso T",
    "iso blank",
    "iso zone",
    "d.m.Y",
    "m/d/Y",
    "date, clock",
    "clock",
)
PREAMBLES = {
    "none": [],
    "words": ["Recorded by me", "Serial no. 12 b"],
    "numbers": ["Logger 7", "Rate{d}1000{d}Hz", "Offset{d}0{m}125", "{d}{d}", ""],
    "long": [f"Setting {i}{{d}}{i}{{m}}5" for i in range(40)],
    "comments": ["# made on 2026-05-01", "# channels: 3"],
}


@dataclass(frozen=True)
class Variant:
    """One way of writing three axes."""

    delimiter: str
    decimal: str
    heading: str
    time: str
    words: str  # where a column of words stands: none, first, last
    preamble: str
    trailing: bool
    newline: str
    encoding: str
    rows: int
    axes: int
    digits: int
    seed: int

    def samples(self) -> npt.NDArray[np.float64]:
        """Shape (rows, axes), in g, as they are written."""
        drawn = np.random.default_rng(self.seed).normal(0.3, 0.7, (self.rows, self.axes))
        return np.round(drawn, self.digits)

    def written(self) -> bytes:
        """The file's bytes."""
        cells = [[self._number(value) for value in row] for row in self.samples()]
        stamps = self._stamps()
        lines = [*self._preamble(), *self._heading()]
        for i, row in enumerate(cells):
            made = [*stamps[i], *row]
            if self.words == "first":
                made.insert(0, self._word(i))
            if self.words == "last":
                made.append(self._word(i))
            lines.append(self._joined(made))
        return (self.newline.join(lines) + self.newline).encode(self.encoding)

    def names(self) -> list[str]:
        """Of the axes; none where the text has no heading."""
        named = NAMES[self.heading][: self.axes]
        return [name.replace(" ", "_") for name in named] if self.delimiter in (BLANK, BLANKS) else named

    def first_axis(self) -> int:
        """The number of the first axis' column."""
        two_cells = self.delimiter in (BLANK, BLANKS) and self.time in ("iso blank", "d.m.Y", "m/d/Y")
        return len(self._titles()) + two_cells + (self.words == "first")

    def tells_rate(self) -> bool:
        """Whether the stamps tell how fast it was sampled, without doubt."""
        if self.time in ("none", "index"):
            return False
        return self.rows >= 3 and not (self.time in ("milliseconds", "microseconds") and not self.names())

    def _number(self, value: float) -> str:
        return f"{value:.{self.digits}f}".replace(".", self.decimal)

    def _joined(self, cells: list[str]) -> str:
        return self.delimiter.join(cells) + (self.delimiter if self.trailing else "")

    def _word(self, i: int) -> str:
        return "running" if i % 50 else "event"

    def _titles(self) -> list[str]:
        return {
            "none": [],
            "index": ["sample"],
            "index and seconds": ["sample", "time [s]"],
            "milliseconds": ["time [ms]"],
            "microseconds": ["t_us"],
            "date, clock": ["Date", "Time"],
        }.get(self.time, ["time"])

    def _heading(self) -> list[str]:
        names, titles = self.names(), self._titles()
        if not names:
            return []
        around = (["state"] if self.words == "first" else []), (["state"] if self.words == "last" else [])
        made = [*around[0], *titles, *names, *around[1]]
        if self.delimiter.isspace() and self.delimiter != "\t":
            made = [title.replace(" ", "_") for title in made]
        lines = [self._joined(made)]
        units = [
            ["-"] * len(around[0]),
            [self._unit(title) for title in titles],
            ["g"] * self.axes,
            ["-"] * len(around[1]),
        ]
        if self.heading in ("units row", "three lines"):
            lines.append(self._joined([unit for part in units for unit in part]))
        if self.heading == "three lines":
            lines.insert(0, self._joined(["ch"] * len(made)))
        return lines

    def _unit(self, title: str) -> str:
        return {"sample": "-", "time [ms]": "ms", "t_us": "us"}.get(title, "s")

    def _preamble(self) -> list[str]:
        return [line.format(d=self.delimiter, m=self.decimal) for line in PREAMBLES[self.preamble]]

    def _stamps(self) -> list[list[str]]:
        step = timedelta(seconds=1 / RATE_HZ)
        return [self._stamp(i, START + i * step) for i in range(self.rows)]

    def _stamp(self, i: int, at: datetime) -> list[str]:
        mark = self.decimal
        clock = at.strftime("%H:%M:%S.%f")[:-3].replace(".", mark)
        epoch_s = int(at.timestamp() * 1e6 + 0.5)
        return {
            "none": [],
            "index": [str(i)],
            "seconds": [f"{i / RATE_HZ:.4f}".replace(".", mark)],
            "index and seconds": [str(i), f"{i / RATE_HZ:.4f}".replace(".", mark)],
            "milliseconds": [str(i)],
            "microseconds": [str(i * 1000)],
            "epoch s": [f"{epoch_s // 1000 / 1000:.3f}".replace(".", mark)],
            "epoch ms": [str(epoch_s // 1000)],
            "epoch us": [str(epoch_s)],
            "iso T": [f"{at:%Y-%m-%d}T{clock}"],
            "iso blank": [f"{at:%Y-%m-%d} {clock}"],
            "iso zone": [f"{at:%Y-%m-%d}T{clock}+02:00"],
            "d.m.Y": [f"{at:%d.%m.%Y} {clock}"],
            "m/d/Y": [f"{at:%m/%d/%Y} {clock}"],
            "date, clock": [f"{at:%d/%m/%Y}", clock],
            "clock": [clock],
        }[self.time]


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Any of them that can be read without doubt: not a number or two behind a word, as settings are, nor `0,5`
    alone, which may be two counts."""
    axes, time = draw(st.integers(1, 3)), draw(st.sampled_from(TIMES))
    bare = axes == 1 and time == "none"
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", BLANK, BLANKS]))
    decimal = "." if delimiter == "," else draw(st.sampled_from(".,"))
    return Variant(
        delimiter=delimiter,
        decimal=decimal,
        heading=draw(st.sampled_from(sorted(NAMES))),
        time=time,
        words="none" if axes == 1 else draw(st.sampled_from(["none", "first", "last"])),
        preamble=draw(st.sampled_from(sorted(PREAMBLES))),
        trailing=not delimiter.isspace() and draw(st.booleans()),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        rows=draw(st.sampled_from([64, 64, 64, 150, 500])),
        axes=axes,
        digits=draw(st.integers(2 if bare else 1, 6)),
        seed=draw(st.integers(0, 99)),
    )
