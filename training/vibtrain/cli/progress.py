"""Bars with the time left while recordings are read: how many are done, and the samples of each long one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vibtrain.recordings import Entry
    from vibtrain.workers import Workers

LONG_FRAMES = 1 << 20  # read in some tenths of a second: a bar of its own would flicker


@contextmanager
def reading(
    entries: Sequence[Entry], workers: Workers, console: Console, what: str = "recordings"
) -> Iterator[tuple[list[Entry], Callable[[str], None]]]:
    """The same entries, to be read, and whom to tell the name of each that is done.

    Only threads let see into a recording: other processes tell nothing before it is done.
    """
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from vibtrain.recordings import watched

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bars = _Bars(bar, bar.add_task(what, total=len(entries)))
        seen = workers.backend == "threads"
        yield [watched(entry, bars.inside) if seen else entry for entry in entries], bars.done


class _Bars:
    def __init__(self, bar: Progress, all_of_them: TaskID) -> None:
        self._bar = bar
        self._all = all_of_them
        self._long: dict[str, TaskID] = {}

    def inside(self, name: str, frames: int, expected: int | None) -> None:
        if max(frames, expected or 0) < LONG_FRAMES:
            return
        if name not in self._long:
            self._long[name] = self._bar.add_task(f"{name}, samples", total=expected, completed=frames)
        self._bar.update(self._long[name], completed=frames)

    def done(self, name: str) -> None:
        if name in self._long:
            self._bar.remove_task(self._long.pop(name))
        self._bar.advance(self._all)
