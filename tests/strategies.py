"""Hypothesis strategies for valid values, and small makers of items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.geodesy import LatLng, geodesic_direct
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon
from keepclear.core.times import TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return the instant so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def window(start_min: float, end_min: float) -> TimeWindow:
    """Return a window in minutes after noon."""
    return TimeWindow(start=at(start_min), end=at(end_min))


def go(lat: float, lng: float, azimuth_deg: float, distance_m: float) -> LatLng:
    """Return where one arrives."""
    end_lat, end_lng = geodesic_direct(lat, lng, azimuth_deg, distance_m)
    return LatLng(float(end_lat), float(end_lng))


def square(lat: float, lng: float, half_m: float) -> Polygon:
    """Return a square round a position."""
    reach_m = half_m * 2**0.5
    return Polygon(vertices=tuple(go(lat, lng, azimuth, reach_m) for azimuth in (45.0, 135.0, 225.0, 315.0)))


def volume(outline: Outline, time: TimeWindow | None = None, band: AltitudeBand = UNBOUNDED) -> Volume4D:
    """Return a volume, by default for an hour from noon."""
    return Volume4D(volume=Volume3D(outline=outline, altitude=band), time=time or window(0, 60))


def band(lower_m: float, upper_m: float) -> AltitudeBand:
    """Return a band of heights."""
    return AltitudeBand(lower_m=lower_m, upper_m=upper_m)


def intent(
    name: str, *volumes: Volume4D, party: str | None = None, state: IntentState = IntentState.ACCEPTED
) -> OperationalIntent:
    """Return an operation; without a party given it belongs to a party of its own name."""
    return OperationalIntent(
        id=ItemId(name), volumes=volumes, party=PartyId(party or f"party of {name}"), state=state
    )


def zone(
    name: str, *volumes: Volume4D, party: str | None = None, rule: ConstraintRule = ConstraintRule.KEEP_OUT
) -> Constraint:
    """Return a zone; without a party given it belongs to a party of its own name."""
    return Constraint(id=ItemId(name), volumes=volumes, party=PartyId(party or f"party of {name}"), rule=rule)


# A small theatre, so that items meet often.
_LATS = st.floats(34.9, 35.1)
_LNGS = st.floats(35.8, 36.0)


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Draw a polygon, a circle or a leg of 50 m to 5 km."""
    lat, lng, size_m = draw(_LATS), draw(_LNGS), draw(st.floats(50.0, 5_000.0))
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return Circle(center=LatLng(lat, lng), radius_m=size_m)
    if kind == 1:
        end = go(lat, lng, draw(st.floats(0.0, 360.0)), size_m * 3)
        return CorridorLeg(start=LatLng(lat, lng), end=end, half_width_m=max(20.0, size_m / 10))
    corners = draw(st.integers(3, 7))
    turn = draw(st.floats(0.0, 360.0))
    reach = draw(st.lists(st.floats(0.5, 1.0), min_size=corners, max_size=corners))
    points = [go(lat, lng, turn + k * 360.0 / corners, size_m * r) for k, r in enumerate(reach)]
    return Polygon(vertices=tuple(points))


@st.composite
def volumes(draw: st.DrawFn) -> Volume4D:
    """Draw a volume of up to an hour within three hours, up to 500 m high within 2 km."""
    start = draw(st.integers(0, 120 * 60_000))
    lasting = draw(st.integers(0, 60 * 60_000))
    first = NOON + timedelta(milliseconds=start)
    time = TimeWindow(start=first, end=first + timedelta(milliseconds=lasting))
    low = draw(st.floats(0.0, 2_000.0))
    height = draw(st.floats(0.0, 500.0))
    bounds = draw(st.sampled_from(["both", "both", "both", "lower", "upper", "none"]))
    lower_m = low if bounds in ("both", "lower") else float("-inf")
    upper_m = low + height if bounds in ("both", "upper") else float("inf")
    return volume(draw(outlines()), time, band(lower_m, upper_m))


@st.composite
def pictures(draw: st.DrawFn) -> list[OperationalIntent | Constraint]:
    """Draw items of up to four parties and none."""
    result: list[OperationalIntent | Constraint] = []
    for number in range(draw(st.integers(2, 8))):
        own = tuple(draw(st.lists(volumes(), min_size=1, max_size=3)))
        party = draw(st.sampled_from([None, "north", "south", "relief"]))
        name, owner = ItemId(f"item {number}"), None if party is None else PartyId(party)
        if draw(st.integers(0, 3)) == 0:
            rule = draw(st.sampled_from(ConstraintRule))
            result.append(Constraint(id=name, volumes=own, party=owner, rule=rule))
        else:
            state = draw(st.sampled_from(IntentState))
            result.append(OperationalIntent(id=name, volumes=own, party=owner, state=state))
    return result
