"""Memory that nothing uses is given back to the system."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from keepclear.adapters import memory

_CAN_BE_ASKED = (
    sys.platform.startswith("linux")
    and hasattr(ctypes.CDLL(None), "malloc_trim")
    and Path("/proc/self/statm").exists()
)

_PROGRAM = """
import gc
from keepclear.adapters.memory import give_back

def held_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

gc.disable()
pieces = [bytes(2_000) for _ in range(20_000)]  # 40 MB, each too large for a pool of Python
kept = pieces[::100]  # what lives on between them, to the very end
before = held_bytes()
del pieces
freed = held_bytes()
give_back()
print(before - freed, freed - held_bytes(), sum(map(len, kept)))
"""


@pytest.mark.skipif(not _CAN_BE_ASKED, reason="this C library cannot be asked")
def test_what_is_free_between_what_lives_on_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    by_itself, given_back, kept = map(int, done.stdout.split())
    assert kept == 200 * 2_000
    assert by_itself < 4_000_000, "the allocator gave it back by itself, so that this shows nothing"
    assert given_back > 30_000_000


def test_where_it_cannot_be_asked_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back()


def test_no_other_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("its libraries are found in another way"))
    memory.give_back()


def test_it_is_done_again_and_again_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(memory, "GIVE_BACK_EVERY_S", 0.001)
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))

    async def live() -> None:
        task = asyncio.create_task(memory.keep_giving_back())
        async with asyncio.timeout(30.0):
            while len(given) < 3:
                await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(live())
