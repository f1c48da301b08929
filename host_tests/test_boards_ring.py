"""The real application on an emulated RISC-V whose chip samples by the instructions that are executed: with the FIFO
read in a timer interrupt into the ring, and by Python. See lab/device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import vib

from lab.device import counting
from lab.device.chips import CHIPS
from lab.rigs.boards import ROOT, firmware_path

MODEL = ROOT / "build" / "models" / "default" / "model.bin"
C3_PS = 8125  # an instruction at 160 MHz and 1.3 cycles each
STALL_MS = 1500  # as a handshake by TLS


def paced(feeds: bool, seconds: int, stall_ms: int = 0) -> dict[str, Any]:
    """So many seconds of an ADXL345 at 3.2 kHz, with a status or an alert each 0.7 s."""
    firmware = firmware_path("QEMU_RV32_SENSOR")
    settings = {"ps": C3_PS, "seconds": seconds, "news_ms": 700, "stall_ms": stall_ms}
    return counting.run(CHIPS["adxl345"], MODEL, firmware, feeds, settings)


@pytest.fixture(scope="module")
def fed() -> dict[str, Any]:
    return paced(True, 12)


def test_in_a_ring_nothing_is_lost_whatever_python_does(fed: dict[str, Any]) -> None:
    assert fed["fed"] and fed["gaps"] == 0 and fed["lost_frames"] == 0
    assert fed["frames"] > 12 * 3200 - 100


def test_python_alone_is_too_slow_for_that(fed: dict[str, Any]) -> None:
    """So the chip does lose what is not read in time, and the sampler says so."""
    said = paced(False, 6)
    assert not said["fed"] and said["gaps"] > 0 and said["lost_frames"] > 0
    assert said["longest_stretch"] > fed["longest_stretch"]


def test_the_rate_is_measured_by_when_bursts_were_read(fed: dict[str, Any]) -> None:
    assert abs(fed["ppm"]) < 1000


def test_a_model_of_an_earlier_format_is_fitted_anew(tmp_path: Path) -> None:
    kept = tmp_path / "adxl345" / "model.bin"
    kept.parent.mkdir()
    kept.write_bytes(b"of another format")
    assert counting.model_of(CHIPS["adxl345"], tmp_path) == kept
    assert vib.Model(kept.read_bytes()).config()["rate_millihz"] == 3200000


def test_a_handshake_is_one_gap_no_fault_and_windows_go_on() -> None:
    said = paced(True, 8, STALL_MS)
    assert said["gaps"] == 1 and said["fault"] == "ok"
    assert said["lost_frames"] < 3200 * STALL_MS / 1000
    at_least = (8000 - STALL_MS) / 160 - 4
    assert said["windows"] >= at_least
