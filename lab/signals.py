"""Signals that try the core: int16 counts of one axis, by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]

BEARING = {
    "bpfo_milliorders": 3585,
    "bpfi_milliorders": 5415,
    "bsf_milliorders": 2357,
    "ftf_milliorders": 398,
}

BY_ANGLE = {
    "by_angle": 1,
    "orders": 8,
    "order_bands": 6,
    "order_envelope_bands": 4,
    "order_lo_milliorders": 700,
    "mesh1_milliorders": 7_000,
    "side1_milliorders": 1_000,
    "mesh2_milliorders": 3_370,
    "side2_milliorders": 2_100,
}


def core_config(window: int, *, axes: int = 1, rate_hz: int = 3200, hop: int | None = None) -> dict[str, int]:
    """A configuration that is valid for every window size."""
    return {
        "rate_millihz": rate_hz * 1000,
        "window": window,
        "hop": hop or window,
        "axes": axes,
        "lsb_nm_s2": 38_307_227,
        "bands": min(12, window // 32),
        "band_lo_hz": max(5, -(-rate_hz // window)),
        "band_hi_hz": rate_hz * 45 // 100,
        "envelope_bands": 4 if window >= 128 else 2,
        "envelope_lo_hz": rate_hz // 5,
        "envelope_hi_hz": rate_hz * 44 // 100,
        "orders": 3,
        **BEARING,
    }


def signals(window: int) -> dict[str, Int16]:
    """Every trying signal, shape (window, 1)."""
    random = np.random.default_rng(window)
    n = np.arange(window)
    impulse, step = np.zeros(window), np.zeros(window)
    impulse[window // 3], step[window // 2] = 32767, 1
    modulated = (1 + 0.5 * np.cos(2 * np.pi * n * 7 / window)) * 8000 * np.sin(2 * np.pi * 0.3 * n)
    exact = {
        "full-scale tone": 32767 * np.sin(2 * np.pi * n / 7.3),
        "tone at -40 dB": 327 * np.sin(2 * np.pi * n / 20 + 0.3),
        "two tones 60 dB apart": 20000 * np.sin(2 * np.pi * n / 9.1) + 20 * np.sin(2 * np.pi * n / 3.3),
        "impulse": impulse,
        "impulse of one count": step,
        "constant": np.full(window, 12345),
        "zeros": np.zeros(window),
        "full-scale square": np.where(np.sin(2 * np.pi * n / 16 + 0.1) > 0, 32767, -32768),
        "one-count noise": random.integers(0, 2, window),
        "one-count noise on a large offset": random.integers(0, 2, window) + 32766,
        "noise": random.normal(0, 3000, window),
        "clipped noise": np.clip(random.normal(0, 30000, window), -32768, 32767),
        "modulated resonance": modulated + random.normal(0, 50, window),
    }
    return {name: np.round(values).astype(np.int16)[:, None] for name, values in exact.items()}
