"""Models as the core takes them: what it refuses, what scores are, that length and version are checked."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import vib
from vib import sources
from vibtrain.features import config
from vibtrain.models import anomaly, cold, operating_line, whitening
from vibtrain.models.operating_line import OperatingLine
from vibtrain.packaging import convert

from lab.rigs.small_model import small_fit, small_model_binary

CORE = sources.folder()

KINDS = config.KINDS


@pytest.fixture(scope="module")
def binaries() -> dict[str, bytes]:
    return {kind: small_model_binary(kind=kind) for kind in KINDS}


def sealed(data: bytes) -> bytes:
    """`data` with its length and CRC put right, so that only what was changed in it can be at fault."""
    body = data[:8] + struct.pack("<I", len(data)) + data[12:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def changed(at: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda data: sealed(data[:at] + value + data[at + len(value) :])


def count(at: int, value: int) -> Callable[[bytes], bytes]:
    return changed(at, struct.pack("<I", value))


GAUSSIANS, FOREST, ANY = "gaussian-mixture", "isolation-forest", "mahalanobis"
DAMAGE: list[tuple[str, str, Callable[[bytes], bytes], str]] = [
    ("empty", ANY, lambda data: b"", "damaged"),
    ("cut short", ANY, lambda data: data[:-8], "damaged"),
    ("one bit", ANY, lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:], "damaged"),
    ("another magic", ANY, changed(0, b"VIBX"), "not a model"),
    ("another core", ANY, count(12, 99), "another core"),
    ("another feature list", ANY, count(16, 99), "another core or feature"),
    ("a window of 1000", ANY, count(24, 1000), "window"),
    ("no inputs", ANY, count(92, 0), "damaged|out of range"),
    ("inputs past the limit", ANY, count(92, 129), "out of range"),
    ("an unknown kind", ANY, count(96, 3), "out of range"),
    ("Gaussians that call themselves a forest", GAUSSIANS, count(96, 2), "out of range"),
    ("a forest that calls itself Gaussians", FOREST, count(96, 1), "out of range"),
    ("no components", GAUSSIANS, count(100, 0), "damaged|out of range"),
    ("components past the limit", GAUSSIANS, count(100, 9), "out of range"),
    ("a path scale without paths", GAUSSIANS, count(104, 1), "out of range"),
    ("no trees of paths", FOREST, count(108, 0), "damaged|out of range"),
    ("path nodes past the limit", FOREST, count(112, 32768), "out of range"),
    ("classes past the limit", ANY, count(116, 33), "out of range"),
    ("one class", ANY, count(116, 1), "out of range"),
    ("no tree inputs", ANY, count(120, 0), "damaged|out of range"),
    ("trees past the limit", ANY, count(124, 32768), "out of range"),
    ("no dwell", ANY, changed(140, struct.pack("<h", 0)), "out of range"),
    ("no windows in a mean", ANY, changed(148, struct.pack("<h", 0)), "out of range"),
    ("65 windows in a mean", ANY, changed(148, struct.pack("<h", 65)), "out of range"),
    ("off over the baseline", ANY, changed(146, struct.pack("<h", -1)), "out of range"),
    ("speeds the wrong way round", ANY, changed(150, struct.pack("<2h", 1, 0)), "out of range"),
    ("shaft speeds the wrong way round", ANY, changed(156, struct.pack("<2I", 2, 1)), "out of range"),
    ("format 2, without the operating line", ANY, count(4, 2), "not a model"),
    ("format 3, without the operating line", ANY, count(4, 3), "not a model"),
    ("a line over what nobody knows", ANY, changed(154, struct.pack("<H", 5)), "out of range"),
    ("a reach under 0", ANY, changed(166, struct.pack("<h", -1)), "out of range"),
    ("warning over alarm", ANY, changed(132, struct.pack("<h", 32767)), "out of range"),
    ("a name of 4 GB", ANY, count(168, 0xFFFFFFFF), "damaged"),
    ("more after the end", ANY, lambda data: sealed(data[:-4] + bytes(8)), "damaged"),
]


@pytest.mark.parametrize(
    ("kind", "change", "said"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE]
)
def test_a_damaged_model_is_refused(
    binaries: dict[str, bytes], kind: str, change: Callable[[bytes], bytes], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        vib.Model(change(binaries[kind]))


def section_starts(binary: bytes, kind: str) -> dict[str, int]:
    """Where the sections of a model of that kind begin, SPEC.md 2.1."""
    n, _, k, _, path_trees, path_nodes, _, tree_inputs, trees, nodes = struct.unpack_from("<10I", binary, 92)
    gaussians = [
        ("means", 2 * k * n),
        ("whiten_shifts", 2 * k),
        ("offsets", 4 * k),
        ("whiten", 2 * k * n * (n + 1)),
    ]
    paths = [("path_roots", 2 * path_trees), ("path_nodes", 8 * path_nodes)]
    features = vib.Core(vib.Model(binary).config()).n_features
    cold = [("slopes", 2 * n), ("speed_gains", 4 * n), ("cold_weights", 2 * n)]
    cold += [("line", 2 * features), ("far_weights", 2 * n)]
    sizes = [("centre", 2 * features), ("inputs", 2 * n), *cold, *(paths if kind == FOREST else gaussians)]
    sizes += [("tree_inputs", 2 * tree_inputs), ("roots", 2 * trees), ("nodes", 8 * nodes)]
    starts, at = {}, 176
    for name, size in sizes:
        starts[name] = at
        at += (size + 3) & ~3
    return starts


SECTION_DAMAGE: list[tuple[str, str, str, int, bytes]] = [
    ("an input that is no feature", ANY, "inputs", 2, struct.pack("<H", 999)),
    ("a gain over 2^24", ANY, "speed_gains", 0, struct.pack("<i", 1 << 24)),
    ("a gain under -2^24", ANY, "speed_gains", 4, struct.pack("<i", -(1 << 24))),
    ("a cold weight of 0", ANY, "cold_weights", 2, struct.pack("<H", 0)),
    ("a far weight of 0", ANY, "far_weights", 2, struct.pack("<H", 0)),
    ("a whiten over 2^24", ANY, "whiten", 0, struct.pack("<i", 1 << 24)),
    ("a whiten under -2^24", GAUSSIANS, "whiten", 8, struct.pack("<i", -(1 << 24))),
    ("a shift of 32", GAUSSIANS, "whiten_shifts", 2, struct.pack("<H", 32)),
    ("a first root that is not 0", FOREST, "path_roots", 0, struct.pack("<H", 1)),
    ("a root twice", FOREST, "path_roots", 2, struct.pack("<H", 0)),
    ("a root past the nodes", FOREST, "path_roots", 2, struct.pack("<H", 65535)),
    ("a node's input out of range", FOREST, "path_nodes", 0, struct.pack("<h", 128)),
    ("a node's input under 0", ANY, "nodes", 0, struct.pack("<h", -1)),
    ("a link to itself", ANY, "nodes", 4, struct.pack("<h", 0)),
    ("a link past the nodes", ANY, "nodes", 6, struct.pack("<h", 32767)),
    ("a class that is none", ANY, "nodes", 4, struct.pack("<h", -100)),
]


@pytest.mark.parametrize(
    ("kind", "section", "at", "value"),
    [row[1:] for row in SECTION_DAMAGE],
    ids=[row[0] for row in SECTION_DAMAGE],
)
def test_a_wrong_index_or_link_is_refused(
    binaries: dict[str, bytes], kind: str, section: str, at: int, value: bytes
) -> None:
    binary = binaries[kind]
    with pytest.raises(ValueError, match="a field of the model is out of range"):
        vib.Model(changed(section_starts(binary, kind)[section] + at, value)(binary))


def test_a_link_into_the_next_tree_is_refused(binaries: dict[str, bytes]) -> None:
    """Trees lie end to end, so that a walk is no longer than its own tree."""
    binary = binaries[FOREST]
    starts = section_starts(binary, FOREST)
    second_root = struct.unpack_from("<H", binary, starts["path_roots"] + 2)[0]
    with pytest.raises(ValueError, match="out of range"):
        vib.Model(changed(starts["path_nodes"] + 4, struct.pack("<h", second_root))(binary))


@pytest.mark.parametrize("kind", KINDS)
def test_no_truncation_loads(binaries: dict[str, bytes], kind: str) -> None:
    for length in range(len(binaries[kind])):
        with pytest.raises(ValueError, match="vib:"):
            vib.Model(binaries[kind][:length])


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_of_a_sealed_model_can_crash_the_core(binaries: dict[str, bytes], kind: str) -> None:
    """Every 16-bit word set to extreme values, CRC put right: refused, or a model that still answers in range."""
    binary = binaries[kind]
    n = vib.Core(vib.Model(binary).config()).n_features
    features = array("h", range(n))
    accepted = refused = 0
    for at in range(12, len(binary) - 4, 2):
        for word in (b"\x00\x00", b"\xff\xff", b"\xff\x7f", b"\x00\x80"):
            try:
                model = vib.Model(changed(at, word)(binary))
            except ValueError:
                refused += 1
                continue
            accepted += 1
            if vib.Core(model.config()).n_features == n:
                assert -2048 <= model.score(features) <= 32767
                assert model.classify(features) < len(model.meta()["classes"])
    assert accepted and refused


@pytest.mark.parametrize("kind", KINDS)
def test_what_becomes_of_its_data_is_nothing_to_a_model(binaries: dict[str, bytes], kind: str) -> None:
    """A bytearray may be written to and resized; a view may begin at an odd address."""
    data = bytearray(binaries[kind])
    models = [vib.Model(data), vib.Model(memoryview(data)), vib.Model(memoryview(b"?" + data)[1:])]
    row = array("h", range(vib.Core(models[0].config()).n_features))
    right = [(model.score(row), model.classify(row), model.meta()) for model in models]
    data[:] = b"\xff" * len(data)
    data.extend(bytes(4 * len(data)))
    del data[:]
    assert [(model.score(row), model.classify(row), model.meta()) for model in models] == right


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_checked(binaries: dict[str, bytes], kind: str) -> None:
    model = vib.Model(binaries[kind])
    n = vib.Core(model.config()).n_features
    for wrong in (array("h", bytes(2 * (n - 1))), array("i", bytes(4 * n)), bytes(2 * n)):
        with pytest.raises(ValueError, match="int16 array"):
            model.score(wrong)
    with pytest.raises(ValueError, match="int16 array"):
        model.score(array("h", bytes(2 * n)), array("h", bytes(2)))


def test_score_is_the_distance_in_octaves(binaries: dict[str, bytes]) -> None:
    """At the baseline itself the score is the least there is; twice the distance is 256 steps more."""
    model = vib.Model(binaries["mahalanobis"])
    n = vib.Core(model.config()).n_features
    baseline = np.arange(n, dtype=np.int16)
    assert model.score(baseline, baseline) == -2048
    near, far = baseline.copy(), baseline.copy()
    near[:] += 100
    far[:] += 200
    assert model.score(far, baseline) - model.score(near, baseline) == pytest.approx(256, abs=1)


class AsGiven(anomaly.AnomalyModel):
    """A core form written by hand, to see what the core makes of it."""

    def __init__(self, form: anomaly.Gaussians | anomaly.PathForest) -> None:
        self.form = form

    def core_form(self) -> anomaly.Gaussians | anomaly.PathForest:
        return self.form

    def _learn(self, residuals: object) -> None:
        raise NotImplementedError

    def steps(self, d: object) -> np.ndarray:
        raise NotImplementedError

    def emlearn_form(self) -> anomaly.EmlearnForm:
        return anomaly.EmlearnForm("", np.ones(1), lambda value: value)


def scores_of(form: anomaly.Gaussians | anomaly.PathForest, d: np.ndarray, n_inputs: int) -> np.ndarray:
    """Scores of differences d in the first inputs, by a model of that form."""
    given = dataclasses.replace(
        small_fit(),
        anomaly=AsGiven(form),
        cold=drawn_cold_model(n_inputs, 1),
        line=drawn_line(n_inputs),
        inputs=list(range(n_inputs)),
    )
    model = vib.Model(convert.convert(given).binary)
    features = np.zeros((len(d), vib.Core(model.config()).n_features), np.int16)
    features[:, :n_inputs] = d
    return vib.score(model, features, np.zeros_like(features[0]))


def drawn_cold_model(n_inputs: int, seed: int) -> cold.ColdModel:
    random = np.random.default_rng([n_inputs, seed])
    slopes, deviations = random.normal(0, 250, n_inputs), random.uniform(40, 1500, n_inputs)
    return cold.ColdModel(np.zeros(n_inputs), slopes, deviations, -0.7, 0.9).quantised()


def drawn_line(n_inputs: int) -> OperatingLine:
    random = np.random.default_rng(n_inputs)
    slopes = random.normal(0, 250, len(small_fit().centre)).astype(np.int16)
    return OperatingLine(operating_line.SPEED, 10.0, slopes, random.uniform(40, 1500, n_inputs), 1.0)


def exact_scores(form: anomaly.Gaussians, d: np.ndarray) -> np.ndarray:
    """SPEC.md 1.3 in float64 on the same integers."""
    squares = []
    n = form.means.shape[1]
    for mean, packed, shift, offset in zip(form.means, form.rows, form.shifts, form.offsets, strict=True):
        factor = np.zeros((n, n))
        factor[np.tril_indices(n)] = packed
        z = (d.astype(float) - mean) @ factor.T / 2.0**shift / 4096
        squares.append((z**2).sum(axis=1) + offset / 65536)
    nearest = np.min(squares, axis=0)
    density = np.exp(-(np.array(squares) - nearest) / 2).sum(axis=0)
    return np.asarray(128 * np.log2(np.maximum(nearest - 2 * np.log(density), 1e-9) / n))


@pytest.mark.parametrize("components", [1, 2, 5, 8])
@pytest.mark.parametrize("n_inputs", [1, 3, 30])
def test_gaussian_scores_are_those_of_the_float_formula(components: int, n_inputs: int) -> None:
    """Near, between and far from Gaussians that overlap, differ in width and rarity, or lie far apart."""
    random = np.random.default_rng([components, n_inputs])
    for apart in (0, 30, 3000):
        factors = np.tril(random.normal(0, 0.01, (components, n_inputs, n_inputs)))
        factors += np.eye(n_inputs) / random.uniform(10, 200, (components, 1, 1))
        offsets = random.uniform(0, 20, components)
        offsets[0] = 0
        means = random.normal(0, 1, (components, n_inputs)) * apart
        form = whitening.quantise(factors, means, offsets)
        spread = random.choice([1, 30, 300, 3000], (400, 1))
        d = np.concatenate([form.means, random.normal(0, spread, (400, n_inputs)).round()]).astype(np.int16)
        exact = exact_scores(form, d)
        assert (exact >= -512).sum() > 100
        found = scores_of(form, d, n_inputs).astype(float)
        assert np.abs(np.maximum(found, -512) - np.maximum(exact, -512)).max() <= 1
        assert found.min() >= -2048


@pytest.mark.parametrize("n_inputs", [1, 3, 25])
def test_scores_without_a_baseline_are_those_of_the_float_formula(n_inputs: int) -> None:
    random = np.random.default_rng(n_inputs)
    given = drawn_cold_model(n_inputs, 2)
    form = whitening.quantise(np.eye(n_inputs)[None] / 100, np.zeros((1, n_inputs)), np.zeros(1))
    fitted = dataclasses.replace(
        small_fit(),
        anomaly=AsGiven(form),
        cold=given,
        line=drawn_line(n_inputs),
        inputs=list(range(n_inputs)),
        warning=0,
        alarm=256,
    )
    model = vib.Model(convert.convert(fitted).binary)
    features = np.tile(fitted.centre, (600, 1))
    speeds = random.uniform(-4, 4, (600, 1)) * given.slopes
    spread = random.choice([1, 30, 300, 3000], (600, 1))
    features[:, :n_inputs] += (speeds + random.normal(0, spread, (600, n_inputs))).round().astype(np.int16)
    d = (features - fitted.centre)[:, :n_inputs]
    exact, found = given.steps(d), vib.score(model, features).astype(float)
    assert n_inputs == 1 or (exact >= -512).sum() > 200
    assert np.abs(np.maximum(found, -512) - np.maximum(exact, -512)).max() <= 1
    octaves = given.speed_octaves(d)
    assert np.abs(vib.place(model, features) - np.clip(256 * octaves, -32768, 32767)).max() <= 1
    outside = ((octaves < -1.2) | (octaves > 1.4)) & (exact < 0)
    unclear = (np.abs(octaves + 1.2) < 0.01) | (np.abs(octaves - 1.4) < 0.01) | (np.abs(exact) < 1)
    assert n_inputs == 1 or 20 < outside.sum() < 580
    assert np.array_equal(vib.outside(model, features)[~unclear], outside[~unclear])


@pytest.mark.parametrize("n_inputs", [1, 3, 25])
def test_scores_far_from_what_was_learnt_are_those_of_the_float_formula(n_inputs: int) -> None:
    random = np.random.default_rng(n_inputs)
    line = drawn_line(n_inputs)
    form = whitening.quantise(np.eye(n_inputs)[None] / 100, np.zeros((1, n_inputs)), np.zeros(1))
    fitted = dataclasses.replace(
        small_fit(),
        anomaly=AsGiven(form),
        cold=drawn_cold_model(n_inputs, 2),
        line=line,
        inputs=list(range(n_inputs)),
    )
    model = vib.Model(convert.convert(fitted).binary)
    usual = (fitted.centre + random.normal(0, 500, len(fitted.centre))).astype(np.int16)
    spread = random.choice([1, 30, 300, 3000], (600, 1))
    features = np.tile(usual, (600, 1))
    features[:, :n_inputs] += random.normal(0, spread, (600, n_inputs)).round().astype(np.int16)
    d = (features - usual)[:, :n_inputs].astype(float)
    exact = anomaly.score_steps((np.square(d * line.weights / 2.0**20)).sum(axis=1), n_inputs)
    found = vib.far(model, features, usual).astype(float)
    assert np.abs(np.maximum(found, -512) - np.maximum(exact, -512)).max() <= 1
    slopes = np.empty_like(usual)
    model.line(slopes)
    assert np.array_equal(slopes, line.slopes)
    meta = model.meta()
    assert (meta["line_over"], meta["line_middle"], meta["reach"]) == (
        1,
        round(256 * (10 + np.log2(1000 / 60))),
        256,
    )


def test_the_farthest_score_saturates() -> None:
    """Every projection at its limit, 2^14 standard deviations."""
    n = 30
    factor = np.tril(np.full((n, n), (2.0**24 - 1) / 4096))
    form = whitening.quantise(factor[None], np.full((1, n), -32768), np.zeros(1))
    far = np.full((1, n), 32767, np.int16)
    assert scores_of(form, far, n)[0] == 256 * 14


def test_isolation_scores_are_path_lengths() -> None:
    """Two trees of one cut, tested as x < 100; the average path of the sample size is 4."""
    nodes = np.array([[0, 100, -1 - 1024, -1 - 8192], [1, 100, -1 - 3072, -1 - 0]], np.int16)
    form = anomaly.PathForest(nodes, [0, 1], round(2048 / (1024 * 2 * 4) * 2**28))
    d = np.array([[99, 99], [99, 100], [100, 99], [100, 100]], np.int16)
    paths = np.array([1 + 3, 1 + 0, 8 + 3, 8 + 0]) / 2
    assert list(scores_of(form, d, 2)) == list(2048 * (1 - paths / 4))


def test_the_longest_path_saturates() -> None:
    nodes = np.array([[0, 0, -32768, -32768]], np.int16)
    form = anomaly.PathForest(nodes, [0], 2**32 - 1)
    assert scores_of(form, np.zeros((1, 1), np.int16), 1)[0] == -2048


def test_a_model_without_classes_says_so() -> None:
    model = vib.Model(small_model_binary(classifier=False))
    n = vib.Core(model.config()).n_features
    assert model.meta()["classes"] == ()
    with pytest.raises(ValueError, match="no classifier"):
        model.classify(array("h", bytes(2 * n)))


def test_models_want_little_stack(tmp_path: Path) -> None:
    """A function of vib_model.c holds 800 bytes at most, so that a call stays under 1 kB of a small chip's task."""
    source = str(CORE / "vib_model.c")
    command = ["cc", "-std=c99", "-O2", "-fstack-usage", "-I", str(CORE), "-c", source, "-o", "model.o"]
    subprocess.run(command, check=True, cwd=tmp_path)
    usage = [line.split("\t") for line in (tmp_path / "model.su").read_text().splitlines()]
    frames = {place.split(":")[-1]: int(size) for place, size, kind in usage if kind == "static"}
    assert len(frames) == len(usage)
    assert "vib_model_score" in frames
    assert max(frames.values()) <= 800
