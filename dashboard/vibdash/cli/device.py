"""The commands `vibdash device ...`: which devices may connect, and with what."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import time
from typing import Annotated

import typer

from vibdash.cli.options import DEFAULT_DATABASE, DatabaseUrl, Site
from vibdash.protocol.messages import Sensor
from vibdash.site import mosquitto_config
from vibdash.site.folder import SiteError, SiteFolder, find_site

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
    from vibdash.database.opening import open_database
    from vibdash.site.credentials import give_credentials, passwords

    sensor = Sensor(_checked_site(site), _checked(name))
    if name in mosquitto_config.users(passwords(folder)):
        raise SiteError(
            f"device {name}: is there already; accepted: another name, or this one by vibdash device renew {name}"
        )
    written = give_credentials(folder, sensor, open_database(db))
    print(f"device {name} may connect; put the files of {written} on it, then delete them here")


@devices.command()
def renew(context: typer.Context, name: Name, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """Give a device another password and command key; the old ones are void."""
    folder = _folder(context)
    from vibdash.database.opening import open_database
    from vibdash.site.credentials import give_credentials

    _require(folder, name)
    written = give_credentials(folder, Sensor(_checked_site(site), name), open_database(db))
    print(f"device {name} has new credentials in {written}; it is locked out until it has them")


@devices.command()
def remove(context: typer.Context, name: Name, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """Let a device in no longer, and take it off the page. What it said stays in the database."""
    folder, sensor = _folder(context), Sensor(_checked_site(site), name)
    from vibdash.commands.keys import CommandKeys
    from vibdash.commands.removal import remove_device
    from vibdash.database.opening import open_database
    from vibdash.site.credentials import passwords, set_password

    engine = open_database(db)
    may_connect = name in mosquitto_config.users(passwords(folder)) and name != mosquitto_config.HOST_USER
    if may_connect:
        set_password(folder, name, None)
        CommandKeys(engine).remove(sensor)
        shutil.rmtree(folder.devices / name, ignore_errors=True)
    if not remove_device(engine, sensor, "command line", time.time_ns() // 1_000_000) and not may_connect:
        raise SiteError(f"device {name}: not there; accepted: one that vibdash device list or the page shows")
    print(f"device {name} may no longer connect, and is no longer shown")


@devices.command("list")
def list_devices(context: typer.Context, db: DatabaseUrl = DEFAULT_DATABASE, site: Site = None) -> None:
    """List the devices that may connect, and since when with these credentials."""
    folder = _folder(context)
    from vibdash.commands.keys import CommandKeys
    from vibdash.database.opening import open_database
    from vibdash.site.credentials import passwords

    known = mosquitto_config.users(passwords(folder))
    keys = CommandKeys(open_database(db)).all()
    made = {sensor.device: at_ms for sensor, at_ms in keys.items() if sensor.site == site}
    for name in known:
        if name != mosquitto_config.HOST_USER:
            at = dt.datetime.fromtimestamp(made[name] / 1000) if name in made else None
            print(f"{name}\t{at:%Y-%m-%d %H:%M}" if at else f"{name}\tno command key")


def _folder(context: typer.Context) -> SiteFolder:
    folder = find_site(context.find_root().params.get("folder"))
    if folder is None:
        raise SiteError("no site here; make one: vibdash init SITE, or vibdash --in FOLDER device ...")
    return folder


def _require(folder: SiteFolder, name: str) -> None:
    from vibdash.site.credentials import passwords

    if name not in mosquitto_config.users(passwords(folder)) or name == mosquitto_config.HOST_USER:
        raise SiteError(f"device {name}: not there; accepted: one that vibdash device list shows")


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name) or name == mosquitto_config.HOST_USER:
        needed = f"accepted: 1 to 32 of a-z, 0-9 and -, and not {mosquitto_config.HOST_USER}"
        raise typer.BadParameter(f"{name!r}; {needed}", param_hint="NAME")
    return name


def _checked_site(site: str | None) -> str:
    if site is None:
        raise SiteError("site: is not set; accepted: a name in vibdash.toml")
    return site
