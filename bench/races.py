"""Races: two parties declare what conflicts, at one moment. One is accepted, the other is refused.

Two processes race on one database, each with a desk of its own; and two processes race as clients of
one node. Both start when both have come; each race is at a place of its own. Afterwards the database
must hold what was accepted, all of it and nothing else.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from bench import measure, stored
from bench.api import put
from bench.measure import Row
from bench.served import Client, NodeProcess, token_of
from keepclear.adapters.desk import Desk
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.codec.f3548.volumes import decode_item
from keepclear.core.intents import PartyId
from keepclear.node.outcomes import ConflictRefusedError
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, Wanted

RACES: Final = 10_000
SIDES: Final = ("north", "south")

_SEED: Final = 13
_ASIDE_MOST_M: Final = 400.0
_MEET_S: Final = 60.0
"""So long one waits for the other; then the race is off."""


class Answer(IntEnum):
    """What was answered to a declaration."""

    NONE = 0
    ACCEPTED = 1
    REFUSED = 2
    """For what the other declared, and nothing else."""
    OTHERWISE = 3


@dataclass(frozen=True, slots=True)
class Track:
    """What both sides share: where each is, what was answered, and when that was."""

    races: int
    at: Any
    answers: Any
    began_ns: Any
    ended_ns: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of races.

    Attributes:
        races: How many there were.
        one: In how many exactly one was accepted and the other refused for it.
        both: In how many both were accepted; never, or it is no race that holds.
        none: In how many neither was accepted, or something else was answered.
        lost: How many that were accepted are not in the database.
        extra: How many are in the database and were not accepted.
        conflicts: How many conflicts the database holds.
        overlapping: In how many the later began before the earlier was answered.
        first_won: In how many the first of the two sides was accepted.
        wall_s: The time from the start to the answer of both, median and 95th percentile, seconds.
        rate: Races a second.
    """

    races: int
    one: int
    both: int
    none: int
    lost: int
    extra: int
    conflicts: int
    overlapping: int
    first_won: int
    wall_s: tuple[float, float]
    rate: float

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return self.one == self.races and not (
            self.both or self.none or self.lost or self.extra or self.conflicts
        )


class Kind(Protocol):
    """A kind of race: so many in a new database in a folder; only where conflicts are refused it can hold."""

    def __call__(self, folder: Path, races: int, conflicts: ConflictPolicy = ..., /) -> Result: ...


def item_id(race: int, side: int) -> str:
    return f"race-{race}-{SIDES[side]}"


def _body(race: int, side: int) -> bytes:
    aside_m = float(np.random.default_rng((_SEED, race, side)).uniform(0.0, _ASIDE_MOST_M))
    return stored.small_intent(item_id(race, side), race, party=SIDES[side], aside_m=aside_m)


def bench_races(rows: list[Row], folder: Path, *, races: int = RACES, quick: bool = False) -> None:
    """Hold races of both kinds, and append the rows."""
    if quick:
        races = 50
    for what, race in (("two processes, one database", on_one_file), ("two clients of a node", on_one_node)):
        with tempfile.TemporaryDirectory(prefix="races-", dir=folder) as name:
            result = race(Path(name), races)
        rows.append(_row(f"races, {what}", result))


def _row(what: str, result: Result) -> Row:
    other = result.races - result.one - result.both
    told = [
        f"{result.one:,} of {result.races:,} with one accepted",
        f"both {result.both}",
        f"none {other}",
        f"lost {result.lost}",
        f"not accepted but there {result.extra}",
        f"conflicts stored {result.conflicts}",
    ]
    overlapping = result.overlapping / result.races
    notes = [
        f"{overlapping:.1%} began before the other was answered",
        f"{SIDES[0]} won {result.first_won / result.races:.0%}",
        f"{result.rate:.0f} races/s",
        f"load {measure.load_average()}",
    ]
    return Row(
        what=what,
        p50_s=result.wall_s[0],
        p95_s=result.wall_s[1],
        answer=("" if result.holds else f"{measure.BROKEN}: ") + ", ".join(told),
        note="; ".join(notes),
    )


def on_one_file(folder: Path, races: int, conflicts: ConflictPolicy = ConflictPolicy.REFUSE) -> Result:
    """Race as two processes with a desk each on one database; what conflicts must be refused to hold."""
    database = folder / "races.sqlite3"
    SqliteStore(database, create=True).close()
    track = run_sides(races, _race_on_file, [(database, conflicts)] * 2)
    return _result(track, database)


def on_one_node(folder: Path, races: int, conflicts: ConflictPolicy = ConflictPolicy.REFUSE) -> Result:
    """Race as two clients of one node; it must refuse what conflicts for that to hold."""
    database = folder / "races.sqlite3"
    SqliteStore(database, create=True).close()
    tokens = [token_of(database, party, stored.NOW) for party in SIDES]
    with NodeProcess(database, conflicts, stored.NOW) as node:
        node.wait_ready()
        track = run_sides(races, _race_at_node, [(node.port, token) for token in tokens])
    return _result(track, database)


def run_sides(races: int, race: Callable[..., None], arguments: list[tuple[Any, ...]]) -> Track:
    """Run both sides in new processes until all races are over."""
    count = 2 * races
    track = Track(races, RawArray("q", 2), RawArray("b", count), RawArray("q", count), RawArray("q", count))
    new = multiprocessing.get_context("spawn")  # a forked one would share threads of numba
    sides = [new.Process(target=race, args=(side, track, *arguments[side])) for side in range(2)]
    for process in sides:
        process.start()
    for process in sides:
        process.join()
    if any(process.exitcode != 0 for process in sides):
        raise RuntimeError("a side of the races failed")
    return track


def _race_on_file(side: int, track: Track, database: Path, conflicts: ConflictPolicy) -> None:
    store, actor = SqliteStore(database), Actor(party=PartyId(SIDES[side]), person="bench")
    desk = Desk(store, JsonForm(), Policy(conflicts=conflicts), _now)

    def ready(race: int) -> Callable[[], Answer]:
        declared = decode_item(_body(race, side), "race").placed[0].item

        def declare() -> Answer:
            try:
                desk.change(actor, lambda declaring: declaring.declare(declared)).result()
            except ConflictRefusedError as error:
                others = [finding.b.id for finding in error.findings]
                return Answer.REFUSED if others == [item_id(race, 1 - side)] else Answer.OTHERWISE
            return Answer.ACCEPTED

        return declare

    race_side(side, track, ready)
    desk.close()
    store.close()


def _race_at_node(side: int, track: Track, port: int, token: str) -> None:
    client = Client(port, token)

    def ready(race: int) -> Callable[[], Answer]:
        request = put(item_id(race, side), _body(race, side))

        def declare() -> Answer:
            status, body = client.ask(request.method, request.path, request.body, request.condition)
            if status == http.client.CREATED:
                return Answer.ACCEPTED
            others = []
            with suppress(msgspec.DecodeError, KeyError, TypeError):
                others = [finding["b"]["id"] for finding in msgspec.json.decode(body)["findings"]]
            is_refused = status == http.client.CONFLICT and others == [item_id(race, 1 - side)]
            return Answer.REFUSED if is_refused else Answer.OTHERWISE

        return declare

    race_side(side, track, ready)
    client.close()


def _now() -> datetime:
    return stored.NOW


def race_side(side: int, track: Track, ready: Callable[[int], Callable[[], Answer]]) -> None:
    """Run all races of a side: meet the other, declare, note what was answered."""
    for race in range(track.races):
        declare = ready(race)
        _meet(track.at, side, race + 1)
        place = 2 * race + side
        track.began_ns[place] = time.perf_counter_ns()  # of the machine, so alike in both processes
        track.answers[place] = declare()
        track.ended_ns[place] = time.perf_counter_ns()


def _meet(at: Any, side: int, race: int) -> None:
    """Wait until both have come; asking over and over, so that both go on within microseconds."""
    at[side] = race
    deadline_s = time.monotonic() + _MEET_S
    while at[1 - side] < race:
        os.sched_yield()
        if time.monotonic() > deadline_s:
            raise TimeoutError("the other side does not come")


def _result(track: Track, database: Path) -> Result:
    answers = np.array(track.answers).reshape(-1, 2)
    began, ended = (np.array(each).reshape(-1, 2) for each in (track.began_ns, track.ended_ns))
    accepted = answers == Answer.ACCEPTED
    one = accepted.sum(axis=1) == 1
    refused = (answers == Answer.REFUSED).any(axis=1)
    wanted = {item_id(race, side) for race, side in np.argwhere(accepted).tolist()}
    store = SqliteStore(database)
    there = {record.label.id for record in store.records(Wanted(limit=2 * track.races + 1))}
    desk = Desk(store, JsonForm(), Policy(), _now)
    conflicts = desk.moment().result().conflicts(0, 1).total
    desk.close()
    store.close()
    wall_ns = ended.max(axis=1) - began.min(axis=1)
    p50_ns, p95_ns = np.percentile(wall_ns, (50, 95)).tolist()
    return Result(
        races=track.races,
        one=int((one & refused).sum()),
        both=int(accepted.all(axis=1).sum()),
        none=int((~accepted.any(axis=1)).sum()),
        lost=len(wanted - there),
        extra=len(there - wanted),
        conflicts=conflicts,
        overlapping=int((began.max(axis=1) < ended.min(axis=1)).sum()),
        first_won=int(accepted[:, 0].sum()),
        wall_s=(p50_ns / 1e9, p95_ns / 1e9),
        rate=track.races / float((ended.max() - began.min()) / 1e9),
    )
