"""Questions over HTTP: what is there, what conflicts, what would clear it, and what a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.settings import BufferSettings
from keepclear.codec import geojson
from keepclear.core.constraints import ConstraintRule
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon
from tests.adapters.http.served import (
    OTHER,
    Described,
    Served,
    body_of,
    operation,
    path_of,
    serving,
)
from tests.strategies import band, intent, square, volume, window, zone

ROUND = {"center": {"lat": 0, "lng": 0}, "radius": {"value": -1, "units": "M"}}
BYTES = {"Content-Type": "application/octet-stream"}


def area(outline: Outline, start_min: float = 0.0, end_min: float = 60.0) -> dict[str, Any]:
    """Return an area and a window of time, as the API has them."""
    found: dict[str, Any] = body_of(intent("area", volume(outline, window(start_min, end_min))))["volumes"][0]
    return found


def there(served: Served, wanted: dict[str, Any], **given: Any) -> list[str]:
    """Return the ids of what is in an area."""
    response = served.ask("POST", "/v1/query", json={"area": wanted, **given})
    assert response.status_code == 200, response.text
    return [record["item"]["id"] for record in response.json()["items"]]


def circle(lat: float, lng: float, radius_m: float) -> Circle:
    return Circle(center=LatLng(lat, lng), radius_m=radius_m)


# -- what is there ----------------------------------------------------------------------------------


def test_an_area_shows_what_meets_it_in_space_and_time(served: Served) -> None:
    served.declare(operation("here"))
    served.declare(operation("north", 36.0, party=OTHER), token=served.foreign_token)
    served.declare(zone("zone", volume(square(35.0, 36.0, 100.0)), party="relief"))
    assert there(served, area(square(35.0, 36.0, 50.0))) == ["here", "zone"]
    assert there(served, area(square(35.0, 36.0, 50.0), 61.0, 90.0)) == []
    assert there(served, area(circle(35.5, 36.0, 60_000.0))) == ["here", "north", "zone"]
    assert there(served, area(square(-35.0, 36.0, 50.0))) == []


def test_heights_bound_an_area_too(served: Served) -> None:
    served.declare(intent("low", volume(square(35.0, 36.0, 500.0), band=band(0.0, 100.0)), party="relief"))
    high = body_of(intent("x", volume(square(35.0, 36.0, 500.0), band=band(101.0, 200.0))))["volumes"][0]
    touching = body_of(intent("x", volume(square(35.0, 36.0, 500.0), band=band(99.0, 200.0))))["volumes"][0]
    assert there(served, high) == []
    assert there(served, touching) == ["low"]


def test_an_area_may_lie_across_the_antimeridian_or_a_pole(served: Served) -> None:
    for name, lat, lng in (("west", 10.0, 179.99), ("east", 10.0, -179.99), ("top", 89.99, 0.0)):
        served.declare(intent(name, volume(circle(lat, lng, 500.0)), party="relief"))
    assert there(served, area(circle(10.0, 180.0, 5_000.0))) == ["east", "west"]
    across = CorridorLeg(start=LatLng(10.0, 179.9), end=LatLng(10.0, -179.9), half_width_m=100.0)
    assert there(served, area(across)) == ["east", "west"]
    corners = ((9.0, 179.0), (9.0, -179.0), (11.0, -179.0), (11.0, 179.0))
    assert there(served, area(Polygon(vertices=tuple(LatLng(*c) for c in corners)))) == ["east", "west"]
    assert there(served, area(circle(89.999, 180.0, 5_000.0))) == ["top"]
    round_the_pole = tuple(LatLng(89.0, lng) for lng in (-180.0, -90.0, 0.0, 90.0))
    assert there(served, area(Polygon(vertices=round_the_pole))) == ["top"]
    assert there(served, area(circle(10.0, 0.0, 5_000.0))) == []


def test_more_than_was_asked_for_is_told_as_such(served: Served) -> None:
    for name in "cab":
        served.declare(operation(name))
    body = {"area": area(square(35.0, 36.0, 50.0)), "limit": 2}
    told = served.ask("POST", "/v1/query", json=body).json()
    assert ([record["item"]["id"] for record in told["items"]], told["truncated"]) == (["a", "b"], True)
    assert (told["seq"], told["now"]) == (3, "2026-05-01T12:00:00Z")
    body["limit"] = 3
    assert served.ask("POST", "/v1/query", json=body).json()["truncated"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"volume": {}}, "area.volume"),
        ({"time_start": None}, "area.time_start"),
        ({"time_end": {"value": "2026-05-01T11:00:00Z", "format": "RFC3339"}}, "area.time_start"),
        ({"tiem_end": 1}, "area.tiem_end"),
        ({"volume": {"outline_circle": ROUND}}, "area.volume.outline_circle.radius"),
    ],
)
def test_what_is_wrong_with_an_area_is_told_with_its_field(
    served: Served, change: dict[str, Any], field: str
) -> None:
    wanted = {**area(square(35.0, 36.0, 50.0)), **change}
    refused = served.ask("POST", "/v1/query", json={"area": wanted})
    assert refused.status_code == 400
    (problem,) = refused.json()["problems"]
    assert problem["field"].startswith(field), problem


# -- what conflicts ---------------------------------------------------------------------------------


def test_a_check_tells_conflicts_and_stores_nothing(served: Served) -> None:
    served.declare(operation("R7"))
    body = {"item": body_of(operation("N1", party=OTHER))}
    told = served.ask("POST", "/v1/check", json=body).json()
    assert (told["answer"], told["total"], told["next"]) == ("conflict", 1, None)
    assert (told["findings"][0]["a"]["id"], told["findings"][0]["b"]["id"]) == ("N1", "R7")
    assert told["checked"] == {
        "operations": 1,
        "zones": 0,
        "seq": 1,
        "now": "2026-05-01T12:00:00Z",
        "buffer": {"lateral_m": 0.0, "vertical_m": 0.0, "time_s": 0.0},
        "reason": None,
    }
    assert served.ask("GET", path_of("N1")).status_code == 404


def test_a_stored_item_is_judged_in_its_own_place(served: Served) -> None:
    served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    served.declare(operation("R7"))
    moved = served.ask("POST", "/v1/check", json={"item": body_of(operation("R7", 36.0))}).json()
    assert (moved["answer"], moved["findings"]) == ("clear", [])
    alike = served.ask("POST", "/v1/check", json={"item": body_of(operation("R7"))}).json()
    assert [finding["b"]["id"] for finding in alike["findings"]] == ["N1"]


def test_an_item_without_a_party_is_ones_own(served: Served) -> None:
    served.declare(operation("R7"))
    body = body_of(operation("R8"))
    del body["party"]
    own = served.ask("POST", "/v1/check", json={"item": body}).json()
    foreign = served.ask("POST", "/v1/check", json={"item": body}, token=served.foreign_token).json()
    assert [own["answer"], foreign["answer"]] == [
        served.ask("POST", "/v1/check", json={"item": {**body, "party": party}}).json()["answer"]
        for party in ("relief", "north")
    ]


def test_a_gap_may_be_asked_for_in_place_of_the_one_that_is_kept(
    tmp_path: Path, described: Described
) -> None:
    with serving(tmp_path, described, buffer=BufferSettings(lateral_m=2_000.0)) as served:
        served.declare(operation("N1", 35.0, party=OTHER), token=served.foreign_token)
        near = {"item": body_of(operation("R7", 35.02))}  # 1.2 km between the edges
        kept = served.ask("POST", "/v1/check", json=near).json()
        assert (kept["answer"], kept["checked"]["buffer"]["lateral_m"]) == ("conflict", 2_000.0)
        asked = served.ask("POST", "/v1/check", json={**near, "buffer": {"lateral_m": 1_000.0}}).json()
        assert (asked["answer"], asked["checked"]["buffer"]["lateral_m"]) == ("clear", 1_000.0)
        for gap in (-1.0, 1e6, 1e300):
            refused = served.ask("POST", "/v1/check", json={**near, "buffer": {"lateral_m": gap}})
            assert refused.status_code == 400
            assert refused.json()["problems"][0]["field"] in ("buffer.lateral_m", "buffer.lateral")


def test_a_zone_that_asks_for_notice_is_told_as_such(served: Served) -> None:
    notice = zone("Z1", volume(square(35.0, 36.0, 500.0)), party=OTHER, rule=ConstraintRule.NOTIFY_FIRST)
    served.declare(notice, token=served.foreign_token)
    told = served.ask("POST", "/v1/check", json={"item": body_of(operation("R7"))}).json()
    assert [finding["verdict"] for finding in told["findings"]] == ["notice_required"]


def test_all_conflicts_come_page_after_page_soonest_first(served: Served) -> None:
    for number in (3, 1, 2):
        start = 10.0 * number
        for party, token in (("relief", None), (OTHER, served.foreign_token)):
            item = intent(
                f"{party}{number}",
                volume(square(35.0 + number, 36.0, 500.0), window(start, start + 5)),
                party=party,
            )
            served.declare(item, token=token)
    whole = served.ask("GET", "/v1/conflicts").json()
    assert (whole["answer"], whole["total"], whole["next"]) == ("conflict", 3, None)
    times = [finding["witness"]["time"] for finding in whole["findings"]]
    assert times == sorted(times)
    found, after = [], 0
    while after is not None:
        page = served.ask("GET", f"/v1/conflicts?limit=1&after={after}").json()
        assert page["total"] == 3
        found += page["findings"]
        after = page["next"]
    assert found == whole["findings"]
    beyond = served.ask("GET", f"/v1/conflicts?after={2**62}").json()
    assert (beyond["answer"], beyond["findings"], beyond["next"]) == ("conflict", [], None)
    served.clock.advance(15 * 60.0 + 6.0)  # the first is over


def test_no_conflicts_is_clear_and_says_among_what(served: Served) -> None:
    served.declare(operation("R7"))
    told = served.ask("GET", "/v1/conflicts").json()
    assert (told["answer"], told["total"]) == ("clear", 0)
    assert (told["checked"]["operations"], told["checked"]["seq"]) == (1, 1)


# -- what would clear it ----------------------------------------------------------------------------


def test_changes_that_clear_an_item_can_be_declared(served: Served) -> None:
    served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    served.declare(operation("R7"))
    told = served.ask("POST", "/v1/resolve", json={"id": "R7"}).json()
    assert (told["id"], told["clear"], len(told["conflicts"])) == ("R7", False, 1)
    assert told["changes"]
    for version, change in enumerate(told["changes"], start=1):
        assert change["item"]["id"] == "R7"
        accepted = served.amend(change["item"], version)
        assert (accepted.status_code, accepted.json()["findings"]) == (200, [])


def test_an_item_that_is_not_declared_may_be_resolved_too(served: Served) -> None:
    served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    body = {"item": body_of(operation("R7")), "limits": {"time_s": 0.0, "altitude_m": 0.0, "lateral_m": 0.0}}
    told = served.ask("POST", "/v1/resolve", json=body).json()
    assert told["clear"] is False
    assert told["changes"] == []
    assert told["none_within"]
    clear = served.ask("POST", "/v1/resolve", json={"item": body_of(operation("R8", 50.0))}).json()
    assert (clear["clear"], clear["changes"]) == (True, [])


def test_what_there_is_not_cannot_be_resolved(served: Served) -> None:
    served.declare(operation("R7"))
    served.ask("DELETE", path_of("R7"), headers={"If-Match": '"1"'})
    for item_id in ("R7", "R8", "\x00"):
        assert served.ask("POST", "/v1/resolve", json={"id": item_id}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"id": "R7", "item": body_of(operation("R7"))}, ""),
        ({"id": "R7", "limits": {"time_s": -1.0}}, "limits.time"),
        ({"id": "R7", "limits": {"time_s": 1e300}}, "limits.time"),
        ({"id": "R7", "limits": {"not_before": "noon"}}, "limits.not_before"),
        ({"id": "R7", "limits": {"time": 1.0}}, "limits.time"),
        ({"id": "R7", "buffer": {"lateral": 1.0}}, "buffer.lateral"),
        ({"id": ""}, "id"),
    ],
)
def test_what_is_wrong_with_a_wish_is_told(served: Served, body: dict[str, Any], field: str) -> None:
    served.declare(operation("R7"))
    refused = served.ask("POST", "/v1/resolve", json=body)
    assert refused.status_code == 400
    assert [problem["field"] for problem in refused.json()["problems"]] == [field]


# -- files ------------------------------------------------------------------------------------------


def test_a_file_is_read_and_nothing_is_stored(served: Served) -> None:
    content = geojson.encode([operation("R7"), operation("R8", 36.0)])
    told = served.ask("POST", "/v1/read?name=plan.geojson", content=content, headers=BYTES).json()
    assert [item["id"] for item in told["items"]] == ["R7", "R8"]
    assert told["items"][0] == body_of(operation("R7"))
    assert told["problems"] == []
    assert {assumption["text"] for assumption in told["assumptions"]}
    assert served.ask("GET", "/v1/items").json()["items"] == []


@pytest.mark.parametrize(
    "name",
    ["kml-no-time.kml", "csv-column-twice.csv", "f3548-many-faults.json", "geojson-invalid-utf-8.geojson"],
)
def test_the_problems_of_a_file_are_told(served: Served, name: str) -> None:
    content = (Path(__file__).parents[2] / "golden" / "bad" / name).read_bytes()
    response = served.ask("POST", f"/v1/read?name={name}", content=content, headers=BYTES)
    assert response.status_code == 200
    assert response.json()["problems"]
    assert all(problem["reason"] for problem in response.json()["problems"])


@pytest.mark.parametrize("name", ["plan", "plan.xyz", "%00", "../../etc/passwd", "%FF", "a" * 256])
def test_a_file_of_no_clear_format_is_a_problem_of_the_file(served: Served, name: str) -> None:
    told = served.ask("POST", f"/v1/read?name={name}", content=b"\x89PNG", headers=BYTES)
    assert told.status_code == 200
    assert len(told.json()["problems"]) == 1


@pytest.mark.parametrize("query", ["", "?name=", f"?name={'a' * 257}", "?nmae=a"])
def test_a_file_needs_a_name(served: Served, query: str) -> None:
    assert served.ask("POST", f"/v1/read{query}", content=b"", headers=BYTES).status_code == 400
