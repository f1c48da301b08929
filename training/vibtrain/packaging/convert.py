"""A fitted model to C through emlearn, and to the data form that a device can load."""

from __future__ import annotations

import copy
import hashlib
import string
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import vib

from vibtrain.features.config import alarm_share
from vibtrain.models import emlearn_code
from vibtrain.models.anomaly import EmlearnForm, Gaussians, PathForest
from vibtrain.models.classifier import convertible
from vibtrain.models.fit import FittedModel

MODEL_FORMAT = 4
FORMAT_MORE = 5  # with the fields of the configuration that came later, where one is not 0
FIRST_FIELDS = 16
DIGEST_AT, DIGEST_BYTES = 84, 8  # of model.bin
GAUSSIAN, ISOLATION = 1, 2  # vib_anomaly_t
LIMITS = (
    "warning", "alarm", "hysteresis", "off_rms", "dwell_windows", "clear_windows", "quiet_rms", "off_below",
    "average_windows",
)  # fmt: skip
SHAFT_RANGE = ("shaft_low_millihz", "shaft_high_millihz")

Section = tuple[str, str, np.ndarray]  # NumPy's type, name in model.c, values


@dataclass(frozen=True)
class Trees:
    """The classifier as emlearn flattened it. `nodes`: int16 (feature, threshold, left, right); `code`: C."""

    nodes: np.ndarray
    roots: list[int]
    code: str


@dataclass(frozen=True)
class Converted:
    """`binary` is model.bin, `source` is model.c, `emlearn` emlearn's C of the anomaly model (for the proof)."""

    binary: bytes
    source: str
    emlearn: EmlearnForm
    digest: str


def convert(model: FittedModel) -> Converted:
    """Convert; `proof.prove` says whether the result is the same model."""
    anomaly, trees = model.anomaly.core_form(), _classifier(model)
    binary = _binary(model, anomaly, trees)
    digest = binary[DIGEST_AT : DIGEST_AT + DIGEST_BYTES]
    source = _source(model, anomaly, trees, digest)
    return Converted(binary, source, model.anomaly.emlearn_form(), digest.hex())


def _classifier(model: FittedModel) -> Trees:
    if model.forest is None:
        return Trees(np.empty((0, 4), np.int16), [], "")
    return Trees(*emlearn_code.forest_code(convertible(copy.deepcopy(model.forest))))


def _anomaly_sections(anomaly: Gaussians | PathForest) -> list[Section]:
    """The anomaly model's sections, in the order of SPEC.md 2.1."""
    if isinstance(anomaly, PathForest):
        return [("<u2", "path_roots", np.array(anomaly.roots)), ("<i2", "path_nodes", anomaly.nodes)]
    return [
        ("<i2", "means", anomaly.means),
        ("<u2", "whiten_shifts", anomaly.shifts),
        ("<u4", "offsets", anomaly.offsets),
        ("<i4", "whiten", anomaly.rows),
    ]


def _cold_sections(model: FittedModel) -> list[Section]:
    form = model.cold.core_form()
    return [
        ("<i2", "slopes", form.slopes),
        ("<i4", "speed_gains", form.gains),
        ("<u2", "cold_weights", form.weights),
        ("<i2", "line", model.line.slopes),
        ("<u2", "far_weights", model.line.weights),
    ]


# --- model.bin: the layout of SPEC.md 2.1 ---


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _names(names: Iterable[str]) -> bytes:
    return b"".join(name.encode("ascii") + b"\0" for name in names)


def _anomaly_counts(anomaly: Gaussians | PathForest) -> tuple[int, int, int, int, int]:
    """Kind, components, path scale, trees, nodes."""
    if isinstance(anomaly, PathForest):
        return ISOLATION, 0, anomaly.scale, len(anomaly.roots), len(anomaly.nodes)
    return GAUSSIAN, len(anomaly.means), 0, 0, 0


def _binary(model: FittedModel, anomaly: Gaussians | PathForest, trees: Trees) -> bytes:
    name, classes = _names([model.name]), _names(model.classes)
    arrays = [
        ("<i2", model.centre),
        ("<u2", np.array(model.inputs)),
        *((kind, values) for kind, _, values in (*_cold_sections(model), *_anomaly_sections(anomaly))),
        ("<u2", np.array(model.tree_inputs)),
        ("<u2", np.array(trees.roots)),
        ("<i2", trees.nodes),
    ]
    sections = [values.astype(kind).tobytes() for kind, values in arrays]
    body = b"".join(_padded(section) for section in (*sections, name, classes))
    classifier = (len(model.classes), len(model.tree_inputs), len(trees.roots), len(trees.nodes))
    tail = struct.pack("<10I", len(model.inputs), *_anomaly_counts(anomaly), *classifier)
    tail += struct.pack(
        f"<{len(LIMITS)}h2h2B", *_limits(model), *_speed_range(model), model.line.over, _alarm_share(model)
    )
    tail += struct.pack("<2I2h", *_shaft_range(model), model.line.core_middle, model.line.core_reach)
    tail += struct.pack("<2I", len(name), len(classes))
    head = struct.pack("<2I", vib.CORE_VERSION, vib.FEATURE_VERSION)
    fields = _core_fields(model)
    head += struct.pack(f"<{FIRST_FIELDS}I", *fields[:FIRST_FIELDS])
    model_format = MODEL_FORMAT
    if any(fields[FIRST_FIELDS:]):
        model_format, more = FORMAT_MORE, fields[FIRST_FIELDS:]
        tail += struct.pack(f"<{1 + len(more)}I", len(more), *more)
    size = 12 + len(head) + DIGEST_BYTES + len(tail) + len(body) + 4
    head = b"VIBM" + struct.pack("<2I", model_format, size) + head
    digest = hashlib.sha256(head + bytes(DIGEST_BYTES) + tail + body).digest()[:DIGEST_BYTES]
    data = head + digest + tail + body
    return data + struct.pack("<I", zlib.crc32(data))


def _core_fields(model: FittedModel) -> list[int]:
    return [model.core.get(field, 0) for field in vib.CONFIG_FIELDS]


def _limits(model: FittedModel) -> list[int]:
    return [getattr(model, field) for field in LIMITS]


def _alarm_share(model: FittedModel) -> int:
    return alarm_share(model.alarm_dwell_windows, model.dwell_windows)


def _speed_range(model: FittedModel) -> tuple[int, int]:
    form = model.cold.core_form()
    return form.speed_low, form.speed_high


def _shaft_range(model: FittedModel) -> list[int]:
    return [getattr(model, field) for field in SHAFT_RANGE]


# --- model.c ---

C_TYPES = {"<i2": "int16_t", "<u2": "uint16_t", "<i4": "int32_t", "<u4": "uint32_t"}


def _array(kind: str, name: str, values: Iterable[object]) -> str:
    items = [str(value) for value in values]
    lines = [", ".join(items[i : i + 16]) for i in range(0, len(items), 16)]
    body = ",\n    ".join(lines)
    return f"static const {kind} {name}[] = {{\n    {body},\n}};\n"


def _c_string(name: str) -> str:
    """A string literal: what could end it, or be read as something else, as its code."""
    safe = string.ascii_letters + string.digits + " .,_+-()/:"
    return (
        '"' + "".join(c if c in safe else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in name) + '"'
    )


def _c_section(kind: str, name: str, values: np.ndarray) -> str:
    if name == "path_nodes":
        return _array("vib_node_t", name, ("{ " + ", ".join(map(str, node)) + " }" for node in values))
    return _array(C_TYPES[kind], name, values.ravel())


def _anomaly_fields(anomaly: Gaussians | PathForest) -> list[str]:
    if isinstance(anomaly, PathForest):
        paths = f"{len(anomaly.roots)}, path_roots, {len(anomaly.nodes)}, path_nodes"
        return [".anomaly = VIB_ISOLATION", f".paths = {{ {paths} }}", f".path_scale = {anomaly.scale}u"]
    arrays = [f".{name} = {name}" for _, name, _ in _anomaly_sections(anomaly)]
    return [".anomaly = VIB_GAUSSIAN", f".n_components = {len(anomaly.means)}", *arrays]


def _classifier_parts(model: FittedModel, trees: Trees) -> tuple[list[str], list[str]]:
    """Definitions, and fields of the model that name them."""
    if model.forest is None:
        return [], []
    definitions = [
        '#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wunused-parameter"\n'
        "int32_t vib_forest_predict(const int16_t *features, int32_t features_length);",
        trees.code,
        "#pragma GCC diagnostic pop\n",
        _array("uint16_t", "tree_inputs", model.tree_inputs),
        _array("char *const", "classes", map(_c_string, model.classes)),
    ]
    fields = [
        f".n_classes = {len(model.classes)}",
        ".classes = classes",
        f".n_tree_inputs = {len(model.tree_inputs)}",
        ".tree_inputs = tree_inputs",
        ".predict = vib_forest_predict",
    ]
    return definitions, fields


def _source(model: FittedModel, anomaly: Gaussians | PathForest, trees: Trees, digest: bytes) -> str:
    definitions, fields = _classifier_parts(model, trees)
    config = ", ".join(str(value) for value in _core_fields(model))
    rows = [
        f".core_version = {vib.CORE_VERSION}",
        f".feature_version = {vib.FEATURE_VERSION}",
        f".config = {{ {config} }}",
        f".digest = {{ {', '.join(str(byte) for byte in digest)} }}",
        f".name = {_c_string(model.name)}",
        ".centre = centre",
        f".n_inputs = {len(model.inputs)}",
        ".inputs = inputs",
        *(f".{name} = {name}" for _, name, _ in _cold_sections(model)),
        ".speed_low = {}, .speed_high = {}".format(*_speed_range(model)),
        f".line_over = {model.line.over}, .line_middle = {model.line.core_middle}, .reach = {model.line.core_reach}",
        *(f".{field} = {value}u" for field, value in zip(SHAFT_RANGE, _shaft_range(model), strict=True)),
        *_anomaly_fields(anomaly),
        *(f".{field} = {value}" for field, value in zip(LIMITS, _limits(model), strict=True)),
        f".alarm_dwell_windows = {model.alarm_dwell_windows}",
        *fields,
    ]
    body = ",\n    ".join(rows)
    made = f"Made by vibtrain through emlearn {emlearn_code.VERSION}."
    parts = [
        f"/* Model {_c_string(model.name)[1:-1]}, digest {digest.hex()}. {made} */",
        '#include "vib.h"\n',
        _array("int16_t", "centre", model.centre),
        _array("uint16_t", "inputs", model.inputs),
        *(_c_section(*section) for section in (*_cold_sections(model), *_anomaly_sections(anomaly))),
        *definitions,
        f"extern const vib_model_t vib_linked_model;\nconst vib_model_t vib_linked_model = {{\n    {body},\n}};\n",
    ]
    return "\n".join(parts)
