"""What the API costs with 10,000 sensors: ``python -m lab.load.many_sensors`` prints milliseconds of processor time."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.read.fleet import FleetReader
from vibdash.read.history import HistoryReader
from vibdash.read.occurrences import OccurrenceReader
from vibdash.web.api import make_router

from lab.rigs.dashboard import alert_message, status_message

SENSORS, TIMES = 10_000, 5
ASKED = {"healthz": "/healthz", "metrics": "/metrics", "fleet_page": "/api/v1/fleet"}


def measure_api(sensors: int, folder: Path) -> dict[str, float]:
    """Return medians of the processor time of a call in milliseconds, the client's share included."""
    engine = open_database(f"sqlite:///{folder}/x.db")
    store = Store(engine)
    _fill(store, sensors)
    app = FastAPI()
    reader = FleetReader(engine, silent_after_ms=10**9)
    app.include_router(make_router(reader, OccurrenceReader(engine), HistoryReader(engine)))
    client = TestClient(app)
    figures = {}
    for name, path in ASKED.items():
        store.note_link("many", "mqtt://broker", True, "", _now_ms())  # no ingest runs, yet its word stands
        figures[f"fleet10k_{name}_cpu_ms"] = _cpu_ms(client, path)
    engine.dispose()
    return figures


def _fill(store: Store, sensors: int) -> None:
    chance, now_ms = random.Random(1), _now_ms()
    batch: list[Received] = []
    for number in range(sensors):
        topic = f"vibnode/v1/demo/pump-{number}"
        told = status_message(score=chance.randint(-100, 100), interval_s=3600, warning=353, alarm=609)
        batch.append(Received(f"{topic}/status", json.dumps(told).encode(), now_ms))
        if number % 40 == 0:
            batch.append(Received(f"{topic}/alert", json.dumps(alert_message(1)).encode(), now_ms))
    for start in range(0, len(batch), 1000):
        store.take(batch[start : start + 1000])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _cpu_ms(client: TestClient, path: str) -> float:
    client.get(path)  # what is kept between readings is kept from here on
    times = []
    for _ in range(TIMES):
        before = time.process_time()
        answer = client.get(path)
        times.append((time.process_time() - before) * 1000)
        assert answer.status_code == 200, answer.text
    return round(statistics.median(times), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=SENSORS)
    sensors = parser.parse_args().sensors
    with tempfile.TemporaryDirectory(prefix="vibdash-") as folder:
        for name, value in measure_api(sensors, Path(folder)).items():
            print(f"{name} {value}")


if __name__ == "__main__":
    main()
