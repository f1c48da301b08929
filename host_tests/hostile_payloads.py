"""Payloads that nobody should have sent, the same from the same seed on CPython and MicroPython."""


class Dice:
    """A generator of its own, as the two Pythons' differ (xorshift32)."""

    def __init__(self, seed: int) -> None:
        self._state = seed * 2654435761 % 0xFFFFFFFF + 1

    def below(self, limit: int) -> int:
        state = self._state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        self._state = state = (state ^ state << 5) & 0xFFFFFFFF
        return state % limit

    def noise(self, length: int) -> bytes:
        return bytes([self.below(256) for _ in range(length)])


NUMBERS = ("NaN", "-1", "1e999", "-1e999", "Infinity", "1.5", "true", "null", '"3"', "[3]", "9" * 400)
FIXED = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"3",
    b'"text"',
    b"\xff\xfe{\x00}\x00",
    b"\xc3\x28",
    b"[" * 4000,
    b'{"a":' * 600,
    b'{"v":1,"signed":' + b"[" * 900 + b"]" * 900 + b',"mac":""}',
    b'{"v":1,"signed":"' + b"\\ud800" * 50 + b'","mac":"00"}',
    b'{"v":1,"signed":{"id":"a","n":1,"cmd":"reboot"},"mac":"00"}',
    b'{"v":1,"signed":"{\\"id\\":\\"a\\",\\"n\\":1,\\"cmd\\":\\"reboot\\"}","mac":"' + b"0" * 64 + b'"}',
    b'{"v":1,"signed":"{\\"id\\":\\"a\\",\\"n\\":1,\\"cmd\\":\\"reboot\\"}","mac":null}',
    b" " * 4097,
    b'{"id":"a","n":1,"cmd":"reboot"}',
)


def numbers() -> "Iterator[bytes]":  # noqa: F821
    """Acks whose fields are no counts."""
    for number in NUMBERS:
        for fields in ('"boot":{},"seq":1', '"boot":1,"seq":{}', '"boot":1,"seq":1,"v":{}'):
            yield ('{"v":1,' + fields.replace("{}", number) + "}").encode()


def mangled(payload: bytes, dice: Dice) -> bytes:
    """`payload` cut short, or with bytes changed, left out, put in or moved."""
    kind, at = dice.below(5), dice.below(len(payload))
    length = 1 + dice.below(8)
    if kind == 0:
        return payload[:at]
    if kind == 1:
        return payload[:at] + dice.noise(length) + payload[at + length :]
    if kind == 2:
        return payload[:at] + payload[at + length :]
    if kind == 3:
        return payload[:at] + dice.noise(length) + payload[at:]
    return payload[at:] + payload[:at]


def payloads(seed: int, count: int, signed: bytes) -> "Iterator[bytes]":  # noqa: F821
    """All of FIXED and `numbers`, and `count` more: noise, and `signed` mangled."""
    dice = Dice(seed)
    yield from FIXED
    yield from numbers()
    for i in range(count):
        yield dice.noise(dice.below(200)) if i % 4 == 0 else mangled(signed, dice)
