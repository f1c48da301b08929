"""Make the pictures of docs/: the demonstration of a new site, driven as a person would, in Debian's Chromium."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).resolve().parents[1] / "docs"
FAULT_WITHIN_MS = 180_000  # training the model takes some seconds, then the machine is healthy for 20 s
ANSWER_WITHIN_MS = 90_000

expect.set_options(timeout=FAULT_WITHIN_MS)


def vibdash(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "vibdash", *arguments]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="vibdash-"))
    made = subprocess.run(
        vibdash("init", "plant"), cwd=folder, check=True, capture_output=True, text=True, input=""
    )
    password = re.search(r"password (\S+)", made.stdout)
    assert password, made.stdout
    running = subprocess.Popen(
        vibdash("run", "--demo", "--port", "0"), cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        url = running.stdout.readline().removeprefix("page on ").strip()
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            take_all(browser, url, password[1])
            browser.close()
    finally:
        running.send_signal(signal.SIGINT)
        running.wait()
        shutil.rmtree(folder)


def take_all(browser: Browser, url: str, password: str) -> None:
    page = open_page(browser, url, password, 1280, 900)
    page.locator(".sensor-row[data-device=simulated-1] .name a").click()
    expect(page.locator(".sensor-row .machine .word")).to_have_text("Running")
    ask(page, "snapshot", 1)
    page.get_by_role("button", name="This is healthy").click()
    expect(page.locator(".sensor-row .machine .word")).to_have_text("Alarm")
    for count, cmd in enumerate(("baseline", "spectrum", "report", "snapshot"), 2):
        ask(page, cmd, count)
    page.reload()
    expect(page.locator(".alert-detail")).to_contain_text("healthy baseline, read")
    expect(page.locator(".snapshot svg")).to_contain_text("healthy")
    page.evaluate("window.scrollTo(0, 0)")
    picture(page, "sensor-page.png")
    page.goto(url)
    expect(page.locator(".alert-detail .spectrum svg")).to_be_visible()
    page.get_by_role("textbox", name="Comment").fill("Bearing ordered, fitted on Monday")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".journal .note")).to_be_visible()
    picture(page, "page.png")
    expect(page.locator(".sensor-row:has(.machine.warning)")).to_have_count(1)
    page.emulate_media(color_scheme="dark")
    picture(page, "dark.png")
    phone = open_page(browser, url, password, 390, 844)
    expect(phone.locator(".alert-detail .spectrum svg")).to_be_visible()
    phone.screenshot(path=DOCS / "phone.png")


def open_page(browser: Browser, url: str, password: str, width: int, height: int) -> Page:
    """Log in as the first user."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".summary")).to_be_visible()
    return page


def ask(page: Page, cmd: str, count: int) -> None:
    """Ask the sensor something, and wait until so many commands are answered."""
    page.locator(f"[data-cmd={cmd}]").click()
    if cmd == "snapshot":
        page.get_by_role("button", name="Send").click()
    expect(page.locator(".asked.answered")).to_have_count(count, timeout=ANSWER_WITHIN_MS)


def picture(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)  # charts and fonts settle
    page.screenshot(path=DOCS / name, full_page=True)


if __name__ == "__main__":
    main()
