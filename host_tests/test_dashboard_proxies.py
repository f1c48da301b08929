"""The page behind nginx and Caddy, with TLS and below a path: the examples of dashboard/service, in Chromium."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from dashboard_browser import browser, row
from playwright.sync_api import Browser, expect
from test_dashboard_access import NOW_MS, PASSWORD, Site
from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import open_database

from lab.rigs.dashboard import Device, Mosquitto, Vibdash
from lab.rigs.proxies import KINDS, Proxy

__all__ = ["browser"]  # a fixture


@pytest.fixture(params=KINDS)
def proxy(
    broker: Mosquitto, device: Device, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Proxy]:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.OPERATOR, PASSWORD, NOW_MS)
    running = Vibdash(broker, url, tmp_path / "log", arguments=("--proxies", "127.0.0.1"))
    before = Proxy(request.param, urlsplit(running.url).netloc, tmp_path / "proxy")
    yield before
    before.stop()
    running.stop()


def test_all_of_the_page_works_below_a_path_behind_a_proxy(
    browser: Browser, proxy: Proxy, device: Device
) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    page.goto(proxy.url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".summary")).to_be_visible()
    assert page.url == f"{proxy.url}/"
    device.status()
    device.alert(1)
    expect(page.locator(f"{row(page)} .machine.alarm .word")).to_have_text("Alarm")
    page.locator(f"{row(page)} .name a").click()
    expect(page.get_by_role("img", name="over time").locator("svg")).to_have_count(2)
    assert page.url == f"{proxy.url}/sensor/demo/motor-1"
    page.locator("a.brand").click()
    expect(page.locator(".summary")).to_be_visible()
    assert page.url == f"{proxy.url}/"
    cookies = {one["name"]: one for one in context.cookies(proxy.url)}
    assert cookies["vibdash_session"]["secure"]
    assert cookies["vibdash_session"]["path"] == "/vib"
    page.goto(f"{proxy.url}/api/")
    page.get_by_role("link", name="OpenAPI").click()
    assert page.url == f"{proxy.url}/api/v1/openapi.json"
    page.goto(f"{proxy.url}/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()

    assert page.url.startswith(f"{proxy.url}/login")
    assert [one for one in asked_for if not one.startswith((proxy.url, "data:"))] == []
    assert sockets
    assert [one for one in sockets if not one.startswith(f"{proxy.url.replace('https', 'wss')}/")] == []
    assert not faults
    context.close()


def test_a_guesser_behind_a_proxy_cannot_say_to_be_another(proxy: Proxy) -> None:
    def guess(number: int) -> int:
        words = base64.b64encode(b"ada:wrong password").decode()
        headers = {"authorization": f"Basic {words}", "x-forwarded-for": f"198.51.100.{number}"}
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urlopen(Request(f"{proxy.url}/api/v1/fleet", headers=headers), context=context) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert [guess(n) for n in range(6)] == [401] * 5 + [429]


def test_a_path_that_is_set_here_is_taken_whether_the_proxy_passes_it_on_or_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, tmp_path / "log", arguments=("--prefix", "/vib/"))
    site = Site(running.url)
    for path in ("/login", "/vib/login"):
        code, headers, text = site.ask("GET", path, x_forwarded_prefix='/"><script>')
        assert (code, 'action="/vib/login"' in text) == (200, True)
        assert "path=/vib/login" in headers["set-cookie"].lower()
    for path in ("/", "/vib", "/vib/"):
        code, headers, _ = site.ask("GET", path, accept="text/html")
        assert (code, headers["location"]) == (303, "/vib/login?next=/")
    assert site.ask("GET", "/vibration")[0] == 401
    running.stop()
