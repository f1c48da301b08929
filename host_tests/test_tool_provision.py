"""`vibnode provision`: a board becomes one sensor of a site, its secrets stay secrets."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_on_pty import UnixBoard
from vibnode_fixtures import Done, vibnode
from vibtool import cli_model, provisioning, wiring
from vibtool.errors import ToolError
from vibtool.facts import Facts
from vibtool.site_file import Sensor, SiteFile

from lab.rigs.boards import ROOT
from lab.rigs.firmware_model import CONFIG, model_bin

# For an ADXL345 at its highest rate.
FITS = CONFIG | {"rate_millihz": 3_200_000, "lsb_nm_s2": 38_307_227, "band_hi_hz": 1600}
MODEL = model_bin(FITS)
SECRETS = {"wifi": "wlan-secret-1", "mqtt": "broker-secret-2"}
SITE = """
site = "works-2"
[mqtt]
host = "broker.example"
tls = { ca = "ca.pem" }
[wifi]
ssid = "machines"
password = { env = "WIFI_PASSWORD" }
[defaults]
ntp_host = "pool.example"
sensor = { driver = "adxl345", bus = "spi", sck = 6, mosi = 7, miso = 5, cs = 10 }
[devices.motor-1]
machine = "Pump motor"
component_class = "iso20816-3-group2-rigid"
mqtt = { user = "motor-1", password = { file = "motor-1.txt" } }
command_key = { file = "keys/motor-1.key" }
package = "model.bin"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file with all that it names."""
    folder = tmp_path / "site"
    folder.mkdir()
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca"
    subprocess.run(
        [*request.split(), "-keyout", "ca-key.pem", "-out", "ca.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "motor-1.txt").write_text(SECRETS["mqtt"] + "\n")
    (folder / "model.bin").write_bytes(MODEL)
    (folder / "site.toml").write_text(SITE)
    return folder / "site.toml"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[UnixBoard]:
    flash = tmp_path / "flash"
    flash.mkdir()
    made = UnixBoard(flash)
    yield made
    made.stop()


def provision(site: Path, board: UnixBoard, *options: object) -> Done:
    environment = {**os.environ, "WIFI_PASSWORD": SECRETS["wifi"]}
    return vibnode("provision", site, "--port", board.port, *options, env=environment)


def test_it_writes_what_differs_once_and_never_shows_a_secret(site: Path, board: UnixBoard) -> None:
    dry = provision(site, board, "--dry-run")
    assert dry.code == 0, dry.err
    assert "device.json: would be written" in dry.out and 'machine: null -> "Pump motor"' in dry.out
    assert not list(board.folder.iterdir()) and not (site.parent / "keys").exists()

    first = provision(site, board)
    assert first.code == 0, first.err
    device = json.loads((board.folder / "device.json").read_bytes())
    assert device["mqtt"]["password"] == SECRETS["mqtt"] and device["wifi"]["password"] == SECRETS["wifi"]
    assert device["machine"] == "Pump motor" and device["component_class"] == "iso20816-3-group2-rigid"
    pem = (site.parent / "ca.pem").read_text()
    assert (board.folder / "ca.der").read_bytes() == ssl.PEM_cert_to_DER_cert(pem)
    assert (board.folder / "model.bin").read_bytes() == MODEL and device["model"] == "model.bin"
    key = site.parent / "keys" / "motor-1.key"
    assert device["command_key"] == key.read_text().strip() and len(device["command_key"]) == 64
    assert key.stat().st_mode & 0o077 == 0

    again = provision(site, board)
    assert "all 3 files are as they should be" in again.out
    (site.parent / "motor-1.txt").write_text("broker-secret-3\n")
    changed = provision(site, board)
    assert "mqtt.password: changed (not shown)" in changed.out and "model.bin" not in changed.out
    said = "".join(done.out + done.err for done in (dry, first, again, changed))
    for secret in (*SECRETS.values(), "broker-secret-3", device["command_key"]):
        assert secret not in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[devices.", "[device.", "device: no such field (did you mean devices?)"),
        (
            'site = "works-2"',
            'site = "Works 2"',
            "devices.motor-1: site: 'Works 2'; accepted: 1 to 32 of a-z",
        ),
        ("ntp_host", "ntp_hots", "ntp_hots: no such field (did you mean ntp_host?)"),
        ("adxl345", "adxl346", "did you mean adxl345?"),
        ("cs = 10", 'cs = 10, orientation = ["x", "+y", "+z"]', "(did you mean +x?)"),
        ("cs = 10", 'cs = 10, orientation = ["-x", "+y", "+z"]', "not its mirror image"),
        ("cs = 10", 'cs = 10, orient = ["+x", "+y", "+z"]', "sensor.orient: no such field"),
        ("iso20816-3-group2-rigid", "iso20816-3-group2-rigit", "component_class"),
        ('"motor-1.txt"', '"none.txt"', "devices.motor-1.mqtt.password: none.txt cannot be read"),
        ("WIFI_PASSWORD", "NOT_SET", "devices.motor-1.wifi.password: the environment has no NOT_SET"),
        ('"ca.pem"', '"site.toml"', "devices.motor-1.mqtt.tls.ca: site.toml; accepted: a certificate or key"),
        ('"model.bin"', '"none"', "none: cannot be read"),
        ('"model.bin"', "3", "devices.motor-1.package: 3; accepted: a model package"),
        ("[defaults]", "[defaults]\nmqtt = 1", "site.toml: defaults.mqtt: 1; accepted: a table"),
        ('bus = "spi"', 'bus = ["spi"]', "sensor.bus: ['spi']; accepted: one of: spi, i2c"),
        (
            'driver = "adxl345", bus = "spi", sck = 6, mosi = 7, miso = 5, cs = 10',
            'bus = "spi"',
            "sensor.driver: is missing",
        ),
        ("[mqtt]", "[mqtt", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(
    site: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    monkeypatch.setenv("WIFI_PASSWORD", SECRETS["wifi"])
    site.write_text(site.read_text().replace(old, new, 1))
    with pytest.raises(ToolError) as refused:
        file = SiteFile(site)
        sensor = file.sensor("motor-1")
        provisioning.complete(sensor, facts("ESP32C3 module with ESP32C3"))
        file.check(sensor)
    said = str(refused.value)
    assert words in said and "\n" not in said and all(secret not in said for secret in SECRETS.values())


ODD: tuple[Any, ...] = (3, 0.5, True, "", "x", [], [1], {}, {"file": 3}, {"env": []}, {"x": {"file": "none"}})


def changed_places(table: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each table and key in `table`, with what is below it."""
    for key, value in table.items():
        yield table, key
        if isinstance(value, dict):
            yield from changed_places(value)


def test_no_type_in_a_site_file_is_taken_for_granted(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value in turn something else: accepted, or refused in a line."""
    monkeypatch.setenv("WIFI_PASSWORD", SECRETS["wifi"])
    site.write_text(site.read_text().replace(", sck = 6, mosi = 7, miso = 5, cs = 10", ""))
    file = SiteFile(site)
    refused = 0
    for table, key in list(changed_places(file._document)):
        right = table[key]
        for wrong in ODD:
            table[key] = wrong
            try:
                sensor = file.sensor(file.choose("motor-1"))
                provisioning.complete(sensor, facts("ESP32C3 module with ESP32C3"))
                file.check(sensor)
            except ToolError as error:
                assert "\n" not in str(error)
                refused += 1
            try:
                sensor = file.sensor(file.choose("motor-1"), make_key=False)
                file.check_commands(sensor)
                cli_model.access(sensor, None, None)
            except ToolError as error:
                assert "\n" not in str(error)
        table[key] = right
    assert refused > 150


def test_what_a_command_lacks_is_named(site: Path) -> None:
    text = site.read_text().replace('{ env = "WIFI_PASSWORD" }', '"wlan-secret-1"')
    for old, new, words in (
        (
            '{ file = "keys/motor-1.key" }',
            '"zz"',
            "devices.motor-1: command_key: a secret; accepted: 64 hex digits",
        ),
        ('command_key = { file = "keys/motor-1.key" }', "", "devices.motor-1: has no command_key"),
        ('host = "broker.example"', "", "devices.motor-1: mqtt.host: is missing"),
        ('ca = "ca.pem"', "", "devices.motor-1: mqtt.tls.ca: is missing"),
        ('site = "works-2"', "", "devices.motor-1: site: None; accepted: 1 to 32 of a-z"),
    ):
        site.write_text(text.replace(old, new, 1))
        file = SiteFile(site)
        with pytest.raises(ToolError) as refused:
            file.check_commands(file.sensor("motor-1"))
        assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("broker", ["host:0", "host:99999", "host:mqtt", "host:1:2"])
def test_a_broker_is_a_host_and_a_port(broker: str) -> None:
    with pytest.raises(ToolError, match=f"--broker: '{broker}'; accepted: HOST or HOST:PORT"):
        cli_model.access(Sensor({"mqtt": {"host": "h"}}, {}, None), broker, None)


def test_nothing_is_written_for_a_faulty_site_file(site: Path, board: UnixBoard) -> None:
    site.write_text(site.read_text().replace("ntp_host", "ntp_hots"))
    refused = provision(site, board)
    assert refused.code == 1 and refused.err.count("\n") == 1
    assert "site.toml: devices.motor-1: ntp_hots: no such field (did you mean ntp_host?)" in refused.err
    assert not list(board.folder.iterdir()) and not (site.parent / "keys").exists()


def test_one_of_several_devices_is_asked_for(site: Path) -> None:
    site.write_text(site.read_text() + "[devices.motor-2]\n")
    file = SiteFile(site)
    with pytest.raises(ToolError, match="lists 2 devices; accepted: one of them, named: motor-1, motor-2"):
        file.choose(None)
    with pytest.raises(ToolError, match=r"no 'motor-3' \(did you mean motor-1\?\)"):
        file.choose("motor-3")


def test_pins_that_are_left_out_are_the_boards(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIFI_PASSWORD", SECRETS["wifi"])
    site.write_text(site.read_text().replace(", sck = 6, mosi = 7, miso = 5, cs = 10", ""))
    file = SiteFile(site)
    sensor = file.sensor("motor-1")
    provisioning.complete(sensor, facts("ESP32S3 module with ESP32S3"))
    expected = {"sck": 12, "mosi": 11, "miso": 13, "cs": 10, "int1": 14, "orientation": ["+x", "+y", "+z"]}
    assert sensor.device["sensor"] == {"driver": "adxl345", "bus": "spi", **expected}
    file.check(sensor)
    unknown = file.sensor("motor-1")
    provisioning.complete(unknown, facts("Raspberry Pi Pico with RP2040"))
    with pytest.raises(ToolError, match=r"devices\.motor-1: sensor\.sck: is missing"):
        file.check(unknown)


def test_the_orientation_is_the_boards_unless_the_site_says_otherwise(tmp_path: Path) -> None:
    board = tmp_path / "VIBNODE_ESP32C3"
    shutil.copytree(ROOT / "boards" / board.name, board)
    (board / "sensor.toml").write_text('orientation = ["+y", "-x", "+z"]\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "PLACES", (tmp_path,))
        sensor = {"driver": "lsm6dso", "bus": "spi"}
        assert wiring.fill_in(sensor, "ESP32-C3")["orientation"] == ["+y", "-x", "+z"]
        own = wiring.fill_in({**sensor, "orientation": ["-z"]}, "ESP32-C3")
        assert own["orientation"] == ["-z"] and own["sck"] == 6
        elsewhere = {**sensor, "sck": 1, "mosi": 3, "miso": 7, "cs": 10}  # not the board's sensor
        assert wiring.fill_in(elsewhere, "ESP32-C3") == elsewhere


def test_credentials_that_the_dashboard_made_are_taken(site: Path) -> None:
    folder = site.parent / "plant" / "motor-2"
    folder.mkdir(parents=True)
    (folder / "ca.der").write_bytes(b"\x30\x03abc")
    mqtt = {
        "host": "other.example",
        "port": 8883,
        "user": "motor-2",
        "password": "p",
        "tls": {"ca": "ca.der"},
    }
    given = {"site": "works-2", "device": "motor-2", "mqtt": mqtt, "command_key": "ab" * 32}
    (folder / "credentials.json").write_text(json.dumps(given))
    site.write_text(
        'site = "works-2"\n[defaults]\nsensor = {driver = "replay", playlist = "p.json"}\n'
        '[devices.motor-2]\ncredentials = "plant/motor-2"\nmqtt = {keepalive_s = 60}\n'
        '[devices.motor-3]\ncredentials = "plant/motor-2"\n'
    )
    file = SiteFile(site)
    sensor = file.sensor("motor-2")
    file.check(sensor)
    assert sensor.device["mqtt"] == {**mqtt, "keepalive_s": 60}
    assert sensor.device["command_key"] == "ab" * 32
    assert sensor.files == {"ca.der": b"\x30\x03abc"}
    with pytest.raises(ToolError, match=r"devices\.motor-3\.credentials: is for works-2/motor-2"):
        file.sensor("motor-3")


def test_a_probe_without_a_pin_takes_the_boards() -> None:
    assert wiring.pulse_pin({"per_turn": 6}, "ESP32-C3") == {"pin": 0, "per_turn": 6}
    assert wiring.pulse_pin({"pin": 4}, "ESP32-C3") == {"pin": 4}
    assert wiring.pulse_pin({"per_turn": 6}, None) == {"per_turn": 6}


def facts(machine: str) -> Facts:
    said: dict[str, Any] = {"machine": machine, "linked_model": None}
    return Facts(said)
