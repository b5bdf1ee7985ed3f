"""The demonstration: three nodes of three parties, each a process of its own, linked by TLS on this machine.

Here is who starts them, gives the card of each to the others, and waits until all can be looked at. When
this process ends, however it ends, the nodes end too, and remove what they made.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final, TypeVar

from keepclear.adapters import clock
from keepclear.adapters.http.server import listening
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import PartyId
from keepclear.main.demo_node import Beginning, Card, Failed, Pairing, Plan, Shown, run_demo_node
from keepclear.main.node import until_told
from keepclear.testing.clock import ScaledClock
from keepclear.testing.worlds.demo import PARTIES

DEFAULT_PORT: Final = 8421
"""The first console is here if that port is free, and the others behind it."""
PORTS_TRIED: Final = 20
"""So many ports are tried from the default one on, until each node has one."""
STOP_S: Final = 15.0
"""So long the nodes may take to end; what takes longer is killed."""
PORT_LAST: Final = 65_535
"""There is no port behind this one."""
_HOST: Final = "127.0.0.1"

_T = TypeVar("_T")


class DemoEndedError(KeepclearError):
    """A node of the demonstration cannot go on, and so the others end, too."""


def run_demo(
    *, port: int | None, speed: float, world: str, started: Callable[[Sequence[Shown]], None]
) -> None:
    """Run the demonstration until the process is told to stop; nothing of it is kept.

    Args:
        port: Where the first console is, with the others behind it, or 0 for any ports; None for the
            first that are free from `DEFAULT_PORT` on.
        speed: How fast its time runs.
        world: Which world, one of `SCENERIES`.
        started: Called once every console shows everything.

    Raises:
        InvalidValueError: A port is in use, or the speed is out of range.
        DemoEndedError: A node cannot run, or has ended.
    """
    ScaledClock(clock.now(), speed, time.monotonic)  # refuses a speed out of range before all else
    with (
        until_told(),
        tempfile.TemporaryDirectory(prefix="keepclear-demo-", ignore_cleanup_errors=True) as folder,
        _consoles(port) as consoles,
        _nodes(Path(folder), speed, world, consoles) as nodes,
    ):
        cards = [node.told(Card) for node in nodes]
        pairing = Pairing(cards=cards, starts_at=clock.now())
        for node in nodes:
            node.talk.send(pairing)
        shown = [node.told(Shown) for node in nodes]
        for node in nodes:
            node.talk.send(Beginning(at=clock.now()))
        started(shown)
        while True:
            ended = wait([node.talk for node in nodes])
            next(node for node in nodes if node.talk in ended).told(Shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    party: PartyId
    process: SpawnProcess
    talk: Connection[Pairing | Beginning, Card | Shown | Failed]

    def told(self, kind: type[_T]) -> _T:
        """Return what the node tells next.

        Raises:
            DemoEndedError: It has ended.
        """
        try:
            told = self.talk.recv()
        except (EOFError, ConnectionError):
            told = Failed(reason="it has ended")
        if isinstance(told, Failed):
            raise DemoEndedError(f"the node of {self.party}: {told.reason}")
        assert isinstance(told, kind), "both ends of the pipe are ours"
        return told


@contextlib.contextmanager
def _nodes(
    folder: Path, speed: float, world: str, consoles: Sequence[socket.socket]
) -> Iterator[list[_Node]]:
    """Start the nodes, all at the same time; they have ended when this has."""
    nodes = []
    try:
        for party, console in zip(PARTIES, consoles, strict=True):
            with console, listening(_HOST, 0) as link:  # they are the node's from then on
                plan = Plan(
                    party=party,
                    folder=folder / party,
                    speed=speed,
                    world=world,
                    console=console,
                    link=link,
                )
                nodes.append(_started(plan))
        yield nodes
    finally:
        for node in nodes:
            node.talk.close()  # which tells it to stop
        deadline = time.monotonic() + STOP_S
        for node in nodes:
            node.process.join(max(0.0, deadline - time.monotonic()))
            node.process.kill()
            node.process.join()
            node.process.close()


def _started(plan: Plan) -> _Node:
    spawn = multiprocessing.get_context("spawn")
    talk, its_talk = spawn.Pipe()
    process = spawn.Process(target=run_demo_node, args=(plan, its_talk), daemon=True)
    # Ctrl+C reaches every process of a terminal, and one that has just started could not take it yet.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, before)
        its_talk.close()
    return _Node(party=plan.party, process=process, talk=talk)


@contextlib.contextmanager
def _consoles(port: int | None) -> Iterator[list[socket.socket]]:
    """Listen for the consoles, on the ports that were asked for or on those that are free."""
    with contextlib.ExitStack() as stack:
        if port is not None:
            wanted = [port + behind if port else 0 for behind in range(len(PARTIES))]
            if wanted[-1] > PORT_LAST:
                reason = f"{len(PARTIES)} consoles need as many ports, and {PORT_LAST} is the last"
                raise InvalidValueError("port", reason)
            yield [stack.enter_context(listening(_HOST, each)) for each in wanted]
            return
        found: list[socket.socket] = []
        for tried in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
            with contextlib.suppress(InvalidValueError):
                found.append(stack.enter_context(listening(_HOST, tried)))
            if len(found) == len(PARTIES):
                yield found
                return
        last = DEFAULT_PORT + PORTS_TRIED - 1
        raise InvalidValueError(
            "port", f"from {DEFAULT_PORT} to {last} there are not {len(PARTIES)} free; name one by --port"
        )
