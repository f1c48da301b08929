"""The processes under load: `vibdash` as users run it, started again when it ends, as a service manager does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.rigs.dashboard import DEADLINE_S, Mosquitto

PAGE_BYTES = 4096


class _Process:
    """A program that says "taking messages" once it does."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log.open("ab")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> bool:
        """Start it; return whether it took up its work: it ends at once where broker or database do not answer."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        return self._process.stdout.readline().startswith("taking messages")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def cpu_ms(self) -> float:
        """Return the processor time that it took since its start, ms."""
        assert self._process is not None
        said = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(said[11]) + int(said[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=DEADLINE_S)
            self._process = None


class BareIngest(_Process):
    """The least that an ingest can be."""

    def __init__(self, broker: Mosquitto, database: Path, log: Path) -> None:
        super().__init__([sys.executable, "-m", "lab.load.bare_ingest", str(broker.port), str(database)], log)


class IngestProcess(_Process):
    """`vibdash ingest`, sharing the alerts with others where `share` is true."""

    def __init__(
        self, broker: Mosquitto, database: str, log: Path, *, name: str = "load", share: bool = False
    ) -> None:
        command = [sys.executable, "-m", "vibdash", "ingest", "--broker", broker.url, "--db", database]
        super().__init__([*command, "--client-id", name, *(["--share", "load"] if share else [])], log)


def resident_mb(pid: int) -> float:
    """Memory that a process holds, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1e6
