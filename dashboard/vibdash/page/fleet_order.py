"""Which sensors of the fleet are listed, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vibdash.page.states import group_of
from vibdash.read.sensors import Link, SensorView

GROUPS_WORST_FIRST = ("alarm", "warning", "unheard", "quiet", "good")
_LINKS_WORST_FIRST = (Link.UNREACHED, Link.OFFLINE, Link.SILENT, Link.ONLINE)
_LEVELS_WORST_FIRST = ("alarm", "warning", None)
_Key = Callable[[SensorView], float | None]


def _machine(sensor: SensorView) -> float:
    return GROUPS_WORST_FIRST.index(group_of(sensor))


def _instrument(sensor: SensorView) -> float:
    level = sensor.instrument_level or (None if sensor.instrument in (None, "ok") else "warning")
    return 10 * _LINKS_WORST_FIRST.index(sensor.link) + _LEVELS_WORST_FIRST.index(level)


def _score(sensor: SensorView) -> float | None:
    """Return the farthest from healthy first; who is not heard has no score."""
    return None if sensor.score is None or sensor.link is not Link.ONLINE else -sensor.score


def _heard(sensor: SensorView) -> float | None:
    return sensor.heard_at_ms


def _ratio(sensor: SensorView) -> float | None:
    return sensor.bytes_sampled / sensor.bytes_sent if sensor.bytes_sent else None


ORDERS: dict[str, _Key | None] = {
    "sensor": None,  # by name alone
    "machine": _machine,
    "instrument": _instrument,
    "score": _score,
    "heard": _heard,
    "bytes": _ratio,
}


@dataclass(frozen=True)
class Listing:
    """What is asked for: words that site, device or model hold, one group of the summary or all, and an order."""

    words: tuple[str, ...] = ()
    group: str | None = None
    order: str = "machine"
    backwards: bool = False

    def of(self, sensors: Iterable[SensorView]) -> list[SensorView]:
        """Return those of the sensors, which come by name, in that order; equal ones by name, no value last."""
        key = ORDERS[self.order]
        chosen = list(sensors)
        if self.group is not None:
            chosen = [one for one in chosen if group_of(one) == self.group]
        for word in self.words:
            chosen = [one for one in chosen if word in one.words]
        if key is None:
            return chosen[::-1] if self.backwards else chosen
        known = [(value, one) for one in chosen if (value := key(one)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.backwards)
        return [one for _, one in known] + [one for one in chosen if key(one) is None]
