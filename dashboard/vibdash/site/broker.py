"""Where the broker is: a URL such as mqtts://user:password@host:8883, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vibdash.errors import OneLineError
from vibdash.supervision import Unavailable

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerError(Unavailable, OneLineError):
    """The broker cannot be used; the text is one line for the user."""


@dataclass(frozen=True)
class Broker:
    """A broker's address and how to be let in. `ca_file` None means the system's certificate authorities."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    @classmethod
    def from_url(cls, url: str, ca_file: Path | None = None, password_file: Path | None = None) -> Broker:
        """Parse a broker URL; the password may be the first line of a file. Raises BrokerError."""
        needed = "accepted: mqtt://[user:password@]host[:port], or mqtts:// for TLS"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BrokerError(f"--broker: {error}; {needed}") from None
        if (
            parts.scheme not in DEFAULT_PORTS
            or not parts.hostname
            or parts.path not in ("", "/")
            or port == 0
        ):
            raise BrokerError(f"--broker: {_without_password(url)}; {needed}")
        if ca_file is not None and parts.scheme != "mqtts":
            raise BrokerError(f"--ca-file: {ca_file}; accepted: only with an mqtts:// broker")
        password = unquote(parts.password) if parts.password else None
        if password_file is not None:
            password = _read_password(password_file)
        return cls(
            host=parts.hostname,
            port=port or DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=unquote(parts.username) if parts.username else None,
            password=password,
            ca_file=ca_file,
        )

    def __str__(self) -> str:
        """Return the URL without user and password, fit to be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def _read_password(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerError(
            f"--password-file {file}: {error}; accepted: a text file with the password"
        ) from None
    if not lines or not lines[0]:
        raise BrokerError(f"--password-file {file}: is empty; accepted: the password in its first line")
    return lines[0]


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
