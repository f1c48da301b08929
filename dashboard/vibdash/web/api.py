"""The fleet and its alerts for scripts: JSON, described by OpenAPI. Times are milliseconds since 1970-01-01 UTC."""

from __future__ import annotations

import dataclasses
import time
import typing
from bisect import bisect_right
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, create_model
from sqlalchemy.exc import SQLAlchemyError

from vibdash.database.opening import reason_of
from vibdash.read.alert_views import AlertView
from vibdash.read.fleet import Fleet, FleetReader
from vibdash.read.history import History, HistoryReader
from vibdash.read.host import Host, WorkView, describe_work
from vibdash.read.occurrences import Flood, JournalEntry, Occurrence, OccurrenceReader, State
from vibdash.read.sensors import SensorView, by_name, name_key
from vibdash.web.metrics import CONTENT_TYPE, Metrics

DAY_MS = 86_400_000
LAST_MS = 2**53  # the largest integers that every JSON reader keeps exact
LAST_ID = 2**53
TAG = "Reading"

AtMs = Annotated[int, Query(ge=0, le=LAST_MS)]
Id = Annotated[int, Path(ge=1, le=LAST_ID)]
NAME = "[a-z0-9][a-z0-9-]{0,31}"
Name = Annotated[str, Path(pattern=f"^{NAME}$")]
MOST_SENSORS = 500  # of a page
After = Annotated[str | None, Query(pattern=f"^{NAME}/{NAME}$", description="The `next` of the page before")]

SensorAnswer: Any = create_model(
    "Sensor",
    **typing.get_type_hints(SensorView),
    machine_level=str | None,
    instrument_level=str | None,
)


class Totals(BaseModel):
    """Bytes of all sensors."""

    bytes_sampled: int
    bytes_sent: int


class FleetAnswer(BaseModel):
    """Sensors at one moment; `silent_after_ms`: how long without a message makes a sensor silent.

    `next`: the `after` of the next page, null on the last. Totals are of all sensors.
    """

    now_ms: int
    silent_after_ms: int
    host: Host
    totals: Totals
    quarantined: int
    work: list[WorkView]
    next: str | None
    sensors: list[SensorAnswer]


class AlertsAnswer(BaseModel):
    """Alert events."""

    alerts: list[AlertView]


class InboxAnswer(BaseModel):
    """Alerts from raise to clear, the most urgent first; `flood`: more were raised of late than anybody can look at."""

    occurrences: list[Occurrence]
    flood: Flood | None


class JournalAnswer(BaseModel):
    """What was done about an alert, oldest first."""

    journal: list[JournalEntry]


class Well(BaseModel):
    """`ok`: the database can be read, the broker is connected, and nothing that this program does fails."""

    ok: bool


class Health(Well):
    """What is well and what is not."""

    database: str
    broker: str
    failing: list[str] = []


def make_router(reader: FleetReader, occurrences: OccurrenceReader, history: HistoryReader) -> APIRouter:
    """Return the routes, reading through these."""
    router = APIRouter(tags=[TAG])

    @router.get(
        "/api/v1/fleet", summary="Sensors as the page shows them, by name", response_model=FleetAnswer
    )
    def fleet(
        after: After = None, limit: Annotated[int, Query(ge=1, le=MOST_SENSORS)] = MOST_SENSORS
    ) -> dict[str, Any]:
        return fleet_json(reader.fleet(_now_ms()), after, limit)

    @router.get(
        "/api/v1/alerts", summary="The latest alert events, or with after_id the next ones, oldest first"
    )
    def alerts(
        site: str | None = None,
        device: str | None = None,
        after_id: Annotated[int | None, Query(ge=0, le=LAST_ID)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> AlertsAnswer:
        found = reader.alerts(
            limit=limit, after_id=after_id, site=_searchable(site), device_name=_searchable(device)
        )
        return AlertsAnswer(alerts=list(found))

    @router.get("/api/v1/inbox", summary="Alerts from raise to clear, with their state")
    def inbox(state: State | None = None) -> InboxAnswer:
        now_ms = _now_ms()
        found = [one for one in occurrences.all(now_ms) if state in (None, one.state)]
        return InboxAnswer(occurrences=found, flood=occurrences.flood(now_ms))

    @router.get("/api/v1/inbox/{id}/journal", summary="What was done about an alert")
    def journal(id: Id) -> JournalAnswer:
        return JournalAnswer(journal=list(occurrences.journal(id)))

    @router.get("/api/v1/sensors/{site}/{device}/history", summary="The course of a sensor")
    def course(
        site: Name, device: Name, since_ms: AtMs | None = None, until_ms: AtMs | None = None
    ) -> History:
        until = _now_ms() if until_ms is None else until_ms
        since = max(0, until - DAY_MS) if since_ms is None else min(since_ms, until)
        return history.read(site, device, since, until)

    kept = Metrics()

    @router.get("/metrics", summary="For Prometheus", response_class=Response, responses=_TEXT)
    def metrics() -> Response:
        now_ms = _now_ms()
        text = kept.text(reader.fleet(now_ms), occurrences.all(now_ms), occurrences.flood(now_ms))
        return Response(text, media_type=CONTENT_TYPE)

    def look(response: Response) -> Health:
        try:
            host, works = reader.health(_now_ms())
        except SQLAlchemyError as error:
            response.status_code = 503
            return Health(ok=False, database=reason_of(error), broker="unknown")
        failing = [describe_work(one) for one in works if one.failing]
        ok = host.connected and not failing
        response.status_code = 200 if ok else 503
        broker = "connected" if host.connected else host.detail
        return Health(ok=ok, database="readable", broker=broker, failing=failing)

    @router.get("/healthz", summary="Whether all is well here", responses={503: {"model": Well}})
    def healthz(response: Response) -> Well:
        return Well(ok=look(response).ok)

    @router.get("/api/v1/health", summary="What is well here", responses={503: {"model": Health}})
    def health(response: Response) -> Health:
        return look(response)

    return router


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def fleet_json(fleet: Fleet, after: str | None = None, limit: int = MOST_SENSORS) -> dict[str, Any]:
    """Return a page of a fleet as JSON values: so many sensors after that of this site and name, or the first ones."""
    first = 0 if after is None else bisect_right(fleet.sensors, name_key(*after.split("/")), key=by_name)
    listed = fleet.sensors[first : first + limit]
    more = first + limit < len(fleet.sensors)
    return {
        "now_ms": fleet.now_ms,
        "silent_after_ms": fleet.silent_after_ms,
        "host": dataclasses.asdict(fleet.host),
        "totals": {"bytes_sampled": fleet.bytes_sampled, "bytes_sent": fleet.bytes_sent},
        "quarantined": fleet.quarantined,
        "work": [dataclasses.asdict(one) for one in fleet.work],
        "next": "/".join(listed[-1].key) if more else None,
        "sensors": [_sensor_json(sensor) for sensor in listed],
    }


def _sensor_json(sensor: SensorView) -> dict[str, Any]:
    values = {name: getattr(sensor, name) for name in SensorView.__dataclass_fields__}
    return {**values, "machine_level": sensor.machine_level, "instrument_level": sensor.instrument_level}


def _searchable(name: str | None) -> str | None:
    """Return a name to search for; PostgreSQL has no text with NUL, so nothing can have such a name."""
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}") if name is not None else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
