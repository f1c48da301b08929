"""Feature vectors from elsewhere into the database: a device's trace, or a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from vibdash.database.opening import be_the_only_writer
from vibdash.database.schema import feature_vectors
from vibdash.database.upsert import insert
from vibdash.errors import OneLineError
from vibdash.read.rescoring import ScoringModel

ROWS_AT_ONCE = 1000
COLUMNS = ("site", "device", "boot", "uptime_ms", "time", "features", "model")
KEY = ["site", "device", "boot", "uptime_ms"]


class ImportFailure(OneLineError):
    """A file cannot be taken in; the text is one line for the user."""


def rows_of_trace(
    file: Path, model: ScoringModel, *, site: str, device: str, boot: int, start_s: int
) -> Iterator[dict[str, Any]]:
    """Return a row for each window of a trace, which the firmware writes with --trace: features, score, class.

    `start_s`: when its first window began, seconds UTC. A window is dated at its end. Raises ImportFailure.
    """
    config = model.model.config()
    width = model.n_features + 2
    try:
        values = np.fromfile(file, "<i2")
    except OSError as error:
        raise ImportFailure(f"{file}: {error.strerror}") from None
    if not len(values) or len(values) % width:
        raise ImportFailure(
            f"{file}: {len(values)} values; accepted: whole windows of {width} of the model {model.name}"
        )
    for number, window in enumerate(values.reshape(-1, width)):
        uptime_ms = (config["window"] + number * config["hop"]) * 1_000_000 // config["rate_millihz"]
        yield {
            **{"site": site, "device": device, "boot": boot, "uptime_ms": uptime_ms},
            **{"time": start_s + uptime_ms // 1000, "features": window[:-2].tobytes()},
            **{"score": int(window[-2]), "model": str(model.meta["digest"])},
        }


def rows_of_parquet(file: Path) -> Iterator[dict[str, Any]]:
    """Return the rows of a Parquet file with `COLUMNS` and maybe `score`. Raises ImportFailure."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ImportFailure(
            "Parquet: pyarrow is not installed; install it: pip install 'vibnode[parquet]'"
        ) from None
    try:
        opened = parquet.ParquetFile(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise ImportFailure(f"{file}: {str(error).splitlines()[0]}; accepted: a Parquet file") from None
    missing = [name for name in COLUMNS if name not in opened.schema_arrow.names]
    if missing:
        raise ImportFailure(f"{file}: column {missing[0]} is missing; accepted: {', '.join(COLUMNS)}")
    for batch in opened.iter_batches(ROWS_AT_ONCE):
        for row in batch.to_pylist():
            features = row["features"]
            packed = features if isinstance(features, bytes) else np.asarray(features, "<i2").tobytes()
            yield {**{name: row[name] for name in COLUMNS}, "features": packed, "score": row.get("score")}


def import_features(engine: sa.Engine, rows: Iterable[dict[str, Any]]) -> tuple[int, int]:
    """Store rows, all or none; return how many there were and how many were new. Raises ImportFailure."""
    count, iterator = 0, iter(rows)
    statement = insert(engine.dialect.name, feature_vectors).on_conflict_do_nothing(index_elements=KEY)
    held = sa.select(sa.func.count()).select_from(feature_vectors)
    try:
        with engine.begin() as connection:
            be_the_only_writer(connection)
            before = connection.scalar(held) or 0
            while some := list(islice(iterator, ROWS_AT_ONCE)):
                count += len(some)
                connection.execute(statement, some)
            return count, (connection.scalar(held) or 0) - before
    except sa.exc.StatementError as error:
        raise ImportFailure(f"the rows do not fit: {str(error.orig).splitlines()[0]}") from None
