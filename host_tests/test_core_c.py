"""The core as plain C: transform accuracy, sanitizers, generated tables, names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import vib

from lab.signals import BY_ANGLE, core_config, signals

CORE = Path(__file__).parents[1] / "firmware" / "cmodules" / "vib"
SOURCES = sorted(str(p) for p in CORE.glob("vib_*.c"))
CC = os.environ.get("CC", "cc")
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-I", str(CORE)]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("core") / "windows"
    flags = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    source = str(Path(__file__).with_name("core_windows.c"))
    subprocess.run([CC, *STRICT, *flags, *SOURCES, source, "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def spectrum_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[np.ndarray], tuple[np.ndarray, int]]:
    """Runs core_spectrum.c: bins 0 .. n/2 - 1 of a window, and the power of two that they are scaled by."""
    path = tmp_path_factory.mktemp("core") / "spectrum"
    source = str(Path(__file__).parents[1] / "lab" / "bench" / "core_spectrum.c")
    subprocess.run([CC, *STRICT, *SOURCES, source, "-o", str(path)], check=True)

    def run(x: np.ndarray) -> tuple[np.ndarray, int]:
        answer = subprocess.run(
            [path, str(len(x))], input=x.tobytes(), capture_output=True, check=True
        ).stdout
        words = np.frombuffer(answer, np.int32)
        bins = words[1:].astype(np.float64).view(np.complex128)
        bins[0] = bins[0].real
        return bins, int(words[0])

    return run


@pytest.mark.parametrize("n", [64, 128, 256, 512, 1024, 2048, 4096])
@pytest.mark.parametrize(("dbfs", "least_db"), [(0, 90), (-40, 70)])
def test_spectrum_accuracy(
    spectrum_of: Callable[[np.ndarray], tuple[np.ndarray, int]], n: int, dbfs: int, least_db: int
) -> None:
    """Signal over error of the windowed spectrum, against NumPy in float64 on the same counts."""
    amplitude = 32767 * 10 ** (dbfs / 20)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    for shape in (np.sin(2 * np.pi * np.arange(n) * 0.1234), np.random.default_rng(n).uniform(-1, 1, n)):
        x = np.round(amplitude * shape).astype(np.int16)
        bins, scaled = spectrum_of(x)
        exact = np.fft.rfft((x - x.mean()) * hann)[: n // 2]
        snr_db = 10 * np.log10(np.sum(np.abs(exact) ** 2) / np.sum(np.abs(bins / 2.0**scaled - exact) ** 2))
        assert snr_db >= least_db


@pytest.mark.parametrize("window", [64, 256, 1024, 4096])
def test_no_undefined_behaviour(sanitized: Path, window: int) -> None:
    """Address and undefined-behaviour sanitizers on every signal, fed in odd lumps; the answer is the extension's."""
    config = core_config(window, hop=window // 2) | BY_ANGLE
    for what, x in signals(window).items():
        samples = np.concatenate([x, x[::-1], x])
        stream = np.array([config.get(field, 0) for field in vib.CONFIG_FIELDS], "<u4").tobytes()
        stream += np.uint32(len(samples)).tobytes() + samples.tobytes()
        done = subprocess.run([sanitized], input=stream, capture_output=True)
        assert done.returncode == 0, f"{what}: {done.stderr.decode()}"
        expected = vib.extract(samples, config)
        assert np.array_equal(np.frombuffer(done.stdout, np.int16).reshape(expected.shape), expected), what


def test_the_tables_are_what_their_script_makes() -> None:
    made = subprocess.run(
        [sys.executable, CORE / "tables.py"], capture_output=True, text=True, check=True
    ).stdout
    assert made == (CORE / "vib_tables.c").read_text()


@pytest.fixture(scope="module")
def names() -> Iterator[list[str]]:
    yield vib.feature_names(core_config(1024, axes=3))


def test_features_are_named_in_order(names: list[str]) -> None:
    per_axis = len(names) // 3
    assert names[0] == "x.rms" and names[per_axis] == "y.rms" and names[-1] == "z.ftf"
    assert [name for name in names if name.startswith("y.order")] == ["y.order01", "y.order02", "y.order03"]
    assert len(set(names)) == len(names)
