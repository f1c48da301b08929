"""The course of a sensor as Chromium draws it: the path of the line, for every range and interval of statuses."""

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from dashboard_browser import browser
from playwright.sync_api import Browser, Page, expect
from vibdash.database.opening import open_database
from vibdash.database.retention import ROWS_AT_ONCE, Retention, thin_once
from vibdash.database.schema import status_history
from vibdash.ingest.store import Received, Store
from vibdash.page.history_charts import LINE
from vibdash.page.sensor_page import RANGES

from lab.rigs.dashboard import Vibdash, eventually, status_message
from lab.rigs.databases import new_database

__all__ = ["browser"]  # a fixture

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# From and to which age nothing was heard.
SHORT = (20 * MINUTE_MS, 30 * MINUTE_MS)
NIGHT = (10 * HOUR_MS, 14 * HOUR_MS)
DAY = (5 * DAY_MS, 6 * DAY_MS)
DAYS = (15 * DAY_MS, 18 * DAY_MS)
MONTH = (200 * DAY_MS, 240 * DAY_MS)
HOLES = (SHORT, NIGHT, DAY, DAYS, MONTH)
# Which of them the line shows. Missing are those shorter than the sensor's promise, or than a point of the chart.
OFTEN = {
    "1 hour": (SHORT,),
    "24 hours": (SHORT, NIGHT),
    "7 days": (NIGHT, DAY),
    "30 days": (NIGHT, DAY, DAYS),
    "1 year": (DAY, DAYS, MONTH),
}
SELDOM = OFTEN | {"1 hour": (), "24 hours": (NIGHT,)}
HOURLY = {name: holes for name, holes in SELDOM.items() if name != "1 hour"}  # one status makes no line
Hole = tuple[int, int]
Piece = list[float]  # where its points are, in pixels from the left


def fill(engine: sa.Engine, interval_s: int, raw_days: int, now_ms: int) -> None:
    """Put in a year of statuses: older than `raw_days` as thinning left them, the others to be thinned after a day."""
    interval_ms = interval_s * 1000
    hourly_ms = max(interval_ms, HOUR_MS)
    recent = range(interval_ms, raw_days * DAY_MS, interval_ms)
    thinned = range(recent[-1] + hourly_ms, 365 * DAY_MS, hourly_ms)
    row = {"site": "demo", "device": "motor-1", "boot": 1, "state": "online", "why": "periodic"}
    row |= {"score": 100, "velocity_um_s": 900}
    rows = []
    for age_ms in (*recent, *thinned):
        if not any(start < age_ms < end for start, end in HOLES):
            resumed = any(age_ms <= start < age_ms + HOUR_MS for start, _ in HOLES)
            quiet_ms = interval_ms if age_ms >= recent[-1] and not resumed else None
            times = {"received_at_ms": now_ms - age_ms, "said_at_ms": now_ms - age_ms}
            rows.append(row | times | {"quiet_ms": quiet_ms})
    with engine.begin() as connection:
        connection.execute(status_history.insert(), rows)
    while thin_once(engine, Retention(1, 1825), now_ms) == ROWS_AT_ONCE:
        pass


@pytest.fixture
def page(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of a sensor with a year behind it; parametrised with its interval, and the days not thinned yet."""
    interval_s, raw_days = request.param
    url, now_ms = new_database("sqlite", tmp_path), time.time_ns() // 1_000_000
    engine = open_database(url)
    fill(engine, interval_s, raw_days, now_ms)
    said = status_message(time=now_ms // 1000, uptime_ms=40 * DAY_MS, interval_s=interval_s, score=100)
    Store(engine).take([Received("vibnode/v1/demo/motor-1/status", json.dumps(said).encode(), now_ms)])
    engine.dispose()
    running = Vibdash(None, url, tmp_path / "log")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{running.url}/sensor/demo/motor-1")
    yield page
    context.close()
    running.stop()


def pieces(page: Page, chart: str) -> list[Piece]:
    """Return the pieces of the line that is drawn; none while the line is not."""
    drawn = page.get_by_role("img", name=chart).locator(f"svg path[stroke='{LINE}'][fill='none']")
    paths = drawn.evaluate_all("found => found.map(one => one.getAttribute('d'))")
    moves = re.findall(r"M([^M]+)", " ".join(paths))
    return [[float(x) for x in re.findall(r"(-?[\d.]+)[ ,]-?[\d.]+", move)] for move in moves]


def covers(page: Page, chart: str, holes: tuple[Hole, ...], span_ms: int) -> bool:
    """Return whether the line goes over the whole span, but for the holes, to 5 % of its width: an hour of a day."""
    found = sorted((one for one in pieces(page, chart) if len(one) > 1), key=lambda one: one[0])
    if not found:
        return False
    left, right = found[0][0], found[-1][-1]
    edges = [(x - left) / (right - left) for one in found for x in (one[0], one[-1])]
    wanted = [
        0.0,
        *(1 - age_ms / span_ms for hole in sorted(holes, reverse=True) for age_ms in reversed(hole)),
        1.0,
    ]
    near = len(edges) == len(wanted) and all(
        abs(edge - one) < 0.05 for edge, one in zip(edges, wanted, strict=True)
    )
    return near and right - left > 300


@pytest.mark.parametrize(
    ("page", "shown"),
    [((10, 2), OFTEN), ((60, 12), OFTEN), ((600, 60), SELDOM), ((3600, 365), HOURLY)],
    indirect=["page"],
)
def test_every_range_draws_its_line_with_the_holes_that_were(
    page: Page, shown: dict[str, tuple[Hole, ...]]
) -> None:
    expect(page.get_by_role("img", name="over time").locator("svg")).to_have_count(2)
    for name in RANGES:
        page.get_by_role("button", name=name).click()
        for chart in ("Distance from healthy", "Vibration velocity"):
            if name in shown:
                is_drawn = partial(covers, page, chart, shown[name], RANGES[name])
                eventually(is_drawn, f"{chart} over {name}, as it is", within_s=15)
            else:
                panel = page.get_by_role("img", name=chart)
                expect(panel.locator(f"svg path[fill='{LINE}']")).to_have_count(1)  # a dot
