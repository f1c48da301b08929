"""The uplink over TLS against a real Mosquitto: who is trusted, and what is said of who is not."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority

from lab.rigs.firmware import Broker, Device, needs_micropython, wait_for

pytestmark = needs_micropython
SCRIPT = Path(__file__).parent / "firmware_uplink_device.py"
HOST = "broker.test"
REFUSED = "its certificate is refused: The certificate "


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("certificates") / "ours")
    made.issue("server", HOST)
    made.issue("expired", HOST, -3, -2)
    made.issue("not-yet", HOST, 2, 3)
    made.issue("device", "motor-1")
    return made


class Scene:
    """A broker with one listener, and a device that wants to reach it."""

    def __init__(self, folder: Path, ours: Path) -> None:
        self.folder = folder
        self.ours = ours
        self._ends: list[Device | Broker] = []

    def broker(self, certificate: str | None, *settings: str) -> int:
        """Start a broker with this certificate, None: without TLS; returns its port."""
        if certificate:
            files = {"cafile": "ca.pem", "certfile": f"{certificate}.pem", "keyfile": f"{certificate}.key"}
            settings += tuple(f"{option} {self.ours / name}" for option, name in files.items())
        broker = Broker(self.folder, *settings)
        broker.start()
        self._ends.append(broker)
        return broker.port

    def device(self, port: int, tls: dict[str, str] | None, *options: object) -> Device:
        """Start a device; `tls` is mqtt.tls but for the CA, which is ours, and the server's name."""
        names: dict[str, str] = {"ca": str(self.ours / "ca.der"), "server_name": HOST}
        device = {
            "site": "demo",
            "device": "motor-1",
            "sensor": {"driver": "replay", "playlist": "none"},
            "mqtt": {"host": "127.0.0.1", "port": port, "tls": tls if tls is None else names | tls},
        }
        path = self.folder / "device.json"
        path.write_text(json.dumps(device))
        self._ends.append(Device(SCRIPT, path, 0, 1, 1000, *options))
        assert isinstance(self._ends[-1], Device)
        return self._ends[-1]

    def close(self) -> None:
        for end in self._ends:
            end.kill()


@pytest.fixture
def scene(tmp_path: Path, authority: Authority) -> Iterator[Scene]:
    made = Scene(tmp_path, authority.folder)
    yield made
    made.close()


def complaint(device: Device) -> str:
    """What the device says of the broker; fails if it connects."""
    wait_for("it says something", lambda: bool(device.printed("vibnode: ")))
    assert not device.printed("connected")
    assert len(device.printed("vibnode: ")) == 1
    return device.printed("vibnode: ")[0]


def wait_until_connected(device: Device) -> None:
    wait_for("it is connected", lambda: bool(device.printed("connected")))
    assert len(device.printed("vibnode: ")) == 1, device.lines


def test_the_right_broker_is_trusted(scene: Scene) -> None:
    wait_until_connected(scene.device(scene.broker("server"), {}))


def test_a_certificate_of_the_device_is_shown(scene: Scene) -> None:
    port = scene.broker("server", "require_certificate true")
    own = {"cert": str(scene.ours / "device.der"), "key": str(scene.ours / "device-key.der")}
    wait_until_connected(scene.device(port, own))


def test_a_broker_that_asks_for_a_certificate_is_told_of(scene: Scene) -> None:
    said = complaint(scene.device(scene.broker("server", "require_certificate true"), {}))
    assert "the TLS handshake" in said and "mqtt.tls.cert" in said  # it hung up, or said no first


def test_another_authority_is_refused(scene: Scene, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    said = complaint(scene.device(scene.broker("server"), {"ca": str(other.folder / "ca.der")}))
    assert REFUSED + "is not correctly signed by the trusted CA;" in said


def test_an_expired_certificate_is_refused(scene: Scene) -> None:
    said = complaint(scene.device(scene.broker("expired"), {}))
    assert REFUSED + "validity has expired;" in said and "clock" not in said


def test_a_certificate_of_the_future_is_refused_and_an_unset_clock_is_named(scene: Scene) -> None:
    port = scene.broker("not-yet")
    said = complaint(scene.device(port, {}))
    assert REFUSED + "validity starts in the future;" in said and "clock" not in said
    said = complaint(scene.device(port, {}, "unset-clock"))
    assert "starts in the future; the clock is not set, so its dates cannot be checked;" in said


def test_another_host_name_is_refused(scene: Scene) -> None:
    said = complaint(scene.device(scene.broker("server"), {"server_name": "other.test"}))
    assert REFUSED + "Common Name (CN) does not match" in said


def test_a_port_without_tls_is_refused(scene: Scene) -> None:
    said = complaint(scene.device(scene.broker(None), {}))
    assert "hung up during the TLS handshake; does this port speak no TLS" in said


def test_a_port_with_tls_is_told_of_where_none_is_configured(scene: Scene) -> None:
    said = complaint(scene.device(scene.broker("server"), None))
    assert "hung up without an answer; does this port want TLS (mqtt.tls)?" in said


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ({"ca": "none.der"}, "mqtt.tls.ca: {folder}/none.der: cannot be read"),
        ({"ca": "device.json"}, "mqtt.tls.ca: {folder}/device.json: is no certificate; accepted: one in DER"),
        (
            {"cert": "{ours}/device.der", "key": "device.json"},
            "mqtt.tls.key: {folder}/device.json: invalid key",
        ),
        (
            {"cert": "device.json", "key": "{ours}/device-key.der"},
            "mqtt.tls.cert: {folder}/device.json: invalid",
        ),
    ],
)
def test_files_that_are_none_are_named(scene: Scene, tls: dict[str, str], said: str) -> None:
    tls = {key: value.format(ours=scene.ours) for key, value in tls.items()}
    assert said.format(folder=scene.folder) in complaint(scene.device(1, tls))


def old_server(listener: socket.socket, context: ssl.SSLContext, agreed: list[str | None]) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                agreed.append(connection.version())
        except OSError:
            agreed.append(None)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_nothing_older_than_tls_1_2_is_agreed_on(scene: Scene, newest: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would have none older
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    context.load_cert_chain(scene.ours / "server.pem", scene.ours / "server.key")
    agreed: list[str | None] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=old_server, args=(listener, context, agreed), daemon=True).start()
        scene.device(listener.getsockname()[1], {})
        wait_for("the handshake is over", lambda: bool(agreed))
    assert agreed[0] == ("TLSv1.2" if newest == ssl.TLSVersion.TLSv1_2 else None)
