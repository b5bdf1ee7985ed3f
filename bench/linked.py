"""Two parties whose nodes are processes of their own, made by `init`, paired, and linked over TLS.

The process is this file (`python -m bench.linked FOLDER`), and does what `keepclear serve` does.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from bench.served import Client, Process, token_of
from keepclear.adapters import clock
from keepclear.adapters.config import load_settings
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.codec.cards import PartyCard, encode_card
from keepclear.core.times import floor_ms
from keepclear.main.init import DATABASE_NAME, init
from keepclear.main.keys import Wanted
from keepclear.main.node import run
from keepclear.node.ports import KnownParty

LINK_S: Final = 30.0
"""So long two nodes may take to hear each other."""

OFFICER: Final = "Dana"
"""Each party has this duty officer, with a key."""
PASSPHRASE: Final = "not a secret of anybody"
"""It locks the keys."""

_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedNode:
    """A node that runs, and its peer.

    Attributes:
        party: Whose it is.
        peer: The party that it is linked with.
        process: It.
        token: That of a duty officer.
    """

    party: str
    peer: str
    process: Process
    token: str

    def client(self) -> Client:
        """Return a connection to its API."""
        return Client(self.process.port, self.token)

    def told(self, path: str) -> Any:
        """Return what it tells.

        Raises:
            RuntimeError: It refuses.
        """
        return self._asked("GET", path)

    def switch(self, *, is_off: bool) -> None:
        """Switch its link off or on.

        Raises:
            RuntimeError: It refuses.
        """
        self._asked("PUT", f"/v1/links/{self.peer}", msgspec.json.encode({"switched_off": is_off}))

    def log_of(self, party: str) -> tuple[int, str]:
        """Return the size and the root of a party's log as it has it."""
        parties = self.told("/v1/parties")["parties"]
        log = next(each["log"] for each in parties if each["id"] == party)
        return log["size"], log["root"]

    def _asked(self, method: str, path: str, body: bytes | None = None) -> Any:
        client = self.client()
        try:
            status, answer = client.ask(method, path, body)
        finally:
            client.close()
        if status != http.client.OK:
            raise RuntimeError(f"{method} {path} was answered with {status}: {answer[:300]!r}")
        return msgspec.json.decode(answer)


@contextlib.contextmanager
def linked_nodes(folder: Path, parties: tuple[str, str] = ("alpha", "bravo")) -> Iterator[list[LinkedNode]]:
    """Make two nodes in a new folder, pair and start them, and wait until they hear each other."""
    cards = [_made(folder / party, party) for party in parties]
    for party, other in zip(parties, reversed(cards), strict=True):
        _pin(folder / party, other)
    with contextlib.ExitStack() as stack:
        nodes = [
            LinkedNode(
                party=party,
                peer=peer,
                process=stack.enter_context(Process(["-m", "bench.linked", str(folder / party)])),
                token=token_of(folder / party / DATABASE_NAME, party, clock.now()),
            )
            for party, peer in zip(parties, reversed(parties), strict=True)
        ]
        until(lambda: all(_is_up(node) for node in nodes), "the link", LINK_S)
        yield nodes


def _made(folder: Path, party: str) -> PartyCard:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"  # it is free again in a moment
    wanted = Wanted(
        officer=OFFICER, root_passphrase=PASSPHRASE, officer_passphrase=PASSPHRASE, address=address
    )
    card = init(folder, party, party, "bench", wanted=wanted, listen="127.0.0.1:0").card
    assert card is not None, "keys were wanted"
    return card


def _pin(folder: Path, card: PartyCard) -> None:
    known = KnownParty(
        id=card.party, name=card.name, card=encode_card(card), is_own=False, pinned_ms=floor_ms(clock.now())
    )
    store = SqliteStore(folder / DATABASE_NAME)
    try:
        with store.transaction() as transaction:
            transaction.pin(known)
    finally:
        store.close()


def _is_up(node: LinkedNode) -> bool:
    """Tell whether a node hears its peer and has its first entries, those of its keys."""
    links = node.told("/v1/links")["links"]
    return any(link["state"] == "up" for link in links) and node.log_of(node.peer)[0] > 0


def until(is_so: Callable[[], bool], what: str, limit_s: float) -> None:
    """Wait until something is so.

    Raises:
        RuntimeError: It was not within the limit.
    """
    end_s = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > end_s:
            raise RuntimeError(f"{what} was not there within {limit_s:g} s")
        time.sleep(_LOOK_EVERY_S)


class Streaming(threading.Thread):
    """Listens to the stream of a node; what it does with each line is told by `heard`.

    Args:
        node: The node.

    Raises:
        OSError: It cannot be reached.
    """

    def __init__(self, node: LinkedNode) -> None:
        super().__init__(name=f"listening to {node.party}", daemon=True)
        self._news = threading.Condition()
        self._connection = http.client.HTTPConnection("127.0.0.1", node.process.port)
        headers = {"Authorization": f"Bearer {node.token}"}
        self._connection.request("GET", "/v1/stream", headers=headers)
        self._socket: socket.socket = self._connection.sock  # the answer may take it over
        self._answer = self._connection.getresponse()
        if self._answer.status != http.client.OK:
            raise RuntimeError(f"the stream was refused: {self._answer.read()[:300]!r}")
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # it was closed, here or there
            while line := self._answer.readline():
                self.heard(line)

    def heard(self, line: bytes) -> None:
        """Take a line of the stream."""
        raise NotImplementedError

    def close(self) -> None:
        """Listen no longer."""
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self._connection.close()


class Listening(Streaming):
    """Knows when the stream of a node told of which item.

    Args:
        node: The node.

    Raises:
        OSError: It cannot be reached.
    """

    def __init__(self, node: LinkedNode) -> None:
        self._heard: dict[str, float] = {}
        self._is_item = False
        super().__init__(node)

    def heard(self, line: bytes) -> None:
        """Take a line of the stream."""
        heard_s = time.perf_counter()
        if line.startswith(b"event: "):
            self._is_item = line.strip() == b"event: item"
        elif self._is_item and line.startswith(b"data: "):
            item_id = msgspec.json.decode(line[len(b"data: ") :])["record"]["item"]["id"]
            with self._news:
                self._heard[item_id] = heard_s
                self._news.notify_all()

    def heard_s(self, item_id: str, limit_s: float) -> float:
        """Return when it heard of an item, by `perf_counter`; wait for it.

        Raises:
            RuntimeError: It did not within the limit.
        """
        with self._news:
            if not self._news.wait_for(lambda: item_id in self._heard, limit_s):
                raise RuntimeError(f"{item_id} did not come within {limit_s:g} s")
            return self._heard[item_id]


def main(folder: str) -> None:
    """Serve a node; its port is the first line of the output."""
    settings = load_settings(
        str(Path(folder) / "keepclear.toml"), environment={"KEEPCLEAR_LOG_LEVEL": "error"}
    )
    run(settings, started=lambda url: print(urlsplit(url).port, flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
