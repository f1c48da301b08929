"""Opening the database: what is taken, what is refused, and several processes at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from vibdash.database.opening import DatabaseError, open_database
from vibdash.database.schema import metadata
from vibdash.ingest.store import Received, Store

from lab.rigs.dashboard import alert_message
from lab.rigs.databases import KINDS, change, empty_database, new_database

NOW_MS = 1_760_000_000_000


def test_a_committed_alert_is_written_through_to_the_disk(tmp_path: Path) -> None:
    with open_database(new_database("sqlite", tmp_path)).begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize("content", ["folder", "text", "newer", "other"])
def test_what_is_no_database_of_ours_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.db"
    if content == "folder":
        path.mkdir()
    elif content == "text":
        path.write_text("no database at all " * 100)
    elif content == "newer":
        open_database(f"sqlite:///{path}")
        change(f"sqlite:///{path}", "UPDATE alembic_version SET version_num = '9999'")
    else:
        change(f"sqlite:///{path}", "CREATE TABLE device (name TEXT)")
    with pytest.raises(DatabaseError) as caught:
        open_database(f"sqlite:///{path}")
    assert str(path) in str(caught.value)
    assert "accepted: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_migrations_make_the_tables_that_the_program_uses(tmp_path: Path, kind: str) -> None:
    with open_database(empty_database(kind, tmp_path)).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("kind", KINDS)
def test_processes_that_open_a_new_database_at_once_do_not_get_in_each_others_way(
    tmp_path: Path, kind: str
) -> None:
    url = empty_database(kind, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(open_database, [url] * 4))
    for seq, engine in enumerate(engines, 1):
        message = Received("vibnode/v1/demo/motor-1/alert", json.dumps(alert_message(seq)).encode(), NOW_MS)
        assert [(ack.boot, ack.seq) for ack in Store(engine).take([message])] == [(3, seq)]


@pytest.mark.parametrize("url", ["mysql://me:hush@h/x", "postgresql://me:hush@/x?host=/nowhere", "me:hush@x"])
def test_a_database_out_of_reach_is_said_in_one_line_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="; accepted: ") as caught:
        open_database(url)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)
