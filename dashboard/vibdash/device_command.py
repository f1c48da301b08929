"""The commands `vibdash device ...`: which devices may connect, and with what."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vibdash import mosquitto_config
from vibdash.broker import Broker
from vibdash.certificates import certificate_der
from vibdash.command_keys import CommandKeys
from vibdash.messages import Sensor
from vibdash.opening import open_database
from vibdash.options import DEFAULT_DATABASE, DatabaseUrl, Site
from vibdash.site_folder import SiteError, SiteFolder, as_json, find_site, write_secret

devices = typer.Typer(
    no_args_is_help=True, help="Which devices may connect, and with what.", rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="1 to 32 of a-z, 0-9 and -, as in the device's topics.")]


@devices.command()
def add(context: typer.Context, name: Name, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """Let a device in: make its user, password and command key, and a folder with what it needs.

    The folder holds the only copy of the password; delete it once the device has it.
    """
    folder = _folder(context)
    sensor = Sensor(_checked_site(site), _checked(name))
    if name in mosquitto_config.users(_passwords(folder)):
        raise SiteError(f"device {name}: is there already; need another name, or: vibdash device renew {name}")
    written = _give_credentials(folder, sensor, db)
    print(f"device {name} may connect; put the files of {written} on it, then delete them here")


@devices.command()
def renew(context: typer.Context, name: Name, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """Give a device another password and command key; the old ones are void."""
    folder = _folder(context)
    _require(folder, name)
    written = _give_credentials(folder, Sensor(_checked_site(site), name), db)
    print(f"device {name} has new credentials in {written}; it is locked out until it has them")


@devices.command()
def remove(context: typer.Context, name: Name, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """Let a device in no longer. What it said stays in the database."""
    folder = _folder(context)
    _require(folder, name)
    _set_password(folder, name, None)
    CommandKeys(open_database(db)).remove(Sensor(_checked_site(site), name))
    shutil.rmtree(folder.devices / name, ignore_errors=True)
    print(f"device {name} may no longer connect")


@devices.command("list")
def list_devices(context: typer.Context, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """List the devices that may connect, and since when with these credentials."""
    known = mosquitto_config.users(_passwords(_folder(context)))
    keys = CommandKeys(open_database(db)).all()
    made = {sensor.device: at_ms for sensor, at_ms in keys.items() if sensor.site == site}
    for name in known:
        if name != mosquitto_config.HOST_USER:
            at = dt.datetime.fromtimestamp(made[name] / 1000) if name in made else None
            print(f"{name}\t{at:%Y-%m-%d %H:%M}" if at else f"{name}\tno command key")


def _give_credentials(folder: SiteFolder, sensor: Sensor, db: str) -> Path:
    """Write what the device needs, then let it in. Raises SiteError."""
    password = secrets.token_urlsafe(24)
    key = CommandKeys(open_database(db)).make(sensor, time.time_ns() // 1_000_000)
    place = folder.devices / sensor.device
    try:
        broker = Broker.from_url(folder.for_devices())
        authority = certificate_der((folder.authority / "ca.pem").read_bytes())
        place.mkdir(mode=0o700, exist_ok=True)
        write_secret(place / "ca.der", authority)
        mqtt: dict[str, Any] = {"host": broker.host, "port": broker.port, "user": sensor.device, "password": password}
        mqtt["tls"] = {"ca": "ca.der"}
        fields = {"site": sensor.site, "device": sensor.device, "mqtt": mqtt, "command_key": key.hex()}
        write_secret(place / "credentials.json", as_json(fields))
        _set_password(folder, sensor.device, password)
    except (OSError, ValueError) as error:
        raise SiteError(f"{folder.path}: {error}; need a folder that vibdash init made") from None
    return place


def _folder(context: typer.Context) -> SiteFolder:
    folder = find_site(context.find_root().params.get("folder"))
    if folder is None:
        raise SiteError("no site here; need one: vibdash init SITE, or vibdash --in FOLDER device ...")
    return folder


def _passwords(folder: SiteFolder) -> str:
    try:
        return folder.passwords.read_text(encoding="utf-8")
    except OSError as error:
        raise SiteError(f"{folder.passwords}: {error.strerror}") from None


def _set_password(folder: SiteFolder, name: str, password: str | None) -> None:
    changed = mosquitto_config.with_password(_passwords(folder), name, password)
    write_secret(folder.passwords, changed.encode())


def _require(folder: SiteFolder, name: str) -> None:
    if name not in mosquitto_config.users(_passwords(folder)) or name == mosquitto_config.HOST_USER:
        raise SiteError(f"device {name}: not there; need one that vibdash device list shows")


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name) or name == mosquitto_config.HOST_USER:
        needed = f"need 1 to 32 of a-z, 0-9 and -, and not {mosquitto_config.HOST_USER}"
        raise typer.BadParameter(f"{name!r}: {needed}", param_hint="NAME")
    return name


def _checked_site(site: str | None) -> str:
    if site is None:
        raise SiteError("site: is not set; need it in vibdash.toml")
    return site
