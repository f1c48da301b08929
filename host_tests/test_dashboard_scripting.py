"""Scripts in whatever a sensor, a stranger on the broker or a colleague can write: none runs in the page."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page, expect, sync_playwright

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, Vibdash, eventually

ATTACKS = (
    "<img src=x onerror='owned=1'>",
    "<svg/onload=owned=1>",
    "</div><script>owned=1</script>",
    "\"onmouseover='owned=1' x='",
    "{{constructor.constructor('owned=1')()}}",
    "javascript:owned=1",
    "${owned=1}`-owned=1-`",
)

expect.set_options(timeout=DEADLINE_S * 1000)


@pytest.fixture
def vibdash(broker: Mosquitto, tmp_path: Path) -> Iterator[Vibdash]:
    running = Vibdash(broker, f"sqlite:///{tmp_path}/x.db", tmp_path / "vibdash.log")
    yield running
    running.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


def attack_from_sensors(broker: Mosquitto) -> int:
    """Write every attack into every text field that a sensor has; return how many sensors did."""
    for number, attack in enumerate(ATTACKS):
        sensor = Device(broker, f"motor-{number}")
        fields = {"note": attack, "fw": attack[:32], "model": {"name": attack, "digest": attack}}
        sensor.status(**fields, **{"class": attack})
        named = {"class": attack, "model": attack, "features": [[f"x.{attack}"[:32], 900, 100]]}
        sensor.alert(1, **named)
        sensor.wait_for_ack(1)
        sensor.leave()
    return len(ATTACKS)


def attack_from_the_broker(broker: Mosquitto) -> int:
    """Write every attack into topics, as names of sites, devices and kinds, and into what is no message."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for attack in ATTACKS:
        name = attack.replace("/", "_").replace("+", "_").replace("#", "_")
        for topic in (f"{name}/motor-1/alert", f"demo/{name}/status", f"demo/motor-0/{name}"):
            client.publish(f"vibnode/v1/{topic}", json.dumps({"v": attack}), qos=1).wait_for_publish(
                DEADLINE_S
            )
    client.disconnect()
    client.loop_stop()
    return 3 * len(ATTACKS)


def assert_untouched(page: Page) -> None:
    page.mouse.move(400, 300)
    page.mouse.move(500, 500)
    assert page.evaluate("typeof window.owned") == "undefined"
    assert page.locator("img[src=x], svg[onload], a[href^=javascript], [onmouseover]").count() == 0


def test_no_script_runs_wherever_it_is_written(broker: Mosquitto, vibdash: Vibdash, page: Page) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.goto(vibdash.url)
    expect(page.locator(".summary")).to_be_visible()
    sensors, refused = attack_from_sensors(broker), attack_from_the_broker(broker)
    eventually(lambda: vibdash.get("/api/v1/fleet")["quarantined"] == refused, "all of it is refused")
    expect(page.get_by_text("motor-0").first).to_be_visible()
    expect(page.get_by_text("in quarantine").first).to_be_visible()
    assert len(vibdash.get("/api/v1/fleet")["sensors"]) == sensors
    assert_untouched(page)
    alerts = page.locator(".item")
    for number in range(len(ATTACKS)):
        alerts.nth(number).click()
        page.get_by_role("textbox", name="Comment").fill(ATTACKS[number])
        page.get_by_role("button", name="Add").click()
        expect(page.locator(".journal")).to_contain_text(ATTACKS[number])
        assert_untouched(page)
    for attack in ATTACKS:
        page.get_by_role("textbox", name="Search alerts").fill(attack)
        assert_untouched(page)
    for number in range(sensors):
        page.goto(f"{vibdash.url}/sensor/demo/motor-{number}")
        expect(page.locator(".about")).to_contain_text(ATTACKS[number][:20])
        assert_untouched(page)
    for path in (*(f"/sensor/demo/{quote(attack, safe='')}" for attack in ATTACKS), "/api/"):
        page.goto(vibdash.url + path)
        assert_untouched(page)
    assert not dialogs
