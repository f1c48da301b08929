"""Demonstration data: three virtual sensors on a simulated machine. Each is the firmware, run by this Python.

All that is not real is the samples; devices, model and machine are called simulated wherever they are seen.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vibdash.protocol.messages import Sensor
from vibdash.read.machines import Machine, Machines
from vibdash.site.broker import Broker
from vibdash.site.credentials import give_credentials
from vibdash.site.folder import SiteError, SiteFolder, as_json, write_secret
from vibdash.supervision import new_record

SPEED_RPM, LOAD = 1800.0, "0 lb"
LEARN_WINDOWS, LEARN_S = 20, 8.0
PLAYED_S = 10.0  # of each run, over and over; its end is a gap in the samples
STATUS_INTERVAL_S = 10
STOP_DEADLINE_S = 5.0
NEEDED = "vibtrain", "sklearn", "scipy", "aiomqttc"

log = logging.getLogger("vibdash.demo")


@dataclass(frozen=True)
class Scene:
    """What a virtual sensor plays: healthy for some seconds, then a fault of the simulator's, if any."""

    device: str
    healthy_s: float
    fault: tuple[str, str] | None  # label and severity
    fault_s: float = 0.0


SCENES = (
    Scene("simulated-1", 20.0, ("outer-race", "heavy"), 86_400.0),
    Scene("simulated-2", 40.0, ("imbalance", "light"), 60.0),
    Scene("simulated-3", 86_400.0, None),
)


class Demo:
    """Starts the virtual sensors in the background, since their model takes some seconds to train."""

    def __init__(self, folder: SiteFolder, site: str, engine: sa.Engine, broker: Broker) -> None:
        missing = [name for name in NEEDED if not _is_there(name)]
        if missing:
            raise SiteError(
                f"--demo: {', '.join(missing)} not installed; install it: pip install 'vibnode[dashboard,demo]'"
            )
        self._folder = folder
        self._site = site
        self._engine = engine
        self._broker = broker
        self._stopping = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        """Begin; the sensors appear on the page one by one."""
        self._thread.start()

    def stop(self) -> None:
        """End the virtual sensors."""
        self._stopping.set()
        self._thread.join()
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self) -> None:
        place = self._folder.path / "demo"
        place.mkdir(mode=0o700, exist_ok=True)
        try:
            chosen, recordings = _train(place / "model.bin")
            for scene in SCENES:
                if self._stopping.is_set():
                    return
                self._processes.append(self._start(scene, place / scene.device, chosen, recordings))
        except Exception as error:  # the page is there all the same, and says so
            new_record("demo").note_failure(error)
            log.exception("the demonstration ended")

    def _start(
        self, scene: Scene, place: Path, chosen: Any, recordings: dict[tuple[str, str], Any]
    ) -> subprocess.Popen[bytes]:
        from vibtrain.workflows.replay import Item, write_playlist

        healthy = recordings[("healthy", "")]
        items = [Item(healthy, LEARN_S, (0.0, 0.5)), Item(healthy, scene.healthy_s, (0.5, 1.0))]
        if scene.fault is not None:
            items += [Item(recordings[scene.fault], scene.fault_s), Item(healthy, 60.0, (0.5, 1.0))]
        write_playlist(place, items, chosen)
        sensor = Sensor(self._site, scene.device)
        written = give_credentials(self._folder, sensor, self._engine)
        given = json.loads((written / "credentials.json").read_text(encoding="utf-8"))
        bearing = Machine(
            "iso20816-3-group2-rigid", SPEED_RPM, balls=8, ball_mm=7.137, pitch_mm=30.0, contact_deg=0.0
        )
        Machines(self._engine).change(sensor.site, sensor.device, bearing, "demo", 0)
        write_secret(place / "device.json", as_json(self._configuration(given)))
        command = [sys.executable, "-m", "vibnode", str(place / "device.json")]
        with (place / "vibnode.log").open("wb") as output:
            return subprocess.Popen(command, cwd=place, stdout=output, stderr=output, start_new_session=True)

    def _configuration(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return device.json. The firmware has TLS on MicroPython alone: here it uses the dashboard's own listener."""
        mqtt = {"host": self._broker.host, "port": self._broker.port}
        mqtt |= {name: given["mqtt"][name] for name in ("user", "password")}
        return {
            **given,
            "mqtt": mqtt,
            "machine": "Simulated pump",
            "sensor": {"driver": "replay", "playlist": "playlist.json", "pace": 1.0},
            "model": "../model.bin",
            "learn_windows": LEARN_WINDOWS,
            "status_interval_s": STATUS_INTERVAL_S,
            "data_dir": "state",
        }


def _train(model: Path) -> tuple[Any, dict[tuple[str, str], Any]]:
    """Train a model on the simulator, write it, and return its configuration and the recordings to be played."""
    from vibtrain.data import simulator
    from vibtrain.features import config
    from vibtrain.models import fit
    from vibtrain.packaging import convert
    from vibtrain.workflows import pipeline

    chosen = dataclasses.replace(pipeline.simulated(config.load("adi-motor")), name="simulated")
    entries = simulator.catalogue()
    fitted = fit.fit(pipeline.windows_of(chosen, entries), chosen)
    write_secret(model, convert.convert(fitted).binary)
    played = simulator.catalogue(seconds=PLAYED_S)
    here = [one for one in played if (one.speed_rpm, one.load) == (SPEED_RPM, LOAD)]
    return chosen, {(one.label, one.severity): one for one in here}


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
