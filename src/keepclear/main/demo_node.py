"""One node of the demonstration, in a process of its own, with the invented people of its party.

It is made as `init` makes one, and pairs by the cards that it is given. It ends when the other end of
its pipe is closed, so also when who started it was killed, and takes its folder with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.adapters.config import load_settings
from keepclear.adapters.http.app import RunningNode
from keepclear.adapters.http.server import serve
from keepclear.adapters.keys import KeyFolder, load_locked_key
from keepclear.adapters.logs import start_logging
from keepclear.adapters.notary import sign_deed
from keepclear.adapters.settings import LogFormat, LogLevel, LogSettings
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.codec.agreements import encode as encode_agreement
from keepclear.codec.cards import decode_card, encode_card
from keepclear.core.agreements import digest
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Acknowledgement, AgreementAnswer, AgreementProposal, Deed, ItemRef
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.times import floor_ms
from keepclear.main.init import Made, init
from keepclear.main.keys import Wanted
from keepclear.main.node import until_told
from keepclear.node.logs import Logs
from keepclear.node.negotiate import speak
from keepclear.node.policy import span_ms
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.workbench import Change, Workbench
from keepclear.testing.clock import ScaledClock
from keepclear.testing.worlds.demo import NAMES, OFFICERS, DemoWorld, demo_agreements, demo_world

PASSPHRASE: Final = "only a demonstration"
"""What locks the keys of the demonstration, which nothing rests on."""
AHEAD_S: Final = 1_800.0
"""The officers acknowledge what begins within so long, and leave the rest for later."""
OFFICER_S: Final = 5.0
"""So often an officer looks what there is to acknowledge or to answer."""
STOP_S: Final = 10.0
"""So long the node may take to end once it should; then it is ended in the middle of what it does."""
_TICK_S: Final = 1.0
_SOON_S: Final = 0.1
_NONCE_BYTES: Final = 16
_GUEST: Final = "guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a node is started with.

    Attributes:
        party: Whose it is.
        folder: Where it is made; the folder is not there yet, and is removed in the end.
        speed: How fast its time runs.
        console: The socket of its API and console.
        link: The socket of its federation.
    """

    party: PartyId
    folder: Path
    speed: float
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
        starts_at: When the world is first looked at.
    """

    cards: Sequence[Card]
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a node tells once it shows everything.

    Attributes:
        party: Whose it is.
        url: Where its console is.
        folder: Where its configuration, its token and its keys are.
    """

    party: PartyId
    url: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What a node tells that cannot go on.

    Attributes:
        reason: Why.
    """

    reason: str


Talk = Connection[Card | Shown | Failed, Pairing]


def run_demo_node(plan: Plan, talk: Talk) -> None:
    """Run a node until the other end of the pipe is closed; nothing of it is kept."""
    start_logging(LogSettings(level=LogLevel.ERROR, format=LogFormat.TEXT))  # it is for people
    with until_told():
        try:
            _run(plan, talk)
        except (EOFError, ConnectionError):
            pass  # nobody waits for it any more
        except KeepclearError as error:
            with contextlib.suppress(ConnectionError):
                talk.send(Failed(reason=str(error)))
        finally:
            shutil.rmtree(plan.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another node is still in it
                plan.folder.parent.rmdir()


def _run(plan: Plan, talk: Talk) -> None:
    made = _made(plan)
    assert made.card is not None, "it has keys"
    assert made.keys is not None, "it has keys"
    talk.send(Card(text=encode_card(made.card)))
    pairing = talk.recv()
    with _ending_with(talk):
        ...


def _made(plan: Plan) -> Made:
    wanted = Wanted(
        officer=OFFICERS[plan.party],
        root_passphrase=PASSPHRASE,
        officer_passphrase=PASSPHRASE,
        address=_address(plan.link),
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
def _ending_with(talk: Talk) -> Iterator[None]:
    """End this process once the other end of the pipe is closed, whatever it is doing."""
    ended = threading.Event()

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            talk.recv()  # nothing comes any more
        if not ended.is_set():
            signal.raise_signal(signal.SIGTERM)
            if not ended.wait(STOP_S):
                os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
