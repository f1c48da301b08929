"""One list of status fields, firmware/vibnode/status.py: what a place does not follow is named here, and where."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import vib
from vibdash.database.opening import open_database
from vibdash.database.schema import device as device_table
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import POINT_SOURCES, Malformed, Measured, Status, parse
from vibdash.read.fleet import FleetReader
from vibdash.read.sensors import SensorView
from vibnode import standing, status
from vibnode.clock import Clock
from vibnode.config import DEVICE_FIELDS, REQUIRED
from vibnode.node import Node
from vibnode.outbox import Outbox
from vibnode.run import Run

from lab.rigs.firmware_model import CONFIG, model_bin

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "dashboard/vibdash/page"
TOPIC = "vibnode/v1/demo/motor-1/status"
ADDED_BY_MESSAGES = {"v", "state", "why"}
NOT_STORED = {"time", "time_quality"}  # the clock of a boot is made of them, and of uptime_ms
NOT_SHOWN = NOT_STORED | {"core"}  # known from the firmware's version
OF_ALERTS_ONLY = {"class_name"}  # shown where it explains an alert; without one the machine counts as healthy
NOW_MS = 1_760_000_010_000


class Sampler:
    """What Node asks of a sampler."""

    gaps = 0
    noise_um_s2 = None
    ppm = 0
    knows_rate = True
    names = vib.feature_names(CONFIG)

    def bytes_sampled(self) -> int:
        return 0

    def heard_ms(self) -> int:
        return 0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    device = {key: default for key, (default, _) in DEVICE_FIELDS.items() if default is not REQUIRED}
    device |= {"site": "demo", "device": "motor-1", "data_dir": str(tmp_path)}
    return Run(device, Outbox(str(tmp_path / "outbox.bin"), 65536), Clock())


@pytest.fixture
def measuring(run: Run) -> dict[str, Any]:
    """The status of a sensor that measures."""
    message: dict[str, Any] = json.loads(
        status.message("periodic", run, Node(run, vib.Model(model_bin()), Sampler()))
    )
    return message


def of_spec() -> dict[str, Any]:
    """The example in SPEC 3.1."""
    spec = (ROOT / "docs/SPEC.md").read_text()
    example = re.search(r"### 3\.1 `status`.*?```json\n(.*?)```", spec, re.DOTALL)
    assert example
    found: dict[str, Any] = json.loads(example[1])
    return found


def test_spec_lists_what_a_sensor_says(measuring: dict[str, Any]) -> None:
    listed, said = set(of_spec()), set(measuring)
    assert listed == said, (
        f"docs/SPEC.md 3.1 differs from firmware/vibnode/status.py: {sorted(listed ^ said)}"
    )


def test_what_cannot_measure_says_every_field_too_and_why(run: Run, measuring: dict[str, Any]) -> None:
    run.note = "x" * 300
    said = json.loads(status.message("birth", run))
    assert set(said) == set(measuring) | {"note"}
    assert (said["machine"], said["instrument"], said["note"]) == ("unknown", "config", "x" * 200)
    taken = parse(TOPIC, json.dumps(said).encode())
    assert isinstance(taken, Status) and taken.measured and taken.measured.note == "x" * 200


def test_what_cannot_measure_denies_no_alert_that_was_up(run: Run) -> None:
    standing.save(run.device["data_dir"], {"anomaly": 2})
    assert json.loads(status.message("birth", run))["active"] == ["anomaly"]


def spoilt(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The message with one field of no use, for each, and the field's name."""
    for name in message:
        if name not in ADDED_BY_MESSAGES:
            yield name, message | {name: {"of": "no use"}}
    for name in message["model"]:
        yield name, message | {"model": message["model"] | {name: {"of": "no use"}}}


def test_the_dashboard_reads_every_field(measuring: dict[str, Any]) -> None:
    parse(TOPIC, json.dumps(measuring).encode())
    unread = []
    for name, message in spoilt(measuring):
        try:
            parse(TOPIC, json.dumps(message).encode())
        except Malformed as error:
            if name == "model" or error.reason.startswith(f"{name}: "):
                continue
        unread.append(name)
    assert not unread, f"dashboard/vibdash/protocol/messages.py, Measured: does not read {unread}"


def test_the_dashboard_stores_every_field_and_tells_it_as_it_was_said(tmp_path: Path) -> None:
    message = of_spec() | {
        "battery_mv": 3700,
        "pulse": "missing",
        "note": "loose",
        "active": ["anomaly"],
        "queued": 2,
        "dropped": 3,
    }
    message |= {"gaps": 4, "restarts": 5, "refused": 6, "reset": "crash"}
    message["model"] = message["model"] | {"origin": "trial"}
    payload = json.dumps(message).encode()
    said = parse(TOPIC, payload)
    assert isinstance(said, Status) and said.measured
    assert None not in vars(said.measured).values()
    engine = open_database(f"sqlite:///{tmp_path}/alerts.db")
    Store(engine).take([Received(TOPIC, payload, NOW_MS)])
    (view,) = FleetReader(engine, silent_after_ms=1000).fleet(NOW_MS).sensors
    with engine.connect() as connection:
        row = connection.execute(sa.select(device_table)).one()._mapping
    lost = []
    for name, value in vars(said.measured).items():
        if name in NOT_STORED:
            continue
        if name == "active":
            told: object = tuple(one.cause for one in view.active)
        else:
            told = getattr(view, name) if hasattr(view, name) else row[name]
        if told != value:
            lost.append(name)
    assert not lost, f"dashboard/vibdash, ingest/statuses.py to read/sensors.py: {lost} do not come through"


def test_the_page_shows_every_field() -> None:
    views = {one.name for one in fields(SensorView)}
    missing = {one.name for one in fields(Measured)} - NOT_SHOWN - views
    assert not missing, f"dashboard/vibdash/read/sensors.py, SensorView: lacks {sorted(missing)}"
    used = set(re.findall(r"\bone\.(\w+)", (PAGE / "sensor_page.py").read_text()))
    for file in PAGE.glob("*.py"):
        used |= set(re.findall(r"\bsensor\.(\w+)", file.read_text()))
    unseen = {one.name for one in fields(Measured)} - NOT_SHOWN - OF_ALERTS_ONLY - used
    assert not unseen, f"dashboard/vibdash/page/sensor_page.py, _FACTS: does not show {sorted(unseen)}"


def assigned_to(path: Path, names: set[str]) -> list[str]:
    """Where a program assigns to an attribute of what it calls one of `names`, or `self.` such a one."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            owner = target.value if isinstance(target, ast.Attribute) else None
            owned = (
                owner.id
                if isinstance(owner, ast.Name)
                else owner.attr
                if isinstance(owner, ast.Attribute)
                else ""
            )
            if owned.lstrip("_") in names:
                found.append(f"{path.relative_to(ROOT)}:{target.lineno}")
    return found


def test_nothing_is_hung_on_a_sensor_after_it_was_made() -> None:
    files = (ROOT / "firmware/vibnode").glob("*.py")
    assert not [place for file in files for place in assigned_to(file, {"node", "uplink", "commands"})]


def test_the_topics_of_all_parts_begin_in_one_place() -> None:
    packages = ("firmware/vibnode", "dashboard/vibdash", "training/vibtrain", "tools/vibtool")
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    assert [str(file.relative_to(ROOT)) for file in files if "vibnode/v1" in file.read_text()] == [
        "firmware/vibnode/messages.py"
    ]


def test_the_host_takes_every_source_of_a_speed_that_a_sensor_may_name() -> None:
    texts = [path.read_text() for path in (ROOT / "firmware" / "vibnode").glob("*.py")]
    named = {name for text in texts for name in re.findall(r"set_speed\([^\n]*\"(\w+)\"\)", text)}
    assert named and named <= set(POINT_SOURCES)
