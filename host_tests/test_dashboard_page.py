"""The page in a real browser: what an operator sees when something happens."""

import re
import sqlite3
import time
from pathlib import Path

import pytest
from dashboard_browser import SILENT_AFTER_S, browser, page, row, vibdash
from playwright.sync_api import Page, expect
from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import open_database

from lab.rigs.dashboard import Device, Mosquitto, Vibdash

__all__ = ["browser", "page", "vibdash"]  # fixtures


def test_an_alert_appears_by_itself_and_is_explained(page: Page, device: Device) -> None:
    expect(page.get_by_text("No sensor has been heard yet")).to_be_visible()
    expect(page.get_by_text("No alerts yet")).to_be_visible()
    device.status()
    expect(page.locator(f"{row(page)} .machine.good .word")).to_have_text("Running")
    expect(page.locator(".tile.good .count")).to_have_text("1")
    device.alert(1, level="warning", time=1_760_000_000)
    expect(page.locator(f"{row(page)} .machine.warning .word")).to_have_text("Warning")
    device.alert(2, event="escalate", level="alarm")
    expect(page.locator(f"{row(page)} .machine.alarm .word")).to_have_text("Alarm")
    expect(page.locator(f"{row(page)} .instrument .word")).to_have_text("Working")
    expect(page.locator(".item .lines:not(.when) .word")).to_have_text(["Alarm, new"])
    detail = page.locator(".alert-detail")
    expect(detail).to_contain_text("Unusual vibration, looks like outer-race")
    expect(detail).to_contain_text("X axis, 445 Hz to 629 Hz")
    expect(detail).to_contain_text("7.0\N{MULTIPLICATION SIGN}")
    expect(detail.locator(".spectrum svg path[fill='#d1602c']")).to_have_count(1)
    expect(detail).to_contain_text("Raised 2025-10-09 14:38")  # 08:53 UTC is that in Kathmandu
    device.alert(3, event="clear", level="alarm")
    expect(page.locator(f"{row(page)} .machine .word")).to_have_text("Running")
    expect(page.locator(".item .lines:not(.when) .word")).to_have_text(["Alarm, returned"])


def test_what_was_not_sent_is_shown(page: Page, device: Device) -> None:
    device.status(bytes_sampled=36_000_000, bytes_sent=9_000)
    expect(page.locator(".unsent")).to_contain_text("4,000 : 1")
    expect(page.locator(".unsent")).to_contain_text("36.0 MB sampled, 9.0 kB sent")


def test_an_offline_sensor_is_grey_says_since_when_and_is_not_healthy(page: Page, device: Device) -> None:
    device.status()
    expect(page.locator(".tile.good .count")).to_have_text("1")
    device.vanish()
    grey = page.locator(f"{row(page)}.unheard")
    expect(grey.locator(".instrument .word")).to_have_text("Offline")
    expect(grey.locator(".instrument .detail")).to_contain_text("since ")
    expect(grey.locator(".machine .word")).to_have_text("Not known")
    expect(page.locator(".good.state")).to_have_count(0)
    expect(page.locator(".tile.good .count")).to_have_text("0")
    expect(page.locator(".tile.unheard .count")).to_have_text("1")


@pytest.mark.parametrize("vibdash", [2], indirect=True)
def test_a_sensor_turns_grey_by_silence_alone(page: Page, device: Device) -> None:
    device.status()
    expect(page.locator(f"{row(page)}.unheard .instrument .word")).to_have_text("Silent")
    expect(page.locator(f"{row(page)}.unheard .machine .word")).to_have_text("Not known")


def test_a_silent_sensor_that_is_heard_again_is_no_longer_grey(page: Page, device: Device) -> None:
    device.status(time=int(time.time()) - 2 * SILENT_AFTER_S)  # it waited in the broker
    expect(page.locator(f"{row(page)}.unheard .instrument .word")).to_have_text("Silent")
    device.status()
    expect(page.locator(f"{row(page)}:not(.unheard) .machine .word")).to_have_text("Running")


def test_a_lost_broker_is_said_and_greys_everything(page: Page, device: Device, broker: Mosquitto) -> None:
    device.status()
    expect(page.locator(f"{row(page)} .machine .word")).to_have_text("Running")
    broker.stop()
    expect(page.locator(".banner")).to_contain_text("Nothing is received since")
    expect(page.locator(f"{row(page)}.unheard .machine .word")).to_have_text("Not known")


def test_a_database_that_cannot_be_read_greys_everything(
    page: Page, device: Device, tmp_path: Path, vibdash: Vibdash
) -> None:
    device.status()
    expect(page.locator(f"{row(page)} .machine .word")).to_have_text("Running")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("ALTER TABLE device RENAME TO gone")
    expect(page.locator(".banner")).to_contain_text("the database cannot be read")
    expect(page.locator(f"{row(page)}.unheard .machine .word")).to_have_text("Not known")
    expect(page.locator(".tile.good .count")).to_have_text("0")


def test_a_page_whose_server_is_gone_is_grey(page: Page, device: Device, vibdash: Vibdash) -> None:
    device.status()
    expect(page.locator(f"{row(page)} .machine .word")).to_have_text("Running")
    vibdash.stop()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    expect(page.locator(".fleet-view")).to_have_css("filter", "grayscale(1)")


def test_what_a_sensor_sends_is_text_and_never_markup(page: Page, device: Device) -> None:
    evil = "<img src=x onerror=document.title='owned'>"[:48]
    device.status(model={"name": evil, "digest": "9f2c11aa"})
    device.alert(1, **{"class": evil}, features=[["x.<b>bold</b>", 500, 100]])
    expect(page.locator(f"{row(page)} .name .detail")).to_have_text(f"model {evil}")
    expect(page.locator(".alert-detail")).to_contain_text(evil)
    expect(page.locator(".alert-detail")).to_contain_text("<b>bold</b>")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Vibnode"


def test_the_page_fits_a_phone(page: Page, device: Device) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    device.status()
    device.alert(1)
    expect(page.locator(".alert-detail .spectrum svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_alerts_are_acknowledged_shelved_and_commented(page: Page, device: Device, vibdash: Vibdash) -> None:
    device.alert(1, level="warning")
    device.alert(2, cause="velocity", score=9000, threshold=7100, level="warning")
    expect(page.locator(".item[data-state=new]")).to_have_count(2)
    page.locator(".item .q-checkbox").nth(0).click()
    page.locator(".item .q-checkbox").nth(1).click()
    expect(page.locator(".actions")).to_contain_text("2 ticked")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.locator(".item[data-state=acknowledged]")).to_have_count(2)
    expect(page.locator(".alert-detail")).to_contain_text("by local")
    page.get_by_role("button", name="Shelve", exact=True).click()
    page.get_by_text("8 hours").click()
    expect(page.locator(".item:visible")).to_have_count(1)
    page.locator("[data-filter=shelved]").click()
    expect(page.locator(".item:visible")).to_have_attribute("data-state", "shelved")
    page.locator(".item:visible").click()
    page.get_by_role("textbox", name="Comment").fill("<b>ordered</b>\nnew bearing")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".journal .note")).to_have_text("<b>ordered</b>\nnew bearing")
    states = {one["cause"]: one["state"] for one in vibdash.get("/api/v1/inbox")["occurrences"]}
    assert sorted(states.values()) == ["acknowledged", "shelved"]
    assert len(vibdash.get("/api/v1/inbox?state=shelved")["occurrences"]) == 1


def test_the_inbox_is_worked_by_keys(page: Page, device: Device) -> None:
    for seq, cause in enumerate(("anomaly", "velocity", "instrument:stuck"), 1):
        device.alert(seq, cause=cause, score=None, threshold=None, level="warning")
    expect(page.locator(".item:visible")).to_have_count(3)
    page.keyboard.press("j")
    expect(page.locator(".item").nth(1)).to_have_class(re.compile("chosen"))
    expect(page.locator(".item").nth(1)).to_be_focused()
    page.keyboard.press("a")
    expect(page.locator(".item").nth(1)).to_have_attribute("data-state", "acknowledged")
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Search alerts")).to_be_focused()
    page.keyboard.type("stuck")  # no key of these acts on alerts
    expect(page.locator(".item:visible")).to_have_count(1)
    expect(page.locator(".item:visible .detail").first).to_contain_text("reading is stuck")
    page.get_by_role("textbox", name="Search alerts").fill("")
    expect(page.locator(".item")).to_have_count(3)
    expect(page.locator(".item[data-state=acknowledged]")).to_have_count(1)


def test_what_another_page_does_is_seen_here(page: Page, device: Device, vibdash: Vibdash) -> None:
    device.alert(1)
    expect(page.locator(".item[data-state=new]")).to_have_count(1)
    other = page.context.new_page()
    other.goto(vibdash.url)
    expect(other.locator(".item[data-state=new]")).to_be_visible()
    other.keyboard.press("a")
    expect(page.locator(".item[data-state=acknowledged]")).to_have_count(1)
    expect(page.locator(".journal")).to_contain_text("Acknowledged")


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".summary")).to_be_visible()


def test_each_role_sees_what_it_may_do_and_a_removed_user_is_put_out(
    page: Page, device: Device, tmp_path: Path, vibdash: Vibdash
) -> None:
    expect(page.locator(".viewer")).to_contain_text("No login: no user is defined")
    device.alert(1)
    accounts = Accounts(open_database(f"sqlite:///{tmp_path}/x.db"))
    for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR)):
        accounts.add(name, role, "correct horse", 0)
    expect(page.get_by_label("Password")).to_be_visible()  # the open page is closed to us now
    log_in(page, "vera")
    expect(page.locator(".viewer")).to_contain_text("vera, viewer")
    expect(page.locator(".item[data-state=new]")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge", exact=True)).to_have_count(0)
    page.keyboard.press("a")
    page.get_by_role("button", name="Log out").click()
    log_in(page, "otto")
    expect(page.locator(".item[data-state=new]")).to_be_visible()
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.locator(".journal")).to_contain_text("otto")
    accounts.remove("otto", 0)
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_sensor_has_a_page_with_its_course_and_its_alerts(
    page: Page, device: Device, vibdash: Vibdash
) -> None:
    for uptime_ms in (1000, 2000, 3000):
        device.status(uptime_ms=uptime_ms, score=uptime_ms // 10, bytes_sent=1000, warning=200)
    device.alert(1, level="warning", threshold=200)
    page.locator(f"{row(page)} .name a").click()
    courses = page.get_by_role("img", name="over time").locator("svg")
    expect(courses).to_have_count(2)
    expect(courses.first).to_contain_text("warning")
    expect(page.locator(".about")).to_contain_text("adi-motor, 9f2c11aa")
    expect(page.locator(".item .when .word")).to_have_text(["motor-1"])
    expect(page.locator(".alert-detail .spectrum svg")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.goto(f"{vibdash.url}/sensor/demo/nobody")
    expect(page.get_by_text("No sensor of this name has been heard.")).to_be_visible()
    expect(page.locator(".about")).to_be_hidden()


def test_a_sensor_whose_speed_is_known_shows_it_and_the_score_against_it(page: Page, device: Device) -> None:
    point = {"load_permille": 620, "point_source": "pulse"}
    for uptime_ms, millihz in ((1000, 20_000), (2000, 24_670), (3000, 29_000)):
        device.status(
            uptime_ms=uptime_ms,
            score=uptime_ms // 10,
            warning=200,
            speed_millihz=millihz,
            pulse="missing",
            **point,
        )
    device.alert(1, level="warning", threshold=200, speed_millihz=29_000, **point)
    expect(page.locator(".alert-detail")).to_contain_text("1740 rpm by its probe, 62 % load")
    page.locator(f"{row(page)} .name a").click()
    chart = page.get_by_role("img", name="Distance from healthy against speed").locator("svg")
    expect(chart).to_contain_text("speed, rpm")
    expect(chart).to_contain_text("warning")
    expect(page.locator(".about")).to_contain_text("1740 rpm by its probe, 62 % load")
    expect(page.locator(".about")).to_contain_text("works, pulses are missing")
    learnt = page.get_by_role("img", name="What is learnt over the operating point")
    expect(learnt).to_be_hidden()
    device.status(
        uptime_ms=4000,
        coverage_over="speed",
        coverage=[[20_170, 64], [24_670, 192]],
        speed_millihz=29_000,
        **point,
    )
    expect(page.locator(".about")).to_contain_text("1210 rpm to 1480 rpm, 2 places, 256 windows")
    page.get_by_role("button", name="7 days").click()
    expect(learnt.locator("svg")).to_contain_text("1480 rpm")
