"""Commands: who is asked, what goes out, what an answer becomes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from vibdash.commands.keys import CommandKeys
from vibdash.commands.queue import LATEST_SENDING_MS, Commander
from vibdash.database.opening import open_database
from vibdash.database.schema import feature_vectors, journal, quarantine, reply_part
from vibdash.ingest.store import Received, Store
from vibdash.protocol.commands import NotAccepted
from vibdash.protocol.messages import Sensor
from vibdash.read.machines import Machine, Machines, NotAMachine
from vibdash.read.references import References
from vibdash.read.replies import NO_ANSWER_AFTER_MS, CommandView, Progress, ReplyReader
from vibdash.read.snapshots import join_snapshot
from vibnode import signing

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
SENSOR = Sensor("demo", "motor-1")


class Site:
    """A host with the key of one device, and that device's side of the conversation."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.key = CommandKeys(engine).make(SENSOR, NOW_MS)
        self.commander, self.store, self.reader = Commander(engine), Store(engine), ReplyReader(engine)

    def ask(self, cmd: str, at_ms: int = NOW_MS, **fields: Any) -> int:
        return self.commander.ask(SENSOR, cmd, fields, "ada", at_ms)

    def heard(self, at_ms: int = NOW_MS) -> list[dict[str, Any]]:
        """What the device takes of what is sent now."""
        sent = self.commander.take_due(at_ms)
        return [signing.verify(self.key, SENSOR.topic("cmd"), one.payload) for one in sent]

    def reply(
        self, number: int, cmd: str, *, device: str = "motor-1", at_ms: int = NOW_MS, **body: Any
    ) -> None:
        message = {"v": 1, "id": str(number), "cmd": cmd, "boot": 3, "uptime_ms": 61234, "ok": True} | body
        payload = json.dumps(message).encode()
        self.store.take([Received(Sensor("demo", device).topic("reply"), payload, at_ms)])

    def view(self, now_ms: int = NOW_MS) -> CommandView:
        return self.reader.latest("demo", "motor-1", now_ms)[0]

    def rows(self, table: sa.Table) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(table)))


@pytest.fixture(params=KINDS)
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Site(engine)
    engine.dispose()


def test_a_command_is_signed_sent_once_and_in_the_journal(site: Site) -> None:
    number = site.ask("learn", windows=30)
    assert site.view().progress is Progress.WAITING
    assert site.heard() == [{"id": str(number), "n": NOW_MS, "cmd": "learn", "windows": 30}]
    assert site.heard() == []
    assert site.view().progress is Progress.SENT
    assert [(row.author, row.action, row.note) for row in site.rows(journal)] == [
        ("ada", "command", "demo/motor-1 learn windows=30")
    ]


def raised(site: Site, cause: str, seq: int) -> None:
    body = json.dumps(alert_message(seq=seq, cause=cause)).encode()
    site.store.take([Received(SENSOR.topic("alert"), body, NOW_MS)])


def test_a_repair_is_in_the_machines_record_and_on_the_alerts_that_it_ends(site: Site) -> None:
    raised(site, "anomaly", 1)
    raised(site, "instrument:stuck", 2)
    machines = Machines(site.engine)
    asked = {"windows": 30}
    number = site.commander.ask(SENSOR, "repaired", asked, "ada", NOW_MS, "  bearing NDE replaced ")
    (entry,) = machines.record("demo", "motor-1")
    assert (entry.author, entry.cmd, entry.note, entry.ok) == (
        "ada",
        "repaired",
        "bearing NDE replaced",
        None,
    )
    assert site.heard() == [{"id": str(number), "n": NOW_MS, "cmd": "repaired", "windows": 30}]
    site.reply(number, "repaired")
    assert machines.record("demo", "motor-1")[0].ok is True
    noted = [(row.occurrence_id is not None, row.action, row.note) for row in site.rows(journal)]
    assert noted == [
        (False, "command", "demo/motor-1 repaired windows=30"),
        (
            True,
            "repaired",
            "bearing NDE replaced",
        ),  # on the anomaly; the sensor's own fault is not the machine's
    ]
    assert machines.record("demo", "motor-2") == ()


def test_what_a_sensor_refused_stands_in_the_record_too_and_reading_does_not(site: Site) -> None:
    number = site.ask("learn", windows=30)
    site.ask("report")
    site.heard()
    site.reply(number, "learn", ok=False, error="force: false; accepted: true")
    (entry,) = Machines(site.engine).record("demo", "motor-1")
    assert (entry.cmd, entry.ok, entry.error) == ("learn", False, "force: false; accepted: true")
    with pytest.raises(NotAccepted, match="note: 2001 characters; accepted: up to 2000"):
        site.commander.ask(SENSOR, "repaired", {"windows": 30}, "ada", NOW_MS, "x" * 2001)
    assert len(Machines(site.engine).record("demo", "motor-1")) == 1


@pytest.mark.parametrize("cmd", ["learn", "repaired", "restore"])
def test_a_baseline_told_before_it_was_changed_is_not_usual_and_the_last_one_never_is(
    site: Site, cmd: str
) -> None:
    def answered(name: str, **body: Any) -> None:
        fields = {"windows": 30} if name in ("learn", "repaired") else {}
        number = site.ask(name, **fields | ({"last": True} if body.get("last") else {}))
        site.heard()
        site.reply(number, name, **body)

    references = References(site.reader, Machines(site.engine))
    answered("baseline", names=["x.rms"], median=[3000], spread=[16])
    answered("baseline", names=["x.rms"], median=[2000], spread=[16], last=True)
    assert references.of("demo", "motor-1").usual == {"x.rms": 3000}
    answered(cmd)
    assert references.of("demo", "motor-1").usual == {}


def test_the_counter_goes_up_even_where_the_clock_does_not(site: Site) -> None:
    site.ask("report")
    site.ask("report")
    assert [one["n"] for one in site.heard(NOW_MS)] == [NOW_MS, NOW_MS + 1]
    site.ask("report", at_ms=NOW_MS - 5000)
    assert [one["n"] for one in site.heard(NOW_MS - 5000)] == [NOW_MS + 2]


def test_a_device_whose_counter_is_ahead_is_asked_once_more(site: Site) -> None:
    number = site.ask("report")
    site.heard()
    site.reply(number, "report", ok=False, error="n: spent", next_n=NOW_MS + 10**6)
    assert [one["n"] for one in site.heard()] == [NOW_MS + 10**6]
    site.reply(number, "report", ok=False, error="n: spent", next_n=NOW_MS + 2 * 10**6)
    assert site.heard() == []
    assert (site.view().progress, site.view().error) == (Progress.REFUSED, "n: spent")


def test_without_a_key_or_in_time_nothing_is_sent_and_that_is_said(site: Site) -> None:
    site.ask("report")
    assert site.heard(NOW_MS + LATEST_SENDING_MS + 1) == []
    assert "no ingest was connected" in (site.view().error or "")
    CommandKeys(site.engine).remove(SENSOR)
    site.ask("report")
    assert site.heard() == []
    assert (site.view().progress, "no command key" in (site.view().error or "")) == (Progress.REFUSED, True)


def test_silence_is_no_answer_and_a_late_answer_is_one(site: Site) -> None:
    number = site.ask("report")
    site.heard()
    late_ms = NOW_MS + NO_ANSWER_AFTER_MS + 1
    assert site.view(late_ms).progress is Progress.NO_ANSWER
    site.reply(number, "report", health={"heap_free": 81000}, at_ms=late_ms)
    assert site.view(late_ms).progress is Progress.ANSWERED
    assert site.reader.parts(number) == [{"health": {"heap_free": 81000}}]


def test_an_answer_is_whole_when_all_parts_came_in_any_order(site: Site) -> None:
    number = site.ask("baseline")
    site.heard()
    for part in (1, 1, 0):
        assert site.view().progress is Progress.SENT
        site.reply(number, "baseline", part=part, parts=2, names=[f"x.{part}"])
    assert site.view().progress is Progress.ANSWERED
    assert [part["names"] for part in site.reader.parts(number)] == [["x.0"], ["x.1"]]


def test_an_answer_that_nobody_asked_for_is_none(site: Site) -> None:
    number = site.ask("report")
    site.reply(number, "report")  # not sent yet
    site.heard()
    site.reply(number, "report", device="motor-2")
    site.reply(number, "reboot")
    site.reply(number + 1, "report")
    site.reply(10**30, "report")
    assert site.view().progress is Progress.SENT
    assert site.rows(reply_part) == []


@pytest.mark.parametrize(
    "body",
    [
        {"features": "AAAA", "score": 1, "model": "a"},
        {"features": "?", "score": 1, "model": "a"},
        {"features": "AAA=", "score": 99999, "model": "a"},
        {"features": "AAA=", "score": 1, "model": "\0"},
        {"features": "AAA=", "score": 1},
        {"deep": json.loads("[" * 900 + "]" * 900)},
        {"part": 2, "parts": 2},
        {"ok": False},
    ],
)
def test_a_malformed_answer_is_quarantined(site: Site, body: dict[str, Any]) -> None:
    number = site.ask("spectrum")
    site.heard()
    site.reply(number, "spectrum", **body)
    assert len(site.rows(quarantine)) == 1
    assert site.rows(feature_vectors) == site.rows(reply_part) == []


def test_the_features_of_a_spectrum_are_kept_with_their_time(site: Site) -> None:
    site.store.take(
        [Received(SENSOR.topic("status"), json.dumps(status_message(time=1_700_000_000)).encode(), NOW_MS)]
    )
    number = site.ask("spectrum")
    site.heard()
    features = np.arange(-3, 4, dtype="<i2").tobytes()
    body: dict[str, Any] = {
        "features": base64.b64encode(features).decode(),
        "score": -12,
        "model": "9f2c11aa",
    }
    for _ in range(2):
        site.reply(number, "spectrum", **body, uptime_ms=71234)
    (row,) = site.rows(feature_vectors)
    assert (row.device, row.boot, row.time, row.features) == ("motor-1", 3, 1_700_000_010, features)
    assert (row.score, row.model) == (-12, "9f2c11aa")


@pytest.mark.parametrize(
    ("cmd", "fields", "why"),
    [
        ("explode", {}, "accepted: one of"),
        ("learn", {}, "windows: missing; accepted: a whole number from 1 to 500"),
        ("learn", {"windows": 0}, "accepted: a whole number from 1 to 500"),
        ("snapshot", {"frames": True}, "accepted: a whole number"),
        ("report", {"frames": 1}, "no such field; accepted: none"),
        ("thresholds", {}, "nothing to change"),
        ("thresholds", {"velocity_limits_mm_s": [4.5, 2.8]}, "two rising"),
    ],
)
def test_what_no_device_takes_is_not_sent(site: Site, cmd: str, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(NotAccepted, match=why):
        site.ask(cmd, **fields)
    assert site.heard() == []


def snapshot_parts(samples: np.ndarray, *, rate_hz: float, per_part: int) -> list[dict[str, Any]]:
    frames, axes = samples.shape
    head = {"frames": frames, "rate_hz": rate_hz, "axes": axes, "lsb_nm_s2": 1_000_000}
    return [
        {
            **head,
            "at": at,
            "data": base64.b64encode(samples[at : at + per_part].astype("<i2").tobytes()).decode(),
        }
        for at in range(0, frames, per_part)
    ]


def test_a_snapshot_becomes_a_spectrum_in_physical_units() -> None:
    turns = np.arange(2048) * 100 / 2048  # 100 turns: exactly on a line
    samples = np.stack([1000 * np.sin(2 * np.pi * turns), np.zeros(2048), np.full(2048, 500)], axis=1)
    joined = join_snapshot(snapshot_parts(np.round(samples), rate_hz=4096.0, per_part=300))
    assert joined is not None
    hertz, lines = joined.spectrum(0)
    assert hertz[lines.argmax()] == 200.0
    assert lines.max() == pytest.approx(1 / np.sqrt(2), rel=1e-3)  # 1 m/s2 peak
    edges = np.array([10.0, 150.0, 250.0, 2000.0])
    assert joined.band_levels(0, edges)[1] == pytest.approx(1 / np.sqrt(2), rel=1e-3)
    assert joined.spectrum(2)[1].max() < 1e-9


@pytest.mark.parametrize(
    "change",
    [
        {"at": 9},
        {"data": "?"},
        {"axes": 0},
        {"rate_hz": 1e400},
        {"frames": 10**9},
        {"lsb_nm_s2": "x"},
        {"at": None},
    ],
)
def test_parts_that_make_no_snapshot_make_none(change: dict[str, Any]) -> None:
    (part,) = snapshot_parts(np.zeros((8, 3)), rate_hz=100.0, per_part=8)
    assert join_snapshot([part]) is not None
    assert join_snapshot([part | change]) is None
    assert join_snapshot([]) is None


def test_a_machine_is_checked_kept_and_gives_its_frequencies(site: Site) -> None:
    machines = Machines(site.engine)
    said = Machine("iso20816-3-group2-rigid", 1800.0, balls=8, ball_mm=7.12, pitch_mm=30.0, contact_deg=0.0)
    machines.change("demo", "motor-1", said, "ada", NOW_MS)
    assert machines.of("demo", "motor-1") == said
    assert machines.of("demo", "motor-2") == Machine()
    lines = said.lines_hz()
    assert (lines["1x"], round(lines["BPFO"], 2), round(lines["BPFI"], 2)) == (30.0, 91.52, 148.48)
    assert lines["BPFO"] + lines["BPFI"] == pytest.approx(8 * 30.0)
    for wrong, why in (
        (Machine(shaft_rpm=0.0), "shaft_rpm"),
        (Machine(balls=8), "ball_mm is missing"),
        (Machine(balls=8, ball_mm=9.0, pitch_mm=9.0), "less than pitch_mm"),
        (Machine(component_class="x"), "iso20816-3-group1-flexible"),
        (Machine(shaft_rpm=float("nan")), "shaft_rpm"),
    ):
        with pytest.raises(NotAMachine, match=why):
            machines.change("demo", "motor-1", wrong, "ada", NOW_MS)
    assert machines.of("demo", "motor-1") == said
