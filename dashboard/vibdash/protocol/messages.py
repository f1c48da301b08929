"""The messages that sensors send (SPEC.md section 3), parsed and checked.

`parse` turns a topic and a payload into a `Status`, an `Alert` or a `Reply`, or raises `Malformed` with a reason that a
person can act on. Nothing past this file handles unchecked input.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from vibnode import messages

from vibdash.protocol.fields import VERSION, Fields, Identity, Malformed, shown

__all__ = ["VERSION", "Identity", "Malformed"]

MAX_ALERT_BYTES = 1024
MAX_STATUS_BYTES = 2048
MAX_REPLY_BYTES = 4096
MAX_PARTS = 256
KINDS_FROM_DEVICE = ("status", "alert", "reply")
KINDS_NOT_TAKEN = ("ack", "cmd", "point")  # to devices

MACHINE_STATES = ("off", "learning", "running", "outside", "unknown")
INSTRUMENT_STATES = ("ok", "gap", "stuck", "flat", "clipped", "noise", "gone", "rate", "config")
OVERRUNS = ("processor", "bus", "link")  # why windows are lost, after `overrun-` in a cause
RESETS = ("power", "watchdog", "crash", "brownout", "command", "sleep", "unknown")
BASELINE_STATES = ("none", "learning", "learnt", "unusable", "uneven", "over-velocity", "over-alarm")
MODEL_ORIGINS = ("linked", "file", "trial", "reverted")
POINT_SOURCES = ("none", "estimated", "constant", "told", "pulse")
PULSE_STATES = ("ok", "missing", "bouncing", "silent", "bad")
COVERAGES = ("speed", "load", "heard")
MAX_PLACES = 16
TIME_QUALITIES = ("none", "rtc", "ntp")
EVENTS = ("raise", "escalate", "clear")
LEVELS = ("warning", "alarm")
MAX_FEATURES = 5
MAX_ACTIVE = 32

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_CAUSE = re.compile(
    rf"anomaly|velocity|instrument:({'|'.join((*INSTRUMENT_STATES[1:], *(f'overrun-{one}' for one in OVERRUNS)))})"
)
_INT16 = (-(2**15), 2**15 - 1)
_UINT32 = 2**32 - 1
_MOST_LOAD = 10_000
_INT53 = 2**53 - 1  # the largest integer that every JSON reader keeps exact
_T = TypeVar("_T")


class Sensor(NamedTuple):
    """A device and the site it belongs to, both from the topic: a key of much that is kept, so it is hashed in C."""

    site: str
    device: str

    def topic(self, kind: str) -> str:
        """The sensor's topic for messages of this kind."""
        topic: str = messages.topic(self.site, self.device, kind)
        return topic


def _said(read: Callable[[Fields], _T]) -> _T:
    """A field of a message, and how it is read: by `read`, which raises Malformed."""
    told: _T = field(metadata={"read": read})
    return told


def _of_model(read: Callable[[Fields], str | None]) -> Callable[[Fields], str | None]:
    def read_model(message: Fields) -> str | None:
        model = message.object_or_none("model")
        return None if model is None else read(model)

    return read_model


@dataclass(frozen=True)
class Measured:
    """The part of a status that only a running device can fill in, a line a field. Scores in steps of 1/256 octave."""

    uptime_ms: int = _said(lambda one: one.integer("uptime_ms", 0, _INT53))
    time: int | None = _said(lambda one: _parse_time(one)[0])
    time_quality: str = _said(lambda one: _parse_time(one)[1])
    fw: str = _said(lambda one: one.text("fw", 32))
    core: int = _said(lambda one: one.integer("core", 0, _UINT32))
    model_name: str | None = _said(_of_model(lambda model: model.text("name", 64)))
    model_digest: str | None = _said(_of_model(lambda model: model.text("digest", 64)))
    machine: str = _said(lambda one: one.choice("machine", MACHINE_STATES))
    instrument: str = _said(lambda one: one.choice("instrument", INSTRUMENT_STATES))
    score: int | None = _said(lambda one: one.integer_or_none("score", *_INT16))
    class_name: str | None = _said(lambda one: one.text_or_none("class", 48))
    velocity_um_s: int | None = _said(lambda one: one.integer_or_none("velocity_um_s", 0, _INT53))
    rms_mm_s2: int | None = _said(lambda one: one.integer_or_none("rms_mm_s2", 0, _INT53))
    windows: int = _said(lambda one: one.integer("windows", 0, _INT53))
    bytes_sampled: int = _said(lambda one: one.integer("bytes_sampled", 0, _INT53))
    bytes_sent: int = _said(lambda one: one.integer("bytes_sent", 0, _INT53))
    queued: int = _said(lambda one: one.integer("queued", 0, _INT53))
    dropped: int = _said(lambda one: one.integer("dropped", 0, _INT53))
    gaps: int = _said(lambda one: one.integer("gaps", 0, _INT53))
    active: tuple[str, ...] = _said(lambda one: one.items("active", MAX_ACTIVE, _parse_cause))
    # From here on: None from firmware that does not say it.
    restarts: int | None = _said(lambda one: one.integer_if_said("restarts", 0, _INT53))
    interval_s: int | None = _said(lambda one: one.integer_if_said("interval_s", 1, 86_400))
    warning: int | None = _said(lambda one: one.integer_if_said("warning", *_INT16))
    alarm: int | None = _said(lambda one: one.integer_if_said("alarm", *_INT16))
    model_origin: str | None = _said(_of_model(lambda model: model.choice_if_said("origin", MODEL_ORIGINS)))
    baseline_windows: int | None = _said(lambda one: one.integer_if_said("baseline", 0, _UINT32))
    baseline_time_s: int | None = _said(lambda one: one.integer_if_said("baseline_time", 0, _UINT32))
    baseline_state: str | None = _said(lambda one: one.choice_if_said("baseline_state", BASELINE_STATES))
    reset_by: str | None = _said(lambda one: one.choice_if_said("reset", RESETS))
    refused: int | None = _said(lambda one: one.integer_if_said("refused", 0, _INT53))
    heap_free: int | None = _said(lambda one: one.integer_if_said("heap_free", 0, _INT53))
    battery_mv: int | None = _said(lambda one: one.integer_if_said("battery_mv", 0, 100_000))
    speed_millihz: int | None = _said(lambda one: one.integer_if_said("speed_millihz", 0, _UINT32))
    load_permille: int | None = _said(lambda one: one.integer_if_said("load_permille", 0, _MOST_LOAD))
    point_source: str | None = _said(lambda one: one.choice_if_said("point_source", POINT_SOURCES))
    pulse: str | None = _said(lambda one: one.choice_if_said("pulse", PULSE_STATES))
    coverage_over: str | None = _said(lambda one: one.choice_if_said("coverage_over", COVERAGES))
    # The places that it has learnt, as `20170:64 24670:192`: place, windows.
    coverage: str | None = _said(
        lambda one: " ".join(one.items("coverage", MAX_PLACES, _parse_place)) if one.has("coverage") else None
    )
    note: str | None = _said(lambda one: one.text("note", 200) if one.has("note") else None)


@dataclass(frozen=True)
class Status:
    """What a device says of itself; `measured` is None only for an offline message without it."""

    sensor: Sensor
    state: str
    why: str
    boot: int
    measured: Measured | None


@dataclass(frozen=True)
class Spectrum:
    """Band levels at the alert: `levels` are log2 re 1 um/s2 in steps of 1/4 octave, bands log-spaced."""

    lo_hz: float
    hi_hz: float
    axis: str
    levels: tuple[int, ...]


@dataclass(frozen=True)
class Alert:
    """One event of one cause. `features` are (name, value, usual value) on the scales of SPEC 1.2."""

    sensor: Sensor
    identity: Identity
    replay: bool
    uptime_ms: int
    time: int | None
    time_quality: str
    event: str
    level: str
    cause: str
    score: int | None
    threshold: int | None
    class_name: str | None
    model: str | None
    features: tuple[tuple[str, int, int], ...]
    spectrum: Spectrum | None
    speed_millihz: int | None = None
    load_permille: int | None = None
    point_source: str | None = None


@dataclass(frozen=True)
class Reply:
    """An answer to a command, or a part of it. `body` holds the command's own fields, unchecked."""

    sensor: Sensor
    id: str
    cmd: str
    boot: int
    uptime_ms: int
    ok: bool
    error: str | None
    next_n: int | None
    part: int
    parts: int
    body: dict[str, Any]


def parse(topic: str, payload: bytes) -> Status | Alert | Reply | None:
    """Parse one message; None for kinds that are not for this program. Raises Malformed."""
    sensor, kind = _parse_topic(topic)
    if kind in KINDS_NOT_TAKEN or (kind == "status" and not payload):
        return None  # an empty status is how a retained one is removed from a broker
    fields = Fields(_parse_json(payload))
    if kind == "status":
        _check_length(payload, MAX_STATUS_BYTES, None)
        return _parse_status(sensor, fields)
    if kind == "reply":
        _check_length(payload, MAX_REPLY_BYTES, None)
        return _parse_reply(sensor, fields)
    identity = _parse_identity(fields)
    _check_length(payload, MAX_ALERT_BYTES, identity)
    try:
        return _parse_alert(sensor, identity, fields)
    except Malformed as error:
        raise Malformed(error.reason, identity) from None


def sensor_of_topic(topic: str) -> Sensor | None:
    """Return the sensor that a topic names, None where it names none."""
    try:
        return _parse_topic(topic)[0]
    except Malformed:
        return None


@lru_cache(maxsize=20_000)
def _parse_topic(topic: str) -> tuple[Sensor, str]:
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != messages.TOPIC_ROOT:
        raise Malformed(f"topic: {shown(topic)}; accepted: {messages.TOPIC_ROOT}/<site>/<device>/<kind>")
    _, _, site, device, kind = parts
    for label, name in (("site", site), ("device", device)):
        if not _NAME.fullmatch(name):
            raise Malformed(f"{label} in the topic: {shown(name)}; accepted: 1 to 32 of a-z, 0-9 and -")
    if kind not in KINDS_FROM_DEVICE + KINDS_NOT_TAKEN:
        raise Malformed(f"kind in the topic: {shown(kind)}; accepted: one of {', '.join(KINDS_FROM_DEVICE)}")
    return Sensor(site, device), kind


def _parse_json(payload: bytes) -> dict[str, Any]:
    # Far over any limit is not parsed at all; a little over still is, so that the alert's identity is known.
    if len(payload) > 4 * MAX_STATUS_BYTES:
        raise Malformed(f"{len(payload)} bytes; accepted: at most {MAX_STATUS_BYTES}")
    try:
        message = _DECODER.decode(payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {str(error)[:120]}") from None
    if not isinstance(message, dict):
        raise Malformed(f"a JSON {type(message).__name__}; accepted: an object")
    return message


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _check_length(payload: bytes, limit: int, identity: Identity | None) -> None:
    if len(payload) > limit:
        raise Malformed(f"{len(payload)} bytes; accepted: at most {limit}", identity)


def _parse_identity(fields: Fields) -> Identity:
    fields.version()
    identity = Identity(
        boot=fields.integer("boot", 0, _UINT32),
        seq=fields.integer("seq", 1, _UINT32),
        oldest=fields.integer("oldest", 1, _UINT32),
    )
    if identity.oldest > identity.seq:
        raise Malformed(f"oldest: {identity.oldest}; accepted: at most seq, {identity.seq}")
    return identity


def _parse_status(sensor: Sensor, fields: Fields) -> Status:
    fields.version()
    state = fields.choice("state", ("online", "offline"))
    reasons = ("birth", "periodic", "change") if state == "online" else ("will", "shutdown")
    why = fields.choice("why", reasons)
    boot = fields.integer("boot", 0, _UINT32)
    whole = state == "online" or fields.has("uptime_ms")
    return Status(sensor, state, why, boot, _parse_measured(fields) if whole else None)


def _parse_measured(message: Fields) -> Measured:
    return Measured(**{one.name: one.metadata["read"](message) for one in dataclass_fields(Measured)})


def _parse_alert(sensor: Sensor, identity: Identity, fields: Fields) -> Alert:
    time, quality = _parse_time(fields)
    return Alert(
        sensor=sensor,
        identity=identity,
        replay=fields.boolean("replay"),
        uptime_ms=fields.integer("uptime_ms", 0, _INT53),
        time=time,
        time_quality=quality,
        event=fields.choice("event", EVENTS),
        level=fields.choice("level", LEVELS),
        cause=_parse_cause(fields.text("cause", 64)),
        score=fields.integer_or_none("score", -_INT53, _INT53),
        threshold=fields.integer_or_none("threshold", -_INT53, _INT53),
        class_name=fields.text_or_none("class", 48),
        model=fields.text_or_none("model", 64),
        features=fields.items("features", MAX_FEATURES, _parse_feature) if fields.has("features") else (),
        spectrum=_parse_spectrum(fields.object_or_none("spectrum")),
        speed_millihz=fields.integer_if_said("speed_millihz", 0, _UINT32),
        load_permille=fields.integer_if_said("load_permille", 0, _MOST_LOAD),
        point_source=fields.choice_if_said("point_source", POINT_SOURCES),
    )


_OF_EVERY_REPLY = ("v", "id", "cmd", "boot", "uptime_ms", "ok", "error", "next_n", "part", "parts")


def _parse_reply(sensor: Sensor, fields: Fields) -> Reply:
    fields.version()
    ok = fields.boolean("ok")
    parts = fields.integer("parts", 1, MAX_PARTS) if fields.has("parts") else 1
    return Reply(
        sensor=sensor,
        id=fields.text("id", 32),
        cmd=fields.text("cmd", 32),
        boot=fields.integer("boot", 0, _UINT32),
        uptime_ms=fields.integer("uptime_ms", 0, _INT53),
        ok=ok,
        error=None if ok else fields.text("error", 320),
        next_n=fields.integer_if_said("next_n", 1, _INT53),
        part=fields.integer("part", 0, parts - 1) if parts > 1 else 0,
        parts=parts,
        body=fields.others(_OF_EVERY_REPLY),
    )


def _parse_time(fields: Fields) -> tuple[int | None, str]:
    quality = fields.choice("time_quality", TIME_QUALITIES)
    time = fields.integer_or_none("time", 0, 2**33)
    if (time is None) != (quality == "none"):
        raise Malformed(f"time: {time}, time_quality {quality}; accepted: null if none, else seconds")
    return time, quality


def _parse_cause(cause: object) -> str:
    if isinstance(cause, str) and cause.isprintable() and _CAUSE.fullmatch(cause):
        return cause
    raise Malformed(f"cause: {shown(cause)}; accepted: anomaly, velocity or instrument:<fault>")


def _parse_place(item: object) -> str:
    if isinstance(item, list) and len(item) == 2 and all(type(one) is int for one in item):
        place, windows = item
        if abs(place) <= _UINT32 and 0 < windows <= _UINT32:
            return f"{place}:{windows}"
    raise Malformed(f"coverage: {shown(item)}; accepted: [place, windows], whole numbers")


def _parse_feature(item: object) -> tuple[str, int, int]:
    if isinstance(item, list) and len(item) == 3:
        name, value, usual = item
        named = isinstance(name, str) and 0 < len(name) <= 32 and name.isprintable()
        if named and _is_i16(value) and _is_i16(usual):
            return name, value, usual
    raise Malformed(f"feature: {shown(item)}; accepted: [name, value, usual value]")


def _parse_spectrum(fields: Fields | None) -> Spectrum | None:
    if fields is None:
        return None
    lo_hz, hi_hz = fields.positive("lo_hz"), fields.positive("hi_hz")
    if lo_hz >= hi_hz:
        raise Malformed(f"spectrum lo_hz: {lo_hz}; accepted: under hi_hz, {hi_hz}")
    try:
        levels = base64.b64decode(fields.text("levels", 256), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("spectrum levels; accepted: base64") from None
    if not levels:
        raise Malformed("spectrum levels; accepted: at least one band")
    return Spectrum(lo_hz, hi_hz, fields.choice("axis", ("x", "y", "z")), tuple(levels))


def _is_i16(value: object) -> bool:
    return type(value) is int and -(2**15) <= value < 2**15
