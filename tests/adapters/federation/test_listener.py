"""What the listener answers: to the node of a pinned party, to a stranger, and to an enemy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation import listener as listener_module
from keepclear.adapters.federation.allowance import (
    CLOCKS_APART_S_MAX,
    GREETING_S_MAX,
    REQUESTS_AT_ONCE,
)
from keepclear.adapters.federation.exchange import (
    PATH,
    RECEIPTS_AGAIN_S,
    REFUSED_FOR_S,
    Exchange,
    decode_request,
    encode_request,
)
from keepclear.adapters.federation.federation import peer_of
from keepclear.adapters.federation.links import Links
from keepclear.adapters.federation.listener import Listener
from keepclear.adapters.federation.tls import Pins
from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.memory import MemoryStore
from keepclear.codec.bundle import decode_bundle, encode_bundle
from keepclear.codec.hello import HELLO_BYTES_MAX, Hello
from keepclear.core.bundles import Bundle
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.times import floor_ms
from keepclear.node.give import bundle_for
from keepclear.node.ports import Actor
from keepclear.node.workbench import Workbench
from keepclear.testing.clock import ManualClock
from tests.adapters.federation.nodes import POLICY, Identity, known, operation, pin, saying_key
from tests.strategies import NOON

NORTH, SOUTH, EAST = PartyId("north"), PartyId("south"), PartyId("east")
NOON_MS = floor_ms(NOON)


class Caller:
    """North, without a node: it says what it likes to the listener of the south."""

    def __init__(self, who: Identity, key: SigningKey | None = None) -> None:
        self.who = who
        self.store = MemoryStore()
        pin(self.store, who.card(), is_own=True)
        self.notary = Notary(who.party, key or who.node)
        self.bench = Workbench(self.store, JsonForm(), POLICY, lambda: NOON, voice=who.voice())
        self.make(saying_key(who.grant))
        self._nonces = iter(f"nonce-{number:016}" for number in range(10_000))

    def make(self, change: Callable[..., Any]) -> None:
        (answer,) = self.bench.make([(Actor(party=self.who.party, person="Nils"), change)])
        if isinstance(answer, Exception):
            raise answer

    def declare(self, name: str) -> None:
        self.make(lambda declaring: declaring.declare(operation(name, self.who.party, NOON)))

    @property
    def size(self) -> int:
        assert self.bench.logs is not None
        return self.bench.logs[self.who.party].tree.size

    def bundle(self, first: int = 0) -> Bundle:
        assert self.bench.logs is not None
        return bundle_for(SOUTH, ((self.who.party, first),), self.bench.logs, self.store, NOON_MS)

    def hello(self, **changed: Any) -> Hello:
        usual = Hello(
            by=self.who.party,
            to=SOUTH,
            nonce=next(self._nonces),
            at_ms=NOON_MS,
            expires_ms=NOON_MS + 30_000,
            heads=((self.who.party, self.size), (SOUTH, 0)),
        )
        return replace(usual, **changed)

    def request(self, bundle: Bundle | None = None, **changed: Any) -> bytes:
        greeting = self.notary.write_hello(self.hello(**changed)).encode()
        return encode_request(greeting, b"" if bundle is None else encode_bundle(bundle))


class Office:
    """The listener of the south, which has pinned the north."""

    def __init__(self, who: Identity, others: list[Identity], store: MemoryStore | None = None) -> None:
        self.store, self.clock, self.now_s = store or MemoryStore(), ManualClock(NOON), 1_000.0
        if store is None:
            pin(self.store, who.card(), is_own=True)
            for other in others:
                pin(self.store, other.card())
        self.desk = Desk(self.store, JsonForm(), POLICY, self.clock.now, voice=who.voice())
        if store is None:
            self.desk.change(Actor(party=SOUTH, person="Sara"), saying_key(who.grant)).result(10.0)
        notary = Notary(who.party, who.node)
        self.links, pins = Links(), Pins()
        peers = [peer_of(known(other.card())) for other in others]
        self.links.keep(peers)
        pins.keep(peers)
        self.heard: list[PartyId] = []
        self.news_count = 0
        self.listener = Listener(
            exchange=Exchange(self.desk, notary, self.clock.now, lambda: self.now_s),
            notary=notary,
            links=self.links,
            pins=pins,
            monotonic=lambda: self.now_s,
            heard=self.heard.append,
            news=self._count_news,
        )
        self._certificate: bytes | None = others[0].card().certificate_der

    def _count_news(self) -> None:
        self.news_count += 1

    def call(
        self,
        body: bytes | AsyncIterator[bytes],
        *,
        certificate: bytes | None = b"north's",
        method: str = "POST",
        path: str = PATH,
    ) -> httpx2.Response:
        """Send a request as a server would hand it on that has seen a certificate."""
        app = self.listener.application()
        shown = self._certificate if certificate == b"north's" else certificate

        async def with_certificate(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": {"certificate": shown}}, receive, send)

        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(with_certificate, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="https://south") as client:
                return await client.request(method, path, content=body)

        return asyncio.run(send())

    def held(self, party: PartyId) -> int:
        return len(self.store.entries(party, 0, 1_000))


@pytest.fixture
def office(north: Identity, south: Identity) -> Iterator[Office]:
    office = Office(south, [north])
    with closing(office.desk):
        yield office


@pytest.fixture
def caller(north: Identity) -> Caller:
    return Caller(north)


def met(office: Office, caller: Caller) -> Bundle:
    """Have the north give its log, so that it is known afterwards; return what it was answered."""
    response = office.call(caller.request(caller.bundle()))
    assert response.status_code == 200, response.text
    return decode_bundle(response.content)


def refusal(response: httpx2.Response, status: int) -> str:
    """Return why a request was refused."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == status
    assert "Traceback" not in response.text
    return str(body["detail"])


# Taking and giving


def test_what_a_peer_gives_is_taken_and_it_is_given_what_it_lacks(office: Office, caller: Caller) -> None:
    caller.declare("N1")
    answer = met(office, caller)
    assert office.held(NORTH) == 2
    assert (answer.by, answer.to, answer.at_ms) == (SOUTH, NORTH, NOON_MS)
    assert dict(answer.heads) == {NORTH: 2, SOUTH: 1}
    assert [(part.party, part.first, part.end) for part in answer.parts] == [(SOUTH, 0, 1)]


def test_the_answer_holds_the_receipt_for_what_came_with_the_request(office: Office, caller: Caller) -> None:
    caller.declare("N1")
    receipts = [(each.party, each.witness, each.size) for each in met(office, caller).cosignatures]
    assert receipts == [(NORTH, SOUTH, 2)]


def test_a_peer_that_is_heard_is_known_to_be_up_and_others_are_told_of_news(
    office: Office, caller: Caller
) -> None:
    met(office, caller)
    link = office.links.get(NORTH)
    assert link is not None
    assert (link.heard_s, link.heard_ms, link.holds(SOUTH)) == (1_000.0, NOON_MS, 0)
    assert link.bytes_in > 0 < link.bytes_out
    assert (office.heard, office.news_count) == ([NORTH], 1)


def test_a_request_without_a_bundle_only_asks(office: Office, caller: Caller) -> None:
    met(office, caller)
    answer = decode_bundle(office.call(caller.request()).content)
    assert [part.party for part in answer.parts] == [SOUTH]
    assert office.news_count == 1


def test_a_log_that_the_asker_does_not_name_is_not_sent(office: Office, caller: Caller) -> None:
    met(office, caller)
    answer = decode_bundle(office.call(caller.request(heads=())).content)
    assert answer.parts == ()


def test_what_is_in_order_already_is_not_sent_again(office: Office, caller: Caller) -> None:
    met(office, caller)
    answer = decode_bundle(office.call(caller.request(heads=((NORTH, 1), (SOUTH, 1)))).content)
    assert answer.parts == ()


def test_sizes_that_cannot_be_are_no_reason_to_fail(office: Office, caller: Caller) -> None:
    met(office, caller)
    answer = decode_bundle(office.call(caller.request(heads=((SOUTH, LOG_ENTRIES_MAX),))).content)
    assert answer.parts == ()


def test_a_part_that_is_refused_is_named_and_that_log_is_not_asked_of_this_peer_for_a_while(
    caller: Caller, north: Identity, south: Identity, east: Identity
) -> None:
    # Given the log of the east, with its last entry changed by the north, which passes it on
    other = Caller(east)
    other.declare("E1")
    (part,) = other.bundle().parts
    forged = replace(part, entries=(part.entries[0], bytes(part.entries[1])[:-2] + b"AA"))
    given = replace(caller.bundle(), parts=(*caller.bundle().parts, forged))
    office = Office(south, [north, east])
    with closing(office.desk):
        # When it is given, then the rest is taken, and the east's log is not wanted for a while
        answer = met_with(office, caller, given)
        assert (office.held(NORTH), office.held(EAST)) == (1, 0)
        link = office.links.get(NORTH)
        assert link is not None
        assert "'east'" in link.refusals[0]
        assert EAST not in dict(answer.heads)
        office.now_s += REFUSED_FOR_S
        assert EAST in dict(met_with(office, caller, None).heads)


def met_with(office: Office, caller: Caller, bundle: Bundle | None) -> Bundle:
    response = office.call(caller.request(bundle))
    assert response.status_code == 200, response.text
    return decode_bundle(response.content)


# Who asks


@pytest.mark.parametrize("certificate", [None, b"some other certificate"])
def test_who_shows_no_pinned_certificate_is_refused(
    office: Office, caller: Caller, certificate: bytes | None
) -> None:
    response = office.call(caller.request(caller.bundle()), certificate=certificate)
    assert "pinned for no party" in refusal(response, 403)
    assert office.held(NORTH) == 0


def test_a_greeting_of_a_key_that_is_not_known_yet_is_told_from_where_to_give_the_log(
    office: Office, caller: Caller
) -> None:
    response = office.call(caller.request())
    assert "give those that follow" in refusal(response, 403)
    assert json.loads(response.content)["held"] == 0


def test_a_greeting_of_a_key_that_was_never_granted_is_refused_though_its_log_is_taken(
    office: Office, north: Identity
) -> None:
    caller = Caller(north, SigningKey(b"x" * 32))
    response = office.call(caller.request(caller.bundle()))
    assert "no key of your node in the 1 entries" in refusal(response, 403)
    assert json.loads(response.content)["held"] == 1
    assert office.heard == []


def test_a_greeting_of_another_party_is_refused(office: Office, caller: Caller) -> None:
    met(office, caller)
    assert "is of 'east'" in refusal(office.call(caller.request(by=EAST)), 403)


def test_a_greeting_for_another_node_is_refused(office: Office, caller: Caller) -> None:
    met(office, caller)
    assert "is for 'east'" in refusal(office.call(caller.request(to=EAST)), 403)


def test_a_greeting_that_was_changed_is_refused(office: Office, caller: Caller) -> None:
    met(office, caller)
    greeting, _ = decode_request(caller.request())
    other, _ = decode_request(caller.request())
    mixed = b".".join([*greeting.split(b".")[:2], other.split(b".")[2]])
    response = office.call(encode_request(mixed, b""))
    assert "not signed with the key that it names" in refusal(response, 403)


def test_a_greeting_that_was_used_before_is_refused(office: Office, caller: Caller) -> None:
    met(office, caller)
    request = caller.request()
    assert office.call(request).status_code == 200
    assert "used before" in refusal(office.call(request), 403)


APART_MS = round(CLOCKS_APART_S_MAX * 1000.0)


@pytest.mark.parametrize(
    ("at_ms", "expires_ms", "reason"),
    [
        (NOON_MS - APART_MS - 2_000, NOON_MS - APART_MS - 1, "has expired 120 s ago"),
        (NOON_MS - APART_MS - 2_000, NOON_MS - APART_MS, None),
        (NOON_MS + APART_MS, NOON_MS + APART_MS + 1, None),
        (NOON_MS + APART_MS + 1, NOON_MS + APART_MS + 2, "is of 120 s from now"),
        (NOON_MS, NOON_MS + round(GREETING_S_MAX * 1000.0), None),
        (NOON_MS, NOON_MS + round(GREETING_S_MAX * 1000.0) + 1, "good for more than 60 s"),
    ],
)
def test_a_greeting_is_good_for_a_while_by_clocks_that_are_not_too_far_apart(
    office: Office, caller: Caller, at_ms: int, expires_ms: int, reason: str | None
) -> None:
    met(office, caller)
    response = office.call(caller.request(at_ms=at_ms, expires_ms=expires_ms))
    if reason is None:
        assert response.status_code == 200
    else:
        assert reason in refusal(response, 403)


def test_a_bundle_that_was_made_for_somebody_else_is_refused(office: Office, caller: Caller) -> None:
    bundle = replace(caller.bundle(), to=EAST)
    assert "for 'east'" in refusal(office.call(caller.request(bundle)), 400)


# What is no request


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "begins with 4 bytes"),
        (b"\x00\x00\x00", "begins with 4 bytes"),
        (b"\x00\x00\x00\x05abcd", "cut off: 8 bytes of 9"),
        (b"\xff\xff\xff\xff", "over the limit"),
        ((HELLO_BYTES_MAX + 1).to_bytes(4, "big"), "over the limit"),
        (b"\x00\x00\x00\x04abcd", "no compact JWS"),
        (b"\x00\x00\x00\x00", "no compact JWS"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(office: Office, body: bytes, reason: str) -> None:
    assert reason in refusal(office.call(body), 400)


def test_what_is_no_bundle_is_refused_with_a_reason(office: Office, caller: Caller) -> None:
    assert "no bundle" in refusal(office.call(caller.request() + b"junk"), 400)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_request_is_read_as_it_was_written(greeting: bytes, bundle: bytes) -> None:
    assert decode_request(encode_request(greeting, bundle)) == (greeting, bundle)


@given(st.binary(max_size=64))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        greeting, bundle = decode_request(body)
    except InvalidValueError:
        return
    assert encode_request(greeting, bundle) == body


def test_a_body_is_read_up_to_its_limit_and_not_beyond(
    office: Office, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = caller.request(caller.bundle())
    monkeypatch.setattr(listener_module, "REQUEST_BYTES_MAX", len(request))
    assert office.call(request).status_code == 200
    assert "at most" in refusal(office.call(request + b"x"), 413)


def test_a_body_that_never_ends_is_given_up(
    office: Office, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"\x00"
        await asyncio.Event().wait()

    monkeypatch.setattr(listener_module, "BODY_S_MAX", 0.01)
    assert "did not come in" in refusal(office.call(endless()), 408)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PATH), ("POST", "/"), ("POST", PATH + "/"), ("GET", "/v1")]
)
def test_there_is_nothing_else_here(office: Office, method: str, path: str) -> None:
    assert "only POST /v1/sync" in refusal(office.call(b"", method=method, path=path), 404)


# Limits, switches and faults


def test_who_asks_too_often_is_told_when_to_come_again(office: Office) -> None:
    answers = [office.call(b"").status_code for _ in range(round(REQUESTS_AT_ONCE))]
    assert set(answers) == {400}
    response = office.call(b"")
    assert "more than one peer may" in refusal(response, 429)
    assert response.headers["retry-after"] == "1"
    office.now_s += 1.0
    assert office.call(b"").status_code == 400


def test_while_the_link_is_switched_off_nothing_is_taken(office: Office, caller: Caller) -> None:
    office.links.change(NORTH, lambda link: link.switched(is_off=True))
    response = office.call(caller.request(caller.bundle()))
    assert refusal(response, 503) == "the link is switched off here"
    assert (office.held(NORTH), office.heard) == (0, [])


@pytest.mark.parametrize("extra_bytes", [0, 1])
def test_what_still_comes_of_a_request_that_is_refused_is_let_in_up_to_a_limit(
    office: Office, monkeypatch: pytest.MonkeyPatch, extra_bytes: int
) -> None:
    came: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        for part in (b"1234", b"5678" + b"9" * extra_bytes, b""):
            came.append(part)
            yield part

    monkeypatch.setattr(listener_module, "DRAINED_BYTES_MAX", 8)
    refusal(office.call(body(), certificate=None), 403)
    assert len(came) == 3 - extra_bytes


def test_a_request_that_is_refused_is_not_waited_for_without_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"1234"
        await asyncio.Event().wait()

    monkeypatch.setattr(listener_module, "DRAINED_S_MAX", 0.01)
    refusal(office.call(endless(), certificate=None), 403)


def test_a_node_that_stops_says_no_more_than_that_it_takes_nothing(office: Office, caller: Caller) -> None:
    office.desk.close()
    response = office.call(caller.request())
    assert refusal(response, 503) == "this node cannot take anything now"
    assert response.headers["retry-after"] == "1"


def test_a_fault_of_this_node_shows_nothing_of_its_inside(
    office: Office, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Notary, "read_hello", fail)
    response = office.call(caller.request())
    assert "a fault of this node" in refusal(response, 500)
    assert "secret" not in response.text


def transactions(office: Office, *requests: bytes) -> int:
    """Return how many changes the desk is given by requests that are answered."""
    given: list[object] = []
    change = office.desk.change

    def counting(*of: Any) -> Any:
        given.append(of)
        return change(*of)

    office.desk.change = counting  # type: ignore[method-assign]
    assert [office.call(request).status_code for request in requests] == [200] * len(requests)
    return len(given)


def test_receipts_that_came_before_are_not_worth_a_transaction_for_a_while(
    office: Office, caller: Caller
) -> None:
    nothing_new = replace(caller.bundle(), parts=(), heads=((NORTH, 1), (SOUTH, 1)))
    met(office, caller)
    assert transactions(office, *[caller.request(nothing_new) for _ in range(3)]) == 1
    office.now_s += RECEIPTS_AGAIN_S
    assert transactions(office, caller.request(nothing_new)) == 1


@pytest.mark.parametrize("heads", [((NORTH, 1),), ((NORTH, 1), (SOUTH, 5))])
def test_a_node_that_was_restored_stays_silent_until_its_peer_says_that_it_holds_no_more_of_its_log(
    office: Office, caller: Caller, north: Identity, south: Identity, heads: tuple[tuple[PartyId, int], ...]
) -> None:
    # Given the south with a backup in place, and the north, which may hold more of its log
    met(office, caller)
    office.desk.close()
    with office.store.transaction() as transaction:
        transaction.set_silence("a backup was put in place")
    restored = Office(south, [north], store=office.store)
    with closing(restored.desk):
        # When the north pushes what it thinks is lacking, which is nothing, then it is silent still
        push = replace(caller.bundle(), parts=(), heads=heads)
        assert restored.call(caller.request(push)).status_code == 200
        assert restored.store.silence() is not None
        # And once the north says that it holds no more, it speaks
        push = replace(push, heads=((NORTH, 1), (SOUTH, 1)))
        assert restored.call(caller.request(push)).status_code == 200
        assert restored.store.silence() is None
