"""From the scores of windows to alerts: gating, dwell, hysteresis. The same file on a device and in evaluation.

What one cause of alerts counts stands in condition.py.
"""

from collections import namedtuple

from .condition import ALARM, Condition, Steadiness, leak

LEVELS = ("", "warning", "alarm")

VELOCITY_HYSTERESIS = 64  # steps: a quarter octave
UNREACHABLE = (32767, 32767)
OVER_NOISE_STEPS = 64  # 1.5 dB over the sensor's noise at least: anything less may be a machine at rest
STATE_WINDOWS = 3  # windows in a row before the machine is called off or running, or the instrument faulty

Transition = namedtuple("Transition", ("event", "level", "cause", "value", "threshold", "class_index"))
"""One change of an alert. `event`: raise, escalate or clear. `value` and `threshold` are on the cause's own scale:
score steps for ``anomaly``, log2 re 1 nm/s for ``velocity``, 0 for ``instrument:...``. `class_index` is the class most
windows of the anomaly were given, 0 where the model names none."""


class FeatureLayout:
    """Where the detector's inputs stand in a feature vector."""

    def __init__(self, names) -> None:
        """`names`: the feature names in order, such as ``x.rms``."""
        self.rms = tuple(i for i, name in enumerate(names) if name.endswith(".rms"))
        self.peak = tuple(i for i, name in enumerate(names) if name.endswith(".peak"))
        self.velocity = tuple(i for i, name in enumerate(names) if name.endswith(".velocity_rms"))


def untrained_speed(meta: dict, shaft_rpm: "float | None") -> "bool | None":
    """Whether the shaft turns more than a quarter of an octave slower or faster than any that the model was trained on;
    None where one of the two is not known."""
    low, high = meta["shaft_low_millihz"], meta["shaft_high_millihz"]
    if not shaft_rpm or not high:
        return None
    millihz = shaft_rpm * 1000 / 60
    return millihz < low * 0.84 or millihz > high * 1.19


def largest(features, indexes) -> int:
    """The largest of the named features, the way rms and velocity of several axes become one level."""
    level = 0
    for i in indexes:
        if features[i] > level:
            level = features[i]
    return level


class Detector:
    """Decides, window by window, what state the machine is in and which alerts are up.

    `machine`: ``unknown``, ``off``, ``outside``, ``learning`` or ``running``. `instrument`: ``ok`` or a fault's name.

    Off is a level under the sensor's own noise, or far under the machine's baseline once there is one. Without it, a
    level far under that of any machine trained on may be a stopped machine or a quiet one: that is ``outside``, which
    is neither judged nor learnt, and never shown as running.
    """

    def __init__(
        self,
        meta: dict,
        velocity_limits: "tuple[int, int] | None" = None,
        learning: bool = False,
        usual_rms: "int | None" = None,
        noise_rms: "int | None" = None,
        steadiness: "Steadiness | None" = None,
    ) -> None:
        """`meta`: the model's, as ``vib.Model.meta()`` gives it (off_rms, quiet_rms, off_below, warning, alarm,
        hysteresis, dwell_windows, alarm_dwell_windows, clear_windows, classes). `velocity_limits`: warning and
        alarm as log2 re 1 nm/s, valid from the first window on. `learning`: a baseline is being collected, so scores
        mean nothing yet. `usual_rms`: the level of the learnt baseline, None without one. `noise_rms`: that of the
        sensor's own noise, None where not known. `steadiness`: of condition.steadiness, for the model's windows.
        """
        self.machine = "unknown"
        self.instrument = "ok"
        self.learning = learning
        self._meta = meta
        self._least_rms = (
            meta["off_rms"] if noise_rms is None else max(meta["off_rms"], noise_rms + OVER_NOISE_STEPS)
        )
        self._set_levels(usual_rms)
        self.anomaly = Condition("anomaly", *_limits(meta))
        self.velocity: Condition | None = None
        self._set_velocity(velocity_limits, meta)
        self._votes = [0] * max(1, len(meta["classes"]))
        self._steadiness = steadiness or Steadiness()
        self.steady = True
        self._off = 0
        self._outside = 0
        self._faulty = 0
        self._fault_up = ""
        self.loss: str | None = None  # why windows are lost, if many are

    def lose(self, cause: "str | None"):
        """Over 1 % of the windows of the last minutes were lost, because of `cause`; None: no more. The transitions.

        What was heard is judged all the same.
        """
        before, self.loss = self.loss, cause
        events = []
        for event, what in (("clear", before), ("raise", cause)):
            if what:
                events.append(Transition(event, "warning", "instrument:overrun-" + what, 0, 0, 0))
        return events

    def update(
        self,
        rms: int,
        score: "int | None",
        class_index: int = 0,
        velocity: "int | None" = None,
        fault: str = "ok",
        outside: bool = False,
        moving: bool = False,
        level: "int | None" = None,
        weight: int = 1,
    ) -> "list[Transition] | tuple[()]":
        """Take one window: its level `rms`, and `velocity`, the mean's that limits are for (None where there is none
        yet), each of the largest axis; the model's `score` (None where there are too few windows for one) and
        `class_index`, what the sampler says of the instrument, whether the window is `outside` of what was trained
        on or learnt, whether the machine's speed may be `moving`, its `level` as it would be at one speed, by which to
        tell whether it is steady (None: as it is), and for how many windows this one stands: more than one after a
        rest. Returns the transitions it caused, most often none.

        A window with a fault says nothing about the machine; neither does one of a machine that is off. One that is
        outside does not count for or against an anomaly; velocity limits hold there too.
        """
        events = self._update_instrument(fault)
        if fault != "ok":
            return events
        off, outside = rms < self._off_rms, outside or rms < self._quiet_rms
        if off or weight > 1 or self.machine == "unknown":
            self._steadiness.begin(rms if level is None else level)
        self.steady = self._steadiness.take(rms if level is None else level, moving)
        self._update_machine(off, outside)
        if off or self.machine == "off":
            self._forget_counts()
            return events
        if score is None or self.learning or outside:
            pass
        elif self.steady or score < self.anomaly.warning or self.anomaly.level:
            self._vote(score, class_index)
            events = _step(events, self.anomaly, score, self.voted_class(), weight)
        if self.velocity and velocity is not None:
            events = _step(events, self.velocity, velocity, 0, weight)
        return events

    def set(self, thresholds: dict, velocity_limits: "tuple[int, int] | None") -> None:
        """New thresholds, as the constructor takes them. Alerts that are up stay up until they clear by them."""
        self.anomaly.set(*_limits(thresholds))
        self._set_velocity(velocity_limits, thresholds)

    def active(self) -> "list[str]":
        """The causes of the alerts that are up."""
        causes = [c.cause for c in (self.anomaly, self.velocity) if c and c.level]
        if self._fault_up:
            causes.append("instrument:" + self._fault_up)
        if self.loss:
            causes.append("instrument:overrun-" + self.loss)
        return causes

    def n_active(self) -> int:
        """How many alerts are up."""
        velocity = 1 if self.velocity and self.velocity.level else 0
        return (
            (1 if self.anomaly.level else 0)
            + velocity
            + (1 if self._fault_up else 0)
            + (1 if self.loss else 0)
        )

    def standing(self) -> dict:
        """The level of each alert that is up, by its cause, but for losses, of which a new run knows nothing."""
        up = {c.cause: c.level for c in (self.anomaly, self.velocity) if c and c.level}
        if self._fault_up:
            up["instrument:" + self._fault_up] = ALARM
        return up

    def restore(self, up: dict) -> None:
        """Begin with the alerts that `standing` told of an earlier run: they last until this one finds them over."""
        for cause, level in up.items():
            if cause == "anomaly":
                self.anomaly.level = level
            elif cause == "velocity":
                if not self.velocity:
                    self.velocity = Condition(cause, *UNREACHABLE, 0, 1, self.anomaly.clear_windows)
                self.velocity.level = level
            else:
                self._fault_up = self.instrument = cause[len("instrument:") :]
                self._faulty = STATE_WINDOWS

    def close(self, score: int, velocity: int) -> "list[Transition]":
        """Somebody put the machine right: the alerts about it are over. The transitions, at the last values."""
        events = []
        for c, value in ((self.anomaly, score), (self.velocity, velocity)):
            if c and c.level:
                threshold = c.alarm if c.level == ALARM else c.warning
                events.append(Transition("clear", LEVELS[c.level], c.cause, value, threshold, 0))
                c.level = 0
                c.forget()
        return events

    def may_learn(self, rms: int) -> bool:
        """Whether a window of level `rms` may be part of the baseline that is being collected."""
        return self.machine == "learning" and self.steady and rms >= self._off_rms and rms >= self._quiet_rms

    def learn(self) -> None:
        """Somebody says that the machine runs and is healthy: learn it, however quiet it is."""
        self.learning = True
        self._off_rms = self._least_rms
        self._quiet_rms = 0

    def learnt(self, usual_rms: "int | None") -> None:
        """Learning has ended: from now on scores count. `usual_rms`: level of the baseline, None without one."""
        self.learning = False
        self._set_levels(usual_rms)
        self.anomaly.forget()
        if self.machine == "learning":
            self.machine = "running"

    def voted_class(self) -> int:
        """The class that most windows of the present exceedance were given."""
        return self._votes.index(max(self._votes))

    def _set_levels(self, usual_rms: "int | None") -> None:
        self._off_rms = self._least_rms
        self._quiet_rms = self._meta["quiet_rms"]
        if usual_rms is not None:
            self._off_rms = max(self._off_rms, usual_rms - self._meta["off_below"])
            self._quiet_rms = 0

    def _set_velocity(self, limits: "tuple[int, int] | None", times: dict) -> None:
        if not limits and self.velocity and self.velocity.level:
            limits = UNREACHABLE  # the alert that is up has to clear
        if not limits:
            self.velocity = None
            return
        _, _, _, dwell, clear, alarm_dwell = _limits(times)
        if self.velocity:
            self.velocity.set(limits[0], limits[1], VELOCITY_HYSTERESIS, dwell, clear, alarm_dwell)
        else:
            self.velocity = Condition(
                "velocity", limits[0], limits[1], VELOCITY_HYSTERESIS, dwell, clear, alarm_dwell
            )

    def _update_machine(self, off: bool, outside: bool) -> None:
        self._off = leak(self._off, off, STATE_WINDOWS)
        self._outside = leak(self._outside, outside, STATE_WINDOWS)
        if self.machine == "unknown":
            self._off = STATE_WINDOWS if off else 0
            self._outside = STATE_WINDOWS if outside else 0
        if self._off == STATE_WINDOWS:
            self.machine = "off"
        elif self._off == 0 and self._outside == STATE_WINDOWS:
            self.machine = "outside"
        elif self._off == 0 and (self._outside == 0 or self.machine == "off"):
            self.machine = "learning" if self.learning else "running"

    def _vote(self, score: int, class_index: int) -> None:
        condition = self.anomaly
        if condition.level == 0 and condition.over_warning == 0:
            self._clear_votes()
        if score >= condition.warning and class_index < len(self._votes):
            self._votes[class_index] += 1

    def _update_instrument(self, fault: str):
        self._faulty = leak(self._faulty, fault != "ok", STATE_WINDOWS)
        if fault != "ok" and self._faulty == STATE_WINDOWS and self._fault_up != fault:
            events = self._clear_fault()
            self._fault_up = self.instrument = fault
            events.append(Transition("raise", "alarm", "instrument:" + fault, 0, 0, 0))
            return events
        if self._faulty == 0 and self._fault_up:
            return self._clear_fault()
        return ()

    def _clear_fault(self):
        fault, self._fault_up, self.instrument = self._fault_up, "", "ok"
        return [Transition("clear", "alarm", "instrument:" + fault, 0, 0, 0)] if fault else []

    def _forget_counts(self) -> None:
        self.anomaly.forget()
        if self.anomaly.level == 0:
            self._clear_votes()
        if self.velocity:
            self.velocity.forget()

    def _clear_votes(self) -> None:
        for i in range(len(self._votes)):
            self._votes[i] = 0


def _limits(of: dict) -> tuple:
    """What Condition takes, of a model's meta or of thresholds from afar."""
    return (
        of["warning"],
        of["alarm"],
        of["hysteresis"],
        of["dwell_windows"],
        of["clear_windows"],
        of.get("alarm_dwell_windows", 0),
    )


def _step(events, condition: Condition, value: int, class_index: int, weight: int):
    """`events`, and what one more window does to `condition`; a quiet window makes nothing new."""
    before = condition.level
    event = condition.update(value, weight)
    if not event:
        return events
    level = condition.level or before  # a clear names the level that ended
    threshold = condition.alarm if level == ALARM else condition.warning
    transition = Transition(event, LEVELS[level], condition.cause, value, threshold, class_index)
    events = list(events)
    events.append(transition)
    return events
