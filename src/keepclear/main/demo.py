"""The demonstration: one node of one party in a temporary folder, with a world that moves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.adapters.desk import Desk
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import listening, serve
from keepclear.adapters.logs import start_logging
from keepclear.adapters.settings import (
    LogFormat,
    LogLevel,
    LogSettings,
    NodeSettings,
    ServerSettings,
    Settings,
)
from keepclear.adapters.store.access import TOKEN_DAYS_MAX, Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.adapters.token_file import write_token
from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent
from keepclear.core.times import floor_ms
from keepclear.main.node import TOKEN_NAME, until_told, url_of
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy, span_ms
from keepclear.node.ports import Actor
from keepclear.node.workbench import Change
from keepclear.testing.clock import ScaledClock
from keepclear.testing.worlds.demo import DemoWorld, demo_world

DEFAULT_PORT: Final = 8421
PORTS_TRIED: Final = 20
"""So many ports are tried, from the default one on, until one is free."""
NAMES: Final = {"relief-org": "Relief Organisation", "coalition": "Coalition", "north-force": "North Force"}
"""How the parties of the world are called. They are invented."""
_TICK_S: Final = 1.0


def run_demo(*, port: int | None, speed: float, started: Callable[[str, Path], None]) -> None:
    """Run the demonstration until the process is told to stop; nothing of it is kept.

    Args:
        port: Where to listen; None for the first that is free from `DEFAULT_PORT` on.
        speed: How fast its time runs.
        started: Called with its URL, and the file of a token for it, once it can be looked at.

    Raises:
        InvalidValueError: The port is in use, or the speed is out of range.
        StoreError: The temporary folder cannot be used.
    """
    start_logging(LogSettings(level=LogLevel.ERROR, format=LogFormat.TEXT))  # it is for people
    world_clock = ScaledClock(clock.now(), speed, time.monotonic)
    with (
        until_told(),
        tempfile.TemporaryDirectory(prefix="keepclear-demo-") as folder,
        _free_port(port) as listener,
    ):
        number = listener.getsockname()[1]
        database = Path(folder) / "demo.sqlite3"
        store = SqliteStore(database, create=True)
        access = Access(database, world_clock.now)
        world = demo_world(world_clock.now())
        guest, secret = access.issue(
            Actor(party=world.party, person="guest"), Role.DUTY_OFFICER, days=TOKEN_DAYS_MAX
        )
        token_file = Path(folder) / TOKEN_NAME
        write_token(token_file, secret)
        settings = Settings(
            node=NodeSettings(
                party=world.party,
                name=NAMES[world.party],
                conflicts=ConflictPolicy.RECORD,
                database=database,
            ),
            server=ServerSettings(listen=f"127.0.0.1:{number}"),
        )
        running = RunningNode(
            Parts(
                settings=settings,
                store=store,
                access=access,
                form=JsonForm(),
                clock=world_clock.now,
                speed=speed,
                guest=guest,
            )
        )
        declare_world(running.node.desk, world)
        mover = _Mover(running, world)
        mover.move()
        url = url_of(settings, number)
        serve(running, listener, started=lambda: started(url, token_file), alongside=mover.run)


def declare_world(desk: Desk, world: DemoWorld) -> None:
    """Have every party of a world declare its items.

    Raises:
        KeepclearError: An item is refused.
    """
    answers = []
    for item in world.items:
        assert item.party is not None, "every item of the world has a party"
        actor = Actor(party=item.party, person="recorded")
        answers.append(desk.change(actor, _declaring(item)))
    for answer in answers:
        answer.result()


@contextlib.contextmanager
def _free_port(port: int | None) -> Iterator[socket.socket]:
    """Listen on a port, or on the first that is free."""
    if port is not None:
        with listening("127.0.0.1", port) as listener:
            yield listener
        return
    with contextlib.ExitStack() as stack:
        for tried in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
            with contextlib.suppress(InvalidValueError):
                listener = stack.enter_context(listening("127.0.0.1", tried))
                break
        else:
            last = DEFAULT_PORT + PORTS_TRIED - 1
            raise InvalidValueError("port", f"none from {DEFAULT_PORT} to {last} is free; name one by --port")
        yield listener


def _declaring(item: Item) -> Change:
    return lambda declaring: declaring.declare(item)


def _activating(item_id: ItemId) -> Change:
    return lambda declaring: declaring.change_state(item_id, IntentEvent.ACTIVATE, 1)


class _Mover:
    """Gives the positions of what flies, and has the other parties activate what begins."""

    def __init__(self, running: RunningNode, world: DemoWorld) -> None:
        self._running, self._world = running, world
        waiting = [
            (span_ms(item)[0], item)
            for item in world.items
            if isinstance(item, OperationalIntent)
            and item.state is IntentState.ACCEPTED
            and item.party != world.party
        ]
        self._beginning = sorted(waiting, key=lambda entry: (entry[0], entry[1].id), reverse=True)

    def move(self) -> None:
        node = self._running.node
        now = node.clock()
        node.take_positions(self._world.tracks_at(now))
        while self._beginning and self._beginning[-1][0] <= floor_ms(now):
            _, item = self._beginning.pop()
            assert item.party is not None
            actor = Actor(party=item.party, person="recorded")
            node.desk.change(actor, _activating(item.id))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.move()
