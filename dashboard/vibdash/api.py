"""The fleet and its alerts as JSON, for scripts. Times are milliseconds since 1970-01-01 UTC."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy.exc import SQLAlchemyError

from vibdash.fleet import Fleet, FleetReader, SensorView
from vibdash.metrics import CONTENT_TYPE, metrics_text
from vibdash.occurrences import OccurrenceReader, State


def make_router(reader: FleetReader, occurrences: OccurrenceReader) -> APIRouter:
    """Return the routes, reading through these."""
    router = APIRouter()

    @router.get("/api/v1/fleet")
    def fleet() -> dict[str, Any]:
        return fleet_json(reader.fleet(_now_ms()))

    @router.get("/api/v1/alerts")
    def alerts(
        site: str | None = None,
        device: str | None = None,
        after_id: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        found = reader.alerts(limit=limit, after_id=after_id, site=site, device_name=device)
        return {"alerts": [dataclasses.asdict(alert) for alert in found]}

    @router.get("/api/v1/inbox")
    def inbox(state: State | None = None) -> dict[str, Any]:
        found = [one for one in occurrences.all(_now_ms()) if state in (None, one.state)]
        return {"occurrences": [dataclasses.asdict(one) for one in found]}

    @router.get("/metrics")
    def metrics() -> Response:
        now_ms = _now_ms()
        text = metrics_text(reader.fleet(now_ms), occurrences.all(now_ms))
        return Response(text, media_type=CONTENT_TYPE)

    @router.get("/healthz")
    def healthz(response: Response) -> dict[str, Any]:
        try:
            host = reader.fleet(_now_ms()).host
        except SQLAlchemyError as error:
            response.status_code = 503
            return {"ok": False, "database": str(error).splitlines()[0], "broker": "unknown"}
        response.status_code = 200 if host.connected else 503
        broker = "connected" if host.connected else host.detail
        return {"ok": host.connected, "database": "readable", "broker": broker}

    return router


def fleet_json(fleet: Fleet) -> dict[str, Any]:
    """Return a fleet as JSON values."""
    return {
        "now_ms": fleet.now_ms,
        "silent_after_ms": fleet.silent_after_ms,
        "host": dataclasses.asdict(fleet.host),
        "totals": {"bytes_sampled": fleet.bytes_sampled, "bytes_sent": fleet.bytes_sent},
        "quarantined": fleet.quarantined,
        "sensors": [_sensor_json(sensor) for sensor in fleet.sensors],
    }


def _sensor_json(sensor: SensorView) -> dict[str, Any]:
    levels = {"machine_level": sensor.machine_level, "instrument_level": sensor.instrument_level}
    return {**dataclasses.asdict(sensor), **levels}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
