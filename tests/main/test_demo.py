"""The demonstration: three nodes, linked; each shows everything, and none outlives who started them."""

from __future__ import annotations

import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import pytest

from keepclear.adapters.http.client import NodeRefusedError
from keepclear.adapters.http.talking import TalkClient
from keepclear.adapters.token_file import read_token
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import OperationalIntent
from keepclear.core.ledger import Coordination
from keepclear.core.times import TimeWindow
from keepclear.main import demo
from keepclear.main.demo import DemoEndedError, run_demo
from keepclear.testing.clock import SPEED_RATIO_MAX
from keepclear.testing.worlds.demo import NAMES, PARTIES
from tests.strategies import band, intent, square, volume

WAIT_S: Final = 60.0
"""So long anything may take at most, on a machine that is busy with other tests too."""
CHILDREN: Final = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
"""Where Linux lists the processes that a process started."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """A demonstration that runs.

    Attributes:
        process: Who started the nodes; its standard error ends when all of them have ended.
        folders: The folder of each node, by its party.
        clients: Who asks each node, as its administrator.
    """

    process: subprocess.Popen[str]
    folders: dict[str, Path]
    clients: dict[str, TalkClient]

    def ended(self) -> str:
        """Wait until no process is left; return what they told."""
        assert self.process.stderr is not None
        watchdog = threading.Timer(WAIT_S, self.process.stderr.close)
        watchdog.start()
        try:
            return self.process.stderr.read()
        finally:
            watchdog.cancel()

    @property
    def folder(self) -> Path:
        """What all folders are in."""
        return self.folders[PARTIES[0]].parent


@contextmanager
def demonstration(*arguments: str) -> Iterator[Demonstration]:
    """Run the demonstration until it is ready, and end it."""
    command = [sys.executable, "-W", "error", "-m", "keepclear.cli", "demo", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, ExitStack() as clients:
        watchdog = threading.Timer(WAIT_S, process.kill)
        watchdog.start()
        try:
            assert process.stderr is not None
            told = []
            for line in process.stderr:
                told.append(line)
                if "Ctrl+C" in line:
                    break
            found = re.findall(r"^  ([\w ]+?) +(http://\S+) +(\S+)$", "".join(told), re.MULTILINE)
            assert [name for name, _, _ in found] == [NAMES[party] for party in PARTIES], told
            watchdog.cancel()
            folders = {party: Path(each[2]) for party, each in zip(PARTIES, found, strict=True)}
            yield Demonstration(
                process=process,
                folders=folders,
                clients={
                    party: clients.enter_context(
                        TalkClient(each[1], read_token(folders[party] / "keepclear.token"))
                    )
                    for party, each in zip(PARTIES, found, strict=True)
                },
            )
        finally:
            watchdog.cancel()
            process.kill()  # if it has not ended


def until(told: Callable[[], _T | None]) -> _T:
    """Return what is told as soon as it is."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        found = told()
        if found:
            return found
        time.sleep(0.02)  # how often it is looked at; nothing relies on how long it takes
    raise AssertionError(f"it did not happen within {WAIT_S:g} s")


def operation(party: str, now: datetime) -> OperationalIntent:
    """Return an operation that meets nothing of the world."""
    hour = TimeWindow(start=now, end=now + timedelta(hours=1))
    return intent("drawn", volume(square(40.0, 20.0, 500.0), hour, band(0.0, 100.0)), party=party)


def has(client: TalkClient, item_id: str) -> bool:
    try:
        client.item(item_id)
    except NodeRefusedError:
        return False
    return True


@pytest.mark.slow
def test_three_nodes_show_the_same_and_a_link_can_be_cut_and_mended() -> None:
    with demonstration() as shown:
        relief, coalition, north = (shown.clients[party] for party in PARTIES)

        # Each is the node of its party, and holds what all of them declared.
        assert [client.session().party for client in shown.clients.values()] == list(PARTIES)
        states = [
            {(each.ref.party, each.ref.id): each.state for each in client.coordination()}
            for client in (relief, coalition, north)
        ]
        assert {party for party, _ in states[0]} == set(PARTIES)
        assert set(states[0].values()) == {each.value for each in Coordination} - {"over"}
        assert states[0].keys() == states[1].keys() == states[2].keys()
        assert {link.state for link in north.links()} == {"up"}
        assert [each.in_force for each in relief.agreements()] == [True] * 3

        # What is declared while both links are cut comes once one is mended; to the third through the other.
        for party in PARTIES[1:]:
            relief.switch_link(party, is_off=True)
        now = relief.session().now
        relief.declare(operation(PARTIES[0], now))
        assert not has(coalition, "relief-org:drawn")
        relief.switch_link(PARTIES[2], is_off=False)
        until(lambda: has(north, "relief-org:drawn"))
        until(lambda: has(coalition, "relief-org:drawn"))  # North Force handed it on
        relief.switch_link(PARTIES[1], is_off=False)

        # The invented officers acknowledge it.
        until(lambda: relief.coordinated("drawn").state == "coordinated")

        # And when it is told to stop, nothing is left.
        shown.process.send_signal(signal.SIGINT)
        assert shown.ended() == ""
        assert shown.process.wait(WAIT_S) == 0
        assert not shown.folder.exists()


@pytest.mark.slow
def test_no_node_outlives_who_started_it_even_if_that_was_killed() -> None:
    with demonstration("--speed", "10") as shown:
        shown.process.kill()
        assert shown.ended() == ""
        assert not shown.folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(not CHILDREN.exists(), reason="the processes of the nodes cannot be found here")
def test_when_one_node_ends_all_end_and_it_is_told() -> None:
    with demonstration() as shown:
        pid = shown.process.pid
        last = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1]
        os.kill(int(last), signal.SIGKILL)
        assert shown.ended() == f"error: the node of {PARTIES[-1]}: it has ended\n"
        assert shown.process.wait(WAIT_S) == 2
        assert not shown.folder.exists()


@pytest.mark.slow
def test_why_a_node_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PARTIES", PARTIES[:1] * 3)  # so that they get into each other's way
    with pytest.raises(DemoEndedError, match=f"the node of {PARTIES[0]}: "):
        run_demo(world="alps", port=0, speed=1.0, started=pytest.fail)


def test_ports_that_were_asked_for_are_taken_or_nothing_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for first in (port, port - 1, port - 2):
            with pytest.raises(InvalidValueError, match=str(port)):
                run_demo(world="alps", port=first, speed=1.0, started=pytest.fail)


@pytest.mark.parametrize("first", [65_534, 65_535])
def test_the_last_console_needs_a_port_too(first: int) -> None:
    with pytest.raises(InvalidValueError, match="port"):
        run_demo(world="alps", port=first, speed=1.0, started=pytest.fail)


def test_where_too_few_of_the_usual_ports_are_free_one_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PORTS_TRIED", 2)
    with pytest.raises(InvalidValueError, match="--port"):
        run_demo(world="alps", port=None, speed=1.0, started=pytest.fail)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, SPEED_RATIO_MAX * 2.0])
def test_a_speed_that_no_clock_has_is_refused_before_anything_starts(speed: float) -> None:
    with pytest.raises(InvalidValueError) as refused:
        run_demo(world="alps", port=0, speed=speed, started=pytest.fail)
    assert refused.value.field == "speed"
