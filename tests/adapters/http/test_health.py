"""Health and counters, for those who look after a node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Record
from tests.adapters.http.served import Served, operation, path_of


def counted(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample by its name and labels."""
    response = served.ask("GET", "/metrics", role=None)
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def fail_to_read(*_: object) -> Iterator[Record]:
    raise StoreError("the disk is gone", may_pass=False)


def test_a_node_that_works_says_so(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        response = served.ask("GET", path, role=None)
        assert (response.status_code, response.json()["status"]) == (200, "ok")
        assert response.json()["service"] == "keepclear"


def test_a_node_that_cannot_store_is_not_ready_but_alive(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.running.node.store, "transaction", fail_to_read)
    monkeypatch.setattr(served.running.node.store, "records_after", fail_to_read)
    refused = served.declare(operation("R7"))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["detail"] == "the disk is gone"
    ready = served.ask("GET", "/readyz", role=None)
    assert ready.status_code == 503
    assert ready.json() == {"status": "failing", "reason": "the disk is gone", "service": "keepclear"}
    assert served.ask("GET", "/healthz", role=None).status_code == 200
    assert counted(served)[("keepclear_desk_failing", ())] == 1.0


def test_a_store_that_cannot_be_read_is_told_as_such(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("record", "records", "history", "records_after", "last_seq"):
        monkeypatch.setattr(served.running.node.store, name, fail_to_read)
    for path in ("/v1/items", path_of("R7"), "/v1/history/R7", "/v1/events", "/v1/session"):
        refused = served.ask("GET", path)
        assert (refused.status_code, refused.json()["detail"]) == (503, "the disk is gone")


def test_the_counters_are_told_while_the_store_fails(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.running.node.store, "_select", fail_to_read)
    assert ("keepclear_desk_failing", ()) in counted(served)


def test_a_fault_of_the_node_is_told_without_its_insides(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(served.running.node.store, "record", fail)
    fault = served.client.get(path_of("R7"), headers={"Authorization": f"Bearer {served.foreign_token}"})
    assert fault.status_code == 500
    assert fault.headers["Content-Type"] == "application/problem+json"
    assert "inside" not in fault.text
    assert "a fault of the node" in caplog.text


def test_requests_are_counted_by_the_pattern_of_their_path(served: Served) -> None:
    for name in ("a", "b", "a/b"):
        served.ask("GET", path_of(name))
    served.declare(operation("R7"))
    samples = counted(served)
    labels = (("method", "GET"), ("path", "/v1/items/{id}"), ("status", "404"))
    assert samples["keepclear_http_requests_total", labels] == 3.0
    assert samples["keepclear_http_request_seconds_count", labels[:2]] == 3.0
    assert samples["keepclear_items_held", ()] == 1.0
    assert samples["keepclear_log_entries", ()] == 1.0
    assert samples["keepclear_streams_open", ()] == 0.0


def test_no_path_that_somebody_makes_up_is_counted(served: Served) -> None:
    served.ask("GET", "/v1/made-up")
    assert not [name for name, labels in counted(served) if "made-up" in str(labels)]
