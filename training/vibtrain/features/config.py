"""A training configuration: which recordings, which sensor, which features, which model. Read from TOML, checked."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import tomli_w
import vib

from vibtrain.features import sensors
from vibtrain.features.core_choice import CoreChoice as CoreChoice
from vibtrain.features.resample import reaches
from vibtrain.recordings import Condition, DataError

CONFIGS = Path(__file__).parent / "configs"
KINDS = ("mahalanobis", "gaussian-mixture", "isolation-forest")
COVARIANCES = ("full", "tied")
FORESTS = ("random-forest", "extra-trees")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}")
MODEL_NAMES = "up to 64 letters (a to z), digits, blanks and . _ + -"
WINDOW_S = 0.3  # of a configuration made for a manifest, as far as the core's window sizes allow
BROAD_HZ = (200.0, 1000.0)  # of its score's bands: over the shaft's lines, under what mountings differ in
FILTERED_FRAMES = (
    64  # at the ends of a recording, about, on which the anti-alias filter has no complete input
)
AVERAGED_S = 0.6  # what its mean of windows spans at least: six turns of a shaft at 600 rpm


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
    """Thresholds in score steps relative to the warning threshold, times in windows.

    `average_windows`: windows whose mean features are scored. `off_octaves`: how far under its quietest healthy level a
    machine is off, where that level is known from its baseline.
    """

    average_windows: int = 4
    alarm_steps: int = 256
    hysteresis: int = 64
    dwell_windows: int = 4
    clear_windows: int = 30
    off_octaves: float = 2


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a model follows from, besides the recordings themselves.

    `settle_s`: seconds at the beginning of every recording, in which the machine runs up or warms up, to leave out.
    """

    name: str
    sensor: SensorChoice
    core: CoreChoice
    anomaly: AnomalyChoice
    dataset: str = ""
    settle_s: float = 0.0
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
    _check(config, path)
    return config


def general(
    name: str,
    sensor_name: str,
    rate_hz: float,
    axes: int,
    *,
    shortest_s: float = math.inf,
    settle_s: float = 0.0,
) -> TrainingConfig:
    """A configuration for recordings of `rate_hz` that none was written for, at a rate that the sensor has.

    Bands and envelope cover what the rate allows; every recording is trained on. A window fits into the shortest
    recording, `shortest_s` long; and what is averaged spans AVERAGED_S of signal, however many recordings that takes.
    Raises `DataError` for an unknown sensor, or a rate too low for it or for a window of 512.
    """
    rate_hz = _own_rate(name, sensor_name, rate_hz)
    bandwidth_hz = sensors.sensor(sensor_name, rate_hz=rate_hz).bandwidth_hz
    highest_hz = int(min(0.44 * rate_hz, bandwidth_hz))
    window = _window(rate_hz, shortest_s)
    hop = window // 2
    core = CoreChoice(
        window=window,
        hop=hop,
        bands=12,
        band_lo_hz=max(5, math.ceil(1.5 * rate_hz / window)),
        band_hi_hz=int(min(0.45 * rate_hz, bandwidth_hz)),
        envelope_bands=6,
        envelope_lo_hz=max(highest_hz - int(0.24 * rate_hz), highest_hz * 9 // 20),
        envelope_hi_hz=highest_hz,
    )
    if core.band_hi_hz <= core.band_lo_hz:
        raise DataError(
            f"{name}: {rate_hz:g} Hz leave no bands over {core.band_lo_hz} Hz; accepted: a higher rate"
        )
    shapes = ("rms", "crest", "kurtosis", "velocity_rms", "centroid", "flatness")
    config = TrainingConfig(
        name=name,
        sensor=SensorChoice(sensor_name, rate_hz, axes=axes),
        core=core,
        anomaly=AnomalyChoice(inputs=("rms", "crest", "kurtosis", "velocity_rms", *_broad_bands(core))),
        settle_s=settle_s,
        classifier=ClassifierChoice(
            inputs=(*shapes, "band", "env"), kind="extra-trees", trees=60, depth=8, least_leaf=6
        ),
        detector=DetectorChoice(average_windows=_averaged(core, rate_hz, shortest_s)),
    )
    _check(config, Path(name))
    return config


def _window(rate_hz: float, shortest_s: float) -> int:
    """Frames: about WINDOW_S, or what the shortest recording holds once its ends are filtered; 256 at least."""
    wanted: int = min(4096, max(512, 2 ** round(math.log2(WINDOW_S * rate_hz))))
    frames = shortest_s * rate_hz - FILTERED_FRAMES
    while wanted > max(256, frames):
        wanted //= 2
    return wanted


def _averaged(core: CoreChoice, rate_hz: float, shortest_s: float) -> int:
    """Windows that span AVERAGED_S of signal. Those of short recordings do not go on from one to the next."""
    in_a_row = math.ceil((AVERAGED_S * rate_hz - core.window) / core.hop) + 1
    frames = min(shortest_s, 2 * AVERAGED_S) * rate_hz - FILTERED_FRAMES
    of_one = max(1, int(frames - core.window) // core.hop + 1)
    if of_one < in_a_row:
        of_one_s = (core.window + (of_one - 1) * core.hop) / rate_hz
        in_a_row = of_one * math.ceil(AVERAGED_S / of_one_s)
    return max(1, min(64, in_a_row))


def _own_rate(name: str, sensor_name: str, recorded_hz: float) -> float:
    """The highest of the chip's own rates that the recordings say enough for: a device takes no model for another."""
    chip = sensors.sensor(sensor_name)
    for rate_hz in chip.rates_hz:
        if reaches(recorded_hz, rate_hz, sensors.sensor(sensor_name, rate_hz=rate_hz).bandwidth_hz):
            return rate_hz
    others = [n for n in sensors.names() if sensors.sensor(n).rates_hz[-1] <= recorded_hz]
    raise DataError(
        f"{name}: recordings of {recorded_hz:g} Hz, accepted for the {sensor_name}: {chip.rates_hz[-1]:g} Hz or more"
        + (f"; or another sensor, such as {', '.join(others)}" if others else "")
    )


def _broad_bands(core: CoreChoice) -> list[str]:
    """The bands within BROAD_HZ, or the upper half where there is none."""
    octaves = math.log2(core.band_hi_hz / core.band_lo_hz) / core.bands
    edges = [core.band_lo_hz * 2 ** (octaves * i) for i in range(core.bands + 1)]
    within = [i for i in range(core.bands) if edges[i] >= BROAD_HZ[0] and edges[i + 1] <= BROAD_HZ[1]]
    return [f"band{i:02d}" for i in within or range(core.bands // 2, core.bands)]


def write(path: Path, config: TrainingConfig) -> None:
    """Write a configuration that `load` reads."""
    path.write_text(tomli_w.dumps(_without_empty(dataclasses.asdict(config))))


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    tables = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items()}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in tables.items() if v not in (None, (), {})}


def _check(config: TrainingConfig, path: Path) -> None:
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
    return [
        ("detector.average_windows", windows, 1 <= windows <= 64, "1 to 64"),
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
