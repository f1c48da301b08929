"""Whatever way a text of numbers is written, what is read is what was written, or it is refused."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from text_variants import RATE_HZ, Variant, variants
from vibtrain.files.sample_files import open_table, read_file
from vibtrain.files.time_columns import gaps
from vibtrain.recordings import DataError

EXAMPLES = 2000
MOST_REFUSED = 0.02
_tally: Counter[str] = Counter()


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(variants())
def _every_way(variant: Variant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(variant.written())
        _tally["tried"] += 1
        try:
            _is_as_written(path, variant)
        except DataError:
            _tally["refused"] += 1


def _is_as_written(path: Path, variant: Variant) -> None:
    places = list(range(variant.first_axis(), variant.first_axis() + variant.axes))
    blocks, _ = open_table(path, places)
    np.testing.assert_allclose(np.concatenate(list(blocks)), variant.samples(), rtol=1e-12)
    content = read_file(path)
    if variant.names():
        assert [content.names[place] for place in places] == variant.names()
    if variant.heading in ("units row", "three lines"):
        assert {content.units[content.names[place]] for place in places} == {"g"}
    found = gaps(path, places)
    if variant.tells_rate():
        assert found is not None
        assert found.rate_hz is not None
    if found is not None:
        assert (found.gaps, found.backward) == (0, 0)
        assert found.rate_hz is None or abs(found.rate_hz / RATE_HZ - 1) < 1e-3


def test_every_way_of_writing_is_read_as_it_was_written_or_refused() -> None:
    _every_way()
    assert _tally["tried"] >= EXAMPLES
    assert _tally["refused"] < MOST_REFUSED * _tally["tried"], _tally
