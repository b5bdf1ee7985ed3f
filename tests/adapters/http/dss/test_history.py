"""The history of a service: what became of references, for those who look back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keepclear.adapters.http.dss import history as module
from keepclear.adapters.http.dss.history import SCOPE
from tests.dss import NEW, Answer, Dss, circle, intent, uuid, volume

A, B = uuid(1), uuid(2)


@pytest.fixture
def dss() -> Dss:
    return Dss()


def history(dss: Dss, query: str = "") -> Answer:
    return dss.ask("GET", f"/aux/v1/history{query}", subject="auditor", scopes=[SCOPE])


def test_every_change_is_told_with_who_made_it_and_when(dss: Dss) -> None:
    created = dss.create(A, intent(**NEW))
    dss.later(timedelta(minutes=1))
    changed = dss.change(A, created.ovn, intent(volume(circle(500.0)), state="Activated", **NEW))
    dss.delete(A, changed.ovn)
    told = history(dss).body
    of_intent = [each for each in told["entries"] if each["kind"] == "intent"]
    assert [each["change"] for each in of_intent] == ["put", "put", "removed"]
    assert [each["at"] for each in of_intent] == ["2026-06-01T12:00:00Z", *["2026-06-01T12:01:00Z"] * 2]
    assert {(each["issuer"], each["subject"]) for each in of_intent} == {("https://auth.example", "uss1")}
    assert [each["entity"]["state"] for each in of_intent] == ["Accepted", "Activated", "Activated"]
    assert of_intent[0]["extents"] == [volume()]
    assert told["last"] == told["entries"][-1]["seq"] == len(told["entries"])


def test_nobody_learns_an_ovn_from_it(dss: Dss) -> None:
    ovn = dss.create(A, intent(**NEW)).ovn
    assert ovn not in str(history(dss).body)
    assert dss.ask("GET", "/aux/v1/history").status == 403


def test_it_comes_page_by_page_and_nothing_twice(dss: Dss) -> None:
    for number in range(5):
        dss.create(uuid(10 + number), intent(volume(circle(1_000.0 * number))))
    seen, after = [], 0
    while entries := (page := history(dss, f"?after={after}&limit=2").body)["entries"]:
        seen += [each["entity"]["id"] for each in entries]
        after = page["last"]
    assert seen == [uuid(10 + number) for number in range(5)]


def test_a_page_of_large_entries_ends_early_and_the_next_goes_on(
    dss: Dss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_VOLUMES_MAX", 20)
    for number in range(12):
        dss.create(uuid(10 + number), intent(*[volume(circle(1_000.0 * number + k)) for k in range(4)]))
    first = history(dss).body
    assert [each["seq"] for each in first["entries"]] == list(range(1, 11))
    assert [each["seq"] for each in history(dss, "?after=10").body["entries"]] == [11, 12]
    assert history(dss, "?after=12").body == {"entries": [], "last": 12}


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?limit=1001", "?after=99999999999999999999"])
def test_what_is_no_number_is_refused(dss: Dss, query: str) -> None:
    assert history(dss, query).status == 400


def test_it_is_forgotten_in_time_what_is_oldest_first(dss: Dss) -> None:
    dss.create(A, intent())
    dss.later(timedelta(days=29))
    dss.sweep()
    assert dss.create(B, intent(volume(end=60.0 * 24.0 * 40.0))).status == 201
    dss.later(timedelta(days=2))
    dss.sweep()
    assert [each["entity"]["id"] for each in history(dss).body["entries"] if each["change"] == "put"] == [B]
