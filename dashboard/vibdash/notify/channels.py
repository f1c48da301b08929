"""Ways to tell people: a webhook, e-mail, ntfy. Each delivers one message or raises `Undelivered`."""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

TIMEOUT_S = 15.0
_NTFY_PRIORITY = {"alarm": "urgent", "warning": "default"}


class ChannelError(Exception):
    """A channel is not described well enough; the text names the key and what is needed."""


class Undelivered(Exception):
    """The message could not be handed over; the text says why."""


@dataclass(frozen=True)
class Told:
    """One thing to be told. `fields` is the alert for programs, `line` the same for people."""

    line: str
    level: str
    fields: dict[str, Any]


class Channel(Protocol):
    """A way to tell somebody."""

    def deliver(self, subject: str, told: Sequence[Told]) -> None:
        """Hand a message over. Raises Undelivered."""


@dataclass(frozen=True)
class Webhook:
    """POST of JSON: {"subject": ..., "notifications": [the alerts]}."""

    url: str
    token: str | None = None

    def deliver(self, subject: str, told: Sequence[Told]) -> None:
        """Hand a message over. Raises Undelivered."""
        body = json.dumps({"subject": subject, "notifications": [one.fields for one in told]})
        _post(self.url, body, {"content-type": "application/json"}, self.token)


@dataclass(frozen=True)
class Ntfy:
    """POST of plain text to a topic's address, as ntfy takes it."""

    url: str
    token: str | None = None

    def deliver(self, subject: str, told: Sequence[Told]) -> None:
        """Hand a message over. Raises Undelivered."""
        worst = "alarm" if any(one.level == "alarm" for one in told) else "warning"
        headers = {"title": subject.encode("ascii", "replace").decode(), "priority": _NTFY_PRIORITY[worst]}
        _post(self.url, _text(told), headers | {"tags": "rotating_light"}, self.token)


@dataclass(frozen=True)
class Smtp:
    """E-mail. `security`: starttls, tls, or none."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: str = "starttls"
    user: str | None = None
    password: str | None = None

    def deliver(self, subject: str, told: Sequence[Told]) -> None:
        """Hand a message over. Raises Undelivered."""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = subject, self.sender, ", ".join(self.to)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_text(told))
        try:
            with self._connect() as server:
                if self.user is not None and self.password is not None:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"{self.host}: {_reason(error)}") from None

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        if self.security == "starttls":
            server.starttls(context=context)
        return server


def make_channel(name: str, table: dict[str, Any], folder: Path) -> Channel:
    """Return the channel of a table of the rules file; its files are seen from `folder`. Raises ChannelError."""
    keys = _Keys(f"channel.{name}", table, folder)
    kind = keys.choice("kind", ("webhook", "ntfy", "smtp"))
    channel: Channel
    if kind == "smtp":
        user, password = keys.text("user", None), keys.secret("password_file")
        if (user is None) != (password is None):
            raise ChannelError(f"channel.{name}; accepted: both user and password_file, or neither")
        channel = Smtp(
            host=keys.needed("host"),
            port=keys.port("port", 587),
            sender=keys.address("from"),
            to=keys.addresses("to"),
            security=keys.choice("security", ("starttls", "tls", "none"), "starttls"),
            user=user,
            password=password,
        )
    else:
        channel = (Webhook if kind == "webhook" else Ntfy)(keys.url("url"), keys.secret("token_file"))
    keys.refuse_others()
    return channel


class _Keys:
    """Typed access to a table; every refusal names the key, its value and what would be taken."""

    def __init__(self, where: str, table: dict[str, Any], folder: Path) -> None:
        self._where, self._table, self._folder = where, table, folder
        self._asked: set[str] = set()

    def _wrong(self, key: str, needed: str) -> ChannelError:
        shown = repr(self._table[key]) if key in self._table else "missing"
        return ChannelError(f"{self._where}.{key}: {shown}; accepted: {needed}")

    def text(self, key: str, default: str | None) -> str | None:
        self._asked.add(key)
        value = self._table.get(key, default)
        if value is not default and (not isinstance(value, str) or not value.isprintable() or not value):
            raise self._wrong(key, "a text")
        return value

    def needed(self, key: str) -> str:
        value = self.text(key, None)
        if value is None:
            raise self._wrong(key, "a text")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self._wrong(key, f"one of {', '.join(choices)}")
        return value

    def port(self, key: str, default: int) -> int:
        self._asked.add(key)
        value = self._table.get(key, default)
        if type(value) is not int or not 1 <= value <= 65535:
            raise self._wrong(key, "1 to 65535")
        return value

    def url(self, key: str) -> str:
        value = self.needed(key)
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise self._wrong(key, "http://... or https://...")
        return value

    def address(self, key: str) -> str:
        value = self.needed(key)
        if value.count("@") != 1 or value.strip("@ ") != value or any(c in value for c in " ,;"):
            raise self._wrong(key, "an e-mail address")
        return value

    def addresses(self, key: str) -> tuple[str, ...]:
        self._asked.add(key)
        value = self._table.get(key)
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(one, str) and "@" in one for one in value)
        ):
            raise self._wrong(key, "a list of e-mail addresses")
        return tuple(value)

    def secret(self, key: str) -> str | None:
        name = self.text(key, None)
        if name is None:
            return None
        try:
            lines = (self._folder / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(key, f"a text file with the secret ({error})") from None
        if not lines or not lines[0]:
            raise self._wrong(key, "a file with the secret in its first line")
        return lines[0]

    def refuse_others(self) -> None:
        for key in self._table.keys() - self._asked:
            raise ChannelError(
                f"{self._where}.{key}: is not known; accepted: some of {', '.join(sorted(self._asked))}"
            )


def _text(told: Sequence[Told]) -> str:
    return "\n".join(one.line for one in told)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere would arrive there as a GET, without what it says."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _post(url: str, body: str, headers: dict[str, str], token: str | None) -> None:
    if token is not None:
        headers = headers | {"authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        raise Undelivered(f"{urlsplit(url).hostname} answered {error.code}") from None
    except (OSError, ValueError) as error:
        raise Undelivered(f"{urlsplit(url).hostname}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).splitlines()[0][:200] or type(error).__name__
