"""A real broker, a real vibdash process, and a sensor that speaks SPEC.md section 3."""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

DEADLINE_S = 30.0
T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, within_s: float = DEADLINE_S) -> T:
    """Return the first true value of `look`; fail after a generous deadline."""
    deadline = time.monotonic() + within_s
    while not (value := look()):
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.02)
    return value


class Mosquitto:
    """A broker on a free loopback port that keeps its sessions over a restart."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "mosquitto is not installed"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        folder.mkdir()
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            "max_queued_messages 0\nmax_inflight_messages 0\n"
            f"persistence true\npersistence_location {folder}/\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers, "mosquitto answers")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=DEADLINE_S)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto ended at once"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def run_vibdash(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vibdash", *arguments], capture_output=True, text=True, timeout=60
    )


class Vibdash:
    """`vibdash run` as a process of its own on a free port; `vibdash page` where no broker is given."""

    def __init__(
        self,
        broker: Mosquitto | None,
        database: str,
        log: Path,
        silent_after_s: float = 3600,
        arguments: tuple[str, ...] = (),
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "vibdash",
            *(["run", "--broker", broker.url] if broker else ["page"]),
        ]
        command += ["--port", "0", *arguments]
        command += ["--db", database, "--silent-after-s", str(silent_after_s)]
        self.log_path = log
        self._log = log.open("ab")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("page on "), f"vibdash said {line!r}; its log: {log.read_text()}"
        self.url = line.removeprefix("page on ").strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/alerts?limit=1000")["alerts"]
        return found

    def sensor(self, device: str) -> dict[str, Any] | None:
        sensors = self.get("/api/v1/fleet")["sensors"]
        return next((sensor for sensor in sensors if sensor["device"] == device), None)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=DEADLINE_S)
        self._log.close()
        return code


def status_message(**changes: Any) -> dict[str, Any]:
    """A status as in SPEC.md 3.1."""
    message: dict[str, Any] = {"v": 1, "state": "online", "why": "periodic", "boot": 3, "uptime_ms": 61234}
    message |= {"time": int(time.time()), "time_quality": "ntp", "fw": "0.1.0", "core": 1}
    message |= {
        "model": {"name": "adi-motor", "digest": "9f2c11aa"},
        "machine": "running",
        "instrument": "ok",
    }
    message |= {"score": -12, "class": "healthy", "velocity_um_s": 812, "rms_mm_s2": 3120, "windows": 118}
    message |= {
        "bytes_sampled": 363264,
        "bytes_sent": 812,
        "queued": 0,
        "dropped": 0,
        "gaps": 0,
        "active": [],
    }
    return message | changes


def alert_message(seq: int, **changes: Any) -> dict[str, Any]:
    """An alert as in SPEC.md 3.2; `oldest` is 1 unless said."""
    levels = bytes([38, 40, 41, 44, 42, 45, 47, 50, 52, 51, 55, 60, 58, 54, 50, 47])
    message: dict[str, Any] = {"v": 1, "boot": 3, "seq": seq, "oldest": 1, "replay": False}
    message |= {"uptime_ms": 65500 + 1000 * seq, "time": int(time.time()), "time_quality": "ntp"}
    message |= {"event": "raise", "level": "alarm", "cause": "anomaly", "score": 612, "threshold": 256}
    message |= {"class": "outer-race", "model": "9f2c11aa"}
    message["features"] = [["x.band11", 3840, 3120], ["y.kurtosis", 590, 402]]
    message["spectrum"] = {
        "lo_hz": 10,
        "hi_hz": 2500,
        "axis": "x",
        "levels": base64.b64encode(levels).decode(),
    }
    return message | changes


class Device:
    """The MQTT side of a sensor: publishes what it is told to, and collects the acks it gets."""

    def __init__(self, broker: Mosquitto, name: str, site: str = "demo") -> None:
        self.name = name
        self._root = f"vibnode/v1/{site}/{name}"
        self.acks: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"device-{site}-{name}")
        will = {"v": 1, "state": "offline", "why": "will", "boot": 3}
        self._client.will_set(f"{self._root}/status", json.dumps(will), qos=1, retain=True)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{self._root}/ack", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_ack
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._ready.wait(DEADLINE_S)

    def _on_ack(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.payload:  # else the retained one was removed
            self.acks.put(json.loads(message.payload))

    def publish_raw(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, once connected, and wait until the broker has it."""
        eventually(self._client.is_connected, f"{self.name} is connected")
        self._client.publish(f"{self._root}/{kind}", payload, qos=1, retain=retain).wait_for_publish(
            DEADLINE_S
        )

    def status(self, **changes: Any) -> None:
        self.publish_raw("status", json.dumps(status_message(**changes)).encode(), retain=True)

    def alert(self, seq: int, **changes: Any) -> None:
        self.publish_raw("alert", json.dumps(alert_message(seq, **changes)).encode())

    def wait_for_ack(self, seq: int) -> dict[str, Any]:
        """Take acks until this one."""
        while (ack := self.acks.get(timeout=DEADLINE_S))["seq"] != seq:
            pass
        return ack

    def vanish(self) -> None:
        """Lose the connection without a goodbye, so that the broker sends the will."""
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
