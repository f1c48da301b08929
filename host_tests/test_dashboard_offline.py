"""What becomes of a page, and of what was typed into it, when the network or the server goes away."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from dashboard_browser import browser
from playwright.sync_api import Browser, Page, expect
from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import open_database

from lab.rigs.dashboard import Device, Mosquitto, Vibdash
from lab.rigs.relay import Relay

__all__ = ["browser"]  # a fixture

# Longer than NiceGUI waits for a page by itself, 3 s, and than the socket's own tries; the page waits for 120 s.
CUT_MS = 20_000
DRAFTS = "Object.keys(sessionStorage).filter((name) => name.startsWith('vibnode draft'))"
TEXT = "bearing ordered, arrives on Tuesday"


def begin_comment(page: Page) -> None:
    """Tick the alert and begin a comment on it; mark the page, so that a page loaded anew is told from it."""
    expect(page.locator(".item[data-state=new]")).to_have_count(1)
    page.locator(".item .q-checkbox").click()
    expect(page.locator(".actions")).to_contain_text("1 ticked")
    page.get_by_role("textbox", name="Comment").fill(TEXT)
    page.evaluate("window.theSamePage = true")


def test_a_page_outlives_a_network_that_is_gone_for_a_while(
    browser: Browser, broker: Mosquitto, device: Device, tmp_path: Path
) -> None:
    running = Vibdash(broker, f"sqlite:///{tmp_path}/x.db", tmp_path / "log")
    relay = Relay(int(urlsplit(running.url).port or 0))
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{relay.port}")
    device.status()
    device.alert(1)
    begin_comment(page)
    relay.cut()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    device.alert(2, cause="velocity", score=9000, threshold=7100)
    page.wait_for_timeout(CUT_MS)
    relay.mend()
    expect(page.get_by_text("Connection lost")).to_be_hidden()
    expect(page.locator(".item[data-state=new]")).to_have_count(2)  # what came meanwhile is there
    assert page.evaluate("window.theSamePage")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(TEXT)
    expect(page.locator(".actions")).to_contain_text("1 ticked")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".journal .note")).to_have_text(TEXT)
    page.close()
    running.stop()


def test_a_comment_that_was_begun_outlives_the_server(
    browser: Browser, broker: Mosquitto, device: Device, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    running = Vibdash(broker, url, tmp_path / "log")
    page = browser.new_page()
    page.goto(running.url)
    device.status()
    device.alert(1)
    begin_comment(page)
    page.wait_for_function(f"{DRAFTS}.length > 0")
    running.stop()
    again = Vibdash(broker, url, tmp_path / "log", arguments=("--port", str(urlsplit(running.url).port)))
    page.wait_for_function("window.theSamePage === undefined")
    comment = page.get_by_role("textbox", name="Comment")
    expect(comment).to_have_value(TEXT)
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".journal .note")).to_have_text(TEXT)
    expect(comment).to_have_value("")
    page.wait_for_function(f"{DRAFTS}.length === 0")
    page.reload()
    expect(page.locator(".journal .note")).to_have_text(TEXT)
    expect(comment).to_have_value("")
    page.close()
    again.stop()


def test_a_page_whose_user_is_gone_while_it_was_offline_goes_to_the_login_form(
    browser: Browser, broker: Mosquitto, device: Device, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    accounts = Accounts(open_database(url))
    accounts.add("ada", Role.OPERATOR, "correct horse", 0)
    running = Vibdash(broker, url, tmp_path / "log")
    relay = Relay(int(urlsplit(running.url).port or 0))
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{relay.port}")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".summary")).to_be_visible()
    relay.cut()
    accounts.remove("ada", 0)
    expect(page.get_by_text("Connection lost")).to_be_visible()
    relay.mend()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page).to_have_url(re.compile("/login"))
    page.close()
    running.stop()
