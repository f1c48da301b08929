"""What is wrong with a site, or will be soon: each fault one line that says what is needed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import DatabaseError, connect, open_database
from vibdash.database.schema import command_key
from vibdash.notify.rules import NotifyError, read_rules
from vibdash.site import mosquitto_config
from vibdash.site.broker import Broker, BrokerError
from vibdash.site.folder import SiteError, SiteFolder
from vibdash.site.local_broker import find_mosquitto
from vibdash.site.mosquitto_config import HOST_USER

SOON_DAYS = 60
LEAST_FREE_BYTES = 500_000_000
_NAMES_A_FILE = re.compile(
    r"(?m)^(password_file|acl_file|persistence_location|cafile|certfile|keyfile)\s+(\S.*)$"
)


def faults_of(folder: SiteFolder) -> Iterator[str]:
    """Yield the faults of a site. Nothing is changed, but for tables that an older version left."""
    try:
        settings = folder.defaults()
    except SiteError as error:
        yield str(error)
        return
    yield from _modes(folder)
    yield from _space(folder)
    yield from _certificates(folder)
    yield from _configuration(folder, settings)
    yield from _passwords(folder, settings)
    yield from _database(folder, settings)
    if "notify" in settings:
        try:
            read_rules(Path(settings["notify"]))
        except NotifyError as error:
            yield str(error)


def _modes(folder: SiteFolder) -> Iterator[str]:
    for one in (folder.path, *sorted(folder.path.rglob("*"))):
        if not one.is_symlink() and one.stat().st_mode & 0o077:
            name = one.relative_to(folder.path)
            yield f"{name}: others than its owner may use it; accepted: its owner only, chmod go= {one}"
    for file in sorted(folder.devices.glob("*/credentials.json")):
        yield f"devices/{file.parent.name}: holds the device's password and key; delete it once the device has them"


def _space(folder: SiteFolder) -> Iterator[str]:
    free = shutil.disk_usage(folder.path).free
    if free < LEAST_FREE_BYTES:
        yield f"{free // 1_000_000} MB are free on the disk; accepted: at least {LEAST_FREE_BYTES // 1_000_000} MB"


def _certificates(folder: SiteFolder) -> Iterator[str]:
    try:
        authority = x509.load_pem_x509_certificate((folder.authority / "ca.pem").read_bytes())
        broker = x509.load_pem_x509_certificate((folder.mosquitto / "broker.pem").read_bytes())
        keys = [
            load_pem_private_key(file.read_bytes(), None)
            for file in (folder.authority / "ca.key", folder.mosquitto / "broker.key")
        ]
    except (OSError, ValueError) as error:
        yield f"certificates: {error}; accepted: those that vibdash init or certificate made"
        return
    for name, one, key in (("ca/ca.pem", authority, keys[0]), ("mosquitto/broker.pem", broker, keys[1])):
        if one.public_key() != key.public_key():
            yield f"{name}: is not of the key beside it; accepted: both from one vibdash init or certificate"
        left = one.not_valid_after_utc - dt.datetime.now(dt.UTC)
        if left < dt.timedelta(days=SOON_DAYS):
            yield f"{name}: ends {one.not_valid_after_utc:%Y-%m-%d}; accepted: a new one, by vibdash certificate"
    try:
        broker.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        yield "mosquitto/broker.pem: is not signed by ca/ca.pem, so not trusted; accepted: one by vibdash certificate"
    yield from _told_address(folder, broker)


def _told_address(folder: SiteFolder, broker: x509.Certificate) -> Iterator[str]:
    try:
        host = Broker.from_url(folder.for_devices()).host
    except (SiteError, BrokerError) as error:
        yield str(error)
        return
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    reached_by = [str(one.value) for one in names]
    if host not in reached_by:
        yield (
            f"broker.for_devices: {host} is not in the broker's certificate ({', '.join(reached_by)}); "
            f"accepted: one by vibdash certificate --address {host}"
        )


def _configuration(folder: SiteFolder, settings: dict[str, Any]) -> Iterator[str]:
    file = folder.mosquitto / "mosquitto.conf"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        yield f"mosquitto/mosquitto.conf: {error.strerror}; accepted: the one that vibdash init made"
        return
    for option, value in _NAMES_A_FILE.findall(text):
        if not Path(value.strip()).exists():
            named = f"mosquitto/mosquitto.conf: {option}: {value.strip()}"
            yield f"{named} is not there; accepted: where it is now, if the folder was moved"
    listeners = re.findall(r"(?m)^listener\s+(\d+)", text)
    for name, url in (("broker.url", settings.get("broker", "")), ("broker.for_devices", _told(folder))):
        port = urlsplit(url).port if url else None
        if port is not None and "start_broker" in settings and str(port) not in listeners:
            yield f"{name}: port {port} is none of mosquitto.conf's ({', '.join(listeners)}); accepted: one of them"
    if "start_broker" in settings and find_mosquitto() is None:
        yield "mosquitto: not installed; accepted: e.g. apt-get install mosquitto"


def _told(folder: SiteFolder) -> str:
    try:
        return folder.for_devices()
    except SiteError:
        return ""


def _passwords(folder: SiteFolder, settings: dict[str, Any]) -> Iterator[str]:
    try:
        lines = dict(line.split(":", 1) for line in folder.passwords.read_text(encoding="utf-8").splitlines())
        rules = (folder.mosquitto / "access").read_text(encoding="utf-8")
        own = folder.password_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        yield f"passwords: {error}; accepted: the files that vibdash init made"
        return
    if not _is_password(lines.get(HOST_USER, ""), own):
        yield f"mosquitto/passwords: {HOST_USER} has another password than broker.password; accepted: the same in both"
    if rules != mosquitto_config.access(str(settings.get("site", ""))):
        yield "mosquitto/access: is not as vibdash init makes it for this site; accepted: that, unless it was meant so"


def _is_password(line: str, password: str) -> bool:
    try:
        _, kind, rounds, salt, digest = line.split("$")
        made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    except ValueError:
        return False
    return kind == "7" and secrets.compare_digest(made, base64.b64decode(digest))


def _database(folder: SiteFolder, settings: dict[str, Any]) -> Iterator[str]:
    url = str(settings.get("db", ""))
    try:
        file = Path(connect(url).url.database or "")
        if url.startswith("sqlite") and not file.exists():
            yield f"database: {file} is not there; accepted: the site's own, from a copy by vibdash restore"
            return
        engine = open_database(url)
    except DatabaseError as error:
        yield str(error)
        return
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                yield f"database: is damaged, {found}; accepted: a copy, by vibdash restore"
        if not any(one.role is Role.ENGINEER for one in Accounts(engine).all()):
            yield "database: no user is an engineer; accepted: one by vibdash user add NAME --role engineer"
        yield from _devices(folder, engine, str(settings.get("site", "")))
    finally:
        engine.dispose()


def _devices(folder: SiteFolder, engine: sa.Engine, site: str) -> Iterator[str]:
    """Compare who may connect with who can be commanded."""
    try:
        let_in = set(mosquitto_config.users(folder.passwords.read_text(encoding="utf-8"))) - {HOST_USER}
    except OSError:
        return  # said already
    with engine.connect() as connection:
        keyed = set(connection.scalars(sa.select(command_key.c.device).where(command_key.c.site == site)))
    for name in sorted(let_in - keyed):
        yield f"device {name}: may connect and has no command key here; accepted: one by vibdash device renew {name}"
    for name in sorted(keyed - let_in):
        yield f"device {name}: has a command key and may not connect; accepted: vibdash device remove {name}, then add"
