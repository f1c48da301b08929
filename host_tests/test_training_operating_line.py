"""A fleet whose speed never rests: its line, how far its scatter holds, and a device that lives through it."""

from __future__ import annotations

import dataclasses
from array import array
from pathlib import Path

import numpy as np
import pytest
import vib
from vibdash.protocol.messages import Status, parse
from vibnode import status
from vibnode.operating_baseline import OperatingBaseline
from vibnode.operating_point import ESTIMATED, OperatingPoint
from vibtrain.features.automatic import WATCHED_INPUTS
from vibtrain.features.config import Selection
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate
from vibtrain.judging.alerts import points_of
from vibtrain.judging.evaluate import Evaluation
from vibtrain.judging.virtual_sensor import VirtualSensor
from vibtrain.models import fit, operating_line
from vibtrain.models.operating_line import FOUND, HEARD, LOAD, NONE, SPEED, load_thousandths
from vibtrain.packaging import convert
from vibtrain.recordings import Entry, Reading
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_config, small_windows

CONFIG = dataclasses.replace(small_config(classifier=False, average_windows=2), name="fleet")
NAMES = vib.feature_names(CONFIG.core_config())
N = len(NAMES)
SLOPES = np.random.default_rng(5).uniform(150, 400, N)  # steps an octave
DAYS = 14


def run(machine: str, day: int, octaves: float, *, faulty: bool = False, rpm: bool = True) -> Windows:
    """A visit to a machine: its own levels, those of the speed, this visit's scatter, and the windows'."""
    random = np.random.default_rng([sum(machine.encode()), day, faulty])
    own = np.random.default_rng(sum(machine.encode())).normal(0, 60, N)
    rows = 5000 + own + SLOPES * octaves + random.normal(0, 15, N) + random.normal(0, 20, (40, N))
    if faulty:
        rows[:, ::3] += 300  # less than an octave of speed moves it
    return dataclasses.replace(
        small_windows()[0],
        name=f"{machine}-{day}-{faulty}",
        machine=machine,
        session="1",
        label="imbalance" if faulty else "healthy",
        time=f"2026-01-{day + 1:02d}T{'12' if faulty else '00'}:00:00",
        speed_rpm=1200 * 2**octaves if rpm else None,
        features=np.round(rows).astype(np.int16),
        samples_digest=random.bytes(32),
    )


def life(machine: str, *, rpm: bool = True, faults: bool = False) -> list[Windows]:
    octaves = np.random.default_rng(sum(machine.encode())).uniform(-0.5, 0.5, DAYS)
    made = [run(machine, day, float(at), rpm=rpm) for day, at in enumerate(octaves)]
    if faults:
        made += [run(machine, DAYS + i, 0.3 * i - 0.4, faulty=True, rpm=rpm) for i in range(3)]
    return made


def fleet(*, rpm: bool = True) -> list[Windows]:
    return [r for machine in ("a", "b", "c") for r in life(machine, rpm=rpm)]


def judged(model: vib.Model, recordings: list[Windows], **how: object) -> tuple[evaluate.Figures, Evaluation]:
    result = evaluate.evaluate(model, recordings, None, **how)  # type: ignore[arg-type]
    return evaluate.figures([s for g in result.groups for s in g.best], result), result


@pytest.mark.parametrize(("rpm", "over"), [(True, SPEED), (False, FOUND)])
def test_a_fleet_that_was_recorded_at_many_speeds_roams(rpm: bool, over: int) -> None:
    fitted = fit.fit(fleet(rpm=rpm), CONFIG)
    assert (fitted.line.over, fitted.line.roams) == (over, True)
    if rpm:
        assert fitted.line.slopes == pytest.approx(SLOPES, abs=45)  # a ridge, and chance


@pytest.mark.parametrize("rpm", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_a_device_judges_a_new_machine_of_it_at_any_speed(rpm: bool, told: bool) -> None:
    """From one visit on: nothing is outside, hardly a healthy window is over, every fault is found."""
    model = vib.Model(convert.convert(fit.fit(fleet(rpm=rpm), CONFIG)).binary)
    seconds = 40 * CONFIG.core.hop / 3200
    figures, result = judged(model, life("d", rpm=rpm, faults=True), baseline_s=seconds, told=told)
    assert len(result.groups) == 1
    assert (figures.outside_rate, figures.recall) == (0, 1)
    assert figures.false_alarm_rate is not None and figures.false_alarm_rate < 0.005
    sums = result.groups[0].alerts
    assert (sums.false_alarms, sums.detected, len(sums.delays_s)) == (0, 1, 1)
    assert len(result.groups[0].coverage) >= 3


def test_two_places_of_one_machine_are_a_line_that_does_not_roam() -> None:
    fitted = fit.fit([run("a", 0, -1.0), run("a", 1, 1.0)], CONFIG)
    assert (fitted.line.over, fitted.line.roams, fitted.line.reach) == (SPEED, False, 1.0)


def test_what_was_learnt_at_two_speeds_is_judged_between_them() -> None:
    ends = [run("a", 0, -1.0), run("a", 1, 1.0)]
    model = vib.Model(convert.convert(fit.fit(ends, CONFIG)).binary)
    between = [run("a", 2, 0.2), run("a", 2, 0.2, faulty=True)]
    speeds = tuple(r.speed_rpm for r in ends if r.speed_rpm)
    figures, _ = judged(model, [*ends, *between], learn=Selection(speed_rpm=speeds))
    assert (figures.outside_rate, figures.false_alarm_rate, figures.recall) == (0, 0, 1)


def test_a_load_is_a_place_where_the_speed_is_one() -> None:
    loaded = [
        dataclasses.replace(run("a", i, at), speed_rpm=1800, load=load)
        for i, (at, load) in enumerate([(-0.5, "0"), (0.0, "40 %"), (0.5, "80%")])
    ]
    fitted = fit.fit(loaded, CONFIG)
    assert (fitted.line.over, fitted.line.core_middle) == (LOAD, 400)
    words = [dataclasses.replace(r, load=f"{r.load} lb") for r in loaded]
    assert fit.fit(words, CONFIG).line.over == NONE


@pytest.mark.parametrize(
    ("load", "thousandths"),
    [("40", 400), ("40 %", 400), ("12.5%", 125), ("11 lb", None), ("", None), ("1480", None)],
)
def test_only_a_per_cent_is_a_load_with_a_number(load: str, thousandths: float | None) -> None:
    assert load_thousandths(load) == thousandths


def test_speeds_are_heard_only_if_the_fleet_was_heard_right() -> None:
    """Axes x and y have the shaft's line; then they agree on another one."""
    lines = [i for i, name in enumerate(NAMES) if name.endswith("vline_freq")][:2]

    def with_lines(r: Windows, order: float) -> Windows:
        features = r.features.copy()
        features[:, lines] = round(256 * float(np.log2(order * (r.speed_rpm or 0) / 60)))
        return dataclasses.replace(r, features=features)

    fast = [dataclasses.replace(r, speed_rpm=(r.speed_rpm or 0) * 20) for r in fleet()]
    heard = fit.fit([with_lines(r, 1.0) for r in fast], CONFIG)
    assert heard.line.over == HEARD
    assert fit.fit([with_lines(r, 1.3) for r in fast], CONFIG).line.over == SPEED
    assert operating_line.place(fast[0], HEARD) == operating_line.place(fast[0], SPEED)


def test_a_status_tells_the_operating_points_that_were_learnt(tmp_path: Path) -> None:
    model = vib.Model(convert.convert(fit.fit(fleet(), CONFIG)).binary)
    sensor = VirtualSensor(model, tmp_path, 40)
    before = status.facts(sensor._run, sensor._node)
    assert (before["coverage_over"], before["coverage"]) == ("speed", [])
    visits = life("d")
    for r in visits:
        sensor.play(r.features, points_of(r, told=True))
    sensor.keep()
    said = status.facts(sensor._run, sensor._node)
    assert said["coverage"] == sensor.coverage and len(said["coverage"]) >= 3
    rpm = [place * 60 / 1000 for place, _ in said["coverage"]]
    speeds = [r.speed_rpm or 0 for r in visits]
    assert rpm == sorted(rpm) and 0.99 * min(speeds) < rpm[0] and rpm[-1] < 1.01 * max(speeds)
    parsed = parse("vibnode/v1/demo/motor-1/status", status.message("periodic", sensor._run, sensor._node))
    assert isinstance(parsed, Status) and parsed.measured
    assert parsed.measured.coverage == " ".join(f"{place}:{windows}" for place, windows in said["coverage"])


def test_a_speed_that_moves_within_a_recording_is_told_window_by_window() -> None:
    """An octave in 40 windows. Told as one speed, that of its middle, it looks like a fault at its ends."""
    model = vib.Model(convert.convert(fit.fit(fleet(), CONFIG)).binary)
    octaves = np.linspace(-0.5, 0.5, 40)
    still = run("d", DAYS + 1, 0.0)
    sweep = dataclasses.replace(
        still,
        features=(still.features + np.outer(octaves, SLOPES)).round().astype(np.int16),
        speed_rpm=None,
        speeds_rpm=1200 * 2**octaves,
    )
    wrong = dataclasses.replace(sweep, speeds_rpm=np.full(40, 1200.0))
    baseline_s = 40 * CONFIG.core.hop / 3200
    over = []
    for r in (sweep, wrong):
        _, result = judged(model, [*life("d"), r], baseline_s=baseline_s)
        scored = next(s for g in result.groups for s in g.best if s.name == r.name)
        over.append(float((scored.judged >= result.warning).mean()))
    assert over[0] == 0 and over[1] > 0.2


def listed(machine: str, count: int, *, time: bool = True) -> list[Entry]:
    block = np.ones((2000, 3), np.float32)
    return [
        Entry(
            name=f"{machine}-{i}",
            machine=machine,
            session="1",
            label="healthy",
            time=f"2026-01-{i + 1:02d}" if time else "",
            rate_hz=800,
            axes=("x", "y", "z"),
            source="made",
            reader=lambda: Reading([block]),
        )
        for i in range(count)
    ]


def test_machines_that_were_watched_for_long_are_scored_by_all_bands() -> None:
    def inputs(entries: list[Entry]) -> tuple[str, ...]:
        return pipeline.general(Path("made.csv"), entries, "lis2dw12").anomaly.inputs

    assert inputs(listed("a", 12) + listed("b", 12)) == WATCHED_INPUTS
    for few in (listed("a", 24), listed("a", 11) + listed("b", 11), listed("a", 12, time=False) * 2):
        assert "band" not in inputs(few)


def test_a_machine_whose_speed_is_heard_may_be_judged_on_its_way(tmp_path: Path) -> None:
    ends = [
        dataclasses.replace(r, speed_rpm=(r.speed_rpm or 0) * 20)
        for r in (run("a", 0, -1.0), run("a", 1, 1.0))
    ]
    lines = [i for i, name in enumerate(NAMES) if name.endswith("vline_freq")][:2]
    for r in ends:
        r.features[:, lines] = round(256 * float(np.log2((r.speed_rpm or 0) / 60)))
    model = vib.Model(convert.convert(fit.fit(ends, CONFIG)).binary)
    meta = model.meta()
    assert (meta["line_over"], meta["reach"] > 0) == (HEARD, True)
    operating = OperatingBaseline(model, meta, NAMES, str(tmp_path / "operating.bin"))
    point, features = OperatingPoint(), array("h", ends[0].features[0].tobytes())
    operating.locate(point, features)
    assert not operating.knows_place()
    point.set_speed(meta["line_middle"] + 100, ESTIMATED, "estimated")
    operating.locate(point, features)
    assert (operating.place, operating.knows_place(), operating.follows()) == (100, True, False)
