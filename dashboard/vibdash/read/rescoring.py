"""Stored feature vectors judged by any model, as functions of SQL over the very core that the devices run.

    vib_score(MODEL, features [, baseline])     the score; without a baseline, against the model's own centre
    vib_class(MODEL, features [, baseline])     the class, healthy under the warning threshold; null for no classifier
    vib_outside(MODEL, features)                1 where the machine ran outside what the model was trained on
    vib_warning(MODEL), vib_alarm(MODEL)        the scores from which the model warns and alarms
    vib_baseline(features)                      aggregate: the baseline that a device learns from these vectors

A question runs on the SQLite file, read only; of PostgreSQL's tables a copy is made in memory.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import vib
from sqlalchemy.pool import StaticPool
from vibnode.baseline import Learner

from vibdash.database.opening import for_reading, open_database
from vibdash.database.schema import alert, device, feature_vectors, machine, metadata, occurrence
from vibdash.errors import OneLineError

COPIED = (feature_vectors, alert, occurrence, device, machine)
ROWS_AT_ONCE = 5000


class ScoreError(OneLineError):
    """A model or a question cannot be used; the text is one line for the user."""


class ScoringModel:
    """A model under the name by which SQL asks for it."""

    def __init__(self, name: str, model: vib.Model) -> None:
        self.name = name
        self.model = model
        self.meta = model.meta()
        self.n_features = vib.Core(model.config()).n_features

    @classmethod
    def from_package(cls, text: str) -> ScoringModel:
        """Read a model from PACKAGE or NAME=PACKAGE, a folder that vibtrain made. Raises ScoreError."""
        name, separator, folder = text.partition("=")
        package = Path(folder if separator else text)
        file = package / "model.bin" if package.is_dir() else package
        try:
            model = vib.Model(file.read_bytes())
        except OSError as error:
            raise ScoreError(f"--model {text}: {file}: {error.strerror}; accepted: a model package") from None
        except ValueError as error:
            raise ScoreError(f"--model {text}: {file}: {error}") from None
        return cls(name if separator else str(model.meta()["name"]), model)

    def features(self, value: object) -> array[int]:
        """Return a stored vector, checked against what the model takes."""
        if not isinstance(value, bytes) or len(value) != 2 * self.n_features:
            held = f"{len(value)} bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"
            raise ScoreError(f"{self.name}: a vector of {held}; accepted: {2 * self.n_features} bytes")
        return array("h", value)


class _Functions:
    """The functions, and why the last one failed: SQLite itself only says that one did."""

    def __init__(self, models: Mapping[str, ScoringModel]) -> None:
        self._models = models
        self.failure: str | None = None

    def register(self, connection: sqlite3.Connection) -> None:
        by_arguments: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
            "vib_score": (self._score, (2, 3)),
            "vib_class": (self._class, (2, 3)),
            "vib_outside": (self._outside, (2,)),
            "vib_warning": (lambda name: self._of(name).meta["warning"], (1,)),
            "vib_alarm": (lambda name: self._of(name).meta["alarm"], (1,)),
        }
        for name, (function, counts) in by_arguments.items():
            for count in counts:
                connection.create_function(name, count, self._explained(function), deterministic=True)
        outer = self

        class Baseline(_Baseline):
            def step(self, value: object, /) -> None:
                outer._explained(super().step)(value)

        aggregate: Any = Baseline  # typeshed knows aggregates of integers only
        connection.create_aggregate("vib_baseline", 1, aggregate)

    def _of(self, name: object) -> ScoringModel:
        if not isinstance(name, str) or name not in self._models:
            raise ScoreError(f"model {name!r} is not given; accepted: one of {', '.join(self._models)}")
        return self._models[name]

    def _score(self, name: str, value: object, baseline: object = None) -> int | None:
        if value is None:
            return None
        of = self._of(name)
        score: int = of.model.score(of.features(value), None if baseline is None else of.features(baseline))
        return score

    def _outside(self, name: str, value: object) -> int | None:
        of = self._of(name)
        return None if value is None else int(of.model.outside(of.features(value)))

    def _class(self, name: str, value: object, baseline: object = None) -> str | None:
        of = self._of(name)
        if value is None or not of.meta["classes"]:
            return None
        given = of.features(value), None if baseline is None else of.features(baseline)
        index = of.model.classify(*given) if of.model.score(*given) >= of.meta["warning"] else 0
        return str(of.meta["classes"][index])

    def _explained(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            try:
                return function(*arguments)
            except ScoreError as error:
                self.failure = str(error)
                raise

        return call


class _Baseline:
    """The median of each feature, by the code that learns it on the device."""

    def __init__(self) -> None:
        self._vectors: list[bytes] = []

    def step(self, value: object, /) -> None:
        if value is None:
            return
        if not isinstance(value, bytes) or (self._vectors and len(value) != len(self._vectors[0])):
            raise ScoreError("vib_baseline: vectors of different lengths; accepted: those of one model")
        self._vectors.append(value)

    def finalize(self) -> bytes | None:
        if not self._vectors:
            return None
        learner = Learner(len(self._vectors), len(self._vectors[0]) // 2)
        for vector in self._vectors:
            learner.add(array("h", vector))
        median: bytes = learner.baseline().median.tobytes()
        return median


def ask(
    url: str, models: Sequence[ScoringModel], question: str
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Return the names of the columns and the rows that answer a question. Raises ScoreError, DatabaseError."""
    functions = _Functions({one.name: one for one in models})
    connection = _open(url)
    functions.register(connection)
    try:
        cursor = connection.execute(question)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ScoreError(f"question: {functions.failure or error}") from None
    if cursor.description is None:
        raise ScoreError("question: gives no rows; accepted: a SELECT")

    def rows() -> Iterator[tuple[Any, ...]]:
        try:
            yield from cursor
        except sqlite3.Error as error:
            raise ScoreError(f"question: {functions.failure or error}") from None

    return [column[0] for column in cursor.description], rows()


def _open(url: str) -> sqlite3.Connection:
    engine = open_database(url)
    if engine.dialect.name == "sqlite":
        assert engine.url.database
        file = Path(engine.url.database).absolute()
        engine.dispose()
        return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    copy = sa.create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
    metadata.create_all(copy, tables=COPIED)
    with for_reading(engine).connect() as source, copy.begin() as target:
        for table in COPIED:
            streamed = source.execution_options(yield_per=ROWS_AT_ONCE).execute(sa.select(table))
            for rows in streamed.partitions():
                target.execute(table.insert(), [dict(row._mapping) for row in rows])
    engine.dispose()
    return memory
