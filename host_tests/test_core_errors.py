"""Every error code of vib.h, from the core itself, and what the bindings make of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence

import pytest
import vib
from test_core_model import count
from vib import sources

from lab.rigs.small_model import small_model_binary
from lab.signals import BEARING, core_config

CORE = sources.folder()

CODES = range(-22, 0)
MODEL_BYTES = 1024  # more than vib_model_t takes


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("core") / "libvib.so"
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-I", str(CORE), "-shared", "-fPIC"]
    subprocess.run(
        [os.environ.get("CC", "cc"), *strict, *sorted(CORE.glob("vib_*.c")), "-o", path], check=True
    )
    return ctypes.CDLL(str(path))


def words(fields: dict[str, int]) -> ctypes.Array[ctypes.c_uint32]:
    """A vib_config_t."""
    return (ctypes.c_uint32 * len(vib.CONFIG_FIELDS))(*(fields.get(field, 0) for field in vib.CONFIG_FIELDS))


NO_ENVELOPE = dict.fromkeys((*BEARING, "envelope_bands"), 0)
REFUSED: list[tuple[int, dict[str, int], str]] = [
    (-1, {"rate_millihz": 999}, "rate_millihz"),
    (-1, {"rate_millihz": 100_000_001}, "rate_millihz"),
    (-2, {"window": 1000}, "window"),
    (-2, {"window": 32}, "window"),
    (-2, {"window": 8192}, "window"),
    (-3, {"hop": 0}, "hop"),
    (-3, {"hop": 1_000_001}, "hop"),
    (-4, {"axes": 0}, "axes"),
    (-4, {"axes": 4}, "axes"),
    (-5, {"lsb_nm_s2": 0}, "lsb_nm_s2"),
    (-5, {"lsb_nm_s2": 4_000_000_001}, "lsb_nm_s2"),
    (-6, {"bands": 0}, "bands"),
    (-6, {"bands": 33}, "bands"),
    (-7, {"band_hi_hz": 1601}, "band_lo_hz"),
    (-7, {"band_lo_hz": 3}, "band_lo_hz"),
    (-7, {"band_lo_hz": 500, "band_hi_hz": 500}, "band_lo_hz"),
    (-7, {"bands": 32, "band_lo_hz": 1500, "band_hi_hz": 1550}, "a bin or more per band"),
    (-8, {"envelope_bands": 17}, "envelope_bands"),
    (-9, {"envelope_hi_hz": 1601}, "envelope_lo_hz"),
    (-9, {"envelope_lo_hz": 100}, "rate/4 wide"),
    (-9, {"envelope_lo_hz": 1388}, "3 bins more"),
    (-18, {"orders": 9}, "orders"),
    (-19, {"bpfo_milliorders": 50_001}, "milliorders"),
    (-19, {"envelope_bands": 0}, "milliorders"),
    (-20, {"by_angle": 2}, "by_angle"),
    (-20, {"order_bands": 1, "order_lo_milliorders": 700}, "by_angle"),
    (-20, {"mesh1_milliorders": 1}, "by_angle"),
    (-20, {"by_angle": 1, "order_bands": 9, "order_lo_milliorders": 700}, "0 to 8"),
    (-20, {"by_angle": 1, "order_envelope_bands": 9, "order_lo_milliorders": 700}, "0 to 8"),
    (-20, {"by_angle": 1, "order_bands": 1}, "order_lo_milliorders"),
    (-20, {"by_angle": 1, "order_lo_milliorders": 700}, "order_lo_milliorders"),
    (-20, {"by_angle": 1, "order_bands": 1, "order_lo_milliorders": 50_001}, "order_lo_milliorders"),
    (-20, NO_ENVELOPE | {"by_angle": 1, "order_envelope_bands": 1, "order_lo_milliorders": 9}, "by_angle"),
    (-20, {"by_angle": 1, "mesh1_milliorders": 4_000_001}, "mesh_"),
    (-20, {"by_angle": 1, "mesh2_milliorders": 1}, "mesh_"),
    (-20, {"by_angle": 1, "mesh1_milliorders": 5, "side1_milliorders": 6}, "side_"),
    (-20, {"by_angle": 1, "side3_milliorders": 6}, "side_"),
    (-22, {"slow_bands": 1}, "slow_window"),
]


@pytest.mark.parametrize(("code", "change", "named"), REFUSED)
def test_a_field_out_of_range_is_named(
    library: ctypes.CDLL, code: int, change: dict[str, int], named: str
) -> None:
    config = core_config(1024) | change
    assert library.vib_config_check(words(config)) == code
    with pytest.raises(ValueError, match=named):
        vib.Core(config)


def answers_of_a_core(library: ctypes.CDLL) -> list[int]:
    """Memory too small, and out of line; no window yet, a wrong length; a name too many; a format that is none."""
    fields = core_config(64)
    config, need, core = words(fields), ctypes.c_size_t(), ctypes.c_void_p()
    assert library.vib_core_size(config, ctypes.byref(need)) == 0
    memory = (ctypes.c_uint64 * (need.value // 8 + 2))()
    start = ctypes.addressof(memory)

    def init(address: int, size: int) -> int:
        return int(
            library.vib_core_init(ctypes.c_void_p(address), ctypes.c_size_t(size), config, ctypes.byref(core))
        )

    small, crooked = init(start, need.value - 1), init(start + 4, need.value)
    assert init(start, need.value) == 0
    n = vib.Core(fields).n_features
    out = (ctypes.c_int16 * n)()
    early = library.vib_core_features(core, out, ctypes.c_size_t(n))
    short = library.vib_core_features(core, out, ctypes.c_size_t(n - 1))
    unnamed = library.vib_feature_name(config, ctypes.c_size_t(n), ctypes.create_string_buffer(16))
    fast = library.vib_core_set_course(core, (ctypes.c_uint32 * 2)(4, 6), ctypes.c_size_t(2))
    return [small, crooked, early, short, unnamed, fast, library.vib_format_check(bytes([25, 3, 0, 0, 0]))]


def test_a_core_refuses(library: ctypes.CDLL) -> None:
    assert answers_of_a_core(library) == [-10, -10, -12, -11, -11, -21, -17]


def answers_of_a_model(library: ctypes.CDLL) -> list[int]:
    """Cut short, made for another core, a kind that is none; without classes, and asked with too few features."""
    whole = small_model_binary(classifier=False)

    def load(data: bytes) -> tuple[int, Sequence[object]]:
        aligned = (ctypes.c_uint64 * (len(data) // 8 + 1)).from_buffer_copy(data + bytes(8 - len(data) % 8))
        model = (ctypes.c_uint64 * (MODEL_BYTES // 8))()
        return int(library.vib_model_load(aligned, ctypes.c_size_t(len(data)), model)), (aligned, model)

    refused = [load(data)[0] for data in (whole[:-8], count(12, 99)(whole), count(96, 3)(whole))]
    status, (data, model) = load(whole)
    assert status == 0
    n = vib.Core(vib.Model(whole).config()).n_features
    features, index = (ctypes.c_int16 * n)(), ctypes.c_uint32()
    classes = [
        library.vib_model_classify(model, features, ctypes.c_size_t(size), None, ctypes.byref(index))
        for size in (n, n - 1)
    ]
    del data  # the model pointed into it
    return [*refused, *classes]


def test_a_model_refuses(library: ctypes.CDLL) -> None:
    assert answers_of_a_model(library) == [-13, -14, -15, -16, -11]


def test_every_code_is_reached_and_has_its_text(library: ctypes.CDLL) -> None:
    reached = {code for code, _, _ in REFUSED} | {*answers_of_a_core(library), *answers_of_a_model(library)}
    assert reached == set(CODES)
    library.vib_error_text.restype = ctypes.c_char_p
    assert len({library.vib_error_text(code) for code in (0, *CODES)}) == len(CODES) + 1
    assert library.vib_error_text(CODES[0] - 1) == b"unknown error"
