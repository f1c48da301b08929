"""Spectra on the page: what is usual, what is marked, how spectra of several kinds stand in the same bands."""

import base64
import dataclasses
import json
import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vib
from dashboard_browser import browser as browser
from nicegui.elements import echart
from playwright.sync_api import Browser, Page, Route
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.page.spectrum_chart import alert_spectrum_options, snapshot_options, waterfall_options
from vibdash.read.alert_views import AlertView
from vibdash.read.fleet import FleetReader
from vibdash.read.machines import Machine
from vibdash.read.references import Reference, References
from vibdash.read.replies import ReplyReader
from vibdash.read.snapshots import Snapshot
from vibdash.read.waterfall import FEATURES_BEFORE_BANDS, WaterfallReader
from vibdash.read.zones import zone_of, zones_of_class
from vibdash.wording import LINE_WORDS, describe_answer, describe_command

from lab.rigs.dashboard import alert_message
from lab.rigs.firmware_model import CONFIG

NOW_MS = 1_760_000_000_000
BANDS = 4
LINE_HZ = 5000 / 4096  # between the lines of a snapshot
MACHINE = Machine(shaft_rpm=1800.0, balls=8, ball_mm=7.12, pitch_mm=30.0)


Answer = tuple[int, int, list[dict[str, Any]]]  # number, when, parts


class Told(ReplyReader):
    """Answers as a sensor gave them, by command, the newest first."""

    def __init__(self, **answers: list[Answer]) -> None:
        self._answers = answers

    def answered(self, site: str, device: str, cmd: str, *, limit: int) -> list[Answer]:
        return self._answers.get(cmd, [])[:limit]


class NoMachines:
    def of(self, site: str, device: str) -> Machine:
        return MACHINE


@pytest.fixture
def alert(tmp_path: Path) -> AlertView:
    engine = open_database(f"sqlite:///{tmp_path}/x.db")
    payload = json.dumps(alert_message(1, time=NOW_MS // 1000)).encode()
    Store(engine).take([Received("vibnode/v1/demo/motor-1/alert", payload, NOW_MS)])
    (found,) = FleetReader(engine, silent_after_ms=1).alerts(limit=1)
    engine.dispose()
    return found


def vector(levels: list[int], axes: int = 3) -> str:
    """A feature vector whose bands are those levels on x, and 100 more on each further axis."""
    axis = [0] * FEATURES_BEFORE_BANDS + levels
    values = [value + 100 * number if value else 0 for number in range(axes) for value in axis]
    return base64.b64encode(np.array(values, "<i2").tobytes()).decode()


def test_bands_stand_in_a_vector_where_the_core_puts_them() -> None:
    names = vib.feature_names(CONFIG)
    per_axis = len(names) // 3
    assert [names[axis * per_axis + FEATURES_BEFORE_BANDS] for axis in range(3)] == [
        "x.band00",
        "y.band00",
        "z.band00",
    ]


def test_what_is_usual_is_known_from_the_alert_and_from_the_baseline(alert: AlertView) -> None:
    bare = alert_spectrum_options(alert, Reference())["series"][1]["data"]
    assert [band for band, level in enumerate(bare) if level is not None] == [11]
    usual = {f"x.band{band:02d}": 2560 for band in range(16)}
    known = alert_spectrum_options(alert, Reference(usual))["series"][1]["data"]
    assert known[0] == pytest.approx(2**10 * 1e-6, rel=1e-2)
    assert known[11] == bare[11]  # the alert was there later


def test_the_machines_frequencies_are_marked_at_their_place_among_the_bands(alert: AlertView) -> None:
    marks = alert_spectrum_options(alert, Reference(machine=MACHINE))["series"][2]["markLine"]["data"]
    at = {mark["name"]: mark["xAxis"] for mark in marks}
    assert at["outer race"] == pytest.approx(math.log10(91.52), abs=1e-3)
    assert set(at) == {"shaft", "2x", "3x", "outer race", "inner race", "ball", "cage"}


PHONE_PX, DESK_PX = 340, 900
CHARTS = Path(echart.__file__).parent / "dist"  # what the page itself draws with
CHART_PAGE = """<script type=module>import {echarts} from "/index.js";
window.draw = (options, width) => {
    document.body.innerHTML = `<div style="width: ${width}px; height: 360px"></div>`;
    window.chart = echarts.init(document.body.firstChild, null, {renderer: "svg"});
    chart.setOption(options);
}</script>"""
NAMES_DRAWN = """names => [...document.querySelectorAll("svg text")].filter(text => names.includes(text.textContent))
    .map(text => [text.textContent, text.getBoundingClientRect()])
    .map(([name, box]) => [name, box.left, box.top, box.right, box.bottom])"""


@pytest.fixture
def chart_page(browser: Browser) -> Iterator[Page]:
    def answer(route: Route) -> None:
        file = route.request.url.rsplit("/", 1)[1]
        if file:
            route.fulfill(path=CHARTS / file, content_type="text/javascript")
        else:
            route.fulfill(body=CHART_PAGE, content_type="text/html")

    page = browser.new_page()
    page.route("http://charts.invalid/**", answer)
    page.goto("http://charts.invalid/")
    page.wait_for_function("!!window.draw")
    yield page
    page.close()


def overlapping(page: Page) -> list[tuple[str, str]]:
    """Names of marks that are drawn over each other."""
    drawn = page.evaluate(NAMES_DRAWN, list(LINE_WORDS.values()))
    assert len(drawn) >= len(LINE_WORDS) - 1  # a cage at 600 rpm is slower than an alert's first band
    return [
        (one[0], other[0])
        for one, other in combinations(drawn, 2)
        if one[1] < other[3] and other[1] < one[3] and one[2] < other[4] - 0.5 and other[2] < one[4] - 0.5
    ]


@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
@pytest.mark.parametrize("rpm", [600.0, 1800.0, 6000.0])
def test_no_name_of_a_mark_covers_another(chart_page: Page, alert: AlertView, width: int, rpm: float) -> None:
    reference = Reference(machine=dataclasses.replace(MACHINE, shaft_rpm=rpm))
    chart_page.evaluate(
        "([o, w]) => draw(o, w)", [snapshot_options(snapshot(500.0), None, 0, reference), width]
    )
    assert overlapping(chart_page) == []
    chart_page.evaluate("chart.dispatchAction({type: 'dataZoom', start: 0, end: 100})")
    assert overlapping(chart_page) == []
    chart_page.evaluate("([o, w]) => draw(o, w)", [alert_spectrum_options(alert, reference), width])
    assert overlapping(chart_page) == []


def test_a_baseline_from_before_learning_anew_is_out_of_date() -> None:
    parts: list[dict[str, Any]] = [{"names": ["x.rms", "x.band00"], "median": [4000, 3000]}]
    told: Answer = (3, NOW_MS, [*parts, {"names": ["?"], "median": ["?"]}])
    machines: Any = NoMachines()
    assert References(Told(baseline=[told]), machines).of("demo", "motor-1").usual == {
        "x.rms": 4000,
        "x.band00": 3000,
    }
    stale = References(Told(baseline=[told], learn=[(4, NOW_MS, [])]), machines).of("demo", "motor-1")
    assert (stale.usual, stale.machine) == ({}, MACHINE)


def snapshot(hertz: float, frames: int = 4096, rate_hz: float = 5000.0) -> Snapshot:
    waves = np.sin(2 * np.pi * hertz * np.arange(frames) / rate_hz)
    return Snapshot(np.stack([waves, 2 * waves, 0 * waves], axis=1), rate_hz)


def test_a_snapshot_is_drawn_over_the_healthy_one() -> None:
    now_and_healthy = snapshot(410 * LINE_HZ), snapshot(246 * LINE_HZ)
    options = snapshot_options(*now_and_healthy, 1, Reference(machine=MACHINE))
    now, healthy, marks = options["series"]
    peaks = [max(one["data"], key=lambda point: point[1]) for one in (now, healthy)]
    assert [round(hertz) for hertz, _ in peaks] == [500, 300]
    assert peaks[0][1] == pytest.approx(2**0.5, rel=0.05)
    assert len(now["data"]) <= 2048
    assert options["dataZoom"][0]["endValue"] == round(5 * 148.48)
    assert len(marks["markLine"]["data"]) == 7
    alone = snapshot_options(now_and_healthy[0], None, 1, Reference())
    assert [one["name"] for one in alone["series"][:-1]] == ["now"]
    json.dumps(options)


def test_spectra_of_all_kinds_stand_in_the_same_bands(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/x.db")
    levels = base64.b64encode(bytes([40, 41, 42, 43])).decode()
    spectrum: dict[str, Any] = {"lo_hz": 40, "hi_hz": 2500, "axis": "y", "levels": levels}
    others: tuple[dict[str, Any], ...] = ({"hi_hz": 900}, {"axis": "x"}, {})
    for seq, changes in enumerate(others, 1):
        message = alert_message(seq, time=NOW_MS // 1000, spectrum=spectrum | changes)
        Store(engine).take([Received("vibnode/v1/demo/motor-1/alert", json.dumps(message).encode(), NOW_MS)])
    bands = {"lo_hz": 40, "hi_hz": 2500, "bands": BANDS, "axes": 3}
    asked: list[Answer] = [(1, NOW_MS + 1000, [{"features": vector([2560] * BANDS), **bands}])]
    asked.append((2, NOW_MS, [{"features": "?"}]))
    data = base64.b64encode(np.full((64, 3), [0, 100, -100]).astype("<i2").tobytes()).decode()
    raw = {"frames": 64, "rate_hz": 5000.0, "axes": 3, "lsb_nm_s2": 10**6, "at": 0, "data": data}
    replies = Told(spectrum=asked, snapshot=[(3, NOW_MS + 2000, [raw]), (4, NOW_MS, [])])
    fall = WaterfallReader(engine, replies).read("demo", "motor-1", "y")
    assert fall is not None
    assert [(row.kind, len(row.levels_m_s2)) for row in fall.rows] == [
        ("alert", BANDS),
        ("spectrum", BANDS),
        ("snapshot", BANDS),
    ]
    assert fall.rows[1].levels_m_s2[0] == pytest.approx(2 ** (2660 / 256) * 1e-6)
    options = waterfall_options(fall, ["a", "b", "c"])
    assert len(options["series"][0]["data"]) == 3 * BANDS
    json.dumps(options)
    assert WaterfallReader(engine, Told()).read("demo", "motor-2", "y") is None
    only_raw = WaterfallReader(engine, Told(snapshot=[(3, NOW_MS, [raw])])).read("demo", "motor-2", "z")
    assert only_raw is not None
    assert only_raw.edges_hz[-1] == pytest.approx(2500)
    engine.dispose()


def test_zones_are_those_of_the_class() -> None:
    assert zones_of_class("iso20816-3-group2-rigid") == (1.4, 2.8, 4.5)
    assert [zone_of(v, (1.4, 2.8, 4.5)) for v in (1.4, 2.0, 4.5, 4.6)] == ["A", "B", "C", "D"]
    gearbox = zones_of_class("vdi3834-1-gearbox")
    assert gearbox == (None, 3.5, 5.6)
    assert [zone_of(v, gearbox) for v in (1.0, 5.0, 6.0)] == ["A or B", "C", "D"]


def test_commands_and_answers_are_told_in_words() -> None:
    assert describe_command("learn", {"windows": 30}) == "Learn baseline: windows 30"
    assert describe_command("thresholds", {"warning": None}) == "Thresholds: warning own"
    health = {"heap_free": 81000, "tasks": {"uplink": 0}, "baseline": None}
    told = dict(describe_answer("report", [{"health": health}]))
    assert told == {"health heap free": "81,000", "health tasks uplink": "0", "health baseline": "-"}
    assert describe_answer("spectrum", [{"score": 256}])[1] == ("From healthy", "2.0\N{MULTIPLICATION SIGN}")
    assert describe_answer("reboot", [{}]) == [("Answer", "done")]
    assert describe_answer("report", []) == []
