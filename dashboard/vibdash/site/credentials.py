"""What a device connects with: made here, written once into the site's folder, let in by the broker."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vibdash.commands.keys import CommandKeys
from vibdash.protocol.messages import Sensor
from vibdash.site import mosquitto_config
from vibdash.site.broker import Broker
from vibdash.site.certificates import certificate_der
from vibdash.site.folder import SiteError, SiteFolder, as_json, write_secret


def give_credentials(folder: SiteFolder, sensor: Sensor, engine: sa.Engine) -> Path:
    """Write what a device needs, then let it in; what it had before is void. Raises SiteError."""
    password = secrets.token_urlsafe(24)
    key = CommandKeys(engine).make(sensor, time.time_ns() // 1_000_000)
    place = folder.devices / sensor.device
    try:
        broker = Broker.from_url(folder.for_devices())
        authority = certificate_der((folder.authority / "ca.pem").read_bytes())
        place.mkdir(mode=0o700, exist_ok=True)
        write_secret(place / "ca.der", authority)
        mqtt: dict[str, Any] = {
            "host": broker.host,
            "port": broker.port,
            "user": sensor.device,
            "password": password,
        }
        mqtt["tls"] = {"ca": "ca.der"}
        fields = {"site": sensor.site, "device": sensor.device, "mqtt": mqtt, "command_key": key.hex()}
        write_secret(place / "credentials.json", as_json(fields))
        set_password(folder, sensor.device, password)
    except (OSError, ValueError) as error:
        raise SiteError(f"{folder.path}: {error}; accepted: a folder that vibdash init made") from None
    return place


def passwords(folder: SiteFolder) -> str:
    """Return the broker's password file. Raises SiteError."""
    try:
        return folder.passwords.read_text(encoding="utf-8")
    except OSError as error:
        raise SiteError(f"{folder.passwords}: {error.strerror}") from None


def set_password(folder: SiteFolder, user: str, password: str | None) -> None:
    """Give a user of the broker a password, None to let them in no longer. Raises SiteError."""
    changed = mosquitto_config.with_password(passwords(folder), user, password)
    write_secret(folder.passwords, changed.encode())
