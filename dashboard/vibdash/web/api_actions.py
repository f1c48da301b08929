"""What a script may do about alerts, with the rights of its user: acknowledge, shelve, comment, strike out."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from vibdash.access.accounts import Account, Role
from vibdash.read.operating import LONGEST_COMMENT, LONGEST_SHELVING_MS, Operations, Refused

LAST_ID = 2**53
MOST_AT_ONCE = 1000
TAG = "Acting"

Ids = Annotated[list[Annotated[int, Field(ge=1, le=LAST_ID, strict=True)]], Field(max_length=MOST_AT_ONCE)]


class Chosen(BaseModel):
    """Which alerts, by the id of the inbox."""

    model_config = ConfigDict(extra="forbid")
    ids: Ids


class Shelving(Chosen):
    """Which alerts, and for how long they are put aside."""

    for_ms: Annotated[int, Field(ge=1, le=LONGEST_SHELVING_MS, strict=True)]


class Comment(BaseModel):
    """What is to be written down."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMENT)]


class Changed(BaseModel):
    """How many alerts were changed; the others were so already, or are not there."""

    changed: int


def _operator(request: Request) -> Account:
    account: Account = request.state.account
    if not account.may(Role.OPERATOR):
        raise HTTPException(403, f"{account.name} is a {account.role}; accepted: an operator")
    return account


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no JSON"},
    403: {"description": "Not an operator"},
    503: {"description": "Not done: the database does not take it now"},
}
Operator = Annotated[Account, Depends(_operator)]


def make_actions_router(operations: Operations) -> APIRouter:
    """Return the routes, writing through these operations."""
    router = APIRouter(prefix="/api/v1/inbox", tags=[TAG], responses=_REFUSALS)

    @router.post("/acknowledge", summary="Acknowledge alerts")
    def acknowledge(chosen: Chosen, who: Operator) -> Changed:
        return Changed(changed=operations.acknowledge(chosen.ids, who.name, _now_ms()))

    @router.post("/shelve", summary="Put alerts aside for a time")
    def shelve(shelving: Shelving, who: Operator) -> Changed:
        return Changed(changed=operations.shelve(shelving.ids, shelving.for_ms, who.name, _now_ms()))

    @router.post("/unshelve", summary="Bring shelved alerts back")
    def unshelve(chosen: Chosen, who: Operator) -> Changed:
        return Changed(changed=operations.unshelve(chosen.ids, who.name, _now_ms()))

    @router.post("/{id}/comment", summary="Comment on an alert", responses={409: {"description": "Refused"}})
    def comment(id: Annotated[int, Path(ge=1, le=LAST_ID)], comment: Comment, who: Operator) -> Changed:
        try:
            operations.comment(id, comment.text, who.name, _now_ms())
        except Refused as error:
            raise HTTPException(409, str(error)) from None
        return Changed(changed=1)

    @router.post(
        "/journal/{entry}/strike",
        summary="Strike a comment out; it stays readable",
        responses={409: {"description": "Refused"}},
    )
    def strike(entry: Annotated[int, Path(ge=1, le=LAST_ID)], who: Operator) -> Changed:
        try:
            operations.strike(entry, who.name, _now_ms())
        except Refused as error:
            raise HTTPException(409, str(error)) from None
        return Changed(changed=1)

    return router


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
