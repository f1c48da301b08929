"""Who gets in, what each role may do, and what is refused."""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from vibdash.access.accounts import Accounts, Role
from vibdash.access.attempts import (
    FIRST_WAIT_S,
    FORGOTTEN_AFTER_S,
    FREE_FAILURES,
    FREE_OF_ACCOUNT,
    FREE_OF_ADDRESS,
    LONGEST_WAIT_S,
    Attempts,
)
from vibdash.database.opening import open_database

from lab.rigs.dashboard import Vibdash, run_vibdash
from lab.rigs.databases import rows

NOW_MS = 1_760_000_000_000
PASSWORD = "correct horse"


def test_guessing_gets_slower_and_a_right_password_starts_anew() -> None:
    now_s = [0.0]
    attempts = Attempts(lambda: now_s[0])
    for _ in range(FREE_FAILURES):
        assert attempts.wait_s("ada", "here") == 0
        attempts.note_failure("ada", "here")
    assert attempts.wait_s("ada", "here") == FIRST_WAIT_S
    assert attempts.wait_s("ada", "elsewhere") == 0
    assert attempts.wait_s("bob", "here") == 0
    now_s[0] += FIRST_WAIT_S
    assert attempts.wait_s("ada", "here") == 0
    attempts.note_failure("ada", "here")
    assert attempts.wait_s("ada", "here") == 2 * FIRST_WAIT_S
    for _ in range(20):
        attempts.note_failure("ada", "here")
    assert attempts.wait_s("ada", "here") == LONGEST_WAIT_S
    attempts.note_success("ada", "here")
    assert attempts.wait_s("ada", "here") == 0


def test_a_guesser_locks_nobody_out_who_is_known() -> None:
    attempts = Attempts(lambda: 0.0)
    attempts.note_failure("ada", "proxy")
    attempts.note_success("ada", "proxy")
    for n in range(FREE_OF_ADDRESS):
        attempts.note_failure(f"name{n}", "proxy")
    assert attempts.wait_s("bob", "proxy") > 0  # all of the address, for who is not known there
    assert attempts.wait_s("ada", "proxy") == 0
    for _ in range(FREE_FAILURES):
        attempts.note_failure("ada", "proxy")
    assert attempts.wait_s("ada", "proxy") > 0
    assert attempts.wait_s("ada", "proxy", "known browser") == 0


def test_guessers_at_many_addresses_are_slowed_down_together_and_forgotten_in_time() -> None:
    now_s = [0.0]
    attempts = Attempts(lambda: now_s[0])
    for n in range(FREE_OF_ACCOUNT):
        assert attempts.wait_s("ada", f"address {n}") == 0
        attempts.note_failure("ada", f"address {n}")
    assert attempts.wait_s("ada", "a new address") > 0
    assert attempts.wait_s("ada", "a new address", "known browser") == 0
    now_s[0] += FORGOTTEN_AFTER_S + 1
    assert attempts.wait_s("ada", "a new address") == 0


def test_an_own_account_does_not_win_guesses_at_others() -> None:
    attempts = Attempts(lambda: 0.0)
    for n in range(FREE_OF_ADDRESS):
        attempts.note_failure(f"name{n}", "here")
        attempts.note_failure("eve", "here")
        attempts.note_success("eve", "here")
    assert attempts.wait_s("ada", "here") > 0


# The commands


def user(*arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vibdash", "user", *arguments]
    return subprocess.run(command, input=password, capture_output=True, text=True, timeout=60)


def test_users_are_defined_listed_and_removed_on_the_command_line(tmp_path: Path) -> None:
    db = ["--db", f"sqlite:///{tmp_path}/x.db"]
    assert user("add", "ada", "--role", "engineer", *db, password=f"{PASSWORD}\n").returncode == 0
    assert user("list", *db).stdout == "ada\tengineer\n"
    again = user("add", "ada", *db, password=f"{PASSWORD}\n")
    assert (again.returncode, again.stdout) == (1, "")
    assert "defined already" in again.stderr
    assert user("remove", "ada", *db).returncode == 0
    gone = user("remove", "ada", *db)
    assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1)
    assert PASSWORD not in str(rows(db[1], "SELECT note FROM journal"))
    assert [row[0] for row in rows(db[1], "SELECT action FROM journal ORDER BY id")] == [
        "user-add",
        "user-remove",
    ]


def test_an_address_that_others_reach_needs_a_user(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/x.db"
    ended = run_vibdash("page", "--host", "0.0.0.0", "--port", "0", "--db", db)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert "no user is defined" in line
    assert "vibdash user add" in line


# Over HTTP


class Site:
    """A `vibdash page` asked with headers of one's own."""

    def __init__(self, url: str) -> None:
        self.netloc = urlsplit(url).netloc

    def ask(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, answer.headers, text

    def log_in(self, name: str, password: str, **changes: str) -> tuple[int, http.client.HTTPMessage, str]:
        _, headers, text = self.ask("GET", "/login?next=/api/v1/fleet")
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        assert csrf
        cookie = headers["set-cookie"].split(";")[0]
        form = {"name": name, "password": password, "csrf": csrf[1], "next": "/api/v1/fleet"} | changes
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", "/login", urlencode(form), cookie=cookie, content_type=kind)


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("open")
    running = Vibdash(None, f"sqlite:///{folder}/x.db", folder / "log")
    yield Site(running.url)
    running.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("closed")
    url = f"sqlite:///{folder}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, folder / "log")
    yield Site(running.url)
    running.stop()


def test_without_users_only_a_loopback_name_is_answered(open_site: Site) -> None:
    assert open_site.ask("GET", "/api/v1/fleet")[0] == 200
    assert open_site.ask("GET", "/api/v1/fleet", host="evil.example")[0] == 421
    assert open_site.ask("GET", "/api/v1/fleet", host="localhost:1")[0] == 200


SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport="


@pytest.mark.parametrize("path", ["/", "/api/v1/fleet", "/api/v1/inbox", f"{SOCKET}polling"])
def test_with_users_nothing_is_told_without_a_login(site: Site, path: str) -> None:
    code, headers, text = site.ask("GET", path)
    assert code == 401
    assert "sensors" not in text
    code, headers, _ = site.ask("GET", "/", accept="text/html")
    assert (code, headers["location"]) == (303, "/login?next=/")


def websocket(site: Site, **headers: str) -> int:
    handshake = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec_websocket_version": "13",
        "sec_websocket_key": base64.b64encode(os.urandom(16)).decode(),
    }
    return site.ask("GET", f"{SOCKET}websocket", **(handshake | headers))[0]


def test_a_websocket_of_another_origin_or_without_a_login_is_refused(open_site: Site, site: Site) -> None:
    assert websocket(open_site, origin="http://evil.example") == 403
    assert websocket(site, origin=f"http://{site.netloc}") == 403


def test_a_login_gives_a_session_that_scripts_cannot_read(site: Site) -> None:
    code, headers, _ = site.log_in("ada", PASSWORD)
    assert (code, headers["location"]) == (303, "/api/v1/fleet")
    cookie = next(line for line in headers.get_all("set-cookie") or [] if line.startswith("vibdash_session="))
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    code, headers, text = site.ask("GET", "/api/v1/fleet", cookie=cookie.split(";")[0])
    assert (code, json.loads(text)["sensors"]) == (200, [])
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert site.ask("GET", "/api/v1/fleet", cookie="vibdash_session=guess")[0] == 401


def test_a_form_that_is_not_ours_does_not_log_in(site: Site) -> None:
    assert site.log_in("ada", PASSWORD, csrf="x")[0] == 403
    form = urlencode({"name": "ada", "password": PASSWORD})
    assert site.ask("POST", "/login", form)[0] == 403
    assert site.ask("POST", "/login", form, origin="http://evil.example")[0] == 403
    assert site.ask("POST", "/login", "x" * 10_000)[0] == 403


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
def test_a_login_leads_nowhere_else(site: Site, target: str) -> None:
    assert site.log_in("ada", PASSWORD, next=target)[1]["location"] == "/"


def test_what_is_typed_comes_back_as_text(site: Site) -> None:
    text = site.ask("GET", '/login?next=/"><script>alert(1)</script>'.replace(" ", "%20"))[2]
    assert "<script>" not in text


def test_scripts_log_in_with_a_password(site: Site) -> None:
    def basic(password: str, path: str = "/api/v1/fleet") -> int:
        words = base64.b64encode(f"ada:{password}".encode()).decode()
        return site.ask("GET", path, authorization=f"Basic {words}")[0]

    assert basic(PASSWORD) == 200
    assert basic("wrong") == 401
    assert site.ask("GET", "/api/v1/fleet", authorization="Basic %%%")[0] == 401
    assert basic(PASSWORD, "/") == 401


def test_guessing_with_basic_authentication_is_slowed_down_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, tmp_path / "log")
    guessed = Site(running.url)

    def basic(password: str) -> tuple[int, http.client.HTTPMessage, str]:
        words = base64.b64encode(f"ada:{password}".encode()).decode()
        return guessed.ask("GET", "/api/v1/fleet", authorization=f"Basic {words}")

    codes = [basic(f"guess {n}")[0] for n in range(FREE_FAILURES)]
    code, headers, _ = basic(PASSWORD)
    by_form = guessed.log_in("ada", PASSWORD)[0]
    running.stop()
    assert codes == [401] * FREE_FAILURES
    assert (code, by_form) == (429, 429)
    assert int(headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE"])
def test_the_public_pages_do_nothing_for_other_methods(site: Site, method: str) -> None:
    for path in ("/login", "/healthz"):
        code, headers, text = site.ask(method, path)
        assert (code, text) == (405, "not allowed")
        assert "GET" in headers["allow"]


def test_logins_and_guesses_are_in_the_log_and_passwords_are_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, tmp_path / "log")
    asked = Site(running.url)
    asked.log_in("ada", "wrong password")
    asked.log_in("a\nforged line", "wrong password")
    asked.log_in("ada", PASSWORD)
    running.stop()
    text = (tmp_path / "log").read_text()
    assert "a wrong password for 'ada' from 127.0.0.1" in text
    assert "a wrong password for 'a\\nforged line' from 127.0.0.1" in text
    assert "ada is logged in from 127.0.0.1" in text
    assert "wrong password'" not in text
    assert PASSWORD not in text


def test_answers_are_not_kept_and_say_nothing_of_the_server(site: Site) -> None:
    words = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    for path in ("/api/v1/fleet", "/login", "/metrics"):
        headers = site.ask("GET", path, authorization=f"Basic {words}")[1]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


# Behind a proxy


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that believes this test to be a proxy."""
    folder = tmp_path_factory.mktemp("proxied")
    url = f"sqlite:///{folder}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, folder / "log", arguments=("--proxies", "127.0.0.1"))
    yield Site(running.url)
    running.stop()


def test_behind_a_named_proxy_with_tls_the_cookies_are_for_tls_only(proxied: Site, site: Site) -> None:
    for asked, secure in ((proxied, True), (site, False)):
        headers = asked.ask("GET", "/login", x_forwarded_proto="https")[1]
        assert ("secure" in headers["set-cookie"].lower()) is secure


def test_a_made_up_address_wins_no_guesses(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, tmp_path / "log")
    guessed = Site(running.url)

    def guess(password: str, said: str) -> int:
        words = base64.b64encode(f"ada:{password}".encode()).decode()
        headers = {"authorization": f"Basic {words}", "x_forwarded_for": said}
        return guessed.ask("GET", "/api/v1/fleet", **headers)[0]

    codes = [guess("wrong password", f"198.51.100.{n}") for n in range(FREE_FAILURES + 1)]
    running.stop()
    assert codes == [401] * FREE_FAILURES + [429]


def test_a_named_proxy_tells_guessers_apart(proxied: Site) -> None:
    def guess(password: str, said: str) -> int:
        words = base64.b64encode(f"ada:{password}".encode()).decode()
        headers = {"authorization": f"Basic {words}", "x_forwarded_for": said}
        return proxied.ask("GET", "/api/v1/fleet", **headers)[0]

    for n in range(FREE_FAILURES):  # what the guesser says itself stands to the left of what the proxy says
        assert guess("wrong password", f"192.0.2.{n}, 198.51.100.1") == 401
    assert guess(PASSWORD, "198.51.100.1") == 429
    assert guess(PASSWORD, "198.51.100.2") == 200


def test_a_browser_that_was_logged_in_before_is_not_locked_out(proxied: Site) -> None:
    def log_in(password: str, known: str = "") -> tuple[int, str]:
        _, headers, text = proxied.ask("GET", "/login")
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        assert csrf
        cookies = "; ".join(filter(None, [headers["set-cookie"].split(";")[0], known]))
        form = urlencode({"name": "ada", "password": password, "csrf": csrf[1]})
        said = {"content_type": "application/x-www-form-urlencoded", "x_forwarded_for": "198.51.100.9"}
        code, headers, _ = proxied.ask("POST", "/login", form, cookie=cookies, **said)
        set_now = [line.split(";")[0] for line in headers.get_all("set-cookie") or []]
        return code, next((one for one in set_now if one.startswith("vibdash_known=")), "")

    code, known = log_in(PASSWORD)
    assert (code, bool(known)) == (303, True)
    for _ in range(FREE_FAILURES):
        assert log_in("wrong password")[0] == 401
    assert log_in(PASSWORD)[0] == 429
    assert log_in(PASSWORD, "vibdash_known=guess")[0] == 429
    assert log_in(PASSWORD, known)[0] == 303


@pytest.mark.parametrize(
    ("option", "value"),
    [("--proxies", "proxy.example"), ("--proxies", "10.0.0.1/8"), ("--prefix", "vib"), ("--prefix", "/a b")],
)
def test_a_proxy_or_prefix_that_cannot_be_is_said_in_a_line(tmp_path: Path, option: str, value: str) -> None:
    ended = run_vibdash("page", option, value, "--port", "0", "--db", f"sqlite:///{tmp_path}/x.db")
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert f"{option} {value!r}" in line
    assert "accepted: " in line
    assert not (tmp_path / "x.db").exists()


def test_guessing_over_http_is_slowed_down(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    Accounts(open_database(url)).add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    running = Vibdash(None, url, tmp_path / "log")
    guessed = Site(running.url)
    codes = [guessed.log_in("ada", f"guess {n}")[0] for n in range(FREE_FAILURES)]
    code, headers, _ = guessed.log_in("ada", PASSWORD)
    running.stop()
    assert codes == [401] * FREE_FAILURES
    assert code == 429
    assert int(headers["retry-after"]) > 0
