"""The watch over HTTP: alerts and what becomes of them, what is not seen, and moments of the past."""

from __future__ import annotations

from typing import Any

import pytest

from keepclear.adapters.watching.rounds import CycleFailedError
from keepclear.core.geodesy import geodesic_direct
from keepclear.core.recorded import RecordedEvent, RecordedNote
from keepclear.core.times import floor_ms, rfc3339
from keepclear.node.access import Role
from tests.adapters.http.served import Served, operation
from tests.strategies import at

ONE = {"id": "icao:aaaaaa", "ground_speed_mps": 100.0, "track_deg": 90.0, "vertical_rate_mps": 0.0}
TWO = {"id": "icao:bbbbbb", "ground_speed_mps": 100.0, "track_deg": 270.0, "vertical_rate_mps": 0.0}


def fly(served: Served, seconds: int, since: int = 0) -> None:
    """Let two aircraft fly towards each other from 40 km apart, reported and looked at every second."""
    for second in range(since, since + seconds):
        positions = []
        for each, away_m in ((ONE, 100.0 * second), (TWO, 40_000.0 - 100.0 * second)):
            lat, lng = geodesic_direct(35.0, 36.0, 90.0, away_m)
            place = {"lat": float(lat), "lng": float(lng), "pressure_altitude_ft": 30_000.0}
            positions.append({**each, **place, "at": rfc3339(at(second / 60.0))})
        told = served.ask("POST", "/v1/tracks", json={"positions": positions}).json()
        assert told["accepted"] == 2, told
        served.look()
        served.clock.advance(1.0)


def get(served: Served, path: str) -> Any:
    response = served.ask("GET", path, role=Role.VIEWER)
    assert response.status_code == 200, response.text
    return response.json()


def encounters(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [alert for alert in told["alerts"] if alert["kind"] == "encounter"]


def test_without_any_source_nothing_is_clear(served: Served) -> None:
    served.look()
    watch = get(served, "/v1/watch")
    assert watch["is_watching"] is False
    assert "nothing is watched" in watch["blind"][0]
    assert get(served, "/v1/alerts")["alerts"] == []


def test_an_encounter_is_told_with_both_ways_acknowledged_and_remembered(served: Served) -> None:
    # Given two that come closer at 200 m/s from 40 km: 5 NM is lost after 154 s, told 120 s before
    fly(served, 33)
    assert encounters(get(served, "/v1/alerts")) == []
    fly(served, 10, since=33)
    (alert,) = encounters(get(served, "/v1/alerts"))
    assert (alert["a"], alert["b"], alert["urgency"], alert["state"]) == (
        "icao:aaaaaa", "icao:bbbbbb", "advisory", "open",
    )  # fmt: skip
    assert not alert["is_present"]
    assert 105.0 < alert["t_in_s"] < 120.0
    assert alert["facts"]["d_cpa_m"] < 100.0
    assert sorted(alert["paths"]) == ["icao:aaaaaa", "icao:bbbbbb"]
    assert alert["paths"]["icao:aaaaaa"][0]["t_s"] == 0.0
    # When an officer acknowledges it
    path = f"/v1/alerts/{alert['id']}"
    seen = served.ask("POST", f"{path}/acknowledgement", json={}).json()
    assert seen["is_acknowledged"] is True
    assert (seen["history"][-1]["change"], seen["history"][-1]["by"]) == ("acknowledged", "Dana")
    # Then that is so until it becomes more urgent
    fly(served, 60, since=43)
    later = get(served, path)
    assert (later["urgency"], later["is_acknowledged"]) == ("caution", False)
    # Nor is the caution acknowledged by whoever has read the advisory only
    late = served.ask("POST", f"{path}/acknowledgement", json={"urgency": "advisory"})
    assert (late.status_code, "caution by now" in late.text) == (409, True)
    # And a viewer may look, not acknowledge; and what is not there is not found
    assert served.ask("POST", f"{path}/acknowledgement", json={}, role=Role.VIEWER).status_code == 403
    assert served.ask("POST", "/v1/alerts/A-999999/acknowledgement", json={}).status_code == 404
    assert served.ask("GET", "/v1/alerts/A-999999", role=Role.VIEWER).status_code == 404


def test_a_moment_of_the_past_shows_what_was_known_then_and_no_more(served: Served) -> None:
    # Given an hour in which something was declared late
    fly(served, 45)
    served.declare(operation("later", 10.0))
    fly(served, 20, since=45)
    served.running.node.watching.ask(lambda rounds: rounds.flush()).result()
    # When the moment before is asked for
    then = get(served, "/v1/moments?at=2026-05-01T12:00:40Z")
    # Then it shows the alert as it was, and neither later positions nor what was declared since
    (alert,) = encounters(then)
    assert alert["urgency"] == "advisory"
    assert [track["at"][:19] for track in then["tracks"]] == ["2026-05-01T12:00:40"] * 2
    assert then["items"] == []
    assert max(point["at"] for trail in then["trails"].values() for point in trail) <= "2026-05-01T12:00:40Z"
    assert [item["id"] for item in get(served, "/v1/moments?at=2026-05-01T12:01:00Z")["items"]] == ["later"]
    # And what is not recorded is not made up
    assert served.ask("GET", "/v1/moments?at=2026-05-01T11:00:00Z", role=Role.VIEWER).status_code == 404
    assert served.ask("GET", "/v1/moments?at=noon", role=Role.VIEWER).status_code == 400
    (span,) = get(served, "/v1/recordings")["spans"]
    assert span["report_count"] == 130


def test_a_moment_says_what_of_the_recording_is_missing_or_cannot_be_understood(served: Served) -> None:
    fly(served, 5)
    watching = served.running.node.watching
    now_ms = floor_ms(served.clock.now())
    told: list[RecordedEvent | RecordedNote] = [
        RecordedEvent(at_ms=now_ms, what=what, text=text)
        for what, text in (
            ("acknowledgement", b"{"),
            ("acknowledgement", b'{"key": ["unheard of", "a", "b"], "person": "Dana"}'),
            ("sight", b'{"coverage": 1}'),
        )
    ]
    told.append(RecordedNote(at_ms=now_ms, text="9 entries before this are missing"))
    for each in told:
        watching.ask(lambda rounds, entry=each: rounds._write(entry)).result()  # type: ignore[misc]
    fly(served, 5, since=5)
    watching.ask(lambda rounds: rounds.flush()).result()
    blind = get(served, "/v1/moments?at=2026-05-01T12:00:09Z")["watch"]["blind"]
    assert "the recording says: 9 entries before this are missing" in blind
    assert "3 events of the recording about then cannot be understood" in blind


def test_a_track_is_held_against_what_is_declared(served: Served) -> None:
    served.declare(operation("here", 35.0))
    fly(served, 3)
    one = get(served, "/v1/tracks")["tracks"][0]
    assert (one["operation"], one["standing"]) == ("here", "inside")
    fly(served, 12, since=3)
    two = get(served, "/v1/tracks")["tracks"][1]
    assert two["standing"] == "undeclared"
    assert "operation" not in two


def test_a_fault_in_a_cycle_is_told_and_the_next_one_goes_on(served: Served) -> None:
    def break_once(rounds: Any) -> None:
        cycle = rounds.watch.cycle

        def broken(*_: object) -> None:
            rounds.watch.cycle = cycle
            raise ZeroDivisionError("a test")

        rounds.watch.cycle = broken

    served.running.node.watching.ask(break_once).result()
    with pytest.raises(CycleFailedError, match="ZeroDivisionError"):
        served.look()
    served.look()
    assert any("ZeroDivisionError" in reason for reason in get(served, "/v1/watch")["blind"])
