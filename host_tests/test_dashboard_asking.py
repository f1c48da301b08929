"""Commands in a real browser: an engineer asks a sensor, and the answer becomes a picture."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from commanded_device import CommandedDevice
from dashboard_browser import browser, page, row, vibdash
from playwright.sync_api import Page, expect
from vibdash.access.accounts import Accounts, Role
from vibdash.commands.keys import CommandKeys
from vibdash.database.opening import open_database
from vibdash.database.schema import command, journal, machine
from vibdash.protocol.messages import Sensor
from vibdash.read.replies import NO_ANSWER_AFTER_MS

from lab.rigs.dashboard import Mosquitto, Vibdash, eventually

__all__ = ["browser", "page", "vibdash"]  # fixtures


@pytest.fixture
def engine(vibdash: Vibdash, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/x.db")
    yield engine
    engine.dispose()


@pytest.fixture
def device(broker: Mosquitto, engine: sa.Engine) -> Iterator[CommandedDevice]:
    sensor = CommandedDevice(broker, "motor-1", CommandKeys(engine).make(Sensor("demo", "motor-1"), 0))
    sensor.status(interval_s=3600, warning=353, alarm=609, baseline=30)
    yield sensor
    sensor.leave()


def open_sensor(page: Page) -> None:
    page.locator(f"{row(page)} .name a").click()
    expect(page.locator("[data-cmd=report]")).to_be_enabled()


def ask(page: Page, cmd: str) -> None:
    page.locator(f"[data-cmd={cmd}]").click()


NEWEST = ".asked >> nth=0"


def test_an_engineer_asks_and_the_answers_are_drawn(
    page: Page, device: CommandedDevice, engine: sa.Engine
) -> None:
    device.alert(1)
    open_sensor(page)
    ask(page, "report")
    expect(page.locator(NEWEST)).to_contain_text("answered")
    expect(page.locator(".commands .facts")).to_contain_text("81,000")
    expect(page.locator(".alert-detail .spectrum svg")).to_be_visible()
    ask(page, "baseline")
    expect(page.locator(NEWEST)).to_contain_text(re.compile("Read baseline.*answered", re.DOTALL))
    page.reload()
    expect(page.locator(".alert-detail")).to_contain_text("the sensor's healthy baseline, read")
    ask(page, "snapshot")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".snapshot svg")).to_be_visible()
    expect(page.locator(".waterfall canvas").first).to_be_visible()
    ask(page, "learn")
    page.get_by_role("button", name="It is well").click()  # its alert is up
    page.get_by_label("Windows").fill("900")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("accepted: a whole number from 1 to 500")).to_be_visible()
    assert [one["cmd"] for one in device.heard] == ["report", "baseline", "snapshot"]
    with engine.connect() as connection:
        notes = connection.scalars(sa.select(journal.c.note).where(journal.c.action == "command")).all()
    assert notes == ["demo/motor-1 report", "demo/motor-1 baseline", "demo/motor-1 snapshot frames=4096"]


def test_what_a_sensor_answers_is_text_and_never_markup(page: Page, device: CommandedDevice) -> None:
    device.reset = "<img src=x onerror=document.title='owned'>"
    open_sensor(page)
    ask(page, "report")
    expect(page.locator(".commands .facts")).to_contain_text(device.reset)
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Vibnode"


def test_thresholds_are_asked_for_in_the_pages_own_terms(page: Page, device: CommandedDevice) -> None:
    open_sensor(page)
    ask(page, "thresholds")
    page.get_by_label("Warning at").fill("4")
    page.get_by_label("Velocity warning").fill("2.8")
    page.get_by_label("Velocity alarm").fill("4.5")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(NEWEST)).to_contain_text("answered")
    (heard,) = device.heard
    assert (heard["warning"], heard["velocity_limits_mm_s"]) == (512, [2.8, 4.5])


def test_a_sensor_that_does_not_answer_is_said(
    page: Page, device: CommandedDevice, engine: sa.Engine
) -> None:
    device.answers = False
    open_sensor(page)
    ask(page, "reboot")
    page.get_by_role("button", name="Cancel").click()
    ask(page, "report")
    eventually(lambda: device.heard, "the sensor hears it")
    with engine.begin() as connection:  # its time has passed
        connection.execute(command.update().values(sent_at_ms=command.c.sent_at_ms - NO_ANSWER_AFTER_MS))
    expect(page.locator(NEWEST)).to_contain_text("no answer")
    assert [one["cmd"] for one in device.heard] == ["report"]


def test_a_fault_is_learnt_only_by_who_insists_and_a_repair_is_written_down(
    page: Page, device: CommandedDevice, engine: sa.Engine
) -> None:
    device.alert(1)
    device.status(interval_s=3600, warning=353, alarm=609, baseline=30, active=["anomaly"])
    open_sensor(page)
    ask(page, "learn")
    expect(page.get_by_text("learnt now, the fault would be usual from then on")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    ask(page, "learn")
    page.get_by_role("button", name="It is well").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(NEWEST)).to_contain_text(re.compile("Learn baseline.*answered", re.DOTALL))
    ask(page, "restore")
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(NEWEST)).to_contain_text(re.compile("last baseline back.*answered", re.DOTALL))
    ask(page, "repaired")
    page.get_by_label("What was done").fill("<b>new bearing</b>")
    page.get_by_role("button", name="Repaired").last.click()
    expect(page.locator(".machine-form .journal")).to_contain_text("<b>new bearing</b>")
    expect(page.locator(".machine-form .journal")).to_contain_text("Repaired, done")
    heard = [{key: one[key] for key in one if key not in ("id", "n")} for one in device.heard]
    assert heard == [
        {"cmd": "learn", "windows": 30, "force": True},
        {"cmd": "restore"},
        {"cmd": "repaired", "windows": 30},
    ]


def test_commands_are_for_engineers_and_for_sensors_that_can_hear(
    page: Page, device: CommandedDevice, engine: sa.Engine
) -> None:
    open_sensor(page)
    device.vanish()
    expect(page.locator("[data-cmd=report]")).to_be_disabled()
    expect(page.locator(".commands")).to_contain_text("it would not hear a command")
    Accounts(engine).add("otto", Role.OPERATOR, "correct horse", 0)
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    page.locator(f"{row(page)} .name a").click()
    expect(page.locator(".commands")).to_contain_text("Commands need the role engineer")
    expect(page.locator("[data-cmd]")).to_have_count(0)


def test_the_machine_an_engineer_enters_gives_zones_and_marks(
    page: Page, device: CommandedDevice, engine: sa.Engine
) -> None:
    device.alert(1)
    open_sensor(page)
    for label, value in (("Shaft, rpm", "1800"), ("rolling elements", "8"), ("Their diameter", "7.12")):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("pitch_mm is missing")).to_be_visible()
    page.get_by_label("Pitch diameter").fill("30")
    page.get_by_label("Class").click()
    page.get_by_text("ISO 20816-3 group 2 (15 to 300 kW), rigid").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".machine-form")).to_contain_text("outer race 91.5 Hz")
    page.reload()
    expect(page.locator(".alert-detail .spectrum svg")).to_contain_text("outer race")
    expect(page.get_by_role("img", name="velocity over time").locator("svg")).to_contain_text("zone C")
    expect(page.locator(".about")).to_contain_text("0.81 mm/s, zone A")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(machine.c.changed_by)) == "local"


def test_keys_never_reach_the_browser(page: Page, device: CommandedDevice, engine: sa.Engine) -> None:
    key = CommandKeys(engine).make(Sensor("demo", "motor-1"), 1)
    seen: list[bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: seen.append(_bytes(frame))))
    page.on("response", lambda response: seen.append(response.body() if response.ok else b""))
    page.reload()
    open_sensor(page)
    ask(page, "report")
    eventually(lambda: any(b"Report" in one for one in seen), "the page is drawn")
    assert not any(key.hex().encode() in one or key in one for one in seen)


def _bytes(frame: object) -> bytes:
    return frame if isinstance(frame, bytes) else str(frame).encode()
