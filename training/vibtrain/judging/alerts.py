"""What an operator would have met, by the device's own program: false alarms, delay to the first alert, bytes sent.

A group's device is switched on, learns its baseline and plays the healthy recordings in order. Each fault recording is
an episode: the device starts anew with the baseline that it learnt, at the first faulty window. Where all recordings
of a group state their time they are played as they happened, from the first healthy one on, and a fault's episode
begins where it follows on something healthy; what is raised while nobody knows the machine's state is no false alarm.

Recordings that state their time, and snapshots that were put together, are rounds of a sensor that rests between them.
Where recordings that follow each other in no known order are too short for the model's times, as two seconds are for
two minutes, the device is given shorter ones in the same proportion: an alert must fit into a recording. The figures
say by how much.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import vib

from vibtrain.features.extraction import Windows
from vibtrain.judging.groups import Group
from vibtrain.judging.virtual_sensor import Judged, Point, VirtualSensor
from vibtrain.models import operating_line
from vibtrain.models.anomaly import STEPS_PER_OCTAVE
from vibtrain.recordings import instant

SECONDS_PER_DAY = 86400.0
SECONDS_PER_MONTH = 30.4 * SECONDS_PER_DAY
FITTING_SHARE = 3  # a recording is so many dwells long at least
# A place that is learnt first is visited twice, each time for a multiple of the windows of a baseline: a device learns
# only when the level has been steady for a while, and counts what it learns by visits.
LEARN_FIRST_ROUNDS, LEARN_FIRST_VISIT = 2, 4


@dataclass
class AlertFigures:
    """Sums over what was played.

    Attributes:
        healthy_s: healthy recordings played after the baseline was learnt.
        watched_s: the same with the rests between them, where their times are known: how long the machine was watched.
        false_alarms: alerts raised in that time, or while the machine was off.
        delays_s: from the beginning of each fault episode to its first alert; `inf` where there was none.
        bytes_sampled: of samples read, those of the baseline too.
        bytes_sent: topics and payloads of all messages, statuses too.
        alerts: alert messages sent.
        time_share: of the model's times that the device was given, the least of all groups; 1 where they fit.
    """

    healthy_s: float = 0.0
    watched_s: float = 0.0
    false_alarms: int = 0
    delays_s: list[float] = field(default_factory=list)
    bytes_sampled: int = 0
    bytes_sent: int = 0
    alerts: int = 0
    time_share: float = 1.0

    @property
    def false_alarms_per_month(self) -> float | None:
        """None as above."""
        return self.false_alarms / self.watched_s * SECONDS_PER_MONTH if self.watched_s else None

    @property
    def false_alarms_per_day(self) -> float | None:
        """None where no healthy recording is left to be wrong about."""
        return self.false_alarms / self.healthy_s * SECONDS_PER_DAY if self.healthy_s else None

    @property
    def detected(self) -> int:
        """Fault episodes that raised an alert."""
        return sum(math.isfinite(delay) for delay in self.delays_s)


@dataclass(frozen=True)
class Played:
    """What came of it: `figures`, each recording's windows as the device judged them, by name, and the operating points
    that it had learnt in the end, as its status has them."""

    figures: AlertFigures
    judged: dict[str, Judged]
    coverage: list[list[int]]


def total(parts: Iterable[AlertFigures]) -> AlertFigures:
    """Sums of sums."""
    result = AlertFigures()
    for part in parts:
        result.healthy_s += part.healthy_s
        result.watched_s += part.watched_s
        result.time_share = min(result.time_share, part.time_share)
        result.false_alarms += part.false_alarms
        result.delays_s += part.delays_s
        result.bytes_sampled += part.bytes_sampled
        result.bytes_sent += part.bytes_sent
        result.alerts += part.alerts
    return result


def play(model: vib.Model, group: Group, *, told: bool = True) -> Played:
    """Play a group's recordings to a virtual sensor, which is told the speed and load that they state, or is not."""
    story, episodes = _arranged(group)
    played = Played(AlertFigures(time_share=_time_share(model, group)), {}, [])

    def sensor() -> VirtualSensor:  # `learn_windows` always: a later one finds its baseline in the folder
        speed_rpm = group.regime[1] if told and not group.learn_first else None
        made = VirtualSensor(model, Path(folder), group.learn_windows, speed_rpm)
        made.shorten(played.figures.time_share)
        return made

    with tempfile.TemporaryDirectory(prefix="vibtrain-") as folder:
        living = sensor()
        for r in group.learn_first * LEARN_FIRST_ROUNDS:
            visits = -(-LEARN_FIRST_VISIT * group.learn_windows // len(r.features))
            living.play(np.tile(r.features, (visits, 1)), points_of(r, told) * visits)
        living.keep()
        _play_story(living, story, 0 if group.learn_first else group.learn_windows, played, told)
        played.coverage.extend(living.coverage)
        for r in episodes:
            _play_story(sensor(), [r], 0, played, told)
    return played


def points_of(r: Windows, told: bool) -> list[Point]:
    """What a device is told of each window of a recording: by its course, else by what it states of all."""
    n = len(r.features)
    if not told:
        return [Point()] * n
    speeds, loads = (
        operating_line.told_places(r, over) for over in (operating_line.SPEED, operating_line.LOAD)
    )
    return [
        Point(
            None if speeds is None else 2 ** speeds[i],
            None if loads is None else round(loads[i] * STEPS_PER_OCTAVE),
        )
        for i in range(n)
    ]


def _time_share(model: vib.Model, group: Group) -> float:
    """Of the model's times what fits into each of the group's recordings, those that are rounds left out."""
    lengths = [len(r.features) for r in group.members if r.is_known and not r.snapshots]
    if group.timed or not lengths:
        return 1.0
    return min(1.0, max(1, -(-min(lengths) // FITTING_SHARE)) / int(model.meta()["dwell_windows"]))


def _arranged(group: Group) -> tuple[list[Windows], list[Windows]]:
    """What is played in one go, and what is an episode of its own."""
    members = list(group.members)
    if group.timed:
        first = next((i for i, r in enumerate(members) if r.is_healthy), len(members))
        return members[first:], [r for r in members[:first] if r.is_fault]
    known = [r for r in members if r.is_known]
    return [r for r in known if not r.is_fault], [r for r in known if r.is_fault]


def _play_story(
    sensor: VirtualSensor, story: list[Windows], learn_windows: int, played: Played, told: bool
) -> None:
    figures = played.figures
    alert_up = in_fault = False
    episode_from = 0  # window
    before: Windows | None = None
    for r in story:
        first, heard = sensor.windows, len(sensor.alerts)
        rest_s = _rest_s(before, r, sensor)
        if rest_s:
            sensor.rested(rest_s)
        played.judged[r.name] = _play(sensor, r, points_of(r, told))
        new = [alert for alert in sensor.alerts[heard:] if alert.cause == "anomaly"]
        raised = [alert.window for alert in new if alert.event == "raise"]
        if r.is_fault:
            if not in_fault:
                episode_from = first
                figures.delays_s.append(0.0 if alert_up else math.inf)
            if raised and math.isinf(figures.delays_s[-1]):
                figures.delays_s[-1] = (raised[0] - episode_from) * sensor.hop_s + sensor.window_s
        elif r.is_known:
            figures.false_alarms += len(raised)
        if r.is_healthy:
            judged = len(r.features) - min(len(r.features), learn_windows)
            learn_windows -= len(r.features) - judged
            figures.healthy_s += judged * sensor.hop_s
            figures.watched_s += judged * sensor.hop_s + (rest_s if judged else 0)
        before = r
        in_fault = r.is_fault
        if new:
            alert_up = new[-1].event != "clear"
    figures.alerts += len(sensor.alerts)
    figures.bytes_sampled += sensor.bytes_sampled
    figures.bytes_sent += sensor.bytes_sent


def _play(sensor: VirtualSensor, r: Windows, points: list[Point]) -> Judged:
    """A recording, or the snapshots that it was put together from, each of them a round after a rest that nobody knows:
    as long as it takes."""
    if len(r.snapshots) in (0, len(r.features)):  # where a window is a round, the hop is the rest
        return sensor.play(r.features, points)
    rounds: list[Judged] = []
    for part in np.array_split(np.arange(len(r.features)), len(r.snapshots)):
        if rounds:
            sensor.rested(SECONDS_PER_DAY)
        rounds.append(sensor.play(r.features[part], [points[i] for i in part]))
    return Judged(*(np.concatenate(parts) for parts in zip(*(vars(j).values() for j in rounds), strict=True)))


def _rest_s(before: Windows | None, r: Windows, sensor: VirtualSensor) -> float:
    """From the end of one recording to the next; 0 where no times say so, or there is none."""
    if before is None or not before.time or not r.time:
        return 0.0
    apart_s = (instant(r.time) - instant(before.time)).total_seconds()
    return max(0.0, apart_s - len(before.features) * sensor.hop_s)
