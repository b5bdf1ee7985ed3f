"""The flights of the load on a Discovery and Synchronization Service, and what their operator knows of them.

Each is one to a few rectangles of 100 by 10 m in a row, 1 m thick at a whole height, near one busy place.
That is the shape of the public load tests of InterUSS's service, written anew. Bodies are made of templates:
a generator of load that works hard measures itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

PLACE: Final = (-34.928683, 138.593795)
"""Latitude and longitude of the busy place, degrees."""
RADIUS_M: Final = 550.0
LENGTH_MOST_M: Final = 100.0
"""So far a flight goes at most: one rectangle, for each further 100 m one more."""
FLIGHT_S: Final = 60.0
HEIGHTS: Final = 10_000
"""A flight is at a whole height of 0 to so many metres."""
SUBSCRIPTION_S: Final = 3_600.0
URL: Final = "https://uss.example/utm"

_M_PER_DEGREE: Final = 111_320.0
_STEP_M, _WIDTH_M = 100.0, 10.0


class Box(NamedTuple):
    """Where a flight is at most: degrees, a whole height and the one above it, seconds since 1970."""

    south: float
    west: float
    north: float
    east: float
    low_m: int
    start_s: float
    end_s: float


class Flight(NamedTuple):
    """What is declared: the list of extents as JSON, and the box around it."""

    extents: str
    box: Box


def stamp(instant_s: float) -> str:
    """Write an instant, seconds since 1970, as F3548 JSON."""
    text = datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f'{{"value":"{text}","format":"RFC3339"}}'


def _metres(value: float) -> str:
    return f'{{"value":{value},"reference":"W84","units":"M"}}'


def flight(rng: random.Random, now_s: float, radius_m: float) -> Flight:
    """Draw a flight that starts now, near the busy place."""
    bearing, length_m = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(0.0, LENGTH_MOST_M)
    aside, aside_m = rng.uniform(0.0, 2.0 * math.pi), radius_m * math.sqrt(rng.random())
    m_per_lng = _M_PER_DEGREE * math.cos(math.radians(PLACE[0]))
    ahead = (math.cos(bearing), math.sin(bearing))
    corners = [
        (
            PLACE[0] + (aside_m * math.sin(aside) + along_m * ahead[1] + across_m * ahead[0]) / _M_PER_DEGREE,
            PLACE[1] + (aside_m * math.cos(aside) + along_m * ahead[0] - across_m * ahead[1]) / m_per_lng,
        )
        for step in range(1 + int(length_m // _STEP_M))
        for along_m, across_m in (
            (step * _STEP_M, -_WIDTH_M / 2),
            ((step + 1) * _STEP_M, -_WIDTH_M / 2),
            ((step + 1) * _STEP_M, _WIDTH_M / 2),
            (step * _STEP_M, _WIDTH_M / 2),
        )
    ]
    low_m = rng.randrange(HEIGHTS)
    rest = (
        f'"altitude_lower":{_metres(low_m)},"altitude_upper":{_metres(low_m + 1)}}},'
        f'"time_start":{stamp(now_s)},"time_end":{stamp(now_s + FLIGHT_S)}}}'
    )
    volumes = [
        '{"volume":{"outline_polygon":{"vertices":['
        + ",".join(f'{{"lat":{lat:.9f},"lng":{lng:.9f}}}' for lat, lng in corners[first : first + 4])
        + "]},"
        + rest
        for first in range(0, len(corners), 4)
    ]
    lats, lngs = [lat for lat, _ in corners], [lng for _, lng in corners]
    box = Box(min(lats), min(lngs), max(lats), max(lngs), low_m, now_s, now_s + FLIGHT_S)
    return Flight(f"[{','.join(volumes)}]", box)


def intent_body(extents: str, key: list[str], state: str = "Accepted", subscription_id: str = "") -> bytes:
    """Return the body that creates or changes an intent.

    Args:
        extents: As JSON.
        key: The OVNs that are given.
        state: The word of the standard.
        subscription_id: The subscription it names; empty to have one made with it.
    """
    ovns = ",".join(f'"{ovn}"' for ovn in key)
    by = (
        f'"subscription_id":"{subscription_id}"'
        if subscription_id
        else f'"new_subscription":{{"uss_base_url":"{URL}"}}'
    )
    return (f'{{"state":"{state}","uss_base_url":"{URL}","extents":{extents},"key":[{ovns}],{by}}}').encode()


def subscription_body(now_s: float) -> bytes:
    """Return the body of one subscription over the whole busy place, for an hour."""
    volume = (
        f'{{"volume":{{"outline_circle":{{"center":{{"lat":{PLACE[0]},"lng":{PLACE[1]}}},'
        f'"radius":{{"value":{2 * RADIUS_M},"units":"M"}}}},'
        f'"altitude_lower":{_metres(0)},"altitude_upper":{_metres(HEIGHTS + 1)}}},'
        f'"time_start":{stamp(now_s)},"time_end":{stamp(now_s + SUBSCRIPTION_S)}}}'
    )
    return (f'{{"extents":{volume},"uss_base_url":"{URL}","notify_for_operational_intents":true}}').encode()


@dataclass(slots=True)
class _Held:
    box: Box
    ovn: str


class Known:
    """What an operator knows: its own intents with their OVNs, found by height, time and box."""

    def __init__(self) -> None:
        self._at: dict[int, dict[str, _Held]] = {}

    def hold(self, entity_id: str, box: Box, ovn: str) -> None:
        """Keep an intent, in place of what was known of it."""
        self._at.setdefault(box.low_m, {})[entity_id] = _Held(box, ovn)

    def drop(self, entity_id: str, box: Box) -> None:
        """Keep an intent no longer."""
        self._at.get(box.low_m, {}).pop(entity_id, None)

    def key(self, box: Box, but: str = "") -> list[str]:
        """Return the OVNs of all but one whose box meets this one, touching included."""
        return [held.ovn for entity_id, held in self._meeting(box) if entity_id != but]

    def _meeting(self, box: Box) -> Iterator[tuple[str, _Held]]:
        for low_m in (box.low_m - 1, box.low_m, box.low_m + 1):
            here = self._at.get(low_m)
            if not here:
                continue
            for entity_id in [each for each, held in here.items() if held.box.end_s < box.start_s]:
                del here[entity_id]  # it is over, and all that comes starts later
            for entity_id, held in here.items():
                other = held.box
                if (
                    other.start_s <= box.end_s
                    and other.south <= box.north
                    and box.south <= other.north
                    and other.west <= box.east
                    and box.west <= other.east
                ):
                    yield entity_id, held
