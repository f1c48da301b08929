"""Insert a row, or change the one that has its key: one statement, on SQLite and PostgreSQL alike.

Building an SQL statement costs more than running it, so the statements of the ingest are built once, per
dialect, and run with parameters.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert(dialect: str, table: sa.Table) -> Insert:
    """Return an insert statement with `on_conflict_do_...` for this dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_or_update(
    connection: sa.Connection, table: sa.Table, key: dict[str, Any], values: dict[str, Any]
) -> None:
    """Write the row of this key; columns not in `values` stay as they were."""
    statement = _insert_or_update(connection.dialect.name, table, tuple(key), tuple(values))
    connection.execute(statement, {**key, **values})


@cache
def _insert_or_update(
    dialect: str, table: sa.Table, key: tuple[str, ...], columns: tuple[str, ...]
) -> sa.Insert:
    statement = insert(dialect, table)
    changed = {name: statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=key, set_=changed)
