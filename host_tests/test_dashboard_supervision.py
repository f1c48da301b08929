"""No work ends unseen: what fails is tried again, counted and said; a process that cannot go on says so."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vibdash import supervision
from vibdash.access.accounts import Accounts, Role
from vibdash.commands.queue import Commander
from vibdash.database.opening import DatabaseError, for_reading, open_database
from vibdash.database.schema import journal
from vibdash.ingest.alerts import store_alerts
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Alert, Sensor
from vibdash.read.occurrences import OccurrenceReader
from vibdash.read.operating import Operations
from vibdash.supervision import MOST_UNFORESEEN, Unavailable, Work

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, Vibdash, alert_message, eventually
from lab.rigs.databases import KINDS, PostgreSQL, new_database, rows

NOW_MS = 1_790_000_000_000


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_RETRY_S", 0.001)


def test_what_fails_is_tried_again_and_counted(at_once: None) -> None:
    fails = iter([Unavailable("gone"), KeyError("odd"), Unavailable("gone")])
    done = threading.Event()

    def do_round() -> float:
        if (error := next(fails, None)) is not None:
            raise error
        done.set()
        return 60.0

    work = Work("test", do_round)
    work.start()
    assert done.wait(DEADLINE_S)
    eventually(lambda: not work.record.failing, "it goes well")
    assert (work.record.failures, work.record.last_failure) == (3, "gone")
    work.stop()


def test_the_wait_grows_and_what_nobody_foresaw_is_not_tried_for_ever(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr("vibdash.supervision.os.kill", lambda _pid, number: ended.set())

    def do_round() -> float:
        raise KeyError("odd")

    work = Work("test", do_round)
    work.start()
    assert ended.wait(DEADLINE_S)
    assert (work.record.failures, work.record.gave_up) == (MOST_UNFORESEEN, True)
    assert supervision.gave_up()
    supervision.RECORDS.remove(work.record)
    waits_s = []
    record = supervision.Record("other")
    for _ in range(40):
        record.note_failure(Unavailable("gone"))
        waits_s.append(record.retry_after_s())
    assert waits_s[0] <= 0.001
    assert waits_s[10] > 0.2
    assert max(waits_s) <= supervision.LONGEST_RETRY_S


BROKEN = """
import sys
from vibdash import supervision
from vibdash.cli.main import main
from vibdash.ingest.session import Ingest
def fail(self):
    raise KeyError("nobody foresaw this")
Ingest._handle_some = fail
supervision.FIRST_RETRY_S = 0.001
sys.argv = ["vibdash", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("command", [["ingest"], ["run", "--port", "0"]], ids=["ingest", "run"])
def test_a_process_that_cannot_go_on_ends_with_a_code(
    broker: Mosquitto, tmp_path: Path, command: list[str]
) -> None:
    database = new_database("sqlite", tmp_path)
    arguments = [*command, "--broker", broker.url, "--db", database]
    ended = subprocess.run(
        [sys.executable, "-c", BROKEN, *arguments], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "ingest cannot go on" in ended.stderr


def failures(vibdash: Vibdash, name: str) -> int:
    works = vibdash.get("/api/v1/fleet")["work"]
    return max((one["failures"] for one in works if one["name"] == name), default=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_the_ingest_goes_on_after_a_restart_of_postgresql(
    broker: Mosquitto, device: Device, tmp_path: Path, number: signal.Signals
) -> None:
    server = PostgreSQL()
    try:
        vibdash = Vibdash(broker, server.new_database(), tmp_path / "vibdash.log")
        device.alert(1)
        device.wait_for_ack(1)
        server.stop(number)
        device.alert(2)
        server.start()
        device.wait_for_ack(2)
        eventually(lambda: failures(vibdash, "ingest") > 0, "the failure is counted")
        eventually(lambda: healthy(vibdash), "all is well again")
        with urllib.request.urlopen(vibdash.url + "/metrics") as answer:
            assert (
                'vibnode_work_failures_total{process="vibdash-all",work="ingest"}' in answer.read().decode()
            )
        assert vibdash.stop() == 0
    finally:
        server.remove()


def healthy(vibdash: Vibdash) -> bool:
    try:
        return bool(vibdash.get("/healthz")["ok"])
    except urllib.error.HTTPError:
        return False


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program writes in the SQLite file, and takes its time."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_the_ingest_goes_on_after_a_lock_of_sqlite(broker: Mosquitto, device: Device, tmp_path: Path) -> None:
    database = new_database("sqlite", tmp_path)
    vibdash = Vibdash(broker, database, tmp_path / "vibdash.log")
    device.alert(1)
    device.wait_for_ack(1)
    with locked(tmp_path / "alerts.db"):
        device.alert(2)
        eventually(lambda: "database is locked" in (tmp_path / "vibdash.log").read_text(), "it is noticed")
    device.wait_for_ack(2)
    eventually(lambda: failures(vibdash, "ingest") > 0, "the failure is counted")
    assert vibdash.stop() == 0


def test_who_looks_waits_for_no_writer_and_who_acts_is_told(tmp_path: Path) -> None:
    engine = open_database(new_database("sqlite", tmp_path))
    accounts = Accounts(engine)
    accounts.add("vera", Role.VIEWER, "correct horse", NOW_MS)
    token = accounts.begin_session("vera", NOW_MS)
    Store(engine).take([Received(Sensor("demo", "motor-1").topic("alert"), _json(alert_message(1)), NOW_MS)])
    with locked(tmp_path / "alerts.db"):
        assert accounts.of_session(token, NOW_MS) is not None
        assert accounts.check("vera", "correct horse") is not None
        assert accounts.exist()
        assert Commander(engine).take_due(NOW_MS) == []
        (one,) = OccurrenceReader(engine).all(NOW_MS)
        with pytest.raises(DatabaseError, match="locked"):
            Operations(engine).acknowledge([one.id], "ada", NOW_MS)
    assert Operations(engine).acknowledge([one.id], "ada", NOW_MS) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_cannot_write(tmp_path: Path, kind: str) -> None:
    engine = open_database(new_database(kind, tmp_path))
    entry = {"at_ms": 0, "author": "a", "action": "b", "note": "c"}
    with pytest.raises(sa.exc.DBAPIError), for_reading(engine).begin() as connection:
        connection.execute(journal.insert(), entry)
    assert rows(str(engine.url.render_as_string(hide_password=False)), "SELECT * FROM journal") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_that_cannot_be_stored_keeps_no_other_out(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_for_two(connection: sa.Connection, arrived: list[tuple[Alert, int]]) -> None:
        if any(one.identity.seq == 2 for one, _ in arrived):
            raise KeyError("nobody foresaw this")
        store_alerts(connection, arrived)

    monkeypatch.setattr("vibdash.ingest.store.store_alerts", fail_for_two)
    engine = open_database(new_database(kind, tmp_path))
    topic = Sensor("demo", "motor-1").topic("alert")
    batch = [Received(topic, _json(alert_message(seq)), NOW_MS) for seq in (1, 2, 3)]
    assert [ack.seq for ack in Store(engine).take(batch)][-1] == 3
    url = engine.url.render_as_string(hide_password=False)
    assert rows(url, "SELECT seq FROM alert ORDER BY seq") == [(1,), (3,)]
    ((reason, seq),) = rows(url, "SELECT reason, seq FROM quarantine")
    assert seq == 2
    assert reason.startswith("cannot be stored: KeyError")


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()
