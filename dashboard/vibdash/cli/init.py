"""The command `vibdash init`: a site's folder, with all that a dashboard and its broker need."""

from __future__ import annotations

import getpass
import ipaddress
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vibdash.site import mosquitto_config
from vibdash.site.folder import SETTINGS, SiteError, SiteFolder, find_site, write_secret
from vibdash.site.mosquitto_config import HOST_USER

_SETTINGS = """\
# The site {site}, made by vibdash init. Options on the command line come before what is said here.
site = "{site}"
database = "sqlite:///vibdash.db"   # or "postgresql://user@host/name"

[page]
host = "127.0.0.1"                  # others reach the page through a proxy with TLS
port = 8765

[broker]
url = "mqtt://{user}@127.0.0.1:{host_port}"
password_file = "broker.password"
configuration = "mosquitto/mosquitto.conf"
start = true                        # false where Mosquitto runs as a service
for_devices = "mqtts://{told}:{port}"   # what new devices are told

[keep]
thin_after_days = 30                # of older statuses, one an hour is kept
delete_after_days = 1825            # older statuses are deleted; alerts never
"""

SiteName = Annotated[
    str, typer.Argument(metavar="SITE", help="Its name in every topic: 1 to 32 of a-z, 0-9 and -.")
]
Address = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Name or IP address by which devices reach this computer; the first one is told to them. May be "
        "repeated.  [default: 127.0.0.1, and no other computer is let in]",
    ),
]


def init(
    site: SiteName,
    address: Address = None,
    user: Annotated[str, typer.Option(help="Name of the first user, an engineer.")] = "admin",
    broker_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port for the devices, with TLS.")
    ] = 8883,
    host_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port for the dashboard, loopback only.")
    ] = 18883,
) -> None:
    """Make a folder for a site: settings, database, first user, broker with TLS and passwords.

    The first user's password is asked for; without a terminal, or for an empty answer, one is made and shown once.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", site):
        raise typer.BadParameter(f"{site!r}; accepted: 1 to 32 of a-z, 0-9 and -", param_hint="SITE")
    addresses = address or ["127.0.0.1"]
    for one in addresses:
        _check_address(one)
    folder = SiteFolder(Path.cwd() / site)
    if folder.path.exists():
        raise SiteError(f"{folder.path}: is there already; accepted: another SITE, or another current folder")
    given = _ask_password(user)
    password = given or secrets.token_urlsafe(12)
    folder.path.mkdir(mode=0o700)
    try:
        _fill(folder, site, addresses, user, password, broker_port, host_port)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)  # all of it or nothing
        raise
    print(f"site {site} is in {folder.path}")
    print(f"user {user}, engineer" + ("" if given else f", password {password}   (shown this once)"))
    print(f"next: vibdash --in {site} run --demo, or: vibdash --in {site} device add NAME")


def certificate(
    context: typer.Context,
    address: Address = None,
) -> None:
    """Give the broker a fresh certificate, for these addresses. Devices trust it as they did the old one."""
    folder = find_site(context.find_root().params.get("folder"))
    if folder is None:
        raise SiteError("no site here; make one: vibdash init SITE, or vibdash --in FOLDER certificate")
    _certify_broker(folder, address or ["127.0.0.1"])
    print(f"the broker has a certificate for {', '.join(address or ['127.0.0.1'])}; restart it")


def _certify_broker(folder: SiteFolder, addresses: Sequence[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from vibdash.site.certificates import certificate_pem, key_pem, new_broker_certificate

    for one in addresses:
        _check_address(one)
    try:
        authority = x509.load_pem_x509_certificate((folder.authority / "ca.pem").read_bytes())
        key = load_pem_private_key((folder.authority / "ca.key").read_bytes(), None)
    except (OSError, ValueError) as error:
        raise SiteError(
            f"{folder.authority}: {error}; accepted: the authority that vibdash init made"
        ) from None
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate, broker_key = new_broker_certificate(authority, key, addresses)
    write_secret(folder.mosquitto / "broker.key", key_pem(broker_key))
    write_secret(folder.mosquitto / "broker.pem", certificate_pem(certificate))


def _fill(
    folder: SiteFolder,
    site: str,
    addresses: Sequence[str],
    user: str,
    password: str,
    broker_port: int,
    host_port: int,
) -> None:
    from vibdash.access.accounts import Accounts, Role
    from vibdash.database.opening import open_database
    from vibdash.site.certificates import certificate_pem, key_pem, new_authority

    for inner in (folder.authority, folder.mosquitto, folder.mosquitto / "data", folder.devices):
        inner.mkdir(mode=0o700)
    authority, key = new_authority(site)
    write_secret(folder.authority / "ca.key", key_pem(key))
    write_secret(folder.authority / "ca.pem", certificate_pem(authority))
    _certify_broker(folder, addresses)
    configuration = mosquitto_config.configuration(
        site,
        folder.mosquitto,
        folder.authority / "ca.pem",
        port=broker_port,
        host_port=host_port,
        everywhere=any(not _is_loopback(one) for one in addresses),
        user=getpass.getuser(),
    )
    write_secret(folder.mosquitto / "mosquitto.conf", configuration.encode())
    write_secret(folder.mosquitto / "access", mosquitto_config.access(site).encode())
    host_password = secrets.token_urlsafe(24)
    write_secret(folder.password_file, f"{host_password}\n".encode())
    write_secret(folder.passwords, mosquitto_config.with_password("", HOST_USER, host_password).encode())
    told = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    settings = _SETTINGS.format(site=site, user=HOST_USER, host_port=host_port, told=told, port=broker_port)
    before = os.umask(0o077)  # the database holds the command keys
    try:
        Accounts(open_database(f"sqlite:///{folder.path / 'vibdash.db'}")).add(
            user, Role.ENGINEER, password, _now_ms()
        )
    finally:
        os.umask(before)
    write_secret(folder.path / SETTINGS, settings.encode())


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        return ""
    text = f"Password of {user} (empty: one is made)"
    return str(typer.prompt(text, default="", show_default=False, hide_input=True, confirmation_prompt=True))


def _check_address(address: str) -> None:
    named = re.fullmatch(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*", address)
    if not named and not _is_ip(address):
        raise typer.BadParameter(
            f"{address!r}; accepted: a host name or an IP address", param_hint="--address"
        )


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    return address == "localhost" or (_is_ip(address) and ipaddress.ip_address(address).is_loopback)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
