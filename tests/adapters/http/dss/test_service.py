"""What is the same for all endpoints of the service, and what it does by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.http.dss import endpoints
from keepclear.adapters.http.dss.tickets import CallableOff
from keepclear.adapters.store.dss_memory import MemoryDssStore
from keepclear.node.dss.ports import DssTransaction, Target, Ticket
from keepclear.node.dss.refusals import StoreBusyError
from keepclear.node.outcomes import StoreError
from tests.dss import (
    AA,
    CM,
    CMSA,
    CONSTRAINTS,
    CP,
    INTENTS,
    NEW,
    SC,
    SUBSCRIPTIONS,
    Dss,
    circle,
    constraint,
    intent,
    subscription,
    uuid,
    volume,
)

A, B = uuid(1), uuid(2)
ROOT = Path(__file__).parents[4]


@pytest.fixture
def dss() -> Dss:
    return Dss()


def test_every_endpoint_asks_for_a_token_and_for_its_scope_before_all_else(dss: Dss) -> None:
    for endpoint in dss.application.endpoints:
        path = endpoint.path.replace("{id}", "nothing").replace("{ovn}", "").replace("{version}", "")
        assert dss.ask(endpoint.method, path, b"{", token="").status == 401, endpoint
        assert dss.ask(endpoint.method, path, b"{", token="Basic x").status == 401, endpoint
        refused = dss.ask(endpoint.method, path, b"{", scopes=["utm.something_else"])
        assert refused.status == (403 if endpoint.scopes else 200), endpoint
        if endpoint.scopes:
            assert endpoint.scopes[0] in refused.body["message"]


def test_one_of_several_scopes_is_enough(dss: Dss) -> None:
    dss.create(A, intent())
    for scopes in ([SC], [CMSA], [SC, CP], ["another", SC]):
        assert dss.ask("GET", f"{INTENTS}/{A}", scopes=scopes).status == 200  # type: ignore[arg-type]


def test_what_is_not_there_is_told_in_json(dss: Dss) -> None:
    for path in ("/", "/dss/v1/nothing", f"{INTENTS}/{A}/b/c/d"):
        answer = dss.ask("GET", path)
        assert answer.status in {404, 405}
        assert list(answer.body) == ["message"]
    assert dss.ask("PATCH", f"{INTENTS}/{A}").headers["allow"]


def test_constraints_are_created_changed_found_and_removed(dss: Dss) -> None:
    created = dss.ask("PUT", f"{CONSTRAINTS}/{A}", constraint(), scopes=[CM], subject="law")
    assert (created.status, created.body["constraint_reference"]["version"]) == (201, 1)
    assert (
        dss.ask("PUT", f"{CONSTRAINTS}/{A}", constraint(volume(end=9.0)), scopes=[CM], subject="law").status
        == 409
    )
    seen = dss.ask("GET", f"{CONSTRAINTS}/{A}", scopes=[CP])
    assert seen.ovn == "Available from USS"
    found = dss.ask("POST", f"{CONSTRAINTS}/query", {"area_of_interest": volume()}, scopes=[CP]).body
    assert [each["id"] for each in found["constraint_references"]] == [A]
    where = f"{CONSTRAINTS}/{A}/{created.ovn}"
    assert dss.ask("PUT", where, constraint(), scopes=[CM], subject="uss1").status == 403
    assert dss.ask("PUT", f"{CONSTRAINTS}/{A}/wrong", constraint(), scopes=[CM], subject="law").status == 409
    assert dss.ask("PUT", f"{CONSTRAINTS}/{B}/wrong", constraint(), scopes=[CM], subject="law").status == 409
    assert dss.ask("PUT", f"{CONSTRAINTS}/{A}/", constraint(), scopes=[CM], subject="law").status == 400
    without_heights = constraint(volume(lower_m=None, upper_m=None))
    changed = dss.ask("PUT", where, without_heights, scopes=[CM], subject="law")
    assert (changed.status, changed.body["constraint_reference"]["version"]) == (200, 2)
    assert dss.ask("PUT", where, without_heights, scopes=[CM], subject="law") == changed
    gone = f"{CONSTRAINTS}/{A}/{changed.ovn}"
    assert dss.ask("DELETE", gone, scopes=[CM], subject="uss1").status == 403
    removed = dss.ask("DELETE", gone, scopes=[CM], subject="law")
    assert removed.status == 200
    assert dss.ask("DELETE", gone, scopes=[CM], subject="law") == removed
    assert dss.ask("GET", f"{CONSTRAINTS}/{A}", scopes=[CP]).status == 404


def test_constraints_are_told_to_those_who_want_them(dss: Dss) -> None:
    zones = subscription(notify_for_operational_intents=False, notify_for_constraints=True)
    dss.subscribe(B, zones, scopes=[CP])
    dss.subscribe(uuid(3), subscription())
    assert dss.ask("PUT", f"{CONSTRAINTS}/{A}", constraint(), scopes=[CM]).indices == {B: 1}


def test_constraint_queries_of_what_is_too_large_or_malformed_are_refused(dss: Dss) -> None:
    huge = {"outline_circle": {"center": {"lat": 0, "lng": 0}, "radius": {"value": 1e6, "units": "M"}}}
    for area in (volume(huge), volume({"outline": 1}), {}):
        query = {"area_of_interest": area}
        assert dss.ask("POST", f"{CONSTRAINTS}/query", query, scopes=[CM]).status == 400


def test_availability_is_said_version_by_version(dss: Dss) -> None:
    path = "/dss/v1/uss_availability/uss1"
    unknown = dss.ask("GET", path).body
    assert unknown == {"version": "", "status": {"uss": "uss1", "availability": "Unknown"}}
    said = dss.ask("PUT", path, {"old_version": "", "availability": "normal"}, scopes=[AA]).body
    assert said["status"] == {"uss": "uss1", "availability": "Normal"}
    for old in ("", "wrong"):
        assert dss.ask("PUT", path, {"old_version": old, "availability": "Down"}, scopes=[AA]).status == 409
    down = dss.ask("PUT", path, {"old_version": said["version"], "availability": "Down"}, scopes=[AA])
    assert down.status == 200
    assert dss.ask("PUT", path, {"availability": "Sleepy"}, scopes=[AA]).status == 400
    assert dss.ask("PUT", path, {"availability": "Down"}).status == 403
    dss.create(A, intent(), subject="uss2")
    assert dss.ask("GET", path, scopes=[CMSA]).body["status"]["availability"] == "Down"


def test_reports_are_kept_and_numbered(dss: Dss) -> None:
    exchange = {
        "url": "https://uss1.example/utm",
        "method": "GET",
        "recorder_role": "Client",
        "request_time": {"value": "2026-06-01T12:00:00Z", "format": "RFC3339"},
        "request_source": "uss2",
    }
    answer = dss.ask("POST", "/dss/v1/reports", {"exchange": exchange}, scopes=[CP])
    assert answer.status == 201
    assert answer.body["report_id"]
    assert answer.body["exchange"]["url"] == exchange["url"]
    assert dss.ask("POST", "/dss/v1/reports", {"exchange": {}}, scopes=[CP]).status == 400


def test_what_is_beside_the_standards_is_there(dss: Dss) -> None:
    assert dss.ask("GET", "/aux/v1/version").body["version"].startswith("keepclear-")
    assert dss.ask("GET", "/aux/v1/validate_oauth").status == 200
    assert dss.ask("GET", "/aux/v1/validate_oauth?owner=uss1").status == 200
    assert dss.ask("GET", "/aux/v1/validate_oauth?owner=uss2").status == 403
    read = ["interuss.pool_status.read"]
    assert dss.ask("GET", "/aux/v1/pool", scopes=read).body == {"dar_id": "test"}
    assert dss.ask("GET", "/aux/v1/pool/dss_instances", scopes=read).body == {"dss_instances": []}
    beat = "/aux/v1/pool/dss_instances/heartbeat"
    write = ["interuss.pool_status.heartbeat.write"]
    assert dss.ask("PUT", f"{beat}?source=startup", scopes=write).status == 201
    told = dss.ask("PUT", f"{beat}?source=timer&timestamp=2026-06-01T11:00:00Z", scopes=write).body
    assert told["dss_instances"][0]["most_recent_heartbeat"] == {
        "timestamp": "2026-06-01T11:00:00Z",
        "source": "timer",
        "reporter": "uss1",
        "index": 1,
    }
    assert dss.ask("PUT", beat, scopes=write).status == 400
    assert dss.ask("PUT", f"{beat}?source=x&timestamp=noon", scopes=write).status == 400
    version = dss.ask("GET", "/versions/our.dss", scopes=["interuss.versioning.read_system_versions"]).body
    assert version["system_identity"] == "our.dss"


def test_health_and_metrics_need_no_token(dss: Dss) -> None:
    dss.create(A, intent())
    assert dss.ask("GET", "/healthy", token="").body == {"status": "ok", "faults": []}
    assert f'method="PUT",path="{INTENTS}/{{id}}",status="201"' in metrics_of(dss)


def metrics_of(dss: Dss) -> str:
    text: bytes = dss.ask("GET", "/metrics", token="").body
    return text.decode()


def test_the_metrics_tell_what_is_kept_what_went_and_what_waits(dss: Dss) -> None:
    dss.create(A, intent(**NEW))
    dss.create(B, intent(volume(circle(10_000.0))))
    asyncio.run(dss.application.upkeep.count())
    text = metrics_of(dss)
    assert 'keepclear_dss_entities{kind="intent"} 2.0' in text
    assert 'keepclear_dss_entities{kind="subscription"} 1.0' in text
    assert 'keepclear_dss_entities{kind="constraint"} 0.0' in text
    assert "keepclear_dss_waiting 0.0" in text
    assert "keepclear_dss_store_fault 0.0" in text
    assert "keepclear_dss_key_faults 0.0" in text
    dss.later(timedelta(hours=26))
    dss.sweep()
    assert 'keepclear_dss_swept_total{kind="intent"} 2.0' in metrics_of(dss)


def test_each_figure_of_the_metrics_is_explained(dss: Dss) -> None:
    dss.create(A, intent())
    page = (ROOT / "docs/how-to/run-a-dss.md").read_text(encoding="utf-8")
    lines = [line.split() for line in metrics_of(dss).splitlines() if line.startswith("# HELP")]
    names = [name for _, _, name, *_ in lines if not name.endswith("_created")]
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []


def test_what_cannot_be_counted_or_let_go_of_is_told_and_not_guessed() -> None:
    store = _FailingStore()
    dss = Dss(store)
    dss.create(A, intent())
    asyncio.run(_kept_up(dss, 0.0))
    assert "keepclear_dss_entities{" in metrics_of(dss)
    for error in (StoreError("the disk is full", may_pass=True), ValueError("odd")):
        store.error = error
        asyncio.run(_kept_up(dss, 0.0))
        text = metrics_of(dss)
        assert "keepclear_dss_entities{" not in text
        assert "keepclear_dss_sweep_fault 1.0" in text
        (fault,) = dss.ask("GET", "/healthy", token="").body["faults"]
        assert fault.startswith("what is over cannot be let go of")
    store.error = None
    asyncio.run(_kept_up(dss, 0.0))
    assert dss.ask("GET", "/healthy", token="").body == {"status": "ok", "faults": []}


def test_a_store_that_does_not_answer_at_all_is_no_good_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ANSWER_MAX_S", 0.01)
    store = _SlowStore()
    dss = Dss(store)
    asyncio.run(_kept_up(dss, 0.05))
    assert dss.ask("GET", "/healthy", token="").status == 503
    assert "keepclear_dss_stalled 1.0" in metrics_of(dss)
    store.let.set()
    monkeypatch.setattr(endpoints, "ANSWER_MAX_S", 10.0)
    asyncio.run(_kept_up(dss, 0.05))
    assert dss.ask("GET", "/healthy", token="").status == 200


async def _kept_up(dss: Dss, seconds: float) -> None:
    """Let it do what it does by itself, for a moment."""
    task = asyncio.create_task(dss.application.upkeep.run())
    await asyncio.sleep(seconds)
    for _ in range(20):
        await asyncio.sleep(0.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_is_over_goes_by_itself_in_steps_and_takes_its_subscription_along(dss: Dss) -> None:
    created = dss.create(A, intent(**NEW))
    dss.ask("PUT", f"{CONSTRAINTS}/{B}", constraint(), scopes=[CM])
    dss.later(timedelta(hours=24))
    dss.sweep()
    assert dss.ask("GET", f"{INTENTS}/{A}").status == 200
    dss.later(timedelta(hours=1, seconds=1))
    assert dss.sweep() is False
    assert dss.ask("GET", f"{INTENTS}/{A}").status == 404
    assert dss.ask("GET", f"{SUBSCRIPTIONS}/{created.intent['subscription_id']}").status == 404
    assert dss.ask("GET", f"{CONSTRAINTS}/{B}", scopes=[CM]).status == 404


class _FailingStore(MemoryDssStore):
    """Fails with an error while there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error

    def run(
        self,
        work: Callable[[DssTransaction], Any],
        ticket: Ticket | None = None,
        target: Target | None = None,
    ) -> Future[Any]:
        if self.error is None:
            return super().run(work, ticket, target)
        failed: Future[Any] = Future()
        failed.set_exception(self.error)
        return failed


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreError("the disk is full", may_pass=True), 503),
        (StoreBusyError("too much is waiting"), 503),
        (ValueError("a fault"), 500),
    ],
)
def test_a_store_that_fails_is_told_and_shows_nothing_of_itself(error: Exception, status: int) -> None:
    answer = Dss(_FailingStore(error)).create(A, intent())
    assert answer.status == status
    assert list(answer.body) == ["message"]
    assert (status == 503) == ("retry-after" in answer.headers)


class _SlowStore(MemoryDssStore):
    """Does what is asked only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def run(
        self,
        work: Callable[[DssTransaction], Any],
        ticket: Ticket | None = None,
        target: Target | None = None,  # noqa: ARG002
    ) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_running_or_notify_cancel()

        def late() -> None:
            self.let.wait(10.0)
            done = super(_SlowStore, self).run(work, ticket)
            if (error := done.exception()) is not None:
                answer.set_exception(error)
            else:
                answer.set_result(done.result())

        threading.Thread(target=late, daemon=True).start()
        return answer


def test_what_is_not_done_in_time_is_told_so_and_is_not_done_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "ANSWER_MAX_S", 0.01)
    store = _SlowStore()
    dss = Dss(store)
    answer = dss.create(A, intent())
    assert answer.status == 503
    assert "nothing of it was done" in answer.body["message"]
    store.let.set()
    assert asyncio.run(_settled(store)) == 0


class _NeverStore(MemoryDssStore):
    """Claims what is asked, or does not, and never answers."""

    def __init__(self, *, claims: bool) -> None:
        super().__init__()
        self.claims, self.asked = claims, list[Future[Any]]()

    def run(
        self,
        work: Callable[[DssTransaction], Any],  # noqa: ARG002
        ticket: Ticket | None = None,
        target: Target | None = None,  # noqa: ARG002
    ) -> Future[Any]:
        if self.claims:
            assert ticket is not None
            assert ticket.claim()
        self.asked.append(Future())
        return self.asked[-1]


@pytest.mark.parametrize(("claims", "told"), [(False, "nothing of it was done"), (True, "does not say")])
def test_where_nobody_ever_answers_who_asked_is_told_and_what_has_not_begun_is_not_begun(
    monkeypatch: pytest.MonkeyPatch, told: str, *, claims: bool
) -> None:
    monkeypatch.setattr(endpoints, "ANSWER_MAX_S", 0.01)
    monkeypatch.setattr(endpoints, "LASTING_MAX_S", 0.01)
    store = _NeverStore(claims=claims)
    answer = Dss(store).create(A, intent())
    assert answer.status == 503
    assert told in answer.body["message"]
    assert "retry-after" in answer.headers
    assert not store.asked[0].set_running_or_notify_cancel()


async def _settled(store: MemoryDssStore) -> int:
    from keepclear.core.references import EntityKind

    for _ in range(50):
        await asyncio.sleep(0.001)
    return MemoryDssStore.run(store, lambda transaction: transaction.count(EntityKind.INTENT)).result()


def test_a_ticket_is_either_claimed_or_called_off() -> None:
    claimed, off = CallableOff(), CallableOff()
    assert claimed.claim()
    assert not claimed.call_off()
    assert off.call_off()
    assert not off.claim()
