"""Memory that nothing uses any more, given back to the system.

Every cycle of a watch frees as much as it takes, but what lives on lies in between, and the allocator of the
GNU C library gives back only what is free at the end of its heap.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from typing import Final

GIVE_BACK_EVERY_S: Final = 60.0
"""So often memory is given back."""


def give_back() -> None:
    """Give the pages in which nothing is used back to the system; nothing happens where that cannot be asked.

    Other threads run on meanwhile.

    Source:
        malloc_trim(3). Other C libraries have no such call.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def keep_giving_back() -> None:
    """Do so every `GIVE_BACK_EVERY_S`, in a thread of its own, until it is cancelled."""
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY_S)
        await asyncio.to_thread(give_back)
