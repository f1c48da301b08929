"""Opening the database, SQLite or PostgreSQL, and bringing its tables to what this program needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from vibdash.errors import OneLineError
from vibdash.supervision import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"
WRITERS_LOCK = 0x76696264  # any number, as long as it is ours
SQLITE_BUSY_MS = 10_000
ACTION_WAIT_MS = 3_000  # for the database, of a person who waits for an answer
_SERVER = {
    "connect_timeout": 10,
    # A writer that froze must not keep the others waiting: the server ends its transaction.
    "options": "-c idle_in_transaction_session_timeout=30s -c lock_timeout=60s",
}


class DatabaseError(Unavailable, OneLineError):
    """The database cannot be opened or written; the text is one line for the user."""


def connect(url: str) -> sa.Engine:
    """Return the database at an SQLAlchemy URL; nothing has been asked of it yet. Raises DatabaseError."""
    try:
        parsed = sa.make_url(url)
        server = parsed.get_backend_name() == "postgresql"
        engine = sa.create_engine(
            parsed,
            pool_pre_ping=server,
            connect_args=_SERVER if server else {},
            json_deserializer=_read_json,
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        needed = "accepted: e.g. sqlite:///alerts.db or postgresql://user@host/name"
        raise DatabaseError(f"--db {_without_password(url)}: {_first_line(error)}; {needed}") from None
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise DatabaseError(f"--db: {engine.dialect.name} is not supported; accepted: sqlite or postgresql")
    return engine


class Unreadable:
    """What stands in a column in place of JSON: whoever uses it fails, and no other row does."""


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return Unreadable()


def open_database(url: str) -> sa.Engine:
    """Open the database at an SQLAlchemy URL, making or migrating its tables. Raises DatabaseError."""
    engine = connect(url)
    shown = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    try:
        migrate(engine)
    except DBAPIError as error:
        raise DatabaseError(f"--db {shown}: {_first_line(error.orig)}; {_what_is_needed(engine)}") from None
    except _UnknownRevision as error:
        raise DatabaseError(f"--db {shown}: {error}") from None
    return engine


def for_reading(engine: sa.Engine) -> sa.Engine:
    """Return the same database for transactions that only read, and in which all queries see one moment."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(read_only=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def writing(engine: sa.Engine, wait_ms: int | None = None) -> Iterator[sa.Connection]:
    """A transaction of the only writer. Raises DatabaseError: then nothing was written.

    `wait_ms`: how long to wait for other writers, where somebody waits for the answer.
    """
    try:
        with engine.begin() as connection:
            with _waiting(connection, wait_ms):
                be_the_only_writer(connection)
            yield connection
    except SQLAlchemyError as error:
        raise DatabaseError(f"database: {reason_of(error)}") from error


@contextmanager
def _waiting(connection: sa.Connection, wait_ms: int | None) -> Iterator[None]:
    if wait_ms is None:
        yield
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")  # for the whole transaction
        yield
    else:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")


def be_the_only_writer(connection: sa.Connection) -> None:
    """Wait until no other process writes, and keep it so until this transaction ends; to be done first in it.

    SQLite has one writer in any case, but a writer that begins as a reader fails with "locked" when another wrote in
    between. With more than one, the acks could not be told from what is committed, and rows would become visible in
    another order than that of their ids.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS_LOCK)))
        return
    begun = connection.connection.driver_connection
    if begun is not None and begun.in_transaction:  # as a reader's, in which nothing was done yet
        connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def reason_of(error: BaseException) -> str:
    """Return what a database said, in one line."""
    return _first_line(getattr(error, "orig", None) or error)


class _UnknownRevision(Exception):
    pass


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the tables to a revision from an earlier one or none."""
    from alembic.command import upgrade  # slow to import, so that --help is not
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        be_the_only_writer(connection)  # two processes may be started at once
        present = MigrationContext.configure(connection).get_current_revision()
        if present == script.get_current_head():
            return
        if present not in (None, *(revision.revision for revision in script.walk_revisions())):
            newest = script.get_current_head()
            raise _UnknownRevision(
                f"its tables are of revision {present}; accepted: {newest} or an earlier one"
            )
        config.attributes["connection"] = connection
        upgrade(config, revision)


def _use_wal(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in (f"busy_timeout = {SQLITE_BUSY_MS}", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")  # FULL: a committed alert survives a power cut

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A reader takes no lock that a writer could hold: `be_the_only_writer` asks for that.
        reads = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {int(reads)}")
        connection.exec_driver_sql("BEGIN")


def _what_is_needed(engine: sa.Engine) -> str:
    if engine.dialect.name == "sqlite":
        return "accepted: a folder that exists and can be written, and a SQLite file of this program or none"
    return "accepted: a database server that answers and a user who may create tables"


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
