"""A node that is served on a port of the loopback in a thread, for tests of what asks it over a socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import uvicorn

from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import NodeServer, listening
from keepclear.adapters.settings import NodeSettings, ServerSettings, Settings, WatchSettings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.adapters.token_file import write_token
from keepclear.core.conflicts import Item
from keepclear.core.intents import PartyId
from keepclear.main.watching import recorder_of, watch_rules_of
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor
from keepclear.testing.clock import ManualClock
from tests.strategies import NOON

PARTY: Final = "relief"
JOIN_S: Final = 20.0
"""So long a served node may take to stop; then the test fails."""


@dataclass(frozen=True, kw_only=True)
class ServedNode:
    """A node that answers on a socket.

    Attributes:
        url: Where it is.
        running: It.
        access: Who may do what at it.
        token_files: A file with a token of its party, by role.
    """

    url: str
    running: RunningNode
    access: Access
    token_files: Mapping[Role, Path]

    @property
    def token_file(self) -> Path:
        """The token of a duty officer."""
        return self.token_files[Role.DUTY_OFFICER]

    def declare(self, items: Sequence[Item]) -> None:
        """Have every party declare its items."""
        for item in items:
            assert item.party is not None
            actor = Actor(party=item.party, person="Nils")
            self._wait(
                self.running.node.desk.change(actor, lambda declaring, item=item: declaring.declare(item))
            )

    def _wait(self, answer: object) -> None:
        answer.result(JOIN_S)  # type: ignore[attr-defined]


def settings_of(
    folder: Path, *, party: str = PARTY, conflicts: ConflictPolicy = ConflictPolicy.REFUSE
) -> Settings:
    """Return settings of a node whose database is in a folder."""
    node = NodeSettings(party=party, name=party, conflicts=conflicts, database=folder / "node.sqlite3")
    return Settings(node=node, watch=WatchSettings(recordings=folder / "recordings"))


@contextlib.contextmanager
def served_node(
    folder: Path,
    *,
    settings: Settings | None = None,
    is_guest: bool = False,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[ServedNode]:
    """Serve a node with a new database on a free port of the loopback, until the block is left.

    Args:
        folder: Where the database and the files of tokens go.
        settings: How it is configured; None for `settings_of`. Where it listens is set here.
        is_guest: Whether whoever comes is its guest, as in a demonstration.
        clock: What time it is at the node; None for noon, for ever.
    """
    chosen = settings or settings_of(folder)
    tells = clock or ManualClock(NOON).now
    database = chosen.node.database
    store = SqliteStore(database, durability=Durability.NORMAL, create=True)
    access = Access(database, tells)
    actor = Actor(party=PartyId(chosen.node.party), person="Dana")
    files = {role: folder / f"{role.value}.token" for role in Role}
    for role, file in files.items():
        write_token(file, access.issue(actor, role)[1])
    guest = access.issue(actor, Role.DUTY_OFFICER)[0] if is_guest else None
    with listening("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        running = RunningNode(
            Parts(
                settings=replace(chosen, server=ServerSettings(listen=address)),
                store=store,
                access=access,
                form=JsonForm(),
                clock=tells,
                guest=guest,
                watch=watch_rules_of(chosen),
                keeps=recorder_of(chosen, now=tells),
            )
        )
        with serving(running, listener):
            yield ServedNode(url=f"http://{address}", running=running, access=access, token_files=files)


@contextlib.contextmanager
def serving(running: RunningNode, listener: socket.socket) -> Iterator[None]:
    """Serve a node in a thread until the block is left; then close it."""
    config = uvicorn.Config(running.app, log_config=None, access_log=False, lifespan="on")
    server = NodeServer(config, running)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name=running.node.settings.node.party
    )
    thread.start()  # until it serves, the socket holds whoever connects
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(JOIN_S)
        running.close()
        assert not thread.is_alive()
