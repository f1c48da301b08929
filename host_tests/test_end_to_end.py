"""The demo as a test: recordings, the linked model, three virtual sensors, a broker, the database."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_S = 240


def demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), "--folder", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LONGEST_S, env=os.environ | environment
    )


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "vibdash.sqlite") as database:
        return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "run"
    return folder, demo(folder, "--for", "40", "--pace", "2")


def test_the_expected_alerts_and_no_others(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert "As expected" in done.stdout


def test_a_fault_is_a_record_in_the_database_and_health_is_none(
    played: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = played
    raised = rows(folder, "select device, cause from alert where event = 'raise'")
    assert sorted(raised) == [("motor-1", "anomaly"), ("motor-2", "anomaly")]


def test_far_less_is_sent_than_sampled(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = played
    sampled, sent = rows(folder, "select sum(bytes_sampled), sum(bytes_sent) from boot")[0]
    assert int(str(sampled)) > 50 * int(str(sent)) > 0


def test_a_run_too_short_to_see_the_alerts_is_a_failure(tmp_path: Path) -> None:
    done = demo(tmp_path / "run", "--for", "4")
    assert done.returncode == 1
    assert "no alert yet of its outer-race fault" in done.stdout


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    """As a terminal sends it, to every process of the group; the sensors still say goodbye, and exit code 0."""
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), "--folder", str(tmp_path / "run")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "All three are healthy" in line:
            break
    while not rows(tmp_path / "run", "select * from device where state = 'online'"):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, printed + errors
    assert "Stopping" in printed and errors == ""
    states = rows(tmp_path / "run", "select distinct state, why from device")
    assert set(states) <= {("offline", "shutdown"), ("online", "birth"), ("online", "change")}


def test_a_missing_model_is_one_clear_line(tmp_path: Path) -> None:
    done = demo(tmp_path / "run", "--for", "4", "--model", str(tmp_path / "none"))
    assert done.returncode == 1
    assert done.stdout.startswith("error: ") and "model.toml: no such file" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1


def test_a_taken_page_port_is_no_obstacle(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo(tmp_path / "run", "--for", "2", "--port", str(port))
    assert "The page: http://127.0.0.1:" in done.stdout
    assert f"127.0.0.1:{port}/" not in done.stdout
