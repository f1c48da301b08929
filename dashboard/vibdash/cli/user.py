"""The commands `vibdash user ...`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from vibdash.access.roles import Role
from vibdash.cli.options import DEFAULT_DATABASE, DatabaseUrl

if TYPE_CHECKING:
    from vibdash.access.accounts import Accounts

users = typer.Typer(no_args_is_help=True, help="Who may use the page.", rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="1 to 32 of a-z, 0-9, dot, - and _.")]


@users.command()
def add(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(help="viewer: look; operator: acknowledge, shelve, comment; engineer: take data out."),
    ] = Role.OPERATOR,
    db: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Define a user. The password is asked for, or read from standard input."""
    accounts = _accounts(db)
    accounts.add(name, role, _ask_password(), _now_ms())
    print(f"user {name} is defined, {role}")


@users.command("list")
def list_users(db: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """List the users and their roles."""
    for one in _accounts(db).all():
        print(f"{one.name}\t{one.role}")


@users.command()
def password(name: Name, db: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """Give a user another password; all their sessions end."""
    _accounts(db).set_password(name, _ask_password(), _now_ms())
    print(f"user {name} has a new password")


@users.command()
def remove(name: Name, db: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """Remove a user; all their sessions end. What they did stays in the journal."""
    _accounts(db).remove(name, _now_ms())
    print(f"user {name} is removed")


def _accounts(db: str) -> Accounts:
    from vibdash.access.accounts import Accounts
    from vibdash.database.opening import open_database

    return Accounts(open_database(db))


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
