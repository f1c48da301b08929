"""Every field of a message, at the ends of what is accepted, through to the drawn pages: none is left undrawn."""

import asyncio
import base64
import copy
import datetime as dt
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from nicegui import Client, ui
from vibdash.access.accounts import Accounts
from vibdash.access.guard import LOCAL
from vibdash.commands.queue import Commander
from vibdash.database.opening import open_database
from vibdash.database.schema import command
from vibdash.ingest.store import Received, Store
from vibdash.page.board import Board
from vibdash.page.fleet_page import FleetPage
from vibdash.page.frame import ViewersClock
from vibdash.page.mount import PageAccess
from vibdash.page.sensor_page import SensorPage
from vibdash.page.viewer import Viewer
from vibdash.protocol.messages import Malformed, Sensor, parse
from vibdash.read.fleet import FleetReader
from vibdash.read.occurrences import OccurrenceReader

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import change, new_database

NOW_MS = 1_790_000_000_000
DRAWN = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
COMMANDS = {"report": {}, "spectrum": {}, "baseline": {}, "snapshot": {"frames": 4096}}

numbers = st.sampled_from([0, 1, -1, 17, 2**15 - 1, -(2**15), 2**31, 2**32 - 1, 2**33, 2**53 - 1, 1 - 2**53])
texts = st.sampled_from(["x", "none", "ntp", "rtc", "healthy", "<b>\"'&", "\N{SNOWMAN}" * 48, "a" * 64, "."])
features = st.sampled_from(
    ["x.band11", "x.band99", "band", ".", "y.order00", "z.env31", "vline_freq", "z.<b>"]
)
feature = st.tuples(
    features, st.sampled_from([-(2**15), 0, 2**15 - 1]), st.sampled_from([-(2**15), 2**15 - 1])
)
edges_hz = st.sampled_from([1e-3, 1, 10, 2500, 1e9])
levels = st.binary(min_size=1, max_size=192).map(lambda raw: base64.b64encode(raw).decode())
spectrum = st.fixed_dictionaries(
    {"lo_hz": edges_hz, "hi_hz": edges_hz, "axis": st.sampled_from("xyz"), "levels": levels}
)
choices = st.sampled_from(
    (
        *("off", "learning", "outside", "gap", "stuck", "rate", "config", "sleep", "watchdog", "trial"),
        *("raise", "escalate", "clear", "warning", "alarm", "anomaly", "velocity", "reverted"),
        *("instrument:gone", "offline", "will", "birth", "shutdown", "periodic"),
    )
)
anything = st.one_of(
    *(st.none(), st.booleans(), numbers, texts, choices, st.lists(feature, max_size=5), spectrum),
    st.lists(
        st.sampled_from(["anomaly", "velocity", "instrument:overrun-link", "instrument:clipped"]), max_size=4
    ),
    st.fixed_dictionaries({"name": texts, "digest": texts}),
)
bodies = st.dictionaries(
    st.sampled_from(["names", "levels", "features", "frames", "rate_hz", "score", "model", "axes", "samples"])
    | st.sampled_from(["scale", "config", "baseline", "lo_hz", "hi_hz", "values", "x", "data", "first"]),
    anything | st.floats(allow_nan=False, allow_infinity=False) | st.lists(numbers | texts, max_size=4),
    max_size=8,
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A status or an alert that the host takes, with some fields as no device has sent them yet."""
    kind = draw(st.sampled_from(["alert", "status"]))
    message: Any = copy.deepcopy(alert_message(7) if kind == "alert" else status_message())
    more = [
        "note",
        "interval_s",
        "warning",
        "alarm",
        "baseline",
        "reset",
        "refused",
        "heap_free",
        "battery_mv",
        "speed_millihz",
        "load_permille",
        "point_source",
        "pulse",
        "coverage",
        "coverage_over",
    ]
    names = [*message, *(more if kind == "status" else [])]
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
        message[name] = draw(anything)
    if message.get("time") is None:
        message["time_quality"] = "none"
    elif message["time_quality"] == "none":
        message["time_quality"] = "ntp"
    try:
        parse(f"vibnode/v1/demo/motor-1/{kind}", json.dumps(message).encode())
    except Malformed:
        assume(False)
    return kind, message


class Pages:
    """The fleet's page and a sensor's, drawn anew for whatever is in the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._occurrences = OccurrenceReader(engine)
        self._access = PageAccess(engine, self._occurrences, None)
        self._viewer = Viewer(Accounts(engine), LOCAL, None)
        self.errors: list[str] = []
        handler = logging.Handler(logging.ERROR)
        handler.emit = lambda record: self.errors.append(  # type: ignore[method-assign]
            f"{record.getMessage()}: {record.exc_info[1] if record.exc_info else ''}"
        )
        logging.getLogger("vibdash").addHandler(handler)

    def draw(self, now_ms: int = NOW_MS) -> str:
        """Return all text of both pages; what could not be drawn is in `errors`."""
        return asyncio.run(self._draw(now_ms))

    async def _draw(self, now_ms: int) -> str:
        board = Board(FleetReader(self.engine, silent_after_ms=60_000), self._occurrences)
        board.read(now_ms)
        clock = ViewersClock(dt.UTC)
        with Client(ui.page("/drawn"), request=None) as client:
            FleetPage(clock, self._access.inbox(self._viewer)).show(board)
            page = SensorPage(("demo", "motor-1"), self._access.sensor(self._viewer), clock)
            page.show(board)
            await page.read_all()
            drawn = [str(getattr(one, "text", "")) for one in client.elements.values()]
            for one in client.elements.values():
                if isinstance(one, ui.timer):
                    one.cancel()
        client.delete()
        return "\n".join(drawn)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    engine = open_database(new_database("sqlite", tmp_path_factory.mktemp("drawn")))
    Store(engine).note_link("test", "mqtt://broker", True, "", NOW_MS)
    yield Pages(engine)
    engine.dispose()


def take(pages: Pages, kind: str, message: dict[str, Any]) -> None:
    topic = Sensor("demo", "motor-1").topic(kind)
    Store(pages.engine).take([Received(topic, json.dumps(message).encode(), NOW_MS)])


def forget(pages: Pages) -> None:
    with pages.engine.begin() as connection:
        for table in ("device", "boot", "status_history", "alert", "occurrence", "cause", "quarantine"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    pages.errors.clear()


@given(st.lists(messages(), min_size=1, max_size=3))
@example([("alert", alert_message(1, time=0))])
@example([("alert", alert_message(1, score=2**53 - 1))])
@example([("alert", alert_message(1, time=None, time_quality="none", uptime_ms=2**53 - 1))])
@DRAWN
def test_what_is_taken_is_drawn(pages: Pages, arrived: list[tuple[str, dict[str, Any]]]) -> None:
    forget(pages)
    take(pages, "status", status_message(time=NOW_MS // 1000))
    for kind, message in arrived:
        take(pages, kind, message)
    drawn = pages.draw()
    assert pages.errors == []
    assert "cannot be" not in drawn


@given(st.sampled_from(sorted(COMMANDS)), bodies)
@example("baseline", {"names": 5})
@DRAWN
def test_what_is_answered_is_drawn(pages: Pages, cmd: str, body: dict[str, Any]) -> None:
    forget(pages)
    take(pages, "status", status_message(time=NOW_MS // 1000))
    number = Commander(pages.engine).ask(Sensor("demo", "motor-1"), cmd, COMMANDS[cmd], "ada", NOW_MS)
    with pages.engine.begin() as connection:
        connection.execute(command.update().values(sent_at_ms=NOW_MS))
    reply = {"v": 1, "id": str(number), "cmd": cmd, "boot": 3, "uptime_ms": 62_000, "ok": True, **body}
    take(pages, "reply", reply)
    pages.draw()
    assert pages.errors == []


POISON = {  # what may stand in a database that others write too, or that a fault of ours once wrote
    "UPDATE alert SET features = 'no json' WHERE seq = 2": "cannot be shown",
    "UPDATE alert SET occurred_at_ms = 9000000000000000 WHERE seq = 2": "at no date there is",
    "UPDATE alert SET level = 'odd' WHERE seq = 2; UPDATE occurrence SET level = 'odd' WHERE seq = 2": (
        "cannot be shown"
    ),
    "DELETE FROM alert WHERE seq = 2": "cannot be shown",
    "UPDATE device SET active = '{' WHERE device = 'motor-2'": "cannot be shown",
    "UPDATE device SET machine = 'odd' WHERE device = 'motor-2'": "cannot be shown",
}


@pytest.mark.parametrize("poison", POISON)
def test_a_row_that_cannot_be_shown_is_said_beside_the_others(tmp_path: Path, poison: str) -> None:
    url = new_database("sqlite", tmp_path)
    pages = Pages(open_database(url))
    Store(pages.engine).note_link("test", "mqtt://broker", True, "", NOW_MS)
    for device in ("motor-1", "motor-2"):
        status = status_message(time=NOW_MS // 1000)
        topic = f"vibnode/v1/demo/{device}/status"
        Store(pages.engine).take([Received(topic, json.dumps(status).encode(), NOW_MS)])
    take(pages, "alert", alert_message(1, cause="velocity", score=9000, threshold=100))
    take(pages, "alert", alert_message(2))
    for statement in poison.split("; "):
        change(url, statement)
    drawn = pages.draw()
    assert POISON[poison] in drawn
    assert "Vibration velocity over its limit" in drawn
    assert "Open 2" in drawn
    assert "brought up to date" not in drawn
