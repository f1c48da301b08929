"""The device's own program on windows of a recording: it learns, judges and reports as it would on the machine.

Nothing of the firmware is imitated: `vibnode.node.Node` runs, and what it would have sent is counted.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import vib
from vibnode import messages, standing, status
from vibnode.config import DEVICE_FIELDS, REQUIRED
from vibnode.node import Node
from vibnode.operating_point import speed_steps
from vibnode.run import Run

from vibtrain.features.config import LEAST_WINDOWS

Int16 = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

STATUS_INTERVAL_S = 3600
_DEVICE = {"site": "site", "device": "machine"}
TOPIC_BYTES = {
    kind: len(messages.topic(_DEVICE["site"], _DEVICE["device"], kind)) for kind in ("status", "alert")
}


@dataclass(frozen=True)
class Alert:
    """An alert as the device put it; `window` counts from the beginning of what is played, `event` as in SPEC 3.2."""

    window: int
    event: str
    level: str
    cause: str
    score: int | None
    fault_class: str | None


@dataclass(frozen=True)
class Point:
    """What a device is told of its operating point: speed of the shaft, load in thousandths; None: not told."""

    speed_rpm: float | None = None
    load: int | None = None


UNTOLD = Point()


@dataclass(frozen=True)
class Judged:
    """Windows as the device judged them, each array of shape (windows,).

    Attributes:
        scores: int16.
        judged: whether the score counted; not while the device learns, knows the machine to be off, or takes the window
            for outside of what it knows.
        outside: whether that was why.
        classes: class indexes.
    """

    scores: Int16
    judged: Flags
    outside: Flags
    classes: Int16


class VirtualSensor:
    """A device that was switched on with nothing but the model, and, where `state` holds one, a learnt baseline."""

    def __init__(
        self,
        model: vib.Model,
        state: Path,
        learn_windows: int,
        shaft_rpm: float | None = None,
        noise_um_s2: int | None = None,
    ) -> None:
        """`state`: its folder, which outlives it. `learn_windows`: healthy windows to learn first, 0 for none.
        No alert is up when it begins.

        `noise_um_s2`: of the sensor itself, where that is to be told from a machine at rest.
        """
        config = model.config()
        self.hop_s = config["hop"] * 1000 / config["rate_millihz"]
        self.window_s = config["window"] * 1000 / config["rate_millihz"]
        self.bytes_sampled = 0
        self.bytes_sent = 0
        self.alerts: list[Alert] = []
        self._bytes_per_window = config["hop"] * config["axes"] * 2
        self._stored: list[bytes] = []
        self._status_at_s = 0.0
        device = (
            _DEVICE
            | {key: default for key, (default, _) in DEVICE_FIELDS.items() if default is not REQUIRED}
            | {
                "data_dir": str(state),
                "learn_windows": learn_windows,
                "status_interval_s": STATUS_INTERVAL_S,
                "shaft_rpm": shaft_rpm,
            }
        )
        self._run = Run(device, _Outbox(self._stored), _Clock(self))
        standing.save(str(state), {})
        with contextlib.redirect_stdout(io.StringIO()):
            self._node = Node(self._run, model, _Sampler(self, vib.feature_names(config), noise_um_s2))
        self._node.learning.vouch()  # for what is healthy by its recording's word
        self._send_status("birth")

    @property
    def windows(self) -> int:
        """Windows played so far."""
        return int(self._node.windows)

    @property
    def active(self) -> list[str]:
        """The causes of the alerts that are up."""
        return list(self._node.detector.active())

    @property
    def seconds(self) -> float:
        """Time played so far."""
        return self.windows * self.hop_s

    def play(self, features: Int16, points: Sequence[Point] = ()) -> Judged:
        """Play windows, shape (windows, features), each at a point that the device is told, or none where there are
        none; what follows from them is added to `alerts` and `bytes_sent`."""
        said = []
        with contextlib.redirect_stdout(io.StringIO()):  # the device's console
            for i, row in enumerate(np.ascontiguousarray(features)):
                self._tell(points[i] if points else UNTOLD)
                self._window(row)
                node, machine = self._node, self._node.detector.machine
                outside = node.outside or machine == "outside"
                said.append(
                    (node.score, machine in ("running", "outside") and not outside, outside, node.class_index)
                )
        columns = np.array(said, np.int16).reshape(-1, 4).T
        return Judged(columns[0], columns[1].astype(bool), columns[2].astype(bool), columns[3])

    def keep(self) -> None:
        """Have what was learnt of operating points outlast the device now, and not within the hour."""
        if self._node.operating:
            self._node.operating.save()

    @property
    def coverage(self) -> list[list[int]]:
        """What the device has learnt of operating points, as its status has it."""
        return self._node.operating.coverage() if self._node.operating else []

    def _tell(self, point: Point) -> None:
        """Of the window that comes next, which begins before what was played last has ended."""
        now_ms = round(self.seconds * 1000)
        until_ms = now_ms + round((self.hop_s + self.window_s) * 1000) + 1
        log2_speed = speed_steps(point.speed_rpm) if point.speed_rpm else None
        self._node.told.tell(log2_speed, point.load, now_ms - round(self.window_s * 1000), until_ms)

    def rested(self, seconds: float) -> None:
        """Nothing was measured for so long; what is played next is another round. It takes no time of `seconds`."""
        self._node.rested(1 + round(seconds / self.hop_s))

    def shorten(self, share: float) -> None:
        """Have the detector's times be `share` of the model's, at least LEAST_WINDOWS."""
        times = ("dwell_windows", "alarm_dwell_windows", "clear_windows")
        thresholds = dict(self._node.settings.in_force())
        thresholds |= {name: max(LEAST_WINDOWS, math.ceil(thresholds[name] * share)) for name in times}
        thresholds["alarm_dwell_windows"] = min(
            thresholds["alarm_dwell_windows"], thresholds["dwell_windows"]
        )
        self._node.detector.set(thresholds, None)

    def _window(self, row: Int16) -> None:
        self.bytes_sampled += self._bytes_per_window
        self._node.window(array("h", row.tobytes()))
        for body in self._stored:
            self._send_alert(body)
        self._stored.clear()
        if self._run.status_due:
            self._send_status("change")
        elif self.seconds - self._status_at_s >= STATUS_INTERVAL_S:
            self._send_status("periodic")

    def _send_alert(self, body: bytes) -> None:
        seq = len(self.alerts) + 1
        said = json.loads(body)
        self.alerts.append(
            Alert(self.windows - 1, said["event"], said["level"], said["cause"], said["score"], said["class"])
        )
        self.bytes_sent += TOPIC_BYTES["alert"] + len(messages.alert(1, seq, seq, False, body))

    def _send_status(self, why: str) -> None:
        self._run.status_due = False
        self._status_at_s = self.seconds
        self._run.bytes_sent = self.bytes_sent
        self.bytes_sent += TOPIC_BYTES["status"] + len(status.message(why, self._run, self._node))


class _Sampler:
    """What Node asks of a sampler."""

    def __init__(self, sensor: VirtualSensor, names: list[str], noise_um_s2: int | None) -> None:
        self.names = names
        self.gaps = 0
        self.noise_um_s2 = noise_um_s2
        self.ppm, self.knows_rate = 0, True
        self.loss = _NoLoss()
        self._sensor = sensor

    def bytes_sampled(self) -> int:
        return self._sensor.bytes_sampled

    def heard_ms(self) -> int:
        return round(self._sensor.seconds * 1000)

    def has_all(self) -> bool:
        return True  # windows that lack a feature were left out when they were made


class _NoLoss:
    """A recording has all its windows."""

    cause = None


class _Outbox:
    """What Node asks of an outbox: alerts leave it at once."""

    boot = 1
    dropped = 0

    def __init__(self, stored: list[bytes]) -> None:
        self._stored = stored

    def append(self, body: bytes) -> None:
        self._stored.append(body)

    def queued(self) -> int:
        return 0


class _Clock:
    """Time as it passes in what is played."""

    def __init__(self, sensor: VirtualSensor) -> None:
        self._sensor = sensor

    def uptime_ms(self) -> int:
        return round(self._sensor.seconds * 1000)

    def unix_time(self) -> tuple[int | None, str]:
        return 1_760_000_000 + round(self._sensor.seconds), "ntp"
