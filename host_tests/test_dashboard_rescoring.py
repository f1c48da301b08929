"""What other models say of stored feature vectors: the SQL functions are the core's own answers."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import vib
from numpy.typing import NDArray
from pyarrow import parquet
from vibdash.database.opening import open_database
from vibdash.read.feature_import import ImportFailure, import_features, rows_of_parquet, rows_of_trace
from vibdash.read.rescoring import ScoreError, ScoringModel, ask

from lab.rigs.dashboard import run_vibdash
from lab.rigs.databases import KINDS, new_database, rows
from lab.rigs.small_model import small_model_binary, small_windows

START_S = 1_760_000_000
FEATURES = np.concatenate([one.features for one in small_windows(per_recording=5)])
TABLE = "feature_vectors"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two model packages of one configuration: their model.bin in a folder each."""
    made = {}
    for name, kind in (("a", "mahalanobis"), ("b", "isolation-forest")):
        folder = tmp_path_factory.mktemp("models") / name
        folder.mkdir()
        (folder / "model.bin").write_bytes(small_model_binary(kind=kind))
        made[name] = folder
    return made


def models(packages: dict[str, Path]) -> list[ScoringModel]:
    return [ScoringModel.from_package(f"{name}={folder}") for name, folder in packages.items()]


def write_trace(file: Path, model: vib.Model, features: NDArray[np.int16]) -> None:
    """A trace as the firmware writes it: of each window its features, score and class."""
    judged = np.column_stack([features, vib.score(model, features), vib.classify(model, features)])
    judged.astype("<i2").tofile(file)


@pytest.fixture(params=KINDS)
def database(tmp_path: Path, request: pytest.FixtureRequest, packages: dict[str, Path]) -> Iterator[str]:
    """A database with the windows of `FEATURES` as a trace of motor-1."""
    url = new_database(request.param, tmp_path)
    model = models(packages)[0]
    write_trace(tmp_path / "motor-1.trace", model.model, FEATURES)
    engine = open_database(url)
    taken = rows_of_trace(
        tmp_path / "motor-1.trace", model, site="demo", device="motor-1", boot=1, start_s=START_S
    )
    assert import_features(engine, taken) == (len(FEATURES), len(FEATURES))
    engine.dispose()
    yield url


def answer(url: str, packages: dict[str, Path], question: str) -> list[tuple[object, ...]]:
    return list(ask(url, models(packages), question)[1])


def test_scores_and_classes_in_sql_are_those_of_the_core(database: str, packages: dict[str, Path]) -> None:
    found = answer(
        database,
        packages,
        f"SELECT score, vib_score('a', features), vib_score('b', features), vib_class('b', features),"
        f" vib_outside('a', features) FROM {TABLE} ORDER BY uptime_ms",
    )
    a, b = (one.model for one in models(packages))
    named = vib.classify(b, FEATURES) * (vib.score(b, FEATURES) >= b.meta()["warning"])
    classes = [b.meta()["classes"][index] for index in named]
    expected = zip(
        *(
            vib.score(a, FEATURES),
            vib.score(a, FEATURES),
            vib.score(b, FEATURES),
            classes,
            vib.outside(a, FEATURES),
        ),
        strict=True,
    )
    assert found == [tuple(row) for row in expected]


def test_a_baseline_learnt_in_sql_is_the_median_and_changes_the_scores(
    database: str, packages: dict[str, Path]
) -> None:
    question = f"""
        WITH healthy AS (SELECT device, vib_baseline(features) AS baseline FROM
            (SELECT * FROM {TABLE} ORDER BY uptime_ms LIMIT 5) GROUP BY device)
        SELECT baseline, vib_score('a', features, baseline) FROM {TABLE} JOIN healthy USING (device)
        ORDER BY uptime_ms"""
    found = answer(database, packages, question)
    median = np.median(FEATURES[:5], axis=0).astype(np.int16)
    assert found[0][0] == median.tobytes()
    assert [score for _, score in found] == list(vib.score(models(packages)[0].model, FEATURES, median))


def test_what_a_new_model_would_have_alerted_on(database: str, packages: dict[str, Path]) -> None:
    healthy = f"(SELECT vib_baseline(features) FROM {TABLE} WHERE uptime_ms <= 60)"  # the first five windows
    question = f"SELECT count(*) FROM {TABLE} WHERE vib_score('a', features, {healthy}) >= vib_warning('a')"
    model, median = models(packages)[0], np.median(FEATURES[:5], axis=0).astype(np.int16)
    over = vib.score(model.model, FEATURES, median) >= model.meta["warning"]
    assert 0 < over.sum() < len(FEATURES)
    assert answer(database, packages, question) == [(over.sum(),)]
    question = f"SELECT vib_class('a', features, {healthy}) FROM {TABLE} ORDER BY uptime_ms"
    classes = [str(model.meta["classes"][k]) for k in vib.classify(model.model, FEATURES, median) * over]
    assert answer(database, packages, question) == [(name,) for name in classes]
    assert {"healthy"} < set(classes)


@pytest.mark.parametrize(
    ("question", "needed"),
    [
        ("SELECT vib_score('c', x'00')", "model 'c' is not given; accepted: one of a, b"),
        ("SELECT vib_score('a', x'0102')", "a vector of 2 bytes; accepted: "),
        ("SELECT vib_score('a', 7)", "a vector of a int"),
        ("SELECT vib_baseline(x) FROM (SELECT x'01' AS x UNION SELECT x'0102')", "different lengths"),
        ("SELEC 1", "syntax error"),
        ("DELETE FROM feature_vectors", "readonly database"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_the_reason(
    tmp_path: Path, packages: dict[str, Path], question: str, needed: str
) -> None:
    with pytest.raises(ScoreError, match=r"^question: ") as refused:
        answer(new_database("sqlite", tmp_path), packages, question)
    assert needed in str(refused.value)


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"VIBMnot")
    for text in (str(tmp_path), f"x={tmp_path}/none"):
        with pytest.raises(ScoreError) as refused:
            ScoringModel.from_package(text)
        assert str(refused.value).startswith(f"--model {text}: ")


def test_vectors_come_from_parquet_once_however_often(
    database: str, packages: dict[str, Path], tmp_path: Path
) -> None:
    names = ("site", "device", "boot", "uptime_ms", "time", "features", "model")
    as_lists = [
        ["demo", "motor-2", 1, 10 * n, START_S + n, row.tolist(), "d"] for n, row in enumerate(FEATURES)
    ]
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in as_lists])
    parquet.write_table(table, tmp_path / "f.parquet")
    engine = open_database(database)
    assert import_features(engine, rows_of_parquet(tmp_path / "f.parquet")) == (len(FEATURES), len(FEATURES))
    assert import_features(engine, rows_of_parquet(tmp_path / "f.parquet")) == (len(FEATURES), 0)
    engine.dispose()
    found = rows(database, f"SELECT features FROM {TABLE} WHERE device = 'motor-2' ORDER BY uptime_ms")
    assert [bytes(packed) for (packed,) in found] == [row.tobytes() for row in FEATURES]
    parquet.write_table(table.drop_columns(["model"]), tmp_path / "g.parquet")
    with pytest.raises(ImportFailure, match="column model is missing"):
        list(rows_of_parquet(tmp_path / "g.parquet"))


def test_the_commands_import_a_trace_and_answer_as_csv(tmp_path: Path, packages: dict[str, Path]) -> None:
    trace, db = tmp_path / "fan-3.trace", f"sqlite:///{tmp_path}/x.db"
    model = models(packages)[0]
    write_trace(trace, model.model, FEATURES)
    ended = run_vibdash(
        *(
            "import-features",
            str(trace),
            "--db",
            db,
            "--model",
            str(packages["a"]),
            "--start",
            "2025-10-09T08:53:20",
        )
    )
    assert (ended.returncode, ended.stdout) == (
        0,
        f"{len(FEATURES)} vectors read, {len(FEATURES)} of them new\n",
    )
    question = f"SELECT device, time, vib_score('new', features) AS score FROM {TABLE} ORDER BY uptime_ms"
    ended = run_vibdash("score", "--db", db, "--model", f"new={packages['b']}", question)
    answered = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert [int(row["score"]) for row in answered] == list(vib.score(models(packages)[1].model, FEATURES))
    assert (answered[0]["device"], int(answered[0]["time"])) == ("fan-3", START_S)
    trace.write_bytes(trace.read_bytes()[:-2])
    ended = run_vibdash("import-features", str(trace), "--db", db, "--model", str(packages["a"]))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "accepted: whole windows" in ended.stderr
