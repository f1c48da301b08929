"""`vibtrain` as a user meets it: figures on recordings, errors in one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from machine_lacks import needs_recordings
from typer.testing import CliRunner
from vibdash.cli import main as vibdash_cli
from vibtrain.cli import main as vibtrain_cli
from vibtrain.cli.option_groups import flattened


def vibtrain(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vibtrain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | environment)


@needs_recordings("adi-motor")
def test_held_out_speeds_and_loads_are_told_apart(tmp_path: Path) -> None:
    """Trained on 600 and 3000 rpm without load; every other condition of the set is judged unseen."""
    assert vibtrain("fit", "--config", "adi-motor", "--out", tmp_path / "model").returncode == 0
    summary = json.loads(vibtrain("evaluate", tmp_path / "model", "--json").stdout)
    assert summary["held_out_conditions"] == 4
    assert summary["without_baseline"]["window_auc"] >= 0.85
    assert summary["with_baseline"]["window_auc"] >= 0.95
    assert summary["with_baseline"]["false_alarm_rate"] <= 0.02


def test_a_manifest_of_ones_own_recordings_trains_and_evaluates(tmp_path: Path) -> None:
    from vibtrain.data import simulator

    lines = ["file,machine,label,speed_rpm,load,rate_hz"]
    for entry in simulator.catalogue(seconds=1.5):
        if entry.speed_rpm == 1800:
            np.savez(tmp_path / f"{entry.name}.npz", x=entry.read().data)
            lines.append(f"{entry.name}.npz,pump,{entry.label},1800,{entry.load},20000")
    manifest = tmp_path / "mine.csv"
    manifest.write_text("\n".join(lines) + "\n")
    config = tmp_path / "mine.toml"
    config.write_text(
        "name = 'mine'\n[sensor]\nname = 'adxl345'\n"
        "[core]\nwindow = 1024\nhop = 512\nbands = 12\nband_lo_hz = 5\nband_hi_hz = 1440\n"
        "[anomaly]\ninputs = ['rms', 'band']\n[train]\nload = ['0 lb']\n"
    )
    fitted = vibtrain("fit", "--config", config, "--recordings", manifest, "--out", tmp_path / "model")
    assert fitted.returncode == 0, fitted.stderr
    judged = vibtrain("evaluate", tmp_path / "model", "--recordings", manifest, "--json")
    assert json.loads(judged.stdout)["held_out_conditions"] == 1


def test_a_manifest_alone_is_enough(tmp_path: Path) -> None:
    """One axis, slower than any sensor here, no speed, no load, no configuration: it trains, and judges another one."""
    random = np.random.default_rng(1)
    for name in ("train", "other"):
        lines = ["file,machine,label,rate_hz"]
        for label, counts in (("", 1.0), ("worn", 3.0)):
            np.savez(tmp_path / f"{name}-{label}.npz", x=random.normal(0, counts, (40_000, 1)))
            lines.append(f"{name}-{label}.npz,{name},{label},2000")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    fitted = vibtrain("fit", "--recordings", tmp_path / "train.csv", "--out", tmp_path / "model")
    assert fitted.returncode == 0, fitted.stderr
    assert (
        "rate_millihz = 1600000" in (tmp_path / "model" / "model.toml").read_text()
    )  # the chip has no 2000 Hz
    judged = vibtrain("evaluate", tmp_path / "model", "--recordings", tmp_path / "other.csv", "--json")
    figures = json.loads(judged.stdout)
    assert figures["held_out_conditions"] == 1 and not figures["groups"][0]["trained"]
    assert figures["window_auc"] > 0.99 and figures["false_alarms"] == 0
    assert figures["bytes_sampled"] > figures["bytes_sent"] > 0
    known = vibtrain("evaluate", tmp_path / "model", "--recordings", tmp_path / "train.csv", "--json")
    assert json.loads(known.stdout)["held_out_conditions"] == 0


ERRORS = [
    (("evaluate", "/no/such/package"), "model.toml: no such file"),
    (("fit", "--config", "no-such-config", "--out", "out"), "accepted: a .toml file, or adi-motor"),
    (("fit", "--recordings", "none.csv", "--out", "out"), "none.csv"),
    (
        ("fit", "--config", "adi-motor", "--sensor", "lsm6dso", "--out", "out"),
        "adi-motor has its own; accepted: ",
    ),
    (
        ("fit", "--simulate", "--sensor", "lsm6dso", "--out", "out"),
        "adi-motor has its own; accepted: ",
    ),
    (
        ("crossval", "--config", "nxp-fan", "--settle", "3", "--by", "speed"),
        "nxp-fan has its own; accepted: ",
    ),
    (
        ("fit", "--simulate", "--recordings", "m.csv", "--out", "out"),
        "--recordings m.csv; accepted: one of them",
    ),
    (("data", "check", "adi-motor", "--sensor", "lsm6dso"), "accepted: --sensor with a manifest"),
    (("replay", "--simulate", "--out", "out", "nonsense"), "NAME:SECONDS"),
    (("replay", "--simulate", "--out", "out", "simulated_1800_healthy_0lb:soon"), "accepted: a number"),
]


@pytest.mark.parametrize(("arguments", "said"), ERRORS)
def test_errors_are_one_line_and_a_non_zero_exit(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(vibtrain_cli.app, arguments)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)  # nothing else got this far
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and said in lines[0]


def test_a_process_ends_with_the_error_and_its_code() -> None:
    done = vibtrain("evaluate", "/no/such/package")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def test_no_compiler_is_one_clear_line(tmp_path: Path) -> None:
    done = vibtrain("fit", "--simulate", "--out", tmp_path / "model", CC="no-such-compiler")
    assert done.returncode == 1
    assert "no C compiler 'no-such-compiler'" in done.stderr
    assert not (tmp_path / "model").exists()


def test_data_that_are_not_to_be_had_are_said_so(tmp_path: Path) -> None:
    """Without data and network `fit` fails and says what it tried; with --or-simulate it goes on, SIMULATED."""
    nowhere = {
        "VIBNODE_DATA": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",
    }
    refused = vibtrain("fit", "--out", tmp_path / "a", **nowhere)
    assert refused.returncode == 1 and "tried" in refused.stderr
    done = vibtrain("fit", "--or-simulate", "--out", tmp_path / "b", **nowhere)
    assert done.returncode == 0 and "SIMULATED" in done.stderr
    assert 'name = "adi-motor-simulated"' in (tmp_path / "b" / "model.toml").read_text()


def _commands(group: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}".strip(), command


@pytest.mark.parametrize("app", [vibtrain_cli.app, vibdash_cli.app], ids=["vibtrain", "vibdash"])
def test_help_shows_every_default_that_it_speaks_of(app: typer.Typer) -> None:
    """`[default: ...]` in a text is taken for markup and cut, unless it is told to be none."""
    spoken = 0
    for name, command in _commands(typer.main.get_command(app)):
        done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400"})
        shown = " ".join(done.stdout.split())
        for parameter in command.params:
            for default in re.findall(r"\[default: (.*?)\]", getattr(parameter, "help", "") or ""):
                assert f"[default: {default}]" in shown, (name, parameter.name)
                spoken += 1
        assert not re.search(r" \.( |$)", shown), name
    assert spoken >= 8


@dataclass
class Place:
    folder: Annotated[str, typer.Option("--in")]
    depth: Annotated[int, typer.Option(min=0)] = 3


def test_options_of_a_group_reach_the_command_as_one() -> None:
    app = typer.Typer()
    taken = []

    @app.command()
    @flattened
    def look(*, name: Annotated[str, typer.Argument()], place: Place, twice: bool = False) -> None:
        taken.append((name, place, twice))

    assert CliRunner().invoke(app, ["x", "--in", "here", "--twice"]).exit_code == 0
    assert CliRunner().invoke(app, ["y", "--in", "there", "--depth", "0"]).exit_code == 0
    assert taken == [("x", Place("here", 3), True), ("y", Place("there", 0), False)]
    assert CliRunner().invoke(app, ["x", "--in", "here", "--depth", "-1"]).exit_code == 2
    assert CliRunner().invoke(app, ["x"]).exit_code == 2  # --in has no default
