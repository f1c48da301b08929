"""A batch's rows in one statement: the whole list goes to the database as one parameter, in JSON.

So a batch of five hundred alerts takes the same few statements, built and planned once, as a batch of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from vibdash.database.upsert import Insert, insert


def key_rows(dialect: str, **columns: Any) -> sa.CTE:
    """Return the rows of the parameter `keys` (see `as_keys`) with these columns, names and types, in this order."""
    keys = sa.bindparam("keys", type_=sa.Text)
    if dialect == "postgresql":
        row: Any = sa.func.jsonb_array_elements(sa.cast(keys, postgresql.JSONB)).column_valued("key_row")
        kinds = enumerate(columns.values())
        cells: list[Any] = [sa.cast(row.op("->>")(sa.literal_column(str(at))), kind) for at, kind in kinds]
    else:
        row = sa.func.json_each(keys).table_valued("value", name="key_row").c.value
        cells = [sa.func.json_extract(row, sa.literal_column(f"'$[{at}]'")) for at in range(len(columns))]
    return sa.select(*(cell.label(name) for cell, name in zip(cells, columns, strict=True))).cte("keys")


def insert_rows(dialect: str, table: sa.Table, names: Sequence[str]) -> Insert:
    """Return the statement that inserts the rows of the parameter `keys` with these columns, in this order."""
    keys = key_rows(dialect, **{name: table.c[name].type for name in names})
    statement = insert(dialect, table)
    # SQLite takes ON CONFLICT after a SELECT for part of a join unless that has a WHERE.
    return statement.from_select(list(names), sa.select(*keys.c).where(sa.true()))


def update_rows(dialect: str, table: sa.Table, names: Sequence[str]) -> sa.Update:
    """Return the statement that changes these columns of the rows whose ids come first in the parameter `keys`."""
    keys = key_rows(dialect, this_id=sa.BigInteger, **{name: table.c[name].type for name in names})
    return sa.update(table).where(table.c.id == keys.c.this_id).values({name: keys.c[name] for name in names})


def as_keys(rows: Iterable[Iterable[Any]]) -> str:
    """Return the value of the parameter `keys`."""
    return json.dumps([list(row) for row in rows], separators=(",", ":"))
