"""What the sensor does with each window: score it, have it judged, learn, store alerts."""

import struct
from array import array

from . import messages, standing
from .average import Average
from .battery import open_battery
from .clock import ticks_add
from .common_level import CommonLevel
from .component_class import SLOW, averaging_s
from .condition import steadiness
from .detector import Detector, FeatureLayout, largest, untrained_speed
from .heard_speed import HeardSpeed
from .learning import Learning
from .mean_velocity import MeanVelocity, block_windows
from .operating_baseline import LINE_HEARD, LINE_NONE, OperatingBaseline
from .operating_point import Constant, OperatingPoints, Told
from .settings import Settings
from .shaft_line import ShaftLine, sure_windows

BY_SPEED = ("orders", "by_angle", "slow_orders", "bpfo_milliorders")  # features that need the shaft's speed
THRESHOLDS = ("warning", "alarm", "hysteresis", "dwell_windows", "alarm_dwell_windows", "clear_windows")


def _open_pulse(pulse):
    if pulse is None:
        return None
    from .pulse_input import open_pulse  # which a sensor without a probe does not need in its memory

    return open_pulse(pulse)


class Node:
    """One sensor on one machine.

    `windows`: judged since the start. `score`, `class_index`, `outside` of what is known: of the last one.
    `learning`: has this machine's baseline.
    `operating`: what is usual where its speed or load moves, None where the model knows no line.
    `point`: the operating point of the last window; `told`: its source that others fill.
    `settings`, and `thresholds`: those in force. `meta`, `config`: the model's, as ``vib.Model`` gives them.
    """

    def __init__(self, run, model, sampler, trace=None) -> None:
        """`run`: a run.Run. `trace`: a file that gets each window as i16: its features, score and class."""
        device, names = run.device, sampler.names
        self.run = run
        self.sampler = sampler
        self.windows = 0
        self.score = self.class_index = 0
        self.outside = False
        self._by_line = False  # whether the score is by what is usual at the window's place
        self.meta = model.meta()
        self.config = model.config()
        self.battery = open_battery(device["battery"])
        self._model = model
        self._trace = trace
        self._layout = FeatureLayout(names)
        self._ppm = sampler.ppm  # that the features were made by
        self._average = Average(self.meta["average_windows"], len(names))
        self._common = CommonLevel(names)
        self._slow, windows = None, block_windows
        if device["component_class"] in SLOW:
            from .slow_velocity import (
                SlowVelocity,
                slow_block_windows,
            )  # which most need not have in their memory

            self._slow, windows = SlowVelocity(names), slow_block_windows
        self._velocity = MeanVelocity(windows(averaging_s(device["component_class"]), self.config))
        self._latest = None  # the features that were judged last
        self.told = Told()
        self.pulse = _open_pulse(device["pulse"])
        sources = [self.pulse, self.told] if self.pulse else [self.told]
        if device["shaft_rpm"]:
            sources.append(Constant(device["shaft_rpm"]))
        self._points = OperatingPoints(sources)
        self.point = self._points.point
        if (self.pulse or device["point_told"]) and any([self.config.get(field) for field in BY_SPEED]):
            from .speed_course import SpeedCourse  # which a model without orders does not need in its memory

            sampler.follow(SpeedCourse(self._points, self.pulse))
        self._window_ms = max(1, self.config["window"] * 1000000 // self.config["rate_millihz"])
        own = {field: self.meta[field] for field in THRESHOLDS}
        own["velocity_limits_mm_s"] = device["velocity_limits_mm_s"]
        self.settings = Settings(device["data_dir"] + "/settings.bin", own)
        wanted = self.settings.learn_windows or device["learn_windows"]
        self.learning = Learning(device["data_dir"], wanted, self.config, len(names), self._layout.rms)
        noise = sampler.noise_um_s2
        noise = None if noise is None else messages.to_log2(noise)
        self.detector = Detector(
            self.meta,
            None,
            self.learning.learner is not None,
            self._usual_rms(),
            noise,
            steadiness(self.config),
        )
        self._rest_windows = rest_windows(device["duty"], self.config)
        self._weight = 1  # windows that the next one stands for
        self._untrained_speed = untrained_speed(self.meta, device["shaft_rpm"])
        self._line = self._baseline_line()
        self.operating = None
        if self.meta["line_over"] != LINE_NONE:
            path = device["data_dir"] + "/operating.bin"
            self.operating = OperatingBaseline(model, self.meta, names, path)
        if self.meta["line_over"] == LINE_HEARD:
            line = tuple([self.meta["line_" + which] for which in ("middle", "low", "high")])
            self._points.sources.append(HeardSpeed(names, self.config, model, line))
        self.settings_changed()
        self.detector.restore(standing.load(device["data_dir"]))
        self._told = self._summary()

    def window(self, features) -> bool:
        """Take the features of one window. Returns True when the window limit is reached."""
        self.run.alive()
        self.windows += 1
        end_ms = self.sampler.heard_ms()
        self.point = self._points.at(ticks_add(end_ms, -self._window_ms), end_ms, features)
        detector, line, sampler = self.detector, self._line, self.sampler
        if line and detector.machine != "off":
            line.take(features)
        usual = self._usual()
        if sampler.ppm != self._ppm:
            self._retuned()
        whole = self._average.add(features) and sampler.knows_rate and sampler.has_all()
        if not sampler.has_all():
            self._average.forget()  # what is not known is 0, which is no level
        self._latest = mean = self._average.mean
        self._by_line = by_line = self._is_by_line(mean)
        if by_line:
            self.score = score = self.operating.score(mean)
            usual = self.operating.usual
        else:
            self.score = score = self._score(mean, usual)
        self.class_index = self._model.classify(mean, usual) if self.meta["classes"] else 0
        if self._trace:
            self._write_trace(features)
        rms = largest(features, self._layout.rms)
        velocity = self._velocity
        if detector.machine != "off" and (not self._slow or self._slow.is_new(sampler.slow_windows())):
            velocity.add(self._level(features))
        self.outside = outside = not self.learning.learner and self._is_outside(mean, score, usual, by_line)
        moving = line is not None and line.moving and not (by_line and self.operating.knows_place())
        moved = self.operating.moved(self._layout.rms) if self.operating else 0
        weight, self._weight = self._weight, 1
        self._act(
            detector.update(
                rms,
                score if whole else None,
                self.class_index,
                velocity.level,
                "ok",
                outside,
                moving,
                rms - moved,
                weight,
            )
        )
        if detector.machine == "off":
            self._average.forget()
        elif self.learning.learner and sampler.has_all() and sampler.knows_rate and detector.may_learn(rms):
            self._learn(features, score, moved)
        elif self.learning.baseline and whole and self._may_add(mean, outside):
            self.operating.learn(mean, self.run.clock.uptime_ms())
        if sampler.loss.cause != detector.loss:
            self._act(detector.lose(sampler.loss.cause))
        return self.windows == self.run.window_limit

    def _score(self, mean, usual) -> int:
        """Where it may count, without what the level has moved by on all axes alike."""
        score = self._model.score(mean, usual)
        if usual is None or score < self.thresholds["warning"] - self.thresholds["hysteresis"]:
            return score
        steps = self._common.steps(mean, usual)
        return min(score, self._model.score(mean, self._common.moved(usual, steps))) if steps else score

    def rested(self, windows: "int | None" = None) -> None:
        """A round begins: its first window stands for the rest before it, too, for `windows` in all; None: as the duty
        says."""
        self._weight = windows or self._rest_windows

    def _level(self, features) -> int:
        """What the velocity's limits are for, log2 re 1 nm/s."""
        return self._slow.level(features) if self._slow else largest(features, self._layout.velocity)

    def fault(self, fault: str) -> None:
        """The sampler found the instrument at fault, in place of a window."""
        self.run.alive()
        self._average.forget()
        self._act(self.detector.update(0, None, fault=fault))

    def _retuned(self) -> None:
        """The sensor's rate is known better: windows before and after are not of the same bands."""
        self._ppm = self.sampler.ppm
        self._average.forget()
        if self.learning.learner and self.operating:
            self.operating.table.forget()
        self.learning.retuned()

    def settings_changed(self) -> None:
        """Have `settings` in force from the next window on."""
        self.thresholds = thresholds = self.settings.in_force()
        limits = thresholds["velocity_limits_mm_s"]
        self.detector.set(thresholds, limits and tuple([messages.to_log2(mm_s * 1000000) for mm_s in limits]))

    def learn_anew(self, windows: int, force: bool = False) -> None:
        """Set the baseline aside and learn it from so many windows, whatever they look like if `force`.

        Raises OSError, MemoryError: then nothing changed.
        """
        self.learning.anew(windows, lambda: self.settings.learn(windows))
        if force:
            self.learning.vouch()
        if self.operating:
            self.operating.forget()
        self._line = None
        self._average.forget()
        self.detector.learn()
        self._tell()

    def repaired(self, windows: int, force: bool = False) -> None:
        """The machine was put right: end what is up about it, and learn it anew. Raises as `learn_anew` does."""
        self.learn_anew(windows, force)
        velocity = self._velocity.level or 0
        self._velocity.forget()  # which is of before
        self._act(self.detector.close(self.score, velocity))

    def restore(self) -> None:
        """Take the last baseline again. Raises baseline.BaselineError, OSError: then nothing changed."""
        self.learning.restore()
        self._learnt()

    def measured(self) -> tuple:
        """Score, class, velocity in um/s and acceleration in mm/s^2, as a status has them: None what is not known."""
        if self._latest is None:
            return None, None, None, None
        velocity_um_s = messages.from_log2(largest(self._latest, self._layout.velocity)) // 1000
        rms_mm_s2 = messages.from_log2(largest(self._latest, self._layout.rms)) // 1000
        # Of a machine at rest, or not known yet, a score says nothing; of a healthy one the classifier does not.
        if self.detector.machine != "running":
            return None, None, velocity_um_s, rms_mm_s2
        class_index = self.class_index if self.score >= self.thresholds["warning"] else 0
        return self.score, self._class_name(class_index), velocity_um_s, rms_mm_s2

    def place(self) -> dict:
        """The last window's operating point and how the probe does, as a status has them: None what is not known."""
        point = self.point
        return {
            "speed_millihz": messages.from_log2(point.log2_speed) if point.quality else None,
            "load_permille": point.load,
            "point_source": point.source,
            "pulse": self.pulse and self.pulse.state,
        }

    def _act(self, transitions) -> None:
        for transition in transitions:
            self._store(transition)
        if transitions:
            standing.save(self.run.device["data_dir"], self.detector.standing())
        if not self._unchanged():
            self._told = self._summary()
            self.run.status_changed()

    def _store(self, transition) -> None:
        body = self._alert_body(transition)
        print("vibnode: alert:", transition.event, transition.level, transition.cause)
        try:
            self.run.outbox.append(body)
        except OSError as error:
            self.run.outbox.lose()
            print("vibnode: the alert could not be stored:", error)
            return
        self.run.news.set()

    def _alert_body(self, transition) -> bytes:
        time, quality = self.run.clock.unix_time()
        about_machine = not transition.cause.startswith("instrument:")
        value, threshold = transition.value, transition.threshold
        if transition.cause == "velocity":
            value, threshold = messages.from_log2(value) // 1000, messages.from_log2(threshold) // 1000
        fields = {
            "uptime_ms": self.run.clock.uptime_ms(),
            "time": time,
            "time_quality": quality,
            "event": transition.event,
            "level": transition.level,
            "cause": transition.cause,
            "score": value if about_machine else None,
            "threshold": threshold if about_machine else None,
            "class": self._class_name(transition.class_index) if transition.class_index else None,
            "model": self.meta["digest"],
        }
        if about_machine:
            place = self.place()
            fields.update({key: place[key] for key in ("speed_millihz", "load_permille", "point_source")})
        if not about_machine or self._latest is None:
            return messages.alert_body(fields, [], None)
        if self._by_line:
            movers = messages.movers(
                self.sampler.names, self._latest, self.operating.usual, self.learning.baseline.spread
            )
        elif self._usual():
            movers = messages.movers(
                self.sampler.names, self._latest, self.learning.baseline.median, self.learning.baseline.spread
            )
        else:
            usual = array("h", bytes(2 * len(self.sampler.names)))
            self._model.centre(usual)
            movers = messages.movers(self.sampler.names, self._latest, usual, None)
        axis = movers[0][0][0] if movers else "x"
        return messages.alert_body(fields, movers, self._spectrum(self._latest, axis))

    def _spectrum(self, features, axis: str) -> dict:
        levels = [features[i] for i, name in enumerate(self.sampler.names) if name.startswith(axis + ".band")]
        return messages.spectrum(axis, self.config["band_lo_hz"], self.config["band_hi_hz"], levels)

    def _class_name(self, index: int) -> "str | None":
        classes = self.meta["classes"]
        return classes[index] if index < len(classes) else None

    def _learn(self, features, score: int, moved: int) -> None:
        limits, was = self.detector.velocity, self.learning.state
        fast = limits is not None and self._level(features) >= limits.warning
        far = score >= self.thresholds["alarm"]
        if self.operating:
            self.operating.take(self._latest, self.run.clock.uptime_ms())
        if self.learning.take(features, fast, far, self.run.clock.unix_time()[0], moved):
            self._learnt()
        elif self.learning.state != was:
            if self.operating:
                self.operating.table.forget()
            self._tell()

    def _learnt(self) -> None:
        """Learning has ended, with a baseline or without."""
        if self.operating:
            self.operating.learnt(self.learning.baseline is not None)
        self._line = self._baseline_line()
        self._average.forget()
        self.detector.learnt(self._usual_rms())
        self._tell()

    def _tell(self) -> None:
        self._told = self._summary()
        self.run.status_changed()

    def _is_by_line(self, mean) -> bool:
        """Whether the window is judged by what is usual at its place; finds the place.

        Else its machine is where the baseline was learnt, or nothing of other places is known.
        """
        operating, line = self.operating, self._line
        if not operating:
            return False
        operating.locate(self.point, mean)
        if not self.learning.baseline or not operating.table.used:
            return False
        if operating.roams:
            return True
        if operating.told:
            return operating.table.used > 1 or operating.table.distance(operating.place) > 0
        if not operating.table.spans(operating.place) or (line and line.away and operating.by_load):
            return False
        return operating.by_load or not line or not line.steady or line.away or line.moving

    def _may_add(self, mean, outside: bool) -> bool:
        """Whether the window is healthy by all that can be asked, and may be learnt for good.

        One away from what was learnt is `outside`; but it is no fault to the fleet, which knows the place.
        """
        detector, warning = self.detector, self.thresholds["warning"]
        if not self.operating or not detector.steady or detector.n_active() or self.score >= warning:
            return False
        if outside and (self._by_line or self.operating.by_load or self.operating.outside()):
            return False
        return detector.machine in ("running", "outside") and self._model.score(mean) < warning

    def _usual_rms(self) -> "int | None":
        return largest(self.learning.baseline.median, self._layout.rms) if self.learning.baseline else None

    def _usual(self):
        """What features are compared with; None where nothing was learnt, or that at another speed."""
        return (
            self.learning.baseline.median
            if self.learning.baseline and not (self._line and self._line.away)
            else None
        )

    def _baseline_line(self):
        """None, too, where the speed is told: then another one is nothing to let pass."""
        if not self.learning.baseline or self.run.device["shaft_rpm"]:
            return None
        return ShaftLine(self.sampler.names, self.config, self.learning.baseline, sure_windows(self.config))

    def _is_outside(self, mean, score: int, usual, by_line: bool) -> bool:
        if usual and not by_line:
            return False
        operating = self.operating
        if operating and self.learning.baseline and (by_line or not operating.by_load):
            # The fleet, if not the machine's own table, knows other places.
            return score < self.thresholds["warning"] and operating.outside()
        # Learnt at another speed: this one is not known to be healthy, but may be seen to be faulty.
        if self.learning.baseline:
            return score < self.thresholds["alarm"]
        if self._untrained_speed is None:
            return self._model.outside(mean)  # by the speed that the features tell
        return self._untrained_speed

    def _summary(self) -> tuple:
        return self.detector.machine, self.detector.instrument, self.detector.active()

    def _unchanged(self) -> bool:
        machine, instrument, active = self._told
        if machine != self.detector.machine or instrument != self.detector.instrument:
            return False
        return len(active) == self.detector.n_active()

    def _write_trace(self, features) -> None:
        self._trace.write(features)
        self._trace.write(struct.pack("<hh", self.score, self.class_index))


def rest_windows(duty: "dict | None", core_config: dict) -> int:
    """For how many windows the first one of a round stands: itself, and those that the sensor could have made while it
    rested."""
    if not duty:
        return 1
    rest_s = duty["every_s"] - duty["for_s"]
    return 1 + rest_s * core_config["rate_millihz"] // (1000 * core_config["hop"])
