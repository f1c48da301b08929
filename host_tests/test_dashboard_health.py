"""What anybody may ask for, and so must cost next to nothing."""

import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from vibdash.database.opening import open_database
from vibdash.database.schema import work
from vibdash.ingest.store import Store
from vibdash.read.fleet import FleetReader
from vibdash.read.history import HistoryReader
from vibdash.read.occurrences import OccurrenceReader
from vibdash.web.api import make_router

from lab.rigs.databases import new_database

OF_SENSORS = ("device", "boot", "alert", "cause", "occurrence", "status_history", "quarantine")


def test_health_looks_at_no_table_that_grows_with_sensors(tmp_path: Path) -> None:
    engine = open_database(new_database("sqlite", tmp_path))
    Store(engine).note_link("test", "mqtt://broker", True, "", time.time_ns() // 1_000_000)
    asked: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    app = FastAPI()
    reader = FleetReader(engine, silent_after_ms=60_000)
    app.include_router(make_router(reader, OccurrenceReader(engine), HistoryReader(engine)))
    asked.clear()
    answer = TestClient(app).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    words = " ".join(asked).replace(".", " ").replace(",", " ").split()
    assert {"ingest_link", "work"} <= set(words)
    assert not set(OF_SENSORS) & set(words)
    row = {"process": "ingest", "name": "retention", "failing": True, "failures": 3}
    told = row | {"last_failure": "disk full", "said_at_ms": time.time_ns() // 1_000_000}
    with engine.begin() as connection:
        connection.execute(work.insert(), told)
    answer = TestClient(app).get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False})  # why is for who may know
    answer = TestClient(app).get("/api/v1/health")
    told = {"database": "readable", "broker": "connected"}
    assert answer.json() == {
        "ok": False,
        **told,
        "failing": ["retention (ingest), failed 3 times: disk full"],
    }
    assert answer.status_code == 503
    engine.dispose()
