"""Races at a Discovery and Synchronization Service: two operators create at one moment, and one is accepted.

In one race of three, two operators create an intent each in one place, and neither gives the other's OVN; in
another one they create intents of one id; in the third, two clients of one operator do. They race at one
service on SQLite, or at two services on one PostgreSQL database. Afterwards the intents that were accepted
must be there, told by the service that the winner did not ask, and no others.
"""

from __future__ import annotations

import http.client
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, assert_never

import msgspec
import numpy as np

from bench import measure
from bench.dss_flights import URL, stamp
from bench.dss_served import DssProcess, Issuer, postgres_at, sqlite_in
from bench.measure import Row
from bench.races import Answer, Track, race_side, run_sides
from bench.served import Client

RACES: Final = 2_000
OPERATORS: Final = ("uss-north", "uss-south")


class Kind(Enum):
    """What two sides race for."""

    PLACE = 0
    """An intent each, in one place: the loser is told which intent it does not know."""
    ID = 1
    """Intents of one id, of two operators: the loser is told that it is somebody else's, or is there."""
    ID_OF_ONE = 2
    """Intents of one id, of one operator, at places of their own: the loser is told that it is there."""


_INTENTS: Final = "/dss/v1/operational_intent_references/"
_NAMESPACE: Final = uuid.UUID("6f0c8a4e-5a51-4d0c-9a5e-2f1d7c3b9e10")
_STARTS_S, _ENDS_S = 600.0, 3_600.0
_RADIUS_M = 100.0
_APART_DEGREES: Final = 0.02
_A_ROW: Final = 500
_ASIDE_MOST_DEGREES: Final = 0.0012
"""So far one side is from the other at most: 134 m, so that two circles of 100 m always meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of races.

    Attributes:
        races: How many there were.
        one: In how many exactly one was answered with 201, and the other refused for it.
        both: In how many both were accepted; never, or the service lets in what conflicts.
        none: In how many neither was accepted, or something else was answered.
        lost: How many that were accepted are not there.
        extra: How many are there and were not accepted.
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
    overlapping: int
    first_won: int
    wall_s: tuple[float, float]
    rate: float

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return self.one == self.races and not (self.both or self.none or self.lost or self.extra)


def bench_dss_races(
    rows: list[Row], folder: Path, *, dsn: str | None = None, races: int = RACES, quick: bool = False
) -> None:
    """Hold races at one service on SQLite, and at two on PostgreSQL where one is named; append the rows."""
    if quick:
        races = 50
    with tempfile.TemporaryDirectory(prefix="dss-races-", dir=folder) as name:
        rows.append(
            _row("DSS races, one process on SQLite", _raced(sqlite_in(Path(name)), Path(name), races, 1))
        )
    if dsn is None:
        rows.append(Row(what="DSS races, two processes on PostgreSQL", note="not run: no server was named"))
        return
    with tempfile.TemporaryDirectory(prefix="dss-races-", dir=folder) as name, postgres_at(dsn) as database:
        rows.append(_row("DSS races, two processes on PostgreSQL", _raced(database, Path(name), races, 2)))


def _raced(database: str, folder: Path, races: int, processes: int) -> Result:
    issuer = Issuer(folder)
    with ExitStack() as stack:
        services = []
        for _ in range(processes):  # one after the other: the first one makes the tables
            services.append(stack.enter_context(DssProcess(database, issuer.public, folder)))
            services[-1].wait_ready()
        tokens = [issuer.token(operator) for operator in OPERATORS]
        return raced([services[0].port, services[-1].port], tokens, races)


def raced(ports: Sequence[int], tokens: Sequence[str], races: int) -> Result:
    """Race as two operators at two ports, which may be the same; the database must be new.

    Args:
        ports: Where each side asks.
        tokens: The token of each side, of different operators.
        races: How many races.
    """
    now_s = time.time()
    track = run_sides(races, _race_at, [(port, tokens, now_s) for port in ports])
    return _result(track, ports, tokens)


def kind_of(race: int) -> Kind:
    """Return what is raced for."""
    return Kind(race % len(Kind))


def intent_id(race: int, side: int) -> str:
    """Return the id of what a side creates."""
    whose = side if kind_of(race) is Kind.PLACE else 0
    drawn = uuid.uuid5(_NAMESPACE, f"{race} {whose}").bytes
    return str(uuid.UUID(bytes=drawn, version=4))  # the service takes no others


def _url(side: int) -> str:
    """Return the base URL that tells which side created what is there."""
    return f"{URL}/{OPERATORS[side]}"


def _body(race: int, side: int, now_s: float) -> bytes:
    row, column = divmod(race, _A_ROW)
    lat = -30.0 + row * _APART_DEGREES + side * _ASIDE_MOST_DEGREES * (race % 97) / 97
    circle = (
        f'{{"center":{{"lat":{lat},"lng":{20.0 + column * _APART_DEGREES}}},'
        f'"radius":{{"value":{_RADIUS_M},"units":"M"}}}}'
    )
    low, high = (f'{{"value":{value},"reference":"W84","units":"M"}}' for value in (50, 100))
    volume = f'{{"outline_circle":{circle},"altitude_lower":{low},"altitude_upper":{high}}}'
    times = f'"time_start":{stamp(now_s + _STARTS_S)},"time_end":{stamp(now_s + _ENDS_S)}'
    return (
        f'{{"state":"Accepted","uss_base_url":"{_url(side)}","key":[],'
        f'"extents":[{{"volume":{volume},{times}}}]}}'
    ).encode()


def _race_at(side: int, track: Track, port: int, tokens: Sequence[str], now_s: float) -> None:
    own, first = Client(port, tokens[side]), Client(port, tokens[0])

    def ready(race: int) -> Callable[[], Answer]:
        path, body = _INTENTS + intent_id(race, side), _body(race, side, now_s)
        client = first if kind_of(race) is Kind.ID_OF_ONE else own

        def create() -> Answer:
            status, answer = client.ask("PUT", path, body)
            if status == http.client.CREATED:
                return Answer.ACCEPTED
            return Answer.REFUSED if _is_refused(race, side, status, answer) else Answer.OTHERWISE

        return create

    race_side(side, track, ready)
    own.close()
    first.close()


def _is_refused(race: int, side: int, status: int, answer: bytes) -> bool:
    """Tell whether a side was refused for what the other created, and nothing else."""
    match kind_of(race):
        case Kind.PLACE:
            return status == http.client.CONFLICT and _missing(answer) == [intent_id(race, 1 - side)]
        case Kind.ID:
            return status in (http.client.CONFLICT, http.client.FORBIDDEN)
        case Kind.ID_OF_ONE:
            return status == http.client.CONFLICT
        case never:
            assert_never(never)


def _missing(answer: bytes) -> list[str]:
    """Return the ids of the intents that a refusal names."""
    with suppress(msgspec.DecodeError, KeyError, TypeError):
        return [each["id"] for each in msgspec.json.decode(answer)["missing_operational_intents"]]
    return []


def _result(track: Track, ports: Sequence[int], tokens: Sequence[str]) -> Result:
    answers = np.array(track.answers).reshape(-1, 2)
    began, ended = (np.array(each).reshape(-1, 2) for each in (track.began_ns, track.ended_ns))
    accepted, refused = answers == Answer.ACCEPTED, answers == Answer.REFUSED
    lost = extra = 0
    clients = [Client(port, token) for port, token in zip(ports, tokens, strict=True)]
    for race in range(track.races):
        for side in range(2):
            url = _base_url(clients[1 - side], intent_id(race, side))  # at the other's service
            is_there = url == _url(side)
            lost += bool(accepted[race, side]) and not is_there
            extra += is_there and not accepted[race, side]
    for client in clients:
        client.close()
    wall_ns = ended.max(axis=1) - began.min(axis=1)
    p50_ns, p95_ns = np.percentile(wall_ns, (50, 95)).tolist()
    one, both = (accepted.sum(axis=1) == 1) & refused.any(axis=1), accepted.all(axis=1)
    return Result(
        races=track.races,
        one=int(one.sum()),
        both=int(both.sum()),
        none=int((~one & ~both).sum()),
        lost=lost,
        extra=extra,
        overlapping=int((began.max(axis=1) < ended.min(axis=1)).sum()),
        first_won=int(accepted[:, 0].sum()),
        wall_s=(p50_ns / 1e9, p95_ns / 1e9),
        rate=track.races / float((ended.max() - began.min()) / 1e9),
    )


def _base_url(client: Client, entity_id: str) -> str | None:
    status, answer = client.ask("GET", _INTENTS + entity_id)
    if status == http.client.NOT_FOUND:
        return None
    if status != http.client.OK:
        raise RuntimeError(f"GET {entity_id} was answered with {status}: {answer[:300]!r}")
    return str(msgspec.json.decode(answer)["operational_intent_reference"]["uss_base_url"])


def _row(what: str, result: Result) -> Row:
    told = (
        f"{result.one:,} of {result.races:,} with one 201 and one refusal, both {result.both}, "
        f"none {result.none}, lost {result.lost}, not accepted but there {result.extra}"
    )
    notes = [
        f"{result.overlapping / result.races:.1%} began before the other was answered",
        f"{OPERATORS[0]} won {result.first_won / result.races:.0%}",
        f"{result.rate:.0f} races/s",
        f"load {measure.load_average()}",
    ]
    return Row(
        what=what,
        p50_s=result.wall_s[0],
        p95_s=result.wall_s[1],
        answer=told if result.holds else f"{measure.BROKEN}: {told}",
        note="; ".join(notes),
    )
