"""The page in Debian's Chromium: fixtures for tests that drive it. Import those that a test module needs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lab.rigs.dashboard import DEADLINE_S, Mosquitto, Vibdash

SILENT_AFTER_S = 3600
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")

expect.set_options(timeout=DEADLINE_S * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        yield browser
        browser.close()


@pytest.fixture
def vibdash(broker: Mosquitto, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Vibdash]:
    """The dashboard on a new database; indirectly parametrised, what counts as silence in seconds."""
    silent_after_s = getattr(request, "param", SILENT_AFTER_S)
    running = Vibdash(
        broker, f"sqlite:///{tmp_path}/x.db", tmp_path / "vibdash.log", silent_after_s=silent_after_s
    )
    yield running
    running.stop()


@pytest.fixture
def page(browser: Browser, vibdash: Vibdash) -> Iterator[Page]:
    """The fleet page, open. No script may fail on it, and nothing may be asked of another host."""
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    page = context.new_page()
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(vibdash.url)
    expect(page.locator(".summary")).to_be_visible()
    yield page
    context.close()
    assert not faults
    assert asked_for
    assert [url for url in asked_for if not url.startswith((vibdash.url, "data:"))] == []


def row(page: Page, device: str = "motor-1") -> str:
    """The selector of a sensor's row."""
    return f".sensor-row[data-device={device}]"
