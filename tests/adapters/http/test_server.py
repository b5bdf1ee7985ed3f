"""How connections are held: those that say nothing do not keep out those who have something to ask."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from keepclear.adapters.http import server
from keepclear.adapters.http.server import ToldServer, config_of, listening

Talk = Callable[[int], Awaitable[None]]


async def answer(request: Request) -> PlainTextResponse:
    await request.body()
    await asyncio.sleep(float(request.query_params.get("after", "0")))
    return PlainTextResponse("here")


def served(talk: Talk) -> None:
    """Serve while somebody talks to the port."""

    async def run() -> None:
        with listening("127.0.0.1", 0) as listener:
            running = ToldServer(
                config_of(Starlette(routes=[Route("/", answer, methods=["GET", "POST"])]), None, None)
            )
            running.config.lifespan = "off"
            task = asyncio.create_task(running.serve(sockets=[socket.socket(fileno=listener.detach())]))
            while not running.started:
                await asyncio.sleep(0.001)
            port = running.servers[0].sockets[0].getsockname()[1]
            await talk(port)
            running.should_exit = True
            await task

    asyncio.run(run())


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_does_not_end_a_request_is_cut_off(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(server, "HEADERS_MAX_S", 0.05)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await asyncio.wait_for(reader.read(), 5.0) == b""
        writer.close()

    served(talk)


def test_headers_without_an_end_are_refused() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for _ in range(server.HEADERS_BYTES_MAX // 1_024):
            writer.write(b"X: " + b"x" * 1_021)
        with contextlib.suppress(ConnectionError):  # refused by one library with 431, by the other with 400
            assert (await asyncio.wait_for(reader.read(), 5.0)).startswith(b"HTTP/1.1 4")
        writer.close()

    served(talk)


def test_a_body_is_no_header_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_BYTES_MAX", 1_000)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
            for _ in range(9):
                writer.write(b"x" * 1_000)
                await writer.drain()
                await asyncio.sleep(0)
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"here"), 5.0)
        writer.close()

    served(talk)


def test_who_waits_for_an_answer_or_asks_again_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_MAX_S", 0.05)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for after in ("0.12", "0"):
            writer.write(f"GET /?after={after} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"here"), 5.0)
        writer.close()

    served(talk)


def test_who_asks_again_and_again_is_not_cut_off_between_two_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HEADERS_MAX_S", 0.05)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(10):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"here"), 5.0)
            await asyncio.sleep(0.015)
        writer.close()

    served(talk)
