"""Features by threads, processes and a real Dask cluster on this computer: the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.data import manifest
from vibtrain.features import extraction
from vibtrain.features.extraction import Windows
from vibtrain.recordings import DataError, Entry
from vibtrain.workers import Workers

from lab.rigs.small_model import small_config


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    rows = ["file,machine,label,rate_hz"]
    for i in range(6):
        np.save(tmp_path / f"{i}.npy", random.normal(0, 1 + i % 2, (6400, 3)))
        rows.append(f"{i}.npy,m,{'worn' if i % 2 else ''},3200")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "m.csv"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def extracted(entries: list[Entry], workers: Workers) -> tuple[list[Windows], list[str]]:
    done: list[str] = []
    return extraction.extract(entries, small_config(), done.append, workers), done


def assert_same(one: list[Windows], other: list[Windows]) -> None:
    assert [w.name for w in one] == [w.name for w in other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
        assert a.samples_digest == b.samples_digest


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_workers_on_this_computer(listed: Path, backend: str) -> None:
    entries = manifest.catalogue(listed)
    alone, _ = extracted(entries, Workers(jobs=1))
    together, told = extracted(entries, Workers(backend, jobs=2))
    assert_same(alone, together)
    assert told == [entry.name for entry in entries]


def test_a_dask_cluster_of_two_workers(listed: Path, cluster: Any) -> None:
    entries = manifest.catalogue(listed)
    alone, _ = extracted(entries, Workers(jobs=1))
    together, told = extracted(entries, Workers("dask", scheduler=cluster.scheduler_address))
    assert_same(alone, together)
    assert told == [entry.name for entry in entries]


def test_a_package_made_on_the_cluster_is_the_same(listed: Path, cluster: Any) -> None:
    made = []
    for name, options in (
        ("here", ()),
        ("there", ("--backend", "dask", "--scheduler", cluster.scheduler_address)),
    ):
        out = listed.parent / name
        done = CliRunner().invoke(app, ["fit", "--recordings", str(listed), "--out", str(out), *options])
        assert done.exit_code == 0, done.output
        made.append((out / "model.bin").read_bytes())
    assert made[0] == made[1]


def test_what_is_wrong_with_a_recording_is_said_as_it_is_here(listed: Path, cluster: Any) -> None:
    np.save(listed.parent / "3.npy", np.full((6400, 3), np.nan))
    entries = manifest.catalogue(listed)
    with pytest.raises(DataError, match=r"3\.npy: row 1, column 0: .*nan; accepted: finite numbers"):
        extracted(entries, Workers("dask", scheduler=cluster.scheduler_address))


def test_a_cluster_that_is_not_there_is_one_line(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("vibtrain.workers.CONNECT_S", 1)
    nobody = "tcp://127.0.0.1:9"
    command = ["fit", "--recordings", str(listed), "--out", str(listed.parent / "out"), "--backend", "dask"]
    done = CliRunner().invoke(app, [*command, "--scheduler", nobody])
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert (
        len(errors) == 1 and nobody in errors[0] and "accepted: the address of a Dask scheduler" in errors[0]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backend", "dask"), "accepted: both"),
        (("--scheduler", "tcp://127.0.0.1:9"), "accepted: both"),
        (("--backend", "spark"), "backend 'spark'; accepted: threads, processes, dask"),
        (("--jobs", "0"), "jobs 0; accepted: 1 or more"),
    ],
)
def test_workers_that_cannot_be(listed: Path, arguments: tuple[str, ...], message: str) -> None:
    out = ["--out", str(listed.parent / "out")]
    done = CliRunner().invoke(app, ["fit", "--recordings", str(listed), *out, *arguments])
    assert done.exit_code == 1 and message in done.stderr
