"""A Mosquitto, an MQTT host and a MicroPython process for the firmware's tests."""

import getpass
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).parents[2]
MICROPYTHON = ROOT / "build/firmware/UNIX/micropython"
needs_micropython = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython: make firmware-unix")
DEADLINE_S = 60


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; fail when it does not within a generous deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE_S} s in vain: {what}"
        time.sleep(0.02)


class Broker:
    """A real Mosquitto on a free loopback port; keeps nothing over a kill."""

    def __init__(self, folder: Path, *settings: str) -> None:
        """`settings`: further lines of its configuration."""
        self.port = self._free_port()
        self._config = folder / "mosquitto.conf"
        # As root it would become a user who may not read the tests' files.
        lines = (f"user {getpass.getuser()}", f"listener {self.port} 127.0.0.1", "allow_anonymous true")
        self._config.write_text("\n".join((*lines, *settings)) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen([program, "-c", self._config], stderr=subprocess.DEVNULL)
        wait_for("mosquitto listens", self._answers)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it answering, with all connections left open."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @staticmethod
    def _free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


class Listening(Protocol):
    """A broker, of whatever kind, on this machine."""

    port: int


class Host:
    """Collects what a device publishes; while `acks` is set, acknowledges alerts as far as none is missing."""

    def __init__(self, broker: Listening, acks: bool) -> None:
        self.acks = acks
        self.alerts: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="host", clean_session=False)
        self.subscribed = threading.Event()
        kinds = [("vibnode/v1/+/+/alert", 1), ("vibnode/v1/+/+/status", 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(kinds)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def identities(self) -> set[tuple[int, int]]:
        """(boot, seq) of all alerts that came."""
        return {(alert["boot"], alert["seq"]) for alert in self.alerts}

    def ack(self, alert: dict[str, Any]) -> None:
        """Say that everything up to `alert` is committed."""
        ack = json.dumps({"v": 1, "boot": alert["boot"], "seq": alert["seq"]})
        self._client.publish("vibnode/v1/demo/motor-1/ack", ack, 1, retain=True)

    def say(self, kind: str, payload: bytes) -> None:
        """Publish to the device, retained."""
        self._client.publish(f"vibnode/v1/demo/motor-1/{kind}", payload, 1, retain=True)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _ack_contiguous(self, newest: dict[str, Any]) -> None:
        have = {alert["seq"] for alert in self.alerts}
        seq = newest["oldest"] - 1
        while seq + 1 in have:
            seq += 1
        if seq > 0:
            self.ack({"boot": newest["boot"], "seq": seq})

    def _take(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        if message.topic.endswith("/status"):
            self.statuses.append(body)
            return
        self.alerts.append(body)
        if self.acks:
            self._ack_contiguous(body)


class Device:
    """A MicroPython process and the lines it printed."""

    def __init__(self, *arguments: object, path: str = f"{ROOT / 'firmware'}:.frozen") -> None:
        """`path`: where it imports from."""
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [MICROPYTHON, *map(str, arguments)],
            env={"MICROPYPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def printed(self, text: str) -> list[str]:
        """The lines that hold `text`."""
        return [line for line in self.lines if text in line]

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Cut the power."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self._process.send_signal(how)
        code = self._process.wait(DEADLINE_S)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
