"""The client of the hotline: against a node that is served, and what it makes of streams."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from keepclear.adapters.http import ticking
from keepclear.adapters.http.client import NodeRefusedError, NodeUnreachableError
from keepclear.adapters.http.hotlining import HotlineClient
from keepclear.core.deeds import DeedKind, DutyChange
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Priority
from keepclear.core.refs import MessageRef
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, URL, operation
from tests.adapters.http.spoken import OFFICER, Talk
from tests.adapters.http.test_hotline_routes import distress, got, message, sent, stop


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the node say nothing by itself but at its start."""
    monkeypatch.setattr(ticking, "TICK_EVERY_S", 3_600.0)


@pytest.fixture
def client(talk: Talk) -> Iterator[HotlineClient]:
    """Return a client of the node, as a duty officer."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = talk.served.client.request(
            request.method,
            str(request.url),
            content=request.read(),
            headers=dict(request.headers),
            follow_redirects=False,
        )
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    transport = httpx2.MockTransport(handle)
    with HotlineClient(URL, talk.served.tokens[Role.DUTY_OFFICER], transport=transport) as client:
        yield client


def test_messages_are_read_page_by_page(
    talk: Talk, client: HotlineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepclear.adapters.http.hotlining.MESSAGES_ASKED", 2)
    refs = [sent(talk, message(Code.LINE_TEST)) for _ in range(5)]
    assert [each.number for each in client.messages()] == [str(of) for of in reversed(refs)]


def test_messages_can_be_narrowed(talk: Talk, client: HotlineClient) -> None:
    drilled = sent(talk, message(Code.LINE_TEST, drill="winter"))
    waiting = got(talk, distress(PARTY))
    assert [each.number for each in client.messages(drill="winter")] == [str(drilled)]
    assert {each.number for each in client.messages(party=OTHER, is_open=True)} == {
        str(drilled),
        str(waiting),
    }


def test_a_message_is_read_with_all_that_became_of_it(talk: Talk, client: HotlineClient) -> None:
    of = got(talk, stop(PARTY))
    answer = sent(talk, message(Code.WILL_COMPLY, answers=of, priority=Priority.DISTRESS))
    told = client.message(OTHER, of.n)
    assert told.answer is not None
    assert (told.answer.code, told.answer.ref.n, told.state) == ("will_comply", answer.n, "closed")
    assert told.texts["en"]
    assert [each.kind for each in told.warnings] == ["position_far"]


def test_a_message_that_is_not_there_is_refused(client: HotlineClient) -> None:
    with pytest.raises(NodeRefusedError) as refused:
        client.message(OTHER, 99)
    assert refused.value.status == 404
    with pytest.raises(InvalidValueError):
        client.message("", 1)


def test_what_the_node_has_against_a_message_is_read_from_its_draft(client: HotlineClient) -> None:
    draft = client.draft_message(OFFICER, distress())
    assert [each.kind for each in draft.warnings] == ["position_far"]
    unknown = message(Code.ROGER, answers=MessageRef(party=PartyId(OTHER), n=99))
    with pytest.raises(NodeRefusedError, match="not known here"):
        client.draft_message(OFFICER, unknown)


def test_other_deeds_are_drafted(client: HotlineClient) -> None:
    draft = client.draft(DeedKind.GO_ON_DUTY, OFFICER, {"senior": False, "telephone": ""})
    assert (draft.typ, draft.texts) == ("keepclear-deed", None)


def test_channels_catalogue_drills_and_suggestions_are_read(talk: Talk, client: HotlineClient) -> None:
    talk.say(DutyChange(is_on=True))
    sent(talk, message(Code.DRILL_START, drill="winter", drill_="winter"))
    talk.served.declare(operation("R1"))
    talk.peer.declare(operation("N1", party=OTHER))
    talk.exchange()
    (channel,) = client.channels()
    assert (channel.party, channel.on_duty.ours[0].person) == (OTHER, OFFICER)
    assert {each.code for each in client.catalogue().codes} == {code.value for code in Code}
    assert [each.name for each in client.drills()] == ["winter"]
    assert client.drill("winter", OTHER).exchanges[0].missing
    assert client.suggestions("R1", f"{OTHER}:N1")[0].propose["conflict"]


# -- the stream -------------------------------------------------------------------------------------


class Pieces(httpx2.SyncByteStream):
    """A stream that comes in pieces, and may break off."""

    def __init__(self, *pieces: bytes, fault: Exception | None = None) -> None:
        self.pieces, self.fault = pieces, fault

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.fault is not None:
            raise self.fault


def listening(response: httpx2.Response) -> HotlineClient:
    return HotlineClient(URL, "kc_secret", transport=httpx2.MockTransport(lambda _: response))


def test_events_are_told_however_they_are_cut_into_pieces() -> None:
    text = b'event: clock\ndata: {"seq":1}\n\nid: 2\nevent: item\ndata: {}\n\nevent: hotline\ndata: {}\n\n'
    for size in (1, 7, len(text)):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        with listening(httpx2.Response(200, stream=Pieces(*pieces))) as client:
            assert list(client.events()) == [("clock", b'{"seq":1}'), ("item", b"{}"), ("hotline", b"{}")]


@pytest.mark.parametrize(
    ("fault", "words"), [(httpx2.ReadTimeout("x"), "silent"), (httpx2.ReadError("reset"), "broke off")]
)
def test_a_stream_that_breaks_off_is_told(fault: Exception, words: str) -> None:
    stream = Pieces(b"event: hotline\ndata: {}\n\n", fault=fault)
    with listening(httpx2.Response(200, stream=stream)) as client:
        events = client.events()
        assert next(events) == ("hotline", b"{}")
        with pytest.raises(NodeUnreachableError, match=words):
            next(events)


def test_a_stream_that_is_refused_tells_why() -> None:
    refusal = httpx2.Response(503, json={"detail": "2 streams are open; close one, or try later"})
    with listening(refusal) as client, pytest.raises(NodeRefusedError, match="2 streams are open"):
        list(client.events())


def test_an_event_without_an_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.http.hotlining.EVENT_BYTES_MAX", 10)
    with (
        listening(httpx2.Response(200, stream=Pieces(b"event: x" * 4))) as client,
        pytest.raises(Exception, match="over the limit of 10 bytes"),
    ):
        list(client.events())
