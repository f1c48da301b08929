"""Mosquitto's configuration for a site: who may connect, and who may say what.

Each device has a user name of its own, the device's; it writes under that name only and reads only its own ack
and cmd. The dashboard has a listener of its own, which only this computer reaches.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

from vibnode.messages import TOPIC_ROOT

HOST_USER = "vibdash"
_ROUNDS = 101  # Mosquitto's own; the passwords are random, so that guessing is hopeless anyway

_CONFIGURATION = """\
# Mosquitto for the site {site}, made by: vibdash init. To run it as a service, include this file in mosquitto's own
# configuration, give the folder {folder} to the user it runs as, and set broker.start to false in vibdash.toml.
{user}
per_listener_settings false
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/access
allow_zero_length_clientid false
set_tcp_nodelay true

# What was taken is on disk within a second, so that a kill or a power cut loses nothing that was acknowledged.
persistence true
persistence_location {folder}/data/
autosave_on_changes true
autosave_interval 1
max_inflight_messages 0
max_queued_messages 100000
max_packet_size 16384
log_dest stdout
log_type error
log_type warning
log_type notice

# Devices: TLS, and no one takes another's session over, whatever client id it says.
listener {port}{bind}
cafile {ca}
certfile {folder}/broker.pem
keyfile {folder}/broker.key
tls_version tlsv1.2
use_username_as_clientid true

# The dashboard, from this computer only.
listener {host_port} 127.0.0.1
"""

_ACCESS = """\
# {host_user} takes everything in, and says what is stored and what is to be done; it removes the last word of a
# device that was removed. Who tells operating points does so from this computer, by its name.
user {host_user}
topic read {root}/{site}/#
topic write {root}/{site}/+/ack
topic write {root}/{site}/+/cmd
topic write {root}/{site}/+/point
topic write {root}/{site}/+/status

# A device writes under its own name, and reads what is meant for it.
pattern write {root}/{site}/%u/status
pattern write {root}/{site}/%u/alert
pattern write {root}/{site}/%u/reply
pattern read {root}/{site}/%u/ack
pattern read {root}/{site}/%u/cmd
pattern read {root}/{site}/%u/point
"""


def configuration(
    site: str, folder: Path, ca: Path, *, port: int, host_port: int, everywhere: bool, user: str
) -> str:
    """Return mosquitto.conf. `user`: whom Mosquitto becomes when root starts it; `everywhere`: not loopback alone."""
    return _CONFIGURATION.format(
        site=site,
        folder=folder,
        ca=ca,
        port=port,
        host_port=host_port,
        bind="" if everywhere else " 127.0.0.1",
        user=f"user {user}",
    )


def access(site: str) -> str:
    """Return the access list."""
    return _ACCESS.format(site=site, root=TOPIC_ROOT, host_user=HOST_USER)


def with_password(passwords: str, user: str, password: str | None) -> str:
    """Return the password file with the line of one user changed, or without it for None."""
    lines = [line for line in passwords.splitlines() if line.partition(":")[0] != user]
    if password is not None:
        lines.append(f"{user}:{_hashed(password)}")
    return "".join(f"{line}\n" for line in sorted(lines))


def users(passwords: str) -> list[str]:
    """Return who has a password."""
    return [line.partition(":")[0] for line in passwords.splitlines()]


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
