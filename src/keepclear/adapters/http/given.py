"""The items that a request gives: read, and refused with everything that is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from keepclear.adapters.http.problems import InputProblemsError
from keepclear.codec.reading import Problem, Reading
from keepclear.core.conflicts import Item
from keepclear.node.ports import Actor

INLINE_BYTES: Final = 32_000
"""Items up to this size are read in the thread that serves everybody; larger ones in another."""

_T = TypeVar("_T")


async def aside(read: Callable[[], _T], size_bytes: int) -> _T:
    """Do something at once if it is small, else in another thread."""
    return read() if size_bytes <= INLINE_BYTES else await asyncio.to_thread(read)


def single(reading: Reading) -> tuple[Item, list[str]]:
    """Return the only item that was read, and what was assumed about it."""
    if reading.problems:
        raise InputProblemsError(tuple(reading.problems))
    if len(reading.placed) != 1:
        reason = f"it must hold one item, not {len(reading.placed)}"
        raise InputProblemsError((Problem(source="request", reason=reason),))
    return reading.placed[0].item, [assumption.text for assumption in reading.assumptions]


def renamed(reading: Reading, found: str, given: str) -> Reading:
    """Return a reading whose problems name the field where it was given."""
    problems = [
        replace(problem, field=f"{given}{problem.field.removeprefix(found)}") for problem in reading.problems
    ]
    return Reading(reading.source, reading.placed, problems, reading.assumptions)


def owned(item: Item, actor: Actor) -> Item:
    """Return the item with its party: who gives one without means the own."""
    return item if item.party is not None else replace(item, party=actor.party)
