"""Recordings to look at: gapped, mis-scaled, out of family; leaving them out, and what that changes."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from machine_lacks import needs_recordings
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest
from vibtrain.data.survey import survey
from vibtrain.features import config, extraction
from vibtrain.features.extraction import Windows
from vibtrain.files.time_columns import gaps
from vibtrain.judging.valuation import NEIGHBOURS, shapley, valuations
from vibtrain.recordings import Gaps
from vibtrain.workflows import pipeline, quality

RATE_HZ = 800
FRAMES = 4000


def noise(seed: int, level: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, (FRAMES, 3)) * (1.0, 0.7, 1.3)


def findings_of(folder: Path, rows: dict[str, np.ndarray], extra: str = "") -> dict[str, tuple[str, ...]]:
    """Write each table as CSV with a heading `t,x,y,z`, list them, survey them."""
    lines = ["file,rate_hz,columns,label"]
    for name, table in rows.items():
        np.savetxt(folder / name, table, delimiter=",", header="t [ms],x,y,z", comments="", fmt="%.6f")
        lines.append(f"{name},{RATE_HZ},x y z,")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    return {f.condition.name: f.findings for f in survey(manifest.catalogue(folder / "m.csv"))}


def stamped(data: np.ndarray, steps_ms: np.ndarray) -> np.ndarray:
    return np.column_stack([np.r_[0, np.cumsum(steps_ms)][: len(data)], data])


def test_gaps_and_wrong_rates_by_the_files_own_time_stamps(tmp_path: Path) -> None:
    even = np.full(FRAMES, 1.25)
    gap, back, rounded = even.copy(), even.copy(), np.diff(np.round(np.arange(FRAMES + 1) * 1.25))
    gap[[100, 2000]] = 1.25 * np.array([2, 41])
    back[500] = -3
    found = findings_of(
        tmp_path,
        {
            "even.csv": stamped(noise(1), even),
            "gap.csv": stamped(noise(2), gap),
            "back.csv": stamped(noise(3), back),
            "rounded.csv": stamped(noise(4), rounded),
            "slow.csv": stamped(noise(5), even * 2),
        },
    )
    assert found["even.csv"] == found["rounded.csv"] == ()
    assert found["gap.csv"] == ("gapped (2 gaps, 41 samples missing)",)
    assert found["back.csv"] == ("time goes back (1 times)",)
    assert found["slow.csv"] == ("rate_hz 800, its time stamps say 400",)


def test_an_index_beside_the_time_hides_no_gap_and_shows_one_by_itself(tmp_path: Path) -> None:
    rows, data = np.arange(FRAMES), noise(1)
    times = (rows + 100 * (rows > 200)) / 1000
    np.savetxt(
        tmp_path / "a.csv",
        np.column_stack([rows, times, data]),
        delimiter=",",
        header=",time,x,y,z",
        comments="",
    )
    assert gaps(tmp_path / "a.csv", "xyz") == Gaps(1000.0, 1, 100, 0)
    np.savetxt(
        tmp_path / "b.csv",
        np.column_stack([rows + 7 * (rows > 9), data]),
        delimiter=",",
        header="n,x,y,z",
        comments="",
    )
    assert gaps(tmp_path / "b.csv", "xyz") == Gaps(None, 1, 7, 0)


def test_another_scale_than_its_kin_on_every_axis(tmp_path: Path) -> None:
    even = np.full(FRAMES, 1.25)
    rows = {f"{i}.csv": stamped(noise(i, 1 + 0.2 * i), even) for i in range(5)}
    rows["g.csv"] = stamped(noise(7) / 9.80665, even)
    rows["milli.csv"] = stamped(noise(8) * 1000, even)
    rows["fault.csv"] = stamped(noise(9) * (1, 9, 4), even)  # loud, but not alike on all axes
    found = findings_of(tmp_path, rows)
    assert [name for name, why in found.items() if why] == ["g.csv", "milli.csv"]
    assert "on every axis; g and m/s²?" in found["g.csv"][0]
    assert "on every axis; units and thousandths?" in found["milli.csv"][0]


@pytest.mark.parametrize(
    "right", [(True, False, False, True, True, False), (False, True, True, False, True, True)]
)
def test_the_value_is_the_shapley_value_of_a_vote(right: tuple[bool, ...]) -> None:
    """Against the definition: the mean gain of each voter over all orders in which voters can come."""
    neighbours, count = 3, len(right)

    def share_right(voters: list[int]) -> float:
        return sum(right[i] for i in sorted(voters)[:neighbours]) / neighbours

    gains = np.zeros(count)
    orders = list(permutations(range(count)))
    for order in orders:
        for place, voter in enumerate(order):
            gains[voter] += share_right([*order[: place + 1]]) - share_right([*order[:place]])
    np.testing.assert_allclose(shapley(np.array(right), neighbours), gains / len(orders), atol=1e-12)


def family(seed: int = 1) -> list[Windows]:
    """Twelve healthy and twelve faulty recordings of a machine, each a session of its own."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(24):
        faulty = i >= 12
        rows = 4000 + 400 * faulty + random.normal(0, 40, 6) + random.normal(0, 20, (9, 6))
        made.append(
            Windows(
                name=f"r{i}", machine="m", session=f"s{i}", label="imbalance" if faulty else "healthy", rate_hz=100,
                axes=("x",), source="seeded", features=np.round(rows).astype(np.int16),
                first_window=np.zeros((1, 1), np.int16), samples_digest=bytes([i]),
            )
        )  # fmt: skip
    return made


def test_a_wrong_label_stands_out_and_a_right_one_does_not() -> None:
    sound = family()
    assert not any(v.finding for v in valuations(sound, range(6)))
    swapped = [dataclasses.replace(r, label="healthy") if r.name == "r20" else r for r in sound]
    (found,) = [v for v in valuations(swapped, range(6)) if v.finding]
    assert (found.name, found.agreement) == ("r20", 0.0) and found.value < 0.5
    assert "nearest of other sessions: imbalance" in found.finding


def test_near_copies_of_one_session_do_not_vouch_for_each_other() -> None:
    wrong = [
        dataclasses.replace(r, label="healthy", session="one") if r.name in ("r20", "r21", "r22") else r
        for r in family()
    ]
    assert {v.name for v in valuations(wrong, range(6)) if v.finding} == {"r20", "r21", "r22"}


def test_too_few_other_sessions_to_ask() -> None:
    assert valuations(family()[:NEIGHBOURS], range(6)) == []


@needs_recordings("adi-motor")
def test_planted_wrong_labels_on_real_recordings() -> None:
    """Eight of the 78 ADI recordings are called healthy where they are faulty, or faulty where they are healthy."""
    chosen = config.load("adi-motor")
    windows = extraction.extract(pipeline.entries_of(chosen, announce=lambda line: None), chosen)
    hits = flagged = 0
    for seed in range(10):
        wrong = set(np.random.default_rng(seed).choice(len(windows), 8, replace=False))
        planted = [
            dataclasses.replace(r, label="imbalance" if r.is_healthy else "healthy") if i in wrong else r
            for i, r in enumerate(windows)
        ]
        names = {name for name, why in quality.findings([], planted, chosen).items() if why}
        hits += len(names & {windows[i].name for i in wrong})
        flagged += len(names)
    assert hits >= 0.65 * 80  # measured: see docs/DATA.md
    assert hits >= 0.7 * flagged


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Twelve recordings, of which one has a wrong label and one is stuck."""
    rows = ["file,machine,session,label,rate_hz"]
    for i in range(12):
        data = noise(i, 1 + 3 * (i % 2))
        if i == 4:
            data[1000:2000, 1] = 0.5
        label = "worn" if i % 2 and i != 3 else ""
        np.save(tmp_path / f"{i}.npy", data)
        rows.append(f"{i}.npy,m,s{i},{label},{RATE_HZ}")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "m.csv"


def test_check_lists_what_speaks_against_each(listed: Path) -> None:
    done = CliRunner().invoke(app, ["data", "check", str(listed), "--json"])
    assert done.exit_code == 0, done.output
    found = {fact["name"]: fact["findings"] for fact in json.loads(done.stdout) if fact["findings"]}
    assert set(found) == {"3.npy", "4.npy"}
    assert "stuck" in found["4.npy"][0] and "out of family" in found["3.npy"][0]


def test_drop_leaves_them_out_and_says_what_that_changes(listed: Path) -> None:
    out = listed.parent / "model"
    command = ["fit", "--recordings", str(listed), "--out", str(out), "--drop", "flagged", "--drop", "6.npy"]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert set(facts["dropped"]) == {"3.npy", "4.npy", "6.npy"}
    assert facts["dropped"]["6.npy"] == "named by --drop"
    assert facts["dropped"]["3.npy"].startswith("flagged: out of family")
    training = tomllib.loads((out / "model.toml").read_text())["training"]
    assert training["recordings"] == sorted(f"{i}.npy" for i in range(12) if i not in (3, 4, 6))
    before, after = facts["change"]["with them"], facts["change"]["without them"]
    assert (
        after["warning"] == facts["change"]["without them"]["warning"]
        and before["warning"] != after["warning"]
    )
    assert after["recall"] >= before["recall"]


def test_the_package_says_what_was_left_out_and_why(listed: Path) -> None:
    packages = listed.parent / "one", listed.parent / "two"
    for out, wanted in zip(packages, (["flagged", "6.npy"], ["6.npy", "flagged"]), strict=True):
        drop = [word for name in wanted for word in ("--drop", name)]
        done = CliRunner().invoke(app, ["fit", "--recordings", str(listed), "--out", str(out), *drop])
        assert done.exit_code == 0, done.output
    one, two = ((out / "model.toml").read_bytes() for out in packages)
    assert one == two
    left_out = tomllib.loads(one.decode())["training"]["dropped"]
    assert list(left_out) == ["3.npy", "4.npy", "6.npy"]
    assert left_out["4.npy"].startswith("flagged: stuck") and left_out["6.npy"] == "named by --drop"
    report = listed.parent / "r.html"
    done = CliRunner().invoke(
        app, ["report", str(packages[0]), "--recordings", str(listed), "--out", str(report)]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(report.with_suffix(".json").read_text())["model_card"]["Left out"].startswith(
        "3.npy (flagged: out of family"
    )


def test_drop_of_an_unknown_recording_is_one_line(listed: Path) -> None:
    out = listed.parent / "model"
    done = CliRunner().invoke(
        app, ["fit", "--recordings", str(listed), "--out", str(out), "--drop", "99.npy"]
    )
    assert done.exit_code == 1
    assert "--drop '99.npy'; accepted: flagged, or a recording's name such as 0.npy" in done.stderr
    assert not out.exists()
