"""The state of the fleet in Prometheus' text format, for /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from vibdash.read.fleet import Fleet
from vibdash.read.occurrences import Flood, Occurrence, State, count_by_state
from vibdash.read.sensors import Link, SensorView

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class _Metric:
    name: str
    kind: str
    help: str
    samples: Iterable[tuple[dict[str, str], float]]


@dataclass(frozen=True)
class _OfSensor:
    """A metric that every sensor has, or has while `value` is not None."""

    name: str
    kind: str
    help: str
    value: Callable[[SensorView], float | None]


class Metrics:
    """All metrics. The lines of a sensor are kept, and made anew when its view is another."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], tuple[SensorView, tuple[str, ...]]] = {}

    def text(self, fleet: Fleet, occurrences: Sequence[Occurrence], flood: Flood | None = None) -> str:
        """Return them. A sensor that is not heard has no score: an old one would look like the present."""
        before, now = self._lines, {}
        for sensor in fleet.sensors:
            kept = before.get(sensor.key)
            now[sensor.key] = kept if kept is not None and kept[0] is sensor else (sensor, _lines_of(sensor))
        self._lines = now
        by_metric = zip(*(lines for _, lines in now.values()), strict=True) if now else repeat(())
        of_sensors = (
            _heading(one) + "".join(lines) for one, lines in zip(_OF_SENSORS, by_metric, strict=False)
        )
        of_host = (_heading(one) + "".join(_lines(one)) for one in _metrics(fleet, occurrences, flood))
        return "".join((*of_sensors, *of_host))


def _score(sensor: SensorView) -> float | None:
    return None if sensor.link is not Link.ONLINE or sensor.score is None else sensor.score / 256


def _velocity(sensor: SensorView) -> float | None:
    heard = sensor.link is Link.ONLINE and sensor.velocity_um_s is not None
    return sensor.velocity_um_s / 1000 if heard and sensor.velocity_um_s is not None else None


def _level(sensor: SensorView) -> float:
    return {"warning": 1.0, "alarm": 2.0}.get(sensor.machine_level or "", 0.0)


_OF_SENSORS = (
    _OfSensor(
        "vibnode_sensor_online",
        "gauge",
        "1 while the sensor is heard.",
        lambda one: float(one.link is Link.ONLINE),
    ),
    _OfSensor(
        "vibnode_sensor_heard_seconds",
        "gauge",
        "Unix time of the sensor's last message.",
        lambda one: None if one.heard_at_ms is None else one.heard_at_ms / 1000,
    ),
    _OfSensor(
        "vibnode_score_octaves",
        "gauge",
        "Distance from healthy in doublings: 1 more is twice as far; a healthy machine is at 0 or under.",
        _score,
    ),
    _OfSensor(
        "vibnode_velocity_mm_per_second", "gauge", "Vibration velocity, RMS, 10 to 1000 Hz.", _velocity
    ),
    _OfSensor("vibnode_machine_level", "gauge", "0 no alert, 1 warning, 2 alarm, as last said.", _level),
    _OfSensor(
        "vibnode_bytes_sampled_total",
        "counter",
        "Bytes of samples that the sensor read.",
        lambda one: one.bytes_sampled,
    ),
    _OfSensor(
        "vibnode_bytes_sent_total",
        "counter",
        "Bytes that the sensor published.",
        lambda one: one.bytes_sent,
    ),
    _OfSensor(
        "vibnode_alerts_lost_total",
        "counter",
        "Alerts that the sensor dropped for want of room.",
        lambda one: one.dropped,
    ),
)


def _lines_of(sensor: SensorView) -> tuple[str, ...]:
    """Return the line of each metric, with nothing for one that the sensor does not have now."""
    labels = f'site="{sensor.site}",device="{sensor.device}"'  # no character that needs escaping
    values = ((one.name, one.value(sensor)) for one in _OF_SENSORS)
    return tuple("" if value is None else f"{name}{{{labels}}} {value:.15g}\n" for name, value in values)


def _metrics(fleet: Fleet, occurrences: Sequence[Occurrence], flood: Flood | None) -> Iterator[_Metric]:
    counts = count_by_state(occurrences)
    yield _Metric(
        "vibnode_broker_connected",
        "gauge",
        "1 while an ingest is connected to the broker.",
        [({}, float(fleet.host.connected))],
    )
    yield _Metric(
        "vibnode_alerts",
        "gauge",
        "Alerts that are open, by state.",
        [({"state": state}, counts[state]) for state in State if state is not State.CLOSED],
    )
    yield _Metric(
        "vibnode_alerts_active_alarms",
        "gauge",
        "Alarms that last and that nobody has acknowledged or put aside.",
        [({}, sum(one.state is State.NEW and one.level == "alarm" for one in occurrences))],
    )
    yield _Metric(
        "vibnode_alarm_flood",
        "gauge",
        "Alerts raised within the last ten minutes where they are more than ten, else 0.",
        [({}, flood.raised if flood else 0)],
    )
    works = [({"process": _escaped(one.process), "work": one.name}, one) for one in fleet.work]
    yield _Metric(
        "vibnode_work_failures_total",
        "counter",
        "How often a thread or task of this program failed and was tried again.",
        [(labels, one.failures) for labels, one in works],
    )
    yield _Metric(
        "vibnode_work_failing",
        "gauge",
        "1 while it has not gone well since it last failed.",
        [(labels, float(one.failing)) for labels, one in works],
    )
    yield _Metric(
        "vibnode_quarantined_total", "counter", "Messages that were refused.", [({}, fleet.quarantined)]
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _heading(metric: _Metric | _OfSensor) -> str:
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"


def _lines(metric: _Metric) -> Iterator[str]:
    for labels, value in metric.samples:
        shown = ",".join(f'{name}="{text}"' for name, text in labels.items())
        yield f"{metric.name}{{{shown}}} {value:.15g}\n" if shown else f"{metric.name} {value:.15g}\n"
