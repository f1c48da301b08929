"""A training configuration: which recordings, which sensor, which features, which model. Read from TOML, checked."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import tomli_w
import vib

from vibtrain.features import sensors
from vibtrain.features.core_choice import CoreChoice as CoreChoice
from vibtrain.recordings import Condition, DataError

CONFIGS = Path(__file__).parent / "configs"
KINDS = ("mahalanobis", "gaussian-mixture", "isolation-forest")
COVARIANCES = ("full", "tied")
FORESTS = ("random-forest", "extra-trees")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}")
MODEL_NAMES = "up to 64 letters (a to z), digits, blanks and . _ + -"
LEAST_WINDOWS, MOST_WINDOWS = 3, 32767  # that a dwell is of
LONGEST_S = 86400  # that one lasts


@dataclass(frozen=True)
class SensorChoice:
    """The accelerometer that will run the model; `rate_hz` and `range_g` default to the chip's own. `axes`: 1 to 3."""

    name: str
    rate_hz: float | None = None
    range_g: int | None = None
    axes: int = 3


@dataclass(frozen=True)
class Selection:
    """Which recordings to train on: every field given must match; an empty one admits all."""

    machine: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    speed_rpm: tuple[float, ...] = ()
    load: tuple[str, ...] = ()

    def admits(self, condition: Condition) -> bool:
        return all(
            not wanted or getattr(condition, field) in wanted
            for field, wanted in dataclasses.asdict(self).items()
        )


@dataclass(frozen=True)
class MixtureChoice:
    """What the kind `gaussian-mixture` takes besides: Gaussians (1 to 8), their covariance, the search's seed."""

    components: int = 2
    covariance: str = "tied"
    seed: int = 1


@dataclass(frozen=True)
class IsolationChoice:
    """What the kind `isolation-forest` takes besides: trees, windows that each is grown from, the cuts' seed."""

    trees: int = 64
    samples: int = 256
    seed: int = 1


@dataclass(frozen=True)
class AnomalyChoice:
    """The anomaly model. `inputs`: feature families, or single features as `band08`; `floor_steps` and
    `condition_steps` are in 1/256 octave, margins in score steps.

    `condition_steps` and `cold_margin_steps` are for scores without a learnt baseline; cold.py says what they mean.
    """

    inputs: tuple[str, ...]
    kind: str = "mahalanobis"
    mixture: MixtureChoice = MixtureChoice()
    isolation: IsolationChoice = IsolationChoice()
    floor_steps: int = 32
    condition_steps: int = 100
    false_alarm_rate: float = 0.01
    margin_steps: int = 128
    cold_margin_steps: int = 128


@dataclass(frozen=True)
class ClassifierChoice:
    """The fault classifier, a forest of `kind`; `trees` 0 leaves it out. `severities`: a class for each degree of a
    fault (`imbalance-light`) instead of one for the fault. `least_leaf`: windows that a leaf holds at least."""

    inputs: tuple[str, ...] = ()
    kind: str = "random-forest"
    trees: int = 0
    depth: int = 8
    least_leaf: int = 1
    severities: bool = False
    seed: int = 1


@dataclass(frozen=True)
class DetectorChoice:
    """Thresholds in score steps relative to the warning threshold, times in seconds of running.

    `average_windows`: windows whose mean features are scored. `warning_dwell_s`, `alarm_dwell_s`: over a threshold
    until an alert is raised; `clear_s`: under it until that clears. A sensor that rests between rounds takes three of
    them at least. `off_octaves`: how far under its quietest healthy level a
    machine is off, where that level is known from its baseline.
    """

    average_windows: int = 4
    alarm_steps: int = 256
    hysteresis: int = 64
    warning_dwell_s: float = 120.0
    alarm_dwell_s: float = 5.0
    clear_s: float = 1800.0
    off_octaves: float = 2


def alarm_share(alarm: int, warning: int) -> int:
    """An alarm's dwell in 1/256 of a warning's, rounded up; 0 where it is as long."""
    return 0 if alarm >= warning else min(255, -(-256 * alarm // warning))


class Dwells(NamedTuple):
    """Windows over the warning threshold and over the alarm threshold until an alert is raised, and under until it
    clears."""

    warning: int
    alarm: int
    clear: int


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a model follows from, besides the recordings themselves.

    `settle_s`: seconds at the beginning of every recording, in which the machine runs up or warms up, to leave out.
    `least_machines`: what fewer machines than this contributed stays out of the model.
    """

    name: str
    sensor: SensorChoice
    core: CoreChoice
    anomaly: AnomalyChoice
    dataset: str = ""
    settle_s: float = 0.0
    least_machines: int = 1
    train: Selection = Selection()
    classifier: ClassifierChoice = ClassifierChoice()
    detector: DetectorChoice = DetectorChoice()

    def chip(self) -> sensors.Sensor:
        """The sensor, its rate and range chosen. Raises `DataError`."""
        return sensors.sensor(self.sensor.name, rate_hz=self.sensor.rate_hz, range_g=self.sensor.range_g)

    def core_config(self) -> dict[str, int]:
        """The core's configuration, SPEC.md 1.1."""
        chip = self.chip()
        fixed = {
            "rate_millihz": round(chip.rate_hz * 1000),
            "axes": self.sensor.axes,
            "lsb_nm_s2": chip.lsb_nm_s2,
        }
        return fixed | self.core.fields()

    def dwells(self) -> Dwells:
        """The detector's times in windows. What touches a window for `alarm_dwell_s` counts as so long, not longer."""
        hop_s = self.core.hop / self.chip().rate_hz
        window_s = self.core.window / self.chip().rate_hz

        def windows(seconds: float) -> int:
            return min(MOST_WINDOWS, max(LEAST_WINDOWS, math.ceil(seconds / hop_s)))

        chosen = self.detector
        warning, alarm = windows(chosen.warning_dwell_s), windows(chosen.alarm_dwell_s + window_s)
        alarm = warning * alarm_share(alarm, warning) // 256 or warning  # as a package holds it
        return Dwells(warning, alarm, windows(chosen.clear_s))


def load(source: str) -> TrainingConfig:
    """Read a configuration: the name of a built-in one, or a path. Raises `DataError` naming file, field and value."""
    path = Path(source) if source.endswith(".toml") else CONFIGS / f"{source}.toml"
    try:
        with path.open("rb") as stream:
            table = tomllib.load(stream)
    except FileNotFoundError:
        built_in = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.toml")))
        raise DataError(
            f"configuration {source!r}: no such file; accepted: a .toml file, or {built_in}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: {error}") from None
    config: TrainingConfig = _build(TrainingConfig, table, str(path))
    check(config, path)
    return config


def write(path: Path, config: TrainingConfig) -> None:
    """Write a configuration that `load` reads."""
    path.write_text(tomli_w.dumps(_without_empty(dataclasses.asdict(config))))


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    tables = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items()}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in tables.items() if v not in (None, (), {})}


def check(config: TrainingConfig, path: Path) -> None:
    """Raise `DataError` naming `path` and the field that will not do."""
    if not MODEL_NAME.fullmatch(config.name):
        raise DataError(f"{path}: name {config.name!r}; accepted: {MODEL_NAMES}")
    try:
        known = input_names(vib.feature_names(config.core_config()))
    except ValueError as error:
        raise DataError(f"{path}: [core] with sensor {config.sensor.name}: {error}") from None
    for section, inputs in (("anomaly", config.anomaly.inputs), ("classifier", config.classifier.inputs)):
        for wanted in inputs:
            if wanted not in known:
                raise DataError(f"{path}: {section}.inputs {wanted!r}; accepted: {', '.join(known)}")
    if not config.anomaly.inputs:
        raise DataError(f"{path}: anomaly.inputs is empty; accepted: {', '.join(known)}")
    for field, value, right, accepted in (*_anomaly_rules(config.anomaly), *_other_rules(config)):
        if not right:
            raise DataError(f"{path}: {field} {value!r}; accepted: {accepted}")


def _anomaly_rules(choice: AnomalyChoice) -> list[tuple[str, object, bool, str]]:
    """Field, its value, whether it will do, and what would."""
    rate, mixture, isolation = choice.false_alarm_rate, choice.mixture, choice.isolation
    rules: list[tuple[str, object, bool, str]] = [
        ("false_alarm_rate", rate, 0 < rate < 0.5, "0 to 0.5"),
        ("kind", choice.kind, choice.kind in KINDS, ", ".join(KINDS)),
        ("floor_steps", choice.floor_steps, choice.floor_steps >= 16, "16 or more"),
        ("mixture.components", mixture.components, 1 <= mixture.components <= 8, "1 to 8"),
        ("mixture.covariance", mixture.covariance, mixture.covariance in COVARIANCES, ", ".join(COVARIANCES)),
        ("isolation.trees", isolation.trees, 1 <= isolation.trees <= 1000, "1 to 1000"),
        ("isolation.samples", isolation.samples, 16 <= isolation.samples <= 4096, "16 to 4096"),
    ]
    return [(f"anomaly.{field}", *rest) for field, *rest in rules]  # type: ignore[misc]


def _other_rules(config: TrainingConfig) -> list[tuple[str, object, bool, str]]:
    windows, forest = config.detector.average_windows, config.classifier
    times = ("warning_dwell_s", "alarm_dwell_s", "clear_s")
    chosen = {name: getattr(config.detector, name) for name in times}
    return [
        ("detector.average_windows", windows, 1 <= windows <= 64, "1 to 64"),
        *(
            (f"detector.{name}", s, 0 < s <= LONGEST_S, f"over 0, up to {LONGEST_S}")
            for name, s in chosen.items()
        ),
        ("classifier.kind", forest.kind, forest.kind in FORESTS, ", ".join(FORESTS)),
        ("classifier.least_leaf", forest.least_leaf, forest.least_leaf >= 1, "1 or more"),
    ]


def family(feature_name: str) -> str:
    """`band` of `x.band03`."""
    return feature_name.split(".")[1].rstrip("0123456789")


def input_names(feature_names: list[str]) -> list[str]:
    """What `inputs` may name: each family, and each feature without its axis."""
    return sorted({family(name) for name in feature_names} | {name.split(".")[1] for name in feature_names})


def select_inputs(names: list[str], wanted: tuple[str, ...]) -> list[int]:
    """Indexes of the features, of every axis, that are wanted, by themselves (`band08`) or by family (`band`)."""
    return [i for i, name in enumerate(names) if family(name) in wanted or name.split(".")[1] in wanted]


def _build(cls: type, table: dict[str, Any], where: str) -> Any:
    """A dataclass from a TOML table; nested dataclasses are its sub-tables."""
    hints = get_type_hints(cls)
    known = {field.name: field for field in dataclasses.fields(cls)}
    for key in table:
        if key not in known:
            raise DataError(f"{where}: unknown field {key!r}; accepted: {', '.join(known)}")
    values: dict[str, Any] = {}
    for key, field in known.items():
        if key in table:
            values[key] = _value(hints[key], table[key], f"{where}: {key}")
        elif field.default is dataclasses.MISSING:
            raise DataError(f"{where}: field {key!r} is missing")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = get_args(hint)[0]
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise DataError(f"{where}: {value!r}; accepted: a table")
        return _build(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise DataError(f"{where}: {value!r}; accepted: a list")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        not isinstance(value, hint)
        or (isinstance(value, bool) and hint is not bool)
        or (hint is int and value < 0)
    ):
        accepted = {str: "text", int: "a whole number, 0 or more", float: "a number", bool: "true or false"}[
            hint
        ]
        raise DataError(f"{where}: {value!r}; accepted: {accepted}")
    return value
