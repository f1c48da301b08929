"""Taking tables out of the database, as CSV or Parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vibdash.database import schema, taken_out
from vibdash.database.opening import for_reading
from vibdash.database.taken_out import ExportError, refuse_others

TABLES: dict[str, sa.Table] = {name: getattr(schema, name) for name in taken_out.TABLES}
ROWS_AT_ONCE = 5000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_table(engine: sa.Engine, name: str, file: Path) -> int:
    """Write a table to a .csv or .parquet file, whole or not at all; return the number of rows. Raises ExportError."""
    refuse_others(name, file)
    part = file.with_name(f".{file.name}.part")
    write = _write_csv if file.suffix == ".csv" else _write_parquet
    try:
        with for_reading(engine).connect() as connection:
            count = write(part, TABLES[name], _batches(connection, TABLES[name]))
        os.replace(part, file)
    except OSError as error:
        raise ExportError(
            f"{file}: {error.strerror}; accepted: a folder that exists and can be written"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """Return the rows by their key; lists and objects as JSON text."""
    query = sa.select(table).order_by(*table.primary_key)
    streamed = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
    for rows in streamed.partitions():
        yield [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]


def _plain(value: Any) -> Any:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else value


def _write_csv(file: Path, table: sa.Table, batches: Iterator[list[dict[str, Any]]]) -> int:
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(table.c.keys())
        for rows in batches:
            writer.writerows([_cell(value) for value in row.values()] for row in rows)
            count += len(rows)
    return count


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula: a comment is anybody's text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_parquet(file: Path, table: sa.Table, batches: Iterator[list[dict[str, Any]]]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ExportError(
            "Parquet: pyarrow is not installed; install it: pip install 'vibnode[parquet]', or write a .csv file"
        ) from None
    types = {
        sa.BigInteger: pa.int64(),
        sa.Integer: pa.int64(),
        sa.Boolean: pa.bool_(),
        sa.LargeBinary: pa.binary(),
    }
    fields = [
        (column.name, next((t for kind, t in types.items() if isinstance(column.type, kind)), pa.string()))
        for column in table.c
    ]
    schema, count = pa.schema(fields), 0
    with parquet.ParquetWriter(file, schema) as writer:
        for rows in batches:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count
