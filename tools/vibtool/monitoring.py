"""What a sensor sees, live in the terminal."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from vibtool.board import Message


SHOWN = 60  # windows in the sparkline
BARS = "▁▂▃▄▅▆▇█"
BELOW = -512  # the score at the foot of the sparkline; its head is half as much over the alarm


class Live:
    """Takes the messages of on_device/monitor.py; `drawing` is what the terminal shows."""

    def __init__(self) -> None:
        self.windows = 0
        self._head: Message = {}
        self._latest: Message = {}
        self._fault: str | None = None
        self._scores: deque[int] = deque(maxlen=SHOWN)

    def take(self, said: Message) -> None:
        """A message came."""
        if "warning" in said:
            self._head = said
        elif "fault" in said:
            self._fault = said["fault"]
        else:
            self._fault, self._latest = None, said
            self._scores.append(said["score"])
            self.windows += 1

    def drawing(self) -> Group:
        """The newest window in a table, the scores as a sparkline."""
        table = Table("score", "class", "rms mm/s²", "velocity mm/s", "machine", title=self._title())
        if self._latest:
            said = self._latest
            loud = said["score"] >= self._head["warning"]  # of less, the class says nothing
            row = [
                str(said["score"]),
                (said["class"] or "not named") if loud else "-",
                f"{said['rms_mm_s2']}",
            ]
            table.add_row(
                *row,
                f"{said['velocity_um_s'] / 1000:.2f}",
                "off" if said["off"] else "on",
                style=self._style(),
            )
        below = [Text(f"instrument: {self._fault}", style="bold red")] if self._fault else []
        return Group(table, self.sparkline(), *below)

    def sparkline(self) -> Text:
        """The last scores; red over the alarm, yellow over the warning."""
        top = self._head.get("alarm", 1024) * 3 // 2
        line = Text()
        for score in self._scores:
            share = (min(top, max(BELOW, score)) - BELOW) / (top - BELOW)
            line.append(BARS[round(share * (len(BARS) - 1))], style=self._style(score))
        return line

    def _style(self, score: int | None = None) -> str:
        value = self._latest["score"] if score is None else score
        if value >= self._head.get("alarm", 1 << 15):
            return "red"
        return "yellow" if value >= self._head.get("warning", 1 << 15) else "green"

    def _title(self) -> str:
        if not self._head:
            return "waiting for the first window"
        baseline = "its baseline" if self._head["baseline"] else "no baseline learnt yet"
        limits = f"warning {self._head['warning']}, alarm {self._head['alarm']}"
        return f"{self._head['machine']}: {self._head['model']}, {limits}, {baseline}"
