"""Bearings run to failure, measured in rounds: each is warned of, the alarm stays up, little comes early."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import vib
from machine_lacks import machine_needs
from vibtrain.data import manifest
from vibtrain.features import automatic, extraction
from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.judging.virtual_sensor import VirtualSensor
from vibtrain.models import fit
from vibtrain.packaging import convert
from vibtrain.recordings import Condition
from vibtrain.workflows import pipeline

from lab import sets_at_hand

SPEED_RPM = {"1": 1800.0, "2": 1650.0, "3": 1500.0}  # by the first figure of a bearing's name
LEARNT = 0.2  # of a life
EARLY = 0.8

there = (Path(os.environ.get("VIBNODE_DATA", ".")) / "pronostia").is_dir()


@pytest.fixture(scope="module")
def lives(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[TrainingConfig, dict[str, list[Windows]]]:
    """Each bearing's windows in order, by its name; the configuration is the automatic one."""
    path = sets_at_hand.manifests(tmp_path_factory.mktemp("manifests"))["pronostia"]
    rows = list(csv.DictReader(path.open()))
    for row in rows:
        row["speed_rpm"] = str(SPEED_RPM[row["machine"].removeprefix("Bearing")[0]])
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    entries = manifest.catalogue(path)
    config = pipeline.general(path, entries, "iis3dwb")
    found: dict[str, list[Windows]] = {}
    for windows in extraction.extract(entries, config):
        found.setdefault(windows.machine, []).append(windows)
    return config, found


@machine_needs("the recordings of pronostia (VIBNODE_DATA)", there=there)
def test_each_failure_is_warned_of_and_little_is_said_before(
    lives: tuple[TrainingConfig, dict[str, list[Windows]]], tmp_path: Path
) -> None:
    config, found = lives
    early = 0
    for name, life in found.items():
        others = [r for other, rs in found.items() if other != name for r in rs]
        known = extraction.pooled(others, 2 * config.detector.average_windows)
        model = vib.Model(convert.convert(fit.fit(known, config)).binary)
        (tmp_path / name).mkdir()
        sensor = VirtualSensor(model, tmp_path / name, int(LEARNT * len(life)), life[0].speed_rpm)
        sensor.play(np.concatenate([r.features for r in life]))
        alerts = [a for a in sensor.alerts if a.cause == "anomaly"]
        assert "alarm" in {a.level for a in alerts}, name
        assert sensor.active == ["anomaly"] and alerts[-1].event != "clear", name
        before = [a for a in alerts if a.window < EARLY * len(life)]
        assert "clear" not in {a.event for a in before}, name
        early += sum(a.event == "raise" for a in before)
    assert early <= 1


def snapshot(number: int, time: str = "") -> Condition:
    return Condition(
        name=str(number),
        machine="m",
        session="s",
        label="healthy",
        time=time,
        rate_hz=25600,
        axes=("x",),
        source="s",
    )


def test_how_often_snapshots_were_taken_is_the_median_of_their_times() -> None:
    times = ["2026-01-01T00:00:00", "2026-01-01T00:01:00", "2026-01-01T00:02:00", "2026-01-01T09:00:00"]
    assert pipeline.snapshots_every_s([snapshot(i, t) for i, t in enumerate(times)]) == 60
    assert pipeline.snapshots_every_s([snapshot(i) for i in range(3)]) is None


@pytest.mark.parametrize(
    ("every_s", "hop", "warning"), [(10.0, 266_670, 12), (1.0, 26_667, 120), (600.0, 1_000_000, 4)]
)
def test_a_window_of_one_snapshot_is_a_round_and_the_dwell_is_counted_in_these(
    every_s: float, hop: int, warning: int
) -> None:
    config = automatic.general("m", "iis3dwb", 25_600, 2, shortest_s=0.1, every_s=every_s)
    assert config.core.hop == hop
    assert config.dwells().warning == warning
    assert config.dwells().alarm == max(3, min(warning, -(-(5 * 26_667 + 2048) // hop)))
