"""One arithmetic: every window through CPython's core and through the firmware of every board, compared bit for bit.

The firmware has the default model linked in as emlearn's C; the host runs the same package's data form, model.bin.
"""

from __future__ import annotations

import pytest
from known_windows import SCRIPT, known_windows

from lab.rigs.boards import ALL_BOARDS, run

SAME_MODEL_LINKED = """
import vib
loaded, linked = vib.Model(open("model.bin", "rb").read()), vib.linked_model()
assert linked.meta() == loaded.meta() and linked.config() == loaded.config()
"""


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_every_window_is_the_same_on(board: str) -> None:
    known = known_windows()
    done = run(board, SAME_MODEL_LINKED + SCRIPT, files=known.files, timeout_s=600)
    assert known.differing_columns(done.files["out.i16"]) == []


NO_ALLOCATION = """
import gc
from array import array
import vib

model = vib.linked_model()
config = model.config()
core = vib.Core(config)
features, baseline = array("h", [0] * core.n_features), array("h", [0] * core.n_features)
hop = bytearray(2 * config["axes"] * config["hop"])
for i in range(len(hop)):
    hop[i] = i * 7 & 255

def windows(n):
    while n:
        core.push(hop)
        if core.ready():
            core.features(features)
            model.score(features, baseline)
            model.classify(features)
            n -= 1

before = 0  # so that the name takes no room later
windows(2)
gc.disable()
before = gc.mem_alloc()
windows(1000)
print(gc.mem_alloc() - before)
"""


@pytest.mark.parametrize("board", ["UNIX", "QEMU_VIRT_RV32"])
def test_a_thousand_windows_allocate_nothing(board: str) -> None:
    assert run(board, NO_ALLOCATION, timeout_s=600).stdout == "0\n"
