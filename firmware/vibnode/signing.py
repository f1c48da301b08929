"""Signed commands (SPEC 3.4): who may tell a device what to do. The same file on the device and on the host."""

import binascii
import hashlib
import json

from .untrusted import read_object

VERSION = 1
KEY_BYTES = 32
MAX_COMMAND_BYTES = 4096
_BLOCK_BYTES = 64  # of SHA-256


class Refused(Exception):
    """A command that must not be carried out. Its text says why."""


def hmac_sha256(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) of the `parts` in a row, `key` of up to 64 bytes; MicroPython has no hmac module."""
    if len(key) > _BLOCK_BYTES:
        raise ValueError(f"a key of {len(key)} bytes; accepted: up to {_BLOCK_BYTES}")
    padded = key + bytes(_BLOCK_BYTES - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in padded]))
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in padded]))
    outer.update(inner.digest())
    return outer.digest()


def sign(key: bytes, topic: str, command: dict) -> bytes:
    """The payload that has the device at `topic` (its `cmd` topic) carry out `command`: id, n, cmd and its fields."""
    return seal(key, topic, json.dumps(command, separators=(",", ":")))


def verify(key: bytes, topic: str, payload: bytes) -> dict:
    """The command in `payload`, which arrived at `topic`. Raises Refused; does not judge the counter `n`'s age."""
    return _command(opened(key, topic, payload))


def seal(key: bytes, topic: str, signed: str) -> bytes:
    """The payload that `opened` takes at `topic`: the text `signed`, and who it is from."""
    message = {"v": VERSION, "signed": signed, "mac": _mac(key, topic, signed)}
    return json.dumps(message, separators=(",", ":")).encode()


def opened(key: bytes, topic: str, payload: bytes) -> str:
    """The text that is signed in `payload`, which arrived at `topic`. Raises Refused."""
    try:
        message = read_object(payload, MAX_COMMAND_BYTES)
        version, signed, mac = message["v"], message["signed"], message["mac"]
    except ValueError as error:
        raise Refused(f"not a signed command: {error}") from None
    except KeyError:
        raise Refused("not a signed command") from None
    if (
        type(version) is not int
        or version != VERSION
        or not isinstance(signed, str)
        or not isinstance(mac, str)
    ):
        raise Refused("not a signed command of version 1")
    try:
        right = _mac(key, topic, signed)
    except UnicodeError:  # half a surrogate pair
        raise Refused("not a signed command") from None
    if not _same(mac, right):
        raise Refused("the signature is not this device's")
    return signed


def _command(signed: str) -> dict:
    try:
        command = json.loads(signed)
        name, n, ident = command["cmd"], command["n"], command["id"]
    except (ValueError, KeyError, TypeError):
        raise Refused("signed, but no command with id, n and cmd") from None
    if type(n) is not int or not 0 < n < 1 << 53 or not isinstance(name, str):
        raise Refused("signed, but n or cmd is not as specified")
    if not isinstance(ident, str) or not 1 <= len(ident) <= 32 or not all(" " <= c <= "~" for c in ident):
        raise Refused("signed, but id is not 1 to 32 printable characters")
    return command


def _mac(key: bytes, topic: str, signed: str) -> str:
    return binascii.hexlify(hmac_sha256(key, topic.encode(), b"\n", signed.encode())).decode()


def _same(given: str, right: str) -> bool:
    """Compare in a time that does not tell how much of it was right."""
    if len(given) != len(right):
        return False
    difference = 0
    for a, b in zip(given, right):  # noqa: B905 - MicroPython knows no strict=
        difference |= ord(a) ^ ord(b)
    return difference == 0
