"""The stream: everything in order, nothing missed, nothing twice, and nobody who is silently told less."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.http import app, stream
from keepclear.adapters.http.gate import COOKIE
from keepclear.adapters.http.stream import EventStream, Hub, TooManyListenersError, event_text
from keepclear.adapters.settings import LimitSettings
from keepclear.core.conflicts import Label
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.reports import Report, gather
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Actor, EventKind, Record, Standing
from tests.adapters.http.served import Described, Served, operation, serving
from tests.strategies import NOON

HELLO = b"hello"
FIRST = ["clock", "tracks", "alerts", "watch"]
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Event:
    """An event as a listener gets it."""

    kind: str
    data: Any
    id: int | None = None


def events_of(text: bytes) -> list[Event]:
    """Return the events of a piece of a stream; it must hold them whole."""
    assert text.endswith(b"\n\n")
    found = []
    for block in text.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        number = int(fields["id"]) if "id" in fields else None
        found.append(Event(fields["event"], json.loads(fields["data"]), number))
    return found


def record(seq: int) -> Record:
    """Return an entry of a log."""
    return Record(
        seq=seq,
        kind=EventKind.DECLARED,
        label=Label(id=ItemId(f"i{seq}"), party=PartyId("relief"), priority=0, rule=None),
        state=IntentState.ACCEPTED,
        start_ms=0,
        end_ms=1,
        text=b'{"id":"i%d"}' % seq,
        version=1,
        standing=Standing.CLEAR,
        actor=Actor(party=PartyId("relief"), person="Dana"),
        at=NOON,
    )


class Log:
    """A log, and a hub that tells of it."""

    def __init__(self, listeners_max: int = 10) -> None:
        self.records: list[Record] = []
        self.hub = Hub(listeners_max)

    def append(self, count: int = 1) -> None:
        """Add entries, and tell of them together."""
        first = len(self.records) + 1
        new = [record(seq) for seq in range(first, first + count)]
        self.records += new
        self.hub.spread_records(new)

    def page(self, after: int, limit: int) -> Sequence[Record]:
        return self.records[after : after + limit]

    def listen(self, after: int | None, **given: Any) -> EventStream:
        return self.hub.stream(after, self.page, HELLO, **given)


class Ear:
    """A listener of a stream, who can be cut off between any two events."""

    def __init__(self, answer: EventStream) -> None:
        self.answer = answer
        self.pieces = answer.body_iterator.__aiter__()

    async def hello(self) -> None:
        assert await self.next_piece() == HELLO

    async def next_piece(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            piece = await anext(self.pieces)
        assert isinstance(piece, bytes)
        return piece

    async def next_ids(self) -> list[int | None]:
        return [event.id for event in events_of(await self.next_piece())]

    async def is_cut(self) -> bool:
        with contextlib.suppress(StopAsyncIteration):
            await self.next_piece()
            return False
        return True


# -- the hub ----------------------------------------------------------------------------------------


def test_an_event_is_a_line_of_each_field() -> None:
    assert event_text("clock", b"{}") == b"event: clock\ndata: {}\n\n"
    assert event_text("item", b"{}", 7) == b"id: 7\nevent: item\ndata: {}\n\n"


@pytest.mark.parametrize(("after", "ids"), [(None, [5]), (0, [1, 2, 3, 4, 5]), (2, [3, 4, 5]), (4, [5])])
def test_a_stream_begins_where_it_was_asked_to(after: int | None, ids: list[int]) -> None:
    async def listen() -> list[int | None]:
        log = Log()
        log.append(4)
        ear = Ear(log.listen(after))
        await ear.hello()
        log.append()
        heard: list[int | None] = []
        while len(heard) < len(ids):
            heard += await ear.next_ids()
        log.hub.close()
        assert await ear.is_cut()
        return heard

    assert asyncio.run(listen()) == ids


def test_who_resumes_in_another_log_misses_nothing_of_it() -> None:
    async def listen() -> list[int | None]:
        log = Log()
        log.append(2)
        ear = Ear(log.listen(500))  # the node was set up anew since
        await ear.hello()
        log.append(2)
        return await ear.next_ids() + await ear.next_ids()

    assert asyncio.run(listen()) == [3, 4]


def test_events_that_happen_while_a_listener_catches_up_come_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "CATCH_UP_PAGE", 2)

    async def listen() -> list[int | None]:
        log = Log()
        log.append(5)
        ear = Ear(log.listen(0))
        await ear.hello()
        heard = await ear.next_ids()
        log.append(3)
        log.hub.spread("clock", b"{}")
        while len(heard) < 9:
            heard += await ear.next_ids()
        return heard

    assert asyncio.run(listen()) == [1, 2, 3, 4, 5, 6, 7, 8, None]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("hear"), st.integers(1, 4)),
        st.tuples(st.just("cut"), st.integers(0, 4)),
    ),
    max_size=40,
)


async def heard_of(steps: Sequence[tuple[str, int]]) -> tuple[list[int], int]:
    """Listen, be cut off inside pieces and resume; return what was heard, and how much there was."""
    log, heard = Log(), list[int]()

    async def resumed() -> Ear:
        ear = Ear(log.listen(heard[-1] if heard else 0))
        await ear.hello()
        return ear

    async def hear(ear: Ear, most: int) -> None:
        heard.extend([number for number in await ear.next_ids() if number is not None][:most])

    ear = await resumed()
    for step, count in steps:
        if step == "append":
            log.append(count)
        if step == "hear":
            for _ in range(count):
                if len(log.records) > (heard[-1] if heard else 0):
                    await hear(ear, 1_000)
        if step == "cut":
            if len(log.records) > (heard[-1] if heard else 0):
                await hear(ear, count)
            ear.answer.leave()
            ear = await resumed()
    while len(log.records) > (heard[-1] if heard else 0):
        await hear(ear, 1_000)
    log.hub.close()
    assert await ear.is_cut()
    return heard, len(log.records)


@pytest.mark.slow
@given(steps=STEPS, page=st.integers(1, 4))
def test_a_listener_who_is_cut_off_anywhere_and_resumes_misses_and_repeats_nothing(
    steps: list[tuple[str, int]], page: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CATCH_UP_PAGE", page)
        heard, count = asyncio.run(heard_of(steps))
    assert heard == list(range(1, count + 1))


def test_a_listener_who_is_too_slow_is_cut_off_and_resumes_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LISTENER_QUEUE_MAX", 3)

    async def listen() -> list[int | None]:
        log = Log()
        log.append(1)
        ear = Ear(log.listen(None))
        await ear.hello()
        log.append(1)
        heard = await ear.next_ids()
        log.append(4)  # one more than may wait
        assert await ear.is_cut()
        ear.answer.leave()
        ear = Ear(log.listen(heard[-1]))
        await ear.hello()
        return heard + await ear.next_ids()

    assert asyncio.run(listen()) == [2, 3, 4, 5, 6]


def test_a_slow_listener_does_not_hold_the_others_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LISTENER_QUEUE_MAX", 2)

    async def listen() -> list[int | None]:
        log = Log()
        slow, quick = Ear(log.listen(None)), Ear(log.listen(None))
        await slow.hello()
        await quick.hello()
        heard: list[int | None] = []
        for _ in range(5):
            log.append()
            heard += await quick.next_ids()
        assert await slow.is_cut()
        return heard

    assert asyncio.run(listen()) == [1, 2, 3, 4, 5]


def test_at_the_limit_of_listeners_no_more_are_taken_until_one_leaves() -> None:
    async def listen() -> None:
        log = Log(listeners_max=2)
        first, _ = log.listen(None), log.listen(None)
        with pytest.raises(TooManyListenersError, match="2 streams are open"):
            log.listen(None)
        first.leave()
        log.listen(None)
        assert log.hub.listener_count == 2

    asyncio.run(listen())


def test_who_may_not_listen_any_more_is_cut_off_with_the_next_clock_event() -> None:
    async def listen() -> None:
        log, admitted = Log(), [True, True, False]
        ear = Ear(log.listen(None, is_admitted=lambda: admitted.pop(0)))
        await ear.hello()
        for _ in range(2):
            log.hub.spread("clock", b"{}")
            assert len(await ear.next_ids()) == 1
        log.hub.spread("clock", b"{}")
        assert await ear.is_cut()

    asyncio.run(listen())


# -- the answer -------------------------------------------------------------------------------------

SCOPE = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}


async def silence() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("never")


def test_a_listener_leaves_even_if_its_answer_never_began() -> None:
    async def fail(_: object) -> None:
        raise OSError("gone")

    async def listen() -> int:
        log = Log()
        answer = log.listen(None)
        with contextlib.suppress(Exception, ExceptionGroup):
            await answer(SCOPE, silence, fail)
        return log.hub.listener_count

    assert asyncio.run(listen()) == 0


def test_a_listener_that_takes_nothing_any_more_is_dropped_once_it_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LISTENER_QUEUE_MAX", 1)
    monkeypatch.setattr(stream, "CUT_GRACE_S", 0.0)
    sent: list[Any] = []

    async def listen() -> int:
        log, stuck = Log(), asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message)
            if message.get("body") == HELLO:
                log.append(1)
                log.append(1)
                await stuck.wait()

        async with asyncio.timeout(PATIENCE_S):
            await log.listen(None)(SCOPE, silence, send)
        return log.hub.listener_count

    assert asyncio.run(listen()) == 0
    assert not any(message.get("more_body") is False for message in sent)


def test_head_of_a_stream_ends() -> None:
    sent: list[Any] = []

    async def ask() -> int:
        log = Log()

        async def send(message: Any) -> None:
            sent.append(message)

        await log.listen(None)({**SCOPE, "method": "HEAD"}, silence, send)
        return log.hub.listener_count

    assert asyncio.run(ask()) == 0
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (b"content-type", b"text/event-stream; charset=utf-8") in sent[0]["headers"]


# -- over HTTP --------------------------------------------------------------------------------------


@dataclass
class Live:
    """A request for the stream, under way."""

    messages: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    waiting: list[Event] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> tuple[int, dict[str, str]]:
        message = await self._message()
        headers = {name.decode(): value.decode() for name, value in message["headers"]}
        return message["status"], headers

    async def event(self) -> Event:
        while not self.waiting:
            self.waiting = events_of((await self._message())["body"])
        return self.waiting.pop(0)

    async def body(self) -> bytes:
        body: bytes = (await self._message())["body"]
        return body

    async def _message(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self.messages.get()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


@contextlib.asynccontextmanager
async def asking(served: Served, query: str = "", **headers: str) -> AsyncIterator[Live]:
    """Ask for the stream; the connection is lost at the end."""
    live = Live()
    access = {"authorization": f"Bearer {served.tokens[Role.VIEWER]}", "host": "127.0.0.1"}
    given = {**access, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/stream",
        "raw_path": b"/v1/stream",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    asked = asyncio.create_task(served.running.app(scope, live.receive, live.messages.put))
    try:
        yield live
    finally:
        live.gone.set()
        async with asyncio.timeout(PATIENCE_S):
            await asked


def run(
    folder: Path, described: Described, script: Callable[[Served], Awaitable[None]], streams: int = 64
) -> None:
    """Serve a node in an event loop, and run a script there."""

    async def main(served: Served) -> None:
        async with served.running.app.router.lifespan_context(served.running.app):
            await script(served)

    with serving(folder, described, limits=LimitSettings(streams=streams), is_started=False) as served:
        asyncio.run(main(served))


async def declared(served: Served, name: str, lat: float) -> None:
    """Declare an item as the desk does, so that it is told to listeners."""
    item = operation(name, lat)
    actor = Actor(party=PartyId("relief"), person="Dana")
    await asyncio.wrap_future(
        served.running.node.desk.change(actor, lambda declaring: declaring.declare(item))
    )


def test_the_clock_comes_first_then_tracks_then_what_happens(tmp_path: Path, described: Described) -> None:
    async def script(served: Served) -> None:
        async with asking(served) as live:
            status, headers = await live.start()
            assert status == 200
            assert headers["content-type"].startswith("text/event-stream")
            assert headers["cache-control"] == "no-store"
            clock, tracks, alerts, watch = [await live.event() for _ in range(4)]
            assert clock == Event("clock", {"now": "2026-05-01T12:00:00Z", "speed": 1.0, "seq": 0})
            assert tracks == Event("tracks", {"now": "2026-05-01T12:00:00Z", "tracks": []})
            assert (alerts.kind, alerts.data["alerts"]) == ("alerts", [])
            assert (watch.kind, watch.data["is_watching"]) == ("watch", False)
            for number in range(3):
                await declared(served, f"R{number}", 10.0 + number)
            heard = [await live.event() for _ in range(3)]
            assert [event.id for event in heard] == [1, 2, 3]
            assert [event.data["record"]["item"]["id"] for event in heard] == ["R0", "R1", "R2"]
            assert {event.kind for event in heard} == {"item"}
            assert heard[0].data["kind"] == "declared"

    run(tmp_path, described, script)


@pytest.mark.parametrize("way", ["header", "query", "both"])
def test_a_stream_resumes_after_the_event_that_was_heard_last(
    tmp_path: Path, described: Described, way: str
) -> None:
    asked = {
        "header": ("", {"last_event_id": "1"}),
        "query": ("after=1", {}),
        "both": ("after=0", {"last_event_id": "1"}),  # a browser comes back with both
    }[way]

    async def script(served: Served) -> None:
        for number in range(3):
            await declared(served, f"R{number}", 10.0 + number)
        query, headers = asked
        async with asking(served, query, **headers) as live:
            await live.start()
            assert [(await live.event()).kind for _ in range(4)] == FIRST
            assert [(await live.event()).id for _ in range(2)] == [2, 3]
            await declared(served, "R3", 13.0)
            assert (await live.event()).id == 4

    run(tmp_path, described, script)


def test_one_stream_too_many_is_refused_until_one_ends(tmp_path: Path, described: Described) -> None:
    async def script(served: Served) -> None:
        async with asking(served) as first:
            await first.start()
            async with asking(served) as second:
                status, headers = await second.start()
                assert (status, headers["retry-after"]) == (503, "1")
                assert b"1 streams are open" in await second.body()
        async with asking(served) as third:
            assert (await third.start())[0] == 200
        assert served.running.node.hub.listener_count == 0

    run(tmp_path, described, script, streams=1)


@pytest.mark.parametrize("said", ["x", "-1", "1.5", "9" * 19, "²"])
def test_what_is_no_number_of_an_event_is_told(served: Served, said: str) -> None:
    header = {"Last-Event-ID": said.encode("latin-1")}
    refused = served.ask("GET", "/v1/stream", headers=header)  # type: ignore[arg-type]
    assert refused.status_code == 400
    assert refused.json()["problems"][0]["field"] == "Last-Event-ID"


def test_a_stream_ends_soon_after_its_token_is_revoked(tmp_path: Path, described: Described) -> None:
    async def script(served: Served) -> None:
        grant, token = served.issued(Role.VIEWER)
        _, cookie = served.access.sign_in(grant)
        for access in (
            {"authorization": f"Bearer {token}"},
            {"authorization": "", "cookie": f"{COOKIE}={cookie}"},
        ):
            async with asking(served, **access) as live:
                await live.start()
                assert [(await live.event()).kind for _ in range(4)] == FIRST
                if "cookie" in access:
                    served.access.revoke(grant.token_id)
                served.running.node.hub.spread("clock", b"{}")
                if "cookie" in access:
                    assert await live.body() == b""
                else:
                    assert (await live.event()).kind == "clock"

    run(tmp_path, described, script)


def test_the_clock_and_the_tracks_are_told_again_and_again(
    tmp_path: Path, described: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "CLOCK_EVERY_S", 0.0)
    monkeypatch.setattr(app, "TICK_EVERY_S", 0.0)

    async def script(served: Served) -> None:
        async with asking(served) as live:
            await live.start()
            for _ in range(3):
                await next_of(live, "clock")
            now_ms = floor_ms(NOON)
            report = Report(id="T1", at_ms=now_ms, latitude_deg=35.0, longitude_deg=36.0)
            served.running.node.give(gather("radar", [report], now_ms).reports)
            served.running.node.watching.ask(lambda rounds: rounds.round())
            while not (told := await next_of(live, "tracks")).data["tracks"]:
                pass
            assert told.data["tracks"][0]["id"] == "T1"

    run(tmp_path, described, script)


async def next_of(live: Live, kind: str) -> Event:
    """Return the next event of a kind."""
    while (event := await live.event()).kind != kind:
        pass
    return event


def test_the_clock_goes_on_after_the_store_could_not_be_read(
    tmp_path: Path, described: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "CLOCK_EVERY_S", 0.0)
    monkeypatch.setattr(app, "TICK_EVERY_S", 0.0)
    monkeypatch.setattr(sys.modules[__name__], "PATIENCE_S", 0.1)

    async def script(served: Served) -> None:
        store, read = served.running.node.store, served.running.node.store.last_seq
        failed = asyncio.Event()

        def fail_once() -> int:
            monkeypatch.setattr(store, "last_seq", read)
            asyncio_loop.call_soon_threadsafe(failed.set)
            raise StoreError("the disk is slow", may_pass=True)

        asyncio_loop = asyncio.get_running_loop()
        async with asking(served) as live:
            await live.start()
            await next_of(live, "tracks")
            monkeypatch.setattr(store, "last_seq", fail_once)
            await failed.wait()
            for _ in range(3):
                await next_of(live, "clock")

    run(tmp_path, described, script)
