"""The description of the service, OpenAPI 3.1, made from its endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from keepclear.adapters.http.dss.endpoints import DssEndpoint
from keepclear.codec.f3548 import dss_wire as wire
from keepclear.version import VERSION

_ABOUT: Final = (
    "A Discovery and Synchronization Service: ASTM F3548-21 strategic coordination, ASTM F3411-22a remote ID."
)
_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_NAME: Final = str.maketrans({"/": "_", ".": "_", "{": None, "}": None})
_REFUSED_ALWAYS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_REFUSED_WITH_BODY: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def describe(endpoints: Sequence[DssEndpoint]) -> bytes:
    """Return the description, JSON."""
    kinds = list(dict.fromkeys(k for e in endpoints for k in (e.body, e.answer) if k is not None))
    kinds += [kind for kind in (wire.Refusal, wire.AirspaceConflict) if kind not in kinds]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    told = {
        "openapi": "3.1.0",
        "info": {
            "title": "Keepclear DSS",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }
    return msgspec.json.encode(told)


def _operation(endpoint: DssEndpoint, schema_of: dict[Any, Any]) -> dict[str, Any]:
    always = _REFUSED_ALWAYS if endpoint.body is None else (*_REFUSED_ALWAYS, *_REFUSED_WITH_BODY)
    responses: dict[str, Any] = {
        str(int(endpoint.status)): _answer(endpoint.status, schema_of[endpoint.answer])
    }
    for status in sorted({*always, *endpoint.refusals}):
        is_conflict = status is HTTPStatus.CONFLICT and endpoint.body is wire.PutIntent
        kind = wire.AirspaceConflict if is_conflict else wire.Refusal
        responses[str(int(status))] = _answer(status, schema_of[kind])
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{endpoint.path.translate(_NAME)}",
        "parameters": [
            *[_parameter(name, "path", True) for name in _IN_PATH.findall(endpoint.path)],
            *[_parameter(name, "query", is_needed) for name, is_needed in endpoint.query],
        ],
        "responses": responses,
        "security": [{"token": []}],
    }
    if endpoint.scopes:
        operation["description"] = f"Needs the scope {' or '.join(endpoint.scopes)}."
    if endpoint.body is not None:
        content = {"application/json": {"schema": schema_of[endpoint.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameter(name: str, place: str, is_needed: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": is_needed, "schema": {"type": "string"}}


def _answer(status: HTTPStatus, schema: Any) -> dict[str, Any]:
    return {"description": status.phrase, "content": {"application/json": {"schema": schema}}}
