"""Positions over HTTP: what is taken, what is not and why, and that only the latest is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.settings import LimitSettings
from keepclear.core.times import rfc3339
from keepclear.core.tracks import AGE_MAX_S, FUTURE_MAX_S
from keepclear.node.access import Role
from tests.adapters.http.served import Described, Served, serving
from tests.strategies import at

WHOLE = {
    "id": "T1",
    "at": "2026-05-01T12:00:00Z",
    "lat": 35.0,
    "lng": 36.0,
    "altitude_m": 120.5,
    "ground_speed_mps": 20.0,
    "track_deg": 359.5,
    "vertical_rate_mps": -1.5,
    "party": "relief",
    "kind": "drone",
}


def position(name: str, age_s: float = 0.0, **fields: Any) -> dict[str, Any]:
    """Return a position of so many seconds ago."""
    return {"id": name, "at": rfc3339(at(-age_s / 60.0)), "lat": 35.0, "lng": 36.0, **fields}


def give(served: Served, *positions: object) -> dict[str, Any]:
    response = served.ask("POST", "/v1/tracks", json={"positions": list(positions)})
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def told(served: Served) -> list[dict[str, Any]]:
    served.look()
    found: list[dict[str, Any]] = served.ask("GET", "/v1/tracks", role=Role.VIEWER).json()["tracks"]
    return found


def taken(accepted: int, **not_taken: int) -> dict[str, Any]:
    return {"accepted": accepted, "ignored": [], "not_taken": not_taken}


def test_a_position_is_told_as_it_was_given_with_how_far_it_can_be_relied_on(served: Served) -> None:
    assert give(served, WHOLE) == taken(1)
    (track,) = told(served)
    assert {name: track[name] for name in WHOLE} == WHOLE
    assert (track["status"], track["age_s"], track["sources"]) == ("current", 0.0, ["api:Dana"])


def test_what_is_not_known_is_left_out(served: Served) -> None:
    give(served, position("T1"))
    (track,) = told(served)
    assert not {"altitude_m", "ground_speed_mps", "party", "callsign", "operation"} & track.keys()


def test_only_the_latest_position_of_each_is_told_sorted_by_id(served: Served) -> None:
    assert give(served, position("b", 2.0), position("a", 2.0), position("b", 1.0, lat=35.0001)) == taken(3)
    assert give(served, position("b", 1.5, lat=35.0002)) == taken(0, stale=1)
    assert [(track["id"], track["lat"]) for track in told(served)] == [("a", 35.0), ("b", 35.0001)]


def test_what_is_not_taken_is_told_by_its_place_with_the_reason(served: Served) -> None:
    ignored = give(
        served,
        position("fine"),
        position("future", -FUTURE_MAX_S - 0.001),
        position("bad", lat=91.0),
        position("old", AGE_MAX_S + 0.001),
        position("", lat=35.0),
        position("timeless", at="noon"),
        position("fast", ground_speed_mps=1e9),
        position("also fine"),
    )
    assert ignored["accepted"] == 2
    assert [one["index"] for one in ignored["ignored"]] == [1, 2, 3, 4, 5, 6]
    assert all(one["reason"] for one in ignored["ignored"])
    assert [track["id"] for track in told(served)] == ["also fine", "fine"]


def test_a_track_that_nobody_tells_of_any_more_stays_as_it_was_last_until_it_is_forgotten(
    served: Served,
) -> None:
    give(served, position("T1", ground_speed_mps=50.0))
    served.clock.advance(60.0)
    (track,) = told(served)
    assert (track["status"], track["age_s"]) == ("lost", 60.0)
    assert track["error_m"] > 1_000.0
    seen = served.ask("GET", "/v1/watch", role=Role.VIEWER).json()
    assert any("api:Dana is silent" in reason for reason in seen["blind"])
    served.clock.advance(600.0)
    assert told(served) == []


def test_one_aircraft_is_told_with_its_trail(served: Served) -> None:
    give(served, position("T1", 6.0), position("T1", 0.0, lat=35.001))
    served.look()
    detail = served.ask("GET", "/v1/tracks/T1", role=Role.VIEWER).json()
    assert [point["lat"] for point in detail["trail"]] == [35.0, 35.001]
    assert served.ask("GET", "/v1/tracks/nobody", role=Role.VIEWER).status_code == 404


@pytest.mark.parametrize(
    ("positions", "field"),
    [
        ([{**WHOLE, "kind": "dron"}], "positions[0].kind"),
        ([{**WHOLE, "latt": 1.0}], "positions[0].latt"),
        ([{**WHOLE, "lat": "35"}], "positions[0].lat"),
        ([WHOLE, {"id": "T2"}], "positions[1]"),
        (None, "positions"),
    ],
)
def test_positions_that_do_not_fit_are_refused_as_a_whole(
    served: Served, positions: object, field: str
) -> None:
    refused = served.ask("POST", "/v1/tracks", json={"positions": positions})
    assert refused.status_code == 400
    assert refused.json()["problems"][0]["field"].startswith(field)
    assert told(served) == []


def test_no_more_tracks_are_held_than_the_node_takes(tmp_path: Path, described: Described) -> None:
    with serving(tmp_path, described, limits=LimitSettings(tracks=2)) as served:
        over = served.ask("POST", "/v1/tracks", json={"positions": [position(name) for name in "abc"]})
        assert over.status_code == 400
        assert "over the limit of 2" in over.json()["problems"][0]["reason"]
        give(served, position("a"), position("b"))
        assert give(served, position("c")) == taken(0, no_room=1)
