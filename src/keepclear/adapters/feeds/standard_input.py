"""A feed on the standard input: a stream that is read as fast as it can be taken, and not faster.

A thread of its own reads it: a terminal must not be made non-blocking for those who share it, and a file
cannot be waited for by an event loop. The thread does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Final

from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake
from keepclear.adapters.feeds.lost import FeedUnusableError, reason_of

_PIECES_AHEAD: Final = 4


async def read_descriptor(intake: Intake, descriptor: int) -> None:
    """Read a stream to its end; it waits whenever reports wait to be handed over.

    Args:
        intake: Takes what comes.
        descriptor: The descriptor of the file, 0 for the standard input.

    Raises:
        FeedUnusableError: It cannot be read.
    """
    make_decoder = intake.address.feed_format.make_decoder
    assert make_decoder is not None, "it is a stream"
    decoder = make_decoder()
    pieces: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    ahead = threading.Semaphore(_PIECES_AHEAD)
    is_over = threading.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        piece: bytes | OSError = b"-"
        while piece and isinstance(piece, bytes):
            ahead.acquire()
            if is_over.is_set():
                return
            try:
                piece = os.read(descriptor, BYTES_PER_TURN_MAX)
            except OSError as error:
                piece = error
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # the loop is closed
                return

    threading.Thread(target=read, name=f"feed {intake.address.name}", daemon=True).start()
    intake.connected()
    try:
        while piece := await pieces.get():
            if isinstance(piece, OSError):
                raise FeedUnusableError(f"it cannot be read: {reason_of(piece)}")
            await intake.take(decoder, piece)
            await intake.has_room()
            ahead.release()
    finally:
        is_over.set()
        ahead.release()
        intake.finish(decoder)
