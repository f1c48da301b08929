"""The page in a real browser, where something is wrong: it says so, and nothing is done that nobody meant."""

import os
import signal
import sqlite3
from pathlib import Path

from dashboard_browser import browser, page, row, vibdash
from playwright.sync_api import Page, expect

from lab.rigs.dashboard import Device, Mosquitto, Vibdash
from lab.rigs.databases import change

__all__ = ["browser", "page", "vibdash"]  # fixtures

OPEN = ".alert-detail .title"


def test_a_poisoned_row_is_said_and_an_alarm_after_it_is_seen(
    page: Page, device: Device, tmp_path: Path, vibdash: Vibdash
) -> None:
    device.status()
    device.alert(1, time=0, cause="velocity", score=2**53 - 1, threshold=1)
    expect(page.locator(".item")).to_have_count(1)
    change(f"sqlite:///{tmp_path}/x.db", "UPDATE alert SET level = 'odd'")
    change(f"sqlite:///{tmp_path}/x.db", "UPDATE occurrence SET level = 'odd'")
    device.alert(2)
    expect(page.locator(f"{row(page)} .machine.alarm .word")).to_have_text("Alarm")
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator(".item", has_text="cannot be shown")).to_have_count(1)
    expect(page.locator(".item", has_text="Unusual vibration")).to_have_count(1)
    page.reload()
    expect(page.locator(".item", has_text="Unusual vibration")).to_have_count(1)
    expect(page.locator(".item", has_text="cannot be shown")).to_have_count(1)
    expect(page.locator(".host")).to_contain_text("Receiving")


def test_a_page_that_is_no_longer_updated_says_so_by_the_browsers_clock(
    page: Page, device: Device, vibdash: Vibdash
) -> None:
    device.status()
    expect(page.locator(f"{row(page)} .machine .word")).to_have_text("Running")
    expect(page.locator(".beat[data-readings]")).to_have_count(1)
    os.kill(vibdash.pid, signal.SIGSTOP)  # the connection stands, and nothing comes
    try:
        expect(page.locator(".stale-notice")).to_contain_text("Not up to date", timeout=15_000)
        expect(page.locator(".fleet-view")).to_have_css("filter", "grayscale(1)")
        expect(page.locator(".host")).to_be_hidden()
    finally:
        os.kill(vibdash.pid, signal.SIGCONT)
    expect(page.locator(".stale-notice")).to_have_count(0)
    expect(page.locator(".host")).to_be_visible()


def test_an_action_acts_on_what_was_on_the_screen(page: Page, device: Device, broker: Mosquitto) -> None:
    device.alert(1, level="warning")
    expect(page.locator(OPEN)).to_contain_text("motor-1")
    other = Device(broker, "press-1")
    other.alert(1, cause="velocity", score=9000, threshold=100)
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator(".item").first).to_contain_text("press-1")
    expect(page.locator(OPEN)).to_contain_text("motor-1")  # nobody opened another
    page.keyboard.press("a")
    expect(page.locator(".item[data-state=acknowledged]")).to_contain_text("motor-1")
    expect(page.locator(".item[data-state=new]")).to_contain_text("press-1")
    other.leave()


def test_a_key_that_meant_another_alert_does_nothing(page: Page, device: Device) -> None:
    device.alert(1)
    expect(page.locator(OPEN)).to_be_visible()
    page.evaluate(
        "document.querySelector('.alert-detail').dataset.alert = 999"
    )  # as if it had just been changed
    page.keyboard.press("a")
    expect(page.get_by_text("Not done: the page was changing")).to_be_visible()
    expect(page.locator(".item[data-state=new]")).to_have_count(1)


def test_a_comment_stays_with_the_alert_it_was_begun_on_and_can_be_struck_out(
    page: Page, device: Device, broker: Mosquitto
) -> None:
    device.alert(1, level="warning")
    expect(page.locator(OPEN)).to_contain_text("motor-1")
    comment = page.get_by_role("textbox", name="Comment")
    comment.fill("bearing ordered")
    other = Device(broker, "press-1")
    other.alert(1)
    expect(page.locator(".item")).to_have_count(2)
    page.locator(".item", has_text="press-1").click()
    expect(page.locator(OPEN)).to_contain_text("press-1")
    expect(comment).to_have_value("")
    page.locator(".item", has_text="motor-1").click()
    expect(comment).to_have_value("bearing ordered")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".journal .note")).to_have_text("bearing ordered")
    page.get_by_role("button", name="Strike out").click()
    expect(page.locator(".journal .note.struck")).to_have_text("bearing ordered")
    expect(page.locator(".journal")).to_contain_text("by local")
    expect(page.get_by_role("button", name="Strike out")).to_have_count(0)
    page.locator(".item", has_text="press-1").click()
    expect(page.locator(".journal")).to_contain_text("Nothing yet")
    other.leave()


def test_while_the_database_is_locked_an_action_says_why_it_is_not_done(
    page: Page, device: Device, tmp_path: Path
) -> None:
    device.alert(1)
    expect(page.locator(".item[data-state=new]")).to_have_count(1)
    with sqlite3.connect(tmp_path / "x.db", isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        page.keyboard.press("a")
        expect(page.get_by_text("Not done: database: database is locked")).to_be_visible()
        expect(page.locator(".item[data-state=new]")).to_have_count(1)
        expect(page.locator(".notice.work")).to_contain_text("ingest")
        connection.execute("ROLLBACK")
    expect(page.locator(".notice.work")).to_be_hidden()
    page.keyboard.press("a")
    expect(page.locator(".item[data-state=acknowledged]")).to_have_count(1)
    expect(page.get_by_text("1 acknowledged")).to_be_visible()


def test_chatter_is_one_row_and_a_flood_is_named(page: Page, device: Device) -> None:
    for seq in range(1, 25):
        device.alert(seq, event="raise" if seq % 2 else "clear", level="warning")
    expect(page.locator(".item")).to_have_count(1)
    expect(page.locator(".item .times")).to_contain_text("12 times since")
    expect(page.locator(".notice.flood")).to_contain_text("Alarm flood: 12 alerts were raised")
    page.keyboard.press("a")
    expect(page.get_by_text("12 acknowledged")).to_be_visible()
