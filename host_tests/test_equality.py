"""One arithmetic: every window through CPython's core and through the firmware of every board, compared bit for bit.

The firmware has the default model linked in as emlearn's C; the host runs the same package's data form, model.bin.
"""

from __future__ import annotations

import pytest
from known_windows import SCRIPT, known_windows
from qemu_fixtures import ALL_BOARDS, run

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
