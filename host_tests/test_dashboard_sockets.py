"""Sockets of the page, spoken to as a hostile browser would: with a session of one's own and the page of another."""

import ast
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from vibdash.access.accounts import Accounts, Role
from vibdash.database.opening import open_database
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, Vibdash, eventually

POLICY_VIOLATION = 1008
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport="


@dataclass
class Plant:
    """A dashboard with an operator and a viewer, both logged in."""

    running: Vibdash
    accounts: Accounts
    tokens: dict[str, str]

    def ask(self, who: str, path: str) -> str:
        cookie = {"cookie": f"vibdash_session={self.tokens[who]}"}
        with urlopen(Request(self.running.url + path, headers=cookie), timeout=DEADLINE_S) as answer:
            text: str = answer.read().decode()
            return text

    def load(self, who: str) -> dict[str, Any]:
        """Load the page of a user; return what its socket is to be opened with."""
        found = re.search(r"query: (\{.*?\})", self.ask(who, "/"))
        assert found
        query: dict[str, Any] = ast.literal_eval(found[1])
        return query

    def states(self) -> list[str]:
        return [one["state"] for one in json.loads(self.ask("vera", "/api/v1/inbox"))["occurrences"]]


class Tab:
    """A socket opened with the session of one user for a page that may be another's."""

    def __init__(self, plant: Plant, who: str, page: dict[str, Any]) -> None:
        asked = {**page, "EIO": 4, "transport": "websocket", "tab_id": who, "document_id": who}
        asked["implicit_handshake"] = "true"
        self.page_id = page["client_id"]
        self.elements: dict[str, Any] = {}
        netloc = urlsplit(plant.running.url).netloc
        cookie = {"cookie": f"vibdash_session={plant.tokens[who]}"}
        path = f"/_nicegui_ws/socket.io/?{urlencode(asked)}"
        self._stack = ExitStack()
        opening = connect(f"ws://{netloc}{path}", additional_headers=cookie, max_size=None)
        self._socket = self._stack.enter_context(opening)
        self._socket.send("40")
        while not (said := str(self._socket.recv(DEADLINE_S))).startswith(("40", "44")):
            pass
        self.let_in = said.startswith("40")

    def __enter__(self) -> "Tab":
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def say(self, event: str, **said: Any) -> None:
        self._socket.send(f"42{json.dumps([event, {'client_id': self.page_id, **said}])}")

    def take(self, timeout_s: float = DEADLINE_S) -> str:
        """Take one message, and do with it what a browser does. Raises ConnectionClosed or TimeoutError."""
        said = str(self._socket.recv(timeout_s))
        if said == "2":
            self._socket.send("3")
        if said.startswith("42"):
            event, message = json.loads(said[2:])
            if event == "update":
                self.elements |= message
            if event == "run_javascript" and message.get("request_id"):
                self.say("javascript_response", request_id=message["request_id"], result="UTC")
        return said

    def button(self, label: str) -> dict[str, Any]:
        """Take messages until there are a button and an open alert; return what a click says, with that alert seen."""
        while True:
            all_props = [
                element.get("props", {}) for element in self.elements.values() if isinstance(element, dict)
            ]
            opened = [props for props in all_props if "data-alert" in props]
            for number, element in self.elements.items():
                if opened and isinstance(element, dict) and element.get("props", {}).get("label") == label:
                    listener = next(one for one in element["events"] if one["type"] == "click")
                    args = [json.dumps({"open": _told(opened[0]), "rows": []})]
                    return {"id": int(number), "listener_id": listener["listener_id"], "args": args}
            self.take()


def _told(props: dict[str, Any]) -> dict[str, Any]:
    """What page.js says of an alert on the screen."""
    id, newest_id = int(props["data-alert"]), int(props["data-newest"])
    return {"id": id, "newest_id": newest_id, "level": props["data-level"]}


@pytest.fixture
def plant(broker: Mosquitto, device: Device, tmp_path: Path) -> Iterator[Plant]:
    url = f"sqlite:///{tmp_path}/x.db"
    accounts = Accounts(open_database(url))
    now_ms = time.time_ns() // 1_000_000
    for name, role in (("otto", Role.OPERATOR), ("vera", Role.VIEWER)):
        accounts.add(name, role, "correct horse", now_ms)
    running = Vibdash(broker, url, tmp_path / "log")
    tokens = {name: accounts.begin_session(name, now_ms) for name in ("otto", "vera")}
    made = Plant(running, accounts, tokens)
    device.status()
    device.alert(1)
    eventually(lambda: made.states() == ["new"], "the alert is there")
    yield made
    running.stop()


def test_a_socket_is_for_pages_of_its_own_session_only(plant: Plant) -> None:
    page = plant.load("otto")
    with Tab(plant, "vera", page) as stranger:
        assert not stranger.let_in
    with Tab(plant, "otto", page) as own:
        assert own.let_in
        own.button("Acknowledge")


def test_a_socket_speaks_for_no_page_that_it_was_not_opened_for(plant: Plant) -> None:
    with Tab(plant, "otto", plant.load("otto")) as victim, Tab(plant, "vera", plant.load("vera")) as stranger:
        click = victim.button("Acknowledge")
        own_page, stranger.page_id = stranger.page_id, victim.page_id
        stranger.say("handshake", tab_id="otto", document_id="otto", next_message_id=0)
        stranger.say("event", **click)
        stranger.page_id = own_page
        stranger.say("log", level="info", message="all before was read")
        eventually(lambda: "all before was read" in _log(plant), "the server has read it")
        assert plant.states() == ["new"]
        victim.say("event", **click)
        eventually(lambda: plant.states() == ["acknowledged"], "the owner's own click counts")


def _log(plant: Plant) -> str:
    return Path(plant.running.log_path).read_text(encoding="utf-8")


def test_a_removed_users_socket_is_closed(plant: Plant) -> None:
    with Tab(plant, "otto", plant.load("otto")) as removed:
        removed.button("Acknowledge")
        plant.accounts.remove("otto", 0)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                removed.take()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == POLICY_VIOLATION


def test_what_a_removed_user_says_is_not_even_looked_at(plant: Plant) -> None:
    with Tab(plant, "otto", plant.load("otto")) as removed:
        removed.button("Acknowledge")
        plant.accounts.remove("otto", 0)
        removed.say("log", level="info", message="from a removed user")
        with pytest.raises(ConnectionClosed):
            while True:
                removed.take()
    assert "from a removed user" not in _log(plant)


def test_there_is_no_long_polling(plant: Plant) -> None:
    with pytest.raises(HTTPError, match="400"):
        plant.ask("otto", f"{SOCKET}polling")
