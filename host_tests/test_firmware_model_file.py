"""model.ota as the device reads it: what it tells of the model, what is refused, and how golden windows prove it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import vib
from vibnode import model_file
from vibnode.model_file import MAX_GOLDEN, READ_BYTES, ModelError, Parts

from lab.rigs.firmware_model import CONFIG, model_bin, model_ota

SMALL = CONFIG | {"window": 64, "hop": 32, "band_lo_hz": 100}
WHOLE = model_ota(SMALL)
MODEL = model_bin(SMALL, "44556677aabbccdd")
FRAMES_BYTES = 2 * SMALL["window"] * SMALL["axes"]
GOLDEN_BYTES = FRAMES_BYTES + 2 * vib.Core(SMALL).n_features + 4


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def ota_of(model: bytes, windows: int, golden: bytes, magic: bytes = b"VIBO", zero: int = 0) -> bytes:
    return sealed(struct.pack("<4sIHH", magic, len(model), windows, zero) + model + golden)


def resealed(at: int, value: bytes) -> bytes:
    return sealed(WHOLE[:at] + value + WHOLE[at + len(value) : -4])


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], str]:
    def write(data: bytes) -> str:
        (tmp_path / "model.ota").write_bytes(data)
        return str(tmp_path / "model.ota")

    return write


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as raised:
        act()
    return str(raised.value)


def test_its_head_says_where_the_parts_stand(put: Callable[[bytes], str]) -> None:
    with open(put(WHOLE), "rb") as file:
        parts = Parts(file)
    assert (parts.model_bytes, parts.windows, parts.golden_bytes) == (len(MODEL), 2, GOLDEN_BYTES)


def test_it_tells_what_the_model_wants_of_a_sensor(put: Callable[[bytes], str]) -> None:
    wanted = ("rate_millihz", "window", "hop", "axes", "lsb_nm_s2")
    assert model_file.core_config(put(WHOLE)) == {name: SMALL[name] for name in wanted}


def test_it_gives_the_model(put: Callable[[bytes], str]) -> None:
    model = model_file.load(put(WHOLE))
    assert model.meta() == vib.Model(MODEL).meta() and model.config() == SMALL


@pytest.mark.parametrize("windows", range(1, MAX_GOLDEN + 1))
def test_up_to_four_golden_windows_prove_it(put: Callable[[bytes], str], windows: int) -> None:
    path = put(model_ota(SMALL, windows=windows))
    model = model_file.load(path)
    model_file.prove(path, model, vib.Core(model.config()))
    assert MAX_GOLDEN == 4


def test_whatever_the_core_held_before_counts_no_more_nor_what_it_held_for_the_proof(
    put: Callable[[bytes], str],
) -> None:
    path = put(model_ota(SMALL, windows=3))
    model, core = model_file.load(path), vib.Core(SMALL)
    noise = np.random.default_rng(3).normal(0, 300, (96, 3)).astype(np.int16)
    core.push(noise[:50])
    model_file.prove(path, model, core)
    fresh, own, expected = vib.Core(SMALL), *np.zeros((2, core.n_features), np.int16)
    for one, out in ((core, own), (fresh, expected)):
        assert one.push(noise[:64]) == 64 and one.ready()
        one.features(out)
    assert np.array_equal(own, expected)


@pytest.mark.parametrize(
    "at", [FRAMES_BYTES, GOLDEN_BYTES - 6, GOLDEN_BYTES - 4, GOLDEN_BYTES - 2, GOLDEN_BYTES - 1]
)
@pytest.mark.parametrize("number", [0, 1])
def test_one_wrong_answer_is_refused(put: Callable[[bytes], str], at: int, number: int) -> None:
    """The first feature, the last, the score, the class."""
    place = 12 + len(MODEL) + number * GOLDEN_BYTES + at
    path = put(resealed(place, bytes([WHOLE[place] ^ 1])))
    said = refused(lambda: model_file.prove(path, model_file.load(path), vib.Core(SMALL)))
    assert said == f"golden window {number} of 2 does not come out right"


def test_golden_windows_of_another_length_prove_nothing(put: Callable[[bytes], str]) -> None:
    for longer in (-1, 1):
        path = put(ota_of(MODEL, 1, bytes(GOLDEN_BYTES + longer)))
        said = refused(partial(model_file.prove, path, model_file.load(path), vib.Core(SMALL)))
        assert said == "its golden windows are not of its own configuration"


class Classless:
    """A model as one without classes is: it does not answer which one."""

    def __init__(self, model: vib.Model) -> None:
        self.config, self.score = model.config, model.score

    def meta(self) -> dict[str, object]:
        return {"classes": ()}


@pytest.mark.parametrize(("answer", "right"), [(0, True), (1, False), (-1, False)])
def test_of_a_model_without_classes_the_golden_windows_answer_none(
    put: Callable[[bytes], str], answer: int, right: bool
) -> None:
    data = bytearray(WHOLE[:-4])
    for number in range(2):
        end = 12 + len(MODEL) + (number + 1) * GOLDEN_BYTES
        data[end - 2 : end] = struct.pack("<h", answer)
    path = put(sealed(bytes(data)))
    model = Classless(model_file.load(path))
    if right:
        model_file.prove(path, model, vib.Core(SMALL))
    else:
        assert "golden window 0" in refused(partial(model_file.prove, path, model, vib.Core(SMALL)))


# What is refused

READS: list[Callable[[str], object]] = [model_file.core_config, model_file.load]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes; accepted: a model.ota"),
        (WHOLE[:11], "11 bytes; accepted: a model.ota"),
        (WHOLE[:12], "12 bytes do not fit what it says it holds"),
        (ota_of(MODEL, 1, bytes(500), magic=b"VIBM"), "is no model.ota"),
        (ota_of(MODEL, 1, bytes(500), zero=1), "is no model.ota"),
        (ota_of(MODEL, 0, bytes(500)), "is no model.ota"),
        (ota_of(MODEL, 5, bytes(500)), "is no model.ota"),
        (ota_of(MODEL[:83], 1, bytes(500)), "599+4 bytes do not fit what it says it holds"),
        (ota_of(MODEL, 1, b""), "bytes do not fit what it says it holds"),
        (ota_of(MODEL, 2, bytes(501)), "bytes do not fit what it says it holds"),
        (resealed(4, struct.pack("<I", 1 << 31)), "bytes do not fit what it says it holds"),
        (WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]), "damaged (checksum)"),
    ],
)
def test_what_is_no_whole_file_is_refused(
    put: Callable[[bytes], str], read: Callable[[str], object], data: bytes, said: str
) -> None:
    assert refused(lambda: read(put(data))).endswith(said.replace("599+4 ", ""))


@pytest.mark.parametrize("read", READS)
def test_a_damaged_byte_is_noticed_wherever_it_is(
    put: Callable[[bytes], str], read: Callable[[str], object]
) -> None:
    assert len(WHOLE) > 2 * READ_BYTES  # it is read in pieces
    for at in (
        12,
        READ_BYTES - 1,
        READ_BYTES,
        2 * READ_BYTES,
        len(WHOLE) - 5,
        len(WHOLE) - 4,
        len(WHOLE) - 1,
    ):
        data = WHOLE[:at] + bytes([WHOLE[at] ^ 0x40]) + WHOLE[at + 1 :]
        assert refused(partial(read, put(data))) == "damaged (checksum)", at


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_checksum_is_over_whole_pieces_and_the_rest(put: Callable[[bytes], str], beyond: int) -> None:
    pad = 2 * READ_BYTES + beyond - 12 - len(MODEL)
    assert model_file.load(put(ota_of(MODEL, 1, bytes(pad)))).meta()["name"] == "tiny"


def test_a_model_of_another_core_or_feature_list_is_refused(put: Callable[[bytes], str]) -> None:
    for at, name, own in ((12, "core", vib.CORE_VERSION), (16, "feature", vib.FEATURE_VERSION)):
        path = put(resealed(12 + at, struct.pack("<I", 77)))
        said = refused(partial(model_file.core_config, path))
        assert said == f"is made for {name} version 77; accepted: {own}, this firmware's"


def test_golden_windows_must_hold_more_than_the_frames_and_an_answer(put: Callable[[bytes], str]) -> None:
    shortest = FRAMES_BYTES + 5
    assert model_file.core_config(put(ota_of(MODEL, 1, bytes(shortest))))["window"] == 64
    said = refused(lambda: model_file.core_config(put(ota_of(MODEL, 1, bytes(shortest - 1)))))
    assert said == "its golden windows are too short"


def test_what_the_core_refuses_is_told_in_its_words(put: Callable[[bytes], str]) -> None:
    path = put(ota_of(b"\0" * len(MODEL), 1, bytes(500)))
    said = refused(lambda: model_file.load(path))
    with pytest.raises(ValueError, match=re.escape(said)):
        vib.Model(b"\0" * len(MODEL))


def test_a_model_of_the_smallest_size_is_asked_of_the_core(put: Callable[[bytes], str]) -> None:
    assert "fit" not in refused(lambda: model_file.load(put(ota_of(MODEL[:84], 1, b"\0"))))
