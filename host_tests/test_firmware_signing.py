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


def enveloped(signed: str, /, **changes: object) -> bytes:
    """A rightly signed message, but for what is changed in it."""
    mac = hmac.new(KEY, (TOPIC + "\n" + signed).encode(), hashlib.sha256).hexdigest()
    return json.dumps({"v": 1, "signed": signed, "mac": mac} | changes).encode()


def test_a_key_is_no_longer_than_a_block() -> None:
    assert signing.KEY_BYTES == 32
    signing.hmac_sha256(bytes(64), b"")
    with pytest.raises(ValueError, match=r"^a key of 65 bytes; accepted: up to 64$"):
        signing.hmac_sha256(bytes(65), b"")


def test_parts_in_a_row_are_one_message() -> None:
    assert signing.hmac_sha256(KEY, b"one", b"", b"two") == signing.hmac_sha256(KEY, b"onetwo")


def test_a_payload_may_be_as_long_as_specified() -> None:
    for bytes_, taken in ((4096, True), (4097, False)):
        command = COMMAND | {"pad": ""}
        short = len(signing.sign(KEY, TOPIC, command))
        payload = signing.sign(KEY, TOPIC, command | {"pad": "x" * (bytes_ - short)})
        assert len(payload) == bytes_
        if taken:
            assert signing.verify(KEY, TOPIC, payload)["n"] == COMMAND["n"]
        else:
            with pytest.raises(
                signing.Refused, match=r"^not a signed command: 4097 bytes; accepted: up to 4096$"
            ):
                signing.verify(KEY, TOPIC, payload)


@pytest.mark.parametrize("missing", ["v", "signed", "mac"])
def test_an_envelope_that_lacks_a_part_is_none(missing: str) -> None:
    message = json.loads(signing.sign(KEY, TOPIC, COMMAND))
    del message[missing]
    with pytest.raises(signing.Refused, match=r"^not a signed command$"):
        signing.verify(KEY, TOPIC, json.dumps(message).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": 0},
        {"v": True},
        {"v": 1.0},
        {"v": "1"},
        {"signed": 1},
        {"signed": None},
        {"mac": 1},
        {"mac": []},
    ],
)
def test_an_envelope_of_another_version_or_kind_is_none(changes: dict[str, object]) -> None:
    with pytest.raises(signing.Refused, match=r"^not a signed command of version 1$"):
        signing.verify(KEY, TOPIC, enveloped(json.dumps(COMMAND), **changes))


def test_half_a_surrogate_pair_is_no_command() -> None:
    message = {"v": 1, "signed": "\ud800", "mac": "0" * 64}
    with pytest.raises(signing.Refused, match=r"^not a signed command$"):
        signing.verify(KEY, TOPIC, json.dumps(message).encode())


def test_a_part_of_the_signature_is_none() -> None:
    signed = json.dumps(COMMAND)
    mac = json.loads(enveloped(signed))["mac"]
    assert signing.verify(KEY, TOPIC, enveloped(signed)) == COMMAND
    for other in ("", mac[:-1], mac + "0", mac.upper(), mac[:-1] + "~", "~" + mac[1:]):
        with pytest.raises(signing.Refused, match=r"^the signature is not this device's$"):
            signing.verify(KEY, TOPIC, enveloped(signed, mac=other))


@pytest.mark.parametrize(
    "command", [{"n": 1}, {"n": (1 << 53) - 1}, {"id": " "}, {"id": "~" * 32}, {"id": "x" * 32}, {"cmd": ""}]
)
def test_what_is_just_allowed_is_taken(command: dict[str, object]) -> None:
    assert signing.verify(KEY, TOPIC, signing.sign(KEY, TOPIC, COMMAND | command)) == COMMAND | command


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([1, 2], "signed, but no command with id, n and cmd"),
        ("text", "signed, but no command with id, n and cmd"),
        (None, "signed, but no command with id, n and cmd"),
        ({"n": 1, "id": "a"}, "signed, but no command with id, n and cmd"),
        (COMMAND | {"n": -1}, "signed, but n or cmd is not as specified"),
        (COMMAND | {"n": 1.5}, "signed, but n or cmd is not as specified"),
        (COMMAND | {"cmd": 1}, "signed, but n or cmd is not as specified"),
        (COMMAND | {"id": "a\x1f"}, "signed, but id is not 1 to 32 printable characters"),
        (COMMAND | {"id": "a\x7f"}, "signed, but id is not 1 to 32 printable characters"),
        (COMMAND | {"id": 7}, "signed, but id is not 1 to 32 printable characters"),
        (COMMAND | {"id": ["a"]}, "signed, but id is not 1 to 32 printable characters"),
    ],
)
def test_what_is_wrong_with_a_command_is_told(command: object, said: str) -> None:
    with pytest.raises(signing.Refused, match=f"^{said}$"):
        signing.verify(KEY, TOPIC, enveloped(json.dumps(command)))


def test_what_is_signed_must_be_json() -> None:
    with pytest.raises(signing.Refused, match=r"^signed, but no command"):
        signing.verify(KEY, TOPIC, enveloped("report"))


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
    with pytest.raises(signing.Refused, match="signed, but"):
        signing.verify(KEY, TOPIC, enveloped(json.dumps(command)))
