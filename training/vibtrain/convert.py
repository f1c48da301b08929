"""A fitted model to C through emlearn, and to the data form that a device can load."""

from __future__ import annotations

import copy
import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import emlearn
import numpy as np
import vib
from emlearn.distance import generate_code as elliptic_code

from vibtrain.anomaly import BaselineMahalanobis
from vibtrain.classifier import convertible
from vibtrain.fit import FittedModel

MODEL_FORMAT = 1
DIGEST_AT, DIGEST_BYTES = 64, 8  # of model.bin


@dataclass(frozen=True)
class Trees:
    """The forest as emlearn flattened it. `nodes`: int16 (feature, threshold, left, right), SPEC.md 2.1; `code`: C."""

    nodes: np.ndarray
    roots: list[int]
    code: str


@dataclass(frozen=True)
class Converted:
    """`binary` is model.bin, `source` is model.c, `elliptic` emlearn's C of the anomaly model (for the proof)."""

    binary: bytes
    source: str
    elliptic: str
    digest: str


def convert(model: FittedModel) -> Converted:
    """Convert; `proof.prove` says whether the result is the same model."""
    trees = _convert_trees(model)
    binary = _binary(model, trees)
    digest = binary[DIGEST_AT : DIGEST_AT + DIGEST_BYTES]
    return Converted(binary, _source(model, trees, digest), _elliptic(model.anomaly), digest.hex())


def _convert_trees(model: FittedModel) -> Trees:
    if model.forest is None:
        return Trees(np.empty((0, 4), np.int16), [], "")
    converted = emlearn.convert(convertible(copy.deepcopy(model.forest)), method="inline", dtype="int16_t")
    nodes, roots, leaves = converted.forest_
    table = [
        [feature, int(threshold), *(link if link >= 0 else -1 - int(leaves[-1 - link]) for link in links)]
        for feature, threshold, *links in nodes
    ]
    code = converted.save(name="vib_forest", include_proba=False)
    return Trees(np.array(table, np.int16), [int(root) for root in roots], code)


def _elliptic(model: BaselineMahalanobis) -> str:
    """emlearn's C for the same distance. Inputs in standard deviations: it prints constants with six decimals.

    `emlearn.convert` would compile it in a folder `tmp` of the working directory at once; its generator does not.
    """
    spread = np.sqrt(np.diag(model.covariance_))
    precision = model.precision_ * np.outer(spread, spread)
    return str(elliptic_code(np.zeros(len(spread)), precision, model.offset_, name="vib_elliptic"))


# --- model.bin: the layout of SPEC.md 2.1 ---


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _names(names: Iterable[str]) -> bytes:
    return b"".join(name.encode("ascii") + b"\0" for name in names)


def _binary(model: FittedModel, trees: Trees) -> bytes:
    name, classes = _names([model.name]), _names(model.classes)
    sections = [
        model.centre.astype("<i2").tobytes(),
        np.array(model.inputs, "<u2").tobytes(),
        model.whitening.rows.astype("<i4").tobytes(),
        np.array(model.tree_inputs, "<u2").tobytes(),
        np.array(trees.roots, "<u2").tobytes(),
        trees.nodes.astype("<i2").tobytes(),
        name,
        classes,
    ]
    body = b"".join(_padded(section) for section in sections)
    counts = (len(model.inputs), model.whitening.shift, len(model.classes), len(model.tree_inputs))
    tail = struct.pack("<6I", *counts, len(trees.roots), len(trees.nodes))
    tail += struct.pack("<6h2I", *_limits(model), len(name), len(classes))
    head = struct.pack("<2I", vib.CORE_VERSION, vib.FEATURE_VERSION) + struct.pack(
        "<11I", *_core_fields(model)
    )
    size = 12 + len(head) + DIGEST_BYTES + len(tail) + len(body) + 4
    head = b"VIBM" + struct.pack("<2I", MODEL_FORMAT, size) + head
    digest = hashlib.sha256(head + bytes(DIGEST_BYTES) + tail + body).digest()[:DIGEST_BYTES]
    data = head + digest + tail + body
    return data + struct.pack("<I", zlib.crc32(data))


def _core_fields(model: FittedModel) -> list[int]:
    return [model.core[field] for field in vib.CONFIG_FIELDS]


def _limits(model: FittedModel) -> tuple[int, ...]:
    return (
        model.warning,
        model.alarm,
        model.hysteresis,
        model.off_rms,
        model.dwell_windows,
        model.clear_windows,
    )


# --- model.c ---


def _array(kind: str, name: str, values: Iterable[object]) -> str:
    items = [str(value) for value in values]
    lines = [", ".join(items[i : i + 16]) for i in range(0, len(items), 16)]
    body = ",\n    ".join(lines)
    return f"static const {kind} {name}[] = {{\n    {body},\n}};\n"


def _source(model: FittedModel, trees: Trees, digest: bytes) -> str:
    fields = ("warning", "alarm", "hysteresis", "off_rms", "dwell_windows", "clear_windows")
    parts = [
        f"/* Model {model.name}, digest {digest.hex()}. Made by vibtrain through emlearn {emlearn.__version__}. */",
        '#include "vib.h"\n',
        _array("int16_t", "centre", model.centre),
        _array("uint16_t", "inputs", model.inputs),
        _array("int32_t", "whiten", model.whitening.rows),
    ]
    if model.forest is not None:
        parts += [
            '#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wunused-parameter"\n'
            "int32_t vib_forest_predict(const int16_t *features, int32_t features_length);",
            trees.code,
            "#pragma GCC diagnostic pop\n",
            _array("uint16_t", "tree_inputs", model.tree_inputs),
            _array("char *const", "classes", (f'"{name}"' for name in model.classes)),
        ]
    config = ", ".join(str(value) for value in _core_fields(model))
    rows = [
        f".core_version = {vib.CORE_VERSION}",
        f".feature_version = {vib.FEATURE_VERSION}",
        f".config = {{ {config} }}",
        f".digest = {{ {', '.join(str(byte) for byte in digest)} }}",
        f'.name = "{model.name}"',
        ".centre = centre",
        f".n_inputs = {len(model.inputs)}",
        ".inputs = inputs",
        ".whiten = whiten",
        f".whiten_shift = {model.whitening.shift}",
        *(f".{field} = {value}" for field, value in zip(fields, _limits(model), strict=True)),
    ]
    if model.forest is not None:
        rows += [
            f".n_classes = {len(model.classes)}",
            ".classes = classes",
            f".n_tree_inputs = {len(model.tree_inputs)}",
            ".tree_inputs = tree_inputs",
            ".predict = vib_forest_predict",
        ]
    body = ",\n    ".join(rows)
    parts.append(
        f"extern const vib_model_t vib_linked_model;\nconst vib_model_t vib_linked_model = {{\n    {body},\n}};\n"
    )
    return "\n".join(parts)
