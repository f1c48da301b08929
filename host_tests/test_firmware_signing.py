"""Nothing unsigned runs: SPEC 3.4's envelope, on CPython; the device's side of it is tried over a broker elsewhere."""

import hashlib
import hmac
import json
import random

import pytest
from vibnode import signing

KEY = bytes(range(32))
TOPIC = "vibnode/v1/site/motor-1/cmd"
COMMAND = {"id": "a1", "n": 1760000000123, "cmd": "report"}


@pytest.mark.parametrize("length", [0, 1, 55, 56, 64, 65, 1000])
def test_hmac_is_the_standard_library_s(length: int) -> None:
    message = random.Random(length).randbytes(length)
    for key in (b"", KEY, bytes(64)):
        assert signing.hmac_sha256(key, message) == hmac.new(key, message, hashlib.sha256).digest()


def test_a_signed_command_is_read_back() -> None:
    assert signing.verify(KEY, TOPIC, signing.sign(KEY, TOPIC, COMMAND)) == COMMAND


def test_a_command_for_another_device_or_by_another_key_is_refused() -> None:
    payload = signing.sign(KEY, TOPIC, COMMAND)
    with pytest.raises(signing.Refused, match="signature"):
        signing.verify(KEY, TOPIC.replace("motor-1", "motor-2"), payload)
    with pytest.raises(signing.Refused, match="signature"):
        signing.verify(bytes(32), TOPIC, payload)


def test_every_single_changed_byte_is_refused_or_changes_nothing() -> None:
    payload = signing.sign(KEY, TOPIC, COMMAND)
    for at in range(len(payload)):
        for flip in (0x01, 0x20, 0x80):
            forged = payload[:at] + bytes([payload[at] ^ flip]) + payload[at + 1 :]
            try:
                command = signing.verify(KEY, TOPIC, forged)
            except signing.Refused:
                continue
            assert command == COMMAND  # a changed space or key order at most


def test_every_truncation_and_random_bytes_are_refused() -> None:
    payload = signing.sign(KEY, TOPIC, COMMAND)
    noise = random.Random(1)
    for end in range(len(payload)):
        with pytest.raises(signing.Refused):
            signing.verify(KEY, TOPIC, payload[:end])
    for length in range(300):
        with pytest.raises(signing.Refused):
            signing.verify(KEY, TOPIC, noise.randbytes(length))
    with pytest.raises(signing.Refused, match="4097 bytes"):
        signing.verify(KEY, TOPIC, b" " * 4097)


@pytest.mark.parametrize(
    "command",
    [
        {"n": 1, "cmd": "report"},
        {"id": "a", "cmd": "report"},
        {"id": "a", "n": 0, "cmd": "report"},
        {"id": "a", "n": True, "cmd": "report"},
        {"id": "a", "n": 1 << 53, "cmd": "report"},
        {"id": "", "n": 1, "cmd": "report"},
        {"id": "x" * 33, "n": 1, "cmd": "report"},
        {"id": "a", "n": 1, "cmd": ["report"]},
        [1, 2],
    ],
)
def test_a_rightly_signed_command_must_be_one(command: object) -> None:
    signed = json.dumps(command)
    mac = hmac.new(KEY, (TOPIC + "\n" + signed).encode(), hashlib.sha256).hexdigest()
    payload = json.dumps({"v": 1, "signed": signed, "mac": mac}).encode()
    with pytest.raises(signing.Refused, match="signed, but"):
        signing.verify(KEY, TOPIC, payload)
