"""Which tables can be taken out, and as what. Light to import: a command line refuses by it."""

from __future__ import annotations

from pathlib import Path

from vibdash.errors import OneLineError

TABLES = ("alert", "occurrence", "journal", "status_history", "feature_vectors", "notification", "quarantine")
FORMATS = (".csv", ".parquet")


class ExportError(OneLineError):
    """The table cannot be taken out; the text is one line for the user."""


def refuse_others(name: str, file: Path) -> None:
    """Raise ExportError for a table or a format that there is not."""
    if name not in TABLES:
        raise ExportError(f"table: {name}; accepted: one of {', '.join(TABLES)}")
    if file.suffix not in FORMATS:
        raise ExportError(f"{file}; accepted: a name that ends in {' or '.join(FORMATS)}")
