"""The JSON of SPEC section 3: what the device says, and the one thing it listens to."""

import binascii
import json

from .untrusted import read_object

VERSION = 1
TOPIC_ROOT = "vibnode/v1"
MAX_MESSAGE_BYTES = 1024
MAX_STATUS_BYTES = 2048
MAX_REPLY_BYTES = 4096
MAX_FEATURES = 5
# {"v":1,"boot":4294967295,"seq":4294967295,"oldest":4294967295,"replay":false, is the longest head an alert can get
MAX_BODY_BYTES = MAX_MESSAGE_BYTES - 80


def topic(site: str, device: str, kind: str = "") -> str:
    """The topic of a device's messages of this `kind`; without one, what the topics of all of them begin with."""
    return f"{TOPIC_ROOT}/{site}/{device}/{kind}"


def status(why: str, facts: dict) -> bytes:
    """A status message: `why` (birth, periodic, change, shutdown, will) and `facts`, the other fields of SPEC 3.1."""
    message = {"v": VERSION, "state": "offline" if why in ("shutdown", "will") else "online", "why": why}
    message.update(facts)
    payload = _dump(message)
    if len(payload) > MAX_STATUS_BYTES:
        raise ValueError(f"a status of {len(payload)} bytes; accepted: up to {MAX_STATUS_BYTES}")
    return payload


def alert_body(fields: dict, features: list, spectrum: "dict | None") -> bytes:
    """The part of an alert that is stored: everything but what `alert` adds when it is sent.

    `features`, the least telling last, and `spectrum` are left out as far as the message would get too long.
    """
    fields = dict(fields)
    features = list(features[:MAX_FEATURES])
    while True:
        fields["features"] = features
        fields["spectrum"] = spectrum
        body = _dump(fields)
        if len(body) <= MAX_BODY_BYTES:
            return body
        if features:
            features.pop()
        elif spectrum:
            spectrum = None
        else:
            raise ValueError(f"an alert of {len(body)} bytes; accepted: up to {MAX_BODY_BYTES}")


def alert(boot: int, seq: int, oldest: int, replay: bool, body: bytes) -> bytes:
    """The alert message of a stored `body`."""
    head = _dump({"v": VERSION, "boot": boot, "seq": seq, "oldest": oldest, "replay": replay})
    return head[:-1] + b"," + body[1:]


def reply(ident: str, command: str, boot: int, uptime_ms: int, fields: dict) -> bytes:
    """The answer to a command, or a part of it: `fields` of SPEC 3.4, or `error`, one line for a person."""
    message = {"v": VERSION, "id": ident, "cmd": command, "boot": boot, "uptime_ms": uptime_ms}
    message["ok"] = "error" not in fields
    message.update(fields)
    payload = _dump(message)
    if len(payload) > MAX_REPLY_BYTES:
        raise ValueError(f"a reply of {len(payload)} bytes; accepted: up to {MAX_REPLY_BYTES}")
    return payload


def parse_ack(payload: bytes) -> "tuple[int, int] | None":
    """(boot, seq) of an ack message, None for anything else that arrives on its topic."""
    try:
        ack = read_object(payload, MAX_MESSAGE_BYTES)
        version, boot, seq = ack["v"], ack["boot"], ack["seq"]
    except (ValueError, KeyError):
        return None
    whole = type(version) is type(boot) is type(seq) is int  # which true is not
    counts = whole and version == VERSION and 0 < boot < 1 << 32 and 0 <= seq < 1 << 32
    return (boot, seq) if counts else None


def movers(names, features, usual, spread) -> list:
    """The features that moved most, measured by their own spread: [name, value, usual value], most first.

    `spread` None: not known, and taken to be the same for all; what could not be measured, as orders of a shaft whose
    speed is not known, is left out then.
    """
    moved = []
    for i in range(len(names)):
        moves = abs(features[i] - usual[i]) * 256
        if spread:
            moved.append((moves // spread[i], i))
        elif features[i]:
            moved.append((moves, i))
    moved.sort(reverse=True)
    return [[names[i], features[i], usual[i]] for _, i in moved[:MAX_FEATURES]]


def spectrum(axis: str, lo_hz: int, hi_hz: int, levels) -> dict:
    """The band levels of one axis (log2 re 1 um/s^2, 256 steps an octave), a byte a band."""
    packed = bytes([max(0, min(255, level // 64)) for level in levels])
    text = binascii.b2a_base64(packed).decode().strip()
    return {"lo_hz": lo_hz, "hi_hz": hi_hz, "axis": axis, "levels": text}


def from_log2(level: int) -> int:
    """The whole number that a log2 level (256 steps an octave) stands for, in the unit the level is relative to."""
    return int(2 ** (level / 256) + 0.5) if level > 0 else 0


def to_log2(value: float) -> int:
    """The level nearest to `value`, in 256 steps an octave; 0 for all up to 1."""
    if value <= 1:
        return 0
    octaves = 0
    while value >= 2:
        value /= 2
        octaves += 1
    steps = 0
    while steps < 256 and 2 ** ((steps + 0.5) / 256) < value:
        steps += 1
    return octaves * 256 + steps


def _dump(message: dict) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
