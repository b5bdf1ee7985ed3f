"""Feeds that are polled: a document that is asked for by HTTP, or a file that is replaced again and again.

A document that has not changed since the last time says nothing new and is not read again; so a server
that goes on giving what a stopped receiver has left makes no feed live.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import httpx2

from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake
from keepclear.adapters.feeds.lost import FeedLostError, FeedUnusableError, reason_of
from keepclear.codec.decoding import DOCUMENT_BYTES_MAX

ANSWER_S_MAX: Final = 10.0
"""So long an answer may take in all."""
READS_MAX: Final = 3
"""So often a file is read at once when it changes while it is read."""
WAIT_MIN_S: Final = 0.05
"""The least pause between two polls, however long one takes."""
TOKEN_BYTES_MAX: Final = 16_384
"""A file with a token is no longer."""

_TOO_LARGE: Final = f"what it gives is over the limit of {DOCUMENT_BYTES_MAX:,} bytes"


async def poll_http(intake: Intake) -> None:
    """Ask for a document again and again, until that fails.

    Args:
        intake: Takes what comes.

    Raises:
        FeedLostError: There was no answer, or none that can be used.
    """
    address = intake.address
    headers = {"User-Agent": "keepclear", "Accept": "application/json", "Accept-Encoding": "identity"}
    if address.options.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(address.options.token_file)}"
    try:
        client = httpx2.AsyncClient(
            headers=headers, timeout=ANSWER_S_MAX, trust_env=False, follow_redirects=False
        )
        request = client.build_request("GET", address.url)
    except (httpx2.InvalidURL, UnicodeError):
        raise FeedUnusableError("its address is no URL") from None
    last: bytes | None = None
    async with client:
        async for is_first in _ticks(address.options.every_s):
            body = await _answer(client, request)
            if is_first:
                intake.connected()
            if body != last:
                await _read(intake, body)
                last = body
            else:
                intake.received(len(body))


async def poll_file(intake: Intake) -> None:
    """Read a file whenever it has changed, until that fails.

    Args:
        intake: Takes what comes.

    Raises:
        FeedLostError: It is not there, or cannot be read.
    """
    path = Path(intake.address.path)
    known: _Look | None = None
    async for is_first in _ticks(intake.address.options.every_s):
        body = None
        try:
            if await asyncio.to_thread(_look_at, path) != known:
                body, known = await asyncio.to_thread(_read_file, path)
        except FileNotFoundError:
            raise FeedLostError("there is no such file") from None
        except OSError as error:
            raise FeedLostError(f"it cannot be read: {reason_of(error)}") from None
        if is_first:
            intake.connected()
        if body is not None:
            await _read(intake, body)


async def _ticks(every_s: float) -> AsyncIterator[bool]:
    """Yield True at once, and then False every so many seconds, counted from start to start."""
    loop = asyncio.get_running_loop()
    is_first = True
    while True:
        started_s = loop.time()
        yield is_first
        is_first = False
        await asyncio.sleep(max(WAIT_MIN_S, every_s - (loop.time() - started_s)))


async def _read(intake: Intake, body: bytes) -> None:
    """Read a document; a large one in another thread, as it cannot be read in pieces."""
    make_reader = intake.address.feed_format.make_reader
    assert make_reader is not None, "what is polled is a document"
    read = make_reader()
    received_ms = intake.received(len(body))
    if len(body) <= BYTES_PER_TURN_MAX:
        decoded = read(body, received_ms)
    else:
        decoded = await asyncio.to_thread(read, body, received_ms)
    intake.decoded(decoded, received_ms)


# -- by HTTP ------------------------------------------------------------------------------------------


async def _answer(client: httpx2.AsyncClient, request: httpx2.Request) -> bytes:
    """Send a request, and read the answer whole.

    Raises:
        FeedLostError: There is none, it is refused, or it is too large.
    """
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            response = await client.send(request, stream=True)
            async with contextlib.aclosing(response):
                return await _body(response)
    except (TimeoutError, httpx2.TimeoutException):
        raise FeedLostError(f"it does not answer within {ANSWER_S_MAX:g} s") from None
    except httpx2.UnsupportedProtocol:
        raise FeedUnusableError("its address is no URL") from None
    except httpx2.RemoteProtocolError:
        raise FeedLostError("what answers is no web server, or it broke off") from None
    except (httpx2.TransportError, httpx2.StreamError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise FeedLostError("its certificate is not trusted by this machine") from None
        raise FeedLostError(f"it cannot be reached: {error or type(error).__name__}") from None


async def _body(response: httpx2.Response) -> bytes:
    if 300 <= response.status_code < 400:
        raise FeedLostError("it leads elsewhere; give the address that is meant")
    if response.status_code != 200:
        raise FeedLostError(f"it answers {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FeedLostError("it is packed, though that was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > DOCUMENT_BYTES_MAX:
            raise FeedLostError(_TOO_LARGE)
    return bytes(body)


def _token(name: str) -> str:
    """Read a token anew for each connection, as it may be replaced.

    Raises:
        FeedLostError: The file cannot be read, or holds no token.
    """
    try:
        with Path(name).open("rb") as file:
            token = file.read(TOKEN_BYTES_MAX).decode("ascii").strip()
    except OSError as error:
        raise FeedLostError(f"the file of the token cannot be read: {reason_of(error)}") from None
    except UnicodeDecodeError:
        token = ""
    if not (token and token.isprintable() and " " not in token):
        raise FeedLostError("the file of the token holds something else than a token")
    return token


# -- files --------------------------------------------------------------------------------------------


class _Look(NamedTuple):
    """By what it is seen that a file has changed."""

    inode: int
    modified_ns: int
    size: int


def _look_at(path: Path) -> _Look:
    """Look at a file.

    Raises:
        OSError: It is not there.
        FeedUnusableError: It is something else than a file; to read that might never end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise FeedUnusableError("it is no file")
    return _look_of(found)


def _look_of(found: os.stat_result) -> _Look:
    return _Look(found.st_ino, found.st_mtime_ns, found.st_size)


def _read_file(path: Path) -> tuple[bytes, _Look]:
    """Read a file whole, anew when it was changed meanwhile.

    Returns:
        What it held, and how it looked before it was read: if it was changed since, it is read again.
    """
    for _ in range(READS_MAX):
        with path.open("rb") as file:
            before = _look_of(os.fstat(file.fileno()))
            body = file.read(DOCUMENT_BYTES_MAX + 1)
            is_whole = _look_of(os.fstat(file.fileno())) == before
        if is_whole:
            break
    if len(body) > DOCUMENT_BYTES_MAX:
        raise FeedLostError(_TOO_LARGE)
    return body, before
