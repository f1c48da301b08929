"""Which sensors of the fleet are listed, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vibdash.read.sensors import Link, SensorView

GROUPS_WORST_FIRST = ("alarm", "warning", "unheard", "quiet", "good")
_GROUP_RANK = {group: rank for rank, group in enumerate(GROUPS_WORST_FIRST)}
_LINKS_WORST_FIRST = (Link.UNREACHED, Link.OFFLINE, Link.SILENT, Link.ONLINE)
MOST_KEPT = 100  # listings: more than there are pages, or each key that is typed would stay
_LEVELS_WORST_FIRST = ("alarm", "warning", None)
_Key = Callable[[SensorView], float | None]


def _machine(sensor: SensorView) -> float:
    return _GROUP_RANK[sensor.group]


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
            chosen = [one for one in chosen if one.group == self.group]
        for word in self.words:
            chosen = [one for one in chosen if word in one.words]
        if key is None:
            return chosen[::-1] if self.backwards else chosen
        valued = [(key(one), one) for one in chosen]
        known = [(value, one) for value, one in valued if value is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.backwards)
        return [one for _, one in known] + [one for value, one in valued if value is None]


class Listings:
    """What each listing gave and how the groups count, for all pages: worked out once until a sensor changes."""

    def __init__(self) -> None:
        self._sensors: Sequence[SensorView] = ()
        self._listed: dict[Listing, list[SensorView]] = {}
        self._counts: Counter[str] | None = None

    def of(self, sensors: Sequence[SensorView], listing: Listing) -> list[SensorView]:
        """Return those of the sensors that the listing asks for."""
        self._turn_to(sensors)
        if listing not in self._listed:
            self._listed[listing] = listing.of(sensors)
        return self._listed[listing]

    def groups(self, sensors: Sequence[SensorView]) -> Counter[str]:
        """Return how many of the sensors are in each group."""
        self._turn_to(sensors)
        if self._counts is None:
            self._counts = Counter(one.group for one in sensors)
        return self._counts

    def _turn_to(self, sensors: Sequence[SensorView]) -> None:
        if sensors is not self._sensors or len(self._listed) >= MOST_KEPT:
            self._sensors, self._listed, self._counts = sensors, {}, None
