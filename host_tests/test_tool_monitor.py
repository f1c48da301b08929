"""What `vibnode monitor` says of a window, without a board."""

from __future__ import annotations

import contextlib
import io
import json
from array import array
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from vibtool.monitoring import Live
from vibtool.on_device import monitor


def test_no_window_over_a_threshold_is_called_healthy() -> None:
    """Where the classifier knows no fault that looks so, the anomaly has no name; the score stands."""
    scores = iter((908, 256, 255, 600))
    named = iter((0, 0, 1))  # asked of loud windows alone
    meta = {"classes": ["healthy", "outer-race"], "warning": 256, "alarm": 512, "name": "t", "off_rms": -9}
    model = SimpleNamespace(
        meta=lambda: meta,
        config=lambda: {"hop": 1, "rate_millihz": 1000},
        score=lambda features, usual: next(scores),
        classify=lambda features, usual: next(named),
    )
    device = {"machine": "m", "data_dir": "/nowhere"}
    make_view: Any = monitor.View  # sent to a board, and without types
    spoken = io.StringIO()
    with contextlib.redirect_stdout(spoken):
        view: Any = make_view(device, model, ("x.rms", "x.velocity"), 4)
        for _ in range(4):
            view.window(array("h", (0, 0)))
    said = [json.loads(line) for line in spoken.getvalue().splitlines()[1:]]
    assert [one["class"] for one in said] == [None, None, "healthy", "outer-race"]
    live = Live()
    live.take({"warning": 256, "alarm": 512, "machine": "m", "model": "t", "baseline": True, "hop_ms": 100})
    for one, shown in zip(said, ("not named", "not named", "-", "outer-race"), strict=True):
        live.take(one)
        screen = Console(width=100, file=io.StringIO(), record=True)
        screen.print(live.drawing())
        drawn = screen.export_text()
        assert shown in drawn and "healthy" not in drawn
