"""Recordings in, alerts on a page: a broker, the dashboard and three virtual sensors on this computer.

Each virtual sensor is the real firmware in MicroPython, with recordings in place of its accelerometer. None of what
they play was trained on. All of them begin healthy and learn their baseline; two then turn faulty.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table
from vibtrain.features import config
from vibtrain.packaging import package
from vibtrain.recordings import DataError, Entry
from vibtrain.workflows import pipeline
from vibtrain.workflows.replay import Item, write_playlist

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "build" / "firmware" / "UNIX" / "micropython"
LEARN_SECONDS, HEALTHY_SECONDS, FAULT_SECONDS = 8.0, 12.0, 3600.0
LEARN_WINDOWS = 20
STATUS_INTERVAL_S = 5
START_DEADLINE_S = 30
console = Console(highlight=False)


class DemoError(Exception):
    """The demo cannot run; one line says why and what to do."""


@dataclass(frozen=True)
class Scene:
    """One sensor's story: `healthy` and `fault` (None: none) say which recordings it plays."""

    device: str
    machine: str
    speed_rpm: float
    load: str
    fault: tuple[str, str] | None  # label and severity


SCENES = (
    Scene("motor-1", "Pump motor", 1800, "0 lb", ("outer-race", "heavy")),
    Scene("motor-2", "Fan motor", 3000, "11 lb", ("imbalance", "heavy")),
    Scene("motor-3", "Conveyor motor", 1800, "11 lb", None),
)


def _heed_interrupts() -> None:
    """A shell starts what runs in its background deaf to SIGINT, and what that starts would be so too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Processes:
    """What the demo started, ended in reverse order whatever happens."""

    started: list[tuple[str, subprocess.Popen[str], Path]] = field(default_factory=list)

    def start(self, name: str, command: list[str], folder: Path) -> subprocess.Popen[str]:
        log = folder / f"{name}.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends what it started in order
                preexec_fn=_heed_interrupts,
            )
        self.started.append((name, process, log))
        return process

    def check(self) -> None:
        """Raise `DemoError` with the last line of whatever has ended."""
        for name, process, log in self.started:
            if process.poll() is not None:
                lines = log.read_text().strip().splitlines() or ["nothing printed"]
                raise DemoError(f"{name} ended with code {process.returncode}: {lines[-1]} (see {log})")

    def stop(self) -> None:
        """End the sensors first, so that the broker is still there to be told goodbye."""
        for _, process, _ in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def find(entries: list[Entry], scene: Scene, label: str, severity: str = "") -> Entry:
    """The recording of a scene. Raises `DemoError` where the catalogue has none."""
    for entry in entries:
        if (entry.speed_rpm, entry.load, entry.label, entry.severity) == (
            scene.speed_rpm,
            scene.load,
            label,
            severity,
        ):
            return entry
    raise DemoError(f"no recording of {label} {severity} at {scene.speed_rpm:g} rpm, {scene.load}")


def write_sensor(
    scene: Scene, folder: Path, entries: list[Entry], chosen: config.TrainingConfig, port: int, pace: float
) -> Path:
    """Samples, playlist and device.json of one virtual sensor; returns the last one's path.

    The baseline is learnt on the first half of the healthy recording, and the second half is what must stay silent.
    """
    healthy = find(entries, scene, "healthy")
    items = [Item(healthy, LEARN_SECONDS, (0.0, 0.5)), Item(healthy, HEALTHY_SECONDS, (0.5, 1.0))]
    if scene.fault:
        items.append(Item(find(entries, scene, *scene.fault), FAULT_SECONDS))
    write_playlist(folder, items, chosen)
    device = {
        "site": "demo",
        "device": scene.device,
        "machine": scene.machine,
        "sensor": {"driver": "replay", "playlist": "playlist.json", "pace": pace},
        "mqtt": {"host": "127.0.0.1", "port": port},
        "learn_windows": LEARN_WINDOWS,
        "status_interval_s": STATUS_INTERVAL_S,
        "data_dir": "state",
    }
    path = folder / "device.json"
    path.write_text(json.dumps(device, indent=1) + "\n")
    return path


def free_port(preferred: int = 0) -> int:
    """`preferred` where nothing listens on it, else any free port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], processes: Processes) -> None:
    end = time.monotonic() + START_DEADLINE_S
    while not ready():
        processes.check()
        if time.monotonic() > end:
            raise DemoError(f"{what} did not start within {START_DEADLINE_S} s")
        time.sleep(0.05)


def start_broker(folder: Path, processes: Processes) -> int:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise DemoError(
            "no broker: the program mosquitto is not installed (Debian: apt-get install mosquitto)"
        )
    port = free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
    )
    processes.start("mosquitto", [program, "-c", "mosquitto.conf"], folder)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for("the broker", listens, processes)
    return port


class Page:
    """The dashboard's process, asked through its API."""

    def __init__(self, folder: Path, broker_port: int, page_port: int, processes: Processes) -> None:
        self.address = f"http://127.0.0.1:{page_port}/"
        command = [sys.executable, "-m", "vibdash", "run", "--broker", f"mqtt://127.0.0.1:{broker_port}"]
        command += ["--db", f"sqlite:///{folder / 'vibdash.sqlite'}", "--port", str(page_port)]
        command += ["--silent-after-s", str(3 * STATUS_INTERVAL_S)]
        processes.start("vibdash", command, folder)
        wait_for("the dashboard", self._answers, processes)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.load(answer)

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts, oldest first."""
        return sorted(self.get("api/v1/alerts?limit=1000")["alerts"], key=lambda alert: int(alert["id"]))

    def _answers(self) -> bool:
        try:
            self.get("healthz")
        except OSError:
            return False
        return True


def problems(alerts: list[dict[str, Any]], fault_from_ms: float) -> list[str]:
    """What is not as the recordings say it should be; empty when all is. `fault_from_ms`: UTC, no fault before it."""
    found = []
    for scene in SCENES:
        raised = [a for a in alerts if a["device"] == scene.device and a["event"] == "raise"]
        early = [a for a in raised if scene.fault is None or a["received_at_ms"] < fault_from_ms]
        if early:
            found.append(
                f"{scene.device}: a false alert ({early[0]['cause']}) while the recording was healthy"
            )
        if scene.fault and not [a for a in raised if a["cause"] == "anomaly"]:
            found.append(f"{scene.device}: no alert yet of its {scene.fault[0]} fault")
    return found


def tell(alert: dict[str, Any]) -> None:
    named = f", looks like {alert['class_name']}" if alert.get("class_name") else ""
    text = f"{alert['device']}: {alert['event']} {alert['level']}, {alert['cause']}{named}"
    console.print(f"[bold red]![/] {text}, score {alert['score']} over {alert['threshold']}")


def watch(page: Page, processes: Processes, seconds: float | None, first: str) -> list[dict[str, Any]]:
    """Print `first`, then alerts as they come until the time is up or Ctrl-C; returns all of them."""
    end = None if seconds is None else time.monotonic() + seconds
    told: set[int] = set()
    alerts: list[dict[str, Any]] = []
    try:
        console.print(first)  # which promises that Ctrl-C ends it in order: so from here on it does
        while end is None or time.monotonic() < end:
            processes.check()
            alerts = page.alerts()
            for alert in alerts:
                if alert["id"] not in told:
                    told.add(alert["id"])
                    tell(alert)
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nStopping.")
    return alerts


def summarise(fleet: dict[str, Any]) -> None:
    table = Table(
        "sensor", "machine", "instrument", "windows", "bytes sampled", "bytes sent", "sampled / sent"
    )
    for sensor in fleet["sensors"]:
        sampled, sent = sensor["bytes_sampled"] or 0, sensor["bytes_sent"] or 0
        row = [sensor["device"], sensor["machine"], sensor["instrument"], str(sensor["windows"])]
        table.add_row(*row, f"{sampled:,}", f"{sent:,}", f"{sampled / sent:,.0f}" if sent else "-")
    console.print(table)


def run(arguments: argparse.Namespace, folder: Path, processes: Processes) -> int:
    if not FIRMWARE.exists():
        raise DemoError(f"no firmware at {FIRMWARE.relative_to(ROOT)}: build it with: make firmware-unix")
    chosen = config.load(arguments.config)
    _, description = package.read(arguments.model)
    if description["training"]["sources"] == ["simulated"] or description["name"].endswith("-simulated"):
        chosen = pipeline.simulated(chosen)
        console.print(
            "[bold yellow]SIMULATED:[/] no recordings here; the sensors play the built-in simulator."
        )
    entries = pipeline.entries_of(chosen, announce=lambda line: None)
    console.print("Starting the broker, the dashboard and three virtual sensors ...")
    broker_port = start_broker(folder, processes)
    page = Page(folder, broker_port, free_port(arguments.port), processes)
    fault_at = (LEARN_SECONDS + HEALTHY_SECONDS) / arguments.pace
    fault_from_ms = (time.time() + fault_at) * 1000
    for scene in SCENES:
        sensor = folder / scene.device
        device = write_sensor(scene, sensor, entries, chosen, broker_port, arguments.pace)
        processes.start(scene.device, [str(FIRMWARE), "-m", "vibnode", str(device)], sensor)
    console.print(f"\n  The page: [bold]{page.address}[/]\n")
    first = f"All three are healthy for {fault_at:.0f} s; then motor-1 and motor-2 turn faulty. Ctrl-C ends."
    alerts = watch(page, processes, arguments.seconds, first)
    summarise(page.get("api/v1/fleet"))
    wrong = problems(alerts, fault_from_ms)
    for line in wrong:
        console.print(f"[bold]not as expected:[/] {line}")
    if not wrong:
        console.print("As expected: both faults were reported, and nothing else.")
    return 1 if wrong and arguments.seconds is not None else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--for", dest="seconds", type=float, help="end after so many seconds and judge (default: Ctrl-C)"
    )
    parser.add_argument("--config", default="adi-motor", help="training configuration of the model")
    parser.add_argument(
        "--model", type=Path, default=ROOT / "build" / "models" / "default", help="model package"
    )
    parser.add_argument("--port", type=int, default=8765, help="page's port; another one where it is taken")
    parser.add_argument("--pace", type=float, default=1.0, help="1 is real time")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "demo", help="for databases and logs; emptied"
    )
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir(parents=True)
    processes = Processes()
    try:
        return run(arguments, arguments.folder.resolve(), processes)
    except (DemoError, DataError) as error:
        console.print(f"[red]error:[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped before the sensors ran.")
        return 1
    finally:
        processes.stop()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
