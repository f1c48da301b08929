"""JSON from outside, which may be anything: random bytes, cut short, nested so deep that it eats the memory."""

import json

MAX_BRACKETS = 16


def read_object(payload, max_bytes: int) -> dict:
    """The object in `payload`. Raises ValueError, that says what it is instead."""
    if len(payload) > max_bytes:
        raise ValueError(f"{len(payload)} bytes; accepted: up to {max_bytes}")
    if payload.count(b"[") + payload.count(b"{") > MAX_BRACKETS:
        raise ValueError(f"more than {MAX_BRACKETS} brackets")
    try:
        text = str(payload, "utf-8")
        value = json.loads(text)
    except (ValueError, UnicodeError):
        raise ValueError("not JSON") from None
    # MicroPython takes an object that is cut short.
    if not isinstance(value, dict) or not text.rstrip().endswith("}"):
        raise ValueError("not a JSON object")
    return value
