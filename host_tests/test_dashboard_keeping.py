"""What is kept for how long, and how it is taken out: retention, export, metrics."""

import csv
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pyarrow import parquet
from vibdash.database.export import TABLES, export_table
from vibdash.database.opening import open_database
from vibdash.database.retention import DAY_MS, HOUR_MS, ROWS_AT_ONCE, Retention, thin_once
from vibdash.database.schema import status_history
from vibdash.database.taken_out import FORMATS, ExportError
from vibdash.ingest.store import Received, Store
from vibdash.read.fleet import FleetReader
from vibdash.read.occurrences import OccurrenceReader
from vibdash.read.operating import Operations
from vibdash.web.metrics import Metrics

from lab.rigs.dashboard import alert_message, run_vibdash, status_message
from lab.rigs.databases import KINDS, empty_database, new_database, rows

NOW_MS = 1_760_000_000_000
MINUTE_MS = 60_000


@pytest.fixture(params=KINDS)
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    opened = open_database(new_database(request.param, tmp_path))
    yield opened
    opened.dispose()


def take(engine: sa.Engine, kind: str, message: dict[str, Any], device: str = "motor-1") -> None:
    Store(engine).take([Received(f"vibnode/v1/demo/{device}/{kind}", json.dumps(message).encode(), NOW_MS)])


def fill(engine: sa.Engine, days_ago: float, minutes: int, device: str = "motor-1") -> None:
    """Put in one status a minute, beginning at a whole hour; the scores repeat 0 to 9."""
    start_ms = int(NOW_MS - days_ago * DAY_MS) // HOUR_MS * HOUR_MS
    row = {"site": "demo", "device": device, "boot": 1, "state": "online", "why": "periodic"}
    at = [start_ms + n * MINUTE_MS for n in range(minutes)]
    rows = [row | {"received_at_ms": ms, "said_at_ms": ms, "score": n % 10} for n, ms in enumerate(at)]
    with engine.begin() as connection:
        connection.execute(status_history.insert(), rows)


def scores(engine: sa.Engine, device: str = "motor-1") -> list[int]:
    told = status_history.c
    with engine.connect() as connection:
        return list(
            connection.scalars(sa.select(told.score).where(told.device == device).order_by(told.said_at_ms))
        )


def thin(engine: sa.Engine, **days: int) -> int:
    return thin_once(engine, Retention(**({"thin_after_days": 30, "delete_after_days": 365} | days)), NOW_MS)


def test_of_old_hours_the_highest_score_of_each_sensor_stays(engine: sa.Engine) -> None:
    fill(engine, 40, 180)
    fill(engine, 40, 60, "motor-2")
    fill(engine, 29, 60)
    assert thin(engine) == 180 - 3 + 60 - 1
    assert scores(engine)[:3] == [9, 9, 9]
    assert len(scores(engine)) == 3 + 60
    assert scores(engine, "motor-2") == [9]
    assert thin(engine) == 0


def test_what_is_too_old_is_deleted(engine: sa.Engine) -> None:
    fill(engine, 400, 120)
    fill(engine, 364, 60)
    while thin(engine):
        pass
    assert scores(engine) == [9]


def test_only_so_much_is_deleted_at_once_and_only_what_became_due_is_looked_at_again(
    engine: sa.Engine,
) -> None:
    fill(engine, 60, ROWS_AT_ONCE + 100)
    assert thin(engine) == ROWS_AT_ONCE
    assert 0 < thin(engine) < ROWS_AT_ONCE
    fill(engine, 60, 60, "late")
    fill(engine, 30.5, 60, "due")
    looked_at_ms = NOW_MS - DAY_MS
    assert thin_once(engine, Retention(30, 365), NOW_MS, looked_at_ms) == 59
    assert len(scores(engine, "late")) == 60


def test_a_silence_outlives_the_statuses_around_it_that_are_thinned(engine: sa.Engine) -> None:
    fill(engine, 40, 240)
    told, silent_from_ms = status_history.c, NOW_MS // HOUR_MS * HOUR_MS - 40 * DAY_MS + 70 * MINUTE_MS
    silent = told.said_at_ms.between(silent_from_ms, silent_from_ms + 19 * MINUTE_MS)
    with engine.begin() as connection:
        connection.execute(status_history.delete().where(silent))
    while thin(engine):
        pass
    with engine.connect() as connection:
        left = list(connection.scalars(sa.select(told.quiet_ms).order_by(told.said_at_ms)))
    assert left == [MINUTE_MS, 21 * MINUTE_MS, MINUTE_MS, MINUTE_MS]


# Taking out


def test_tables_are_written_to_csv_and_parquet(engine: sa.Engine, tmp_path: Path) -> None:
    take(engine, "alert", alert_message(1, **{"class": "=cmd()"}))
    take(engine, "alert", alert_message(2, event="clear"))
    as_csv, as_parquet = tmp_path / "alerts.csv", tmp_path / "alerts.parquet"
    assert export_table(engine, "alert", as_csv) == 2
    with as_csv.open(encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["device"], first["seq"], second["event"]) == ("motor-1", "1", "clear")
    assert first["class_name"] == "'=cmd()"  # no spreadsheet runs it
    assert json.loads(first["features"])[0] == ["x.band11", 3840, 3120]
    assert export_table(engine, "alert", as_parquet) == 2
    rows = parquet.read_table(as_parquet).to_pylist()
    assert [(row["seq"], row["event"], row["replay"]) for row in rows] == [
        (1, "raise", False),
        (2, "clear", False),
    ]
    assert rows[0]["class_name"] == "=cmd()"
    assert sorted(
        path.name for path in tmp_path.iterdir() if "alerts." in path.name and ".db" not in path.name
    ) == [
        "alerts.csv",
        "alerts.parquet",
    ]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_taken_out_both_ways(engine: sa.Engine, tmp_path: Path, name: str) -> None:
    for ending in FORMATS:
        assert export_table(engine, name, tmp_path / f"empty{ending}") == 0
    assert parquet.read_table(tmp_path / "empty.parquet").column_names == TABLES[name].c.keys()


@pytest.mark.parametrize(
    ("table", "name", "needed"),
    [
        ("account", "x.csv", "accepted: one of"),
        ("alert", "x.xls", "ends in"),
        ("alert", "no/x.csv", "a folder"),
    ],
)
def test_what_cannot_be_taken_out_is_said_and_leaves_nothing(
    tmp_path: Path, table: str, name: str, needed: str
) -> None:
    engine = open_database(new_database("sqlite", tmp_path))
    before = set(tmp_path.iterdir())
    with pytest.raises(ExportError, match=needed):
        export_table(engine, table, tmp_path / name)
    assert set(tmp_path.iterdir()) == before


def test_the_command_exports_and_counts(tmp_path: Path) -> None:
    url = new_database("sqlite", tmp_path)
    take(open_database(url), "status", status_message())
    ended = run_vibdash("export", "status_history", str(tmp_path / "s.csv"), "--db", url)
    assert (ended.returncode, ended.stdout) == (0, f"1 rows in {tmp_path}/s.csv\n")
    assert run_vibdash("export", "account", str(tmp_path / "a.csv"), "--db", url).returncode == 1


# Copying


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_made_while_messages_come_is_whole_and_holds_one_moment(kind: str, tmp_path: Path) -> None:
    url = new_database(kind, tmp_path)
    engine, copied = open_database(url), threading.Event()
    taken = 0
    take(engine, "alert", alert_message(1))

    def go_on() -> None:
        nonlocal taken
        while not copied.is_set():
            taken += 1
            take(engine, "alert", alert_message(1 + taken))

    writing = threading.Thread(target=go_on)
    writing.start()
    file = tmp_path / "copy"
    try:
        ended = run_vibdash("backup", str(file), "--db", url)
    finally:
        copied.set()
        writing.join()
    assert (ended.returncode, ended.stdout) == (0, f"the database is copied to {file}\n")
    seqs = [seq for (seq,) in rows(restored(kind, file, tmp_path), "SELECT seq FROM alert ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert 1 <= len(seqs) <= 1 + taken
    engine.dispose()


def restored(kind: str, file: Path, folder: Path) -> str:
    """Return the URL of a database with what is in a copy."""
    if kind == "sqlite":
        return f"sqlite:///{file}"
    url = empty_database(kind, folder)
    program = shutil.which("pg_restore")
    assert program
    subprocess.run([program, "--no-owner", "--dbname", url, str(file)], check=True)
    return url


@pytest.mark.parametrize(
    ("db", "file", "needed"),
    [
        ("sqlite:///{}/x.db", "there", "accepted: a new name"),
        ("sqlite:///{}/x.db", "no/copy", "a folder that exists"),
        ("sqlite:///{}/none.db", "copy", "no such database"),
        ("sqlite:///{}/there", "copy", "accepted: a SQLite file"),
        ("postgresql://nobody@/none?host={}", "copy", "postgresql://nobody@/none"),
    ],
)
def test_what_cannot_be_copied_is_said_in_a_line_and_leaves_nothing(
    tmp_path: Path, db: str, file: str, needed: str
) -> None:
    open_database(f"sqlite:///{tmp_path}/x.db").dispose()
    (tmp_path / "there").write_text("no database")
    before = set(tmp_path.iterdir())
    ended = run_vibdash("backup", str(tmp_path / file), "--db", db.format(tmp_path))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert needed in ended.stderr
    assert set(tmp_path.iterdir()) == before


# Metrics


def metrics(engine: sa.Engine, now_ms: int = NOW_MS) -> dict[str, float]:
    text = Metrics().text(
        FleetReader(engine, silent_after_ms=60_000).fleet(now_ms), OccurrenceReader(engine).all(now_ms)
    )
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line[0] != "#"
    }


def test_metrics_tell_the_present_and_never_an_old_score(engine: sa.Engine) -> None:
    Store(engine).note_link("test", "mqtt://broker", True, "", NOW_MS)
    take(engine, "status", status_message(time=NOW_MS // 1000, score=512, bytes_sampled=5000, bytes_sent=50))
    take(engine, "alert", alert_message(1))
    take(engine, "alert", alert_message(2, cause="velocity", level="warning"))
    (first, _) = OccurrenceReader(engine).all(NOW_MS)
    Operations(engine).acknowledge([first.id], "ada", NOW_MS)
    labels = '{site="demo",device="motor-1"}'
    told = metrics(engine)
    assert told[f"vibnode_score_octaves{labels}"] == 2
    assert told[f"vibnode_machine_level{labels}"] == 2
    assert told[f"vibnode_bytes_sampled_total{labels}"] == 5000
    assert (told['vibnode_alerts{state="new"}'], told['vibnode_alerts{state="acknowledged"}']) == (1, 1)
    assert told["vibnode_broker_connected"] == 1
    Store(engine).note_link("test", "mqtt://broker", True, "", NOW_MS + HOUR_MS)
    told = metrics(engine, NOW_MS + HOUR_MS)
    assert told[f"vibnode_sensor_online{labels}"] == 0
    assert f"vibnode_score_octaves{labels}" not in told
