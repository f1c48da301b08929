"""Run the application on the counting board, on one chip, and read what it says of its cost."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import vib

from lab.bench.counting import BenchFailure

from .chips import CHIPS, Chip

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "boards" / "QEMU_RV32_SENSOR"
SCRIPT = Path(__file__).with_name("on_board.py")
TIMEOUT_S = 300
C3_CYCLES = 1.3  # of an instruction
STREAM_BYTES = 65536
FIRMWARE = ROOT / "build/firmware/QEMU_RV32_SENSOR/firmware.elf"
PINS = {"sck": 6, "mosi": 7, "miso": 5, "cs": 10, "int1": 4}


def model_of(chip: Chip, folder: Path) -> Path:
    """model.bin for a chip: the built-in configuration's where there is one, else that of simulated turbines."""
    out = folder / chip.name
    if not _is_model(out / "model.bin"):
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(folder / f"{chip.name}-plant", ignore_errors=True)
        vibtrain = [sys.executable, "-m", "vibtrain"]
        if chip.name in ("adxl345", "iis3dwb"):
            config = "adi-motor" if chip.name == "adxl345" else str(_at_its_rate(chip, folder))
            fit = ["fit", "--config", config, "--simulate", "--out", str(out)]
        else:
            plant = folder / f"{chip.name}-plant"
            simulate = [
                "simulate",
                str(plant),
                "--turbines",
                "2",
                "--days",
                "4",
                "--defect-day",
                "2",
                "--a-day",
                "2",
            ]
            _run([*vibtrain, *simulate, "--seconds", "4", "--rate", f"{chip.rate_hz:g}"])
            fit = [
                "fit",
                "--recordings",
                str(plant / "simulated.csv"),
                "--sensor",
                chip.name,
                "--out",
                str(out),
            ]
        _run([*vibtrain, *fit])
    return out / "model.bin"


def _is_model(path: Path) -> bool:
    """Whether there is a model that this core takes: one of an earlier format is fitted anew."""
    try:
        vib.Model(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _at_its_rate(chip: Chip, folder: Path) -> Path:
    """The IIS3DWB's configuration at the chip's own rate: its recordings are at 20 kHz."""
    source = ROOT / "training/vibtrain/features/configs/adi-motor-iis3dwb.toml"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "adi-motor-iis3dwb-26667.toml"
    path.write_text(source.read_text().replace("rate_hz = 20000", f"rate_hz = {chip.rate_hz:g}"))
    return path


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchFailure(f"{' '.join(command)}\n{done.stderr[-2000:]}")


def stream(chip: Chip, lsb_nm_s2: int) -> bytes:
    """A turning machine with impacts, as its frames come off the bus; loud, but not clipped."""
    random = np.random.default_rng(1)
    t = np.arange(STREAM_BYTES // chip.frame_bytes) / chip.rate_hz
    shaft = 2.0 * np.sin(2 * np.pi * 25 * t) + 0.5 * np.sin(2 * np.pi * 50 * t)
    impacts = 10 * np.exp(-((t * 89) % 1) * 12) * np.sin(2 * np.pi * 0.31 * chip.rate_hz * t)
    m_s2 = np.stack([shaft + impacts, 0.7 * shaft + 0.5 * impacts, 0.3 * shaft + impacts], axis=1)
    counts = (m_s2 + random.normal(0, 0.3, m_s2.shape)) / (lsb_nm_s2 * 1e-9)
    frames = np.clip(counts, -32000, 32000).astype("<i2")
    return b"".join(chip.prefix + frame.tobytes() for frame in frames)


def device(chip: Chip, model: str | None) -> dict[str, Any]:
    """device.json."""
    sensor = {"driver": chip.name, "bus": "spi", **PINS}
    return {
        "site": "bench",
        "device": "counted",
        "sensor": sensor,
        "mqtt": {"host": "127.0.0.1", "port": 1883},
        "model": model,
        "data_dir": "/flash/state",
        "command_key": "00" * 32,
        "learn_windows": 30,
        "status_interval_s": 3600,
    }


def run(
    chip: Chip,
    model: Path,
    firmware: Path,
    feeds: bool = False,
    paced: dict[str, int] | None = None,
) -> dict[str, Any]:
    """What lab/device/on_board.py said; see Chip.on_board. Raises BenchFailure."""
    config = vib.Model(model.read_bytes()).config()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.py").write_text(SCRIPT.read_text())
        (folder / "chip.json").write_text(json.dumps(chip.on_board(feeds, paced)))
        (folder / "stream.bin").write_bytes(stream(chip, config["lsb_nm_s2"]))
        (folder / "device.json").write_text(json.dumps(device(chip, "model.bin")))
        (folder / "model.bin").write_bytes(model.read_bytes())
        return _said(_emulate(folder, firmware)) | {"hop": config["hop"]}


def _emulate(folder: Path, firmware: Path) -> str:
    emulator = tomllib.loads((BOARD / "board.toml").read_text())["emulator"]
    quiet = ["-display", "none", "-monitor", "none", "-serial", "stdio"]
    command = [*emulator, *quiet, "-semihosting-config", "enable=on,target=native", "-kernel", str(firmware)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as expired:
        printed = (expired.stdout or b"").decode(errors="replace")
        raise BenchFailure(
            f"the application did not end in {TIMEOUT_S} s; it printed:\n{printed[-2000:]}"
        ) from None
    return done.stdout


def _said(printed: str) -> dict[str, Any]:
    for line in printed.splitlines():
        if line.startswith("counted: "):
            said: dict[str, Any] = json.loads(line.removeprefix("counted: "))
            return said
    raise BenchFailure(f"the application was not counted; it printed:\n{printed[-2000:]}")


def figures(chip: Chip, folder: Path) -> dict[str, float]:
    """What `make bench` states of a chip, by name. Raises BenchFailure."""
    said = run(chip, model_of(chip, folder), FIRMWARE)
    second = chip.rate_hz / said["frames"]
    in_parts = chip.rate_hz / said["parts"]["frames"]
    parts = said["parts"]
    named = {f"{part}.instructions_per_s": parts[part] * in_parts for part in ("bus", "push", "features")}
    named["node.instructions_per_s"] = said["node"] * second
    named["instructions_per_s"] = said["instructions"] * second
    named["longest_stretch_instructions"] = said["stretch_steady"]
    named["longest_step_instructions"] = said["longest_step"]
    named["heap_bytes"] = said["heap_bytes"]
    named["allocated_bytes_a_window"] = said["allocated_a_window"]
    named |= {f"{pause}.instructions": n for pause, n in said["pauses"].items()}
    return {f"device.{chip.name}.frozen.{name}": round(n) for name, n in named.items()}


def main() -> int:
    """Print what was counted, or with --paced what was lost on an ESP32-C3's time. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="counting", description=__doc__)
    parser.add_argument("chip", choices=CHIPS)
    parser.add_argument(
        "--paced", type=int, default=0, metavar="S", help="let the chip sample for so many seconds"
    )
    parser.add_argument("--ring", action="store_true", help="it is read in an interrupt, into a ring")
    parser.add_argument("--stall-ms", type=int, default=0, help="the processor is kept for so long once")
    parser.add_argument("--news-ms", type=int, default=700, help="between statuses and alerts")
    given = parser.parse_args()
    chip = CHIPS[given.chip]
    ps = round(1e6 * C3_CYCLES / chip.least_mhz)
    paced = {"ps": ps, "seconds": given.paced, "news_ms": given.news_ms, "stall_ms": given.stall_ms}
    model = model_of(chip, ROOT / "build/bench/device")
    print(json.dumps(run(chip, model, FIRMWARE, given.ring, paced if given.paced else None), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
