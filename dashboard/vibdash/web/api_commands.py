"""What a script may ask of a sensor, with the rights of its user, and what was done to a machine."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from vibdash.access.accounts import Account, Role
from vibdash.commands.keys import CommandKeys
from vibdash.commands.queue import LONGEST_NOTE, Commander
from vibdash.protocol.commands import NotAccepted
from vibdash.protocol.messages import Sensor
from vibdash.read.drift import Drift, DriftReader
from vibdash.read.machines import Machines, Recorded
from vibdash.read.replies import CommandView, ReplyReader

TAG = "Commands"

Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]


class Asked(BaseModel):
    """A command of SPEC.md 3.4 with its own fields; `note`: for the machine's record, where it belongs in that."""

    model_config = ConfigDict(extra="forbid")
    cmd: Annotated[str, Field(min_length=1, max_length=32)]
    fields: dict[str, Any] = {}
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class Number(BaseModel):
    """The command's number."""

    id: int


class Commands(BaseModel):
    """The latest commands of a sensor, newest first."""

    commands: list[CommandView]


class Drifts(BaseModel):
    """How a machine moves slowly away from its baseline."""

    drifts: list[Drift]


class Record(BaseModel):
    """What was done to a machine and its baseline, newest first."""

    record: list[Recorded]


def _engineer(request: Request) -> Account:
    account: Account = request.state.account
    if not account.may(Role.ENGINEER):
        raise HTTPException(403, f"{account.name} is a {account.role}; accepted: an engineer")
    return account


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no JSON"},
    403: {"description": "Not an engineer"},
    409: {"description": "No device takes such a command, or this host has no key of this one"},
    503: {"description": "Not done: the database does not take it now"},
}


def make_commands_router(
    commander: Commander, keys: CommandKeys, replies: ReplyReader, machines: Machines, drifts: DriftReader
) -> APIRouter:
    """Return the routes, asking and reading through these."""
    router = APIRouter(prefix="/api/v1/sensors/{site}/{device}", tags=[TAG])

    @router.post("/commands", summary="Have a command sent to a sensor", responses=_REFUSALS)
    def ask(site: Name, device: Name, asked: Asked, who: Annotated[Account, Depends(_engineer)]) -> Number:
        sensor = Sensor(site, device)
        if not keys.has(sensor):
            raise HTTPException(409, f"device: {device}; accepted: one whose command key this host has")
        try:
            number = commander.ask(sensor, asked.cmd, asked.fields, who.name, _now_ms(), asked.note)
        except NotAccepted as error:
            raise HTTPException(409, str(error)) from None
        return Number(id=number)

    @router.get("/commands", summary="The latest commands to a sensor, and what became of them")
    def commands(site: Name, device: Name) -> Commands:
        return Commands(commands=list(replies.latest(site, device, _now_ms())))

    @router.get("/record", summary="What was done to a machine and its baseline")
    def record(site: Name, device: Name) -> Record:
        return Record(record=list(machines.record(site, device)))

    @router.get("/drift", summary="How a machine moves slowly, and when that is at the warning level")
    def drift(site: Name, device: Name) -> Drifts:
        return Drifts(drifts=list(drifts.of(site, device)))

    return router


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
