"""The guard alone, request by request: whom it lets through, what it answers others, and how it slows down guessing."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy.exc import OperationalError
from starlette.types import Message, Receive, Scope, Send
from vibdash.access import accounts as accounts_module
from vibdash.access.accounts import SESSION_MS, Account, Accounts, Role
from vibdash.access.attempts import FIRST_WAIT_S, FREE_FAILURES, FREE_OF_ADDRESS, Attempts
from vibdash.access.guard import HEADERS, LOCAL, SESSION_COOKIE, Guard
from vibdash.access.passwords import PasswordDoor
from vibdash.access.socket_watch import TRY_AGAIN_LATER, WatchedSocket
from vibdash.database.opening import open_database

from lab.rigs.databases import new_database

NOW_MS = 1_760_000_000_000
PASSWORD = "correct: horse"
API = "/api/v1/fleet"
ADA, BOB = Account("ada", Role.VIEWER), Account("bob", Role.ENGINEER)


@dataclass
class Answer:
    """What came of a request: `account` is who the application behind the guard was told of, if it was asked."""

    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    reached: bool = False
    account: Account | None = None


class Site:
    """A guard before an application that answers everything with 200; `now_s` is what its throttle reads."""

    def __init__(self, accounts: Accounts, may_be_open: bool = False) -> None:
        self.now_s = 0.0
        self.accounts = accounts
        self.own_headers: list[tuple[bytes, bytes]] = []
        self._guard = Guard(
            self._application,
            accounts=accounts,
            door=PasswordDoor(accounts, Attempts(lambda: self.now_s)),
            may_be_open=may_be_open,
        )
        self._answer = Answer()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._answer.reached = True
        self._answer.account = scope.get("state", {}).get("account")
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self.own_headers})
            await send({"type": "http.response.body", "body": b"let through"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})

    def ask(
        self, method: str = "GET", path: str = API, *, client: str | None = "192.0.2.1", **headers: str
    ) -> Answer:
        """Ask; `method` may be `websocket` or `lifespan`. A host is told unless it is the empty text."""
        kind = method if method.islower() else "http"
        named = {"host": "plant.example:8080", **{k.replace("_", "-"): v for k, v in headers.items()}}
        scope: dict[str, Any] = {
            "type": kind,
            "path": path,
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in named.items() if v],
            "client": (client, 50000) if client else None,
        }
        if kind == "http":
            scope["method"] = method
        self._answer = answer = Answer()
        asyncio.run(self._guard(scope, _receive, _note(answer)))
        return answer

    def with_password(self, name: str, password: str, path: str = API, **more: Any) -> Answer:
        """Ask as a script does."""
        return self.ask(path=path, authorization=basic(f"{name}:{password}".encode()), **more)


async def _receive() -> Message:
    return {"type": "http.request"}


def _note(answer: Answer) -> Send:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.code = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message["body"].decode()
        else:
            answer.code = message.get("code", 101)
            answer.headers = {k.decode(): v.decode() for k, v in message.get("headers", [])}

    return send


def basic(words: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(words).decode()}"


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Accounts]:
    engine = open_database(new_database("sqlite", tmp_path))
    yield Accounts(engine)
    engine.dispose()


@pytest.fixture
def accounts(nobody: Accounts, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Ada and Bob, whose passwords are hashed as cheaply as can be."""
    monkeypatch.setattr(accounts_module, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts_module._no_hash.cache_clear()
    nobody.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    nobody.add("bob", Role.ENGINEER, "another secret", NOW_MS)
    return nobody


@pytest.fixture
def site(accounts: Accounts) -> Site:
    return Site(accounts)


# Open: no user is defined yet


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST"])
def test_an_open_site_answers_to_a_loopback_name(nobody: Accounts, host: str) -> None:
    answer = Site(nobody, may_be_open=True).ask(host=host)
    assert (answer.code, answer.body, answer.account) == (200, "let through", LOCAL)
    assert answer.account == Account("local", Role.ENGINEER)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[::1", "", "[::2]:8080"])
def test_an_open_site_answers_to_no_other(nobody: Accounts, host: str) -> None:
    answer = Site(nobody, may_be_open=True).ask(host=host)
    assert (answer.code, answer.reached) == (421, False)
    assert answer.body == "ask for one of localhost, 127.0.0.1, ::1"


def test_a_site_that_may_not_be_open_is_closed_to_all_where_there_is_no_user(nobody: Accounts) -> None:
    assert Site(nobody).ask(host="localhost").code == 401


def test_a_site_that_may_be_open_is_closed_once_there_is_a_user(accounts: Accounts) -> None:
    site = Site(accounts, may_be_open=True)
    assert site.ask(host="localhost").code == 401
    assert site.with_password("ada", PASSWORD, host="evil.example").account == ADA


# Where a request comes from


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_must_come_from_our_own_origin(nobody: Accounts, method: str) -> None:
    site = Site(nobody, may_be_open=True)
    for origin, host in (
        ("http://evil.example", "localhost:1"),
        ("http://localhost:2", "localhost:1"),
        ("null", "localhost:1"),
    ):
        answer = site.ask(method, host=host, origin=origin)
        assert (answer.code, answer.reached) == (403, False)
        assert answer.body == "this request comes from another site"
    assert site.ask(method, host="localhost:1", origin="http://localhost:1").code == 200
    assert site.ask(method, host="localhost:1").code == 200  # no browser


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_may_come_from_anywhere(nobody: Accounts, method: str) -> None:
    answer = Site(nobody, may_be_open=True).ask(method, host="localhost", origin="http://evil.example")
    assert answer.code == 200


def test_a_websocket_of_another_origin_is_closed(nobody: Accounts) -> None:
    site = Site(nobody, may_be_open=True)
    refused = site.ask("websocket", host="localhost", origin="http://evil.example")
    assert (refused.code, refused.reached) == (1008, False)
    accepted = site.ask("websocket", host="localhost", origin="http://localhost")
    assert (accepted.code, accepted.account, accepted.headers) == (101, LOCAL, {})


def test_what_is_no_request_passes_unasked(site: Site) -> None:
    answer = site.ask("lifespan", origin="http://evil.example")
    assert answer.reached and answer.account is None


# Without a database


@pytest.mark.parametrize("may_be_open", [False, True])
def test_nobody_is_let_in_and_told_so_while_the_users_cannot_be_looked_up(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, may_be_open: bool
) -> None:
    def locked(*_: Any) -> Any:
        raise OperationalError("SELECT", None, Exception("the server is starting up\nPASSWORD"))

    for name in ("exist", "of_session", "check"):
        monkeypatch.setattr(accounts, name, locked, raising=name != "check")
    site = Site(accounts, may_be_open)
    for headers in (
        {"cookie": f"{SESSION_COOKIE}=x"},
        {"cookie": f"{SESSION_COOKIE}=x", "accept": "text/html"},
    ):
        answer = site.ask(host="localhost", **headers)
        assert (answer.code, answer.reached, answer.headers["retry-after"]) == (503, False, "5")
        assert answer.body == "not now, the users cannot be looked up: database: the server is starting up"
    assert site.ask("websocket", cookie=f"{SESSION_COOKIE}=x").code == 1008
    assert not site.ask("websocket", cookie=f"{SESSION_COOKIE}=x").reached


def test_an_open_socket_is_closed_for_now_while_its_session_cannot_be_looked_up() -> None:
    sent: list[Message] = []

    async def lives() -> bool:
        raise OperationalError("SELECT", None, Exception("locked"))

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "act"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def use() -> Message:
        return await WatchedSocket(receive, send, lives).receive()

    assert asyncio.run(use())["type"] == "websocket.disconnect"
    assert sent == [{"type": "websocket.close", "code": TRY_AGAIN_LATER}]


# Without a login


def test_the_login_and_the_health_are_for_all(site: Site) -> None:
    for path in ("/login", "/healthz"):
        answer = site.ask(path=path)
        assert (answer.code, answer.account) == (200, None)
    assert site.ask(path="/login/").code == 401


def test_a_person_is_led_to_the_login_and_back(site: Site) -> None:
    answer = site.ask(path="/sensor/a b", accept="text/html,*/*")
    assert (answer.code, answer.headers["location"]) == (303, "/login?next=/sensor/a%20b")


def test_who_cannot_be_led_is_refused(site: Site) -> None:
    for answer in (site.ask(path="/"), site.ask("POST", "/", accept="text/html")):
        assert (answer.code, answer.body, answer.reached) == (401, "login needed", False)
        assert "www-authenticate" not in answer.headers
    assert site.ask("websocket", "/", accept="text/html").code == 1008


@pytest.mark.parametrize("path", [API, "/metrics", "/api/"])
def test_a_script_is_asked_for_a_password(site: Site, path: str) -> None:
    answer = site.ask(path=path, accept="text/html")
    assert (answer.code, answer.body, answer.reached) == (401, "login needed", False)
    assert answer.headers["www-authenticate"] == 'Basic realm="Vibnode"'


# With one


def test_a_session_lasts_until_its_time(site: Site) -> None:
    now_ms = time.time_ns() // 1_000_000
    minute_ms = 60_000
    lasting = site.accounts.begin_session("ada", now_ms - SESSION_MS + minute_ms)
    over = site.accounts.begin_session("ada", now_ms - SESSION_MS - minute_ms)
    for path in (API, "/"):
        assert site.ask(path=path, cookie=f"a=b; {SESSION_COOKIE}={lasting}").account == ADA
        assert site.ask(path=path, cookie=f"{SESSION_COOKIE}={over}").code == 401
    assert site.ask("websocket", "/", cookie=f"{SESSION_COOKIE}={lasting}").account == ADA


def test_a_password_does_not_mend_a_session_that_is_over(site: Site) -> None:
    answer = site.with_password("ada", PASSWORD, cookie=f"{SESSION_COOKIE}=guess")
    assert (answer.code, answer.reached) == (401, False)


def test_a_password_is_for_scripts(site: Site) -> None:
    assert site.with_password("ada", PASSWORD).account == ADA
    assert site.with_password("ada", PASSWORD, "/metrics").account == ADA
    assert site.with_password("ada", PASSWORD, "/").code == 401
    assert site.with_password("ada", PASSWORD[:-1]).code == 401
    assert site.with_password("bob", PASSWORD).code == 401


def test_the_scheme_may_be_written_in_any_way_but_must_be_basic(site: Site) -> None:
    words = f"ada:{PASSWORD}".encode()
    assert site.ask(authorization=basic(words, "bAsIc")).account == ADA
    assert site.ask(authorization=basic(words, "Bearer")).code == 401
    assert site.ask(authorization=basic(words, "")).code == 401


@pytest.mark.parametrize("sent", ["Basic %%%", "Basic", "Basic a", basic(b"\xff:" + PASSWORD.encode())])
def test_words_that_are_none_are_refused(site: Site, sent: str) -> None:
    assert site.ask(authorization=sent).code == 401


def test_bytes_that_base64_does_not_know_are_not_passed_over(site: Site) -> None:
    sent = basic(f"ada:{PASSWORD}".encode())
    assert site.ask(authorization=f"{sent[:10]}*{sent[10:]}").code == 401


# Guessing


def guess(site: Site, name: str, times: int = FREE_FAILURES, client: str = "192.0.2.1") -> None:
    for n in range(times):
        assert site.with_password(name, f"guess {n}", client=client).code == 401


def test_after_some_wrong_passwords_the_right_one_is_not_tried(site: Site) -> None:
    guess(site, "ada", FREE_FAILURES - 1)
    assert site.with_password("ada", PASSWORD).account == ADA  # and starts anew
    guess(site, "ada")
    refused = site.with_password("ada", PASSWORD)
    assert (refused.code, refused.reached) == (429, False)
    assert refused.headers["retry-after"] == f"{FIRST_WAIT_S:.0f}"
    site.now_s = FIRST_WAIT_S - 1
    assert site.with_password("ada", PASSWORD).headers["retry-after"] == "1"
    site.now_s = FIRST_WAIT_S
    assert site.with_password("ada", PASSWORD).account == ADA


def test_an_address_that_guesses_is_slowed_down_for_all_names_that_are_not_known_there(site: Site) -> None:
    assert site.with_password("ada", PASSWORD).account == ADA
    for number in range(FREE_OF_ADDRESS):
        guess(site, f"name{number}", 1)
    assert site.with_password("bob", "another secret").code == 429
    assert site.with_password("ada", PASSWORD).account == ADA
    assert site.with_password("bob", "another secret", client="192.0.2.2").account == BOB


def test_a_right_password_does_not_win_guesses_at_others(site: Site) -> None:
    for number in range(FREE_OF_ADDRESS):
        guess(site, f"name{number}", 1)
        assert site.with_password("ada", PASSWORD).account == ADA
    assert site.with_password("bob", "another secret").code == 429


def test_who_comes_without_an_address_is_slowed_down_too(site: Site) -> None:
    for n in range(FREE_FAILURES):
        assert site.with_password("ada", f"guess {n}", client=None).code == 401
    assert site.with_password("ada", PASSWORD, client=None).code == 429


# What a browser is told


def test_every_answer_says_what_a_browser_may_do_with_it(site: Site) -> None:
    for answer in (
        site.with_password("ada", PASSWORD),
        site.ask(),
        site.ask("POST", origin="http://evil.example"),
    ):
        assert HEADERS.items() <= answer.headers.items()


def test_headers_of_the_application_s_own_stay(site: Site) -> None:
    site.own_headers = [(b"referrer-policy", b"no-referrer")]
    assert site.with_password("ada", PASSWORD).headers["referrer-policy"] == "no-referrer"
