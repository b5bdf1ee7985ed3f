"""How the bytes of feeds come: by connections, by datagrams, by polling, on the standard input."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepclear.adapters.feeds import feeds as feeds_module
from keepclear.adapters.feeds import polling, tcp, udp
from keepclear.core.feed_health import FeedState
from tests.adapters.feeds.feeding import Taken, connected, free_port, line, of, other, run, running, until

GROUP = "239.255.77.1"
COT = (
    '<event version="2.0" uid="{uid}" type="a-f-A-C-F" how="m-g" time="{time}" start="{time}" '
    'stale="2099-01-01T00:00:00Z"><point lat="46.5" lon="7.0" hae="3000" ce="10" le="10"/></event>'
)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.feeds.lost.BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr("keepclear.adapters.feeds.lost.BACKOFF_MAX_S", 0.02)
    monkeypatch.setattr(feeds_module, "HAND_OVER_S", 0.005)
    monkeypatch.setattr(polling, "WAIT_MIN_S", 0.005)
    monkeypatch.setattr("keepclear.adapters.feeds.options.PERIOD_S_MIN", 0.001)


def cot(uid: str) -> bytes:
    return COT.format(uid=uid, time="2026-01-31T12:00:00.000Z").encode()


# -- connections --------------------------------------------------------------------------------------


def test_a_connection_on_which_nothing_comes_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "IDLE_S_MAX", 0.02)

    async def main() -> None:
        async with other() as server, running(Taken(), f"ndjson://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.accepted >= 2)
            assert "nothing came for" in str(of(feeds, "ndjson-1").last_problem)

    run(main)


def test_a_server_that_never_answers_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECT_S_MAX", 0.02)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Future()

    monkeypatch.setattr(asyncio, "open_connection", never)

    async def main() -> None:
        async with running(Taken(), "ndjson://127.0.0.1:1") as feeds:
            await until(lambda: "does not answer" in str(of(feeds, "ndjson-1").last_problem))

    run(main)


def test_all_who_connect_are_heard_each_with_its_own_unfinished_line() -> None:
    port = free_port()

    async def main() -> None:
        taken = Taken()
        async with running(taken, f"ndjson+listen://127.0.0.1:{port}") as feeds:
            whole_a, whole_b = line("name:a"), line("name:b")
            _, a = await connected(port)
            _, b = await connected(port)
            for writer, whole in ((a, whole_a), (b, whole_b)):
                writer.write(whole[:20])
                await writer.drain()
            await until(lambda: of(feeds, "ndjson-1").bytes_count == 40)
            b.write(whole_b[20:])
            a.write(whole_a[20:])
            await until(lambda: sorted(taken.ids()) == ["name:a", "name:b"])
            a.transport.abort()
            b.write(line("name:c"))
            await until(lambda: "name:c" in taken.ids())
            assert of(feeds, "ndjson-1").state is FeedState.LIVE
            b.close()

    run(main)


def test_no_more_than_so_many_may_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECTIONS_MAX", 2)
    port = free_port()

    async def main() -> None:
        taken = Taken()
        async with running(taken, f"ndjson+listen://127.0.0.1:{port}") as feeds:
            writers = []
            for number in range(2):
                _, writer = await connected(port)
                writer.write(line(f"name:{number}"))
                writers.append(writer)
            await until(lambda: len(taken.ids()) == 2)
            reader, refused = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            await until(lambda: of(feeds, "ndjson-1").dropped_count == 1)
            assert "turned away" in str(of(feeds, "ndjson-1").last_problem)
            for writer in (*writers, refused):
                writer.close()

    run(main)


def test_a_port_that_is_taken_is_told_and_tried_again() -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"ndjson+listen://127.0.0.1:{server.port}") as feeds:
            await until(lambda: of(feeds, "ndjson-1").state is FeedState.WAITING)
            assert "it cannot listen there" in str(of(feeds, "ndjson-1").last_problem)
            await server.stop()
            _, writer = await connected(server.port)
            writer.write(line("name:a"))
            await until(lambda: taken.ids() == ["name:a"])
            writer.close()

    run(main)


def test_a_tak_server_that_offers_frames_is_asked_for_them_once() -> None:
    pytest.importorskip("takproto")
    offer = (
        b'<event version="2.0" uid="s" type="t-x-takp-v" how="m-g" time="2026-01-31T12:00:00Z" '
        b'start="2026-01-31T12:00:00Z" stale="2026-01-31T12:01:00Z"><point lat="0" lon="0" hae="0" ce="9" '
        b'le="9"/><detail><TakControl><TakProtocolSupport version="1"/></TakControl></detail></event>'
    )

    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"tak://127.0.0.1:{server.port}"):
            await until(lambda: server.count)
            assert server.heard == b""
            server.say(offer + cot("x"))
            await until(lambda: taken.ids() and server.heard.endswith(b"</event>"))
            server.say(cot("x"))
            await until(lambda: len(taken.ids()) == 2)
            assert server.heard.count(b"t-x-takp-q") == 1

    run(main)


# -- datagrams ----------------------------------------------------------------------------------------


def test_each_datagram_is_read_by_itself() -> None:
    port = free_port(socket.SOCK_DGRAM)

    async def main() -> None:
        taken = Taken()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            async with running(taken, f"cot+udp://127.0.0.1:{port}") as feeds:
                where = ("127.0.0.1", port)
                await until(lambda: sender.sendto(cot("first"), where) and taken.ids())
                for data in (b"<event", cot("a"), os.urandom(100), b"", cot("b")):
                    sender.sendto(data, where)
                await until(lambda: taken.ids()[-2:] == ["cot:a", "cot:b"])
                assert of(feeds, "cot-1").malformed_count

    run(main)


def test_of_a_flood_of_datagrams_the_oldest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "DATAGRAMS_WAITING_MAX", 3)

    class Counting:
        dropped_count = 0

        def dropped(self, count: int, _: str) -> None:
            self.dropped_count += count

    intake = Counting()
    queue = udp._Queue(intake, ("10.0.0.1", 7))  # type: ignore[arg-type]  # it only counts
    for number in range(10):
        queue.datagram_received(bytes([number]), ("127.0.0.1", 1))
    queue.datagram_received(b"own", ("10.0.0.1", 7))
    assert [queue.next() for _ in range(4)] == [b"\x07", b"\x08", b"\x09", None]
    assert intake.dropped_count == 7
    assert not queue.some.is_set()


def test_a_group_is_joined_and_events_are_sent_to_it_and_not_heard_again() -> None:
    port = free_port(socket.SOCK_DGRAM)

    async def main() -> None:
        taken = Taken()
        address = f"cot+udp://{GROUP}:{port}?interface=127.0.0.1"
        async with running(taken, f"a={address}&send=1", f"b={address}") as feeds:
            await until(lambda: all(each.state is FeedState.CONNECTING for each in feeds.health()))
            try:
                async with asyncio.timeout(2.0):
                    await until(lambda: feeds.send_cot([cot("x"), cot("y")]) and "cot:y" in taken.ids("b"))
            except TimeoutError:
                pytest.skip("this machine does not carry multicast on its loopback interface")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
                sender.sendto(cot("z"), (GROUP, port))
            await until(lambda: taken.ids("a") == ["cot:z"])

    run(main)


# -- sending ------------------------------------------------------------------------------------------


def test_events_are_sent_on_the_connection_that_is_read() -> None:
    async def main() -> None:
        async with (
            other() as server,
            other() as quiet,
            running(
                Taken(), f"cot://127.0.0.1:{server.port}?send=1", f"cot://127.0.0.1:{quiet.port}"
            ) as feeds,
        ):
            await until(lambda: feeds.send_cot([cot("a"), cot("b")]) == 1)
            await until(lambda: server.heard == cot("a") + cot("b"))
            assert quiet.heard == b""
            await server.stop()
            await until(lambda: of(feeds, "cot-1").state is FeedState.WAITING)
            assert feeds.send_cot([cot("c")]) == 0

    run(main)


def test_events_for_somebody_who_does_not_read_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.feeds.cot_out.UNSENT_BYTES_MAX", 100_000)

    async def main() -> None:
        hang = asyncio.Event()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await hang.wait()
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
        port = server.sockets[0].getsockname()[1]
        async with running(Taken(), f"cot://127.0.0.1:{port}?send=1") as feeds:
            await until(lambda: feeds.send_cot([b"x"]))
            await until(lambda: not feeds.send_cot([bytes(50_000)]))
            assert "events were not sent" in str(of(feeds, "cot-1").last_problem)
        hang.set()
        server.close()

    run(main)


# -- polling ------------------------------------------------------------------------------------------


def aircraft(now_s: float, *addresses: str) -> bytes:
    return json.dumps(
        {"now": now_s, "aircraft": [{"hex": a, "lat": 46.5, "lon": 7.0, "seen_pos": 0.1} for a in addresses]}
    ).encode()


class WebSite:
    """Answers every request with what it is told to."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.decode())
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    def give(self, body: bytes, status: str = "200 OK", headers: str = "") -> None:
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@asynccontextmanager
async def web_site() -> AsyncIterator[tuple[WebSite, str]]:
    site = WebSite()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    try:
        yield (
            site,
            f"readsb+http://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/aircraft.json?every=0.005",
        )
    finally:
        server.close()


def test_a_document_is_asked_for_again_and_again_and_read_when_it_has_changed() -> None:
    async def main() -> None:
        taken = Taken()
        async with web_site() as (site, address):
            site.give(aircraft(1_700_000_000.0, "4b1814"))
            async with running(taken, address) as feeds:
                await until(lambda: len(site.requests) > 5)
                assert taken.ids() == ["icao:4b1814"]
                assert "authorization: Basic bWU6c2VjcmV0" in site.requests[0].replace(
                    "Authorization", "authorization"
                )
                site.give(aircraft(1_700_000_001.0, "4b1814", "4b1815"))
                await until(lambda: len(taken.ids()) == 3)
                health = of(feeds, "readsb-1")
                assert health.state is FeedState.LIVE
                assert "secret" not in str(health)

    run(main)


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        ("404 Not Found", "", b"", "it answers 404"),
        ("301 Moved", "Location: /elsewhere\r\n", b"", "leads elsewhere"),
        ("200 OK", "Content-Encoding: gzip\r\n", b"x", "it is packed"),
        ("200 OK", "", bytes(2000), "over the limit"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_and_the_next_is_read(
    status: str, headers: str, body: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "DOCUMENT_BYTES_MAX", 1000)

    async def main() -> None:
        taken = Taken()
        async with web_site() as (site, address):
            site.give(body, status, headers)
            async with running(taken, address) as feeds:
                await until(lambda: told in str(of(feeds, "readsb-1").last_problem))
                assert of(feeds, "readsb-1").state in {FeedState.WAITING, FeedState.CONNECTING}
                site.give(aircraft(1_700_000_000.0, "4b1814"))
                await until(lambda: taken.ids() == ["icao:4b1814"])

    run(main)


def test_a_server_that_answers_too_slowly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "ANSWER_S_MAX", 0.05)

    async def main() -> None:
        async with web_site() as (site, address):
            site.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
            async with running(Taken(), address) as feeds:
                await until(lambda: "does not answer within" in str(of(feeds, "readsb-1").last_problem))

    run(main)


def test_what_answers_is_no_web_server() -> None:
    async def main() -> None:
        async with web_site() as (site, address):
            site.answer = os.urandom(200) + b"\r\n\r\n"
            async with running(Taken(), address) as feeds:
                await until(lambda: "no web server" in str(of(feeds, "readsb-1").last_problem))

    run(main)


def test_a_token_is_read_anew_and_sent(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc\n")

    async def main() -> None:
        async with web_site() as (site, address):
            site.give(b"{}", "401 Unauthorized")
            async with running(Taken(), f"{address.replace('me:secret@', '')}&token_file={token}") as feeds:
                await until(lambda: site.requests)
                assert "Bearer abc" in site.requests[0]
                assert "token_file" not in site.requests[0]
                token.write_text("two words")
                await until(lambda: "something else than a token" in str(of(feeds, "readsb-1").last_problem))
                token.unlink()
                await until(lambda: "cannot be read" in str(of(feeds, "readsb-1").last_problem))

    run(main)


def test_a_file_is_read_when_it_has_changed_and_half_a_file_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "aircraft.json"

    async def main() -> None:
        taken = Taken()
        async with running(taken, f"readsb:{path}?every=0.005") as feeds:
            await until(lambda: "no such file" in str(of(feeds, "readsb-1").last_problem))
            path.write_bytes(aircraft(1_700_000_000.0, "4b1814"))
            await until(lambda: taken.ids() == ["icao:4b1814"])
            path.write_bytes(aircraft(1_700_000_001.0, "4b1814")[:-5])
            await until(lambda: of(feeds, "readsb-1").malformed_count)
            assert of(feeds, "readsb-1").malformed_count == 1
            replaced = tmp_path / "new"
            replaced.write_bytes(aircraft(1_700_000_002.0, "4b1815"))
            replaced.replace(path)
            await until(lambda: taken.ids() == ["icao:4b1814", "icao:4b1815"])
            assert of(feeds, "readsb-1").reconnect_count == 0

    run(main)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "aircraft.json"
    path.write_bytes(b"old")
    looks = iter(polling._Look(1, changed_ns, 3) for changed_ns in (1, 2, 3, 3))
    monkeypatch.setattr(polling, "_look_of", lambda _: next(looks))
    assert polling._read_file(path) == (b"old", polling._Look(1, 3, 3))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    async def main() -> None:
        async with running(Taken(), f"readsb:{tmp_path}/pipe", f"readsb:{tmp_path}") as feeds:
            await until(lambda: all(each.state is FeedState.FAILED for each in feeds.health()))

    run(main)


# -- the standard input -------------------------------------------------------------------------------


def test_the_standard_input_is_read_to_its_end_and_nothing_of_it_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepclear.adapters.feeds.intake.PENDING_REPORTS_MAX", 4000)
    monkeypatch.setattr("keepclear.adapters.feeds.intake.BATCH_REPORTS_MAX", 2000)
    path = tmp_path / "lines"
    path.write_bytes(b"".join(line("name:a", 1_700_000_000_000 + n) for n in range(5000)))

    async def main() -> None:
        taken = Taken()
        descriptor = os.open(path, os.O_RDONLY)
        monkeypatch.setattr(feeds_module, "_STDIN", descriptor)
        try:
            async with running(taken, "ndjson:-") as feeds:
                await until(lambda: feeds.has_ended)
                assert len(taken.ids()) == 5000
                assert of(feeds, "ndjson-1").dropped_count == 0
                assert of(feeds, "ndjson-1").state is FeedState.ENDED
        finally:
            os.close(descriptor)

    run(main)


def test_a_standard_input_on_which_nothing_comes_does_not_keep_the_feeds_from_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        taken = Taken()
        reading, writing = os.pipe()
        monkeypatch.setattr(feeds_module, "_STDIN", reading)
        async with running(taken, "ndjson:-"):
            os.write(writing, line("name:a"))
            await until(lambda: taken.ids() == ["name:a"])
        os.close(writing)

    run(main)


def test_a_standard_input_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise OSError(5, "broken")

    monkeypatch.setattr(os, "read", read)

    async def main() -> None:
        async with running(Taken(), "ndjson:-") as feeds:
            await until(lambda: of(feeds, "ndjson-1").state is FeedState.FAILED)
            assert "it cannot be read: broken" in str(of(feeds, "ndjson-1").last_problem)

    run(main)
