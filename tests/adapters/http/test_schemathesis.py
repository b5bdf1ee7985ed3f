"""Whatever is sent to an endpoint, it answers as described: no fault of the node, no untold status."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.python import asgi

from keepclear.core.intents import ItemId
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, Described, Served, body_of, operation, path_of, serving
from tests.strategies import intent, volumes

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLE_COUNT = 200 if os.environ.get("KEEPCLEAR_TESTS") == "thorough" else 25
ITEM_ID = "R7"
VERSIONS = ('"1"', "*", '"', "1", "\xff", "")


Draw = Callable[[st.SearchStrategy[Any]], Any]


class Sender:
    """Sends cases to a node, and holds the answers against the description."""

    def __init__(self, served: Served, client: Any) -> None:
        load_all_checks()
        self.checks = [CHECKS.get_one(name) for name in CHECKED]
        self.client = client
        self.headers = {"Authorization": f"Bearer {served.tokens[Role.ADMINISTRATOR]}"}

    def send(self, case: Any) -> None:
        response = case.call(base_url="http://127.0.0.1:8421", session=self.client, headers=self.headers)
        case.validate_response(response, checks=self.checks)
        assert response.status_code < 500, (case.operation.label, response.status_code, response.text)


@contextlib.contextmanager
def client_of(served: Served) -> Iterator[Any]:
    """Return a client of the node in this process."""
    try:
        with asgi.get_client(served.running.app) as client:
            yield client
    finally:
        asgi.shutdown_lifespans()


def aim(draw: Draw, case: Any, served: Served) -> None:
    """Aim some cases at the item that there is, as it stands: chance alone would never meet it."""
    if case.path_parameters and draw(st.booleans()):
        case.path_parameters["id"] = ITEM_ID
    if case.method in ("PUT", "PATCH", "DELETE") and draw(st.booleans()):
        version = f'"{current_version(served)}"'
        case.headers["If-Match"] = draw(st.one_of(st.just(version), st.sampled_from(VERSIONS)))
    if isinstance(case.body, dict) and draw(st.booleans()):
        fill(draw, case)


def current_version(served: Served) -> int:
    """Return the version of the item, which is declared again where it is over."""
    record = served.running.node.store.record(ItemId(ITEM_ID))
    if record is None or record.is_withdrawn:
        served.declare(operation(ITEM_ID))
    elif record.is_over:
        served.ask("DELETE", path_of(ITEM_ID), headers={"If-Match": f'"{record.version}"'})
        served.declare(operation(ITEM_ID))
    record = served.running.node.store.record(ItemId(ITEM_ID))
    assert record is not None
    return record.version


def fill(draw: Draw, case: Any) -> None:
    """Put what makes sense into a body beside what chance put there: no schema has the rules of geometry."""
    whole = body_of(intent(ITEM_ID, draw(volumes()), party=PARTY))
    match case.operation.path:
        case "/v1/items/{id}" if case.method == "PUT" and case.media_type == "application/json":
            case.body = whole
            case.path_parameters["id"] = ITEM_ID
        case "/v1/query":
            case.body["area"] = whole["volumes"][0]
        case "/v1/check":
            case.body["item"] = whole
        case "/v1/resolve":
            case.body["item"] = whole
            case.body.pop("id", None)


def send_whatever(endpoint: Any, mode: schemathesis.GenerationMode, served: Served, sender: Sender) -> None:
    """Send cases of one operation."""

    @given(data=st.data())
    @settings(
        max_examples=EXAMPLE_COUNT,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        deadline=None,
    )
    def law(data: st.DataObject) -> None:
        case = data.draw(endpoint.as_strategy(generation_mode=mode))
        aim(data.draw, case, served)
        sender.send(case)

    with contextlib.suppress(Unsatisfiable):  # nothing that it takes can be wrong
        law()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_is_answered_as_described(
    tmp_path: Path, described: Described, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(described.document)
    with serving(tmp_path, described, is_started=False) as served, client_of(served) as client:
        served.declare(operation(ITEM_ID))
        served.declare(operation("N1", party=OTHER), token=served.foreign_token)
        sender = Sender(served, client)
        for found in schema.get_all_operations():
            endpoint = found.ok()
            if endpoint.path != "/v1/stream":  # it would never end; test_stream.py has it
                send_whatever(endpoint, mode, served, sender)
