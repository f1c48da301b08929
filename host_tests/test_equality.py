"""One arithmetic: every window through CPython's core and through the firmware of every board, compared bit for bit.

The recordings are those of the adi-motor set where they are on this machine, simulated ones elsewhere. The firmware
has the default model linked in as emlearn's C; the host runs the same package's data form, model.bin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vib
from qemu_fixtures import ALL_BOARDS, run
from vibtrain import config, package, pipeline
from vibtrain.anomaly import median_baseline
from vibtrain.recordings import DataError
from vibtrain.resample import to_counts

PACKAGE = Path(__file__).parents[1] / "build" / "models" / "default"

SCRIPT = """
from array import array
import vib

model, loaded = vib.linked_model(), vib.Model(open("model.bin", "rb").read())
assert model.meta() == loaded.meta() and model.config() == loaded.config()
core = vib.Core(model.config())
features, answers = array("h", [0] * core.n_features), array("h", [0] * 5)
baseline = array("h", [0] * core.n_features)
open("baseline.i16", "rb").readinto(baseline)
frame = 2 * model.config()["axes"]
lump = memoryview(bytearray(frame * 500))
samples, lengths, out = open("samples.i16", "rb"), open("lengths.txt"), open("out.i16", "wb")
for line in lengths:
    left = int(line)
    core.gap()
    while left:
        part = lump[: frame * min(left, 500)]
        samples.readinto(part)
        frames = len(part) // frame
        left -= frames
        at = 0
        while at < frames:
            at += core.push(part, at)
            if core.ready():
                core.features(features)
                answers[0] = model.score(features)
                answers[1] = model.score(features, baseline)
                answers[2] = model.classify(features)
                answers[3] = model.classify(features, baseline)
                answers[4] = loaded.score(features, baseline) - answers[1] or loaded.classify(features) - answers[2]
                out.write(features)
                out.write(answers)
out.close()
"""


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    """Counts of every recording at hand, as the default configuration's sensor gives them."""
    chosen = config.load("adi-motor")
    try:
        entries = pipeline.entries_of(chosen, announce=lambda line: None)
    except DataError:
        entries = pipeline.entries_of(pipeline.simulated(chosen))
    return [to_counts(entry.read(), chosen.chip()) for entry in entries]


@pytest.fixture(scope="module")
def expected(recordings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the host computes: rows of features, two scores, two classes, 0; and the baseline used."""
    model, _ = package.read(PACKAGE)
    features = np.concatenate([vib.extract(counts, model.config()) for counts in recordings])
    baseline = median_baseline(features[:25])
    columns = [vib.score(model, features), vib.score(model, features, baseline)]
    columns += [vib.classify(model, features), vib.classify(model, features, baseline)]
    columns += [np.zeros(len(features), np.int16)]
    return np.column_stack([features, *columns]), baseline


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_every_window_is_the_same_on(
    board: str, recordings: list[np.ndarray], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    rows, baseline = expected
    files = {
        "model.bin": (PACKAGE / "model.bin").read_bytes(),
        "baseline.i16": baseline.astype("<i2").tobytes(),
        "samples.i16": b"".join(counts.astype("<i2").tobytes() for counts in recordings),
        "lengths.txt": "".join(f"{len(counts)}\n" for counts in recordings).encode(),
    }
    answer = run(board, SCRIPT, files=files, timeout_s=600).files["out.i16"]
    got = np.frombuffer(answer, "<i2").reshape(-1, rows.shape[1])
    assert len(got) == len(rows) > 400
    differing = np.flatnonzero((got != rows).any(axis=0))
    assert not len(differing), f"{board}: columns {differing.tolist()} differ"
