"""One sensor as the page and the API show it: what was read of it, judged at one moment.

The judgement that matters is `Link`: a sensor not heard can never look healthy, whatever it said last.
"""

from __future__ import annotations

import dataclasses
import enum
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vibdash.database.schema import device
from vibdash.protocol.fields import same_life
from vibdash.protocol.own_alerts import HOST_BOOT
from vibdash.read.alert_views import cannot_be_shown
from vibdash.read.host import CLOCKS_APART_MS, Host, is_credible

SILENT_INTERVALS, SILENT_MARGIN_MS = 2.0, 60_000

log = logging.getLogger("vibdash.read")


class Link(enum.StrEnum):
    """Whether a sensor's word can be taken for the present."""

    ONLINE = "online"
    OFFLINE = "offline"  # it or its broker said so
    SILENT = "silent"  # nothing for longer than it may be
    UNREACHED = "unreached"  # this host hears no sensor at all


@dataclass(frozen=True)
class ActiveAlert:
    """A cause that is raised now. `level` None: the device says it is active, its alert has not come yet."""

    cause: str
    level: str | None
    since_ms: int | None
    class_name: str | None

    @property
    def of_instrument(self) -> bool:
        """Whether this is about the sensor and not about the machine."""
        return self.cause.startswith("instrument:")


def _worst(active: Iterable[ActiveAlert]) -> str | None:
    """Return the worst level; an alert whose level is not known yet counts as an alarm."""
    levels = {one.level or "alarm" for one in active}
    return "alarm" if "alarm" in levels else "warning" if levels else None


@dataclass(frozen=True)
class SensorView:
    """One sensor. The `machine` and `instrument` it last said count only while `link` is ONLINE."""

    site: str
    device: str
    link: Link
    link_since_ms: int | None
    link_why: str
    silent_after_ms: int
    heard_at_ms: int | None
    machine: str | None
    instrument: str | None
    score: int | None
    warning: int | None  # the scores from which it warns and alarms
    alarm: int | None
    class_name: str | None
    velocity_um_s: int | None
    rms_mm_s2: int | None
    model_name: str | None
    model_digest: str | None
    model_origin: str | None
    fw: str | None
    boot: int
    uptime_ms: int | None
    windows: int | None
    queued: int | None
    dropped: int | None
    gaps: int | None
    restarts: int | None
    interval_s: int | None
    baseline_windows: int | None
    baseline_time_s: int | None
    baseline_state: str | None
    reset_by: str | None
    refused: int | None
    heap_free: int | None
    battery_mv: int | None
    speed_millihz: int | None
    load_permille: int | None
    point_source: str | None
    pulse: str | None
    coverage_over: str | None
    coverage: str | None  # operating points that were learnt, as `place:windows place:windows`
    note: str | None
    bytes_sampled: int
    bytes_sent: int
    active: tuple[ActiveAlert, ...]
    trend: tuple[int | None, ...]
    trouble: str | None = None  # why its record cannot be shown; then nothing else of it is

    @property
    def key(self) -> tuple[str, str]:
        """Site and device."""
        return self.site, self.device

    @cached_property
    def words(self) -> str:
        """What a search looks at, in small letters."""
        return f"{self.site} {self.device} {self.model_name or ''}".lower()

    @cached_property
    def machine_level(self) -> str | None:
        """The worst level active on the machine: alarm, warning or None."""
        return _worst(active for active in self.active if not active.of_instrument)

    @cached_property
    def instrument_level(self) -> str | None:
        """The worst level active on the sensor itself: alarm, warning or None."""
        return _worst(active for active in self.active if active.of_instrument)

    @cached_property
    def group(self) -> str:
        """Under which count of the summary it falls; exactly one."""
        if self.link is not Link.ONLINE:
            return "unheard"
        if self.machine_level is not None:
            return self.machine_level
        judged = self.machine == "running" and self.score is not None
        working = self.instrument == "ok" and self.instrument_level is None
        return "good" if judged and working else "quiet"


NameKey = tuple[str, list[tuple[int, str]], str]


def name_key(site: str, device: str) -> NameKey:
    """Return a key that puts pump-2 before pump-10."""
    parts = re.split(r"(\d+)", device)
    return site, [(int(part), "") if part.isdigit() else (-1, part) for part in parts], device


def by_name(sensor: SensorView) -> NameKey:
    """Return the key by which sensors are in order."""
    return name_key(sensor.site, sensor.device)


# What of a view stands in its sensor's row as it is shown; `active` is judged first.
AS_STORED = tuple(
    one.name for one in dataclasses.fields(SensorView) if one.name in device.c and one.name != "active"
)


@dataclass(frozen=True)
class Told:
    """What the database holds of a sensor: its row of `device`, the last event of each cause, and what it sampled."""

    row: Any
    events: tuple[Any, ...]
    bytes_sampled: int
    bytes_sent: int
    trend: tuple[int | None, ...]


def judge(told: Told, host: Host, now_ms: int, silent_after_ms: int) -> SensorView:
    """Return the sensor as it stands now; one whose record cannot be shown says so, and the others are there."""
    try:
        return _readable_view(told, host, now_ms, silent_after_ms)
    except Exception as error:
        log.exception("the record of %s/%s cannot be shown", told.row.site, told.row.device)
        return _unreadable_view(told.row, error)


def stands_until_ms(view: SensorView, now_ms: int) -> int | None:
    """Return the last moment at which the view holds if nothing more is heard, None: it holds until then.

    `now_ms` is when it was judged. A host that is cut off from its broker is another judgement.
    """
    if view.trouble is not None or view.heard_at_ms is None:
        return None
    if not is_credible(view.heard_at_ms, now_ms):
        return view.heard_at_ms - CLOCKS_APART_MS - 1
    silent_at_ms = view.heard_at_ms + view.silent_after_ms
    return silent_at_ms if silent_at_ms >= now_ms else None


def _unreadable_view(row: Any, error: Exception) -> SensorView:
    """Return a sensor of which nothing is known but its name, and so not that it is well."""
    values: dict[str, Any] = dict.fromkeys(one.name for one in dataclasses.fields(SensorView))
    values |= {
        "site": row.site,
        "device": row.device,
        "link": Link.SILENT,
        "link_why": "",
        "silent_after_ms": 0,
    }
    values |= {"boot": 0, "bytes_sampled": 0, "bytes_sent": 0, "active": (), "trend": ()}
    return SensorView(**values | {"trouble": cannot_be_shown(error)})


def _readable_view(told: Told, host: Host, now_ms: int, silent_after_ms: int) -> SensorView:
    row = told.row
    if row.interval_s is not None:
        silent_after_ms = longest_silence_ms(row.interval_s)
    link, link_since_ms, link_why = _judge_link(row, host, now_ms, silent_after_ms)
    return SensorView(
        **{name: getattr(row, name) for name in AS_STORED},
        link=link,
        link_since_ms=link_since_ms,
        link_why=link_why,
        silent_after_ms=silent_after_ms,
        bytes_sampled=told.bytes_sampled,
        bytes_sent=told.bytes_sent,
        active=_active(row, told.events),
        trend=told.trend,
    )


def _judge_link(row: Any, host: Host, now_ms: int, silent_after_ms: int) -> tuple[Link, int | None, str]:
    if row.state == "offline":
        return Link.OFFLINE, row.state_since_ms, row.why
    if not host.connected:
        return Link.UNREACHED, host.since_ms, host.detail
    if not is_credible(row.heard_at_ms, now_ms):
        return Link.SILENT, None, "no message since this host's clock was set"
    if now_ms - row.heard_at_ms > silent_after_ms:
        return Link.SILENT, row.heard_at_ms, "no message"
    if row.state == "unknown":
        return Link.SILENT, None, "alerts came, but no status"
    return Link.ONLINE, row.state_since_ms, row.why


def longest_silence_ms(interval_s: int) -> int:
    """Return how long a sensor that promised a message every `interval_s` may be silent."""
    return round(SILENT_INTERVALS * interval_s * 1000) + SILENT_MARGIN_MS


def _active(row: Any, events: Iterable[Any]) -> tuple[ActiveAlert, ...]:
    """Return what is raised now, from the last event of each cause and the list in the last status.

    Whichever of the two the device said later is believed; boot and uptime tell which. An event of another life
    of the device is the earlier: a device says its status first.
    """
    listed = set(row.active or ())
    status_said_at = (row.boot, -1 if row.uptime_ms is None else row.uptime_ms)
    active = []
    for event in events:
        status_is_later = status_said_at > (event.boot, event.uptime_ms) or not same_life(
            row.boot, event.boot
        )
        raised = event.cause in listed if status_is_later else event.event != "clear"
        if event.boot == HOST_BOOT:
            raised = event.event != "clear"
        listed.discard(event.cause)
        if raised and event.event != "clear":
            active.append(ActiveAlert(event.cause, event.level, event.occurred_at_ms, event.class_name))
        elif raised:
            active.append(ActiveAlert(event.cause, None, None, None))
    active += [ActiveAlert(name, None, None, None) for name in listed]
    return tuple(sorted(active, key=lambda one: (one.level == "warning", one.cause)))
