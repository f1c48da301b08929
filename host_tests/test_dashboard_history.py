"""The course of a sensor: thinned without losing a peak, broken where nothing was heard, marked with its alerts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vibdash.database.opening import migrate, open_database
from vibdash.database.schema import alert, status_history
from vibdash.ingest.store import Received, Store
from vibdash.page.history_charts import score_options, velocity_options
from vibdash.page.operating_point import describe_point, speed_options
from vibdash.read.alert_views import alert_view
from vibdash.read.fleet import FleetReader
from vibdash.read.history import MOST_POINTS, History, HistoryReader
from vibdash.read.zones import ZoneError, parse_zones

from lab.rigs.dashboard import alert_message, run_vibdash, status_message
from lab.rigs.databases import KINDS, empty_database, new_database

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000
Take = Callable[..., None]


@pytest.fixture(params=KINDS)
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    opened = open_database(new_database(request.param, tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture
def take(engine: sa.Engine) -> Take:
    store = Store(engine)

    def one(kind: str, message: dict[str, Any], at_ms: int = NOW_MS) -> None:
        store.take([Received(f"vibnode/v1/demo/motor-1/{kind}", json.dumps(message).encode(), at_ms)])

    return one


def read(engine: sa.Engine, hours: int = 24) -> History:
    return HistoryReader(engine).read("demo", "motor-1", NOW_MS - hours * HOUR_MS, NOW_MS)


def test_a_status_stands_where_it_was_said_not_where_it_arrived(engine: sa.Engine, take: Take) -> None:
    take("status", status_message(time=NOW_MS // 1000 - 7200, score=5))
    take("status", status_message(uptime_ms=10**6, time=None, time_quality="none", score=6))
    points = read(engine).points
    assert [point.score for point in points] == [5, 6]
    assert points[0].at_ms // 1000 == NOW_MS // 1000 - 7200
    assert points[1].at_ms == NOW_MS


def test_scores_are_kept_with_the_speed_at_which_they_were(engine: sa.Engine, take: Take) -> None:
    take("status", status_message(score=5, speed_millihz=25_000, load_permille=620, point_source="told"))
    take(
        "status",
        status_message(uptime_ms=10**6, score=300, speed_millihz=30_000, point_source="pulse", pulse="ok"),
    )
    take("status", status_message(uptime_ms=2 * 10**6, score=7))  # speed not known
    take("status", status_message(uptime_ms=3 * 10**6, score=None, speed_millihz=28_000))  # not judged
    found = HistoryReader(engine).at_speeds("demo", "motor-1", 0, 2 * NOW_MS)
    assert sorted((one.speed_millihz, one.score) for one in found) == [(25_000, 5), (30_000, 300)]
    (sensor,) = FleetReader(engine, silent_after_ms=HOUR_MS).fleet(NOW_MS).sensors
    options = speed_options(found, sensor)
    (series,) = options["series"]
    assert sorted(series["data"]) == [
        [1500.0, round(2 ** (5 / 256), 3)],
        [1800.0, round(2 ** (300 / 256), 3)],
    ]


def test_an_alert_keeps_its_operating_point(engine: sa.Engine, take: Take) -> None:
    take("alert", alert_message(1, speed_millihz=24_670, load_permille=620, point_source="told"))
    take("alert", alert_message(2, event="clear"))
    with engine.connect() as connection:
        rows = connection.execute(sa.select(alert).order_by(alert.c.seq)).all()
    with_point, without = (alert_view(row) for row in rows)
    assert (with_point.speed_millihz, with_point.load_permille, with_point.point_source) == (
        24_670,
        620,
        "told",
    )
    assert without.speed_millihz is None
    words = describe_point(with_point.speed_millihz, with_point.load_permille, with_point.point_source)
    assert words == "1480 rpm as it was told, 62 % load"
    assert describe_point(170, None, "pulse") == "10.2 rpm by its probe"
    assert describe_point(None, None, "none") == "not known"


def test_a_long_course_is_thinned_and_keeps_its_peak(engine: sa.Engine) -> None:
    row = {"site": "demo", "device": "motor-1", "boot": 1, "state": "online", "why": "periodic"}
    rows = [
        row
        | {
            "received_at_ms": at_ms,
            "said_at_ms": at_ms,
            "score": 3333 if i == 1234 else i % 50,
            "velocity_um_s": i,
        }
        for i in range(5000)
        for at_ms in [NOW_MS - i * 60_000]
    ]
    with engine.begin() as connection:
        connection.execute(status_history.insert(), rows)
    points = read(engine, hours=100).points
    assert len(points) <= MOST_POINTS + 1
    assert max(point.score or 0 for point in points) == 3333
    assert [point.at_ms for point in points] == sorted(point.at_ms for point in points)
    assert len(read(engine, hours=1).points) == 61


def test_another_sensors_course_is_not_mixed_in(engine: sa.Engine, take: Take) -> None:
    take("status", status_message(time=NOW_MS // 1000))
    take("alert", alert_message(1, time=NOW_MS // 1000))
    other = HistoryReader(engine).read("demo", "motor-2", 0, NOW_MS)
    assert (other.points, other.events) == ((), ())


def test_charts_show_limits_events_gaps_and_zones(engine: sa.Engine, take: Take) -> None:
    for hours_ago, score in ((10, 0), (9, 256), (2, None), (1, 512)):
        at_s = NOW_MS // 1000 - hours_ago * 3600
        said = {"score": score, "velocity_um_s": 1500, "warning": 128}
        take("status", status_message(uptime_ms=10**6 - hours_ago, time=at_s, **said))
    take("alert", alert_message(1, level="warning", threshold=128, score=512, time=NOW_MS // 1000 - 3600))
    take("alert", alert_message(2, cause="velocity", score=7500, threshold=7100, time=NOW_MS // 1000 - 60))
    (sensor,) = FleetReader(engine, silent_after_ms=2 * HOUR_MS).fleet(NOW_MS).sensors
    history = read(engine)
    line, marks = score_options(history, sensor)["series"]
    assert [one["value"][1] for one in line["data"]] == [1.0, 2.0, None, None, 4.0]
    assert [one["symbol"] for one in line["data"]] == ["none", "none", "none", "none", "circle"]
    assert [limit["yAxis"] for limit in line["markLine"]["data"]] == [1.414]
    assert [mark["name"] for mark in marks["data"]] == [
        "Warning raised: Unusual vibration, looks like outer-race"
    ]
    options = velocity_options(history, sensor, (1.4, 2.8, 4.5))
    line, marks = options["series"]
    assert [one["value"][1] for one in line["data"]] == [1.5, 1.5, None, 1.5, 1.5]
    assert [mark["value"][1] for mark in marks["data"]] == [7.5]
    assert [zone[0]["label"]["formatter"] for zone in line["markArea"]["data"]] == [
        f"zone {z}" for z in "ABCD"
    ]
    assert "markArea" not in velocity_options(history, sensor, None)["series"][0]
    json.dumps(options)


def test_zones_are_three_rising_velocities() -> None:
    assert parse_zones("1.4, 2.8,4.5") == (1.4, 2.8, 4.5)
    for text in ("", "1,2", "1,2,x", "2,1,3", "0,1,2", "1,2,nan", "1,2,3,4"):
        with pytest.raises(ZoneError, match="rising"):
            parse_zones(text)
    ended = run_vibdash("page", "--zones", "3,2,1")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_statuses_of_an_older_database_are_kept_and_dated(tmp_path: Path, kind: str) -> None:
    url = empty_database(kind, tmp_path)
    engine = sa.create_engine(url)
    migrate(engine, "0003")
    columns = "site, device, received_at_ms, boot, state, why"
    with engine.begin() as connection:
        values = f"'demo', 'motor-1', {NOW_MS}, 3, 'online', 'birth'"
        connection.execute(sa.text(f"INSERT INTO status_history ({columns}) VALUES ({values})"))
    engine.dispose()
    engine = open_database(url)
    with engine.connect() as connection:
        assert list(connection.execute(sa.select(status_history.c.said_at_ms))) == [(NOW_MS,)]
    engine.dispose()
