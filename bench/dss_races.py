"""Races at the store of a Discovery and Synchronization Service, below any HTTP; and how much it takes.

Two sides look whether anybody is in a place, and create an intent there if nobody is, at one moment. In every
other race both create an intent of one id. They are two threads of one process on SQLite, and two processes
with a store each on PostgreSQL. Afterwards the store must hold what was accepted, and nothing else. Then
intents that do not meet are created, as fast as they can be: within one square kilometre, and far apart.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import measure
from bench.dss_served import postgres_at
from bench.measure import Row
from bench.races import Answer, Track, race_side, run_sides
from bench.stored import NOW
from keepclear.adapters.store.dss_postgres import PostgresDssStore
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.cell_terms import terms_of
from keepclear.core.extents import Extent
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState
from keepclear.core.references import Change, EntityKind, IntentReference
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.dss.ports import Cause, DssStore, DssTransaction

RACES: Final = 10_000
CREATES: Final = 400
"""So many intents each process creates."""
SIDES: Final = ("uss-north", "uss-south")

_RADIUS_M: Final = 100.0
_APART_DEGREES: Final = 0.02
_A_ROW: Final = 500
_ASIDE_MOST_DEGREES: Final = 0.0012
"""So far one side is from the other at most: 134 m, so that two circles of 100 m always meet."""
_ALL: Final = 10_000_000
_SMALL_M: Final = 5.0
_SMALL_APART_DEGREES: Final = 0.0002
_SMALL_A_ROW: Final = 40
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of races.

    Attributes:
        races: How many there were.
        one: In how many exactly one was accepted and the other refused for it.
        both: In how many both were accepted; never, or the store is no good.
        none: In how many neither was accepted, or something else was answered.
        lost: How many that were accepted are not there.
        extra: How many are there and were not accepted.
        overlapping: In how many the later began before the earlier was answered.
        first_won: In how many the first of the two sides was accepted.
        reruns: How often work was done again.
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
    reruns: int
    wall_s: tuple[float, float]
    rate: float

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return self.one == self.races and not (self.both or self.none or self.lost or self.extra)


def bench_store_races(
    rows: list[Row], folder: Path, *, dsn: str | None = None, races: int = RACES, quick: bool = False
) -> None:
    """Hold races on SQLite, and on PostgreSQL where a server is named; measure creations; append the rows."""
    races, creates = (50, 20) if quick else (races, CREATES)
    with tempfile.TemporaryDirectory(prefix="dss-store-", dir=folder) as name:
        rows.append(_row("store races, two threads, SQLite", in_one_process(Path(name) / "dss.db", races)))
    if dsn is None:
        rows.append(Row(what="store races, two processes, PostgreSQL", note="not run: no server was named"))
        return
    with postgres_at(dsn) as database:
        rows.append(_row("store races, two processes, PostgreSQL", in_two_processes(database, races)))
    for where, place in (("one square km", _near), ("far apart", _far)):
        for processes in (1, 2):
            with postgres_at(dsn) as database:
                rows.append(_creating_row(where, place, database, processes, creates))


def _row(what: str, result: Result) -> Row:
    told = [
        f"{result.one:,} of {result.races:,} with one accepted",
        f"both {result.both}",
        f"none {result.none}",
        f"lost {result.lost}",
        f"not accepted but there {result.extra}",
    ]
    notes = [
        f"{result.overlapping / result.races:.1%} began before the other was answered",
        f"{SIDES[0]} won {result.first_won / result.races:.0%}",
        f"{result.reruns:,} done again",
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


# -- races ------------------------------------------------------------------------------------------


def in_one_process(path: Path, races: int) -> Result:
    """Race as two threads on a new SQLite file."""
    count = 2 * races
    track = Track(races, RawArray("q", 2), RawArray("b", count), RawArray("q", count), RawArray("q", count))
    barrier = threading.Barrier(2)
    with closing(SqliteDssStore(path)) as store:

        def race_thread(side: int) -> None:
            for race in range(races):
                create = _ready(store, side, race)
                place = 2 * race + side
                barrier.wait()
                track.began_ns[place] = time.perf_counter_ns()
                track.answers[place] = create()
                track.ended_ns[place] = time.perf_counter_ns()

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(race_thread, (0, 1)))
        return _result(track, store, 0)


def in_two_processes(dsn: str, races: int) -> Result:
    """Race as two processes on a new PostgreSQL database."""
    reruns = RawArray("q", 2)
    with closing(PostgresDssStore(dsn, workers=1)) as store:
        track = run_sides(races, _race_process, [(dsn, reruns)] * 2)
        return _result(track, store, sum(reruns))


def _race_process(side: int, track: Track, dsn: str, reruns: Any) -> None:
    with closing(PostgresDssStore(dsn, workers=1)) as store:
        race_side(side, track, lambda race: _ready(store, side, race))
        reruns[side] = store.rerun_count


def _ready(store: DssStore, side: int, race: int) -> Callable[[], Answer]:
    row, column = divmod(race, _A_ROW)
    aside = side * _ASIDE_MOST_DEGREES * (race % 97) / 97
    extent = extent_at(-30.0 + row * _APART_DEGREES + aside, 20.0 + column * _APART_DEGREES, _RADIUS_M)
    intent = _intent(_id(race, side), side, extent)
    rival = _id(race, 1 - side)

    def work(transaction: DssTransaction) -> Answer:
        before = transaction.entity(EntityKind.INTENT, intent.id)
        found = [each.id for each in transaction.meeting(EntityKind.INTENT, extent)]
        if before is None and not found:
            transaction.put(intent, extent, Cause(issuer="bench", subject=SIDES[side], at=NOW))
            return Answer.ACCEPTED
        return Answer.REFUSED if found == [rival] else Answer.OTHERWISE

    return lambda: store.run(work).result()


def _id(race: int, side: int) -> str:
    return str(uuid.UUID(int=2 * race + (side if race % 2 else 0), version=4))


def extent_at(lat: float, lng: float, radius_m: float) -> Extent:
    outline = Circle(center=LatLng(lat, lng), radius_m=radius_m)
    where = Volume3D(outline=outline, altitude=AltitudeBand(lower_m=50.0, upper_m=100.0))
    return Extent((Volume4D(volume=where, time=TimeWindow(start=NOW, end=NOW + timedelta(hours=1))),))


def _intent(intent_id: str, side: int, extent: Extent) -> IntentReference:
    return IntentReference(
        id=intent_id,
        manager=SIDES[side],
        uss_base_url="https://uss.example/utm",
        start=extent.start,
        end=extent.end,
        change=Change(request="0" * 64, replaced="", notified=()),
        state=IntentState.ACCEPTED,
        version=1,
        ovn=uuid.uuid4().hex + "A" * 12,
        subscription_id=None,
    )


def _result(track: Track, store: DssStore, reruns: int) -> Result:
    answers = np.array(track.answers).reshape(-1, 2)
    began, ended = (np.array(each).reshape(-1, 2) for each in (track.began_ns, track.ended_ns))
    accepted = answers == Answer.ACCEPTED
    one = (accepted.sum(axis=1) == 1) & (answers == Answer.REFUSED).any(axis=1)
    both = accepted.all(axis=1)
    wanted = {(_id(race, side), SIDES[side]) for race, side in np.argwhere(accepted).tolist()}
    found = store.run(lambda t: t.ending_before(EntityKind.INTENT, NOW + timedelta(days=1), _ALL)).result()
    there = {(each.id, each.manager) for each in found}
    wall_ns = ended.max(axis=1) - began.min(axis=1)
    p50_ns, p95_ns = np.percentile(wall_ns, (50, 95)).tolist()
    return Result(
        races=track.races,
        one=int(one.sum()),
        both=int(both.sum()),
        none=int((~one & ~both).sum()),
        lost=len(wanted - there),
        extra=len(there - wanted),
        overlapping=int((began.max(axis=1) < ended.min(axis=1)).sum()),
        first_won=int(accepted[:, 0].sum()),
        reruns=reruns,
        wall_s=(p50_ns / 1e9, p95_ns / 1e9),
        rate=track.races / float((ended.max() - began.min()) / 1e9),
    )


# -- creations --------------------------------------------------------------------------------------

Place = Callable[[int], Extent]


def _near(number: int) -> Extent:
    """Return one of 1,600 small extents within one square kilometre, none of which meets another."""
    row, column = divmod(number, _SMALL_A_ROW)
    return extent_at(46.0 + row * _SMALL_APART_DEGREES, 7.0 + column * _SMALL_APART_DEGREES * 1.4, _SMALL_M)


def _far(number: int) -> Extent:
    lat, lng = np.random.default_rng(number).uniform((-60.0, -180.0), (60.0, 180.0)).tolist()
    return extent_at(lat, lng, _SMALL_M)


def _creating_row(where: str, place: Place, dsn: str, processes: int, creates: int) -> Row:
    PostgresDssStore(dsn, workers=1).close()
    walls, reruns = RawArray("d", processes * creates), RawArray("q", processes)
    new = multiprocessing.get_context("spawn")
    barrier = new.Barrier(processes)
    spans = RawArray("d", 2 * processes)
    sides = [
        new.Process(target=_create_all, args=(side, place, dsn, creates, barrier, walls, spans, reruns))
        for side in range(processes)
    ]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    with closing(PostgresDssStore(dsn, workers=1)) as store:
        there = store.run(lambda transaction: transaction.count(EntityKind.INTENT)).result()
    lasted_s = max(spans[1::2]) - min(spans[0::2])
    p50_s, p95_s = np.percentile(np.array(walls), (50, 95)).tolist()
    terms = np.mean([len(terms_of(place(number)).stored) for number in range(50)])
    told = f"{processes * creates / lasted_s:.0f} creates/s"
    return Row(
        what=f"store creates, {where}, {processes} process{'es' if processes > 1 else ''}, PostgreSQL",
        p50_s=p50_s,
        p95_s=p95_s,
        answer=told if there == processes * creates else f"{measure.BROKEN}: {there} there; {told}",
        note=f"{_AT_ONCE} at once in each; {sum(reruns):,} done again; {terms:.1f} rows of terms each; "
        f"load {measure.load_average()}",
    )


def _create_all(
    side: int, place: Place, dsn: str, creates: int, barrier: Any, walls: Any, spans: Any, reruns: Any
) -> None:
    with closing(PostgresDssStore(dsn, workers=_AT_ONCE)) as store, ThreadPoolExecutor(_AT_ONCE) as threads:
        works = [creation(side, side * creates + n, place(side * creates + n)) for n in range(creates)]
        barrier.wait()
        spans[2 * side] = time.monotonic()

        def create(number: int) -> None:
            start = time.perf_counter()
            assert store.run(works[number]).result() == 0, "none of them meets another"
            walls[side * creates + number] = time.perf_counter() - start

        list(threads.map(create, range(creates)))
        spans[2 * side + 1] = time.monotonic()
        reruns[side] = store.rerun_count


def creation(side: int, number: int, extent: Extent) -> Callable[[DssTransaction], int]:
    """Return what a creation asks of the store: who is there, and who wants to hear of it."""
    intent = _intent(str(uuid.UUID(int=number, version=4)), side, extent)

    def work(transaction: DssTransaction) -> int:
        assert transaction.entity(EntityKind.INTENT, intent.id) is None
        found: Sequence[object] = transaction.meeting(EntityKind.INTENT, extent)
        transaction.meeting(EntityKind.CONSTRAINT, extent)
        transaction.meeting(EntityKind.SUBSCRIPTION, extent)
        transaction.put(intent, extent, Cause(issuer="bench", subject=SIDES[side], at=NOW))
        return len(found)

    return work
