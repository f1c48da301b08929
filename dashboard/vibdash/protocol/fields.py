"""Typed access to the fields of a message: every refusal names the field, its value and what would be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

VERSION = 1
MAX_DEPTH = 5
BOOTS_OF_ONE_LIFE = 1000
_T = TypeVar("_T")


@dataclass(frozen=True)
class Identity:
    """What makes an alert this alert and no other, within one device."""

    boot: int
    seq: int
    oldest: int


def same_life(boot: int, other_boot: int) -> bool:
    """Return whether two boots of a device can lie between the same two losses of its flash."""
    return abs(boot - other_boot) < BOOTS_OF_ONE_LIFE


class Malformed(ValueError):
    """A message that cannot be taken. `identity` is set when the alert still says which one it is."""

    def __init__(self, reason: str, identity: Identity | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.identity = identity


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(one, levels - 1) for one in inner)


def shown(value: object) -> str:
    """Return a value as a refusal shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Fields:
    """A JSON object. Every method raises Malformed for a field that is missing or not as it says."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._message = message

    def has(self, name: str) -> bool:
        return self._message.get(name) is not None

    def _get(self, name: str) -> Any:
        if name not in self._message:
            raise Malformed(f"field {name} is missing")
        return self._message[name]

    def version(self) -> None:
        version = self._get("v")
        if type(version) is not int or version != VERSION:
            raise Malformed(f"v: {shown(version)}; accepted: {VERSION}")

    def integer(self, name: str, low: int, high: int) -> int:
        value = self._get(name)
        if type(value) is not int or not low <= value <= high:
            raise Malformed(f"{name}: {shown(value)}; accepted: an integer from {low} to {high}")
        return value

    def integer_or_none(self, name: str, low: int, high: int) -> int | None:
        return None if self._get(name) is None else self.integer(name, low, high)

    def integer_if_said(self, name: str, low: int, high: int) -> int | None:
        return self.integer(name, low, high) if self.has(name) else None

    def positive(self, name: str) -> float:
        value = self._get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 1e-3 <= value <= 1e9:
            raise Malformed(f"{name}: {shown(value)}; accepted: a number from 0.001 to 1e9")
        return float(value)

    def boolean(self, name: str) -> bool:
        value = self._get(name)
        if not isinstance(value, bool):
            raise Malformed(f"{name}: {shown(value)}; accepted: true or false")
        return value

    def text(self, name: str, longest: int) -> str:
        value = self._get(name)
        if not isinstance(value, str) or not value or len(value) > longest or not value.isprintable():
            raise Malformed(f"{name}: {shown(value)}; accepted: 1 to {longest} printable characters")
        return value

    def text_or_none(self, name: str, longest: int) -> str | None:
        return None if self._get(name) is None else self.text(name, longest)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._get(name)
        if not isinstance(value, str) or value not in choices:
            raise Malformed(f"{name}: {shown(value)}; accepted: one of {', '.join(choices)}")
        return value

    def choice_if_said(self, name: str, choices: tuple[str, ...]) -> str | None:
        return self.choice(name, choices) if self.has(name) else None

    def others(self, names: tuple[str, ...]) -> dict[str, Any]:
        others = {name: value for name, value in self._message.items() if name not in names}
        if _is_deeper(others, MAX_DEPTH):
            raise Malformed(f"nested deeper; accepted: {MAX_DEPTH} levels")
        return others

    def object_or_none(self, name: str) -> Fields | None:
        value = self._message.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Malformed(f"{name}: {shown(value)}; accepted: an object")
        return Fields(value)

    def items(self, name: str, most: int, parse_item: Callable[[object], _T]) -> tuple[_T, ...]:
        value = self._get(name)
        if not isinstance(value, list) or len(value) > most:
            raise Malformed(f"{name}: {shown(value)}; accepted: a list of at most {most}")
        return tuple(parse_item(item) for item in value)
