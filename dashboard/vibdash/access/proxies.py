"""Which proxies are believed: what they say of the client, the scheme and the path. What others say is taken away.

Without this, whoever asks could say to be anybody, at any address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from vibdash.errors import OneLineError

FORWARDED = (
    *(b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"),
    *(b"x-forwarded-prefix", b"x-real-ip", b"x-scheme"),
)
PREFIX = b"x-forwarded-prefix"
_FORM = re.compile(r"(/[A-Za-z0-9._~-]+)*")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyError(OneLineError):
    """A proxy or a prefix is not said right; the text is one line for the user."""


def parse_proxies(text: str) -> tuple[Network, ...]:
    """Return the networks of e.g. "127.0.0.1, 10.0.0.0/8". Raises ProxyError."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        needed = "accepted: addresses or networks with commas between, e.g. 127.0.0.1,10.0.0.0/8"
        raise ProxyError(f"--proxies {text!r}: {error}; {needed}") from None


def parse_prefix(text: str) -> str:
    """Return the path below which the page is reached, as `/vib`, or empty for none. Raises ProxyError."""
    prefix = text.rstrip("/")
    if not _FORM.fullmatch(prefix):
        raise ProxyError(f"--prefix {text!r}; accepted: a path such as /vib, of A-Z, a-z, 0-9, . _ ~ - and /")
    return prefix


class Proxies:
    """ASGI middleware before all others. `prefix` stands where no believed proxy says one."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network], prefix: str = "") -> None:
        self._plain = app
        believed: Any = app  # uvicorn and starlette have different names for the same
        self._behind: Any = ProxyHeadersMiddleware(believed, trusted_hosts=[str(one) for one in trusted])
        self._trusted = trusted
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with what is true of it."""
        if scope["type"] not in ("http", "websocket"):
            await self._plain(scope, receive, send)
            return
        believed = self._believes(scope)
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == PREFIX]
        prefix = (
            said[0].rstrip("/")
            if believed and said and _FORM.fullmatch(said[0].rstrip("/"))
            else self._prefix
        )
        gone = (PREFIX,) if believed else FORWARDED
        headers = [one for one in scope["headers"] if one[0] not in gone]
        if prefix:
            headers.append((PREFIX, prefix.encode()))  # NiceGUI puts it before all that it links to
            scope.setdefault("state", {})["prefix"] = prefix
            scope["path"] = _below(prefix, scope["path"])  # a proxy may pass it on or take it away
            if scope.get("raw_path"):
                scope["raw_path"] = _below(prefix, scope["raw_path"].decode("latin-1")).encode("latin-1")
        scope["headers"] = headers
        await (self._behind if believed else self._plain)(scope, receive, send)

    def _believes(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address(scope["client"][0])
        except (KeyError, TypeError, ValueError):
            return False
        return any(address in network for network in self._trusted)


def _below(prefix: str, path: str) -> str:
    return (path.removeprefix(prefix) or "/") if path == prefix or path.startswith(f"{prefix}/") else path


def prefix_of(scope: Scope) -> str:
    """Return the path below which the page of a request is reached, empty for none."""
    return str(scope.get("state", {}).get("prefix", ""))
