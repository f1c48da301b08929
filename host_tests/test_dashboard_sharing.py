"""Several ingests on one database: the alerts are shared out, and what is acknowledged is committed."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, eventually, run_vibdash
from lab.rigs.databases import KINDS, new_database, rows


@pytest.fixture(params=KINDS)
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return new_database(request.param, tmp_path)


class SharingIngest:
    """`vibdash ingest --share` as a process of its own."""

    def __init__(self, broker: Mosquitto, database: str, client_id: str) -> None:
        command = [sys.executable, "-m", "vibdash", "ingest", "--broker", broker.url, "--db", database]
        command += ["--share", "test", "--client-id", client_id]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("taking messages")

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """End the process; return what it said on stderr."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=DEADLINE_S)[1]


@pytest.fixture
def pair(broker: Mosquitto, database: str) -> Iterator[list[SharingIngest]]:
    running = [SharingIngest(broker, database, name) for name in ("one", "two")]
    yield running
    for ingest in running:
        if ingest.process.poll() is None:
            ingest.end()


def send_until_acknowledged(device: Device, last: int) -> list[int]:
    """Send alerts as a device does: all of them, and again what was not acknowledged. Returns the acks."""
    acks: list[int] = []
    for _ in range(5):
        for seq in range(max(acks, default=0) + 1, last + 1):
            device.alert(seq)
        try:
            eventually(lambda: collect(device, acks) == last, "the last ack", within_s=5)
        except AssertionError:
            continue
        return acks
    raise AssertionError(f"{device.name}: acknowledged up to {max(acks, default=0)} of {last}")


def collect(device: Device, acks: list[int]) -> int:
    while not device.acks.empty():
        acks.append(device.acks.get()["seq"])
    return max(acks, default=0)


def test_alerts_are_shared_out_stored_once_and_acknowledged_to_the_last(
    broker: Mosquitto, database: str, pair: list[SharingIngest]
) -> None:
    devices = [Device(broker, f"motor-{number}") for number in range(4)]
    threads = [threading.Thread(target=send_until_acknowledged, args=(device, 50)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = rows(database, "SELECT device, seq FROM alert ORDER BY device, seq")
    assert stored == [(device.name, seq) for device in devices for seq in range(1, 51)]
    for device in devices:
        device.leave()


def test_when_one_is_killed_the_other_takes_all(
    broker: Mosquitto, database: str, pair: list[SharingIngest]
) -> None:
    device = Device(broker, "motor-1")
    send_until_acknowledged(device, 10)
    pair[0].end(signal.SIGKILL)
    for seq in range(11, 31):
        device.alert(seq)
    acks = send_until_acknowledged(device, 30)
    assert max(acks) == 30
    assert rows(database, "SELECT seq FROM alert ORDER BY seq") == [(seq,) for seq in range(1, 31)]
    device.leave()


def test_every_ingest_hears_every_status_and_the_history_has_it_once(
    broker: Mosquitto, database: str, pair: list[SharingIngest]
) -> None:
    device = Device(broker, "motor-1")
    for uptime_ms in range(1000, 21000, 1000):
        device.status(uptime_ms=uptime_ms, score=uptime_ms // 1000)
    eventually(lambda: rows(database, "SELECT score FROM device") == [(20,)], "the last status is known")
    device.vanish()
    eventually(lambda: rows(database, "SELECT state FROM device") == [("offline",)], "the will is known")
    for ingest in pair:
        ingest.end()
    assert rows(database, "SELECT state, score FROM device") == [("offline", 20)]


def test_a_share_without_a_name_of_its_own_is_refused(tmp_path: Path) -> None:
    for arguments in (["--share", "a"], ["--share", "a/#", "--client-id", "one"]):
        ended = run_vibdash("ingest", "--db", f"sqlite:///{tmp_path}/x.db", *arguments)
        assert ended.returncode != 0
        assert "--client-id that no other ingest has" in ended.stderr
    assert not (tmp_path / "x.db").exists()
