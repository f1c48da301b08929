"""The books on one sensor: what its outbox was asked to keep, from what it printed, against what is in the database."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field

Facts = tuple[int, int, str, int]  # boot, uptime_ms, event, score: what an alert says of itself


@dataclass
class Verdict:
    """What became of all alerts."""

    alerts: int
    stored: int
    lost: list[int]
    invented: list[tuple[int, int]]
    duplicates_stored: int
    dropped: int  # by the books
    in_flight: int  # begun when the power was cut: the sensor never said that it had them


@dataclass
class Ledger:
    """Read from the sensor's standard output; goes on through restarts."""

    begun: int = 0
    kept: dict[int, Facts] = field(default_factory=dict)  # by seq: the outbox said that it has it
    dropped: set[int] = field(default_factory=set)
    failed: int = 0  # the medium refused it
    held: set[int] = field(default_factory=set)
    unanswered: list[Facts] = field(default_factory=list)  # begun, and the power cut before an answer
    unexplained: set[int] = field(default_factory=set)  # gone at a restart, more than were counted as dropped
    said_dropped: int = 0
    lines: list[str] = field(default_factory=list)
    _asked: Facts | None = None
    _reader: threading.Thread | None = None

    def follow(self, process: subprocess.Popen[str]) -> None:
        """Read what a new process prints, until it ends."""
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def join(self) -> None:
        """Wait until all that the process printed is read."""
        assert self._reader is not None
        self._reader.join()

    def last_words(self) -> str:
        """The end of what it printed."""
        return " | ".join(self.lines[-12:])

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("ledger "):
                self.lines.append(line.rstrip())
            elif line.endswith("\n"):
                word, *facts = json.loads(line.removeprefix("ledger "))
                getattr(self, f"_{word}")(*facts)

    def _opened(self, boot: int, dropped: int, held: list[int]) -> None:
        if self._asked is not None:
            self.unanswered.append(self._asked)
            self._asked = None
        gone = sorted(self.held - set(held))
        counted = dropped - self.said_dropped  # in a compaction that the power cut hid from us
        self.dropped.update(gone[:counted])
        self.unexplained.update(gone[counted:])
        self.said_dropped = max(self.said_dropped, dropped)
        self.held = set(held)

    def _begin(self, boot: int, uptime_ms: int, event: str, score: int) -> None:
        self.begun += 1
        self._asked = (boot, uptime_ms, event, score)

    def _stored(self, seq: int, gone: list[int]) -> None:
        assert self._asked is not None
        self.kept[seq] = self._asked
        self._asked = None
        self.held.add(seq)
        self._drop(gone)

    def _failed(self, gone: list[int]) -> None:
        self._asked = None
        self.failed += 1
        self.said_dropped += 1
        self._drop(gone)

    def _drop(self, gone: list[int]) -> None:
        self.dropped.update(gone)
        self.held.difference_update(gone)
        self.said_dropped += len(gone)

    def _acked(self, seq: int) -> None:
        self.held = {one for one in self.held if one > seq}

    def settle(self, rows: list[tuple[int, int, int, str, int]]) -> Verdict:
        """Compare with (boot, seq, uptime_ms, event, score) of each alert in the database."""
        times = Counter((boot, seq) for boot, seq, *_ in rows)
        in_database = {seq: (boot, uptime_ms, event, score) for boot, seq, uptime_ms, event, score in rows}
        unanswered = Counter(self.unanswered)
        invented = []
        for boot, seq, uptime_ms, event, score in rows:
            facts = (boot, uptime_ms, event, score)
            if self.kept.get(seq) == facts:
                continue
            if seq not in self.kept and unanswered[facts]:
                unanswered[facts] -= 1
                continue
            invented.append((boot, seq))
        lost = [seq for seq in self.kept if seq not in in_database and seq not in self.dropped]
        return Verdict(
            alerts=self.begun,
            stored=len(times),
            lost=sorted(lost),
            invented=invented,
            duplicates_stored=sum(times.values()) - len(times),
            dropped=len(self.dropped) + self.failed,
            in_flight=len(self.unanswered),
        )
