"""The processes under load: `vibdash` as users run it, started again when it ends, as a service manager does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from lab.rigs.dashboard import DEADLINE_S, Mosquitto

PAGE_BYTES = 4096


class IngestProcess:
    """`vibdash ingest`, sharing the alerts with others where `share` is true."""

    def __init__(
        self, broker: Mosquitto, database: str, log: Path, *, name: str = "load", share: bool = False
    ) -> None:
        self._command = [sys.executable, "-m", "vibdash", "ingest", "--broker", broker.url, "--db", database]
        self._command += ["--client-id", name, *(["--share", "load"] if share else [])]
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

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=DEADLINE_S)
            self._process = None


def resident_mb(pid: int) -> float:
    """Memory that a process holds, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1e6
