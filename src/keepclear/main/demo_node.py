"""One node of the demonstration, in a process of its own, with the invented people of its party.

It is made as `init` makes one, and pairs by the cards that it is given. It ends when the other end of
its pipe is closed, so also when who started it was killed, and takes its folder with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keepclear.adapters import clock
from keepclear.adapters.config import load_settings
from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import Federation
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import serve
from keepclear.adapters.keys import KeyFolder, load_locked_key, load_node_key
from keepclear.adapters.logs import start_logging
from keepclear.adapters.notary import Notary
from keepclear.adapters.settings import LogFormat, LogLevel, LogSettings, Settings
from keepclear.adapters.store.access import TOKEN_DAYS_MAX, Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.codec.cards import decode_card, encode_card
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.times import floor_ms
from keepclear.main.demo_people import People
from keepclear.main.init import Made, init
from keepclear.main.keys import KEYS_NAME, Wanted, root_key_of
from keepclear.main.node import until_told
from keepclear.main.watching import recorder_of, watch_rules_of
from keepclear.node.access import Role
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.workbench import Voice
from keepclear.testing.clock import ScaledClock
from keepclear.testing.worlds.demo import NAMES, OFFICERS, SCENERIES, demo_world

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    Talk = Connection["Card | Shown | Failed", "Pairing | Beginning"]

PASSPHRASE: Final = "only a demonstration"
"""What locks the keys of the demonstration, on which nothing rests."""
STOP_S: Final = 10.0
"""So long a node may take to end once it should; then it is ended in the middle of what it does."""
_GUEST: Final = "guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a node is started with.

    Attributes:
        party: Whose it is.
        folder: Where it is made; the folder is not there yet, and is removed in the end.
        speed: How fast its time runs.
        world: Which world, one of `SCENERIES`.
        console: The socket of its API and console.
        link: The socket of its federation.
    """

    party: PartyId
    folder: Path
    speed: float
    world: str
    console: socket.socket
    link: socket.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a node tells first.

    Attributes:
        text: Its card.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a node is given then.

    Attributes:
        cards: The cards of all nodes, its own among them.
        starts_at: What time it is for all of them, until the world begins.
    """

    cards: Sequence[Card]
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a node tells once it shows everything.

    Attributes:
        party: Whose it is.
        name: How people call the party.
        url: Where its console is.
        folder: Where its configuration, its token and its keys are.
    """

    party: PartyId
    name: str
    url: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a node is given at last: the time passes from now on.

    Attributes:
        at: When it was said.
    """

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What a node tells that cannot go on.

    Attributes:
        reason: Why.
    """

    reason: str


class _WorldClock:
    """A clock that stands still until the world begins, so that nothing is over before all is set up."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start, self._speed = start, speed
        self._running: ScaledClock | None = None

    def now(self) -> datetime:
        return self._start if self._running is None else self._running.now()

    def begin(self, at: datetime) -> None:
        """Run, as if from a real instant a moment ago."""
        passed = (clock.now() - at) * self._speed
        self._running = ScaledClock(self._start + passed, self._speed, time.monotonic)


def run_demo_node(plan: Plan, talk: Talk) -> None:
    """Run a node until the other end of the pipe is closed; nothing of it is kept."""
    start_logging(LogSettings(level=LogLevel.ERROR, format=LogFormat.TEXT))  # it is for people
    with until_told(), plan.console, plan.link:
        try:
            _run(plan, talk)
        except (EOFError, ConnectionError):
            pass  # nobody waits for it any more
        except KeepclearError as error:
            _tell(talk, Failed(reason=str(error)))
        finally:
            shutil.rmtree(plan.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another node is still in it, or it is gone
                plan.folder.parent.rmdir()


def _tell(talk: Talk, what: Shown | Failed) -> None:
    with contextlib.suppress(ConnectionError):  # nobody waits for it any more
        talk.send(what)


def _run(plan: Plan, talk: Talk) -> None:
    made = _made(plan)
    assert made.card is not None, "it has keys"
    talk.send(Card(text=encode_card(made.card)))
    pairing = talk.recv()
    assert isinstance(pairing, Pairing), "both ends of the pipe are ours"
    world_clock = _WorldClock(pairing.starts_at, plan.speed)
    with _following(talk, world_clock):
        settings = load_settings(
            str(made.config),
            environment={
                "KEEPCLEAR_NODE_CONFLICTS": "record",
                "KEEPCLEAR_WATCH_RULES": SCENERIES[plan.world].rules,
            },
        )
        store = SqliteStore(settings.node.database, durability=Durability.NORMAL)  # it is not kept
        _pin(store, pairing, plan.party)
        running = _running(plan, settings, store, world_clock)
        key = load_locked_key(KeyFolder(plan.folder / KEYS_NAME).officer(OFFICERS[plan.party]), PASSPHRASE)
        people = People(running.node, demo_world(pairing.starts_at, name=plan.world), plan.party, key)
        people.declare(knowing=False)
        shown = Shown(
            party=plan.party,
            name=NAMES[plan.party],
            url=f"http://{_address(plan.console)}",
            folder=plan.folder,
        )

        async def living() -> None:
            try:
                await people.live(lambda: _tell(talk, shown))
            except KeepclearError as error:
                _tell(talk, Failed(reason=str(error)))
            except Exception as error:  # whatever it is: who waits for this node has to know
                _tell(talk, Failed(reason=f"a fault of the demonstration: {error!r}"))
                raise

        serve(running, plan.console, alongside=living)


def _running(plan: Plan, settings: Settings, store: SqliteStore, world_clock: _WorldClock) -> RunningNode:
    keys = KeyFolder(plan.folder / KEYS_NAME)
    notary = Notary(plan.party, load_node_key(keys.node))
    access = Access(settings.node.database, world_clock.now)
    guest, _ = access.issue(Actor(party=plan.party, person=_GUEST), Role.DUTY_OFFICER, days=TOKEN_DAYS_MAX)

    def linked(desk: Desk) -> Federation:
        return Federation(desk, notary, keys, store.parties, plan.link, clock=world_clock.now)

    return RunningNode(
        Parts(
            settings=settings,
            store=store,
            access=access,
            form=JsonForm(),
            clock=world_clock.now,
            watch=watch_rules_of(settings),
            keeps=recorder_of(settings, now=world_clock.now),
            speed=plan.speed,
            guest=guest,
            voice=Voice(party=plan.party, notary=notary, root_key_of=root_key_of),
            linked=linked,
        )
    )


def _made(plan: Plan) -> Made:
    wanted = Wanted(
        officer=OFFICERS[plan.party],
        root_passphrase=PASSPHRASE,
        officer_passphrase=PASSPHRASE,
        address=_address(plan.link),
        is_for_show=True,
    )
    listen = _address(plan.console)
    return init(plan.folder, plan.party, NAMES[plan.party], _GUEST, wanted=wanted, listen=listen)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"


def _pin(store: SqliteStore, pairing: Pairing, own: PartyId) -> None:
    with store.transaction() as transaction:
        for card in (decode_card(each.text) for each in pairing.cards):
            if card.party != own:
                transaction.pin(
                    KnownParty(
                        id=card.party,
                        name=card.name,
                        card=encode_card(card),
                        is_own=False,
                        pinned_ms=floor_ms(pairing.starts_at),
                    )
                )


@contextlib.contextmanager
def _following(talk: Talk, world_clock: _WorldClock) -> Iterator[None]:
    """Begin when that is said, and end this process once the pipe is closed, whatever it is doing then."""
    has_ended = threading.Event()

    def follow() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                told = talk.recv()
                assert isinstance(told, Beginning), "both ends of the pipe are ours"
                world_clock.begin(told.at)
        if not has_ended.is_set():
            signal.raise_signal(signal.SIGTERM)
            if not has_ended.wait(STOP_S):
                os._exit(1)

    threading.Thread(target=follow, name="demonstration", daemon=True).start()
    try:
        yield
    finally:
        has_ended.set()
