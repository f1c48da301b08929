"""A batch's keys as rows that a query can join: the whole list goes to the database as one parameter.

So a batch of five hundred alerts takes the same few statements, built and planned once, as a batch of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


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


def as_keys(rows: Iterable[Sequence[Any]]) -> str:
    """Return the value of the parameter `keys`."""
    return json.dumps([list(row) for row in rows], separators=(",", ":"))
