"""A site made by `vibdash init`: what is written, who is let in, and what each may say."""

import itertools
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Sensor
from vibdash.read.fleet import FleetReader
from vibdash.site.folder import SiteError, SiteFolder
from vibdash.site.local_broker import LocalBroker

from lab.rigs.dashboard import DEADLINE_S, eventually, run_vibdash, status_message

ROOT = "vibnode/v1/plant"
_numbers = itertools.count()


def run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, to its end."""
    command = [sys.executable, "-m", "vibdash", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, input="")


def free_ports(count: int) -> list[str]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def init(folder: Path) -> subprocess.CompletedProcess[str]:
    port, host_port = free_ports(2)
    made = run_in(folder, "init", "plant", "--broker-port", port, "--host-port", host_port)
    assert made.returncode == 0, made.stderr
    return made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteFolder:
    """A site with the devices pump-1 and pump-2."""
    folder = tmp_path_factory.mktemp("site")
    init(folder)
    for name in ("pump-1", "pump-2"):
        assert run_in(folder, "device", "add", name).returncode == 0
    return SiteFolder(folder / "plant")


@pytest.fixture
def broker(site: SiteFolder) -> Iterator[LocalBroker]:
    running = LocalBroker(site.mosquitto / "mosquitto.conf")
    running.start()
    yield running
    running.stop()


class Peer:
    """An MQTT client that notes what it hears."""

    def __init__(
        self, host: str, port: int, user: str, password: str, ca: Path | None, client_id: str = ""
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused: list[bool] = []
        self._ready = threading.Event()
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or f"peer-{user}", clean_session=False
        )
        self.client.username_pw_set(user, password)
        if ca is not None:
            context = ssl.create_default_context(cafile=str(ca))
            self.client.tls_set_context(context)
        self.client.on_connect = lambda _c, _d, _f, reason, _p: self.refused.append(reason.is_failure)
        self.client.on_message = lambda _c, _d, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.connect(host, port)
        self.client.loop_start()
        eventually(lambda: self.refused, "the broker answers")

    def listen(self, topic: str) -> None:
        self._ready.clear()
        self.client.subscribe(topic, qos=1)
        assert self._ready.wait(DEADLINE_S)

    def say(self, topic: str, payload: bytes = b"x", retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def credentials(site: SiteFolder, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.devices / name / "credentials.json").read_text())
    return found


def device(site: SiteFolder, name: str, client_id: str = "") -> Peer:
    mqtt = credentials(site, name)["mqtt"]
    ca = site.authority / "ca.pem"
    return Peer(mqtt["host"], mqtt["port"], mqtt["user"], mqtt["password"], ca, client_id)


def host(site: SiteFolder, client_id: str = "") -> Peer:
    port = re.findall(r"^listener (\d+)", (site.mosquitto / "mosquitto.conf").read_text(), re.MULTILINE)[1]
    client_id = client_id or f"host-{next(_numbers)}"
    return Peer("127.0.0.1", int(port), "vibdash", site.password_file.read_text().strip(), None, client_id)


def test_init_makes_a_site_whose_secrets_are_its_owners_alone(tmp_path: Path) -> None:
    said = init(tmp_path).stdout
    password = re.search(r"password (\S+)", said)
    assert password
    accounts = Accounts(open_database(f"sqlite:///{tmp_path}/plant/vibdash.db"))
    found = accounts.check("admin", password[1])
    assert found is not None
    assert found.role is Role.ENGINEER
    for file in (tmp_path / "plant").rglob("*"):
        assert stat.S_IMODE(os.stat(file).st_mode) & 0o077 == 0, file
    again = run_in(tmp_path, "init", "plant")
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    assert "is there already" in again.stderr


def test_an_init_that_fails_leaves_nothing(tmp_path: Path) -> None:
    assert run_in(tmp_path, "init", "plant", "--address", "no such host").returncode == 2
    assert run_in(tmp_path, "init", "plant", "--user", "NOT VALID").returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_devices_credentials_are_shown_to_its_owner_once(site: SiteFolder) -> None:
    mine = credentials(site, "pump-1")
    assert bytes.fromhex(mine["command_key"]) and len(mine["command_key"]) == 64
    assert (site.devices / "pump-1" / mine["mqtt"]["tls"]["ca"]).read_bytes()[0] == 0x30  # DER
    for arguments in (("device", "list"), ("device", "add", "pump-1")):
        said = run_in(site.path.parent, *arguments)
        assert mine["mqtt"]["password"] not in said.stdout + said.stderr
        assert mine["command_key"] not in said.stdout + said.stderr
    assert mine["mqtt"]["password"] not in site.passwords.read_text()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("device", "add", "pump-1"), "is there already"),
        (("device", "renew", "pump-9"), "not there"),
        (("device", "remove", "vibdash"), "not there"),
        (("--in", "nowhere", "device", "list"), "vibdash init"),
    ],
)
def test_device_commands_say_what_is_wrong(site: SiteFolder, arguments: tuple[str, ...], why: str) -> None:
    ended = run_in(site.path.parent, *arguments)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert why in ended.stderr


def test_the_name_of_the_dashboard_is_no_devices(site: SiteFolder) -> None:
    assert run_in(site.path.parent, "device", "add", "vibdash").returncode == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("site = 3", "site: 3; accepted: text"),
        ("[page]\nprot = 1", "page.prot: no such setting; did you mean page.port"),
        ("[page]\nport = true", "page.port: True; accepted: a whole number"),
        ("site = ", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "vibdash.toml").write_text(line)
    with pytest.raises(SiteError, match=re.escape(why)):
        SiteFolder(tmp_path).defaults()
    ended = run_vibdash("--in", str(tmp_path), "user", "list")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)


def test_settings_are_defaults_and_the_command_line_comes_first(site: SiteFolder, tmp_path: Path) -> None:
    listed = run_in(site.path.parent, "user", "list")
    assert listed.stdout == "admin\tengineer\n"
    other = f"sqlite:///{tmp_path}/other.db"
    assert run_in(site.path.parent, "user", "list", "--db", other).stdout == ""


def test_a_device_says_only_what_is_its_own(site: SiteFolder, broker: LocalBroker) -> None:
    everything, pump = host(site), device(site, "pump-1")
    everything.listen(f"{ROOT}/#")
    for topic in (
        f"{ROOT}/pump-2/alert",
        f"{ROOT}/pump-1/ack",
        f"{ROOT}/pump-2/cmd",
        "vibnode/v1/other/pump-1/alert",
    ):
        pump.say(topic)
    for kind in ("status", "alert", "reply"):
        pump.say(f"{ROOT}/pump-1/{kind}")
    eventually(lambda: len(everything.heard) == 3, "what is its own arrives")
    assert [topic.rpartition("/")[2] for topic, _ in everything.heard] == ["status", "alert", "reply"]
    assert all(topic.startswith(f"{ROOT}/pump-1/") for topic, _ in everything.heard)
    for peer in (everything, pump):
        peer.leave()


def test_a_device_hears_only_what_is_meant_for_it(site: SiteFolder, broker: LocalBroker) -> None:
    everything, pump, other = host(site), device(site, "pump-1"), device(site, "pump-2")
    pump.listen("#")
    pump.listen(f"{ROOT}/+/cmd")
    other.say(f"{ROOT}/pump-2/alert", b"not for pump-1")
    for name in ("pump-2", "pump-1"):
        for kind in ("ack", "cmd"):
            everything.say(f"{ROOT}/{name}/{kind}", name.encode())
    eventually(lambda: len(pump.heard) >= 2, "what is meant for it arrives")
    assert {(topic, payload) for topic, payload in pump.heard} == {
        (f"{ROOT}/pump-1/ack", b"pump-1"),
        (f"{ROOT}/pump-1/cmd", b"pump-1"),
    }
    for peer in (everything, pump, other):
        peer.leave()


def test_several_ingests_may_share_what_devices_say(site: SiteFolder, broker: LocalBroker) -> None:
    one, other, pump = host(site), host(site), device(site, "pump-1")
    for peer in (one, other):
        peer.listen(f"$share/group/{ROOT}/+/alert")
    for number in range(10):
        pump.say(f"{ROOT}/pump-1/alert", b"%d" % number)
    eventually(lambda: len(one.heard) + len(other.heard) == 10, "each alert arrives once")
    for peer in (one, other, pump):
        peer.leave()


def test_no_one_is_let_in_without_a_password_or_takes_a_session_over(
    site: SiteFolder, broker: LocalBroker
) -> None:
    mqtt = credentials(site, "pump-1")["mqtt"]
    for user, password in (("pump-1", "wrong"), ("", ""), ("pump-2", mqtt["password"])):
        stranger = Peer(mqtt["host"], mqtt["port"], user, password, site.authority / "ca.pem")
        assert stranger.refused[0]
        stranger.leave()
    pump = device(site, "pump-1", client_id="one")
    thief = device(site, "pump-2", client_id="pump-1")  # would end the session of that name
    thief.say(f"{ROOT}/pump-2/alert")
    assert pump.client.is_connected()
    assert pump.refused == [False]
    for peer in (pump, thief):
        peer.leave()


def test_the_broker_is_who_the_authority_says(site: SiteFolder, broker: LocalBroker, tmp_path: Path) -> None:
    init(tmp_path)
    mqtt = credentials(site, "pump-1")["mqtt"]
    with pytest.raises(ssl.SSLCertVerificationError):
        Peer(mqtt["host"], mqtt["port"], "pump-1", mqtt["password"], tmp_path / "plant" / "ca" / "ca.pem")
    context = ssl.create_default_context(cafile=str(site.authority / "ca.pem"))
    with (
        socket.create_connection(("127.0.0.1", mqtt["port"])) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        context.wrap_socket(plain, server_hostname="other.example")
    with socket.create_connection(("127.0.0.1", mqtt["port"])) as plain:
        assert context.wrap_socket(plain, server_hostname="localhost").version() in ("TLSv1.2", "TLSv1.3")


def test_a_device_added_while_the_broker_runs_is_let_in_and_a_removed_one_put_out(
    site: SiteFolder, broker: LocalBroker
) -> None:
    assert run_in(site.path.parent, "device", "add", "late").returncode == 0
    mqtt = credentials(site, "late")["mqtt"]

    def let_in() -> bool:
        peer = Peer(mqtt["host"], mqtt["port"], "late", mqtt["password"], site.authority / "ca.pem")
        peer.leave()
        return not peer.refused[0]

    eventually(let_in, "the new device is let in")
    assert run_in(site.path.parent, "device", "remove", "late").returncode == 0
    eventually(lambda: not let_in(), "the removed device is not let in")


def test_what_was_acknowledged_survives_a_kill_of_the_broker(site: SiteFolder) -> None:
    running = LocalBroker(site.mosquitto / "mosquitto.conf")
    running.start()
    listener = host(site, "listener")
    listener.listen(f"{ROOT}/#")
    listener.leave()  # its session stays
    pump = device(site, "pump-1")
    stored = site.mosquitto / "data" / "mosquitto.db"
    payload = json.dumps(status_message()).encode()
    for number in range(20):
        pump.say(f"{ROOT}/pump-1/alert", b"%d" % number)
    pump.say(f"{ROOT}/pump-1/status", payload, retain=True)
    eventually(lambda: stored.exists() and payload in stored.read_bytes(), "the broker has stored it")
    pump.leave()
    running.stop(signal.SIGKILL)
    running = LocalBroker(site.mosquitto / "mosquitto.conf")
    running.start()
    listener = host(site, "listener")
    eventually(lambda: len(listener.heard) >= 21, "everything is still there")
    assert [text for _, text in listener.heard[:20]] == [b"%d" % number for number in range(20)]
    listener.leave()
    running.stop()


def test_a_mosquitto_that_dies_is_started_again(site: SiteFolder, broker: LocalBroker) -> None:
    died = broker.pid
    os.kill(died, signal.SIGKILL)
    eventually(lambda: broker.pid != died, "another is started")
    eventually(lambda: answers(site), "it takes connections")


def answers(site: SiteFolder) -> bool:
    try:
        host(site).leave()
    except OSError:
        return False
    return True


def test_a_device_that_can_connect_no_longer_can_still_be_taken_off(site: SiteFolder) -> None:
    engine = open_database(f"sqlite:///{site.path}/vibdash.db")
    message = json.dumps(status_message()).encode()
    Store(engine).take([Received(Sensor("plant", "ghost").topic("status"), message, 0)])
    reader = FleetReader(engine, silent_after_ms=60_000)
    assert [one.device for one in reader.fleet(0).sensors] == ["ghost"]
    assert run_in(site.path.parent, "device", "remove", "ghost").returncode == 0
    assert reader.fleet(0).sensors == ()
    assert "not there" in run_in(site.path.parent, "device", "remove", "ghost").stderr
