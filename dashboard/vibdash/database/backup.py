"""A copy of the whole database at one moment, made while everything runs, and the way back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from vibdash.database.opening import connect
from vibdash.errors import OneLineError


class BackupError(OneLineError):
    """The database cannot be copied; the text is one line for the user."""


def back_up(url: str, file: Path) -> None:
    """Write a copy of the database to a new file, whole or not at all. Raises BackupError or DatabaseError.

    Only its owner may read it: it holds command keys and the hashes of passwords.

    Of SQLite the copy is a SQLite file, for --db; of PostgreSQL it is pg_dump's archive, for pg_restore. Its tables
    stay of the revision they are, so that it can be made before a new version of this program changes them.
    """
    if file.exists():
        raise BackupError(f"{file}: is there already; accepted: a new name")
    if not file.parent.is_dir():
        raise BackupError(f"{file}: its folder is not there; accepted: a folder that exists")
    engine = connect(url)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if engine.dialect.name == "sqlite":
            _copy_file(engine, part)
        else:
            _dump(engine.url, part)
        os.replace(part, file)
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}; accepted: a folder that can be written") from None
    finally:
        part.unlink(missing_ok=True)
        engine.dispose()


def bring_back(url: str, copy: Path) -> None:
    """Put a copy into a database that is not there yet, or is empty. Raises BackupError or DatabaseError."""
    engine = connect(url)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        if engine.dialect.name == "sqlite":
            target = Path(engine.url.database or "")
            if target.exists():
                raise BackupError(f"--db {shown}: is there already; accepted: a new name")
            if not target.parent.is_dir():
                raise BackupError(f"--db {shown}: its folder is not there; accepted: a folder that exists")
            fresh = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fresh, "wb") as stream, copy.open("rb") as source:
                shutil.copyfileobj(source, stream)
        else:
            if sa.inspect(engine).get_table_names():
                raise BackupError(f"--db {shown}: has tables already; accepted: an empty database")
            _fill_server(engine.url, copy)
    except DBAPIError as error:
        raise BackupError(f"--db {shown}: {str(error.orig).splitlines()[0]}") from None
    finally:
        engine.dispose()


def _copy_file(engine: sa.Engine, part: Path) -> None:
    source = engine.url.database
    if not source or not Path(source).exists():
        raise BackupError(f"--db {engine.url}: there is no such database")
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
        copy = sa.create_engine(f"sqlite:///{part}")
        with copy.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        copy.dispose()
    except DBAPIError as error:
        raise BackupError(
            f"--db {engine.url}: {error.orig}; accepted: a SQLite file of this program"
        ) from None
    if found != "ok":
        raise BackupError(f"--db {engine.url}: the copy is damaged, {found}")


def _dump(url: sa.URL, part: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupError(
            "pg_dump is not installed; install PostgreSQL's client programs, of the server's version"
        )
    _run([program, "--format=custom", "--file", str(part)], url)


def _fill_server(url: sa.URL, copy: Path) -> None:
    program = shutil.which("pg_restore")
    if program is None:
        raise BackupError(
            "pg_restore: not installed; accepted: PostgreSQL's client programs, of the server's version"
        )
    _run([program, "--no-owner", "--exit-on-error", "--single-transaction", str(copy)], url)


def _run(command: list[str], url: sa.URL) -> None:
    """Run one of PostgreSQL's programs on a database; the password is on no command line."""
    password = {"PGPASSWORD": url.password} if url.password else {}
    address = url.set(drivername="postgresql", password=None).render_as_string()
    command += ["--no-password", "--dbname", address]
    ended = subprocess.run(command, env=os.environ | password, capture_output=True, text=True)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise BackupError(f"--db {url.render_as_string(hide_password=True)}: {lines[0]}")
