"""What is usual for a sensor: the healthy baseline as it told it, and the frequencies of its machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vibdash.protocol.commands import RECORDED
from vibdash.read.machines import Machine, Machines
from vibdash.read.replies import ReplyReader


@dataclass(frozen=True)
class Reference:
    """`usual` holds the baseline's median of each feature by name, on the scales of SPEC.md 1.2."""

    usual: dict[str, int] = field(default_factory=dict)
    told_at_ms: int | None = None
    machine: Machine = field(default_factory=Machine)


class References:
    """Reads references. The baseline is known from the answer to the command `baseline`."""

    def __init__(self, replies: ReplyReader, machines: Machines) -> None:
        self._replies = replies
        self._machines = machines

    def of(self, site: str, device: str) -> Reference:
        """Return what is usual for a sensor; a baseline told before the sensor was to learn anew is out of date."""
        machine = self._machines.of(site, device)
        answers = self._replies.answered(site, device, "baseline", limit=8)
        told = [one for one in answers if not one[2][0].get("last")]
        changes = [self._replies.answered(site, device, cmd, limit=1) for cmd in RECORDED]
        changed = max((one[0][0] for one in changes if one), default=0)
        if not told or changed > told[0][0]:
            return Reference(machine=machine)
        _, told_at_ms, parts = told[0]
        return Reference(_medians(parts), told_at_ms, machine)


def _medians(parts: list[dict[str, Any]]) -> dict[str, int]:
    found = {}
    for part in parts:
        names, median = part.get("names"), part.get("median")
        if isinstance(names, list) and isinstance(median, list):
            for name, level in zip(names, median, strict=False):
                if isinstance(name, str) and type(level) is int and abs(level) < 2**15:
                    found[name] = level
    return found
