"""Writes the golden vectors: `python lab/golden/make_golden.py`. Seeded; running it again changes nothing.

windows.bin holds windows and their features, in records that follow each other:

    u32 x 16 configuration (SPEC.md 1.1), u32 shaft_millihz, u32 n_features, i16 samples, i16 features

streams.bin holds windows in a row of configurations with fields that came later, at a speed that moves alike in each:

    u32 number of fields, u32 x as many, u32 number of speeds (1: `shaft`, else `course`), u32 x as many (1/1000 Hz),
    u32 frames, u32 windows, i16 frames, i16 features of each window

scores.bin holds, for each of the models here, rows of features and what the model answers:

    u32 n_features, u32 rows, i16 baseline, then rows of: i16 features, i16 score without the baseline, i16 score,
    i16 class without the baseline, i16 whether it is outside, i16 place on the line, i16 score far from the baseline

The features and answers are the core's own: they say that it gives the same bits as when they were committed, on every
target. That they are right is for host_tests/test_core_reference.py. The models are drawn from the same seed, written
from SPEC.md 2.1 alone.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import vib

Ints = npt.NDArray[np.int64]

VECTORS = Path(__file__).parents[2] / "training" / "vib" / "golden"
SEED = 20_000
ROWS = 24
MODELS = {
    "mahalanobis": 1,
    "gaussian-mixture": 3,
    "isolation-forest": 0,
}  # components; 0 is a forest of paths
N_INPUTS, N_TREES, DEPTH, CLASSES = 12, 6, 4, ("healthy", "imbalance", "outer-race")

BY_ANGLE = {"by_angle": 1, "order_bands": 8, "order_envelope_bands": 8, "order_lo_milliorders": 700}
BY_ANGLE |= {
    "mesh1_milliorders": 5000,
    "side1_milliorders": 1000,
    "mesh2_milliorders": 3141,
    "side2_milliorders": 777,
}
SLOW = {"slow_window": 512, "slow_bands": 8, "slow_orders": 8}
MESHES_ONLY = {"by_angle": 1, "mesh1_milliorders": 23_000, "side1_milliorders": 1000}
# rate_hz, window, axes, bands, envelope bands, orders, what, hops, speeds (1/1000 Hz), more fields
STREAMS = [
    (3200, 64, 1, 4, 2, 2, "tones", 2, (170_000, 200_000), BY_ANGLE),
    (3200, 256, 2, 8, 4, 3, "impacts", 2, (49_000, 45_000, 50_000), BY_ANGLE),
    (6667, 1024, 1, 12, 6, 8, "impacts", 1, (27_000, 33_000), BY_ANGLE),
    (6667, 1024, 1, 12, 0, 3, "noise", 1, (30_000, 31_000, 32_000, 33_000, 32_500), MESHES_ONLY),
    (6667, 2048, 1, 12, 6, 8, "tones", 1, tuple(range(25_000, 28_400, 200)), BY_ANGLE),
    (3200, 1024, 1, 12, 6, 3, "impacts", 1, (27_000, 36_000), BY_ANGLE),  # which is too far
    (26667, 4096, 1, 12, 6, 8, "impacts", 1, (27_000, 33_000), BY_ANGLE),
    (3200, 256, 1, 8, 4, 3, "impacts", 2, (29_700,), BY_ANGLE),
    (400, 512, 2, 8, 4, 3, "tones", 26, (600,), SLOW),
    (800, 512, 1, 8, 4, 3, "clipped noise", 36, (1_200,), SLOW | BY_ANGLE),
]

# rate_hz, window, axes, bands, envelope bands, orders, shaft_hz, what
WINDOWS = [
    (200, 64, 3, 2, 0, 0, 0.0, "noise"),
    (200, 128, 3, 4, 0, 2, 24.5, "tones"),
    (1600, 256, 1, 8, 4, 0, 0.0, "full-scale square"),
    (1600, 256, 2, 8, 0, 3, 10.1, "one-count noise"),
    (3200, 512, 3, 12, 6, 3, 29.7, "impacts"),
    (3200, 512, 1, 12, 0, 0, 0.0, "constant"),
    (3200, 1024, 3, 12, 6, 3, 50.0, "impacts"),
    (3200, 1024, 1, 12, 6, 0, 0.0, "impulse"),
    (3200, 1024, 1, 12, 6, 0, 0.0, "clipped noise"),
    (3200, 1024, 1, 32, 16, 8, 29.7, "tones"),
    (3200, 1024, 1, 1, 1, 1, 29.7, "noise"),
    (3200, 1024, 2, 12, 6, 3, 0.0, "impacts"),
    (6667, 2048, 1, 16, 6, 3, 16.6, "impacts"),
    (6667, 2048, 1, 16, 0, 0, 0.0, "one-count noise"),
    (26667, 1024, 1, 12, 6, 3, 49.9, "tones"),
    (26667, 2048, 1, 12, 6, 3, 29.7, "impacts"),
    (26667, 4096, 1, 24, 12, 3, 29.7, "impacts"),
    (26667, 4096, 1, 24, 0, 0, 0.0, "full-scale square"),
    (100_000, 4096, 1, 8, 4, 0, 0.0, "noise"),
    (20, 64, 1, 1, 0, 0, 0.0, "noise"),
]


def config_of(
    rate_hz: int, window: int, axes: int, bands: int, envelope_bands: int, orders: int
) -> dict[str, int]:
    values = [rate_hz * 1000, window, window, axes, 598_206, bands]
    values += [max(1, -(-2 * rate_hz // window)), rate_hz // 2]
    values += [envelope_bands, rate_hz // 5, rate_hz * 44 // 100] if envelope_bands else [0, 0, 0]
    values += [orders, *((3585, 5415, 2357, 398) if envelope_bands and orders else (0, 0, 0, 0))]
    return dict(zip(vib.CONFIG_FIELDS[:16], values, strict=True))


def samples_of(what: str, window: int, random: np.random.Generator) -> Ints:
    """One axis, in whole numbers from the start: floats differ in their last bit between machines."""
    n = np.arange(window)
    wave = np.where(n % 16 < 8, 1, -1)
    if what == "noise":
        return random.integers(-3000, 3001, window)
    if what == "tones":
        return saw(n, 23) // 3 + saw(n, 7) // 50
    if what == "one-count noise":
        return random.integers(0, 2, window) + 1000
    if what == "clipped noise":
        return np.asarray(np.clip(random.integers(-60000, 60001, window), -32768, 32767))
    if what == "impacts":
        return np.asarray(wave * (20000 >> np.minimum(n % 61 // 4, 14)) + random.integers(-50, 51, window))
    shapes = {
        "full-scale square": np.where(wave > 0, 32767, -32768),
        "constant": np.full(window, -7),
        "impulse": np.where(n == window // 3, 32767, 0),
    }
    return shapes[what]


def saw(n: Ints, period: int) -> Ints:
    return np.asarray(n * 65536 // period % 65536 - 32768)


def windows() -> bytes:
    random, out = np.random.default_rng(SEED), b""
    for rate_hz, window, axes, bands, envelope_bands, orders, shaft_hz, what in WINDOWS:
        config = config_of(rate_hz, window, axes, bands, envelope_bands, orders)
        x = np.stack([samples_of(what, window, random) for _ in range(axes)], axis=1).astype(np.int16)
        features = vib.extract(x, config, shaft_hz=shaft_hz)[0]
        out += struct.pack("<18I", *config.values(), round(shaft_hz * 1000), len(features))
        out += x.astype("<i2").tobytes() + features.astype("<i2").tobytes()
    return out


def streams() -> bytes:
    random, out = np.random.default_rng(SEED), b""
    for rate_hz, window, axes, bands, envelope_bands, orders, what, hops, speeds, more in STREAMS:
        hop = window // 2
        config = config_of(rate_hz, window, axes, bands, envelope_bands, orders) | {"hop": hop} | more
        drawn = [samples_of(what, window + hop * hops, random) for _ in range(axes)]
        x = np.stack(drawn, axis=1).astype(np.int16)
        courses = np.tile(np.array(speeds, np.uint32), (hops + 1, 1))
        one = len(speeds) == 1
        features = vib.extract(x, config, shaft_hz=one * speeds[0] / 1000, courses=None if one else courses)
        fields = [config.get(field, 0) for field in vib.CONFIG_FIELDS]
        out += struct.pack(f"<{1 + len(fields)}I", len(fields), *fields)
        out += struct.pack(f"<{1 + len(speeds)}I", len(speeds), *speeds)
        out += struct.pack("<2I", len(x), len(features)) + x.astype("<i2").tobytes()
        out += features.astype("<i2").tobytes()
    return out


def forest(random: np.random.Generator, inputs: int, leaf: int) -> tuple[bytes, bytes, int]:
    """Roots and nodes of N_TREES complete trees; leaves are drawn under `leaf`."""
    inner = 2**DEPTH - 1
    nodes = []
    for tree in range(N_TREES):
        for i in range(inner):
            children = [
                tree * inner + c if c < inner else -1 - int(random.integers(leaf))
                for c in (2 * i + 1, 2 * i + 2)
            ]
            nodes.append((int(random.integers(inputs)), int(random.integers(-600, 601)), *children))
    roots = np.arange(N_TREES) * inner
    return roots.astype("<u2").tobytes(), np.array(nodes, "<i2").tobytes(), len(nodes)


def model(name: str, components: int) -> bytes:
    """model.bin of SPEC.md 2.1 with drawn numbers."""
    random = np.random.default_rng(SEED + len(name))
    config = config_of(3200, 512, 3, 12, 6, 0)
    n_features = len(vib.feature_names(config))
    inputs = np.sort(random.permutation(n_features)[:N_INPUTS])
    sections = [random.integers(0, 5000, n_features).astype("<i2").tobytes(), inputs.astype("<u2").tobytes()]
    sections.append(random.integers(-400, 401, N_INPUTS).astype("<i2").tobytes())
    sections.append(random.integers(-100_000, 100_001, N_INPUTS).astype("<i4").tobytes())
    sections.append(random.integers(20, 60, N_INPUTS).astype("<u2").tobytes())
    sections.append(random.integers(-400, 401, n_features).astype("<i2").tobytes())
    sections.append(random.integers(500, 60_000, N_INPUTS).astype("<u2").tobytes())
    path_trees = path_nodes = path_scale = 0
    if components:
        packed = N_INPUTS * (N_INPUTS + 1) // 2
        sections.append(
            (random.integers(-200, 201, (components, N_INPUTS)) * (components > 1)).astype("<i2").tobytes()
        )
        sections.append(np.full(components, 22).astype("<u2").tobytes())
        sections.append((random.integers(0, 200_000, components) * (components > 1)).astype("<u4").tobytes())
        sections.append(random.integers(-(2**23), 2**23, (components, packed)).astype("<i4").tobytes())
    else:
        path_trees, path_scale = N_TREES, round(2**29 / (N_TREES * 10.2))
        roots, nodes, path_nodes = forest(random, N_INPUTS, 12 * 1024)
        sections += [roots, nodes]
    tree_inputs = np.sort(random.permutation(n_features)[:N_INPUTS]).astype("<u2").tobytes()
    roots, nodes, n_nodes = forest(random, N_INPUTS, len(CLASSES))
    texts = [b"golden\0", b"".join(c.encode() + b"\0" for c in CLASSES)]
    body = b"".join(s + bytes(-len(s) % 4) for s in [*sections, tree_inputs, roots, nodes, *texts])
    head = struct.pack("<2I16I", vib.CORE_VERSION, vib.FEATURE_VERSION, *config.values())
    kind = 1 if components else 2
    tail = struct.pack("<6I", N_INPUTS, kind, components, path_scale, path_trees, path_nodes)
    tail += struct.pack("<4I", len(CLASSES), N_INPUTS, N_TREES, n_nodes)
    tail += struct.pack("<12h", 300, 500, 64, 2500, 6, 30, 3000, 512, 4, -300, 300, 1)
    tail += struct.pack("<2I2h2I", 10_000, 50_000, 3700, 200, len(texts[0]), len(texts[1]))
    size = 12 + len(head) + 8 + len(tail) + len(body) + 4
    head = b"VIBM" + struct.pack("<2I", 4, size) + head
    data = head + hashlib.sha256(head + bytes(8) + tail + body).digest()[:8] + tail + body
    return data + struct.pack("<I", zlib.crc32(data))


def scores(binary: bytes) -> bytes:
    loaded = vib.Model(binary)
    n = vib.Core(loaded.config()).n_features
    rows = np.random.default_rng(SEED).integers(-500, 6000, (ROWS, n)).astype(np.int16)
    rows[0], rows[1] = 32767, -32768
    baseline = np.full(n, 2500, np.int16)
    answers = [vib.score(loaded, rows), vib.score(loaded, rows, baseline), vib.classify(loaded, rows)]
    answers += [
        vib.outside(loaded, rows).astype(np.int16),
        vib.place(loaded, rows),
        vib.far(loaded, rows, baseline),
    ]
    table = np.column_stack([rows, *answers])
    return struct.pack("<2I", n, ROWS) + baseline.astype("<i2").tobytes() + table.astype("<i2").tobytes()


def files() -> dict[str, bytes]:
    """Every file by name."""
    made = {"windows.bin": windows(), "streams.bin": streams()}
    for name, components in MODELS.items():
        made[f"{name}.bin"] = model(name, components)
        made[f"{name}.scores"] = scores(made[f"{name}.bin"])
    return made


if __name__ == "__main__":
    for name, data in files().items():
        (VECTORS / name).write_bytes(data)
