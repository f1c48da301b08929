"""Databases for the tests: a SQLite file, or a new database of a PostgreSQL server started for the test run."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from vibdash.database.opening import open_database

from lab.rigs.dashboard import DEADLINE_S, eventually

KINDS = ("sqlite", "postgresql")
USER = "postgres"
_numbers = itertools.count()


def new_database(kind: str, folder: Path) -> str:
    """Return the URL of a database with the program's tables: a copy, since making them takes a second."""
    if kind == "postgresql":
        return running_postgresql().new_database(_tables_on_server())
    shutil.copy(_tables_in_file(), folder / "alerts.db")
    return f"sqlite:///{folder}/alerts.db"


def empty_database(kind: str, folder: Path) -> str:
    """Return the URL of a database without tables."""
    return f"sqlite:///{folder}/alerts.db" if kind == "sqlite" else running_postgresql().new_database()


@functools.cache
def _tables_on_server() -> str:
    url = running_postgresql().new_database()
    open_database(url).dispose()
    return str(sa.make_url(url).database)


@functools.cache
def _tables_in_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vibdash-sqlite-"))
    atexit.register(shutil.rmtree, folder)
    open_database(f"sqlite:///{folder}/tables.db").dispose()
    return folder / "tables.db"


def rows(url: str, query: str) -> list[Any]:
    """Return the rows of a query, read through a connection of its own."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(sa.text(query)))
    engine.dispose()
    return found


def change(url: str, statement: str) -> None:
    """Do something to the database behind the program's back."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


@functools.cache
def running_postgresql() -> PostgreSQL:
    """Return the one server of this test run."""
    server = PostgreSQL()
    atexit.register(server.remove)
    return server


class PostgreSQL:
    """A PostgreSQL server in a folder of its own, reached through a socket there.

    `durable`: a commit is on the disk, as on a server with default settings; the tests do without, for speed.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vibdash-postgresql-"))
        self._user = USER if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user:
            os.chown(self._folder, pwd.getpwnam(USER).pw_uid, -1)
        data = str(self._folder / "data")
        initdb = [_program("initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, user=self._user, cwd="/", check=True, stdout=subprocess.DEVNULL)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self._folder,
            "fsync": "on" if durable else "off",
        }
        self._command = [_program("postgres"), "-D", data]
        self._command += [f"--{name}={value}" for name, value in options.items()]
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(self._command, user=self._user, cwd="/", stderr=log, stdout=log)
        eventually(self._answers, "PostgreSQL answers")

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the server; SIGINT ends its connections in good order, SIGQUIT is a crash."""
        self._process.send_signal(number)
        self._process.wait(timeout=DEADLINE_S)

    def remove(self) -> None:
        """Stop the server and delete its files."""
        self.stop()
        shutil.rmtree(self._folder)

    def new_database(self, template: str = "template1") -> str:
        """Return the URL of a new database: a copy of the template."""
        name = f"test{next(_numbers)}"
        engine = sa.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        engine.dispose()
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self._folder}"

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"PostgreSQL ended: {(self._folder / 'log').read_text()}"
        ready = [_program("pg_isready"), "-q", "-h", str(self._folder)]
        return subprocess.run(ready, check=False).returncode == 0


def _program(name: str) -> str:
    """Return a program of the newest PostgreSQL; Debian keeps most of them out of the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin: float(bin.parent.name))
    program = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"]]))
    assert program, f"PostgreSQL's {name} is not installed"
    return program
