"""A page that lists the API: plain HTML made from its OpenAPI description, with nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from vibdash.access.proxies import prefix_of

OPENAPI_URL = "/api/v1/openapi.json"
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Vibnode API</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark; } body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
padding: 0 1rem; } code, pre { font: 14px/1.5 ui-monospace, monospace; } td { padding: .1rem 1rem .1rem 0;
vertical-align: top; } h2 { margin: 2rem 0 0; font-size: 1rem; } p { margin: .2rem 0; }</style>
"""


def make_api_page_router(app: FastAPI) -> APIRouter:
    """Return the route /api/."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api/", response_class=HTMLResponse)
    def api_page(request: Request) -> str:
        return describe(app.openapi(), prefix_of(request.scope))

    return router


def describe(schema: dict[str, Any], prefix: str = "") -> str:
    """Return the page for an OpenAPI description, below a path."""
    calls = [
        _describe_call(method, path, call)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    ]
    link = f'<a href="{escape(prefix)}{OPENAPI_URL}">OpenAPI</a>'
    about = f"{escape(schema['info']['description'])} Described for programs in {link}."
    return f"{_HEAD}<h1>API</h1><p>{about}</p>{''.join(calls)}</html>"


def _describe_call(method: str, path: str, call: dict[str, Any]) -> str:
    rows = [_describe_parameter(one) for one in call.get("parameters", ())]
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in body:
        rows.append(f"<tr><td>body<td>JSON, {escape(body['$ref'].rpartition('/')[2])}")
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    heading = f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
    return f"{heading}<p>{escape(call.get('summary', ''))}</p>{table}"


def _describe_parameter(one: dict[str, Any]) -> str:
    limits = {name: value for name, value in one["schema"].items() if name not in ("title", "anyOf", "$ref")}
    needed = "" if one.get("required") else "optional"
    told = ", ".join([*filter(None, [needed]), *(f"{name} {value}" for name, value in limits.items())])
    return f"<tr><td><code>{escape(one['name'])}</code><td>{escape(told)}"
