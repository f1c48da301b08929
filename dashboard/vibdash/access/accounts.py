"""Users, their roles and passwords, and who is logged in."""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vibdash.access.roles import Role as Role
from vibdash.database.opening import be_the_only_writer, for_reading
from vibdash.database.schema import account, journal, known_browser, login_session
from vibdash.errors import OneLineError

SESSION_MS = 12 * 3_600_000
KNOWN_MS = 365 * 24 * 3_600_000
MOST_KNOWN = 20  # browsers of an account
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_hasher = PasswordHasher()


@dataclass(frozen=True)
class Account:
    """A user of the page."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Return whether this user has the rights of a role."""
        return list(Role).index(self.role) >= list(Role).index(role)


class AccountError(OneLineError):
    """A user cannot be added or changed; the text is one line for the one who asked."""


class Accounts:
    """Reads and writes users and sessions. Times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = for_reading(engine)

    def exist(self) -> bool:
        """Return whether any user is defined."""
        with self._reading.begin() as connection:
            return connection.scalar(sa.select(account.c.name).limit(1)) is not None

    def all(self) -> list[Account]:
        """Return the users by name."""
        query = sa.select(account.c.name, account.c.role).order_by(account.c.name)
        with self._reading.begin() as connection:
            return [Account(name, Role(role)) for name, role in connection.execute(query)]

    def add(self, name: str, role: Role, password: str, now_ms: int) -> None:
        """Define a user. Raises AccountError."""
        if not _NAME.fullmatch(name) or name == "local":
            raise AccountError(f"user: {name!r}; accepted: 1 to 32 of a-z, 0-9, dot, - and _, and not local")
        row = {"name": name, "role": role, "password_hash": _hash(password), "created_at_ms": now_ms}
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            if connection.scalar(sa.select(account.c.name).where(account.c.name == name)) is not None:
                raise AccountError(
                    f"user {name}: is defined already; accepted: another name, or vibdash user password"
                )
            connection.execute(account.insert(), row)
            _note(connection, "user-add", f"{name}, {role}", now_ms)

    def set_password(self, name: str, password: str, now_ms: int) -> None:
        """Change a password and log the user out everywhere. Raises AccountError."""
        hashed = _hash(password)
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            changed = account.update().where(account.c.name == name).values(password_hash=hashed)
            _require(connection.execute(changed).rowcount, name)
            _forget_logins(connection, name)
            _note(connection, "user-password", name, now_ms)

    def remove(self, name: str, now_ms: int) -> None:
        """Remove a user and log them out everywhere; the journal keeps what they did. Raises AccountError."""
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            _require(connection.execute(account.delete().where(account.c.name == name)).rowcount, name)
            _forget_logins(connection, name)
            _note(connection, "user-remove", name, now_ms)

    def check(self, name: str, password: str) -> Account | None:
        """Return the user if the password is right. Takes as long for a name that there is not."""
        with self._reading.begin() as connection:
            row = connection.execute(sa.select(account).where(account.c.name == name)).one_or_none()
        try:
            _hasher.verify(row.password_hash if row else _no_hash(), password)
        except (VerificationError, InvalidHashError):
            return None
        return Account(row.name, Role(row.role)) if row else None

    def begin_session(self, name: str, now_ms: int) -> str:
        """Log a user in; return the token that the browser shows from now on."""
        token = secrets.token_urlsafe(32)
        row = {"token_digest": _digest(token), "account": name, "expires_at_ms": now_ms + SESSION_MS}
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            connection.execute(login_session.delete().where(login_session.c.expires_at_ms <= now_ms))
            connection.execute(login_session.insert(), row)
        return token

    def of_session(self, token: str, now_ms: int) -> Account | None:
        """Return who is logged in with a token."""
        query = (
            sa.select(account.c.name, account.c.role)
            .join(login_session, login_session.c.account == account.c.name)
            .where(login_session.c.token_digest == _digest(token), login_session.c.expires_at_ms > now_ms)
        )
        with self._reading.begin() as connection:
            row = connection.execute(query).one_or_none()
        return Account(row.name, Role(row.role)) if row else None

    def make_known(self, name: str, now_ms: int) -> str:
        """Return a token by which a browser shows later that this user was logged in there once."""
        token, known = secrets.token_urlsafe(32), known_browser.c
        row = {"token_digest": _digest(token), "account": name, "since_ms": now_ms}
        newest = (
            sa.select(known.token_digest)
            .where(known.account == name)
            .order_by(known.since_ms.desc())
            .limit(MOST_KNOWN - 1)
        )
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            kept = connection.scalars(newest).all()
            old = sa.and_(known.account == name, known.token_digest.not_in(kept))
            connection.execute(known_browser.delete().where(old))
            connection.execute(known_browser.insert(), row)
        return token

    def is_known(self, name: str, token: str, now_ms: int) -> bool:
        """Return whether this user was logged in at the browser that shows this token, not long ago."""
        known = known_browser.c
        query = sa.select(known.account).where(
            known.token_digest == _digest(token), known.account == name, known.since_ms > now_ms - KNOWN_MS
        )
        with self._reading.begin() as connection:
            return connection.scalar(query) is not None

    def end_session(self, token: str) -> None:
        """Log out."""
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            connection.execute(login_session.delete().where(login_session.c.token_digest == _digest(token)))


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(
            f"password: {len(password)} characters; accepted: {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        )
    return _hasher.hash(password)


@functools.cache
def _no_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _forget_logins(connection: sa.Connection, name: str) -> None:
    for table in (login_session, known_browser):
        connection.execute(table.delete().where(table.c.account == name))


def _require(found: int, name: str) -> None:
    if not found:
        raise AccountError(f"user {name}: not defined; accepted: one that vibdash user list shows")


def _note(connection: sa.Connection, action: str, note: str, now_ms: int) -> None:
    entry = {"at_ms": now_ms, "author": "command line", "action": action, "note": note}
    connection.execute(journal.insert(), entry)
