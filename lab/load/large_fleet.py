"""How the page takes a large fleet: ``python -m lab.load.large_fleet --sensors 1000`` prints milliseconds and MB."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page, sync_playwright
from vibdash.database.opening import open_database
from vibdash.read.fleet import FleetReader

from lab.rigs.dashboard import Mosquitto, Vibdash, alert_message, eventually, status_message
from lab.rigs.databases import rows

from .processes import resident_mb

TIMES = 10


def measure(sensors: int, folder: Path) -> dict[str, float]:
    """Return medians in milliseconds, and the memory of `vibdash run` with a page in MB."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    database = f"sqlite:///{folder}/x.db"
    vibdash = Vibdash(broker, database, folder / "log")
    try:
        _say(broker, sensors)
        eventually(lambda: _stored(database) == sensors, "every sensor is there", 300)
        with sync_playwright() as playwright:
            options = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
            page = browser.new_page()
            loads = [_load(page, vibdash.url)]
            memory_mb = resident_mb(vibdash.pid)  # with one page: those that were left stay for two minutes
            loads += [_load(page, vibdash.url) for _ in range(TIMES - 1)]
            sorts = [_sort(page, ("score", "sensor")[number % 2]) for number in range(TIMES)]
            finds = [_find(page, f"pump-{sensors - 1 - number}") for number in range(TIMES)]
            browser.close()
        reads = _read(database)
    finally:
        vibdash.stop()
        broker.stop()
    found = {"first_rows": loads, "sort": sorts, "search": finds, "read_cpu": reads}
    figures = {f"{name}_ms": round(statistics.median(times), 1) for name, times in found.items()}
    return figures | {"memory_mb": round(memory_mb, 1)}


def _stored(database: str) -> int:
    return int(rows(database, "SELECT count(*) FROM device")[0][0])


def _say(broker: Mosquitto, sensors: int) -> None:
    chance = random.Random(1)
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_queued_messages_set(0)  # no limit
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for number in range(sensors):
        told = status_message(score=chance.randint(-100, 100), interval_s=3600, warning=353, alarm=609)
        topic = f"vibnode/v1/demo/pump-{number}"
        sent = client.publish(f"{topic}/status", json.dumps(told), qos=1)
        if number % 40 == 0:
            client.publish(f"{topic}/alert", json.dumps(alert_message(1)), qos=1)
    sent.wait_for_publish(300)
    client.disconnect()
    client.loop_stop()


def _load(page: Page, url: str) -> float:
    before = time.monotonic()
    page.goto(url)
    page.locator(".sensor-row:visible").nth(49).wait_for()
    return (time.monotonic() - before) * 1000


def _sort(page: Page, order: str) -> float:
    """Click a heading, and wait until it says that the table is sorted by it."""
    before = time.monotonic()
    heading = page.locator(f"[data-order={order}]")
    heading.click()
    page.locator("[role=columnheader]:not([aria-sort=none])").filter(has=heading).wait_for()
    return (time.monotonic() - before) * 1000


def _find(page: Page, name: str) -> float:
    """Type a name, and wait until only that sensor is listed."""
    before = time.monotonic()
    page.get_by_label("Search sensors").fill(name)
    page.locator(f".fleet:not(:has(.sensor-row:visible:not([data-device='{name}'])))").wait_for()
    return (time.monotonic() - before) * 1000


def _read(database: str) -> list[float]:
    """Return the processor time of reading the fleet, as the server does for all pages together."""
    engine = open_database(database)
    reader = FleetReader(engine, silent_after_ms=10**9)
    now_ms = time.time_ns() // 1_000_000
    reader.fleet(now_ms)
    times = []
    for _ in range(TIMES):
        before = time.process_time()
        reader.fleet(now_ms)
        times.append((time.process_time() - before) * 1000)
    engine.dispose()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=1000)
    sensors = parser.parse_args().sensors
    with tempfile.TemporaryDirectory(prefix="vibdash-") as folder:
        for name, value in measure(sensors, Path(folder)).items():
            print(f"{name} {value}")


if __name__ == "__main__":
    main()
