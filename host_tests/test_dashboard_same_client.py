"""Two ingests of one client id, and one that stood still while the alerts of a long time came."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from vibdash.database.opening import open_database
from vibdash.ingest.store import Store
from vibdash.read.host import INGEST_DEAD_AFTER_MS

from lab.load.processes import IngestProcess
from lab.rigs.dashboard import Device, Mosquitto, Vibdash, eventually
from lab.rigs.databases import KINDS, new_database, rows

NOW_MS = 1_760_000_000_000


@pytest.fixture(params=KINDS)
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture
def pair(broker: Mosquitto, database: str, tmp_path: Path) -> Iterator[list[IngestProcess]]:
    """Two of one name, with their logs in `first` and `second`; the first one is started."""
    made = [IngestProcess(broker, database, tmp_path / name, name="same") for name in ("first", "second")]
    assert made[0].start()
    yield made
    for one in made:
        one.stop(signal.SIGKILL)


def held_by(database: str) -> str:
    return str(rows(database, "SELECT process FROM ingest_link")[0][0])


def test_who_comes_last_has_the_client_id_and_the_other_says_so_and_stands_back(
    pair: list[IngestProcess], broker: Mosquitto, database: str, device: Device, tmp_path: Path
) -> None:
    device.alert(1)
    device.wait_for_ack(1)
    first = held_by(database)
    assert pair[1].start()
    eventually(lambda: held_by(database) != first, "the second has it")
    second = held_by(database)
    said = f"client id same: {second} has taken over; accepted: a --client-id of its own for each ingest"
    eventually(lambda: said in (tmp_path / "first").read_text(), "the first says who evicted it")
    assert f"taking over the client id same from {first}" in (tmp_path / "second").read_text()
    for seq in range(2, 12):
        device.alert(seq)
        device.wait_for_ack(seq)
    assert held_by(database) == second
    assert "has taken over" not in (tmp_path / "second").read_text()
    assert (tmp_path / "second").read_text().count("connection lost") == 0
    assert rows(database, "SELECT connected, detail FROM ingest_link") == [(True, "")]
    page = Vibdash(None, database, tmp_path / "page.log")
    try:
        eventually(
            lambda: any(
                one["failing"] and said in one["last_failure"] for one in page.get("/api/v1/fleet")["work"]
            ),
            "the page says so",
        )
    finally:
        page.stop()
    pair[1].stop(signal.SIGKILL)
    eventually(lambda: held_by(database) == first, "the first takes over again", within_s=90)
    device.alert(12)
    device.wait_for_ack(12)


def test_only_who_is_heard_of_holds_a_client_id(database: str) -> None:
    engine = open_database(database)
    store = Store(engine)
    assert store.holder("same", "a", NOW_MS) is None
    store.note_link("same", "mqtt://broker", True, "", NOW_MS, "b")
    assert store.holder("same", "a", NOW_MS + INGEST_DEAD_AFTER_MS) == "b"
    assert store.holder("same", "b", NOW_MS) is None
    assert store.holder("other", "a", NOW_MS) is None
    assert store.holder("same", "a", NOW_MS + INGEST_DEAD_AFTER_MS + 1) is None
    store.note_link("same", "mqtt://broker", False, "evicted", NOW_MS, "a")
    assert store.holder("same", "a", NOW_MS) == "b"
    store.note_link("same", "mqtt://broker", False, "stopped", NOW_MS, "b")
    assert store.holder("same", "a", NOW_MS) is None
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT detail FROM ingest_link")).scalar() == "stopped"
    engine.dispose()


def test_one_that_stood_still_catches_up_with_all_that_came_meanwhile(
    pair: list[IngestProcess], broker: Mosquitto, database: str
) -> None:
    """The broker gave it up meanwhile, as after an hour, and kept what came for it."""
    devices = [Device(broker, f"motor-{number}") for number in range(4)]
    devices[0].alert(1)
    devices[0].wait_for_ack(1)
    pair[0].send(signal.SIGSTOP)
    broker.stop()  # ends its connection, of which it hears when it goes on
    broker.start()
    for seq in range(2, 302):
        for device in devices:
            device.alert(seq, oldest=1 if device is devices[0] else 2)
    assert rows(database, "SELECT count(*) FROM alert") == [(1,)]
    pair[0].send(signal.SIGCONT)
    for device in devices:
        device.wait_for_ack(301)
        device.leave()
    stored = rows(database, "SELECT device, seq FROM alert ORDER BY device, seq")
    assert stored == [(one.name, n) for one in devices for n in range(1 if one is devices[0] else 2, 302)]
