"""Decoding in a process of its own: bytes go in, and reports come back as lines.

The library that decodes Mode S has another licence than this package, so it is never loaded here. The
process ends when the connection ends or this process does, as its standard input is closed then. When it
dies, the feed is connected anew, with a new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake
from keepclear.adapters.feeds.lost import FeedLostError, reason_of
from keepclear.codec.decoding import LINE_BYTES_MAX, Malformed, printable
from keepclear.codec.report_lines import ReportLinesDecoder

LAST_WORDS_S_MAX: Final = 2.0
"""So long a decoder may take for what was left over when its stream has ended."""
FRAME: Final = struct.Struct(">QI")
"""Stands before each piece of the stream: when it was received, milliseconds since 1970, and its length."""

_MODULE: Final = "keepclear.adapters.feeds.decoder"
_MALFORMED: Final = msgspec.json.Decoder(Malformed)


async def decode_in_child(pieces: AsyncIterator[bytes], intake: Intake) -> None:
    """Have a stream decoded by another process, until the stream ends.

    Args:
        pieces: The stream.
        intake: Takes the reports.

    Raises:
        FeedLostError: The process could not be started, or died; or the stream broke off.
    """
    child = await _started(intake.address.format)
    told = _Told(child, intake)
    feeding = asyncio.ensure_future(_feed(child, pieces, intake))
    listening = asyncio.ensure_future(told.listen())
    try:
        await asyncio.wait([feeding, listening], return_when=asyncio.FIRST_COMPLETED)
        has_died = listening.done()
        async with asyncio.timeout(LAST_WORDS_S_MAX):
            if feeding.done():
                try:
                    await feeding
                except OSError:  # it does not read any more
                    has_died = True
                finally:
                    await listening
        if has_died:
            await listening
            raise FeedLostError(f"its decoder ended: {told.last_words or 'it does not say why'}")
    except TimeoutError:
        raise FeedLostError("its decoder does not end") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        feeding.cancel()
        listening.cancel()
        await asyncio.gather(feeding, listening, return_exceptions=True)
        await child.wait()


def command(format_name: str) -> tuple[str, ...]:
    """Return the command that decodes a format; it imports nothing from the current folder."""
    return (sys.executable, "-P", "-m", _MODULE, format_name)


async def _started(format_name: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command(format_name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=4 * LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is for this process
        )
    except OSError as error:
        raise FeedLostError(f"its decoder cannot be started: {reason_of(error)}") from None


async def _feed(child: asyncio.subprocess.Process, pieces: AsyncIterator[bytes], intake: Intake) -> None:
    """Give the stream to the process, no faster than it reads."""
    assert child.stdin is not None
    try:
        async for data in pieces:
            child.stdin.write(FRAME.pack(intake.received(len(data)), len(data)) + data)
            await child.stdin.drain()
    finally:
        child.stdin.close()


class _Told:
    """What a decoder tells: reports on its standard output, what was malformed on its standard error."""

    def __init__(self, child: asyncio.subprocess.Process, intake: Intake) -> None:
        self.last_words = ""
        self._child, self._intake = child, intake

    async def listen(self) -> None:
        """Take what it tells, until it has ended."""
        await asyncio.gather(self._reports(), self._malformed())

    async def _reports(self) -> None:
        assert self._child.stdout is not None
        decoder = ReportLinesDecoder()
        while data := await self._child.stdout.read(BYTES_PER_TURN_MAX):
            now_ms = self._intake.now_ms()
            self._intake.decoded(decoder.decode(data, now_ms), now_ms)
            await asyncio.sleep(0)

    async def _malformed(self) -> None:
        assert self._child.stderr is not None
        while True:
            try:
                line = await self._child.stderr.readline()
            except ValueError:  # a line that is too long, of which nothing is kept
                continue
            if not line:
                return
            try:
                fault = _MALFORMED.decode(line)
            except msgspec.DecodeError:
                self.last_words = printable(line.strip())
                continue
            self._intake.malformed(fault.count, fault.reason, fault.sample, self._intake.now_ms())
