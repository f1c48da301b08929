"""A new site and the real firmware on MicroPython: TLS, its own password, and commands with their answers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_dashboard_site import credentials, init, run_in
from test_firmware_application import noise
from vibdash.commands.queue import Commander
from vibdash.database.opening import open_database
from vibdash.protocol.messages import Sensor
from vibdash.read.replies import CommandView, Progress, ReplyReader
from vibdash.read.snapshots import join_snapshot
from vibdash.read.waterfall import WaterfallReader
from vibdash.site.folder import SiteFolder

from lab.rigs.dashboard import DEADLINE_S, eventually
from lab.rigs.firmware import Device, needs_micropython
from lab.rigs.firmware_model import CONFIG, FEATURES_PER_AXIS, model_bin

pytestmark = needs_micropython
SENSOR = Sensor("plant", "pump-1")


class Plant:
    """`vibdash ingest` of a new site with its broker, and a sensor that has the credentials of `device add`."""

    def __init__(self, folder: Path) -> None:
        init(folder)
        self.site = SiteFolder(folder / "plant")
        assert run_in(folder, "device", "add", "pump-1").returncode == 0
        self._log = (folder / "log").open("wb")
        command = [sys.executable, "-m", "vibdash", "run", "--port", "0"]
        self._host = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=self._log)
        assert self._host.stdout is not None
        assert self._host.stdout.readline().startswith(b"page on "), (folder / "log").read_text()
        self.engine = open_database(f"sqlite:///{self.site.path}/vibdash.db")
        self.replies = ReplyReader(self.engine)
        self.device = Device("-m", "vibnode", self._configure())

    def _configure(self) -> Path:
        place = self.site.devices / "pump-1"
        (place / "model.bin").write_bytes(model_bin())
        (place / "healthy.i16").write_bytes(noise(1, 100, 50_000).tobytes())
        items = [{"file": "healthy.i16", "seconds": 1e6}]
        playlist = {"rate_hz": 5000, "axes": 3, "lsb_nm_s2": CONFIG["lsb_nm_s2"], "items": items}
        (place / "playlist.json").write_text(json.dumps(playlist))
        sensor = {"driver": "replay", "playlist": "playlist.json", "pace": 4}
        own = {"sensor": sensor, "model": "model.bin", "learn_windows": 10, "status_interval_s": 1}
        path = place / "device.json"
        path.write_text(json.dumps(credentials(self.site, "pump-1") | own))
        return path

    def ask(self, cmd: str, now_ms: int, **fields: Any) -> tuple[CommandView, list[dict[str, Any]]]:
        """Ask, wait for what becomes of it, and return it with the parts of the answer."""
        number = Commander(self.engine).ask(SENSOR, cmd, fields, "ada", now_ms)
        done = (Progress.ANSWERED, Progress.REFUSED)
        eventually(
            lambda: self.replies.latest("plant", "pump-1", now_ms)[0].progress in done, f"{cmd} is answered"
        )
        return self.replies.latest("plant", "pump-1", now_ms)[0], self.replies.parts(number)

    def close(self) -> None:
        if self.device.alive():
            self.device.end(signal.SIGKILL)
        self._host.send_signal(signal.SIGTERM)
        self._host.wait(DEADLINE_S)
        self._log.close()
        self.engine.dispose()
        print(*self.device.lines, sep="\n")  # shown where the test fails


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.close()


def test_a_sensor_of_a_new_site_answers_what_it_is_asked(plant: Plant) -> None:
    now_ms = time.time_ns() // 1_000_000
    eventually(lambda: plant.device.printed("baseline learnt"), "it measures and has learnt")
    report, parts = plant.ask("report", now_ms)
    assert report.progress is Progress.ANSWERED, report.error
    assert parts[0]["health"]["boots"] == 1
    _, parts = plant.ask("baseline", now_ms)
    assert sum(len(part["median"]) for part in parts) == 3 * FEATURES_PER_AXIS
    _, parts = plant.ask("snapshot", now_ms, frames=2048)
    snapshot = join_snapshot(parts)
    assert snapshot is not None
    lsb_m_s2 = CONFIG["lsb_nm_s2"] * 1e-9
    assert snapshot.acceleration[:, 0].std() == pytest.approx(100 * lsb_m_s2, rel=0.1)
    spectrum, _ = plant.ask("spectrum", now_ms)
    assert spectrum.progress is Progress.ANSWERED, spectrum.error
    fall = WaterfallReader(plant.engine, plant.replies).read("plant", "pump-1", "x")
    assert fall is not None
    asked, taken = (
        next(row.levels_m_s2 for row in fall.rows if row.kind == k) for k in ("spectrum", "snapshot")
    )
    # Its own bands, and those of its raw samples reckoned here: white noise, so alike. The lower two have 4 and 10
    # bins, whose level chance moves by a fifth; the others by 11 % at most (one window, as it is asked for).
    assert asked[2:] == pytest.approx(taken[2:], rel=0.45)
    _, parts = plant.ask("thresholds", now_ms, velocity_limits_mm_s=[2.8, 4.5])
    assert parts[0]["settings"]["velocity_limits_mm_s"] == [2.8, 4.5]
    last, _ = plant.ask("reboot", now_ms)
    assert last.progress is Progress.ANSWERED
    eventually(lambda: plant.device.printed("after command"), "it restarts")
