"""Who is told of what, when and how: a TOML file, checked.

[channel.phone]
kind = "ntfy"                      # or webhook, smtp: see notify_channels.py for their keys
url = "https://ntfy.example.org/vibnode"

[rule.alarms]
channels = ["phone"]
levels = ["alarm"]                 # which alerts; what is left out is not asked about
devices = ["plant-a/motor-*"]
causes = ["anomaly", "velocity"]
events = ["raise", "escalate"]
quiet_hours = "22:00-06:00"        # told at their end
zone = "Europe/Berlin"
unacknowledged_after_min = 30      # then these are told too, at any hour
unacknowledged_channels = ["boss"]
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
import zoneinfo
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vibdash.errors import OneLineError
from vibdash.notify.channels import Channel, ChannelError, make_channel

LEVELS = ("warning", "alarm")
EVENTS = ("raise", "escalate", "clear")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_LISTS = {"channels": None, "levels": LEVELS, "events": EVENTS, "devices": None, "causes": None}
_KEYS = (*_LISTS, "quiet_hours", "zone", "unacknowledged_after_min", "unacknowledged_channels")
LONGEST_WAIT_MIN = 7 * 24 * 60


class NotifyError(OneLineError):
    """The rules cannot be used; the text is one line for the user."""


@dataclass(frozen=True)
class QuietHours:
    """From when to when nothing is told, in minutes of the day in a zone; it may go over midnight."""

    from_min: int
    to_min: int
    zone: dt.tzinfo

    def end_ms(self, at_ms: int) -> int:
        """Return when something due at a time may be told: then, or at the end of the quiet hours."""
        at = dt.datetime.fromtimestamp(at_ms / 1000, self.zone)
        minute = at.hour * 60 + at.minute
        over_midnight = self.from_min > self.to_min
        quiet = (
            minute >= self.from_min or minute < self.to_min
            if over_midnight
            else self.from_min <= minute < self.to_min
        )
        if not quiet:
            return at_ms
        end = at.replace(hour=self.to_min // 60, minute=self.to_min % 60, second=0, microsecond=0)
        if over_midnight and minute >= self.from_min:
            end += dt.timedelta(days=1)
        return max(at_ms, round(end.timestamp() * 1000))


@dataclass(frozen=True)
class Rule:
    """Which alerts are told through which channels. Empty: no matter which."""

    name: str
    channels: tuple[str, ...]
    levels: tuple[str, ...] = ()
    events: tuple[str, ...] = ("raise", "escalate")
    devices: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    quiet: QuietHours | None = None
    unacknowledged_after_ms: int | None = None
    unacknowledged_channels: tuple[str, ...] = ()

    def applies(self, alert: Any) -> bool:
        """Return whether an alert (a row of that table) is to be told."""
        device = f"{alert.site}/{alert.device}"
        return (
            alert.event in self.events
            and (not self.levels or alert.level in self.levels)
            and (not self.devices or any(fnmatchcase(device, pattern) for pattern in self.devices))
            and (not self.causes or any(fnmatchcase(alert.cause, pattern) for pattern in self.causes))
        )


@dataclass(frozen=True)
class Notify:
    """The whole file."""

    channels: dict[str, Channel]
    rules: tuple[Rule, ...]


def read_rules(file: Path) -> Notify:
    """Read the rules from a TOML file. Raises NotifyError."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotifyError(
            f"{file}: {error.strerror}; accepted: a TOML file with channels and rules"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotifyError(f"{file}: is not TOML ({error})") from None
    try:
        return _parse(content, file.parent)
    except (_Wrong, ChannelError) as error:
        raise NotifyError(f"{file}: {error}") from None


class _Wrong(Exception):
    pass


def _parse(content: dict[str, Any], folder: Path) -> Notify:
    for key in content.keys() - {"channel", "rule"}:
        raise _Wrong(f"{key}: is not known; accepted: [channel.NAME] and [rule.NAME]")
    channels = {
        name: make_channel(name, table, folder) for name, table in _tables(content, "channel").items()
    }
    rules = tuple(_parse_rule(name, table, channels) for name, table in _tables(content, "rule").items())
    return Notify(channels, rules)


def _tables(content: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = content.get(kind)
    if not isinstance(found, dict) or not found:
        raise _Wrong(f"{kind}: is missing; accepted: at least one [{kind}.NAME]")
    for name, table in found.items():
        if not _NAME.fullmatch(name) or not isinstance(table, dict):
            raise _Wrong(f"{kind}.{name}; accepted: a table [{kind}.NAME] with a name of a-z, 0-9, _ and -")
    return found


def _parse_rule(name: str, table: dict[str, Any], channels: dict[str, Channel]) -> Rule:
    where = f"rule.{name}"
    for key in table.keys() - set(_KEYS):
        raise _Wrong(f"{where}.{key}: is not known; accepted: one of {', '.join(_KEYS)}")
    lists = {key: _texts(where, key, table[key], allowed) for key, allowed in _LISTS.items() if key in table}
    if "channels" not in lists:
        raise _Wrong(f"{where}.channels: is missing; accepted: names of channels")
    late = _texts(where, "unacknowledged_channels", table.get("unacknowledged_channels", []), None)
    for channel in (*lists["channels"], *late):
        if channel not in channels:
            raise _Wrong(
                f"{where}: channel {channel!r} is not defined; accepted: one of {', '.join(channels)}"
            )
    after_min = table.get("unacknowledged_after_min")
    if after_min is not None and (type(after_min) is not int or not 1 <= after_min <= LONGEST_WAIT_MIN):
        raise _Wrong(f"{where}.unacknowledged_after_min: {after_min!r}; accepted: 1 to {LONGEST_WAIT_MIN}")
    if (after_min is None) != (not late):
        raise _Wrong(
            f"{where}; accepted: both unacknowledged_after_min and unacknowledged_channels, or neither"
        )
    return Rule(
        name,
        **lists,
        quiet=_parse_quiet(where, table),
        unacknowledged_after_ms=None if after_min is None else after_min * 60_000,
        unacknowledged_channels=late,
    )


def _texts(where: str, key: str, value: object, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise _Wrong(f"{where}.{key}: {value!r}; accepted: a list of texts")
    for one in value:
        if allowed is not None and one not in allowed:
            raise _Wrong(f"{where}.{key}: {one!r} is not known; accepted: some of {', '.join(allowed)}")
    return tuple(value)


def _parse_quiet(where: str, table: dict[str, Any]) -> QuietHours | None:
    hours, zone = table.get("quiet_hours"), table.get("zone", "UTC")
    if hours is None:
        return None
    found = _HOURS.fullmatch(hours) if isinstance(hours, str) else None
    if found is None or hours[:5] == hours[6:]:
        raise _Wrong(f"{where}.quiet_hours: {hours!r}; accepted: e.g. 22:00-06:00")
    try:
        known = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise _Wrong(f"{where}.zone: {zone!r}; accepted: e.g. Europe/Berlin") from None
    numbers = [int(number) for number in found.groups()]
    return QuietHours(numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3], known)
