"""The interface of ASTM F3411 (remote identification), versions 2 (22a) and 1 (19), as others speak to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from keepclear.adapters.http.dss.endpoints import DssEndpoint
from keepclear.adapters.http.dss.f3411 import F3411Endpoints
from keepclear.core.times import rfc3339
from keepclear.node.dss.callers import Scope
from tests.dss import NOW, SC, Answer, Dss, at, metres, uuid

AREAS, SUBSCRIPTIONS = "/rid/v2/dss/identification_service_areas", "/rid/v2/dss/subscriptions"
AREAS_V1, SUBSCRIPTIONS_V1 = "/v1/dss/identification_service_areas", "/v1/dss/subscriptions"
SP, DP, READ, WRITE = Scope.SERVICE_PROVIDER, Scope.DISPLAY_PROVIDER, Scope.READ_AREAS, Scope.WRITE_AREAS
A, B, S = uuid(1), uuid(2), uuid(9)
ANOTHER = "a" * 26
CORNERS = ((46.0, 7.0), (46.0, 7.02), (46.02, 7.02), (46.02, 7.0))
HERE = ",".join(f"{lat},{lng}" for lat, lng in CORNERS)
ELSEWHERE = "45.0,7.0,45.0,7.02,45.02,7.02"


def vertices() -> dict[str, Any]:
    return {"vertices": [{"lat": lat, "lng": lng} for lat, lng in CORNERS]}


def v2(
    start: float | None = 0.0, end: float | None = 60.0, url: str = "https://uss1.example/rid"
) -> dict[str, Any]:
    """Return what creates an area or a subscription in version 2; times are minutes from now."""
    volume = {"outline_polygon": vertices(), "altitude_lower": metres(0), "altitude_upper": metres(3_000)}
    extents: dict[str, Any] = {"volume": volume}
    if start is not None:
        extents["time_start"] = at(start)
    if end is not None:
        extents["time_end"] = at(end)
    return {"extents": extents, "uss_base_url": url}


def v1(end: float = 60.0) -> dict[str, Any]:
    """Return what creates an area or a subscription in version 1."""
    volume = {"footprint": vertices(), "altitude_lo": 0, "altitude_hi": 3_000}
    return {
        "extents": {"spatial_volume": volume, "time_end": rfc3339(NOW + timedelta(minutes=end))},
        "flights_url": "https://uss3.example/v1/uss/flights",
        "callbacks": {
            "identification_service_area_url": "https://uss4.example/v1/uss/identification_service_areas"
        },
    }


@pytest.fixture
def dss() -> Dss:
    return Dss()


def put(dss: Dss, name: str = A, body: Any = None, version: str | None = None, **more: Any) -> Answer:
    path = f"{AREAS}/{name}" if version is None else f"{AREAS}/{name}/{version}"
    return dss.ask("PUT", path, body or v2(), **{"scopes": [SP], **more})


def subscribe(dss: Dss, name: str = S, body: Any = None, version: str | None = None, **more: Any) -> Answer:
    path = f"{SUBSCRIPTIONS}/{name}" if version is None else f"{SUBSCRIPTIONS}/{name}/{version}"
    body = body or v2(url="https://uss2.example/rid")
    return dss.ask("PUT", path, body, **{"scopes": [DP], "subject": "uss2", **more})


def found(dss: Dss, area: str = HERE, more: str = "") -> list[str]:
    answer = dss.ask("GET", f"{AREAS}?area={area}{more}", scopes=[DP])
    assert answer.status == 200, answer
    return [each["id"] for each in answer.body["service_areas"]]


# -- version 2 --------------------------------------------------------------------------------------


def test_an_area_is_created_read_found_changed_and_removed(dss: Dss) -> None:
    created = put(dss)
    assert created.status == 200
    held = created.body["service_area"]
    assert created.body["subscribers"] == []
    assert held == {
        "id": A,
        "owner": "uss1",
        "uss_base_url": "https://uss1.example/rid",
        "time_start": at(0),
        "time_end": at(60),
        "version": held["version"],
    }
    for scope in (SP, DP):
        assert dss.ask("GET", f"{AREAS}/{A}", scopes=[scope]).body == {"service_area": held}
    assert found(dss) == [A]
    assert found(dss, ELSEWHERE) == []
    changed = put(dss, body=v2(end=90.0), version=held["version"])
    assert changed.body["service_area"]["time_end"] == at(90)
    version = changed.body["service_area"]["version"]
    assert dss.ask("DELETE", f"{AREAS}/{A}/{held['version']}", scopes=[SP]).status == 409
    removed = dss.ask("DELETE", f"{AREAS}/{A}/{version}", scopes=[SP])
    assert (removed.status, removed.body) == (200, changed.body)
    assert dss.ask("GET", f"{AREAS}/{A}", scopes=[DP]).status == 404
    assert found(dss) == []


def test_a_subscription_is_created_read_found_changed_and_removed(dss: Dss) -> None:
    area = put(dss).body["service_area"]
    created = subscribe(dss)
    assert created.status == 200
    held = created.body["subscription"]
    assert created.body["service_areas"] == [area]
    assert held == {
        "id": S,
        "owner": "uss2",
        "uss_base_url": "https://uss2.example/rid",
        "notification_index": 0,
        "time_start": at(0),
        "time_end": at(60),
        "version": held["version"],
    }
    own: dict[str, Any] = {"scopes": [DP], "subject": "uss2"}
    assert dss.ask("GET", f"{SUBSCRIPTIONS}/{S}", **own).body == {"subscription": held}
    assert dss.ask("GET", f"{SUBSCRIPTIONS}?area={HERE}", **own).body == {"subscriptions": [held]}
    assert dss.ask("GET", f"{SUBSCRIPTIONS}?area={HERE}", scopes=[DP]).body == {"subscriptions": []}
    changed = subscribe(dss, body=v2(end=90.0), version=held["version"])
    version = changed.body["subscription"]["version"]
    assert changed.body["subscription"]["time_end"] == at(90)
    assert dss.ask("DELETE", f"{SUBSCRIPTIONS}/{S}/{held['version']}", **own).status == 409
    removed = dss.ask("DELETE", f"{SUBSCRIPTIONS}/{S}/{version}", **own)
    assert (removed.status, removed.body) == (200, {"subscription": changed.body["subscription"]})
    assert dss.ask("GET", f"{SUBSCRIPTIONS}/{S}", **own).status == 404


def test_an_answer_names_whom_to_tell_each_url_once(dss: Dss) -> None:
    subscribe(dss, S)
    subscribe(dss, B, subject="uss2")
    subscribe(dss, A, v2(url="https://uss5.example/rid"), subject="uss5")
    created = put(dss)
    assert created.body["subscribers"] == [
        {
            "url": "https://uss5.example/rid",
            "subscriptions": [{"subscription_id": A, "notification_index": 1}],
        },
        {
            "url": "https://uss2.example/rid",
            "subscriptions": [
                {"subscription_id": B, "notification_index": 1},
                {"subscription_id": S, "notification_index": 1},
            ],
        },
    ]
    version = created.body["service_area"]["version"]
    assert dss.ask("DELETE", f"{AREAS}/{A}/{version}", scopes=[SP]).indices == {A: 2, B: 2, S: 2}


def test_an_area_that_has_ended_is_read_but_not_found(dss: Dss) -> None:
    put(dss, body=v2(end=1.0))
    dss.later(timedelta(minutes=2))
    assert found(dss) == []
    assert found(dss, more=f"&earliest_time={rfc3339(NOW)}&latest_time={rfc3339(NOW)}") == []
    assert dss.ask("GET", f"{AREAS}/{A}", scopes=[DP]).status == 200
    dss.sweep()
    assert dss.ask("GET", f"{AREAS}/{A}", scopes=[DP]).status == 200
    dss.later(timedelta(hours=24))
    dss.sweep()
    assert dss.ask("GET", f"{AREAS}/{A}", scopes=[DP]).status == 404


def test_a_search_may_say_from_when_until_when(dss: Dss) -> None:
    put(dss, body=v2(start=30.0))
    assert found(dss, more=f"&latest_time={rfc3339(NOW + timedelta(minutes=29))}") == []
    assert found(dss, more=f"&earliest_time={rfc3339(NOW + timedelta(minutes=61))}") == []
    assert found(dss, more="&earliest_time=2026-06-01T14:20:00%2B02:00") == [A]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?area=", 400),
        ("?area=46,7,46,7.02,46.02", 400),
        (f"?area={HERE},46.0,7.0", 400),
        ("?area=130,-23,130,-24,132,-24,132,-23", 400),
        (f"?area={HERE}&earliest_time=now", 400),
        ("?area=46,7,46,8,47,8,47,7", 413),
        ("?area=0,0,0,40,40,40,40,0", 400),
    ],
)
def test_a_search_that_is_malformed_or_too_large_is_refused(dss: Dss, query: str, status: int) -> None:
    answer = dss.ask("GET", f"{AREAS}{query}", scopes=[DP])
    assert answer.status == status
    assert answer.body["message"]
    if "time" not in query:
        assert dss.ask("GET", f"{SUBSCRIPTIONS}{query}", scopes=[DP]).status == status


@pytest.mark.parametrize("path", [AREAS, SUBSCRIPTIONS, AREAS_V1, SUBSCRIPTIONS_V1])
@pytest.mark.parametrize("version", ["", "notacorrectversion", "a/b", f"{ANOTHER}/"])
def test_a_path_that_ends_in_no_version_is_refused(dss: Dss, path: str, version: str) -> None:
    for method in ("PUT", "DELETE"):
        answer = dss.ask(method, f"{path}/{A}/{version}", v2() | v1(), scopes=[SP, DP, READ, WRITE])
        assert (answer.status, list(answer.body)) == (400, ["message"])


@pytest.mark.parametrize("path", [AREAS, SUBSCRIPTIONS, AREAS_V1, SUBSCRIPTIONS_V1])
def test_a_path_that_names_no_uuid_of_version_4_is_refused(dss: Dss, path: str) -> None:
    for name in ("x", "11111111-1111-1111-8111-111111111111"):
        for method, where in (("GET", ""), ("PUT", ""), ("PUT", f"/{ANOTHER}"), ("DELETE", f"/{ANOTHER}")):
            answer = dss.ask(method, f"{path}/{name}{where}", v1(), scopes=[SP, DP, READ, WRITE])
            assert answer.status == 400


def test_what_is_not_there_is_neither_changed_nor_removed(dss: Dss) -> None:
    assert put(dss, version=ANOTHER).status == 400
    assert subscribe(dss, version=ANOTHER).status == 400
    assert dss.ask("DELETE", f"{AREAS}/{A}/{ANOTHER}", scopes=[SP]).status == 404
    assert dss.ask("DELETE", f"{SUBSCRIPTIONS}/{S}/{ANOTHER}", scopes=[DP]).status == 404


def test_what_is_there_is_not_created_and_is_its_managers_alone(dss: Dss) -> None:
    version = put(dss).body["service_area"]["version"]
    assert put(dss, body=v2(end=30.0)).status == 409
    assert put(dss, body=v2(end=30.0), version=ANOTHER).status == 409
    assert put(dss, version=version, subject="uss2").status == 403
    assert dss.ask("DELETE", f"{AREAS}/{A}/{version}", scopes=[SP], subject="uss2").status == 403
    version = subscribe(dss).body["subscription"]["version"]
    assert subscribe(dss, body=v2(end=30.0)).status == 409
    assert subscribe(dss, version=version, subject="uss1").status == 403


def test_the_eleventh_subscription_in_one_place_is_one_too_many(dss: Dss) -> None:
    assert [subscribe(dss, uuid(number)).status for number in range(20, 31)] == [200] * 10 + [429]
    assert subscribe(dss, uuid(30), subject="uss3").status == 200


def test_asked_again_over_another_connection_it_answers_the_same(dss: Dss) -> None:
    created = put(dss)
    assert put(dss) == created
    held = subscribe(dss)
    assert subscribe(dss) == held
    path = f"{AREAS}/{A}/{created.body['service_area']['version']}"
    removed = dss.ask("DELETE", path, scopes=[SP])
    assert dss.ask("DELETE", path, scopes=[SP]) == removed
    assert removed.indices == {S: 1}
    assert put(dss, connection=5).status == 200
    assert put(dss, connection=5).status == 409


def test_base_urls_are_of_https_unless_it_is_only_tried_out(dss: Dss) -> None:
    body = v2(url="http://localhost:8071")
    assert put(dss, body=body).status == 400
    assert put(Dss(allows_http=True), body=body).status == 200


# -- version 1 --------------------------------------------------------------------------------------


def test_version_1_does_the_same_in_its_own_words(dss: Dss) -> None:
    own: dict[str, Any] = {"scopes": [READ], "subject": "uss4"}
    subscribed = dss.ask("PUT", f"{SUBSCRIPTIONS_V1}/{S}", v1(), **own)
    created = dss.ask("PUT", f"{AREAS_V1}/{A}", v1(), scopes=[WRITE])
    area, held = created.body["service_area"], subscribed.body["subscription"]
    assert area == {
        "id": A,
        "owner": "uss1",
        "flights_url": "https://uss3.example/v1/uss/flights",
        "time_start": rfc3339(NOW),
        "time_end": rfc3339(NOW + timedelta(hours=1)),
        "version": area["version"],
    }
    callback = "https://uss4.example/v1/uss/identification_service_areas"
    assert held == {
        "id": S,
        "owner": "uss4",
        "callbacks": {"identification_service_area_url": callback},
        "notification_index": 0,
        "time_start": rfc3339(NOW),
        "time_end": rfc3339(NOW + timedelta(hours=1)),
        "version": held["version"],
    }
    index = {"subscription_id": S, "notification_index": 1}
    assert created.body["subscribers"] == [{"url": callback, "subscriptions": [index]}]
    assert dss.ask("GET", f"{AREAS_V1}?area={HERE}", **own).body == {"service_areas": [area]}
    assert dss.ask("GET", f"{AREAS_V1}/{A}", **own).body == {"service_area": area}
    read = dss.ask("GET", f"{SUBSCRIPTIONS_V1}?area={HERE}", **own).body
    assert read == {"subscriptions": [held | {"notification_index": 1}]}
    changed = dss.ask("PUT", f"{SUBSCRIPTIONS_V1}/{S}/{held['version']}", v1(30.0), **own)
    assert changed.body["service_areas"] == [area]
    version = changed.body["subscription"]["version"]
    assert dss.ask("DELETE", f"{SUBSCRIPTIONS_V1}/{S}/{version}", **own).status == 200
    assert dss.ask("DELETE", f"{AREAS_V1}/{A}/{area['version']}", scopes=[WRITE]).status == 200


def test_both_versions_tell_of_the_same_areas_with_the_url_as_it_was_given(dss: Dss) -> None:
    put(dss, A)
    dss.ask("PUT", f"{AREAS_V1}/{B}", v1(), scopes=[WRITE])
    of_v1 = dss.ask("GET", f"{AREAS_V1}?area={HERE}", scopes=[READ]).body["service_areas"]
    of_v2 = dss.ask("GET", f"{AREAS}?area={HERE}", scopes=[DP]).body["service_areas"]
    urls = ["https://uss1.example/rid", "https://uss3.example/v1/uss/flights"]
    assert [each["flights_url"] for each in of_v1] == [each["uss_base_url"] for each in of_v2] == urls


# -- who may ----------------------------------------------------------------------------------------

ENDPOINTS = F3411Endpoints().endpoints()


def asked(dss: Dss, endpoint: DssEndpoint, **more: Any) -> Answer:
    path = endpoint.path.replace("{id}", A).replace("{version}", ANOTHER)
    return dss.ask(endpoint.method, path, v2() | v1(), **more)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_each_path_needs_a_token_with_its_scope_before_anything_else(endpoint: DssEndpoint) -> None:
    dss = Dss()
    assert asked(dss, endpoint, token="").status == 401
    others = {each.value for each in (SP, DP, READ, WRITE, SC)} - set(endpoint.scopes)
    assert asked(dss, endpoint, scopes=sorted(others)).status == 403
    for scope in endpoint.scopes:
        assert asked(dss, endpoint, scopes=[scope, SC]).status not in {401, 403}


def test_the_description_tells_what_a_search_may_say(dss: Dss) -> None:
    paths = dss.ask("GET", "/openapi.json").body["paths"]
    told = {each["name"]: each["required"] for each in paths[AREAS]["get"]["parameters"]}
    assert told == {"area": True, "earliest_time": False, "latest_time": False}
    assert len([path for path in paths if path.startswith(("/rid/v2/dss/", "/v1/dss/"))]) == 12
    assert "429" in paths[f"{SUBSCRIPTIONS}/{{id}}"]["put"]["responses"]
