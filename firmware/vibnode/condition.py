"""What one cause of alerts counts, and whether the machine's level is steady enough to be counted.

A condition counts windows with leaky counters: up for a window over the threshold, down (never under 0) for any other.
It is raised as an alarm when the counter of the alarm threshold reaches `alarm_dwell_windows`, and as a warning when
that of the warning threshold has been over 0 for `dwell_windows` and holds an eighth of them by then: when, over that
time, clearly more windows were over it than not. A warning escalates as an alarm is raised. It is
cleared by a third counter in the same way: up for a window under `threshold - hysteresis`, down for any other, until
`clear_windows`. So a single outlier does nothing, and a score that hovers about the threshold, being on neither side
most of the time, cannot make alerts come and go: whichever counter is pulled down more often than up stays near zero.

Of a sensor that rests between rounds the first window of a round stands for the rest too, but for no more than a third
of any counter: three rounds in a row say as much as all the time between.
"""

WARNING = 1
ALARM = 2
LEAST_ROUNDS = 3  # that it takes to be sure, however long a sensor rests
CLEARLY = 8  # one such part of a dwell more windows over the threshold than not, and CLEARLY_WINDOWS at least
CLEARLY_WINDOWS = 12

STEADY_STEPS = 96  # 2.25 dB
STEADY_WINDOWS = 16  # the mean goes back over about so many, or over STEADY_MS if that is more
STEADY_MS = 2560
SETTLE_MS = 10240  # a machine is left to settle for so long at most


class Condition:
    """One cause of alerts: level 0, WARNING or ALARM, moved by leaky counters. Once up it only escalates or clears."""

    def __init__(
        self,
        cause: str,
        warning: int,
        alarm: int,
        hysteresis: int,
        dwell_windows: int,
        clear_windows: int,
        alarm_dwell_windows: int = 0,
    ) -> None:
        self.cause = cause
        self.level = 0
        self.forget()
        self.set(warning, alarm, hysteresis, dwell_windows, clear_windows, alarm_dwell_windows)

    def set(
        self,
        warning: int,
        alarm: int,
        hysteresis: int,
        dwell_windows: int,
        clear_windows: int,
        alarm_dwell_windows: int = 0,
    ) -> None:
        """Thresholds from the next window on; `alarm_dwell_windows` 0: as `dwell_windows`. An alert that is up stays up
        until it clears by them."""
        self.warning = warning
        self.alarm = alarm
        self.hysteresis = hysteresis
        self.dwell_windows = dwell_windows
        self._enough = min(dwell_windows, max(CLEARLY_WINDOWS, -(-dwell_windows // CLEARLY)))
        self.clear_windows = clear_windows
        self.alarm_dwell_windows = alarm_dwell_windows or dwell_windows

    def update(self, value: int, weight: int = 1) -> "str | None":
        """Count one window, which stands for `weight` of them; returns the event that follows from it, if any."""
        over = value >= self.warning
        self.over_warning = leak(self.over_warning, over, self.dwell_windows, weight)
        self._lasts = leak(self._lasts, True, self.dwell_windows, weight) if self.over_warning else 0
        self._over_alarm = leak(self._over_alarm, value >= self.alarm, self.alarm_dwell_windows, weight)
        if self.level < ALARM and self._over_alarm >= self.alarm_dwell_windows:
            before, self.level = self.level, ALARM
            return "escalate" if before else "raise"
        if self.level == 0:
            if not over or self._lasts < self.dwell_windows or self.over_warning < self._enough:
                return None
            self.level = WARNING
            return "raise"
        self._calm = leak(self._calm, value < self.warning - self.hysteresis, self.clear_windows, weight)
        if self._calm < self.clear_windows:
            return None
        self.level = 0
        self.forget()
        return "clear"

    def forget(self) -> None:
        """Start the counters anew; an alert that is up stays up."""
        self.over_warning = 0
        self._lasts = 0  # windows since that was 0
        self._over_alarm = 0
        self._calm = 0


def leak(count: int, up: bool, limit: int, weight: int = 1) -> int:
    """`count` after one more window that stands for `weight`, from 0 to `limit`."""
    if weight > 1:  # the first of a round
        weight = max(1, min(weight, -(-limit // LEAST_ROUNDS)))
    return min(count + weight, limit) if up else max(count - weight, 0)


class Steadiness:
    """Whether the machine's level is near its own recent mean.

    A start, a stop or a change of speed moves it for a while, and does not count for an alert. A machine that is never
    steady is judged all the same: after `limit` such windows, less one for each steady one.
    """

    def __init__(self, span: int = STEADY_WINDOWS, limit: int = 4 * STEADY_WINDOWS) -> None:
        """`span`: windows that the mean goes back over. `limit`: for which a machine is left to settle."""
        self._span = span
        self.limit = limit
        self.begin(0)

    def begin(self, rms: int) -> None:
        """The machine is off, or nothing was heard of it for a while: what comes is measured against that."""
        self._mean = rms * 256  # of the level, in 1/256 steps
        self._unsteady = 0

    def take(self, rms: int, moving: bool) -> bool:
        """One window of a machine that turns, `moving` where its speed may be; True where it may be judged."""
        away = rms * 256 - self._mean
        self._mean += away // self._span
        moving = moving or abs(away) > STEADY_STEPS * 256
        self._unsteady = leak(self._unsteady, moving, self.limit)
        return not moving or self._unsteady == self.limit


def steadiness(core_config: dict) -> Steadiness:
    """That of a sensor which makes windows as `core_config` says."""
    hop_us = core_config["hop"] * 1000000 // (core_config["rate_millihz"] // 1000)
    span = max(STEADY_WINDOWS, STEADY_MS * 1000 // max(1, hop_us))
    return Steadiness(span, max(1, SETTLE_MS * 1000 // max(1, hop_us)))
