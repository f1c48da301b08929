"""All that a soak runs on: Mosquitto, a proxy before it, `vibdash ingest` with its database, and the sensor."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lab.load.processes import IngestProcess
from lab.rigs.dashboard import Mosquitto, eventually
from lab.rigs.firmware import MICROPYTHON, ROOT
from lab.rigs.firmware_model import model_bin

from .ledger import Ledger
from .proxy import Proxy

HERE = Path(__file__).parent
BROKER_NAME = "broker.soak"  # known to the sensor alone, by no_dns.c
ACCESS = "topic readwrite #\n"
ACCESS_DENIED = "topic deny vibnode/v1/+/+/alert\n" + ACCESS
TO_LIVE_S = 30


class Broker(Mosquitto):
    """A Mosquitto that can be frozen, and whose access list can be changed while it runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._access = folder / "access"
        self._access.write_text(ACCESS)
        with (folder / "mosquitto.conf").open("a") as config:
            config.write(f"acl_file {self._access}\n")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def deny_alerts(self, denied: bool) -> None:
        """Have alerts thrown away, though each is answered by a PUBACK."""
        self._access.write_text(ACCESS_DENIED if denied else ACCESS)
        self.send(signal.SIGHUP)


class SensorProcess:
    """The sensor's MicroPython, its ledger read all the while."""

    def __init__(self, folder: Path, window_ms: int, resolver: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()
        self.no_dns = folder / "no-dns"
        self._command = [
            str(MICROPYTHON),
            str(HERE / "device.py"),
            str(folder / "device.json"),
            str(window_ms),
        ]
        self._environment = {
            "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen",
            "LD_PRELOAD": str(resolver),
            "SOAK_NO_DNS": str(self.no_dns),
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def outbox(self) -> Path:
        """The file that alerts wait in."""
        return self.folder / "state/outbox.bin"

    def start(self, *, outlives_a_full_disk: bool = False) -> None:
        """Start it. A file over its limit cannot be written to; or else the process ends in the midst of the write."""
        if outlives_a_full_disk:
            command = ["/bin/sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", *self._command]
        else:
            command = self._command
        self._process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.ledger.follow(self._process)

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def end(self, number: signal.Signals) -> None:
        """Send a signal, and wait until it has ended and its ledger is read."""
        assert self._process is not None
        self._process.send_signal(number)
        self.wait()

    def wait(self) -> None:
        """Wait until it has ended by itself."""
        assert self._process is not None
        self._process.wait(TO_LIVE_S)
        self.ledger.join()

    def limit_files(self, size: int | None) -> None:
        """Let no file grow over `size` bytes."""
        assert self._process is not None
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


class Rig:
    """Everything, running, but for the sensor, which the caller starts."""

    def __init__(self, folder: Path, window_ms: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "state").mkdir(parents=True)
        self.folder = folder
        self.broker = Broker(folder / "broker")
        self.broker.start()
        self.proxy = Proxy(self.broker.port)
        self.database = f"sqlite:///{folder / 'vibdash.db'}"
        self.ingest = IngestProcess(self.broker, self.database, folder / "ingest.log", name="soak")
        assert self.ingest.start(), f"the ingest did not start: {folder}/ingest.log"
        (folder / "model.bin").write_bytes(model_bin())
        (folder / "device.json").write_text(json.dumps(self._configuration()))
        self.sensor = SensorProcess(folder, window_ms, build_resolver(folder))

    def _configuration(self) -> dict[str, Any]:
        return {
            "site": "soak",
            "device": "motor-1",
            "model": "model.bin",
            "sensor": {"driver": "replay", "playlist": "none"},
            "mqtt": {"host": BROKER_NAME, "port": self.proxy.port, "keepalive_s": 2},
            "learn_windows": 0,
            "status_interval_s": 5,
        }

    def stored(self) -> list[tuple[int, int, int, str, int]]:
        """(boot, seq, uptime_ms, event, score) of each alert in the database."""
        rows = self._ask("SELECT boot, seq, uptime_ms, event, score FROM alert ORDER BY id")
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    def dropped(self) -> int:
        """How many alerts the sensor last said it had to drop."""
        return int(self._ask("SELECT dropped FROM device")[0][0])

    def last_why(self) -> str:
        """Why the sensor sent its latest status."""
        return str(self._ask("SELECT why FROM device")[0][0])

    def _ask(self, query: str) -> list[Any]:
        engine = sa.create_engine(self.database)
        try:
            with engine.connect() as connection:
                return list(connection.execute(sa.text(query)))
        finally:
            engine.dispose()

    def stop(self) -> None:
        """End all of it."""
        if self.sensor.alive():
            self.sensor.end(signal.SIGKILL)
        self.proxy.stop()
        self.ingest.stop()
        self.broker.stop()


def build_resolver(folder: Path) -> Path:
    """Compile no_dns.c."""
    library = folder / "no_dns.so"
    compiler = os.environ.get("CC", "cc")
    done = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(HERE / "no_dns.c"), "-ldl"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"error: {compiler} could not build {HERE / 'no_dns.c'}: {done.stderr.strip()}")
    return library


def outlast(rig: Rig, what: str, condition: Any, within_s: float = 120) -> None:
    """Wait until `condition` holds, while the sensor lives."""

    def look() -> bool:
        assert rig.sensor.alive(), f"the sensor ended: {rig.sensor.ledger.last_words()}"
        return bool(condition())

    eventually(look, what, within_s)
