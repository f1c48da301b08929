"""What every target is measured on: one window of three axes and one model, as C headers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import vib
from vibtrain.features import config, extraction
from vibtrain.models import fit
from vibtrain.packaging import convert

from lab.signals import BEARING, BY_ANGLE

Int16 = npt.NDArray[np.int16]

WINDOW, HOP, RATE_HZ = 1024, 512, 3200
SEED = 1
SHAFT_MILLIHZ = 29_700
COURSE_MILLIHZ = (28_000, 29_000, 30_000, 30_500, 31_000)

# Names in the figures, and in a training configuration.
MODELS = {"mahalanobis": "mahalanobis", "mixture": "gaussian-mixture", "isolation": "isolation-forest"}


@dataclass(frozen=True)
class Workload:
    """The window, the models that are applied to it, and the configurations with and without envelope (SPEC.md 1.1).

    `models`: by the names of MODELS, each with the same classifier; `table_bytes`: what that takes as a table of nodes.
    """

    frames: Int16
    plain: dict[str, int]
    envelope: dict[str, int]
    fitted: dict[str, fit.FittedModel]
    models: dict[str, convert.Converted]
    table_bytes: int


def training_config(kind: str = "mahalanobis") -> config.TrainingConfig:
    """An anomaly model of 21 features, seven an axis, and a forest of ten trees; no envelope."""
    time_domain = ("rms", "peak", "crest", "kurtosis")
    return config.TrainingConfig(
        name="bench",
        sensor=config.SensorChoice("adxl345"),
        core=config.CoreChoice(window=WINDOW, hop=HOP, bands=12, band_lo_hz=5, band_hi_hz=1440),
        anomaly=config.AnomalyChoice(
            inputs=(*time_domain, "velocity_rms", "centroid", "flatness"), kind=kind
        ),
        classifier=config.ClassifierChoice(inputs=(*time_domain, "band"), trees=10, depth=8),
    )


def machine(seed: int, *, impacts: float = 0, imbalance: float = 1, frames: int = WINDOW) -> Int16:
    """Counts of a machine turning at 25 Hz, shape (frames, 3). Impacts ring at 1.1 kHz, 87 times a second."""
    random = np.random.default_rng(seed)
    t = np.arange(frames) / RATE_HZ
    since_impact = (t * 87) % 1 / 87
    ring = np.exp(-300 * since_impact) * np.sin(2 * np.pi * 1100 * since_impact)
    axes = []
    for axis in range(3):
        turning = 300 * imbalance * np.sin(2 * np.pi * 25 * t + axis) + 80 * np.sin(2 * np.pi * 50 * t)
        axes.append(turning + 900 * impacts * ring + random.normal(0, 40, frames) + 250 * (axis == 2))
    return np.round(np.stack(axes, axis=1)).astype(np.int16)


def _recording(
    label: str, seed: int, core: dict[str, int], impacts: float = 0, imbalance: float = 1
) -> extraction.Windows:
    counts = machine(seed, impacts=impacts, imbalance=imbalance, frames=80 * HOP)
    return extraction.Windows(
        name=f"{label}-{seed}",
        machine="a",
        session="1",
        label=label,
        rate_hz=RATE_HZ,
        axes=("x", "y", "z"),
        source="seeded",
        features=vib.extract(counts, core),
        first_window=counts[:WINDOW],
        samples_digest=hashlib.sha256(counts.tobytes()).digest(),
    )


def workload(chosen: Callable[[str], config.TrainingConfig] = training_config) -> Workload:
    """The same every time: all of it is seeded. `chosen` gives the configuration of a kind of anomaly model."""
    plain = chosen("mahalanobis").core_config()
    recordings = []
    for seed in (1, 2):
        recordings.append(_recording("healthy", seed, plain))
        recordings.append(_recording("outer-race", 10 + seed, plain, impacts=0.1))
        recordings.append(_recording("imbalance", 20 + seed, plain, imbalance=1.1))
    fitted = {name: fit.fit(recordings, chosen(kind)) for name, kind in MODELS.items()}
    model = fitted["mahalanobis"]
    assert model.forest is not None
    wide = {"envelope_bands": 6, "envelope_lo_hz": 640, "envelope_hi_hz": 1440}
    n_nodes = sum(int((tree.tree_.children_left >= 0).sum()) for tree in model.forest.estimators_)
    table_bytes = 8 * n_nodes + 2 * len(model.forest.estimators_) + 2 * len(model.tree_inputs)
    models = {name: convert.convert(model) for name, model in fitted.items()}
    return Workload(machine(99, impacts=0.1), plain, plain | wide, fitted, models, table_bytes)


def write_headers(work: Workload, folder: Path) -> None:
    """window.h, model_bin.h and a <name>_model.c for each model into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"#define PLAIN_CONFIG {_initialiser(work.plain)}",
        f"#define ENVELOPE_CONFIG {_initialiser(work.envelope)}",
        f"#define BEARING_CONFIG {_initialiser(work.envelope | BEARING)}",
        f"#define BY_ANGLE_CONFIG {_initialiser(work.envelope | BEARING | BY_ANGLE)}",
        f"#define COURSE_MILLIHZ {{ {', '.join(f'{speed}u' for speed in COURSE_MILLIHZ)} }}",
        f"#define SHAFT_MILLIHZ {SHAFT_MILLIHZ}u",
        _array("int16_t", "signal_frames", work.frames.ravel()),
    ]
    (folder / "window.h").write_text("#include <stdint.h>\n" + "\n".join(lines))
    arrays = []
    for name, model in work.models.items():
        data = np.frombuffer(model.binary, np.uint8)
        arrays.append("__attribute__((aligned(4))) " + _array("uint8_t", f"{name}_bin", data))
        (folder / f"{name}_model.c").write_text(model.source)
    (folder / "model_bin.h").write_text("#include <stdint.h>\n" + "\n".join(arrays))


def _initialiser(core: dict[str, int]) -> str:
    return "{ " + ", ".join(f"{core.get(field, 0)}u" for field in vib.CONFIG_FIELDS) + " }"


def _array(kind: str, name: str, values: npt.NDArray[np.generic]) -> str:
    rows = [", ".join(str(v) for v in values[i : i + 16]) for i in range(0, len(values), 16)]
    return f"static const {kind} {name}[] = {{\n    " + ",\n    ".join(rows) + "\n};\n"
