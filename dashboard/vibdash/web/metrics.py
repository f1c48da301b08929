"""The state of the fleet in Prometheus' text format, for /metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vibdash.read.fleet import Fleet, Link, SensorView
from vibdash.read.occurrences import Flood, Occurrence, State, count_by_state

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class _Metric:
    name: str
    kind: str
    help: str
    samples: Iterable[tuple[dict[str, str], float]]


def metrics_text(fleet: Fleet, occurrences: tuple[Occurrence, ...], flood: Flood | None = None) -> str:
    """Return all metrics. A sensor that is not heard has no score: an old one would look like the present."""
    return "".join(line + "\n" for metric in _metrics(fleet, occurrences, flood) for line in _lines(metric))


def _metrics(fleet: Fleet, occurrences: tuple[Occurrence, ...], flood: Flood | None) -> Iterator[_Metric]:
    heard = [one for one in fleet.sensors if one.link is Link.ONLINE]
    by_sensor = [(_labels(one), one) for one in fleet.sensors]
    counts = count_by_state(occurrences)
    yield _Metric(
        "vibnode_broker_connected",
        "gauge",
        "1 while an ingest is connected to the broker.",
        [({}, float(fleet.host.connected))],
    )
    yield _Metric(
        "vibnode_sensor_online",
        "gauge",
        "1 while the sensor is heard.",
        [(labels, float(one.link is Link.ONLINE)) for labels, one in by_sensor],
    )
    yield _Metric(
        "vibnode_sensor_heard_seconds",
        "gauge",
        "Unix time of the sensor's last message.",
        [(labels, one.heard_at_ms / 1000) for labels, one in by_sensor if one.heard_at_ms is not None],
    )
    yield _Metric(
        "vibnode_score_octaves",
        "gauge",
        "Distance from healthy in doublings: 1 more is twice as far; a healthy machine is at 0 or under.",
        [(_labels(one), one.score / 256) for one in heard if one.score is not None],
    )
    yield _Metric(
        "vibnode_velocity_mm_per_second",
        "gauge",
        "Vibration velocity, RMS, 10 to 1000 Hz.",
        [(_labels(one), one.velocity_um_s / 1000) for one in heard if one.velocity_um_s is not None],
    )
    yield _Metric(
        "vibnode_machine_level",
        "gauge",
        "0 no alert, 1 warning, 2 alarm, as last said.",
        [(labels, _level(one)) for labels, one in by_sensor],
    )
    yield _Metric(
        "vibnode_bytes_sampled_total",
        "counter",
        "Bytes of samples that the sensor read.",
        [(labels, one.bytes_sampled) for labels, one in by_sensor],
    )
    yield _Metric(
        "vibnode_bytes_sent_total",
        "counter",
        "Bytes that the sensor published.",
        [(labels, one.bytes_sent) for labels, one in by_sensor],
    )
    yield _Metric(
        "vibnode_alerts_lost_total",
        "counter",
        "Alerts that the sensor dropped for want of room.",
        [(labels, one.dropped) for labels, one in by_sensor if one.dropped is not None],
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


def _labels(sensor: SensorView) -> dict[str, str]:
    return {"site": sensor.site, "device": sensor.device}  # no character that needs escaping


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _level(sensor: SensorView) -> float:
    return {"warning": 1.0, "alarm": 2.0}.get(sensor.machine_level or "", 0.0)


def _lines(metric: _Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        shown = ",".join(f'{name}="{text}"' for name, text in labels.items())
        yield f"{metric.name}{{{shown}}} {value:.15g}" if shown else f"{metric.name} {value:.15g}"
