"""The client of a node: what it sends, what it makes of answers, what it sends again, and what it keeps."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepclear.adapters.http import client as client_module
from keepclear.adapters.http.client import (
    RETRY_COUNT,
    NodeAnswerError,
    NodeClient,
    NodeRefusedError,
    NodeUnreachableError,
)
from keepclear.codec import geojson
from keepclear.codec.reading import ReadSettings
from keepclear.core.conflicts import Buffer
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent
from tests.strategies import intent, square, volume

URL = "http://127.0.0.1:8421"
TOKEN = "kc_very-secret"
R7 = intent("R7", volume(square(35.0, 36.0, 500.0)), party="relief")
RECORD: dict[str, Any] = {
    "item": {"id": "R7"},
    "version": 3,
    "seq": 17,
    "standing": "clear",
    "by": {"party": "relief", "person": "Dana"},
    "at": "2026-05-01T10:00:00Z",
    "withdrawn": False,
}
ANSWER = {"answer": "clear", "findings": [], "total": 0, "next": None, "checked": {"operations": 1}}

Reply = httpx2.Response | Exception


def outcome(item_id: str = "R7") -> httpx2.Response:
    return httpx2.Response(200, json={"record": {**RECORD, "item": {"id": item_id}}, "findings": []})


class Node:
    """Answers what it was told to, one after the other, and keeps what it was asked."""

    def __init__(self, *replies: Reply | Callable[[], Reply]) -> None:
        self.replies = list(replies)
        self.asked: list[httpx2.Request] = []
        self.waited_s: list[float] = []

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        reply = self.replies.pop(0)
        if callable(reply):
            reply = reply()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, url: str = URL, token: str | None = TOKEN) -> NodeClient:
        transport = httpx2.MockTransport(self.handle)
        return NodeClient(url, token, transport=transport, sleep=self.waited_s.append)


# -- what is sent -----------------------------------------------------------------------------------


def test_the_session_tells_who_one_is() -> None:
    node = {"party": "north", "name": "N", "conflicts": "refuse", "is_demonstration": False, "version": "1"}
    session = {"party": "relief", "person": "Dana", "role": "viewer", "csrf": "x", "node": node}
    server = Node(
        httpx2.Response(200, json={**session, "now": "2026-05-01T10:00:00Z", "speed": 1, "seq": 17})
    )
    with server.client() as client:
        told = client.session()
    assert (told.party, told.role, told.node.name, told.now.year) == ("relief", "viewer", "N", 2026)
    (request,) = server.asked
    assert (request.method, str(request.url)) == ("GET", f"{URL}/v1/session")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_declaration_is_sent_as_geojson_that_reads_as_the_same_item() -> None:
    server = Node(outcome())
    assert server.client().declare(R7).record.version == 3
    (request,) = server.asked
    assert (request.method, request.url.path) == ("PUT", "/v1/items/R7")
    assert request.headers["Content-Type"] == "application/geo+json"
    assert request.headers["If-None-Match"] == "*"
    (placed,) = geojson.decode(request.content, "sent", ReadSettings()).placed
    assert placed.item == R7


def test_an_amendment_names_the_version_that_it_replaces() -> None:
    server = Node(outcome())
    server.client().amend(R7, 3)
    assert server.asked[0].headers["If-Match"] == '"3"'
    assert "If-None-Match" not in server.asked[0].headers


def test_withdrawing_and_changing_state_name_the_version() -> None:
    server = Node(outcome(), outcome())
    client = server.client()
    client.withdraw("R7", 3)
    client.change_state("R7", IntentEvent.LEAVE_VOLUMES, 4)
    withdrawn, changed = server.asked
    assert (withdrawn.method, withdrawn.headers["If-Match"]) == ("DELETE", '"3"')
    assert (changed.method, changed.headers["If-Match"]) == ("PATCH", '"4"')
    assert json.loads(changed.content) == {"event": "leave volumes"}


@pytest.mark.parametrize(
    ("item_id", "path"),
    [
        ("relief/airlift-1", b"relief%2Fairlift-1"),
        ("..", b"%2E%2E"),
        (".", b"%2E"),
        ("a/../b", b"a%2F..%2Fb"),
        ("50%?#", b"50%25%3F%23"),
        ("été", b"%C3%A9t%C3%A9"),
    ],
)
def test_an_id_stays_one_segment_of_the_path_whatever_it_holds(item_id: str, path: bytes) -> None:
    server = Node(httpx2.Response(200, json={**RECORD, "item": {"id": item_id}}))
    assert server.client().item(item_id).item["id"] == item_id
    assert server.asked[0].url.raw_path == b"/v1/items/" + path


@pytest.mark.parametrize("item_id", ["", "a\nb", "\udcff"])
def test_what_is_no_id_is_not_asked_for(item_id: str) -> None:
    server = Node()
    with pytest.raises(InvalidValueError, match="printable"):
        server.client().withdraw(item_id, 1)
    assert server.asked == []


def test_a_path_before_the_api_is_kept() -> None:
    server = Node(httpx2.Response(200, json=RECORD))
    server.client("https://north.example/keepclear/").item("R7")
    assert str(server.asked[0].url) == "https://north.example/keepclear/v1/items/R7"


def test_items_come_page_after_page() -> None:
    other = {**RECORD, "item": {"id": "R8"}}
    server = Node(
        httpx2.Response(200, json={"items": [RECORD], "next": "R7", "seq": 17, "now": "x"}),
        httpx2.Response(200, json={"items": [other], "next": None, "seq": 17, "now": "x"}),
    )
    found = server.client().items(party="relief", include_ended=True)
    assert [record.item["id"] for record in found] == ["R7", "R8"]
    first, second = (dict(request.url.params) for request in server.asked)
    assert first == {"party": "relief", "include": "ended", "limit": "500"}
    assert second == {**first, "after": "R7"}


def test_a_page_that_leads_to_itself_is_a_fault_not_a_loop() -> None:
    page = {"items": [], "next": "R7"}
    server = Node(httpx2.Response(200, json=page), httpx2.Response(200, json=page))
    with pytest.raises(NodeAnswerError, match="a page leads to itself"):
        list(server.client().items())


def test_a_check_and_a_resolution_are_asked_for_with_the_gap_to_leave() -> None:
    server = Node(*(httpx2.Response(200, json=ANSWER) for _ in range(4)))
    client = server.client()
    assert client.check({"id": "X"}, buffer=Buffer(lateral_m=5.0)).answer == "clear"
    client.resolve("R7", limits={"time_s": 60})
    client.resolve({"id": "X"})
    asked = [json.loads(request.content) for request in server.asked]
    gap = {"lateral_m": 5.0, "vertical_m": 0.0, "time_s": 0.0}
    assert asked == [
        {"item": {"id": "X"}, "buffer": gap},
        {"id": "R7", "limits": {"time_s": 60}},
        {"item": {"id": "X"}},
    ]


def test_conflicts_and_events_go_on_where_they_were_left() -> None:
    events = {"events": [{"seq": 18, "kind": "amended", "record": RECORD}], "next": 18}
    server = Node(httpx2.Response(200, json=ANSWER), httpx2.Response(200, json=events))
    client = server.client()
    assert client.conflicts(limit=5, after="c").total == 0
    page = client.read_events(17, limit=9)
    assert ([event.seq for event in page.events], page.next) == ([18], 18)
    asked = [(request.url.path, dict(request.url.params)) for request in server.asked]
    assert asked == [
        ("/v1/conflicts", {"limit": "5", "after": "c"}),
        ("/v1/events", {"after": "17", "limit": "9"}),
    ]


# -- answers ----------------------------------------------------------------------------------------


def test_a_refusal_carries_what_the_node_tells() -> None:
    told = {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "it conflicts with 'A'",
        "problems": [{"field": "id", "reason": "it is taken"}],
        "findings": [{"verdict": "conflict"}],
        "record": RECORD,
    }
    with pytest.raises(NodeRefusedError) as caught:
        Node(httpx2.Response(409, json=told)).client().amend(R7, 1)
    error = caught.value
    assert str(error) == "the node refused (409): it conflicts with 'A'; id: it is taken"
    assert error.findings == ({"verdict": "conflict"},)
    assert error.record is not None
    assert error.record.version == 3


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        (httpx2.Response(502, text="<html>"), "Bad Gateway"),
        (httpx2.Response(400, json=[1]), "Bad Request"),
        (httpx2.Response(499, text=""), "it does not say why"),
        (httpx2.Response(400, text="[" * 100_000), "Bad Request"),
        (
            httpx2.Response(307, headers={"Location": "http://evil.example/"}),
            "it leads elsewhere; give the address",
        ),
    ],
)
def test_a_refusal_by_what_is_no_node_is_told_too(response: httpx2.Response, detail: str) -> None:
    server = Node(response)
    with pytest.raises(NodeRefusedError, match=detail):
        server.client().session()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json={}),
        httpx2.Response(200, json={**RECORD, "version": "3"}),
        httpx2.Response(200, json={**RECORD, "at": "2026-05-01T10:00:00"}),
        httpx2.Response(200, json={**RECORD, "item": {"id": "R8"}}),
    ],
)
def test_an_answer_that_is_none_is_a_fault(response: httpx2.Response) -> None:
    with pytest.raises(NodeAnswerError, match="no answer of a Keepclear node"):
        Node(response).client().item("R7")


def test_a_field_that_a_newer_node_adds_is_passed_over() -> None:
    assert Node(httpx2.Response(200, json={**RECORD, "seen_by": []})).client().item("R7").seq == 17


def test_an_answer_over_the_limit_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.dumps(RECORD).encode()
    monkeypatch.setattr(client_module, "ANSWER_BYTES_MAX", len(data))
    assert Node(httpx2.Response(200, content=data)).client().item("R7").seq == 17
    with pytest.raises(NodeAnswerError, match="over the limit"):
        Node(httpx2.Response(200, content=data + b" ")).client().item("R7")


def test_an_answer_that_cannot_be_decoded_is_a_fault() -> None:
    def reply() -> httpx2.Response:
        stream = httpx2.ByteStream(b"no gzip")
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)

    with pytest.raises(NodeAnswerError, match="cannot be decoded"):
        Node(reply).client().session()


# -- sending again ----------------------------------------------------------------------------------

LOST: list[Reply] = [
    httpx2.ReadTimeout("slow"),
    httpx2.ReadError("reset"),
    httpx2.RemoteProtocolError("closed"),
    httpx2.WriteError("reset"),
]


@pytest.mark.parametrize("fault", [*LOST, httpx2.ConnectError("refused"), httpx2.Response(503)], ids=repr)
def test_a_declaration_whose_answer_was_lost_is_sent_again_alike(fault: Reply) -> None:
    server = Node(fault, fault, outcome())
    assert server.client().declare(R7).record.version == 3
    assert len({(request.method, str(request.url), request.content) for request in server.asked}) == 1
    assert all(request.headers["If-None-Match"] == "*" for request in server.asked)
    assert server.waited_s == [0.25, 0.5]


def test_at_the_limit_of_sending_again_the_fault_is_raised() -> None:
    server = Node(*[httpx2.ConnectError("refused")] * (RETRY_COUNT + 1))
    with pytest.raises(NodeUnreachableError, match="it cannot be reached: refused") as caught:
        server.client().declare(R7)
    assert not caught.value.is_outcome_unknown
    assert len(server.waited_s) == RETRY_COUNT
    server = Node(*[httpx2.Response(503, json={"detail": "busy"})] * (RETRY_COUNT + 1))
    with pytest.raises(NodeRefusedError, match=r"\(503\): busy"):
        server.client().declare(R7)
    assert server.replies == []


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_change_of_a_version_is_not_sent_again_once_it_may_have_arrived(fault: Reply) -> None:
    server = Node(fault)
    with pytest.raises(NodeUnreachableError, match="whether it did what was asked is not known") as caught:
        server.client().amend(R7, 3)
    assert caught.value.is_outcome_unknown


def test_a_change_that_surely_was_not_sent_is_sent_again() -> None:
    server = Node(httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"), outcome())
    assert server.client().withdraw("R7", 3).record.seq == 17


@pytest.mark.parametrize("ask", [lambda c: c.session(), lambda c: c.check({}), lambda c: c.resolve("R7")])
def test_what_only_asks_is_sent_again_and_leaves_nothing_unknown(ask: Callable[[NodeClient], Any]) -> None:
    server = Node(*[httpx2.ReadTimeout("slow")] * (RETRY_COUNT + 1))
    with pytest.raises(NodeUnreachableError, match=r"it does not answer in time$") as caught:
        ask(server.client())
    assert not caught.value.is_outcome_unknown
    assert server.replies == []


def test_a_certificate_that_is_not_trusted_is_told_at_once() -> None:
    server = Node(httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    with pytest.raises(NodeUnreachableError, match="not trusted; name the authority's with --ca-file"):
        server.client().session()
    assert server.waited_s == []


def test_a_port_on_which_nothing_listens_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        waited_s: list[float] = []
        with NodeClient(url, TOKEN, sleep=waited_s.append) as client, pytest.raises(NodeUnreachableError):
            client.session()
    assert len(waited_s) == RETRY_COUNT


# -- the token and the address ----------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://north.example:8421", "http://192.0.2.1", "http://localhost.example"])
def test_a_token_is_not_sent_in_the_clear_to_another_machine_unless_asked(url: str) -> None:
    with pytest.raises(InvalidValueError, match="the token could be read on its way") as caught:
        NodeClient(url, TOKEN)
    assert TOKEN not in str(caught.value)
    NodeClient(url, TOKEN, allow_plaintext=True).close()
    NodeClient(url, None).close()


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "https://north.example"])
def test_a_token_goes_to_the_loopback_and_over_tls(url: str) -> None:
    NodeClient(url, TOKEN).close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "north.example",
        "ftp://a",
        "http://",
        "https://a:99999",
        "https://u:pass@a",
        "https://a/?b",
        "https://a/#b",
    ],
)
def test_what_is_no_url_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError, match="node: ") as caught:
        NodeClient(url, TOKEN)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "kc_a b", "kc_a\nX: y", "kc_é"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidValueError, match="token: it holds something else than a token") as caught:
        NodeClient(URL, token)
    assert "kc_" not in str(caught.value)


def test_the_token_stands_in_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Node(httpx2.Response(401, json={"detail": "who are you?"}), httpx2.WriteError("reset"))
    client = server.client()
    with pytest.raises(NodeRefusedError) as refused:
        client.session()
    with pytest.raises(NodeUnreachableError) as unreachable:
        client.amend(R7, 1)
    for text in (repr(client), str(refused.value), str(unreachable.value), caplog.text):
        assert TOKEN not in text


def test_without_a_token_none_is_sent() -> None:
    server = Node(httpx2.Response(401))
    with pytest.raises(NodeRefusedError):
        server.client(token=None).session()
    assert "Authorization" not in server.asked[0].headers


def test_no_proxy_of_the_environment_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.socket() as unused:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        proxy.setblocking(False)
        unused.bind(("127.0.0.1", 0))
        client = NodeClient(f"http://127.0.0.1:{unused.getsockname()[1]}", TOKEN, sleep=lambda _: None)
        with client, pytest.raises(NodeUnreachableError):
            client.session()
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_authorities_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name, reason in (("none.pem", "it cannot be read"), ("empty.pem", "it holds no certificate")):
        with pytest.raises(InvalidValueError, match=reason):
            NodeClient(URL, TOKEN, ca_file=str(tmp_path / name))
