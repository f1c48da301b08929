"""model.ota as `vibtrain fit` writes it, read by the code of the device."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import vib
from vibnode import model_file
from vibtrain.packaging import ota
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_config, small_model_binary, small_windows


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "small"
    pipeline.make_package(folder, small_config(), small_windows())
    return folder


def prove(path: Path) -> None:
    model = model_file.load(str(path))
    model_file.prove(str(path), model, vib.Core(model.config()))


def test_a_device_takes_it_and_it_is_the_same_model(package: Path) -> None:
    prove(package / "model.ota")
    binary = (package / "model.bin").read_bytes()
    assert (package / "model.ota").read_bytes()[12 : 12 + len(binary)] == binary
    assert model_file.load(str(package / "model.ota")).meta() == vib.Model(binary).meta()
    needed = model_file.core_config(str(package / "model.ota"))
    assert needed.items() <= vib.Model(binary).config().items() and "rate_millihz" in needed


def test_it_is_as_specified(package: Path) -> None:
    raw, golden = (package / "model.ota").read_bytes(), np.load(package / "golden.npz")
    magic, size, windows, zero = struct.unpack_from("<4sIHH", raw)
    assert (magic, windows, zero) == (b"VIBO", ota.MAX_GOLDEN, 0)
    assert size == (package / "model.bin").stat().st_size
    assert struct.unpack("<I", raw[-4:])[0] == zlib.crc32(raw[:-4])
    last = [golden[part][-1].astype("<i2").tobytes() for part in ("samples", "features", "scores", "classes")]
    assert raw.endswith(b"".join(last) + raw[-4:])
    assert len(raw) == 12 + size + windows * len(b"".join(last)) + 4


@pytest.mark.parametrize("part", ["features", "scores", "classes", "samples"])
def test_a_golden_window_that_comes_out_otherwise_is_refused(
    package: Path, tmp_path: Path, part: str
) -> None:
    golden = dict(np.load(package / "golden.npz"))
    golden[part] = golden[part].copy()
    golden[part][-1] += 1 if part != "samples" else np.arange(64, dtype=np.int16)[:, None]
    wrong = tmp_path / "wrong.ota"
    wrong.write_bytes(ota.pack((package / "model.bin").read_bytes(), golden))
    with pytest.raises(model_file.ModelError, match="golden window 3 of 4 does not come out right"):
        prove(wrong)


def test_a_model_without_classes_is_proved_too(tmp_path: Path) -> None:
    binary = small_model_binary(classifier=False)
    model = vib.Model(binary)
    config = model.config()
    samples = np.random.default_rng(1).normal(0, 300, (2, config["window"], config["axes"])).astype(np.int16)
    features = np.concatenate([vib.extract(window, config) for window in samples])
    golden = {"samples": samples, "features": features, "classes": np.zeros(2)}
    (tmp_path / "model.ota").write_bytes(ota.pack(binary, golden | {"scores": vib.score(model, features)}))
    prove(tmp_path / "model.ota")


def test_fewer_golden_windows_are_all_taken() -> None:
    golden = {"samples": np.zeros((1, 4, 3)), "features": np.zeros((1, 5))}
    golden |= {"scores": np.zeros(1), "classes": np.zeros(1)}
    assert len(ota.pack(b"model", golden)) == 12 + 5 + (4 * 3 + 5 + 1 + 1) * 2 + 4
