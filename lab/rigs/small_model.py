"""A small model fitted and converted for real, from seeded feature vectors in place of recordings."""

from __future__ import annotations

import dataclasses

import numpy as np
import vib
from vibtrain.features import config, extraction
from vibtrain.models import fit
from vibtrain.packaging import convert


def small_config(
    *, kind: str = "mahalanobis", classifier: bool = True, average_windows: int = 1
) -> config.TrainingConfig:
    """A configuration of two bands and no envelope; a forest of five trees where there is a classifier;
    a dwell of 4 windows."""
    return config.TrainingConfig(
        name="small",
        sensor=config.SensorChoice("adxl345"),
        core=config.CoreChoice(window=64, hop=32, bands=2, band_lo_hz=50, band_hi_hz=1600),
        anomaly=config.AnomalyChoice(
            inputs=("rms", "band"),
            kind=kind,
            mixture=config.MixtureChoice(components=3, covariance="full"),
            isolation=config.IsolationChoice(trees=8, samples=64),
        ),
        classifier=config.ClassifierChoice(inputs=("rms", "band"), trees=5 if classifier else 0, depth=4),
        detector=config.DetectorChoice(
            average_windows=average_windows, warning_dwell_s=0.04, alarm_dwell_s=0.02, clear_s=0.3
        ),
    )


def small_windows(*, per_recording: int = 40, seed: int = 1) -> list[extraction.Windows]:
    """Two machines, each with a healthy recording and one of each of two faults, as feature vectors."""
    random = np.random.default_rng(seed)
    n = len(vib.feature_names(small_config().core_config()))
    made = []
    for machine, base in (("a", 5000), ("b", 6000)):
        for label, shift in (("healthy", 0), ("imbalance", 500), ("outer-race", -400)):
            rows = base + shift * (np.arange(n) % 3 == 0) + random.normal(0, 30, (per_recording, n))
            made.append(
                extraction.Windows(
                    name=f"{machine}-{label}",
                    machine=machine,
                    session="1",
                    label=label,
                    rate_hz=3200,
                    axes=("x", "y", "z"),
                    source="seeded",
                    features=np.round(rows).astype(np.int16),
                    first_window=random.integers(-1000, 1000, (64, 3), dtype=np.int16),
                    samples_digest=random.bytes(32),
                )
            )
    return made


def small_fit(
    *, kind: str = "mahalanobis", classifier: bool = True, average_windows: int = 1
) -> fit.FittedModel:
    chosen = small_config(kind=kind, classifier=classifier, average_windows=average_windows)
    return fit.fit(small_windows(), chosen)


def small_model_binary(
    *, kind: str = "mahalanobis", classifier: bool = True, average_windows: int = 1
) -> bytes:
    """model.bin of it."""
    fitted = small_fit(kind=kind, classifier=classifier, average_windows=average_windows)
    return convert.convert(fitted).binary


def relabelled(recordings: list[extraction.Windows], label: str) -> list[extraction.Windows]:
    """The same windows, all called `label`."""
    return [dataclasses.replace(r, label=label) for r in recordings]
