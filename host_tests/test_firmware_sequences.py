"""The device's own program on sequences put together from recordings: what must lead to an alert, and what must not."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import vib
from machine_lacks import needs_recordings
from recorded_sequences import Stage
from vibnode.condition import SETTLE_MS
from vibtrain.data import dataset_loaders, simulator
from vibtrain.features import config
from vibtrain.recordings import Entry, Reading

from lab.rigs.firmware import MICROPYTHON, ROOT, needs_micropython

RAMP = 6  # the longest start or change that the detector lets pass, times four windows
LEARN_WINDOWS = 30
RECORDED = [pytest.param(name, marks=needs_recordings(name)) for name in ("adi-motor", "nxp-fan")]
SPEEDS_RPM = (600.0, 3000.0)


@functools.cache
def stage(name: str) -> tuple[Stage, list[Entry]]:
    """The configuration's stage, and all its recordings; `simulated` is the simulator in the motor's place."""
    if name == "simulated":
        return Stage(config.load("adi-motor")), list(simulator.catalogue(seconds=4))
    return Stage(config.load(name)), dataset_loaders.catalogue(name, announce=lambda _: None)


def of(entries: Iterable[Entry], label: str, **fields: object) -> list[Entry]:
    return [
        e
        for e in entries
        if e.label == label and all(getattr(e, key) == value for key, value in fields.items())
    ]


def without_load(entries: Iterable[Entry]) -> list[Entry]:
    """The healthy recordings that the motor's configuration is trained on."""
    return [e for e in of(entries, "healthy", load="0 lb") if e.speed_rpm in SPEEDS_RPM]


def learnt_s(on: Stage, times: float) -> float:
    """Until the baseline is learnt, and so many times four windows more."""
    return on.config.core.hop / on.rate_hz * LEARN_WINDOWS + times * four_windows_s(on)


def four_windows_s(on: Stage) -> float:
    return float(4 * on.config.core.hop / on.rate_hz)


def told_s(on: Stage) -> float:
    """Until a fault is told at the latest, be it a warning."""
    return float(on.config.detector.warning_dwell_s + SETTLE_MS / 1000 + 8 * four_windows_s(on))


def machine(name: str) -> tuple[Stage, list[Entry], Entry, list[Entry]]:
    """A stage, healthy recordings to train on, one of the machine to be watched, and faults of that."""
    on, entries = stage(name)
    if name == "nxp-fan":
        faults = of(entries, "clog", machine="fan-2") + of(entries, "friction", machine="fan-2")
        return on, of(entries, "healthy", machine="fan-1"), of(entries, "healthy", machine="fan-2")[0], faults
    trained = without_load(entries)
    load = "11 lb"
    faults = [e for e in entries if (e.speed_rpm, e.load) == (3000, load) and e.label.endswith("race")]
    return on, trained, of(entries, "healthy", speed_rpm=3000, load=load)[0], faults


@pytest.mark.parametrize("name", [*RECORDED, "simulated"])
def test_starts_and_stops_are_no_alerts(name: str, tmp_path: Path) -> None:
    on, trained, watched, _ = machine(name)
    healthy, four = on.counts(watched), four_windows_s(on)
    rest, work = 10 * four, learnt_s(on, 20)
    parts = [on.off(rest)]
    still = parts[0]
    for ramp in (0.2 * four, 2 * four, RAMP * four):
        parts += [
            on.change(still, healthy, ramp),
            on.run(healthy, work),
            on.change(healthy, still, ramp),
            on.off(rest),
        ]
    assert on.play(on.model(trained), parts, tmp_path, LEARN_WINDOWS) == []


@pytest.mark.parametrize("name", [*RECORDED, "simulated"])
def test_each_fault_is_one_alert_after_the_dwell_or_when_the_level_has_settled(
    name: str, tmp_path: Path
) -> None:
    on, trained, watched, faults = machine(name)
    healthy, four = on.counts(watched), four_windows_s(on)
    model = on.model(trained)
    before_s = learnt_s(on, 20)
    assert faults
    for i, fault in enumerate(faults):
        parts = [on.run(healthy, before_s), on.run(on.counts(fault), told_s(on))]
        alerts = on.play(model, parts, tmp_path / str(i), LEARN_WINDOWS)
        assert [alert.event for alert in alerts][:1] == ["raise"], fault.name
        assert {alert.event for alert in alerts[1:]} <= {"escalate"}, fault.name
        first = alerts[0].window - on.windows(before_s)
        assert on.config.dwells().alarm - 2 <= first, fault.name
        if alerts[0].level == "alarm":
            assert first <= on.windows(on.config.detector.alarm_dwell_s + SETTLE_MS / 1000 + 4 * four)


@pytest.mark.parametrize("name", [RECORDED[0], "simulated"])
def test_a_machine_of_changing_speed_that_learns_no_baseline_raises_nothing_at_trained_speeds(
    name: str, tmp_path: Path
) -> None:
    on, trained, *_ = machine(name)
    slow, fast = (on.counts(entry) for entry in trained)
    four = four_windows_s(on)
    parts = [on.run(slow, 20 * four)]
    for seconds in (four / 2, 3 * four, 10 * four):
        parts += [on.change(slow, fast, seconds), on.run(fast, 20 * four)]
        parts += [on.change(fast, slow, seconds), on.run(slow, 20 * four)]
    assert on.play(on.model(trained), parts, tmp_path, 0) == []


@pytest.mark.parametrize("name", RECORDED[:1])
def test_every_fault_is_an_alert_at_the_speed_that_was_learnt(name: str, tmp_path: Path) -> None:
    on, entries = stage(name)
    model = on.model(without_load(entries))
    before_s = learnt_s(on, 10)
    healthy = {(e.speed_rpm, e.load): e for e in of(entries, "healthy")}
    silent = []
    for fault in (e for e in entries if e.label != "healthy"):
        before = on.run(on.counts(healthy[fault.speed_rpm, fault.load]), before_s)
        parts = [before, on.run(on.counts(fault), told_s(on))]
        alerts = on.play(model, parts, tmp_path / fault.name, LEARN_WINDOWS)
        if [a.event for a in alerts][:1] != ["raise"] or alerts[0].window < on.windows(
            len(before) / on.rate_hz
        ) - 1:
            silent.append(fault.name)
    assert not silent


@pytest.mark.parametrize("name", RECORDED[:1])
def test_a_lasting_change_of_speed_is_no_alert_though_another_speed_was_learnt(
    name: str, tmp_path: Path
) -> None:
    on, entries = stage(name)
    model = on.model(without_load(entries))
    healthy = [on.counts(e) for e in of(entries, "healthy", load="11 lb")]
    four = four_windows_s(on)
    before_s = learnt_s(on, 20)
    assert len(healthy) == 3
    for i, (learnt, other) in enumerate(itertools.permutations(healthy, 2)):
        for ramp in (0.5, RAMP):
            parts = [on.run(learnt, before_s), on.change(learnt, other, ramp * four)]
            parts += [on.run(other, 60 * four), on.change(other, learnt, ramp * four)]
            parts += [on.run(learnt, 40 * four)]
            assert on.play(model, parts, tmp_path / f"{i} {ramp}", LEARN_WINDOWS) == []


@needs_micropython
@pytest.mark.parametrize("name", RECORDED[:1])
def test_the_device_itself_lets_a_speed_pass_and_tells_a_fault(name: str, tmp_path: Path) -> None:
    """The firmware in MicroPython, no broker being there: what it prints."""
    on, entries = stage(name)
    healthy = of(entries, "healthy", load="0 lb")
    binary = on.model_bin(without_load(entries))
    (tmp_path / "model.bin").write_bytes(binary)
    fault = of(entries, "outer-race", severity="heavy", speed_rpm=1800, load="0 lb")[0]
    played = {e.speed_rpm: e for e in healthy}
    items = [(played[1800], 12), (played[3000], 12), (played[1800], 12), (fault, 12)]
    for i, (entry, _) in enumerate(items):
        (tmp_path / f"{i}.i16").write_bytes(on.counts(entry).astype("<i2").tobytes())
    playlist = {"rate_hz": on.rate_hz, "axes": 3, "lsb_nm_s2": on.config.chip().lsb_nm_s2}
    files = [{"file": f"{i}.i16", "seconds": seconds} for i, (_, seconds) in enumerate(items)]
    (tmp_path / "playlist.json").write_text(json.dumps(playlist | {"items": files}))
    sensor = {"driver": "replay", "playlist": "playlist.json", "pace": 0}
    device = {
        "site": "a",
        "device": "b",
        "model": "model.bin",
        "sensor": sensor,
        "learn_windows": LEARN_WINDOWS,
    }
    (tmp_path / "device.json").write_text(json.dumps(device | {"mqtt": {"host": "127.0.0.1", "port": 1}}))

    def alerts(seconds: float) -> list[str]:
        windows = str(on.windows(seconds))
        command = [str(MICROPYTHON), "-m", "vibnode", "--windows", windows, str(tmp_path / "device.json")]
        environment = {"MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0 and "baseline learnt" in done.stdout, done.stdout
        shutil.rmtree(tmp_path / "state")
        return [line for line in done.stdout.splitlines() if line.startswith("vibnode: alert")]

    assert alerts(35) == []
    assert alerts(47)[0].startswith("vibnode: alert: raise")


@pytest.mark.parametrize("ramp", [0.5, RAMP])
@pytest.mark.parametrize(("learnt_rpm", "other_rpm"), [(1800, 3000), (3000, 600), (1500, 1800)])
def test_a_speed_that_glides_to_another_and_back_is_no_alert(
    learnt_rpm: float, other_rpm: float, ramp: float, tmp_path: Path
) -> None:
    """A simulated machine in one piece, its speed that of each moment."""
    on, entries = stage("simulated")
    trained = without_load(entries)
    four = four_windows_s(on)
    before_s = learnt_s(on, 20)
    lasts_s = np.array([0, before_s, ramp * four, 40 * four, ramp * four, 40 * four])
    speeds_rpm = [learnt_rpm, learnt_rpm, other_rpm, other_rpm, learnt_rpm, learnt_rpm]
    ends_s, rate_hz = lasts_s.cumsum(), trained[0].rate_hz
    frames = round(ends_s[-1] * rate_hz)
    samples = simulator.simulate(
        "healthy",
        0,
        speed_rpm=np.interp(np.arange(frames) / rate_hz, ends_s, speeds_rpm),
        load=0,
        seconds=frames / rate_hz,
        rate_hz=rate_hz,
        random=np.random.default_rng(7),
    )
    entry = dataclasses.replace(trained[0], name="glide", reader=lambda: Reading([samples]))
    assert on.play(on.model(trained), [on.counts(entry)], tmp_path, LEARN_WINDOWS) == []


@pytest.mark.parametrize("name", [RECORDED[0], "simulated"])
def test_a_gross_fault_at_a_speed_that_was_not_learnt_is_an_alert(name: str, tmp_path: Path) -> None:
    on, entries = stage(name)
    model = on.model(without_load(entries))
    learnt, other = (on.counts(of(entries, "healthy", speed_rpm=rpm, load="0 lb")[0]) for rpm in (3000, 1800))
    fault = on.counts(of(entries, "inner-race", severity="heavy", speed_rpm=1800, load="0 lb")[0])
    four = four_windows_s(on)
    parts = [on.run(learnt, learnt_s(on, 20))]
    parts += [on.run(other, 60 * four), on.run(fault, told_s(on))]
    alerts = on.play(model, parts, tmp_path, LEARN_WINDOWS)
    assert [a.event for a in alerts][:1] == ["raise"]
    assert alerts[0].window > on.windows(sum(len(part) for part in parts[:2]) / on.rate_hz) - 1


@pytest.mark.parametrize("name", [*RECORDED, "simulated"])
def test_a_machine_that_comes_and_goes_between_healthy_and_faulty_does_not_chatter(
    name: str, tmp_path: Path
) -> None:
    on, trained, watched, faults = machine(name)
    healthy, faulty, four = on.counts(watched), on.counts(faults[0]), four_windows_s(on)
    parts = [on.run(healthy, learnt_s(on, 20))]
    seconds = 0.0
    while seconds < 180 * four:
        parts += [on.run(faulty, 0.7 * four), on.run(healthy, 0.7 * four)]
        seconds += 1.4 * four
    alerts = on.play(on.model(trained), parts, tmp_path, LEARN_WINDOWS)
    assert len(alerts) <= 2 + seconds / 60


def healthy_conditions() -> tuple[Stage, vib.Model, list[np.ndarray]]:
    """The motor's healthy recordings, of each speed and load, as counts, and a model of two of them."""
    on, entries = stage("adi-motor")
    return on, on.model(without_load(entries)), [on.counts(e) for e in of(entries, "healthy")]


def louder(counts: np.ndarray, decibels: float) -> np.ndarray:
    scaled = np.round(counts * 10 ** (decibels / 20))
    return np.asarray(np.clip(scaled, -32768, 32767), np.int16)


@needs_recordings("adi-motor")
@pytest.mark.parametrize("decibels", [-2.0, 2.0])
def test_two_decibels_of_gain_are_no_fault(decibels: float, tmp_path: Path) -> None:
    on, model, conditions = healthy_conditions()
    before_s = learnt_s(on, 10)
    for i, healthy in enumerate(conditions):
        parts = [on.run(healthy, before_s), on.run(louder(healthy, decibels), 3 * told_s(on))]
        assert on.play(model, parts, tmp_path / str(i), LEARN_WINDOWS) == []


@needs_recordings("adi-motor")
@pytest.mark.parametrize("decibels", [3.0, -3.0])
def test_a_disturbance_of_three_seconds_is_no_alert(decibels: float, tmp_path: Path) -> None:
    """72 of them: 1, 1.5, 2 and 3 s in each of six conditions, three times."""
    on, model, conditions = healthy_conditions()
    for i, healthy in enumerate(conditions):
        parts = [on.run(healthy, learnt_s(on, 10))]
        for seconds in (1.0, 1.5, 2.0, 3.0) * 3:
            parts += [on.run(louder(healthy, decibels), seconds), on.run(healthy, 10.0)]
        assert on.play(model, parts, tmp_path / str(i), LEARN_WINDOWS) == []


@needs_recordings("adi-motor")
@pytest.mark.parametrize("speed_rpm", [600, 1800, 3000])
def test_loads_that_alternate_are_no_alert_in_an_hour_once_both_were_learnt(
    speed_rpm: int, tmp_path: Path
) -> None:
    on, entries = stage("adi-motor")
    model = on.model(without_load(entries))
    unloaded, loaded = (
        on.counts(of(entries, "healthy", speed_rpm=speed_rpm, load=load)[0]) for load in ("0 lb", "11 lb")
    )
    both = np.concatenate([on.run(unloaded, 20.0), on.run(loaded, 20.0)])
    assert on.play(model, [np.tile(both, (90, 1))], tmp_path / "s", 500) == []
