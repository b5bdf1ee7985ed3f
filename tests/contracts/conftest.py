"""The stores that every suite here runs over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from keepclear.adapters.store.memory import MemoryStore
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.node.ports import Store

Opened = Callable[[], AbstractContextManager[Store]]


class UndoneError(Exception):
    """Leaves a transaction or a savepoint, so that it is undone."""


def opening(kind: str, folder: Path) -> Opened:
    """Return what opens a new store of a kind, in a file of its own."""
    numbers = itertools.count()

    def opened() -> AbstractContextManager[Store]:
        path = folder / f"{next(numbers)}.db"
        return closing(MemoryStore() if kind == "memory" else SqliteStore(path, create=True))

    return opened


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opening(request.param, tmp_path)() as opened:
        yield opened


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Opened, Opened]:
    folder = tmp_path_factory.mktemp("stores")
    return opening("memory", folder), opening("sqlite", folder)
