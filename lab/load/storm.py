"""A storm: a thousand sensors, a hundred alerts a second, and a person who watches the page in a browser.

Every second a probe sensor raises an alert whose class names it; the page notes when a text with that name first
stands on it. Both clocks are those of this computer.
"""

from __future__ import annotations

import re
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Page, sync_playwright

from lab.rigs.dashboard import DEADLINE_S, Mosquitto, Vibdash, eventually

from .processes import resident_mb
from .sensors import SITE, Identity, SensorFleet

STATUS_INTERVAL_S = 3600
PROBE_INTERVAL_S = 1.0
WARM_UP = 0.2  # of the storm: what grows until then are caches
BROWSER_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_WATCH = """
const seenAt = JSON.parse(localStorage.seenAt || '{}');  // outlives a page that reloads itself
const note = node => {
    for (const [name] of (node.textContent || '').matchAll(/probe-[0-9]+/g)) seenAt[name] ??= Date.now();
};
new MutationObserver(changes => {
    for (const change of changes) { note(change.target); change.addedNodes.forEach(note); }
    localStorage.seenAt = JSON.stringify(seenAt);
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


@dataclass(frozen=True)
class Storm:
    """What a storm showed. Latencies in ms from a sensor's publish to the text on the page; memory in MB."""

    sent: int
    lost: int
    not_sent: int  # in the database, though no sensor sent it
    unacknowledged: int
    probes: int
    unseen: int
    median_ms: float
    p95_ms: float
    longest_ms: float
    rss_mb: float
    rss_growth_mb: float


def storm(database: str, folder: Path, *, sensors: int, rate_per_s: float, duration_s: float) -> Storm:
    """Run a storm against `vibdash run` on this database."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    vibdash = Vibdash(broker, database, folder / "vibdash.log")
    try:
        fleet = SensorFleet(broker.port, sensors + 1, folder / "sensors")
        with fleet.running(), _watching(vibdash.url) as page:
            eventually(fleet.connected, "every sensor is connected")
            published_ms, sizes_mb = _blow(fleet, vibdash.pid, rate_per_s, duration_s)
            eventually(lambda: not fleet.waiting(), "every alert is acknowledged", 4 * DEADLINE_S)
            seen_ms = _wait_until_seen(page, published_ms)
            return _judge(fleet, stored_alerts(database), published_ms, seen_ms, sizes_mb)
    finally:
        vibdash.stop()
        broker.stop()


def stored_alerts(database: str) -> dict[Identity, str]:
    """Return the alerts in the database with their events."""
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        query = sa.text("SELECT device, boot, seq, event FROM alert WHERE site = :site")
        found = {
            (device, boot, seq): event
            for device, boot, seq, event in connection.execute(query, {"site": SITE})
        }
    engine.dispose()
    return found


@contextmanager
def _watching(url: str) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER_ARGUMENTS))
        page = browser.new_page()
        page.add_init_script(_WATCH)
        page.goto(url)
        page.locator(".summary").wait_for()
        yield page
        browser.close()


def _blow(
    fleet: SensorFleet, pid: int, rate_per_s: float, duration_s: float
) -> tuple[dict[str, float], list[float]]:
    """Raise the alerts; return when each probe was published, and the size of the process, second by second."""
    *others, probe = fleet.sensors
    published_ms: dict[str, float] = {}
    sizes_mb: list[float] = []
    start_s = time.monotonic()
    raised = told = 0
    while (passed_s := time.monotonic() - start_s) < duration_s:
        while raised < passed_s * rate_per_s:
            fleet.alert(others[raised % len(others)])
            raised += 1
        while told < passed_s * len(others) / STATUS_INTERVAL_S:
            fleet.status(others[told % len(others)])
            told += 1
        if passed_s >= len(published_ms) * PROBE_INTERVAL_S:
            name = f"probe-{len(published_ms)}"
            published_ms[name] = time.time() * 1000
            fleet.alert(probe, **{"event": "raise", "level": "alarm", "class": name})
            sizes_mb.append(resident_mb(pid))
        time.sleep(0.005)
    return published_ms, sizes_mb


def _wait_until_seen(page: Page, published_ms: dict[str, float]) -> dict[str, float]:
    """Return when each probe was seen; without those that are not on the page after a generous time."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        seen_ms: dict[str, float] = page.evaluate("JSON.parse(localStorage.seenAt || '{}')")
        if published_ms.keys() <= seen_ms.keys() or time.monotonic() > deadline:
            return seen_ms
        page.wait_for_timeout(100)


def _judge(
    fleet: SensorFleet,
    stored: dict[Identity, str],
    published_ms: dict[str, float],
    seen_ms: dict[str, float],
    sizes_mb: list[float],
) -> Storm:
    took_ms = sorted(seen_ms[name] - at_ms for name, at_ms in published_ms.items() if name in seen_ms)
    assert took_ms, "the page showed none of the probes"
    assert all(re.fullmatch(r"probe-\d+", name) for name in seen_ms)
    warm_mb = sizes_mb[int(len(sizes_mb) * WARM_UP)]
    return Storm(
        sent=len(fleet.sent),
        lost=len(fleet.sent.items() - stored.items()),
        not_sent=len(stored.items() - fleet.sent.items()),
        unacknowledged=fleet.waiting(),
        probes=len(published_ms),
        unseen=len(published_ms) - len(took_ms),
        median_ms=statistics.median(took_ms),
        p95_ms=took_ms[min(len(took_ms) - 1, int(0.95 * len(took_ms)))],
        longest_ms=took_ms[-1],
        rss_mb=sizes_mb[-1],
        rss_growth_mb=sizes_mb[-1] - warm_mb,
    )
