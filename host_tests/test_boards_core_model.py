"""Every kind of model, of a real one's size, through the firmware of every board: the host's scores, bit for bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import vib
from vibtrain.features import config
from vibtrain.models import fit
from vibtrain.packaging import convert

from lab.rigs.boards import ALL_BOARDS, run
from lab.rigs.small_model import small_config, small_windows

SCRIPT = """
from array import array
import vib

for kind in open("kinds.txt").read().split():
    model = vib.Model(open(kind + ".bin", "rb").read())
    core = vib.Core(model.config())
    baseline, row = array("h", [0] * core.n_features), array("h", [0] * core.n_features)
    rows, out = open("rows.i16", "rb"), open(kind + ".out", "wb")
    rows.readinto(baseline)
    while rows.readinto(row):
        answers = [model.score(row), model.score(row, baseline), model.classify(row, baseline), model.outside(row)]
        out.write(array("h", [int(answer) for answer in answers]))
    out.close()
"""


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    small = small_config()
    anomaly = dataclasses.replace(
        small.anomaly,
        inputs=("rms", "peak", "crest", "kurtosis", "centroid", "band"),
        mixture=config.MixtureChoice(components=8, covariance="full"),
        isolation=config.IsolationChoice(),
    )
    chosen = {kind: dataclasses.replace(anomaly, kind=kind) for kind in config.KINDS}
    fitted = {
        kind: fit.fit(small_windows(), dataclasses.replace(small, anomaly=choice))
        for kind, choice in chosen.items()
    }
    return {kind: convert.convert(model).binary for kind, model in fitted.items()}


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """A baseline, then windows near to it, far from it and at the ends of int16."""
    healthy = small_windows()[0].features
    random = np.random.default_rng(1)
    scattered = healthy + random.normal(0, 1, healthy.shape) * random.choice(
        [0, 50, 500, 5000], (len(healthy), 1)
    )
    ends = random.choice([-32768, 32767], (20, healthy.shape[1]))
    return np.concatenate([healthy[:1], scattered, ends]).clip(-32768, 32767).round().astype(np.int16)


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_every_kind_scores_the_same_on(board: str, models: dict[str, bytes], rows: np.ndarray) -> None:
    files = {f"{kind}.bin": data for kind, data in models.items()}
    files |= {"kinds.txt": " ".join(models).encode(), "rows.i16": rows.astype("<i2").tobytes()}
    answers = run(board, SCRIPT, files=files).files
    baseline, windows = rows[0], rows[1:]
    for kind, data in models.items():
        model = vib.Model(data)
        columns = [vib.score(model, windows), vib.score(model, windows, baseline)]
        columns += [vib.classify(model, windows, baseline), vib.outside(model, windows).astype(np.int16)]
        expected = np.column_stack(columns)
        assert len(np.unique(expected[:, 1])) > 20
        assert np.array_equal(np.frombuffer(answers[f"{kind}.out"], "<i2").reshape(-1, 4), expected), kind


CHANGED_UNDER_IT = """
import gc
from array import array
import vib

data = bytearray(open("model.bin", "rb").read())
models = [vib.Model(data), vib.Model(memoryview(data)), vib.Model(memoryview(b"?" + data)[1:])]
row = array("h", range(vib.Core(models[0].config()).n_features))
right = [(model.score(row), model.classify(row), model.meta()) for model in models]
for i in range(len(data)):
    data[i] = 255
gc.collect()
wall = bytearray(16)  # so that the next line moves it
data.extend(bytes(4 * len(data)))
gc.collect()
held = [bytearray(b"\\xff" * 4096) for _ in range(40)]  # where it was
print([(model.score(row), model.classify(row), model.meta()) for model in models] == right)
"""


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_what_becomes_of_its_data_is_nothing_to_a_model(board: str, models: dict[str, bytes]) -> None:
    """A bytearray may be written to, and moves when it grows; other data may lie at an odd address."""
    for data in models.values():
        assert run(board, CHANGED_UNDER_IT, files={"model.bin": data}).stdout == "True\n"
