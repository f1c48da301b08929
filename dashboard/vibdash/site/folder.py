"""A site's folder: its settings in vibdash.toml, its database, its broker's configuration, its devices' credentials.

plant/vibdash.toml          settings
plant/vibdash.db            everything the sensors said, the users, the devices' command keys
plant/broker.password       with which the dashboard connects to the broker
plant/ca/                   the certificate authority that the devices trust
plant/mosquitto/            the broker's configuration, certificate, passwords, access list
plant/devices/NAME/         what a device needs; to be deleted once it is on the device
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibdash.errors import OneLineError

SETTINGS = "vibdash.toml"
# Each setting, and the option of the commands that it sets.
_OPTIONS = {
    "site": ("site", str),
    "database": ("db", str),
    "notify": ("notify", Path),
    "page.host": ("host", str),
    "page.port": ("port", int),
    "page.proxies": ("proxies", str),
    "page.prefix": ("prefix", str),
    "page.silent_after_s": ("silent_after_s", float),
    "page.zones": ("zones", str),
    "broker.url": ("broker", str),
    "broker.ca_file": ("ca_file", Path),
    "broker.password_file": ("password_file", Path),
    "broker.client_id": ("client_id", str),
    "broker.configuration": ("start_broker", Path),
    "broker.start": ("", bool),
    "broker.for_devices": ("", str),
    "keep.thin_after_days": ("thin_after_days", int),
    "keep.delete_after_days": ("delete_after_days", int),
}
_TAKEN = {str: (str,), int: (int,), float: (int, float), bool: (bool,), Path: (str,)}
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a file name"}


class SiteError(OneLineError):
    """A site's folder cannot be made or used; the text is one line for the user."""


@dataclass(frozen=True)
class SiteFolder:
    """Where everything of a site is."""

    path: Path

    @property
    def settings(self) -> Path:
        return self.path / SETTINGS

    @property
    def password_file(self) -> Path:
        return self.path / "broker.password"

    @property
    def authority(self) -> Path:
        return self.path / "ca"

    @property
    def mosquitto(self) -> Path:
        return self.path / "mosquitto"

    @property
    def passwords(self) -> Path:
        return self.mosquitto / "passwords"

    @property
    def devices(self) -> Path:
        return self.path / "devices"

    def defaults(self) -> dict[str, Any]:
        """Return the options that vibdash.toml sets, files seen from here. Raises SiteError."""
        flat = _flat(self.settings, self._read())
        options: dict[str, Any] = {}
        for name, value in flat.items():
            option, kind = _OPTIONS[name]
            if option:
                options[option] = str(self.path / value) if kind is Path else value
        if not flat.get("broker.start", False):
            options.pop("start_broker", None)
        if "db" in options:
            options["db"] = _beside(self.path, options["db"])
        return options

    def for_devices(self) -> str:
        """Return the URL by which devices reach the broker. Raises SiteError."""
        url = _flat(self.settings, self._read()).get("broker.for_devices")
        if url is None:
            raise SiteError(
                f"{self.settings}: broker.for_devices: is missing; accepted: e.g. mqtts://192.168.1.10:8883"
            )
        return str(url)

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.settings.read_text(encoding="utf-8"))
        except OSError as error:
            raise SiteError(f"{self.settings}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SiteError(f"{self.settings}: is not TOML ({error})") from None


def find_site(given: Path | None) -> SiteFolder | None:
    """Return the site in a folder; without one, the site here or the only one just below. Raises SiteError."""
    if given is not None:
        if not (given / SETTINGS).is_file():
            raise SiteError(
                f"--in {given}: there is no {SETTINGS}; accepted: a folder that vibdash init made"
            )
        return SiteFolder(given.absolute())
    if Path(SETTINGS).is_file():
        return SiteFolder(Path.cwd())
    below = sorted(Path.cwd().glob(f"*/{SETTINGS}"))
    if len(below) > 1:
        names = ", ".join(file.parent.name for file in below)
        raise SiteError(
            f"several sites are here, {names}; accepted: one of them: vibdash --in {below[0].parent.name} ..."
        )
    return SiteFolder(below[0].parent) if below else None


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def as_json(value: dict[str, Any]) -> bytes:
    """Return JSON for people to read."""
    return (json.dumps(value, indent=1) + "\n").encode()


def _flat(file: Path, read: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in read.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            flat[name] = value
    for name, value in flat.items():
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SiteError(f"{file}: {name}: no such setting{hint}; accepted: {', '.join(_OPTIONS)}")
        kind = _OPTIONS[name][1]
        if type(value) not in _TAKEN[kind]:
            raise SiteError(f"{file}: {name}: {value!r}; accepted: {_WORDS[kind]}")
    return flat


def _beside(folder: Path, url: str) -> str:
    """Return a database URL with a relative SQLite file seen from the folder."""
    prefix = "sqlite:///"
    relative = url.startswith(prefix) and not url.startswith(prefix + "/")
    return f"{prefix}{folder / url.removeprefix(prefix)}" if relative else url
