"""A configuration may ask for orders by angle and for the slow path; the speed is the recording's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import vib
from vibtrain.data import manifest
from vibtrain.features import config, extraction
from vibtrain.features.core_choice import CoreChoice
from vibtrain.recordings import DataError, Entry

RATE_HZ = 6400.0
CORE = CoreChoice(
    window=1024,
    hop=512,
    bands=6,
    band_lo_hz=5,
    band_hi_hz=1400,
    by_angle=1,
    orders=3,
    order_bands=4,
    order_lo_milliorders=700,
    mesh1_milliorders=9000,
    side1_milliorders=1000,
)


def chosen(core: CoreChoice) -> config.TrainingConfig:
    return config.TrainingConfig(
        name="turbine",
        sensor=config.SensorChoice("adxl345", axes=1),
        core=core,
        anomaly=config.AnomalyChoice(inputs=("rms", "order", "mesh", "side")),
    )


def recorded(folder: Path, rpm: np.ndarray, fields: dict[str, str]) -> Entry:
    """A shaft with a gear mesh, at those speeds, frame by frame."""
    turns = np.cumsum(rpm / 60) / RATE_HZ
    x = (
        2 * np.sin(2 * np.pi * turns)
        + 5 * np.sin(2 * np.pi * 9 * turns)
        + 0.5 * np.sin(2 * np.pi * 10 * turns)
    )
    x += 0.3 * np.sin(2 * np.pi * 0.5 * np.arange(len(x)) / RATE_HZ)
    np.savez(folder / "a.npz", x=x, rpm=rpm)
    row = {"file": "a.npz", "rate_hz": f"{RATE_HZ:g}", "columns": "x", "unit": "m/s2", **fields}
    path = folder / "m.csv"
    path.write_text("\n".join(",".join(cells) for cells in (row.keys(), row.values())) + "\n")
    return manifest.catalogue(path)[0]


def by_name(rows: np.ndarray, choice: CoreChoice) -> dict[str, np.ndarray]:
    return dict(zip(vib.feature_names(chosen(choice).core_config()), rows.T / 256, strict=True))


def level(m_s2: float) -> float:
    return float(np.log2(m_s2 * 1e6 / np.sqrt(2)))


def test_the_orders_of_a_run_up_are_sharp_at_the_speed_that_the_recording_states(tmp_path: Path) -> None:
    rpm = 1200 + 60 * np.arange(round(12 * RATE_HZ)) / RATE_HZ  # 20 to 32 Hz
    entry = recorded(tmp_path, rpm, {"speed_column": "rpm"})
    got = by_name(extraction.windows_of(entry, chosen(CORE)).features, CORE)
    assert len(got["x.rms"]) >= 72
    np.testing.assert_allclose(got["x.order01"], level(2), atol=0.06)
    np.testing.assert_allclose(got["x.mesh01"], level(5), atol=0.06)
    np.testing.assert_allclose(got["x.side01"], level(0.5), atol=0.2)
    assert (got["x.order03"] < level(2) - 3).all()


def test_windows_whose_speed_moves_too_far_or_is_not_known_are_left_out(tmp_path: Path) -> None:
    seconds = np.arange(round(12 * RATE_HZ)) / RATE_HZ
    rpm = np.where(
        seconds < 6, 1500.0, np.where(seconds < 6.1, 3000.0, np.where(seconds < 9, 1800.0, np.nan))
    )
    entry = recorded(tmp_path, np.nan_to_num(rpm, nan=0), {"speed_column": "rpm"})
    kept = len(extraction.windows_of(entry, chosen(CORE)).features)
    assert 9 / 0.16 - 12 < kept < 9 / 0.16 - 3
    stopped = recorded(tmp_path, np.zeros(round(3 * RATE_HZ)), {"speed_column": "rpm"})
    with pytest.raises(DataError, match=r"no window of 3\.0 s has all features; accepted: a speed"):
        extraction.windows_of(stopped, chosen(CORE))


def test_the_slow_path_goes_on_from_block_to_block_and_its_first_window_is_waited_for(tmp_path: Path) -> None:
    choice = dataclasses.replace(CORE, slow_window=1024, slow_bands=4)
    entry = recorded(tmp_path, np.full(round(40 * RATE_HZ), 1500.0), {"speed_rpm": "1500"})
    windows = extraction.windows_of(entry, chosen(choice))
    got = by_name(windows.features, choice)
    assert windows.speeds_rpm is not None and len(windows.speeds_rpm) == len(windows.features)
    without = by_name(extraction.windows_of(entry, chosen(CORE)).features, CORE)
    known = len(got["x.rms"])
    assert 17 / 0.16 < known < 20 / 0.16
    assert all(np.array_equal(got[name], values[-known:]) for name, values in without.items())
    np.testing.assert_allclose(got["x.slow_line_freq"], np.log2(50), atol=0.03)
    np.testing.assert_allclose(got["x.slow_line_level"], level(0.3), atol=0.05)
    short = recorded(tmp_path, np.full(round(15 * RATE_HZ), 1500.0), {"speed_rpm": "1500"})
    with pytest.raises(
        DataError, match=r"no window of 15\.0 s has all features; accepted: .* 22 s for slow_window"
    ):
        extraction.windows_of(short, chosen(choice))


def test_a_configuration_without_them_says_of_the_core_what_it_did() -> None:
    assert set(config.load("adi-motor").core_config()) == set(vib.CONFIG_FIELDS[:16])
    with_them = chosen(CORE).core_config()
    assert with_them["mesh1_milliorders"] == 9000 and "mesh2_milliorders" not in with_them
