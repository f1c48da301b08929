"""The site file: one TOML for all sensors of a site, from which each gets its device.json and its certificates.

    site = "works-2"

    [mqtt]
    host = "broker.works-2.example"
    tls = { ca = "ca.pem" }                           # PEM or DER, relative to this file

    [wifi]
    ssid = "machines"
    password = { env = "WIFI_PASSWORD" }              # or { file = "wifi.txt" }, for any text

    [defaults]                                        # of every sensor: any field of device.json
    ntp_host = "pool.ntp.org"
    sensor = { driver = "adxl345", bus = "spi" }      # pins and orientation left out are the board's

    [devices.motor-1]
    machine = "Pump motor"
    mqtt = { user = "motor-1", password = { file = "motor-1.txt" } }
    command_key = { file = "keys/motor-1.key" }       # made where it is missing
    package = "models/pump"                           # the model package to put on it

    [devices.motor-2]
    credentials = "plant/devices/motor-2"             # what `vibdash device add` wrote: broker, password, CA, key

What the fields may hold is checked by the device's own code (vibnode.config).
"""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import secrets
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibnode import checks, config
from vibnode.checks import nearest

from vibtool.errors import ToolError
from vibtool.model_fit import refuse_unfit

SECTIONS = ("site", "mqtt", "wifi", "defaults", "devices")
TLS_FILES = {"ca": "ca.der", "cert": "device.der", "key": "device-key.der"}
MODEL_FILE = "model.bin"
KEY_BYTES = 32
_PEM = re.compile(rb"-----BEGIN [^-]+-----(.+?)-----END [^-]+-----", re.DOTALL)


@dataclass
class Sensor:
    """What one sensor is given. `device`: of device.json; `files`: more, by path there.

    `package`: its model package; `new_key`: a key file that is still to be written, and its text.
    """

    device: dict[str, Any]
    files: dict[str, bytes]
    package: Path | None
    new_key: tuple[Path, str] | None = None


class SiteFile:
    """A site file that was read. Raises ToolError naming file, field, value and what is accepted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._document = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ToolError(f"{path}: cannot be read ({reason})") from None
        for key in self._document:
            if key not in SECTIONS:
                meant = nearest(key, SECTIONS)
                hint = f" (did you mean {meant}?)" if meant else ""
                raise ToolError(f"{path}: {key}: no such field{hint}; accepted: {', '.join(SECTIONS)}")

    def names(self) -> list[str]:
        """Of all sensors."""
        return list(self._table("devices"))

    def choose(self, wanted: str | None) -> str:
        """`wanted`, or the only sensor there is."""
        names = self.names()
        if wanted is None and len(names) == 1:
            return names[0]
        if not names:
            raise ToolError(
                f"{self.path}: lists no devices; accepted: a section [devices.NAME] for each sensor"
            )
        listed = ", ".join(names)
        if wanted is None:
            raise ToolError(
                f"{self.path}: lists {len(names)} devices; accepted: one of them, named: {listed}"
            )
        if wanted not in names:
            meant = nearest(wanted, names)
            hint = f" (did you mean {meant}?)" if meant else ""
            raise ToolError(f"{self.path}: devices: no {wanted!r}{hint}; accepted: {listed}")
        return wanted

    def sensor(self, name: str, make_key: bool = True) -> Sensor:
        """The sensor `name`, its secrets looked up. `make_key`: make up a command key where its file is missing."""
        own = self._table("devices")[name]
        if not isinstance(own, dict):
            raise self._refuse(f"devices.{name}", own, "a table")
        device = copy.deepcopy({**self._table("defaults"), **own})
        given = self._credentials(name, device.pop("credentials", None))
        device["site"], device["device"] = self._document.get("site", given.pop("site", None)), name
        mqtt = {**given.pop("mqtt", {}), **self._mqtt(name, own)}
        device = {**given, **device, "mqtt": mqtt}
        if "wifi" not in device and "wifi" in self._document:
            device["wifi"] = copy.deepcopy(self._table("wifi"))
        package = device.pop("package", None)
        if package is not None and (not isinstance(package, str) or not package):
            raise self._refuse(f"devices.{name}.package", package, "a model package, a folder or file")
        new_key = self._new_key(name, device) if make_key else None
        device = self._looked_up(f"devices.{name}.", device)
        files = self._certificates(name, device)
        if package is not None:
            device["model"] = MODEL_FILE
        return Sensor(device, files, self.path.parent / package if package else None, new_key)

    def check(self, sensor: Sensor) -> dict[str, Any]:
        """Have the device's own code check it, and its model with it. The checked configuration. Raises ToolError."""
        name = sensor.device["device"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "device.json"
            path.write_bytes(encode(sensor.device))
            try:
                device: dict[str, Any] = config.load(str(path))
            except checks.ConfigError as error:
                said = str(error).removeprefix(f"{path}: ").replace(str(path), "device.json")
                raise ToolError(f"{self.path}: devices.{name}: {said}") from None
        if MODEL_FILE in sensor.files:
            where = f"{self.path}: devices.{name}: {sensor.package}"
            refuse_unfit(where, device["sensor"], sensor.files[MODEL_FILE])
        return device

    def check_commands(self, sensor: Sensor) -> bytes:
        """Have the device's own code check what a command goes by: names, broker and key. The key. Raises ToolError."""
        name = sensor.device["device"]
        where = f"{self.path}: devices.{name}"
        fields = {key: config.DEVICE_FIELDS[key] for key in ("site", "device", "mqtt", "command_key")}
        try:
            given = checks.fill(where, "", {key: sensor.device.get(key) for key in fields}, fields)
            config.mqtt_section(where, given["mqtt"])
        except checks.ConfigError as error:
            raise ToolError(str(error)) from None
        if given["command_key"] is None:
            raise ToolError(f"{where}: has no command_key, so it takes no commands")
        return bytes.fromhex(given["command_key"])

    def _table(self, name: str) -> dict[str, Any]:
        value = self._document.get(name, {})
        if not isinstance(value, dict):
            raise self._refuse(name, value, "a table")
        return value

    def _mqtt(self, name: str, own: dict[str, Any]) -> dict[str, Any]:
        """`mqtt` of the whole file, of its defaults and of `own`, the table of `name`, the later over the earlier."""
        joined: dict[str, Any] = {}
        for where, table in (
            ("", self._document),
            ("defaults.", self._table("defaults")),
            (f"devices.{name}.", own),
        ):
            given = table.get("mqtt", {})
            if not isinstance(given, dict):
                raise self._refuse(f"{where}mqtt", given, "a table")
            joined.update(copy.deepcopy(given))
        return joined

    def _credentials(self, name: str, folder: Any) -> dict[str, Any]:
        """What `vibdash device add` wrote into `folder`, its files seen from the site file."""
        if folder is None:
            return {}
        where = f"devices.{name}.credentials"
        if not isinstance(folder, str):
            raise self._refuse(where, folder, "a folder that `vibdash device add` made")
        path = self.path.parent / folder / "credentials.json"
        try:
            given: dict[str, Any] = json.loads(path.read_text())
            tls = given["mqtt"]["tls"]
            for_device, site = given.pop("device"), given["site"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ToolError(f"{self.path}: {where}: {path} cannot be read ({error})") from None
        if for_device != name or site != self._document.get("site", site):
            raise ToolError(f"{self.path}: {where}: is for {site}/{for_device}")
        tls["ca"] = f"{folder}/{tls['ca']}"
        return given

    def _new_key(self, name: str, device: dict[str, Any]) -> tuple[Path, str] | None:
        place = device.get("command_key")
        if not isinstance(place, dict) or set(place) != {"file"} or not isinstance(place["file"], str):
            return None
        path = self.path.parent / place["file"]
        if path.exists():
            return None
        key = secrets.token_hex(KEY_BYTES)
        device["command_key"] = key
        return path, key

    def _looked_up(self, where: str, value: Any) -> Any:
        """`value` with every ``{env = ...}`` and ``{file = ...}`` in it replaced by what it names."""
        if isinstance(value, list):
            return [self._looked_up(where, item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)) in ("env", "file"):
            return self._secret(where.rstrip("."), *next(iter(value.items())))
        return {key: self._looked_up(f"{where}{key}.", item) for key, item in value.items()}

    def _secret(self, where: str, kind: str, name: Any) -> str:
        if not isinstance(name, str):
            raise self._refuse(f"{where}.{kind}", name, "a text")
        if kind == "env":
            if name not in os.environ:
                raise ToolError(f"{self.path}: {where}: the environment has no {name}: set it first")
            return os.environ[name]
        try:
            return (self.path.parent / name).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"{self.path}: {where}: {name} cannot be read ({error})") from None

    def _certificates(self, name: str, device: dict[str, Any]) -> dict[str, bytes]:
        tls = device["mqtt"].get("tls")
        if not isinstance(tls, dict):
            return {}
        files = {}
        for key, there in TLS_FILES.items():
            if isinstance(tls.get(key), str):
                files[there] = self._der(f"devices.{name}.mqtt.tls.{key}", tls[key])
                tls[key] = there
        return files

    def _der(self, where: str, name: str) -> bytes:
        try:
            data = (self.path.parent / name).read_bytes()
        except OSError as error:
            raise ToolError(f"{self.path}: {where}: {name} cannot be read ({error.strerror})") from None
        blocks = _PEM.findall(data)
        if b"ENCRYPTED" in data:
            raise ToolError(
                f"{self.path}: {where}: {name} is encrypted; accepted: a key without a pass phrase"
            )
        if len(blocks) > 1:
            raise ToolError(f"{self.path}: {where}: {name} holds {len(blocks)} certificates; accepted: one")
        der = base64.b64decode(b"".join(blocks[0].split())) if blocks else data
        if der[:1] != b"\x30":
            raise ToolError(f"{self.path}: {where}: {name}; accepted: a certificate or key in PEM or DER")
        return der

    def _refuse(self, where: str, value: Any, accepted: str) -> ToolError:
        secret = any(key in checks.SECRETS for key in where.split("."))
        shown = "a secret" if secret else repr(checks.without_secrets(value))
        return ToolError(f"{self.path}: {where}: {shown}; accepted: {accepted}")


def encode(device: dict[str, Any]) -> bytes:
    """device.json, always the same for the same configuration."""
    return (json.dumps(device, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
