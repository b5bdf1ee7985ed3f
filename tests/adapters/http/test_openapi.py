"""The description of the API: valid, complete, and the same as what the node does."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from keepclear.adapters.http.endpoints import Endpoint, routes_of
from keepclear.node.access import Role
from tests.adapters.http.served import Described, Served

API_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"


def test_the_description_is_valid_openapi_3_1(described: Described) -> None:
    assert described.document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(described.document).validate()


def test_every_endpoint_is_described_and_nothing_else(served: Served) -> None:
    told = {
        (method.upper(), path)
        for path, operations in served.described.document["paths"].items()
        for method in operations
    }
    assert told == {(endpoint.method, endpoint.path) for endpoint in served.running.endpoints}


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(served: Served) -> None:
    names = []
    for endpoint in served.running.endpoints:
        operation = served.described.document["paths"][endpoint.path][endpoint.method.lower()]
        names.append(operation["operationId"])
        assert operation["summary"].endswith(".")
    assert len(set(names)) == len(names)


def test_who_may_ask_is_described(served: Served) -> None:
    for endpoint in served.running.endpoints:
        operation = served.described.document["paths"][endpoint.path][endpoint.method.lower()]
        if endpoint.role is None:
            assert operation["security"] == []
        else:
            assert operation["security"] == [{"token": []}, {"session": []}]
            assert endpoint.role.value in operation["description"]
            assert {"401", "403"} <= operation["responses"].keys()


def test_all_refusals_have_the_body_of_a_problem(served: Served) -> None:
    for endpoint in served.running.endpoints:
        operation = served.described.document["paths"][endpoint.path][endpoint.method.lower()]
        for status in endpoint.all_refusals:
            if status not in endpoint.answers:
                assert list(operation["responses"][str(status.value)]["content"]) == [
                    "application/problem+json"
                ]


def test_unknown_fields_are_refused_by_the_description_too(described: Described) -> None:
    schemas = described.document["components"]["schemas"]
    for name in ("CheckBody", "ResolveBody", "TracksBody", "TokenIssue", "SessionBody", "StateChange"):
        assert schemas[name]["additionalProperties"] is False, name


@pytest.mark.parametrize("path", ["/v1/session", "/v1/items/a", "/v1/tokens", "/v1/query", "/healthz"])
def test_a_method_that_a_path_does_not_have_is_refused(served: Served, path: str) -> None:
    for method in ("TRACE", "OPTIONS", "PURGE"):
        refused = served.client.request(method, path)
        assert refused.status_code == 405
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert method in refused.json()["detail"]


def test_the_routes_of_a_path_tell_all_its_methods(served: Served) -> None:
    node = served.running.node
    methods = {
        route.path: route.methods for route in routes_of(served.running.endpoints, node.gate, node.metrics)
    }
    assert methods["/v1/items/{id:path}"] == {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
    assert methods["/v1/session"] == {"GET", "HEAD", "POST", "DELETE"}


def test_a_method_that_is_refused_is_told_with_those_that_are_not(served: Served) -> None:
    allowed = served.client.post("/v1/items/a").headers["Allow"]
    assert set(allowed.split(", ")) == {"GET", "HEAD", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize("path", ["/v1/items/../session/", "/v1/conflicts/", "/healthz/"])
def test_a_path_that_there_is_not_leads_nowhere(served: Served, path: str) -> None:
    assert served.client.get(path, follow_redirects=False).status_code in (401, 404)


def test_head_is_answered_as_get_without_a_body(served: Served) -> None:
    for path in ("/v1/items", "/healthz", "/metrics"):
        head, get = served.ask("HEAD", path), served.ask("GET", path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


# -- the page ---------------------------------------------------------------------------------------


def told_endpoints() -> list[tuple[str, str]]:
    """Return what the page has headings of."""
    headings = re.findall(r"^### (.+)$", API_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        (method, path) for heading in headings for method, path in re.findall(r"`([A-Z]+) (/\S*)`", heading)
    ]


def section_of(endpoint: Endpoint) -> str:
    """Return what the page tells of an endpoint."""
    parts = re.split(r"^#{2,3} ", API_PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = [part for part in parts if f"`{endpoint.method} {endpoint.path}`" in part.splitlines()[0]]
    return found


def test_the_page_has_every_endpoint_once_and_no_other(served: Served) -> None:
    told = told_endpoints()
    assert sorted(told) == sorted((e.method, e.path) for e in served.running.endpoints)
    assert len(set(told)) == len(told)


def test_the_page_tells_of_each_endpoint_its_role_its_fields_and_its_statuses(served: Served) -> None:
    for endpoint in served.running.endpoints:
        text = section_of(endpoint)
        name = f"{endpoint.method} {endpoint.path}"
        role = "everybody" if endpoint.role is None else f"`{endpoint.role.value}`"
        assert f"For {role}." in text, name
        query = msgspec.structs.fields(endpoint.query)
        body = msgspec.structs.fields(endpoint.body) if endpoint.body is not None else ()
        for field in (*query, *body):
            assert f"`{field.encode_name}`" in text, (name, field.encode_name)
        for header in endpoint.headers:
            assert f"`{header}`" in text, (name, header)
        for media_type in endpoint.media_types:
            if media_type != "application/json":
                assert media_type in text, (name, media_type)
        statuses = {*endpoint.answers, *endpoint.refusals} - {
            HTTPStatus.OK,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        }
        for status in statuses:
            assert str(status.value) in text, (name, status)


def test_the_page_tells_every_status_that_there_is(served: Served) -> None:
    text = API_PAGE.read_text(encoding="utf-8")
    statuses = {status for endpoint in served.running.endpoints for status in endpoint.all_refusals}
    for status in statuses:
        assert f"| {status.value} |" in text
    assert all(role.value in text for role in Role)
