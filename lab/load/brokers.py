"""What a broker keeps of 100 alerts that it acknowledged for an ingest that is away: ``python -m lab.load.brokers``.

Mosquitto as `vibdash init` has it, and two that pip installs, where they are installed: amqtt (with its own store of
sessions) and iotcore. Each is left alone, or ended with SIGTERM or SIGKILL a moment after the last PUBACK and started
again.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from vibdash.site.local_broker import find_mosquitto

from lab.rigs.dashboard import DEADLINE_S, alert_message, eventually

MESSAGES = 100
USER, PASSWORD = "lab", "not a secret"
SETTLE_S = 2.0  # for what a broker writes by and by, and for what it sends
_MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
user root
"""
_AMQTT = """listeners:
  default: {{type: tcp, bind: "127.0.0.1:{port}"}}
plugins:
  amqtt.plugins.authentication.FileAuthPlugin: {{password_file: "{folder}/passwords"}}
  amqtt.contrib.persistence.SessionDBPlugin: {{file: "{folder}/sessions.db", clear_on_shutdown: false}}
"""


def command_of(name: str, port: int, folder: Path) -> list[str] | None:
    """Return how a broker is run, None where it is not installed."""
    if name == "mosquitto":
        (folder / "conf").write_text(_MOSQUITTO.format(port=port, folder=folder))
        program = find_mosquitto()
        return [program, "-c", str(folder / "conf")] if program else None
    if importlib.util.find_spec(name) is None:
        return None
    if name == "iotcore":
        return [sys.executable, "-m", "iotcore", "--listen", "127.0.0.1", "--port", str(port)]
    hashed = importlib.import_module("pwdlib").PasswordHash.recommended().hash(PASSWORD)
    (folder / "passwords").write_text(f"{USER}:{hashed}\n")  # it keeps no session of who has no name
    (folder / "conf").write_text(_AMQTT.format(port=port, folder=folder))
    return [str(Path(sys.executable).with_name("amqtt")), "-c", str(folder / "conf")]


class _Broker:
    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self._command, self.port, self._log = command, port, log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        eventually(self._answers, f"{self._command[0]} answers, see {self._log}")

    def stop(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(DEADLINE_S)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def kept(name: str, number: signal.Signals | None, folder: Path) -> int | None:
    """Return how many of the messages are delivered after the broker's end, None where it is not installed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = command_of(name, port, folder)
    if command is None:
        return None
    broker = _Broker(command, port, folder / "log")
    try:
        _listen(port, set(), away=True)
        _publish(port)
        time.sleep(SETTLE_S)
        if number is not None:
            broker.stop(number)
            broker.start()
        found: set[int] = set()
        _listen(port, found, away=False)
        return len(found)
    finally:
        broker.stop(signal.SIGKILL)


def _listen(port: int, found: set[int], *, away: bool) -> None:
    """Subscribe in a session that stays, and take what comes; or leave at once."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="vibdash-all", clean_session=False)
    ready = threading.Event()
    client.on_connect = lambda client, *_: client.subscribe("vibnode/v1/+/#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: found.add(json.loads(message.payload)["seq"])
    client.username_pw_set(USER, PASSWORD)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(DEADLINE_S), "no subscription"
    if not away:
        time.sleep(SETTLE_S)
    client.disconnect()
    client.loop_stop()


def _publish(port: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="motor-1")
    client.username_pw_set(USER, PASSWORD)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for seq in range(1, MESSAGES + 1):
        body = json.dumps(alert_message(seq))
        client.publish("vibnode/v1/demo/motor-1/alert", body, qos=1).wait_for_publish(DEADLINE_S)
    client.disconnect()
    client.loop_stop()


def main() -> None:
    """Print a line a broker."""
    for name in ("mosquitto", "amqtt", "iotcore"):
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            folder = Path(tempfile.mkdtemp(prefix="brokers-"))
            try:
                count = kept(name, number, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            told = "not installed" if count is None else f"{count} of {MESSAGES} kept"
            print(f"{name:<10} {number.name if number else 'left':<8} {told}", flush=True)


if __name__ == "__main__":
    main()
