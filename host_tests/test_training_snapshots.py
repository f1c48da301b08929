"""Short snapshots and recordings that begin with a run-up: a configuration that fits them, and what is put together."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest
from vibtrain.features import automatic
from vibtrain.features.extraction import Windows, in_order, pooled
from vibtrain.judging.run_up import run_up_s
from vibtrain.recordings import DataError
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_windows


def snapshot(number: int, windows: int = 1, **fields: object) -> Windows:
    r = small_windows()[0]
    made = dataclasses.replace(
        r,
        name=f"{number}.csv",
        session="may",
        features=np.full_like(r.features[:windows], number),
        samples_digest=bytes([number]),
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def numbers(r: Windows) -> list[int]:
    return [int(row[0]) for row in r.features]


def test_snapshots_of_one_session_become_recordings_that_can_be_judged() -> None:
    together = pooled([snapshot(i) for i in range(11)], 4)
    assert [numbers(r) for r in together] == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9, 10]]
    assert [r.name for r in together] == ["0.csv", "4.csv"]
    assert together[0].names == tuple(f"{i}.csv" for i in range(4))
    assert together[0].samples_digest != together[1].samples_digest


def test_what_differs_or_is_long_enough_stays_apart() -> None:
    kinds = [
        snapshot(0), snapshot(1, label="worn"), snapshot(2, load="full"), snapshot(3, session="june"),
        snapshot(4, machine="b"), snapshot(5, windows=9), snapshot(6, session="6.csv"),
    ]  # fmt: skip
    assert pooled(kinds, 4) == kinds


def test_snapshots_are_put_together_as_they_happened_not_as_they_are_spelt() -> None:
    """As summer time ends 02:30+02:00 comes an hour before 02:30+01:00; by the letters 02:10+01:00 came before both."""
    times = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"]
    made = [snapshot(i, time=times[i]) for i in (2, 0, 1)]
    assert [numbers(r) for r in pooled(made, 3)] == [[0, 1, 2]]
    assert [numbers(r)[0] for r in in_order(made)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("chip", "rate_hz", "shortest_s", "window", "averaged"),
    [
        ("iis3dwb", 25_600, 0.1, 2048, 8),  # one window a snapshot, 77 ms each
        ("iis3dwb", 20_000, 1.0, 4096, 7),
        ("adxl345", 3_200, 10.0, 1024, 3),  # long ones as ever
        ("adxl345", 3_200, 0.25, 512, 4),
    ],
)
def test_windows_fit_the_recordings(
    chip: str, rate_hz: float, shortest_s: float, window: int, averaged: int
) -> None:
    made = automatic.general("m", chip, rate_hz, 3, shortest_s=shortest_s)
    assert (made.core.window, made.detector.average_windows) == (window, averaged)


@pytest.fixture
def bearing(tmp_path: Path) -> Path:
    """60 snapshots of 0.1 s at 25.6 kHz, of which the last ten are of a bearing that has got loud."""
    lines = ["file,machine,session,rate_hz,label"]
    for i in range(60):
        loud = i >= 50
        noise = np.random.default_rng(i).normal(0, 30.0 if loud else 3.0, (2560, 2))
        np.save(tmp_path / f"{i:02d}.npy", noise)
        lines.append(f"{i:02d}.npy,b,run-1,25600,{'worn' if loud else 'healthy'}")
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_snapshots_under_a_usual_window_make_a_model(bearing: Path) -> None:
    said = CliRunner().invoke(
        app,
        [
            "fit",
            "--recordings",
            str(bearing / "m.csv"),
            "--sensor",
            "iis3dwb",
            "--out",
            str(bearing / "m"),
            "--json",
        ],
    )
    assert said.exit_code == 0, said.output
    figures = json.loads(said.stdout)
    assert figures["window_auc"] == 1 and figures["fault_windows"] == 3
    listed = [e.name for e in manifest.catalogue(bearing / "m.csv")]
    assert sorted(listed) == _trained_on(bearing / "m" / "model.toml")


def _trained_on(path: Path) -> list[str]:
    names: list[str] = tomllib.loads(path.read_text())["training"]["recordings"]
    return names


def test_snapshots_whose_session_nobody_stated_are_refused_with_what_would_help(bearing: Path) -> None:
    text = (bearing / "m.csv").read_text().replace(",run-1,", ",,")
    (bearing / "m.csv").write_text(text)
    said = CliRunner().invoke(
        app,
        ["fit", "--recordings", str(bearing / "m.csv"), "--sensor", "iis3dwb", "--out", str(bearing / "m")],
    )
    assert (
        said.exit_code == 1 and "accepted: longer ones, or snapshots that state their session" in said.output
    )


def test_one_file_that_is_far_too_short_does_not_shrink_the_window_of_all(bearing: Path) -> None:
    for i in range(60):
        np.save(bearing / f"{i:02d}.npy", np.random.default_rng(i).normal(0, 3, (60_000 if i else 600, 2)))
    entries = manifest.catalogue(bearing / "m.csv")
    chosen = pipeline.general(bearing / "m.csv", entries, "iis3dwb")
    assert chosen.core.window == 4096
    with pytest.raises(DataError, match=r"00\.npy: .*accepted: at least 4096"):
        pipeline.windows_of(chosen, entries)


def course(levels: np.ndarray) -> Windows:
    r = small_windows()[0]
    random = np.random.default_rng(3)
    rows = 5000 + levels[:, None] + random.normal(0, 30, (len(levels), r.features.shape[1]))
    return dataclasses.replace(r, features=np.round(rows).astype(np.int16))


@pytest.mark.parametrize(
    ("levels", "seconds"),
    [
        (np.zeros(240), None),
        (np.r_[np.linspace(-900, 0, 80), np.zeros(160)], pytest.approx(80 * 0.5, abs=10)),
        (np.linspace(-900, 900, 240), None),  # never settles
        (np.r_[np.zeros(120), np.full(120, 400)], 60.0),  # another load, which does not go on either
        (np.r_[np.zeros(200), np.full(40, 400)], None),
        (np.r_[np.full(10, -900), np.zeros(20)], None),  # too short to tell
    ],
    ids=["steady", "run-up", "ramp", "step", "late step", "short"],
)
def test_a_run_up_is_told_from_what_is_steady_and_what_never_is(
    levels: np.ndarray, seconds: float | None
) -> None:
    r = course(levels)
    assert run_up_s(r, list(range(r.features.shape[1])), 0.5) == seconds


def test_data_check_proposes_what_to_leave_out_and_fit_does(tmp_path: Path) -> None:
    rate_hz, run_up = 800, 30
    lines = ["file,session,rate_hz,label"]
    for i, label in enumerate(("healthy", "healthy", "worn")):
        t = np.arange(120 * rate_hz) / rate_hz
        level = np.where(t < run_up, 0.3, 1.0) * (4 if label == "worn" else 1)
        noise = np.random.default_rng(i).normal(0, 3, (len(t), 3))
        np.save(tmp_path / f"{i}.npy", noise * level[:, None])
        lines.append(f"{i}.npy,{i},{rate_hz},{label}")
    listed = tmp_path / "m.csv"
    listed.write_text("\n".join(lines) + "\n")
    said = CliRunner().invoke(app, ["data", "check", str(listed), "--json"])
    found = [facts["run_up_s"] for facts in json.loads(said.stdout)]
    assert found == [pytest.approx(run_up, abs=6)] * 2 + [None]
    assert "--settle" in CliRunner().invoke(app, ["data", "check", str(listed)]).stdout
    recalls = []
    for settle in ("0", "36"):
        out = tmp_path / f"model-{settle}"
        arguments = ["fit", "--recordings", str(listed), "--settle", settle, "--out", str(out), "--json"]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        recalls.append(json.loads(done.stdout)["recall"])
        assert f"settle_s = {float(settle)}" in (out / "model.toml").read_text()
    assert recalls[1] == 1
