"""What the sensor does with each window: score it, have it judged, learn, store alerts; and what it says of itself."""

import asyncio
import gc
import struct
from array import array

import vib

from . import __version__, baseline, flash, messages
from .average import Average
from .battery import open_battery
from .component_class import averaging_s
from .detector import Detector, FeatureLayout, largest, untrained_speed
from .mean_velocity import MeanVelocity, block_windows
from .settings import Settings
from .shaft_line import ShaftLine
from .supervision import Supervisor
from .watchdog import Watchdog

THRESHOLDS = ("warning", "alarm", "hysteresis", "dwell_windows", "clear_windows")


class Node:
    """One sensor on one machine.

    `on_change` is called when a status ought to go out, `on_stored` when an alert waits in the outbox; both without
    argument, from the task that samples.
    """

    def __init__(self, device: dict, model, sampler, outbox, clock, trace=None) -> None:
        """`device`: the configuration. `trace`: a file that gets each window as i16: its features, score and class."""
        self.clock = clock
        self.outbox = outbox
        self.windows = 0
        self.sampler = sampler
        self.bytes_sent = 0
        self.refused = 0  # commands and acks that were not taken
        self.reset_cause = "unknown"
        self.supervisor = Supervisor()
        self.watchdog: Watchdog | None = None  # fed whenever the instrument was judged
        self.window_limit = 0  # stop after so many windows; 0: never
        self.ended = asyncio.Event()  # the run is to end
        self.restart_cause: str | None = None  # and then to begin again
        self.on_change = self.on_stored = _nothing
        self._model = model
        self._meta = model.meta()
        self._config = model.config()
        self._names = sampler.names
        self._layout = FeatureLayout(self._names)
        self._average = Average(self._meta["average_windows"], len(self._names))
        self._velocity = MeanVelocity(block_windows(averaging_s(device["component_class"]), self._config))
        self._latest = None
        self._score = self._class = 0
        self._trace = trace
        self._interval_s = device["status_interval_s"]
        if device["duty"]:
            self._interval_s = max(self._interval_s, device["duty"]["every_s"])
        self._baseline_path = device["data_dir"] + "/baseline.bin"
        self.model_origin = "file" if device.get("model") else "linked"
        own = {field: self._meta[field] for field in THRESHOLDS}
        own["velocity_limits_mm_s"] = device["velocity_limits_mm_s"]
        self.settings = Settings(device["data_dir"] + "/settings.bin", own)
        wanted = self.settings.learn_windows or device["learn_windows"]
        self._baseline = self._stored_baseline() if wanted else None
        self._learner = None
        if wanted and not self._baseline:
            self._learner = baseline.Learner(wanted, len(self._names))
        noise = sampler.noise_um_s2
        noise = None if noise is None else messages.to_log2(noise)
        self._detector = Detector(self._meta, None, self._learner is not None, self._usual_rms(), noise)
        self._shaft_rpm = device["shaft_rpm"]
        self._untrained_speed = untrained_speed(self._meta, self._shaft_rpm)
        self._line = self._baseline_line()
        self.settings_changed()
        self._battery = open_battery(device["battery"])
        self._state = self._summary()

    def window(self, features) -> bool:
        """Take the features of one window. Returns True when the window limit is reached."""
        self.alive()
        self.windows += 1
        detector, line = self._detector, self._line
        if line and detector.machine != "off":
            line.take(features)
        usual = self._usual()
        whole = self._average.add(features)
        self._latest = mean = self._average.mean
        self._score = score = self._model.score(mean, usual)
        self._class = self._model.classify(mean, usual) if self._meta["classes"] else 0
        if self._trace:
            self._write_trace(features)
        rms = largest(features, self._layout.rms)
        velocity = self._velocity
        if detector.machine != "off":
            velocity.add(largest(features, self._layout.velocity))
        outside = not usual and not self._learner and self._is_outside(mean, score)
        moving = line is not None and line.moving
        self._act(
            detector.update(
                rms, score if whole else None, self._class, velocity.level, outside=outside, moving=moving
            )
        )
        if detector.machine == "off":
            self._average.forget()
        elif self._learner and detector.may_learn(rms):
            self._learn(self._learner, features)
        return self.windows == self.window_limit

    def fault(self, fault: str) -> None:
        """The sampler found the instrument at fault, in place of a window."""
        self.alive()
        self._average.forget()
        self._act(self._detector.update(0, None, fault=fault))

    def restart(self, cause: str) -> None:
        """End the run in order and begin anew; `cause` (reset_cause.CAUSES) is what the next one says of it."""
        self.restart_cause = cause
        self.ended.set()

    def settings_changed(self) -> None:
        """Have `settings` in force from the next window on."""
        self._thresholds = thresholds = self.settings.in_force()
        limits = thresholds["velocity_limits_mm_s"]
        self._detector.set(
            thresholds, limits and tuple([messages.to_log2(mm_s * 1000000) for mm_s in limits])
        )

    def learn_anew(self, windows: int) -> None:
        """Forget the baseline and learn it from so many windows. Raises OSError, MemoryError: then nothing changed."""
        learner = baseline.Learner(windows, len(self._names))
        self.settings.learn(windows)
        flash.remove(self._baseline_path)
        self._learner, self._baseline, self._line = learner, None, None
        self._average.forget()
        self._detector.learn()

    def learnt(self) -> "baseline.Baseline | None":
        """The baseline of this machine."""
        return self._baseline

    def score(self) -> int:
        """That of the last window."""
        return self._score

    def core_config(self) -> dict:
        """The core's configuration, the model's."""
        return self._config

    def status(self, why: str) -> bytes:
        """The status message of SPEC 3.1."""
        return messages.status(why, self.facts())

    def facts(self) -> dict:
        """The fields of a status but for those that `messages.status` adds."""
        time, quality = self.clock.unix_time()
        facts = {
            "boot": self.outbox.boot,
            "uptime_ms": self.clock.uptime_ms(),
            "time": time,
            "time_quality": quality,
            "fw": __version__,
            "core": vib.CORE_VERSION,
            "model": {
                "name": self._meta["name"],
                "digest": self._meta["digest"],
                "origin": self.model_origin,
            },
            "machine": self._detector.machine,
            "instrument": self._detector.instrument,
            "windows": self.windows,
            "bytes_sampled": self.sampler.bytes_sampled(),
            "bytes_sent": self.bytes_sent,
            "queued": self.outbox.queued(),
            "dropped": self.outbox.dropped,
            "gaps": self.sampler.gaps,
            "restarts": self.supervisor.total(),
            "interval_s": self._interval_s,
            "warning": self._thresholds["warning"],
            "alarm": self._thresholds["alarm"],
            "active": self._detector.active(),
            "reset": self.reset_cause,
            "refused": self.refused,
            "heap_free": heap_free(),
            "baseline": self._baseline and self._baseline.windows,
            "battery_mv": self._battery and self._battery.millivolts(),
        }
        facts.update(self._measured())
        return facts

    def alive(self) -> None:
        """Sampling goes on; feeds the watchdog."""
        if self.watchdog:
            self.watchdog.fed()

    def _measured(self) -> dict:
        if self._latest is None:
            return {"score": None, "class": None, "velocity_um_s": None, "rms_mm_s2": None}
        # Of a machine at rest, or not known yet, a score says nothing; of a healthy one the classifier does not.
        running = self._detector.machine == "running"
        class_index = self._class if self._score >= self._thresholds["warning"] else 0
        return {
            "score": self._score if running else None,
            "class": self._class_name(class_index) if running else None,
            "velocity_um_s": messages.from_log2(largest(self._latest, self._layout.velocity)) // 1000,
            "rms_mm_s2": messages.from_log2(largest(self._latest, self._layout.rms)) // 1000,
        }

    def _act(self, transitions) -> None:
        for transition in transitions:
            self._store(transition)
        if not self._unchanged():
            self._state = self._summary()
            self.on_change()

    def _store(self, transition) -> None:
        body = self._alert_body(transition)
        print("vibnode: alert:", transition.event, transition.level, transition.cause)
        try:
            self.outbox.append(body)
        except OSError as error:
            self.outbox.lose()
            print("vibnode: the alert could not be stored:", error)
            return
        self.on_stored()

    def _alert_body(self, transition) -> bytes:
        time, quality = self.clock.unix_time()
        about_machine = not transition.cause.startswith("instrument:")
        value, threshold = transition.value, transition.threshold
        if transition.cause == "velocity":
            value, threshold = messages.from_log2(value) // 1000, messages.from_log2(threshold) // 1000
        fields = {
            "uptime_ms": self.clock.uptime_ms(),
            "time": time,
            "time_quality": quality,
            "event": transition.event,
            "level": transition.level,
            "cause": transition.cause,
            "score": value if about_machine else None,
            "threshold": threshold if about_machine else None,
            "class": self._class_name(transition.class_index) if transition.class_index else None,
            "model": self._meta["digest"],
        }
        if not about_machine or self._latest is None:
            return messages.alert_body(fields, [], None)
        if self._usual():
            movers = messages.movers(self._names, self._latest, self._baseline.median, self._baseline.spread)
        else:
            usual = array("h", bytes(2 * len(self._names)))
            self._model.centre(usual)
            movers = messages.movers(self._names, self._latest, usual, None)
        axis = movers[0][0][0] if movers else "x"
        return messages.alert_body(fields, movers, self._spectrum(self._latest, axis))

    def _spectrum(self, features, axis: str) -> dict:
        levels = [features[i] for i, name in enumerate(self._names) if name.startswith(axis + ".band")]
        return messages.spectrum(axis, self._config["band_lo_hz"], self._config["band_hi_hz"], levels)

    def _class_name(self, index: int) -> "str | None":
        classes = self._meta["classes"]
        return classes[index] if index < len(classes) else None

    def _learn(self, learner: baseline.Learner, features) -> None:
        if not learner.add(features):
            return
        self._baseline = learner.baseline(self.clock.unix_time()[0])
        self._learner = None
        self._line = self._baseline_line()
        self._average.forget()
        self._detector.learnt(self._usual_rms())
        try:
            baseline.save(self._baseline_path, self._baseline, self._meta["digest"])
            print("vibnode: baseline learnt")
        except OSError as error:
            print("vibnode: the baseline could not be stored, it lasts until the next start:", error)
        self._act(())

    def _usual_rms(self) -> "int | None":
        return largest(self._baseline.median, self._layout.rms) if self._baseline else None

    def _usual(self):
        """What features are compared with; None where nothing was learnt, or that at another speed."""
        return self._baseline.median if self._baseline and not (self._line and self._line.away) else None

    def _baseline_line(self):
        """None, too, where the speed is told: then another one is nothing to let pass."""
        if not self._baseline or self._shaft_rpm:
            return None
        return ShaftLine(self._names, self._config, self._baseline, self._meta["dwell_windows"])

    def _is_outside(self, mean, score: int) -> bool:
        if (
            self._baseline
        ):  # learnt at another speed: this one is not known to be healthy, but may be seen to be faulty
            return score < self._thresholds["alarm"]
        if self._untrained_speed is None:
            return self._model.outside(mean)  # by the speed that the features tell
        return self._untrained_speed

    def _stored_baseline(self):
        try:
            return baseline.load(self._baseline_path, self._meta["digest"], len(self._names))
        except baseline.BaselineError as error:
            print("vibnode: stored baseline refused, learning anew:", error)
        except OSError:
            pass  # the first start
        return None

    def _summary(self) -> tuple:
        return self._detector.machine, self._detector.instrument, self._detector.active()

    def _unchanged(self) -> bool:
        machine, instrument, active = self._state
        if machine != self._detector.machine or instrument != self._detector.instrument:
            return False
        return len(active) == self._detector.n_active()

    def _write_trace(self, features) -> None:
        self._trace.write(features)
        self._trace.write(struct.pack("<hh", self._score, self._class))


def heap_free() -> "int | None":
    """Bytes that can still be allocated; None on CPython, which does not say."""
    if not hasattr(gc, "mem_free"):
        return None
    gc.collect()
    return gc.mem_free()


def _nothing() -> None:
    pass
