"""The API: as its own description says (schemathesis tries every call), by role, and under attack."""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks
from vibdash.access.accounts import Accounts, Role
from vibdash.commands.keys import CommandKeys
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Sensor

from lab.rigs.dashboard import DEADLINE_S, Vibdash, alert_message, status_message
from lab.rigs.databases import KINDS, new_database, rows

NOW_MS = 1_760_000_000_000
EXAMPLES = 25
CHECKS = [  # an error 500 is described nowhere, so the first finds it
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def fill(database: str) -> None:
    """Put in a sensor with two alerts, and one that is refused."""
    engine = open_database(database)
    messages: list[tuple[str, Any]] = [("status", status_message()), ("alert", alert_message(1))]
    messages += [("alert", alert_message(2, cause="velocity")), ("alert", {"v": 1})]
    batch = [
        Received(f"vibnode/v1/demo/motor-1/{kind}", json.dumps(m).encode(), NOW_MS) for kind, m in messages
    ]
    Store(engine).take(batch)
    engine.dispose()


@pytest.fixture(scope="module", params=KINDS)
def database(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    url = new_database(request.param, tmp_path_factory.mktemp("api"))
    fill(url)
    return url


@pytest.fixture(scope="module")
def vibdash(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vibdash]:
    running = Vibdash(None, database, tmp_path_factory.mktemp("log") / "page.log")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def schema(vibdash: Vibdash) -> Any:
    return schemathesis.openapi.from_url(f"{vibdash.url}/api/v1/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_call_answers_as_described_whatever_is_asked(schema: Any, mode: GenerationMode) -> None:
    tried = 0
    for found in schema.get_all_operations():

        @given(case=found.ok().as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
        )
        def answers_as_described(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=CHECKS)

        try:
            answers_as_described()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing can be wrong in a call without parameters
    assert tried > EXAMPLES


def post(url: str, body: Any, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json", **headers}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def inbox(vibdash: Vibdash) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vibdash.get("/api/v1/inbox")["occurrences"]
    return found


def test_alerts_are_acknowledged_shelved_and_commented_by_a_script(tmp_path: Path) -> None:
    database = new_database("sqlite", tmp_path)
    fill(database)
    vibdash = Vibdash(None, database, tmp_path / "page.log")
    url = f"{vibdash.url}/api/v1/inbox"
    ids = [one["id"] for one in inbox(vibdash)]
    assert post(f"{url}/acknowledge", {"ids": ids}) == (200, {"changed": 2})
    assert post(f"{url}/acknowledge", {"ids": [*ids, 999]}) == (200, {"changed": 0})
    assert post(f"{url}/shelve", {"ids": ids[:1], "for_ms": 3_600_000}) == (200, {"changed": 1})
    assert sorted(one["state"] for one in inbox(vibdash)) == ["acknowledged", "shelved"]
    assert post(f"{url}/unshelve", {"ids": ids}) == (200, {"changed": 1})
    assert post(f"{url}/{ids[0]}/comment", {"text": "ordered"}) == (200, {"changed": 1})
    entries = vibdash.get(f"/api/v1/inbox/{ids[0]}/journal")["journal"]
    assert [entry["action"] for entry in entries] == ["acknowledge", "shelve", "unshelve", "comment"]
    assert (entries[-1]["author"], entries[-1]["note"]) == ("local", "ordered")
    assert post(f"{url}/999/comment", {"text": "?"})[0] == 409
    assert post(f"{url}/acknowledge", {"ids": ids}, origin="http://elsewhere")[0] == 403
    vibdash.stop()


def test_an_engineers_script_asks_a_sensor_that_this_host_has_the_key_of(tmp_path: Path) -> None:
    database = new_database("sqlite", tmp_path)
    fill(database)
    engine = open_database(database)
    CommandKeys(engine).make(Sensor("demo", "motor-1"), NOW_MS)
    vibdash = Vibdash(None, database, tmp_path / "page.log")
    url = f"{vibdash.url}/api/v1/sensors/demo"
    asked = {"cmd": "repaired", "fields": {"windows": 30}, "note": "new bearing"}
    assert post(f"{url}/motor-1/commands", asked)[0] == 200
    assert post(f"{url}/motor-2/commands", asked)[0] == 409
    refused = post(f"{url}/motor-1/commands", asked | {"fields": {"windows": 0}})
    assert refused[0] == 409 and "repaired: windows: 0; accepted: a whole number from 1 to 500" in refused[1]
    (command,) = vibdash.get("/api/v1/sensors/demo/motor-1/commands")["commands"]
    assert (command["cmd"], command["fields"]) == ("repaired", {"windows": 30})
    (entry,) = vibdash.get("/api/v1/sensors/demo/motor-1/record")["record"]
    assert (entry["cmd"], entry["note"], entry["ok"]) == ("repaired", "new bearing", None)
    Accounts(engine).add("otto", Role.OPERATOR, "correct horse", 0)
    basic = base64.b64encode(b"otto:correct horse").decode()
    refused = post(f"{url}/motor-1/commands", asked, authorization=f"Basic {basic}")
    assert refused[0] == 403 and "otto is a operator; accepted: an engineer" in refused[1]
    engine.dispose()
    vibdash.stop()


def test_a_viewer_reads_and_an_operator_acts(tmp_path: Path) -> None:
    database = new_database("sqlite", tmp_path)
    fill(database)
    accounts = Accounts(open_database(database))
    basic = {}
    for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR)):
        accounts.add(name, role, "correct horse", 0)
        basic[name] = f"Basic {base64.b64encode(f'{name}:correct horse'.encode()).decode()}"
    vibdash = Vibdash(None, database, tmp_path / "page.log")
    url = f"{vibdash.url}/api/v1/inbox/acknowledge"
    assert post(url, {"ids": [1]})[0] == 401
    assert post(url, {"ids": [1]}, authorization=basic["vera"])[0] == 403
    assert post(url, {"ids": [1]}, authorization=basic["otto"]) == (200, {"changed": 1})
    vibdash.stop()
    assert rows(database, "SELECT author, action FROM journal WHERE occurrence_id = 1") == [
        ("otto", "acknowledge")
    ]


def test_the_page_of_the_api_lists_every_call_and_loads_nothing_from_elsewhere(vibdash: Vibdash) -> None:
    with urllib.request.urlopen(f"{vibdash.url}/api/", timeout=DEADLINE_S) as answer:
        page = answer.read().decode()
    for path, calls in vibdash.get("/api/v1/openapi.json")["paths"].items():
        for method in calls:
            assert f"<code>{method.upper()} {path}</code>" in page
    assert "src=" not in page
    assert re.findall('href="([^"]*)"', page) == ["/api/v1/openapi.json"]


INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE alert; --",
    "\\'; DELETE FROM alert; --",
    "%",
    "_otor-1",
    "\0",
    '" OR ""="',
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_question_is_only_text(vibdash: Vibdash, database: str, text: str) -> None:
    quoted = urllib.parse.quote(text)
    for name in ("site", "device"):
        assert vibdash.get(f"/api/v1/alerts?{name}={quoted}") == {"alerts": []}
    for path in (f"sensors/{quoted}/x/history", f"inbox?state={quoted}", f"alerts?limit={quoted}"):
        with pytest.raises(urllib.error.HTTPError, match="422"):
            vibdash.get(f"/api/v1/{path}")
    assert rows(database, "SELECT count(*) FROM alert") == [(2,)]


@pytest.mark.parametrize("kind", KINDS)
def test_sql_in_a_message_is_only_text(kind: str, tmp_path: Path) -> None:
    database = new_database(kind, tmp_path)
    engine = open_database(database)
    for seq, text in enumerate(INJECTIONS[:3], 1):
        hostile = alert_message(seq, **{"class": text, "model": text, "features": [[text[:32], 1, 2]]})
        status = status_message(model={"name": text, "digest": text}, fw=text)
        for message, what in ((hostile, "alert"), (status, "status"), ({"v": 1, "boot": text}, "alert")):
            payload = json.dumps(message).encode()
            Store(engine).take([Received(f"vibnode/v1/demo/motor-1/{what}", payload, NOW_MS + seq)])
    engine.dispose()
    found = rows(database, "SELECT class_name, model FROM alert ORDER BY seq")
    assert found == [(text, text) for text in INJECTIONS[:3]]
    assert rows(database, "SELECT fw FROM device") == [(INJECTIONS[2],)]
    assert rows(database, "SELECT count(*) FROM quarantine") == [(3,)]
