"""A large fleet on the page: which sensors are listed, in which order, and how one gets to the others."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from dashboard_browser import browser, page, row, vibdash
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page, expect
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.page.fleet_order import ORDERS, Listing
from vibdash.read.fleet import FleetReader
from vibdash.read.sensors import SensorView

from lab.rigs.dashboard import Mosquitto, Vibdash, alert_message, eventually, status_message

__all__ = ["browser", "page", "vibdash"]  # fixtures

NOW_MS = 1_760_000_000_000


@pytest.fixture(scope="module")
def sensors(tmp_path_factory: pytest.TempPathFactory) -> tuple[SensorView, ...]:
    """pump-1 has an alarm, pump-2 is offline, pump-3 has a warning, pump-10 is well, pump-11 is stuck."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('fleet')}/x.db")
    store = Store(engine)
    store.note_link("test", "mqtt://broker", True, "", NOW_MS)

    def say(device: str, kind: str, message: dict[str, Any]) -> None:
        store.take([Received(f"vibnode/v1/demo/{device}/{kind}", json.dumps(message).encode(), NOW_MS)])

    for number, changes in ((1, {"score": 700}), (2, {}), (3, {"score": 300}), (10, {"score": -50})):
        say(f"pump-{number}", "status", status_message(time=NOW_MS // 1000 - number, **changes))
    say(
        "pump-11",
        "status",
        status_message(instrument="stuck", score=None, machine="unknown", time=NOW_MS // 1000),
    )
    say("pump-2", "status", {"v": 1, "state": "offline", "why": "will", "boot": 3})
    say("pump-1", "alert", alert_message(1, time=NOW_MS // 1000 - 1))
    say("pump-3", "alert", alert_message(1, level="warning", time=NOW_MS // 1000 - 3))
    found: tuple[SensorView, ...] = FleetReader(engine, silent_after_ms=60_000).fleet(NOW_MS).sensors
    engine.dispose()
    return found


def names(listing: Listing, sensors: tuple[SensorView, ...]) -> list[str]:
    return [one.device.removeprefix("pump-") for one in listing.of(sensors)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("machine", ["1", "3", "2", "11", "10"]),
        ("sensor", ["1", "2", "3", "10", "11"]),
        ("instrument", ["2", "11", "1", "3", "10"]),
        ("score", ["1", "3", "10", "2", "11"]),  # who is not heard, or not judged, has no score
        ("heard", ["10", "3", "2", "1", "11"]),
    ],
)
def test_sensors_are_listed_in_the_order_asked_for(
    sensors: tuple[SensorView, ...], order: str, expected: list[str]
) -> None:
    assert names(Listing(order=order), sensors) == expected
    backwards = names(Listing(order=order, backwards=True), sensors)
    assert sorted(backwards) == sorted(expected)
    assert backwards[0] != expected[0]


def test_every_order_lists_every_sensor(sensors: tuple[SensorView, ...]) -> None:
    for order in ORDERS:
        for backwards in (False, True):
            assert len(Listing(order=order, backwards=backwards).of(sensors)) == len(sensors)


def test_sensors_are_found_by_words_and_by_group(sensors: tuple[SensorView, ...]) -> None:
    assert names(Listing(words=("demo", "pump-1")), sensors) == ["1", "11", "10"]
    assert names(Listing(group="unheard"), sensors) == ["2"]
    assert names(Listing(group="good"), sensors) == ["10"]
    assert names(Listing(words=("nobody",)), sensors) == []
    offline = tuple(dataclasses.replace(one, model_name=None) for one in sensors)
    assert len(names(Listing(words=("pump",)), offline)) == 5


@pytest.fixture
def fleet(broker: Mosquitto, vibdash: Vibdash, tmp_path: Path) -> None:
    """120 sensors, of which pump-77 and pump-78 have an alarm each."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for number in range(120):
        topic = f"vibnode/v1/demo/pump-{number}"
        client.publish(f"{topic}/status", json.dumps(status_message(score=number)), qos=1)
        if number in (77, 78):
            client.publish(f"{topic}/alert", json.dumps(alert_message(1)), qos=1)
    eventually(lambda: len(vibdash.alerts()) == 2, "all is stored")
    client.disconnect()
    client.loop_stop()


@pytest.mark.usefixtures("fleet")
def test_a_large_fleet_is_paged_sorted_and_searched(page: Page) -> None:
    expect(page.locator(".sensor-row:visible")).to_have_count(50)
    expect(page.locator(".pager")).to_contain_text("1 to 50 of 120")
    expect(page.locator(".sensor-row .name a").first).to_have_text("pump-77")  # the worst first
    page.get_by_label("Next page").click()
    page.get_by_label("Next page").click()
    expect(page.locator(".pager")).to_contain_text("101 to 120 of 120")
    expect(page.locator(".sensor-row:visible")).to_have_count(20)
    page.locator("[data-order=score]").click()
    expect(page.locator(".sensor-row .name a").first).to_have_text("pump-119")
    page.locator("[data-order=score]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sensor-row .name a").first).to_have_text("pump-0")
    expect(page.locator("[aria-sort=descending]")).to_contain_text("From healthy")
    page.get_by_label("Search sensors").fill("pump-11")
    expect(page.locator(".sensor-row:visible")).to_have_count(11)
    page.get_by_label("Search sensors").fill("")
    page.locator(".tile.alarm").click()
    expect(page.locator(".sensor-row:visible")).to_have_count(2)
    page.locator(f"{row(page, 'pump-78')} .name a").click()
    expect(page).to_have_url(re.compile("/sensor/demo/pump-78$"))


@pytest.mark.usefixtures("fleet")
def test_all_that_are_listed_are_acknowledged_at_once(page: Page) -> None:
    expect(page.locator(".item[data-state=new]")).to_have_count(2)
    page.keyboard.press("t")
    expect(page.locator(".actions")).to_contain_text("2 ticked")
    page.keyboard.press("a")
    expect(page.locator(".item[data-state=acknowledged]")).to_have_count(2)
    expect(page.locator(".actions")).to_contain_text("for the open one")
