"""A model package: the folder of SPEC.md 2, written whole or not at all, byte for byte the same from the same data."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w
import vib
from vib import sources as core_sources

from vibtrain.data import registry, simulator
from vibtrain.features.config import AnomalyChoice, CoreChoice, DetectorChoice, SensorChoice, TrainingConfig
from vibtrain.packaging import ota
from vibtrain.recordings import UNNAMED_MACHINE, DataError

if TYPE_CHECKING:  # what reads a package needs none of what makes one
    from vibtrain.features.extraction import Windows
    from vibtrain.judging.groups import Trained
    from vibtrain.models.calibration import Threshold
    from vibtrain.models.disclosure import Holds
    from vibtrain.models.fit import FittedModel
    from vibtrain.packaging.convert import Converted
    from vibtrain.packaging.proof import Proof

GOLDEN_WINDOWS = 8


def core_hash() -> str:
    """SHA-256 over the core's sources, that states which arithmetic a model was made with."""
    state = hashlib.sha256()
    for path in sorted(p for p in core_sources.folder().glob("vib*") if p.suffix in (".c", ".h", ".def")):
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def write(
    folder: Path,
    model: FittedModel,
    converted: Converted,
    proof: Proof,
    config: TrainingConfig,
    recordings: list[Windows],
    evaluation: dict[str, Any],
    dropped: Mapping[str, str],
) -> None:
    """Write the package. One that was there is replaced when the new one is complete; the same one is left alone, so
    that nothing built from it is built again. `dropped` are recordings that were left out, with the reason."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".package-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        (new / "model.bin").write_bytes(converted.binary)
        (new / "model.c").write_text(converted.source)
        description = _description(model, converted, proof, config, recordings, evaluation, dropped)
        (new / "model.toml").write_bytes(tomli_w.dumps(description).encode())
        golden = _golden(converted, config, recordings)
        np.savez(new / "golden.npz", **golden)
        (new / "model.ota").write_bytes(ota.pack(converted.binary, golden))
        if _same_files(new, folder):
            return
        if folder.exists():
            refuse_other_folder(folder)
            shutil.move(folder, Path(temporary) / "old")
        new.rename(folder)


def refuse_other_folder(folder: Path) -> None:
    """Raise `DataError` where a package would replace something that is none."""
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / "model.toml").exists())
    ):
        raise DataError(
            f"{folder}: exists and is no model package; accepted: a new or empty folder, or a package"
        )


def _same_files(one: Path, other: Path) -> bool:
    names = sorted(path.name for path in one.iterdir())
    if not other.is_dir() or names != sorted(path.name for path in other.iterdir()):
        return False
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def _description(
    model: FittedModel,
    converted: Converted,
    proof: Proof,
    config: TrainingConfig,
    recordings: list[Windows],
    evaluation: dict[str, Any],
    dropped: Mapping[str, str],
) -> dict[str, Any]:
    from vibtrain.packaging.convert import LIMITS, SHAFT_RANGE

    chip = config.chip()
    chosen = [r for r in recordings if config.train.admits(r) and r.is_known]
    described: dict[str, Any] = _without_none(
        {
            "name": model.name,
            "digest": converted.digest,
            "core_version": vib.CORE_VERSION,
            "feature_version": vib.FEATURE_VERSION,
            "core_hash": core_hash(),
            "config": model.core,
            "sensor": {
                "name": chip.name,
                "rate_hz": chip.rate_hz,
                "range_g": chip.range_g,
                "axes": config.sensor.axes,
            },
            "meta": {"classes": list(model.classes)}
            | {f: getattr(model, f) for f in (*LIMITS, *SHAFT_RANGE)},
            "calibration": {
                "with_baseline": _calibration(model.learnt),
                "without_baseline": _calibration(model.unlearnt),
            },
            "anomaly": {"kind": config.anomaly.kind} | _kind_parameters(config),
            "size": {
                "bytes": len(converted.binary),
                "inputs": len(model.inputs),
                "tree_inputs": len(model.tree_inputs),
            },
            "holds": _holds(model.holds, config),
            "training": {
                "data_digest": model.data_digest.hex(),
                "sources": sorted({r.source for r in chosen}),
                "recordings": sorted(name for r in chosen for name in r.names),
                "settle_s": config.settle_s,
                "conditions": _conditions(chosen),
                "select": {k: list(v) for k, v in dataclasses.asdict(config.train).items() if v},
            }
            | ({"dropped": dict(sorted(dropped.items()))} if dropped else {}),
            "proof": dataclasses.asdict(proof),
            "evaluation": evaluation,
        }
    )
    return described


def _holds(holds: Holds, config: TrainingConfig) -> dict[str, Any]:
    """What the model holds of its training data, and how few machines and recordings are behind that."""
    told = dataclasses.asdict(holds)
    return {"least_machines": config.least_machines} | {k: v for k, v in told.items() if v not in (None, ())}


def _calibration(threshold: Threshold) -> dict[str, Any]:
    """How the threshold lies to healthy recordings that the model did not know, steps; nothing but 0 where none was."""
    worst = threshold.reached[0] if threshold.reached else None
    return {"held_out": len(threshold.reached), "worst_held_out": worst, "gap": threshold.gap}


def _conditions(chosen: list[Windows]) -> list[dict[str, Any]]:
    """Machine, speed and load of what was trained on; a speed that nobody stated is left out."""
    regimes = sorted({r.regime for r in chosen if r.is_healthy or r.is_fault}, key=str)
    return [{"machine": machine, "speed_rpm": rpm, "load": load} for machine, rpm, load in regimes]


def trained_on(description: dict[str, Any]) -> Trained:
    """Whether a recording is of a machine, speed and load that a package was trained on. One of a machine that nobody
    named is so only if it was trained on itself."""
    training = description["training"]
    known = {(c["machine"], c.get("speed_rpm"), c["load"]) for c in training["conditions"]}
    names = set(training["recordings"])
    return lambda r: r.regime in known and (r.machine != UNNAMED_MACHINE or r.name in names)


def _kind_parameters(config: TrainingConfig) -> dict[str, Any]:
    if config.anomaly.kind == "gaussian-mixture":
        return dataclasses.asdict(config.anomaly.mixture)
    return dataclasses.asdict(config.anomaly.isolation) if config.anomaly.kind == "isolation-forest" else {}


def _without_none(value: Any) -> Any:
    """TOML has no null: what is not known is left out, and an interval's end that is not reached is inf."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [math.inf if item is None else _without_none(item) for item in value]
    return value


def _golden(converted: Converted, config: TrainingConfig, recordings: list[Windows]) -> dict[str, Any]:
    """Windows spread over the recordings, and what core and model must answer for them; of noise as loud as these
    where what one machine gave is to stay out."""
    core, model = config.core_config(), vib.Model(converted.binary)
    picked = [recordings[i] for i in np.linspace(0, len(recordings) - 1, GOLDEN_WINDOWS).round().astype(int)]
    samples = np.stack([r.first_window for r in picked])
    if config.least_machines > 1:
        noise = np.random.default_rng(1).normal(0, max(1.0, float(samples.std())), samples.shape)
        samples = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
    features = np.concatenate([vib.extract(window, core) for window in samples])
    classes = vib.classify(model, features) if model.meta()["classes"] else np.zeros(len(features), np.int16)
    return {
        "samples": samples,
        "features": features,
        "scores": vib.score(model, features),
        "classes": classes,
    }


def read(folder: Path) -> tuple[vib.Model, dict[str, Any]]:
    """The model of a package and its model.toml. Raises `DataError` naming what is wrong with which file."""
    for name in ("model.toml", "model.bin"):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name}: no such file; accepted: a model package that `vibtrain fit` made"
            )
    try:
        description = tomllib.loads((folder / "model.toml").read_text())
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{folder / 'model.toml'}: {error}") from None
    for field, known in (("core_version", vib.CORE_VERSION), ("feature_version", vib.FEATURE_VERSION)):
        if (stated := description.get(field, known)) != known:
            raise DataError(
                f"{folder / 'model.toml'}: {field} {stated!r}; accepted: {known}; fit it again with `vibtrain fit`"
            )
    try:
        model = vib.Model((folder / "model.bin").read_bytes())
    except ValueError as error:
        raise DataError(f"{folder / 'model.bin'}: {error}") from None
    if model.meta()["digest"] != description.get("digest"):
        raise DataError(
            f"{folder}: model.bin has digest {model.meta()['digest']}, model.toml says {description.get('digest')}"
        )
    return model, description


def configuration(description: dict[str, Any]) -> TrainingConfig:
    """What a package says of its sensor and core, to turn other recordings into windows for it.

    `dataset` is the one that it was trained on, empty where that was a manifest's recordings. Raises `DataError` where
    the package does not say what this version needs.
    """
    core_fields = {field.name for field in dataclasses.fields(CoreChoice)}
    sources = description["training"]["sources"]
    dataset = sources[0] if len(sources) == 1 else ""
    config = TrainingConfig(
        name=description["name"],
        sensor=SensorChoice(**description["sensor"]),
        core=CoreChoice(**{k: v for k, v in description["config"].items() if k in core_fields}),
        anomaly=AnomalyChoice(inputs=()),
        dataset="simulator"
        if dataset == simulator.SOURCE
        else dataset
        if dataset in registry.names()
        else "",
        settle_s=description["training"].get("settle_s", 0.0),
        detector=DetectorChoice(average_windows=description["meta"].get("average_windows", 1)),
    )
    if config.core_config() != description["config"]:
        raise DataError(
            f"{description['name']}: made for {description['config']}, sensor {config.sensor.name} now gives "
            f"{config.core_config()}"
        )
    return config
