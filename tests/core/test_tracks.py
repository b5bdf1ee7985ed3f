"""Positions are valid when they exist, and of each track the latest is held."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import PartyId
from keepclear.core.tracks import (
    AGE_MAX_S,
    FUTURE_MAX_S,
    SPEED_MAX_MPS,
    LatestTracks,
    TrackKind,
    TrackPosition,
)
from tests.strategies import NOON


def seconds(offset_s: float) -> datetime:
    return NOON + timedelta(seconds=offset_s)


def track(track_id: str = "R7", offset_s: float = 0.0, **fields: Any) -> TrackPosition:
    return TrackPosition(id=track_id, at=seconds(offset_s), position=LatLng(47.0, 8.0), **fields)


def test_a_position_may_leave_everything_out_but_its_id_time_and_place() -> None:
    position = track()
    assert position.altitude_m is None
    assert position.party is None
    assert position.kind is TrackKind.UNKNOWN


@pytest.mark.parametrize(
    "fields",
    [
        {"altitude_m": HEIGHT_MAX_M},
        {"altitude_m": -HEIGHT_MAX_M},
        {"ground_speed_mps": 0.0},
        {"ground_speed_mps": SPEED_MAX_MPS},
        {"track_deg": 0.0},
        {"track_deg": 359.999},
        {"vertical_rate_mps": -SPEED_MAX_MPS},
        {"party": PartyId("relief")},
    ],
)
def test_a_value_at_its_limit_is_taken(fields: dict[str, Any]) -> None:
    assert replace(track(), **fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "x" * 257),
        ("id", "line\nbreak"),
        ("party", ""),
        ("at", datetime(2026, 5, 1, 12, 0)),  # noqa: DTZ001 - the missing zone is what is refused
        ("at", NOON.replace(year=1899)),
        ("at", NOON.replace(year=2200)),
        ("altitude_m", HEIGHT_MAX_M + 1.0),
        ("altitude_m", math.nan),
        ("ground_speed_mps", -0.1),
        ("ground_speed_mps", SPEED_MAX_MPS + 0.1),
        ("ground_speed_mps", math.inf),
        ("track_deg", 360.0),
        ("track_deg", -0.1),
        ("track_deg", math.nan),
        ("vertical_rate_mps", -math.inf),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidValueError) as refused:
        replace(track(), **{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize(("place", "field"), [(LatLng(90.1, 0.0), "lat"), (LatLng(0.0, math.nan), "lng")])
def test_a_place_that_is_not_on_the_earth_is_refused(place: LatLng, field: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        replace(track(), position=place)
    assert refused.value.field == field


def test_a_newer_position_replaces_the_held_one_and_an_older_one_does_not() -> None:
    # Given a position that is held
    latest = LatestTracks()
    assert latest.take(track(offset_s=-10.0), NOON) is None

    # When a newer one comes, and then one from between
    newer = track(offset_s=-2.0)
    assert latest.take(newer, NOON) is None
    refusal = latest.take(track(offset_s=-5.0), NOON)

    # Then the newer one is held, and the refusal says why
    assert refusal == "a newer position of it is held"
    assert latest.at(NOON) == [newer]


def test_of_two_positions_of_one_instant_the_last_that_came_is_held() -> None:
    latest = LatestTracks()
    latest.take(track(), NOON)
    corrected = track(altitude_m=500.0)
    assert latest.take(corrected, NOON) is None
    assert latest.at(NOON) == [corrected]


@pytest.mark.parametrize(
    ("offset_s", "refusal"),
    [
        (FUTURE_MAX_S, None),
        (FUTURE_MAX_S + 0.001, "it is more than 5 s in the future"),
        (-AGE_MAX_S, None),
        (-AGE_MAX_S - 0.001, "it is older than 300 s"),
    ],
)
def test_a_position_is_taken_up_to_its_limits_of_time(offset_s: float, refusal: str | None) -> None:
    latest = LatestTracks()
    assert latest.take(track(offset_s=offset_s), NOON) == refusal
    assert len(latest) == (1 if refusal is None else 0)


def test_positions_are_shown_sorted_by_id_until_they_are_too_old() -> None:
    latest = LatestTracks()
    for track_id, offset_s in (("c", -20.0), ("a", -10.0), ("b", 0.0)):
        latest.take(track(track_id, offset_s), NOON)
    assert [position.id for position in latest.at(NOON)] == ["a", "b", "c"]
    assert [position.id for position in latest.at(seconds(AGE_MAX_S - 10.0))] == ["a", "b"]
    assert [position.id for position in latest.at(seconds(AGE_MAX_S - 9.999))] == ["b"]


def test_at_the_limit_a_new_track_is_refused_and_a_held_one_still_moves() -> None:
    # Given as many tracks as there is room for
    latest = LatestTracks(tracks_max=2)
    latest.take(track("a"), NOON)
    latest.take(track("b"), NOON)

    # When another one comes
    refusal = latest.take(track("c"), NOON)

    # Then it is told why it is not held, and the others go on
    assert refusal == "2 tracks are held already, which is the limit"
    assert latest.take(track("c"), NOON) == refusal
    moved = track("a", 1.0)
    assert latest.take(moved, NOON) is None
    assert latest.at(NOON) == [moved, track("b")]


def test_a_track_that_is_too_old_to_be_shown_makes_room() -> None:
    latest = LatestTracks(tracks_max=2)
    latest.take(track("a"), NOON)
    latest.take(track("b", 1.0), NOON)
    assert latest.take(track("c", 2.0), NOON) is not None
    later = seconds(AGE_MAX_S + 0.5)
    assert latest.take(track("c", AGE_MAX_S), later) is None
    assert [position.id for position in latest.at(later)] == ["b", "c"]
    assert latest.take(track("d", AGE_MAX_S), seconds(AGE_MAX_S + 0.6)) is not None


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-400, 20), st.integers(0, 200)), max_size=30),
    st.integers(1, 4),
)
def test_what_is_held_is_what_a_plain_account_of_all_that_came_would_hold(
    events: list[tuple[str, int, int]], tracks_max: int
) -> None:
    """The slow definition: keep everything taken, look at all of it every time."""
    latest, plain, now_s = LatestTracks(tracks_max), dict[str, TrackPosition](), 0
    for track_id, offset_s, pause_s in events:
        now_s += pause_s
        position = track(track_id, now_s + offset_s)
        recent = {name: held for name, held in plain.items() if held.at >= seconds(now_s - AGE_MAX_S)}
        in_time = -AGE_MAX_S <= offset_s <= FUTURE_MAX_S
        newest = track_id not in plain or position.at >= plain[track_id].at
        room = track_id in plain or len(plain) < tracks_max or len(recent) < tracks_max
        refusal = latest.take(position, seconds(now_s))
        assert (refusal is None) == (in_time and newest and room)
        if refusal is None:
            plain = plain if track_id in plain or len(plain) < tracks_max else recent
            plain[track_id] = position
        shown = [plain[name] for name in sorted(plain) if plain[name].at >= seconds(now_s - AGE_MAX_S)]
        assert latest.at(seconds(now_s)) == shown
