"""Models as the core takes them: what it refuses, and that length and version are checked."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Callable

import numpy as np
import pytest
import vib
from small_model import small_model_binary


@pytest.fixture(scope="module")
def binary() -> bytes:
    return small_model_binary()


def sealed(data: bytes) -> bytes:
    """`data` with its length and CRC put right, so that only what was changed in it can be at fault."""
    body = data[:8] + struct.pack("<I", len(data)) + data[12:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def changed(at: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda data: sealed(data[:at] + value + data[at + len(value) :])


DAMAGE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty", lambda data: b"", "damaged"),
    ("cut short", lambda data: data[:-8], "damaged"),
    ("one bit", lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:], "damaged"),
    ("another magic", changed(0, b"VIBX"), "not a model"),
    ("another core", changed(12, struct.pack("<I", 99)), "another core"),
    ("another feature list", changed(16, struct.pack("<I", 99)), "another core or feature"),
    ("a window of 1000", changed(24, struct.pack("<I", 1000)), "window"),
    ("no inputs", changed(72, struct.pack("<I", 0)), "damaged|out of range"),
    ("inputs past the limit", changed(72, struct.pack("<I", 129)), "out of range"),
    ("whiten_shift of 32", changed(76, struct.pack("<I", 32)), "out of range"),
    ("no dwell", changed(104, struct.pack("<h", 0)), "out of range"),
    ("warning over alarm", changed(96, struct.pack("<h", 32767)), "out of range"),
    ("a name of 4 GB", changed(108, struct.pack("<I", 0xFFFFFFFF)), "damaged"),
    ("more after the end", lambda data: sealed(data[:-4] + bytes(8)), "damaged"),
]


@pytest.mark.parametrize(("change", "said"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_damaged_model_is_refused(binary: bytes, change: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        vib.Model(change(binary))


def test_no_truncation_loads(binary: bytes) -> None:
    for length in range(len(binary)):
        with pytest.raises(ValueError, match="vib:"):
            vib.Model(binary[:length])


def test_no_word_of_a_sealed_model_can_crash_the_core(binary: bytes) -> None:
    """Every 16-bit word set to extreme values, CRC put right: refused, or a model that still answers in range."""
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


def test_lengths_are_checked(binary: bytes) -> None:
    model = vib.Model(binary)
    n = vib.Core(model.config()).n_features
    for wrong in (array("h", bytes(2 * (n - 1))), array("i", bytes(4 * n)), bytes(2 * n)):
        with pytest.raises(ValueError, match="int16 array"):
            model.score(wrong)
    with pytest.raises(ValueError, match="int16 array"):
        model.score(array("h", bytes(2 * n)), array("h", bytes(2)))


def test_score_is_the_distance_in_octaves(binary: bytes) -> None:
    """At the baseline itself the score is the least there is; twice the distance is 256 steps more."""
    model = vib.Model(binary)
    n = vib.Core(model.config()).n_features
    baseline = np.arange(n, dtype=np.int16)
    assert model.score(baseline, baseline) == -2048
    near, far = baseline.copy(), baseline.copy()
    near[:] += 100
    far[:] += 200
    assert model.score(far, baseline) - model.score(near, baseline) == pytest.approx(256, abs=1)


def test_a_model_without_classes_says_so() -> None:
    model = vib.Model(small_model_binary(classifier=False))
    n = vib.Core(model.config()).n_features
    assert model.meta()["classes"] == ()
    with pytest.raises(ValueError, match="no classifier"):
        model.classify(array("h", bytes(2 * n)))
