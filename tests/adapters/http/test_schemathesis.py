"""Whatever is sent to an endpoint, it answers as described: no fault of the node, no status that is not told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.python import asgi

from keepclear.adapters.settings import LimitSettings
from keepclear.node.access import Role
from tests.adapters.http.served import Described, Served, body_of, operation, serving

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLE_COUNT = 200 if os.environ.get("KEEPCLEAR_TESTS") == "thorough" else 25
ITEM_ID = "R7"
VERSIONS = ('"1"', '"2"', "*", '"', "1", "\xff", "")


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


def aimed(draw: st.DrawFn, case: Any) -> Any:
    """Aim some cases at the item that there is, and at its versions: chance alone would miss it."""
    if case.path_parameters and draw(st.booleans()):
        case.path_parameters["id"] = ITEM_ID
        if isinstance(case.body, dict):
            case.body["id"] = ITEM_ID
    if case.method in ("PUT", "PATCH", "DELETE") and draw(st.booleans()):
        case.headers["If-Match"] = draw(st.sampled_from(VERSIONS))
    return case


@st.composite
def cases(draw: st.DrawFn, endpoint: Any, mode: schemathesis.GenerationMode) -> Any:
    """Draw a case of an operation."""
    return aimed(draw, draw(endpoint.as_strategy(generation_mode=mode)))


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_is_answered_as_described(
    tmp_path: Path, described: Described, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(described.document)
    limits = LimitSettings(streams=10_000)
    with (
        serving(tmp_path, described, limits=limits, is_started=False) as served,
        client_of(served) as client,
    ):
        served.declare(body_of(operation(ITEM_ID)))
        sender = Sender(served, client)
        for found in schema.get_all_operations():
            endpoint = found.ok()
            if endpoint.path == "/v1/stream":  # it would never end; test_stream.py has it
                continue

            @given(case=cases(endpoint, mode))
            @settings(
                max_examples=EXAMPLE_COUNT,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
                derandomize=True,
                deadline=None,
            )
            def law(case: Any) -> None:
                sender.send(case)

            with contextlib.suppress(Unsatisfiable):  # nothing that it takes can be wrong
                law()
