"""Whatever is sent to an endpoint, it answers as described: no fault of the node, no untold status."""

from __future__ import annotations

import contextlib
import json
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

from keepclear.adapters.federation.links import LinkState
from keepclear.adapters.notary import DEED_TYPE
from keepclear.adapters.signing import SigningKey
from keepclear.codec.bundle import encode_bundle
from keepclear.codec.cards import encode_card
from keepclear.codec.jws import decode_jws
from keepclear.core.deeds import Acknowledgement, DutyChange, LineChange, MessagesSeen, Objection
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Code, Message, Nature, Position, Priority
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, Described, Served, body_of, operation, path_of, serving
from tests.adapters.http.spoken import Keys, Talk, ref, talking, words
from tests.strategies import NOON, intent, volumes

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLE_COUNT = 200 if os.environ.get("KEEPCLEAR_TESTS") == "thorough" else 25
ITEM_ID = "R7"
SPOKEN = tuple(
    f"/v1/{name}"
    for name in (
        "parties",
        "card",
        "keys",
        "logs",
        "bundles",
        "evidence",
        "links",
        "coordination",
        "had",
        "deeds",
        "negotiations",
        "agreements",
        "holds",
        "catalogue",
        "messages",
        "drafts",
        "suggestions",
        "channels",
        "drills",
        "paper",
        "picture-checks",
    )
)
"""Where the paths begin that need a log."""
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
    for name, known in (("id", ITEM_ID), ("party", OTHER), ("n", "2"), ("name", "winter")):
        if name in (case.path_parameters or {}) and draw(st.booleans()):
            case.path_parameters[name] = known
    if "party" in (case.query or {}) and draw(st.booleans()):
        case.query.update(party=OTHER, at="2026-05-01T12:00:00Z")
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


def send_whatever(
    endpoint: Any,
    mode: schemathesis.GenerationMode,
    served: Served,
    sender: Sender,
    also: Callable[[Draw, Any], None] = lambda *_: None,
) -> None:
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
        also(data.draw, case)
        sender.send(case)

    with contextlib.suppress(Unsatisfiable):  # nothing that it takes can be wrong
        law()


def speaking(draw: Draw, case: Any, talk: Talk) -> None:
    """Give what is signed, some of the time: chance alone would never sign anything."""
    deeds = (
        Acknowledgement(items=(ref(OTHER, "N1"),)),
        Objection(item=ref(OTHER, "N1"), reason="too low"),
        LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"),
        Message(
            code=Code.LINE_TEST,
            to=PartyId(OTHER),
            priority=Priority.ROUTINE,
            valid_until_ms=floor_ms(NOON) + 60_000,
            drill="winter",
        ),
        MessagesSeen(messages=(MessageRef(party=PartyId(OTHER), n=3),)),
        DutyChange(is_on=True),
    )
    if not draw(st.booleans()):
        return
    match case.operation.path:
        case "/v1/deeds":
            case.body = {"jws": talk.keys.deed(draw(st.sampled_from(deeds)))}
        case "/v1/keys":
            case.body = {"jws": talk.keys.granted(SigningKey.generate(), "Bo")}
        case "/v1/parties" if case.method == "POST":
            card = Keys(PartyId(draw(st.sampled_from(("south", OTHER, PARTY))))).card()
            case.body = {"card": encode_card(card), "words": words(card), "replace": draw(st.booleans())}
        case "/v1/bundles":
            case.body = encode_bundle(talk.peer.bundle())
        case "/v1/drafts":
            payload = decode_jws(talk.keys.deed(draw(st.sampled_from(deeds))), DEED_TYPE).payload
            fields = json.loads(payload)
            case.body = {name: fields[name] for name in fields if name not in ("v", "party", "t", "nonce")}
        case "/v1/suggestions":
            case.body = {"item": ITEM_ID, "other": f"{OTHER}:N1"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_to_a_node_with_keys_is_answered_as_described(
    tmp_path: Path, described: Described, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(described.document)
    with talking(tmp_path, described, is_started=False) as talk, client_of(talk.served) as client:
        talk.served.declare(operation(ITEM_ID))
        talk.peer.declare(operation("N1", party=OTHER))
        talk.peer.say(
            Message(
                code=Code.DISTRESS,
                to=PartyId(PARTY),
                fields=(
                    ("call_sign", "N1"),
                    ("nature", Nature.FIRE),
                    ("at", Position(latitude_e5=3_500_000, longitude_e5=3_600_000)),
                ),
                priority=Priority.DISTRESS,
                valid_until_ms=floor_ms(NOON) + 60_000,
            )
        )
        talk.exchange()
        talk.links.put(OTHER, LinkState.UP)
        sender = Sender(talk.served, client)
        for found in schema.get_all_operations():
            endpoint = found.ok()
            if endpoint.path.startswith(SPOKEN):
                send_whatever(endpoint, mode, talk.served, sender, lambda *given: speaking(*given, talk))


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
