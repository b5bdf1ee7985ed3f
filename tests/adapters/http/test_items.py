"""Items over HTTP: declaring, amending, withdrawing, states, lists, history, and what is refused and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepclear.adapters.http.endpoints import PROBLEMS_TOLD_MAX
from keepclear.adapters.settings import LimitSettings
from keepclear.codec import geojson
from keepclear.codec.f3548.volumes import decode_item
from keepclear.core.conflicts import Item
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState
from keepclear.core.shapes import CorridorLeg, Polygon
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from tests.adapters.http.served import (
    OTHER,
    Described,
    Served,
    body_of,
    operation,
    pages,
    path_of,
    serving,
)
from tests.strategies import at, intent, square, volume, volumes, window, zone

JSON = {"Content-Type": "application/json", "If-None-Match": "*"}
GEOJSON = {"Content-Type": "application/geo+json", "If-None-Match": "*"}


@pytest.fixture
def refusing(tmp_path: Path, described: Described) -> Iterator[Served]:
    """Serve a node that refuses conflicts, with small limits."""
    limits = LimitSettings(volumes=2, vertices=8, horizon_days=1, page=3, body_bytes=10_000)
    with serving(tmp_path, described, conflicts=ConflictPolicy.REFUSE, limits=limits) as served:
        yield served


def patch(served: Served, item_id: str, event: str, version: int) -> httpx2.Response:
    headers = {"If-Match": f'"{version}"'}
    return served.ask("PATCH", path_of(item_id), json={"event": event}, headers=headers)


def withdraw(served: Served, item_id: str, version: int) -> httpx2.Response:
    return served.ask("DELETE", path_of(item_id), headers={"If-Match": f'"{version}"'})


def put(served: Served, item_id: str, content: bytes, **headers: str) -> httpx2.Response:
    return served.ask("PUT", path_of(item_id), content=content, headers={**JSON, **headers})


def problems(response: httpx2.Response) -> dict[str, str]:
    """Return what is wrong by field, of a request that was refused as a bad one."""
    assert response.status_code == 400, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    return {problem["field"]: problem["reason"] for problem in response.json()["problems"]}


# -- the life of an item ----------------------------------------------------------------------------


def test_an_item_is_declared_and_then_there(served: Served) -> None:
    declared = served.declare(operation("R7"))
    assert (declared.status_code, declared.headers["ETag"]) == (201, '"1"')
    record = declared.json()["record"]
    assert record == {
        "item": body_of(operation("R7")),
        "version": 1,
        "seq": 1,
        "standing": "clear",
        "by": {"party": "relief", "person": "Dana"},
        "at": "2026-05-01T12:00:00Z",
        "withdrawn": False,
    }
    read = served.ask("GET", path_of("R7"), role=Role.VIEWER)
    assert (read.json(), read.headers["ETag"]) == (record, '"1"')


def test_a_party_that_is_left_out_is_ones_own(served: Served) -> None:
    body = body_of(operation("R7"))
    del body["party"]
    assert served.declare(body).json()["record"]["item"]["party"] == "relief"


def test_what_was_assumed_is_told(served: Served) -> None:
    told = served.declare(operation("R7")).json()["assumptions"]
    assert told == [
        "no altitude_lower in a volume: unbounded there",
        "no altitude_upper in a volume: unbounded there",
    ]


def test_an_amendment_takes_the_place_of_the_version_that_was_named(served: Served) -> None:
    served.declare(operation("R7"))
    amended = served.amend(operation("R7", 35.5), 1)
    assert (amended.status_code, amended.headers["ETag"]) == (200, '"2"')
    assert amended.json()["record"]["item"] == body_of(operation("R7", 35.5))


def test_the_states_of_an_operation_change_by_events(served: Served) -> None:
    served.declare(operation("R7"))
    states = []
    events = ("activate", "leave volumes", "return", "declare contingency", "end")
    for version, event in enumerate(events, start=1):
        changed = patch(served, "R7", event, version)
        assert changed.headers["ETag"] == f'"{version + 1}"'
        states.append(changed.json()["record"]["item"]["state"])
    assert states == ["Activated", "Nonconforming", "Activated", "Contingent", "Ended"]


def test_a_withdrawn_item_is_told_as_such_and_may_be_declared_anew(served: Served) -> None:
    served.declare(operation("R7"))
    gone = withdraw(served, "R7", 1)
    assert (gone.status_code, gone.headers["ETag"]) == (200, '"2"')
    assert gone.json()["record"]["withdrawn"] is True
    assert served.ask("GET", path_of("R7")).json()["withdrawn"] is True
    again = served.declare(operation("R7"))
    assert (again.status_code, again.json()["record"]["version"]) == (200, 3)


def test_a_conflict_is_recorded_and_told_where_the_party_decided_so(served: Served) -> None:
    served.declare(operation("R7"))
    declared = served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    assert declared.status_code == 201
    assert declared.json()["record"]["standing"] == "conflicting"
    (finding,) = declared.json()["findings"]
    assert (finding["verdict"], finding["a"]["id"], finding["b"]["id"]) == ("conflict", "N1", "R7")


def test_a_conflict_is_refused_with_what_it_meets_where_the_party_decided_so(refusing: Served) -> None:
    refusing.declare(operation("R7"))
    refused = refusing.declare(operation("N1", party=OTHER), token=refusing.foreign_token)
    assert refused.status_code == 409
    assert "'N1' conflicts with 'R7'" in refused.json()["detail"]
    assert "resolve it, then declare again" in refused.json()["detail"]
    (finding,) = refused.json()["findings"]
    assert finding["b"] == {
        "id": "R7",
        "party": "relief",
        "priority": 0,
        "kind": "operational_intent",
        "volume": 0,
    }
    assert refusing.ask("GET", path_of("N1")).status_code == 404


# -- versions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_that_names_no_version_is_refused_with_the_headers_to_send(
    served: Served, method: str
) -> None:
    served.declare(operation("R7"))
    given = {"PUT": body_of(operation("R7")), "PATCH": {"event": "activate"}}.get(method)
    refused = served.ask(method, path_of("R7"), **({} if given is None else {"json": given}))
    assert refused.status_code == 428
    assert 'If-Match: "3"' in refused.json()["detail"]
    assert "If-None-Match: *" in refused.json()["detail"]


@pytest.mark.parametrize("version", [0, 1, 3, 10**14])
def test_a_change_of_another_version_is_refused_with_the_one_there_is(served: Served, version: int) -> None:
    served.declare(operation("R7"))
    served.amend(operation("R7", 35.5), 1)
    current = served.ask("GET", path_of("R7")).json()
    for refused in (
        served.amend(operation("R7", 35.6), version),
        patch(served, "R7", "activate", version),
        withdraw(served, "R7", version),
    ):
        assert refused.status_code == 412
        assert refused.json()["record"] == current
        assert f"is at version 2, not {version}" in refused.json()["detail"]


def test_an_id_that_is_taken_is_refused_with_the_item_that_has_it(served: Served) -> None:
    current = served.declare(operation("R7")).json()["record"]
    refused = served.declare(operation("R7", 35.5))
    assert (refused.status_code, refused.json()["record"]) == (412, current)
    assert "amend or withdraw version 1, or take another id" in refused.json()["detail"]


@pytest.mark.parametrize(
    "said", ["*", "", '"', "three", '"3", "4"', 'W/"3"', "-1", "1.0", "²", "9" * 16, "\xff"]
)
def test_what_is_no_version_is_told(served: Served, said: str) -> None:
    header = said.encode("utf-8")
    response = served.ask("DELETE", path_of("R7"), headers={"If-Match": header})  # type: ignore[dict-item]
    assert list(problems(response)) == ["If-Match"]


@pytest.mark.parametrize("headers", [{"If-None-Match": '"1"'}, {"If-None-Match": "*", "If-Match": '"1"'}])
def test_a_declaration_names_no_version(served: Served, headers: dict[str, str]) -> None:
    response = served.ask("PUT", path_of("R7"), json=body_of(operation("R7")), headers=headers)
    assert list(problems(response)) == ["If-None-Match"]


def test_what_there_is_not_cannot_be_changed(served: Served) -> None:
    for refused in (
        served.amend(operation("R7"), 1),
        patch(served, "R7", "activate", 1),
        withdraw(served, "R7", 1),
        served.ask("GET", path_of("R7")),
        served.ask("GET", "/v1/history/R7"),
    ):
        assert refused.status_code == 404
        assert "'R7'" in refused.json()["detail"]
        assert "list the items" in refused.json()["detail"]


def test_a_state_that_does_not_allow_an_event_is_a_conflict_with_the_state(served: Served) -> None:
    served.declare(operation("R7"))
    refused = patch(served, "R7", "return", 1)
    assert refused.status_code == 409
    served.declare(zone("Z1", volume(square(10.0, 10.0, 500.0)), party="relief"))
    refused = patch(served, "Z1", "activate", 1)
    assert (refused.status_code, "zones have no state" in refused.json()["detail"]) == (409, True)


# -- lost answers -----------------------------------------------------------------------------------


def test_doing_the_same_again_because_the_answer_was_lost_gives_the_same_answer(served: Served) -> None:
    served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    changes = (
        lambda: served.declare(operation("R7")),
        lambda: served.amend(operation("R7", 35.001), 1),
        lambda: patch(served, "R7", "activate", 2),
        lambda: withdraw(served, "R7", 3),
    )
    for change in changes:
        first = change()
        served.clock.advance(1.0)
        again = change()
        assert again.json()["record"] == first.json()["record"]
        assert again.headers["ETag"] == first.headers["ETag"]
    assert len(served.ask("GET", "/v1/events").json()["events"]) == 1 + len(changes)


# -- lists ------------------------------------------------------------------------------------------


def fill(served: Served, *names: str) -> None:
    for number, name in enumerate(names):
        served.declare(operation(name, 10.0 + number))


def test_a_list_is_sorted_and_filtered(served: Served) -> None:
    fill(served, "b", "a", "Z", "é", "a/b", "B", "\U0001f6e9")
    served.declare(zone("zone", volume(square(20.0, 10.0, 500.0)), party="relief"))
    served.declare(operation("north", 30.0, party=OTHER), token=served.foreign_token)
    patch(served, "a", "activate", 1)

    def ids(**query: str) -> list[str]:
        return [
            record["item"]["id"] for page in pages(served, "/v1/items", "items", **query) for record in page
        ]

    everything = ["B", "Z", "a", "a/b", "b", "north", "zone", "é", "\U0001f6e9"]
    assert ids() == everything
    assert ids(limit="2") == everything
    assert ids(after="a") == everything[3:]
    assert ids(kind="constraint") == ["zone"]
    assert ids(kind="operational_intent", party="north") == ["north"]
    assert ids(state="Activated") == ["a"]
    assert ids(party="nobody") == []
    assert ids(party="null") == []


def test_what_is_over_is_only_shown_when_asked_for(served: Served) -> None:
    fill(served, "a", "b", "c")
    withdraw(served, "a", 1)
    patch(served, "b", "end", 1)
    current = served.ask("GET", "/v1/items").json()
    assert [record["item"]["id"] for record in current["items"]] == ["c"]
    ended = served.ask("GET", "/v1/items?include=ended").json()
    assert [record["item"]["id"] for record in ended["items"]] == ["a", "b", "c"]
    served.clock.advance(3_600.0 + 5.001)
    assert served.ask("GET", "/v1/items").json()["items"] == []


def test_a_page_holds_no_more_than_the_node_tells_at_once(refusing: Served) -> None:
    fill(refusing, "a", "b", "c", "d")
    page = refusing.ask("GET", "/v1/items?limit=1000000000000000").json()
    assert ([record["item"]["id"] for record in page["items"]], page["next"]) == (["a", "b", "c"], "c")
    last = refusing.ask("GET", "/v1/items?after=c").json()
    assert ([record["item"]["id"] for record in last["items"]], last["next"]) == (["d"], None)


def test_pages_are_complete_whatever_changes_between_them(served: Served) -> None:
    fill(served, *(f"i{number:02}" for number in range(10)))
    seen, versions = [], {f"i{number:02}": 1 for number in range(10)}
    for turn, page in enumerate(pages(served, "/v1/items", "items", limit="3")):
        seen += [record["item"]["id"] for record in page]
        name = f"i{turn:02}"
        served.amend(operation(name, 40.0 + turn), versions[name])  # moves behind what was read
        served.declare(operation(f"h{turn}", 60.0 + turn))
        withdraw(served, "i09", 1)
    assert seen == [f"i{number:02}" for number in range(9)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=" + "9" * 100, None),
        ("limit=" + "9" * 5_000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("kind=drone", "kind"),
        ("state=null", "state"),
        ("state=accepted", "state"),
        ("include=all", "include"),
        ("lmit=1", "lmit"),
        ("after=%00", None),
        ("after=%FF%FE", None),
        ("party=%ED%A0%80", None),
        ("after=" + "a" * 10_000, None),
    ],
)
def test_a_query_that_is_not_known_is_told(served: Served, query: str, field: str | None) -> None:
    response = served.ask("GET", f"/v1/items?{query}")
    if field is None:
        assert response.status_code == 200
    else:
        assert list(problems(response)) == [field]


def test_a_slip_in_a_query_is_told_with_what_was_meant(served: Served) -> None:
    assert problems(served.ask("GET", "/v1/items?lmit=1")) == {
        "lmit": "unknown name in the query; did you mean 'limit'?"
    }
    state = problems(served.ask("GET", "/v1/items?state=accepted"))["state"]
    assert state == "unknown value 'accepted'; did you mean 'Accepted'?"
    assert problems(served.ask("GET", "/v1/tracks?a=1")) == {
        "a": "unknown name in the query; nothing may be given here"
    }


# -- history and events -----------------------------------------------------------------------------


def test_the_history_of_an_item_is_all_its_versions_oldest_first(served: Served) -> None:
    served.declare(operation("a/b"))
    served.amend(operation("a/b", 35.5), 1)
    withdraw(served, "a/b", 2)
    path = "/v1/history/a%2Fb"
    versions = served.ask("GET", path).json()["versions"]
    assert [(v["version"], v["withdrawn"]) for v in versions] == [(1, False), (2, False), (3, True)]
    paged = [v for page in pages(served, path, "versions", limit="1") for v in page]
    assert paged == versions


def test_the_log_tells_every_change_in_order_and_nothing_else(served: Served) -> None:
    served.declare(operation("R7"))
    served.declare(operation("R7", 35.5))  # refused
    served.amend(operation("R7", 35.5), 1)
    patch(served, "R7", "activate", 2)
    withdraw(served, "R7", 3)
    events = [event for page in pages(served, "/v1/events", "events", limit="3") for event in page]
    assert [(event["seq"], event["kind"]) for event in events] == [
        (1, "declared"),
        (2, "amended"),
        (3, "state_changed"),
        (4, "withdrawn"),
    ]
    assert [event["record"]["version"] for event in events] == [1, 2, 3, 4]
    assert served.ask("GET", "/v1/events?after=4").json() == {"events": [], "next": None}
    assert served.ask("GET", f"/v1/events?after={2**62}").json() == {"events": [], "next": None}


# -- bodies that cannot be used ---------------------------------------------------------------------


def broken(change: str) -> bytes:
    """Return the body of an item with something wrong in it."""
    body = body_of(operation("R7"))
    space = body["volumes"][0]["volume"]
    corner = space["outline_polygon"]["vertices"][0]
    match change:
        case "unknown field":
            space["altitude_loewr"] = {"value": 1.0, "reference": "W84", "units": "M"}
        case "no id":
            del body["id"]
        case "text for a number":
            corner["lat"] = "35"
        case "latitude over 90":
            corner["lat"] = 91.0
        case "state of the wrong case":
            body["state"] = "accepted"
        case "kind of another world":
            body["kind"] = "balloon"
        case "no volumes":
            body["volumes"] = []
        case "priority of a fraction":
            body["priority"] = 0.5
        case "priority too large":
            body["priority"] = 2**64
        case "id with a line feed":
            body["id"] = "a\nb"
        case "party too long":
            body["party"] = "x" * 257
        case "array":
            return json.dumps([body]).encode()
        case "null":
            return b"null"
        case _:
            raise AssertionError(change)
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (
            "unknown field",
            "volumes[0].volume.altitude_loewr",
            "unknown field; did you mean 'altitude_lower'?",
        ),
        ("no id", "id", "it is missing"),
        (
            "text for a number",
            "volumes[0].volume.outline_polygon.vertices[0].lat",
            "expected a number, got text",
        ),
        ("latitude over 90", "volumes[0].volume.outline_polygon.vertices[0].lat", "within"),
        ("state of the wrong case", "state", "did you mean 'Accepted'?"),
        ("kind of another world", "kind", "operational_intent"),
        ("no volumes", "volumes", "volume"),
        ("priority of a fraction", "priority", "got a number"),
        ("priority too large", "priority", "within"),
        ("id with a line feed", "id", "printable"),
        ("party too long", "party", "256"),
        ("array", "", "expected an object"),
        ("null", "", "expected an object"),
    ],
)
def test_what_is_wrong_with_an_item_is_told_with_its_field(
    served: Served, change: str, field: str, reason: str
) -> None:
    told = problems(put(served, "R7", broken(change)))
    assert list(told) == [field]
    assert reason in told[field]


def test_everything_that_is_wrong_is_told_at_once(served: Served) -> None:
    body = {"id": "R7", "kind": "balloon", "volumes": [{"volume": {}}, {"volume": {}, "time_end": None}]}
    told = problems(served.declare(body))
    assert {"volumes[0].time_start", "volumes[0].volume", "volumes[1].volume", "kind"} <= set(told)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "breaks off at line 1, column 2"),
        (b'{"id": NaN}', "not JSON"),
        (b'{"id": Infinity}', "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b'{"id": "a", "id": "b"}', "the name 'id' stands twice"),
        (b'{"id": "R7", "priority": 1e999, "volumes": []}', "out of range"),
        (b'{"id": "R7", "priority": ' + b"9" * 5_000 + b', "volumes": []}', "out of range"),
        (b"[" * 100_000, "nests too deeply"),
        (b'{"id":' * 50_000, "nests too deeply"),
        (b'{"id": "\\ud800", "volumes": []}', ""),
        (b'{"id": "R7" /* no */}', "not JSON"),
        (b"\x00", "not JSON"),
    ],
    ids=range(15),
)
def test_what_is_no_json_is_told(served: Served, content: bytes, reason: str) -> None:
    told = problems(put(served, "R7", content))
    assert any(reason in said for said in told.values()), told
    assert problems(served.ask("POST", "/v1/check", content=content, headers=JSON))


def test_an_id_in_the_body_is_the_one_in_the_path(served: Served) -> None:
    response = put(served, "R8", json.dumps(body_of(operation("R7"))).encode())
    assert problems(response) == {"id": "it is 'R7' in the body and 'R8' in the path"}


@pytest.mark.parametrize(
    "item_id", ["a/b", "..", ".", "a/../b", "//", "50%?#&=", "été", "\U0001f6e9", "~", "a b", "x" * 256]
)
def test_any_printable_id_is_one_item(served: Served, item_id: str) -> None:
    assert served.declare(operation(item_id)).status_code == 201
    assert served.ask("GET", path_of(item_id)).json()["item"]["id"] == item_id
    assert patch(served, item_id, "activate", 1).status_code == 200
    assert withdraw(served, item_id, 2).status_code == 200


@pytest.mark.parametrize(
    "path", ["", "%00", "%0A", "%FF", "%ED%A0%80", "%", "%zz", "a" * 5_000, "é".encode().hex()]
)
def test_a_path_that_names_nothing_is_not_found(served: Served, path: str) -> None:
    for prefix in ("/v1/items/", "/v1/history/"):
        assert served.ask("GET", f"{prefix}{path}").status_code == 404


def test_a_body_of_another_media_type_is_refused_with_those_that_are_taken(served: Served) -> None:
    for kind in ("text/plain", "", "application/jsonx", "application/json/x"):
        refused = put(served, "R7", b"{}", **{"Content-Type": kind})
        assert refused.status_code == 415
        assert "application/json or application/geo+json" in refused.json()["detail"]
    body = json.dumps(body_of(operation("R7"))).encode()
    assert put(served, "R7", body, **{"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 201


def test_a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(refusing: Served) -> None:
    over = b" " * 10_001

    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * 1_000

    for refused in (
        put(refusing, "R7", over),
        refusing.ask("PUT", path_of("R7"), content=chunks(), headers=JSON),
        put(refusing, "R7", b"{}", **{"Content-Length": "9" * 30}),
    ):
        assert refused.status_code == 413
        assert "10,000 bytes (limits.body_bytes)" in refused.json()["detail"]
    at_limit = json.dumps(body_of(operation("R7"))).encode().ljust(10_000)
    assert put(refusing, "R7", at_limit).status_code == 201


def test_no_more_problems_are_told_than_anybody_reads(served: Served) -> None:
    body = {"positions": [1] * (PROBLEMS_TOLD_MAX + 1)}
    told = problems(served.ask("POST", "/v1/tracks", json=body))
    assert len(told) == PROBLEMS_TOLD_MAX


# -- limits -----------------------------------------------------------------------------------------


def polygon(vertex_count: int) -> Polygon:
    ring = [(0.0, k * 0.001) for k in range(vertex_count - 1)]
    return Polygon(vertices=(*(LatLng(lat, lng) for lat, lng in ring), LatLng(0.01, 0.0)))


def test_limits_are_named_when_they_are_reached(refusing: Served) -> None:
    def declared(item: Item) -> httpx2.Response:
        return refusing.declare(item)

    assert declared(intent("two", *[volume(square(1.0, 1.0, 9.0))] * 2, party="relief")).status_code == 201
    many = problems(declared(intent("three", *[volume(square(2.0, 1.0, 9.0))] * 3, party="relief")))
    assert many == {"volumes": "3 volumes are over this node's limit of 2; declare the rest as another item"}
    assert declared(intent("eight", volume(polygon(8)), party="relief")).status_code == 201
    corners = problems(declared(intent("nine", volume(polygon(9)), party="relief")))
    assert corners == {"volumes": "9 vertices are over this node's limit of 8; simplify the polygons"}
    day_min = 24 * 60.0
    ahead = volume(square(3.0, 1.0, 9.0), window(day_min, day_min + 1))
    assert declared(intent("day", ahead, party="relief")).status_code == 201
    beyond = volume(square(3.0, 1.0, 9.0), window(day_min + 1, day_min + 2))
    assert (
        "farther ahead than this node looks"
        in problems(declared(intent("f", beyond, party="relief")))["volumes"]
    )
    over = volume(square(3.0, 1.0, 9.0), window(-60, -1))
    assert "is over since" in problems(declared(intent("old", over, party="relief")))["volumes"]


# -- GeoJSON ----------------------------------------------------------------------------------------


def test_an_item_may_be_declared_as_geojson(served: Served) -> None:
    leg = CorridorLeg(start=LatLng(35.0, 179.9), end=LatLng(35.0, -179.9), half_width_m=100.0)
    item = intent("R7", volume(leg), volume(square(35.0, 36.0, 500.0)), party="relief")
    content = geojson.encode([item])
    declared = served.ask("PUT", path_of("R7"), content=content, headers=GEOJSON)
    assert declared.status_code == 201
    assert declared.json()["record"]["item"] == body_of(item)


def test_geojson_of_other_than_one_item_is_refused(served: Served) -> None:
    content = geojson.encode([operation("a"), operation("b")])
    refused = served.ask("PUT", path_of("a"), content=content, headers=GEOJSON)
    assert problems(refused) == {"": "it must hold one item, not 2"}
    empty = served.ask("PUT", path_of("a"), content=geojson.encode([]), headers=GEOJSON)
    assert len(problems(empty)) == 1


@pytest.mark.slow
def test_what_is_declared_in_either_form_is_what_is_told(tmp_path: Path, described: Described) -> None:
    with serving(tmp_path, described) as served:

        @given(
            own=st.lists(volumes(), min_size=1, max_size=3), state=st.sampled_from(["Accepted", "Contingent"])
        )
        @settings(max_examples=40)
        def law(own: list[Any], state: str) -> None:
            item = intent("R7", *own, party="relief", state=IntentState(state))
            for content, headers in (
                (json.dumps(body_of(item)).encode(), JSON),
                (geojson.encode([item]), GEOJSON),
            ):
                told = served.ask("PUT", path_of("R7"), content=content, headers=headers)
                assert told.status_code in (200, 201), told.text
                record = told.json()["record"]
                assert record["item"] == body_of(item)
                text = json.dumps(served.ask("GET", path_of("R7")).json()["item"]).encode()
                assert decode_item(text, "told").placed[0].item == item
                withdraw(served, "R7", record["version"])

        law()


def test_times_are_told_to_the_millisecond(served: Served) -> None:
    item = intent("R7", volume(square(35.0, 36.0, 500.0), window(0.0, 60.0 / 7)), party="relief")
    served.declare(item)
    told = served.ask("GET", path_of("R7")).json()["item"]["volumes"][0]["time_end"]["value"]
    assert told == body_of(item)["volumes"][0]["time_end"]["value"]
    assert at(60.0 / 7).isoformat()[:19] == told[:19]
