"""The altitude split against its definition, volume by volume."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.altitudes import ALTITUDE_MAX_M, ALTITUDE_MIN_M
from keepclear.core.conflicts import Item, label_of
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.packed import pack
from keepclear.core.picture import Picture
from keepclear.core.split import Breach, Halves, Split, breaches
from tests.strategies import band, intent, pictures, square, volume, window, zone

NORTH, SOUTH, RELIEF = PartyId("north"), PartyId("south"), PartyId("relief")
HALVES = Halves(below=NORTH, above=SOUTH, altitude_m=1_000.0)
SHAPE = square(35.0, 36.0, 500.0)


def broken(*items: Item, halves: Halves = HALVES) -> list[Breach]:
    picture = Picture(items)
    return breaches(picture.index.volumes, picture.owner, [halves])


def flown(name: str, party: str, lower_m: float, upper_m: float) -> Item:
    return intent(name, volume(SHAPE, band=band(lower_m, upper_m)), party=party)


def test_who_reaches_into_the_other_half_is_named_with_how_far() -> None:
    found = broken(
        flown("high", "north", 500.0, 1_300.0),
        flown("low", "south", 900.0, 1_500.0),
        flown("fine", "north", 0.0, 900.0),
        flown("fine too", "south", 1_100.0, 1_500.0),
        flown("of others", "relief", 0.0, 5_000.0),
    )
    assert [(each.item, each.party, each.peer, each.is_below, each.reach_m) for each in found] == [
        ("high", NORTH, SOUTH, True, 300.0),
        ("low", SOUTH, NORTH, False, 100.0),
    ]


def test_the_plane_belongs_to_both_and_who_meets_there_conflicts_as_ever() -> None:
    touching = [flown("a", "north", 0.0, 1_000.0), flown("b", "south", 1_000.0, 2_000.0)]
    assert broken(*touching) == []
    assert len(Picture(touching).findings()) == 1, "volumes are closed"
    assert broken(flown("a", "north", 0.0, 1_000.001))


def test_zones_and_what_has_ended_are_not_split_and_no_bound_reaches_without_end() -> None:
    assert broken(zone("z", volume(SHAPE), party="north")) == []
    (each,) = broken(intent("a", volume(SHAPE), party="south"))
    assert each.reach_m == math.inf


def test_the_volumes_that_break_it_are_told_and_when() -> None:
    low, high = band(0.0, 500.0), band(500.0, 1_500.0)
    item = intent(
        "a",
        volume(SHAPE, window(0, 10), low),
        volume(SHAPE, window(10, 20), high),
        volume(SHAPE, window(5, 30), high),
        party="north",
    )
    (each,) = broken(item)
    assert each.volumes == (1, 2)
    assert (each.end_ms - each.start_ms) == 25 * 60_000


def test_without_splits_or_volumes_nothing_is_broken() -> None:
    picture = Picture([flown("high", "north", 500.0, 1_300.0)])
    assert breaches(picture.index.volumes, picture.owner, []) == []
    assert breaches(pack([], [], [], []), picture.owner, [HALVES]) == []


@pytest.mark.parametrize("altitude_m", [ALTITUDE_MIN_M - 1.0, ALTITUDE_MAX_M + 1.0, math.nan, math.inf])
def test_an_altitude_that_is_none_is_refused(altitude_m: float) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Split(below=NORTH, altitude_m=altitude_m)
    assert caught.value.field == "altitude_m"


def _by_definition(items: list[Item], halves: Halves) -> set[tuple[str, tuple[int, ...]]]:
    found = set()
    for item in items:
        if isinstance(item, Constraint) or item.id not in Picture([item]):
            continue
        bands = [each.volume.altitude for each in item.volumes]
        if item.party == halves.below:
            beyond = [k for k, each in enumerate(bands) if each.upper_m > halves.altitude_m + 1e-6]
        elif item.party == halves.above:
            beyond = [k for k, each in enumerate(bands) if each.lower_m < halves.altitude_m - 1e-6]
        else:
            continue
        if beyond:
            found.add((str(item.id), tuple(beyond)))
    return found


@given(pictures(), st.floats(-100.0, 2_600.0), st.permutations([NORTH, SOUTH, RELIEF]))
def test_what_is_found_is_what_the_definition_says(
    items: list[Item], altitude_m: float, parties: list[PartyId]
) -> None:
    halves = Halves(below=parties[0], above=parties[1], altitude_m=altitude_m)
    found = broken(*items, halves=halves)
    assert {(str(each.item), each.volumes) for each in found} == _by_definition(items, halves)
    assert found == broken(*reversed(items), halves=halves), "in whatever order they came"
    for each in found:  # one by one as all at once
        item = next(item for item in items if item.id == each.item)
        alone = breaches(Picture().packed(item), lambda _, item=item: label_of(item), [halves])  # type: ignore[misc]
        assert alone == [each]


@given(pictures(), st.floats(-100.0, 2_600.0))
def test_two_that_keep_to_their_halves_never_overlap_in_height(items: list[Item], altitude_m: float) -> None:
    halves = Halves(below=NORTH, above=SOUTH, altitude_m=altitude_m)
    bad = {each.item for each in broken(*items, halves=halves)}
    kept = [item for item in items if item.id not in bad and not isinstance(item, Constraint)]
    for found in Picture(kept).findings():
        if {found.a.party, found.b.party} == {NORTH, SOUTH}:
            assert found.witness.vertical_overlap_m <= 2e-6
