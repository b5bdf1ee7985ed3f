"""Whatever is sent to the service, it answers as described: no fault of it, no status that nobody told.

It is held to its own description, and, where the environment names the file of it in
`KEEPCLEAR_F3548_INTERFACE`, to the published interface of ASTM F3548-21 (`utm.yaml` of astm-utm/Protocol).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.python import asgi

from keepclear.adapters.http.dss.description import describe
from keepclear.node.dss.callers import Scope
from tests.dss import INTENTS, SUBSCRIPTIONS, Dss, constraint, intent, subscription, uuid, volume

CHECKED: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
EXAMPLE_COUNT: Final = 300 if os.environ.get("KEEPCLEAR_TESTS") == "thorough" else 30
TOKEN: Final = "Bearer uss1 " + " ".join(
    [*(scope.value for scope in Scope), "interuss.pool_status.read", "interuss.pool_status.heartbeat.write"]
)
INTERFACE: Final = os.environ.get("KEEPCLEAR_F3548_INTERFACE")
OTHERS: Final = {408, 413, 503}
"""What every server may say, whether an interface tells it or not."""
ALSO: Final = {("put", "/dss/v1/uss_availability/{uss_id}"): 409}
"""What the published interface leaves out, and its own tests ask for."""
load_all_checks()


@contextlib.contextmanager
def asked(dss: Dss) -> Iterator[Any]:
    try:
        with asgi.get_client(dss.application.app) as client:
            yield client
    finally:
        asgi.shutdown_lifespans()


def aim(draw: Callable[[st.SearchStrategy[Any]], Any], case: Any, dss: Dss) -> None:
    """Aim some cases at what is there, and give what makes sense: chance alone would never meet it."""
    names = case.path_parameters or {}
    for name in ("id", "entityid", "subscriptionid"):
        if name in names and draw(st.booleans()):
            names[name] = uuid(draw(st.integers(1, 3)))
    entity_id = str(names.get("id") or names.get("entityid") or names.get("subscriptionid"))
    if "ovn" in names and draw(st.booleans()):
        held = dss.ask("GET", f"{INTENTS}/{entity_id}", token=TOKEN)
        names["ovn"] = held.ovn if held.status == 200 else "0" * 22
    if "version" in names and draw(st.booleans()):
        found = dss.ask("GET", f"{SUBSCRIPTIONS}/{entity_id}", token=TOKEN)
        names["version"] = found.body["subscription"]["version"] if found.status == 200 else "a" * 26
    if isinstance(case.body, dict) and draw(st.booleans()):
        whole = {
            "operational_intent_references": intent(),
            "constraint_references": constraint(),
            "subscriptions": subscription(),
        }.get(case.operation.path.split("/")[3], {})
        if case.operation.path.endswith("/query"):
            whole = {"area_of_interest": volume()}
        case.body.update(draw(st.sampled_from([whole, *({name: whole[name]} for name in whole)])))


def send_whatever(
    endpoint: Any, mode: schemathesis.GenerationMode, check: Callable[[Any, Any], None]
) -> None:
    """Send cases of one operation to a service."""
    dss = Dss()
    dss.create(uuid(1), intent())
    dss.subscribe(uuid(1), subscription())
    with asked(dss) as client:

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
            aim(data.draw, case, dss)
            headers = {"Authorization": TOKEN} if data.draw(st.integers(0, 9)) else {}
            response = case.call(base_url="http://127.0.0.1:8082", session=client, headers=headers)
            assert response.status_code < 500, (case.operation.label, response.text)
            check(case, response)

        with contextlib.suppress(Unsatisfiable):  # nothing that it takes can be wrong
            law()


OWN = schemathesis.openapi.from_dict(json.loads(describe(Dss().application.endpoints)))
OWN_OPERATIONS = {op.ok().label: op.ok() for op in OWN.get_all_operations()}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", sorted(OWN_OPERATIONS))
def test_it_answers_as_it_describes_itself(label: str, mode: schemathesis.GenerationMode) -> None:
    checks = [CHECKS.get_one(name) for name in CHECKED]
    send_whatever(
        OWN_OPERATIONS[label], mode, lambda case, response: case.validate_response(response, checks=checks)
    )


def published() -> dict[str, Any]:
    """Return the operations of the published interface that a DSS has, by label; empty without its file."""
    if INTERFACE is None:
        return {}
    schema = schemathesis.openapi.from_path(Path(INTERFACE))
    found = (op.ok() for op in schema.get_all_operations())
    return {op.label: op for op in found if op.path.startswith("/dss/v1/")}


@pytest.mark.slow
@pytest.mark.skipif(INTERFACE is None, reason="KEEPCLEAR_F3548_INTERFACE names no file")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", sorted(published()))
def test_it_answers_as_the_published_interface_says(label: str, mode: schemathesis.GenerationMode) -> None:
    endpoint = published()[label]
    listed = {int(code) for code in endpoint.definition.raw["responses"]}
    listed |= OTHERS | {ALSO.get((endpoint.method, endpoint.path), 400)}

    def check(case: Any, response: Any) -> None:
        assert response.status_code in listed, (case.operation.label, response.status_code, response.text)

    send_whatever(endpoint, mode, check)
