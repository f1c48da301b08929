"""The address that the page is served on, taken before anything else starts."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from vibdash.access.accounts import Accounts
from vibdash.errors import OneLineError


class ServeError(OneLineError):
    """The page cannot be served; the text is one line for the user."""


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything else starts; port 0 takes a free one. Raises ServeError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServeError(f"--host {host}: {error.strerror}; accepted: an address of this machine") from None
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(128)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise ServeError(
                f"--port {port}: in use on {host}; accepted: a free one, or 0 to take any"
            ) from None
        raise ServeError(f"--host {host} --port {port}: {os.strerror(error.errno or 0)}") from None
    return taken


def is_loopback(taken: socket.socket) -> bool:
    """Return whether only this machine can reach a bound socket."""
    return ipaddress.ip_address(taken.getsockname()[0]).is_loopback


def require_users(taken: socket.socket, accounts: Accounts) -> None:
    """Refuse to serve to others while nobody has to log in. Raises ServeError."""
    if not is_loopback(taken) and not accounts.exist():
        host = taken.getsockname()[0]
        needed = "define one, since others can reach this address: vibdash user add NAME"
        raise ServeError(f"--host {host}: no user is defined; {needed}")


def address_of(taken: socket.socket) -> str:
    """Return the URL at which a bound socket is reached."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
