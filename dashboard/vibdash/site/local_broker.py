"""Mosquitto as a child of this program, for a site whose broker is no service of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from vibdash.site.broker import BrokerError
from vibdash.supervision import Unavailable, Work

START_DEADLINE_S = 10.0
LOOK_EVERY_S = 0.5
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


class LocalBroker:
    """Runs Mosquitto until stopped; has it read its passwords and access list anew when they change."""

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration
        self._watcher = Work("broker", self._watch)
        self._known: list[int] = []

    def start(self) -> None:
        """Start it and wait until it listens. Raises BrokerError."""
        program = find_mosquitto()
        if program is None:
            raise BrokerError("mosquitto is not installed; install it, e.g. apt-get install mosquitto")
        port = _last_port(self._configuration)
        if _listens(port):
            raise BrokerError(
                f"port {port}: in use, by another broker? Stop that, or set broker.start to false"
            )
        self._log = (self._configuration.parent / "mosquitto.log").open("ab")
        self._command = [program, "-c", str(self._configuration)]
        self._launch()
        deadline = time.monotonic() + START_DEADLINE_S
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise BrokerError(f"mosquitto did not start; its last words: {_last_line(self._log.name)}")
            time.sleep(0.02)
        self._known = self._changed_at()
        self._watcher.start()

    @property
    def pid(self) -> int:
        """Mosquitto's process."""
        return self._process.pid

    def _launch(self) -> None:
        # In a session of its own, so that Ctrl-C reaches it last and through us.
        self._process = subprocess.Popen(
            self._command, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it; with SIGTERM it stores what it holds first."""
        self._watcher.stop()
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait()
        self._log.close()

    def _watch(self) -> float:
        code = self._process.poll()
        if code is not None:
            self._launch()
            raise Unavailable(f"mosquitto ended with code {code}: {_last_line(self._log.name)}")
        now = self._changed_at()
        if now != self._known:
            self._known = now
            self._process.send_signal(signal.SIGHUP)
        return LOOK_EVERY_S

    def _changed_at(self) -> list[int]:
        files = (self._configuration.with_name(name) for name in ("passwords", "access"))
        return [file.stat().st_mtime_ns if file.exists() else 0 for file in files]


def find_mosquitto() -> str | None:
    """Return where Mosquitto is, None where it is not installed."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")


def _last_port(configuration: Path) -> int:
    """Return the port of the last listener: when that one is open, all are."""
    try:
        found = re.findall(r"^listener\s+(\d+)", configuration.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError as error:
        raise BrokerError(f"--start-broker {configuration}: {error.strerror}") from None
    if not found:
        raise BrokerError(
            f"--start-broker {configuration}: no listener in it; accepted: one that vibdash init made"
        )
    return int(found[-1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last_line(file: str) -> str:
    lines = Path(file).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "none"
