"""The description of the API, OpenAPI 3.1, made from the endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from keepclear.adapters.http import problems, wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.endpoints import BYTES, GEOJSON, JSON, Endpoint
from keepclear.adapters.http.gate import COOKIE
from keepclear.codec.f3548 import wire as f3548
from keepclear.version import VERSION

_ABOUT: Final = (
    "Declare operations and zones, find conflicts, resolve them. Times are RFC 3339, positions degrees on "
    "WGS84, heights metres above its ellipsoid."
)
_REF: Final = "#/components/schemas/{name}"


def describe(endpoints: Sequence[Endpoint]) -> bytes:
    """Return the description, JSON."""
    kinds = _kinds(endpoints)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Keepclear node",
                "version": VERSION,
                "description": _ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "session": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": COOKIE,
                        "description": "With the port that is asked behind it: `keepclear_session_8421`.",
                    },
                },
            },
        }
    )


def _kinds(endpoints: Sequence[Endpoint]) -> list[Any]:
    found: list[Any] = [wire.ProblemDetails]
    for endpoint in endpoints:
        found.extend((endpoint.query, endpoint.body, *endpoint.answers.values()))
        if JSON in endpoint.media_types and endpoint.body is None:
            found.append(f3548.Entry)
    unique: list[Any] = []
    for kind in found:
        if kind is not None and kind not in unique:
            unique.append(kind)
    return unique


def _operation(endpoint: Endpoint, schema_of: dict[Any, Any]) -> dict[str, Any]:
    problem = {"content": {problems.MEDIA_TYPE: {"schema": schema_of[wire.ProblemDetails]}}}
    refused = {str(int(s)): {"description": s.phrase, **problem} for s in endpoint.all_refusals}
    told = {}
    for status, kind in endpoint.answers.items():
        answer: dict[str, Any] = {"description": status.phrase}
        if kind is not None:
            answer["content"] = {endpoint.answer_type: {"schema": schema_of[kind]}}
        elif endpoint.answer_type != JSON:
            answer["content"] = {endpoint.answer_type: {"schema": {"type": "string"}}}
        if status < 300 and "If-Match" in endpoint.headers:
            answer["headers"] = {
                "ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}}
            }
        told[str(int(status))] = answer
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{endpoint.path.translate(_NAME)}",
        "parameters": _parameters(endpoint),
        "responses": {**refused, **told},
        "security": [] if endpoint.role is None else [{"token": []}, {"session": []}],
    }
    if endpoint.role is not None:
        operation["description"] = f"Needs the role {endpoint.role.value}."
    if endpoint.media_types:
        content = {kind: {"schema": _body_schema(kind, endpoint, schema_of)} for kind in endpoint.media_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_NAME: Final = str.maketrans({"/": "_", ".": "_", "{": None, "}": None})


def _body_schema(media_type: str, endpoint: Endpoint, schema_of: dict[Any, Any]) -> dict[str, Any]:
    match media_type:
        case kind if kind == BYTES:
            return {}
        case kind if kind == GEOJSON:
            return {"type": "object", "description": "A FeatureCollection that holds the one item."}
        case _:
            schema: dict[str, Any] = schema_of[endpoint.body or f3548.Entry]
            return schema


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in _IN_PATH.findall(endpoint.path):
        found.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    for name, about in endpoint.headers.items():
        found.append({"name": name, "in": "header", "description": about, "schema": {"type": "string"}})
    for field in msgspec.structs.fields(endpoint.query):
        schema = msgspec.json.schema(field.type)
        found.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    return found
