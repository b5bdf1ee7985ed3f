"""What the store of a service in PostgreSQL promises beyond the contract of all such stores."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import IsolationLevel, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from keepclear.adapters.store import dss_extents, dss_postgres_migrations, dss_waiting
from keepclear.adapters.store import dss_postgres as module
from keepclear.adapters.store import dss_postgres_links as links
from keepclear.adapters.store import dss_postgres_worker as worker
from keepclear.adapters.store.dss_extents import PackedTexts
from keepclear.adapters.store.dss_postgres import PostgresDssStore
from keepclear.adapters.store.migrations import scripts
from keepclear.codec.f3548.extents import encode_extent
from keepclear.core.cell_terms import STRIPES, terms_of
from keepclear.core.extents import Extent
from keepclear.core.references import EntityKind
from keepclear.node.dss.ports import DssTransaction, HistoryEntry
from keepclear.node.dss.refusals import StoreBusyError
from keepclear.node.outcomes import StoreError
from tests.contracts.dss_stores import CAUSE, entity, extent_of, id_of
from tests.contracts.test_dss_store import ELSEWHERE, HERE, INTENT, Called, creating, meeting, put, run
from tests.postgres import emptied_database, new_database
from tests.strategies import square, volume

WAIT_S = 30.0
COMMIT = b"COMMIT\x00"
KILLED = """
import itertools, sys
from keepclear.adapters.store.dss_postgres import PostgresDssStore
from keepclear.adapters.store.dss_extents import PackedTexts
from tests.contracts.test_dss_store import creating
store = PostgresDssStore(sys.argv[1], workers=2)
for number in itertools.count(int(sys.argv[2]), 10):
    answers = [store.run(creating(number + k)) for k in range(5)]
    for k, answer in enumerate(answers):
        answer.result()
        print(number + k, flush=True)
"""


@pytest.fixture
def dsn() -> Iterator[str]:
    with emptied_database() as url:
        yield url


@pytest.fixture
def store(dsn: str) -> Iterator[PostgresDssStore]:
    with closing(PostgresDssStore(dsn, workers=2)) as opened:
        yield opened


@pytest.fixture
def other(dsn: str) -> Iterator[PostgresDssStore]:
    """Another one on the same database, as another process has it."""
    with closing(PostgresDssStore(dsn, workers=2)) as opened:
        yield opened


def execute(dsn: str, sql: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as link:
        result = link.execute(sql.encode())
        return result.fetchall() if result.description else []


def alone(number: int, extent: Extent = HERE, wait: Callable[[], object] = int) -> Callable[..., list[str]]:
    """Return what puts an intent where nobody is, and tells who was; it waits between the two."""

    def work(transaction: DssTransaction) -> list[str]:
        found = [each.id for each in transaction.meeting(INTENT, extent)]
        wait()
        if not found:
            transaction.put(entity(INTENT, number, extent), extent, CAUSE)
        return found

    return work


class Once:
    """Waits for another one the first time that it is called, and never again."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self.calls, self.barrier = 0, barrier

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 1:
            self.barrier.wait(WAIT_S)


class Held:
    """Work that has written and does not end before it is let go."""

    def __init__(self, store: PostgresDssStore, extent: Extent = HERE) -> None:
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.answer = store.run(self._work(extent))
        assert self._begun.wait(WAIT_S)

    def _work(self, extent: Extent) -> Callable[[DssTransaction], None]:
        def work(transaction: DssTransaction) -> None:
            transaction.put(entity(INTENT, 1, extent), extent, CAUSE)
            self._begun.set()
            assert self._go_on.wait(WAIT_S)

        return work

    def let_go(self) -> None:
        self._go_on.set()
        self.answer.result(WAIT_S)


# -- nothing slips in between -----------------------------------------------------------------------


@pytest.mark.parametrize("has_locks", [True, False])
def test_of_two_that_both_found_nobody_one_is_done_again_with_locks_or_without(
    store: PostgresDssStore, other: PostgresDssStore, monkeypatch: pytest.MonkeyPatch, *, has_locks: bool
) -> None:
    if not has_locks:  # what makes it right is that transactions are serializable
        monkeypatch.setattr(links.Gate, "take", lambda *_: True)
        monkeypatch.setattr(links.Gate, "wait_for", lambda *_: True)
    barrier = threading.Barrier(2)
    waits, tickets = [Once(barrier), Once(barrier)], [Called(is_wanted=True), Called(is_wanted=True)]
    asked = [
        each.run(alone(number, wait=wait), ticket)
        for number, (each, wait, ticket) in enumerate(zip((store, other), waits, tickets, strict=True))
    ]
    found = [answer.result(WAIT_S) for answer in asked]
    assert sorted(found) in ([[], [id_of(0)]], [[], [id_of(1)]])
    assert sorted(wait.calls for wait in waits) >= [1, 2]
    assert [ticket.claims for ticket in tickets] == [1, 1]
    assert len(meeting(store, INTENT, HERE)) == 1


def test_what_was_found_empty_is_not_filled_by_one_who_moves_in(
    store: PostgresDssStore, other: PostgresDssStore
) -> None:
    put(store, INTENT, (7, ELSEWHERE))
    wait = Once(threading.Barrier(2))  # it has looked, and waits before it writes

    def move(transaction: DssTransaction) -> bool:
        if transaction.meeting(INTENT, HERE):
            return False
        transaction.put(entity(INTENT, 7, HERE), HERE, CAUSE)
        return True

    created = store.run(alone(1, wait=wait))
    moved = other.run(move).result(WAIT_S)
    wait.barrier.wait(WAIT_S)
    assert moved
    assert created.result(WAIT_S) == [id_of(7)]
    assert meeting(store, INTENT, HERE) == [id_of(7)]


def test_who_writes_in_a_place_waits_for_who_does_and_others_do_not(
    store: PostgresDssStore, other: PostgresDssStore
) -> None:
    held = Held(store)
    waiting = other.run(alone(2))
    assert run(other, creating(3, ELSEWHERE))  # by its other worker
    assert not waiting.done()
    assert meeting(store, INTENT, HERE) == []  # who only reads does not wait
    held.let_go()
    assert waiting.result(WAIT_S) == [id_of(1)]


def test_what_is_all_over_the_earth_waits_too(store: PostgresDssStore, other: PostgresDssStore) -> None:
    everywhere = extent_of(*(volume(square(lat, 36.0, 5_000.0)) for lat in range(-80, 81)))
    assert len(terms_of(everywhere).stripes) == STRIPES
    held = Held(store)
    waiting = other.run(alone(2, everywhere))
    assert meeting(other, INTENT, HERE) == []
    assert not waiting.done()
    held.let_go()
    assert waiting.result(WAIT_S) == [id_of(1)]


@pytest.mark.slow
def test_who_waits_for_too_long_is_told_to_try_again(dsn: str, store: PostgresDssStore) -> None:
    held = Held(store)
    with closing(PostgresDssStore(dsn, workers=1, gives_up_after_s=0.2)) as impatient:
        with pytest.raises(StoreError, match="try again") as caught:
            impatient.run(alone(2)).result(WAIT_S)
        assert caught.value.may_pass
        assert impatient.fault is None
    held.let_go()
    assert meeting(store, INTENT, HERE) == [id_of(1)]


def test_how_long_is_waited_for_others_is_not_for_the_settings_of_the_server(dsn: str) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    execute(dsn, f'alter database "{name}" set lock_timeout = 1')
    try:
        with closing(PostgresDssStore(dsn, workers=2)) as store:
            held = Held(store)
            waiting = store.run(alone(2))
            while not execute(dsn, "select 1 from pg_stat_activity where wait_event_type = 'Lock'"):
                pass
            assert [execute(dsn, "select pg_sleep(0.01)") for _ in range(2)]
            held.let_go()
            assert waiting.result(WAIT_S) == [id_of(1)]
    finally:
        execute(dsn, f'alter database "{name}" reset lock_timeout')


def test_a_gate_that_fails_holds_nothing_and_serves_again(dsn: str, store: PostgresDssStore) -> None:
    assert store.fault is None  # it has made the schema
    settings = {"lock_timeout": "1"}
    gates = [links.Gate(links.connect(dsn, settings, IsolationLevel.READ_COMMITTED)) for _ in range(2)]
    with closing(gates[0]) as gate, closing(gates[1]) as other:
        assert other.take({2})
        assert gate.take({1})
        with pytest.raises(errors.LockNotAvailable):
            gate.wait_for({2}, WAIT_S)
        assert gate.held == frozenset()
        other.release()
        assert gate.take({1, 2, 3})


@pytest.mark.slow
def test_who_follows_the_history_misses_nothing(store: PostgresDssStore, other: PostgresDssStore) -> None:
    seen: list[HistoryEntry] = []

    def follow() -> None:
        last = seen[-1].seq if seen else 0
        seen.extend(run(store, lambda transaction: transaction.history(last, 1_000)))

    def write(first: int) -> None:
        for number in range(first, 60, 3):
            spot = extent_of(volume(square(10.0 + number, 36.0, 50.0)))
            assert run(other if number % 2 else store, creating(number, spot))

    with ThreadPoolExecutor(3) as threads:
        written = [threads.submit(write, first) for first in range(3)]
        while not all(each.done() for each in written):
            follow()
        for each in written:
            each.result()
    follow()
    assert len({entry.entity.id for entry in seen}) == len(seen) == 60
    assert [entry.seq for entry in seen] == sorted(entry.seq for entry in seen)


def test_what_is_removed_leaves_no_terms(dsn: str, store: PostgresDssStore) -> None:
    put(store, INTENT, (1, HERE))
    put(store, INTENT, (1, ELSEWHERE))
    count = "select count(*) from dss_cell_term"
    assert execute(dsn, count)[0][0] == len(terms_of(ELSEWHERE).stored)
    run(store, lambda transaction: transaction.remove(entity(INTENT, 1, ELSEWHERE), CAUSE))
    assert execute(dsn, count)[0][0] == 0


# -- processes --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_was_answered_is_there_when_a_process_is_killed_beside_another(dsn: str) -> None:
    PostgresDssStore(dsn, workers=1).close()
    told: list[set[int]] = [set(), set()]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, dsn, str(5 * side)], stdout=subprocess.PIPE, text=True
        )
        for side in range(2)
    ]

    def listen(side: int, until: int) -> None:
        stdout = processes[side].stdout
        assert stdout is not None
        told[side].update(int(line) for line in itertools.islice(stdout, until))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(listen, (0, 1), (40, 40)))
        processes[0].kill()
        list(threads.map(listen, (0, 1), (10_000, 40)))  # the other one goes on
        processes[1].kill()
        listen(1, 10_000)
    for process in processes:
        with process:  # its pipe is closed
            process.wait(WAIT_S)
    with closing(PostgresDssStore(dsn, workers=1)) as store:
        there = set(meeting(store, INTENT, HERE))
        assert len(told[0]) >= 40
        assert len(told[1]) >= 80
        assert {id_of(number) for number in told[0] | told[1]} <= there
        entries = run(store, lambda transaction: transaction.history(0, 100_000))
        assert {entry.entity.id for entry in entries} == there
        assert run(store, creating(9_999))  # what the killed one held is free


@pytest.mark.slow
def test_several_may_make_the_schema_at_once() -> None:
    with new_database() as dsn:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(links.migrate, [dsn] * 12))
        known = len(scripts(dss_postgres_migrations.__name__))
        assert execute(dsn, "select one, version from dss_schema") == [(1, known)]
        assert execute(dsn, "select count(*), max(key) from dss_lock") == [(512, 511)]


@pytest.mark.slow
def test_a_change_of_the_schema_waits_for_those_who_write_and_they_write_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = scripts(dss_postgres_migrations.__name__)
    waiting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%for update'"
    )
    with new_database() as dsn, closing(PostgresDssStore(dsn, workers=1)) as store:
        held = Held(store)
        with monkeypatch.context() as newer, ThreadPoolExecutor(1) as threads:
            newer.setattr(links, "scripts", lambda _: [*known, "create table dss_more (n int primary key)"])
            changed = threads.submit(links.migrate, dsn)
            while not changed.done() and not execute(dsn, waiting)[0][0]:
                pass
            assert not changed.done()
            held.let_go()
            changed.result(WAIT_S)
        with pytest.raises(StoreError, match="newer version"):
            run(store, creating(2))
        assert meeting_in(dsn) == [id_of(1)]


def meeting_in(dsn: str) -> list[str]:
    return [row[0] for row in execute(dsn, "select id from dss_entity order by id")]


def test_a_database_of_a_newer_version_is_refused_also_while_it_is_used(
    dsn: str, store: PostgresDssStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RECONNECT_S", 0.0)
    execute(dsn, "update dss_schema set version = version + 1")
    try:
        with pytest.raises(StoreError, match="newer version") as caught:
            PostgresDssStore(dsn)
        assert not caught.value.may_pass
        for _ in range(2):  # by connections that it had before, and by new ones
            with pytest.raises(StoreError, match="newer version"):
                run(store, creating(1))
        assert store.fault is not None
        cut_off(dsn)
        with pytest.raises(StoreError, match="newer version"):
            run(store, lambda transaction: transaction.count(INTENT))
    finally:
        execute(dsn, "update dss_schema set version = version - 1")
    assert run(store, creating(1))


# -- connections ------------------------------------------------------------------------------------


def cut_off(dsn: str) -> None:
    """End all connections to the database but the one that says so."""
    execute(
        dsn,
        "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )


def test_connections_that_were_lost_meanwhile_are_made_anew(dsn: str, store: PostgresDssStore) -> None:
    assert run(store, creating(1))
    cut_off(dsn)
    assert run(store, creating(2))
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(2)]
    assert store.fault is None


def test_what_was_cut_off_in_its_midst_is_done_from_the_start(dsn: str, store: PostgresDssStore) -> None:
    cut = Once(threading.Barrier(1))

    def work(transaction: DssTransaction) -> None:
        transaction.put(entity(INTENT, 1, HERE), HERE, CAUSE)
        if cut.calls == 0:
            cut_off(dsn)
        cut()
        transaction.put(entity(INTENT, 2, HERE), HERE, CAUSE)

    store.run(work).result(WAIT_S)
    assert cut.calls == 2
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(2)]


class Proxy:
    """Stands between a store and the server, and cuts connections when it is told.

    Attributes:
        dsn: Where the store finds it.
        cuts: "before" a commit reaches the server or "after" it answers one; empty for never.
    """

    def __init__(self, dsn: str) -> None:
        at = conninfo_to_dict(dsn)
        self._host, self._port = str(at.get("host", "localhost")), int(at.get("port", 5432) or 5432)
        self.cuts = ""
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._own_port = int(self._listener.getsockname()[1])
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=self._own_port)
        self._serve()

    def close(self) -> None:
        """Let nobody through, and cut off all who were."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for pair in self._pairs:
            cut(pair)

    def open_again(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._own_port))
        self._serve()

    def _serve(self) -> None:
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                pair = (client, self._server())
                self._pairs.append(pair)
                muted = threading.Event()
                for target in (self._ask, self._answer):
                    threading.Thread(target=target, args=(pair, muted), daemon=True).start()

    def _server(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _ask(self, pair: tuple[socket.socket, socket.socket], muted: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := client.recv(65_536):
                if COMMIT in data and self.cuts == "before":
                    break
                if COMMIT in data and self.cuts == "after":
                    muted.set()
                server.sendall(data)
        cut(pair)

    def _answer(self, pair: tuple[socket.socket, socket.socket], muted: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := server.recv(65_536):
                if muted.is_set():
                    break
                client.sendall(data)
        cut(pair)


def cut(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@pytest.fixture
def proxy(dsn: str) -> Iterator[Proxy]:
    with closing(Proxy(dsn)) as opened:
        yield opened


@pytest.fixture
def proxied(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresDssStore]:
    monkeypatch.setattr(module, "PROBE_S", 0.01)
    monkeypatch.setattr(worker, "RECONNECT_S", 0.02)
    with closing(PostgresDssStore(proxy.dsn, workers=1)) as opened:
        yield opened


@pytest.mark.parametrize(("moment", "is_done"), [("before", False), ("after", True)])
def test_where_nobody_knows_whether_it_is_done_that_is_said_and_it_may_be_asked_for_again(
    store: PostgresDssStore, proxy: Proxy, proxied: PostgresDssStore, moment: str, *, is_done: bool
) -> None:
    proxy.cuts = moment
    with pytest.raises(StoreError, match="may be done or not") as caught:
        run(proxied, creating(1))
    assert caught.value.may_pass
    proxy.cuts = ""
    assert meeting(store, INTENT, HERE) == ([id_of(1)] if is_done else [])
    assert run(proxied, creating(1)) is not is_done
    assert meeting(proxied, INTENT, HERE) == [id_of(1)]
    assert proxied.fault is None


def test_what_was_only_read_may_be_cut_off_at_its_end(proxy: Proxy, proxied: PostgresDssStore) -> None:
    put(proxied, INTENT, (1, HERE))

    def work(transaction: DssTransaction) -> int:
        proxy.cuts = "" if proxy.cuts else "before"  # the first time only
        return len(transaction.meeting(INTENT, HERE))

    assert run(proxied, work) == 1


def test_while_the_database_is_gone_it_says_so_and_goes_on_when_it_is_back(
    proxy: Proxy, proxied: PostgresDssStore
) -> None:
    assert run(proxied, creating(1))
    proxy.close()
    with pytest.raises(StoreError, match="the database") as caught:
        run(proxied, creating(2))
    assert caught.value.may_pass
    assert proxied.fault is not None
    proxy.open_again()
    deadline_s = time.monotonic() + WAIT_S
    while proxied.fault is not None:  # nobody needs to ask for anything
        assert time.monotonic() < deadline_s
    assert run(proxied, creating(2))


def test_a_database_that_cannot_be_reached_at_the_start_is_an_error() -> None:
    with pytest.raises(StoreError, match="the database") as caught:
        PostgresDssStore("postgresql://keepclear@127.0.0.1:1/none")
    assert caught.value.may_pass


def test_a_url_that_cannot_be_read_is_an_error_that_does_not_tell_it() -> None:
    with pytest.raises(StoreError, match="cannot be read") as caught:
        PostgresDssStore("postgresql://keepclear:secret@[::1/none")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_psycopg_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "keepclear.adapters.store.dss_postgres_worker"
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("keepclear.adapters.store.dss_postgres_worker")
    with pytest.raises(StoreError, match=r"pip install 'keepclear\[pg\]'"):
        PostgresDssStore("postgresql://keepclear@127.0.0.1:1/none")


# -- limits and odd input ---------------------------------------------------------------------------


def test_over_the_limit_of_what_waits_more_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dss_waiting, "QUEUE_MAX", 2)
    with closing(PostgresDssStore(dsn, workers=1)) as store:
        held = Held(store)
        waiting = [store.run(creating(number, ELSEWHERE)) for number in (2, 3)]
        assert store.waiting_count == 2
        with pytest.raises(StoreBusyError, match="2 requests"):
            store.run(creating(4))
        held.let_go()
        assert [answer.result(WAIT_S) for answer in waiting] == [True, True]


def test_what_waits_when_it_is_closed_is_done_and_nothing_is_taken_after(dsn: str) -> None:
    store = PostgresDssStore(dsn, workers=2)
    asked = [store.run(creating(number)) for number in range(10)]
    store.close()
    assert all(answer.result(0.0) for answer in asked)
    with pytest.raises(StoreBusyError):
        store.run(creating(11))
    assert store.fault == "the store has stopped"
    store.close()


def test_what_the_database_cannot_take_is_refused_and_no_fault_of_it(store: PostgresDssStore) -> None:
    with pytest.raises(StoreError) as caught:
        run(store, lambda transaction: transaction.put_note("topic", "a\0b", "text", CAUSE.at))
    assert not caught.value.may_pass
    assert store.fault is None
    assert run(store, creating(1))


def test_an_error_that_work_passes_over_undoes_it_all_the_same(store: PostgresDssStore) -> None:
    def work(transaction: DssTransaction) -> None:
        transaction.put(entity(INTENT, 1, HERE), HERE, CAUSE)
        with suppress(psycopg.Error):
            transaction.history(0, -1)  # the database refuses it

    with pytest.raises(StoreError, match="passed over"):
        run(store, work)
    assert meeting(store, INTENT, HERE) == []


def test_an_index_that_lacks_what_it_names_is_never_taken_for_an_empty_place(
    dsn: str, store: PostgresDssStore
) -> None:
    put(store, INTENT, (1, HERE))
    execute(dsn, "delete from dss_entity")
    with pytest.raises(StoreError, match="damaged"):
        meeting(store, INTENT, HERE)


def test_extents_are_kept_decoded_within_a_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, others = PackedTexts(), [encode_extent(each).decode() for each in (HERE, ELSEWHERE)]
    first = texts.packed(others[0])
    assert texts.packed(others[0]) is first
    monkeypatch.setattr(dss_extents, "PACKED_BYTES_MAX", first.memory_bytes + 5_000)
    texts.packed(others[1])
    assert list(texts._held._held) == [others[1]]
    again = texts.packed(others[0])
    assert list(texts._held._held) == [others[0]]
    for name in first._fields:
        assert np.array_equal(getattr(again, name), getattr(first, name))
    with pytest.raises(StoreError, match="damaged"):
        texts.packed("[]")


@pytest.mark.slow
@pytest.mark.parametrize("kind", EntityKind)
def test_many_threads_that_move_a_few_entities_about_leave_what_the_last_ones_put(
    store: PostgresDssStore, other: PostgresDssStore, kind: EntityKind
) -> None:
    spots = [extent_of(volume(square(35.0 + k / 8, 36.0, 9_000.0))) for k in range(6)]

    def move(thread: int) -> None:
        for step in range(20):
            number, spot = (thread + step) % 3, (thread * 7 + step * 5) % len(spots)

            def work(transaction: DssTransaction, number: int = number, spot: int = spot) -> None:
                transaction.meeting(kind, spots[spot])
                transaction.put(entity(kind, number, spots[spot]), spots[spot], CAUSE)

            run(store if thread % 2 else other, work)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(move, range(4)))
    entries = run(store, lambda transaction: transaction.history(0, 1_000))
    assert len(entries) == 80
    latest = {entry.entity.id: entry.extent for entry in entries}
    for spot in spots:
        assert {name for name, extent in latest.items() if extent == spot} <= set(meeting(store, kind, spot))
    kept = run(store, lambda t: {name: t.extent(kind, name) for name in latest})
    assert kept == latest  # of two changes of one entity the greater number was later
