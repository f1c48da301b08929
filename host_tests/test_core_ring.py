"""A chip's FIFO read into a ring: the portable part in any order, and ESP-IDF's task on threads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CORE = HERE.parent / "firmware" / "cmodules" / "vib"
SANITIZED = ["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", f"-I{CORE}"]
RING = [str(CORE / "vib_fifo.c"), str(CORE / "vib_ring.c")]


def built(path: Path, *words: str) -> Path:
    """A program of these sources and options."""
    subprocess.run([os.environ.get("CC", "cc"), *SANITIZED, *words, *RING, "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def ring_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ring")
    return built(folder / "ring_trial", "-std=c99", str(HERE / "ring_trial.c"))


@pytest.mark.parametrize("seed", range(1, 9))
def test_each_loss_is_told_and_nothing_else_is_lost(ring_trial: Path, seed: int) -> None:
    done = subprocess.run([ring_trial, str(seed)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert " frames lost in " in done.stdout


def test_esp_idf_s_task_feeds_while_nobody_asks(tmp_path: Path) -> None:
    """feed_esp32.c over SPI and I2C, on threads in the place of ESP-IDF's tasks; no ESP-IDF and no silicon."""
    port = HERE / "esp32_port"
    includes = [f"-I{HERE}", f"-I{port}", f"-I{port / 'idf'}"]
    sources = [str(HERE / "feed_trial.c"), str(port / "idf_on_host.c"), str(CORE / "feed_esp32.c")]
    trial = built(tmp_path / "feed_trial", "-std=gnu11", "-pthread", *includes, *sources)
    settings = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # blocks of tasks that have ended
    done = subprocess.run([trial], capture_output=True, text=True, timeout=100, env=settings)
    assert done.returncode == 0 and done.stdout == "fed\n", done.stderr
