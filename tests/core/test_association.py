"""Tracks of several sources become one aircraft only where they cannot be two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.association import TOGETHER_S
from keepclear.core.kinds import TrackKind
from keepclear.core.neighbours import ALONE_M, CROWD_MAX, GATE_MAX_M
from keepclear.core.reports import Report
from keepclear.core.track_picture import TrackPicture
from keepclear.core.track_table import TrackTable
from tests.core.reported import NOON_MS, flying, gathered

ICAO, OTHER_ICAO, RID = "icao:4b1814", "icao:4b1815", "rid:1596F3"
Scene = Callable[[float], dict[str, Sequence[Report]]]
"""What each source reports at an instant."""


def ms(at_s: float) -> int:
    return NOON_MS + round(at_s * 1000)


def seen(scene: Scene, until_s: int, table: TrackTable | None = None, from_s: int = 0) -> list[TrackPicture]:
    """Return a picture of each second."""
    table = TrackTable() if table is None else table
    pictures = []
    for at_s in range(from_s, until_s + 1):
        for source, rows in scene(at_s).items():
            if rows:
                table.take(gathered(rows, source, received_s=at_s))
        pictures.append(table.picture(ms(at_s)))
    return pictures


def beside(at_s: float, metres: float, track_id: str = ICAO, **fields: Any) -> Report:
    """Return a report of what flies east so many metres north of the others."""
    return flying(track_id, at_s, lat=47.0 + metres / 111_195.0, **fields)


# -- one id -------------------------------------------------------------------------------------------


def test_one_id_in_two_sources_is_one_aircraft_from_the_first_picture_on() -> None:
    pictures = seen(lambda s: {"a": [flying(ICAO, s)], "b": [flying(ICAO, s)]}, 3)
    assert [picture.ids for picture in pictures] == [(ICAO,)] * 4
    assert pictures[0].sources == (("a", "b"),)
    assert pictures[0].twins == ((),)


@pytest.mark.parametrize("late_s", [0.5, 3.0, 8.0, 20.0])
def test_a_source_that_comes_late_with_honest_times_is_the_same_aircraft(late_s: float) -> None:
    for picture in seen(
        lambda s: {"a": [flying(ICAO, s)], "b": [flying(ICAO, s - late_s)] if s >= late_s else []}, 60
    ):
        assert picture.ids == (ICAO,)
        assert picture.sources[0][0] == "a"
        assert not picture.is_suspect.any()


def test_a_source_that_stamps_late_positions_with_the_present_is_the_same_aircraft() -> None:
    for picture in seen(
        lambda s: {"a": [flying(ICAO, s)], "b": [flying(ICAO, s - 3.0)._replace(at_ms=ms(s))]}, 30
    ):
        assert picture.ids == (ICAO,)


def test_a_track_that_one_source_lost_goes_on_in_the_other() -> None:
    table = TrackTable()
    seen(lambda s: {"a": [flying(ICAO, s)], "b": [flying(ICAO, s)]}, 5, table)
    pictures = seen(lambda s: {"b": [flying(ICAO, s)]}, 100, table, from_s=6)
    assert {picture.ids for picture in pictures} == {(ICAO,)}
    assert pictures[-1].sources == (("b", "a"),)
    assert pictures[-1].age_s[0] == 0.0


def test_two_places_under_one_id_are_two_rows_that_are_suspect() -> None:
    pictures = seen(lambda s: {"a": [flying(ICAO, s)], "b": [beside(s, 20_000.0)]}, 5)
    for picture in pictures:
        assert picture.ids == ("b/" + ICAO, ICAO)
        assert picture.is_suspect.all()
        assert picture.suspicions == ("two sources tell of two places under its id",) * 2
        assert picture.latitude_deg[1] == pytest.approx(47.0, abs=1e-3)
        assert picture.twins == ((), ())


def test_the_place_that_had_the_id_keeps_it_while_it_is_heard() -> None:
    table = TrackTable()
    seen(lambda s: {"z": [flying(ICAO, s)]}, 5, table)
    scene: Scene = lambda s: {"z": [flying(ICAO, s)] if s % 3 else [], "a": [beside(s, 20_000.0)]}  # noqa: E731
    for picture in seen(scene, 60, table, from_s=6):
        row = picture.ids.index(ICAO)
        assert picture.sources[row] == ("z",)
        assert picture.ids == ("a/" + ICAO, ICAO)


def test_two_places_become_one_only_after_they_agree_for_a_while() -> None:
    table = TrackTable()
    seen(lambda s: {"a": [flying(ICAO, s)], "b": [beside(s, 4_000.0, speed_mps=300.0)]}, 5, table)
    # The second comes back: it is a false place, corrected with a jump of a few kilometres.
    pictures = seen(lambda s: {"a": [flying(ICAO, s)], "b": [flying(ICAO, s)]}, 40, table, from_s=6)
    rows = [len(picture) for picture in pictures]
    assert rows[0] == 2
    assert rows[-1] == 1
    assert sorted(rows, reverse=True) == rows
    assert rows.count(2) >= TOGETHER_S


def test_of_three_sources_the_one_that_differs_is_apart() -> None:
    (picture,) = seen(
        lambda s: {"a": [beside(s, 30_000.0)], "b": [flying(ICAO, s)], "c": [flying(ICAO, s + 0.5)]}, 0
    )
    assert len(picture) == 2
    assert sorted(picture.sources) == [("a",), ("b", "c")]


# -- several ids --------------------------------------------------------------------------------------


def radar(at_s: float, metres: float = 40.0, number: int = 17, **fields: Any) -> Report:
    """Return what a radar tells of what flies with the others."""
    return beside(at_s, metres, f"track:{number}", **fields)


def test_a_radar_track_that_flies_with_an_aircraft_becomes_one_with_it_after_a_while() -> None:
    pictures = seen(lambda s: {"adsb": [flying(ICAO, s)], "radar": [radar(s)]}, 20)
    assert pictures[9].ids == (ICAO, "radar/track:17")
    assert {picture.ids for picture in pictures[10:]} == {(ICAO,)}
    assert pictures[-1].sources == (("adsb", "radar"),)
    assert pictures[-1].twins == (("radar/track:17",),)


def test_two_identities_become_one_only_with_the_same_callsign() -> None:
    def scene(callsign: str | None) -> Scene:
        return lambda s: {
            "adsb": [flying(ICAO, s, callsign="DRN1", squawk="7000")],
            "rid": [beside(s, 10.0, RID, callsign=callsign, squawk="7000")],
        }

    assert seen(scene("DRN1"), 30)[-1].ids == (ICAO,)
    assert seen(scene(None), 30)[-1].ids == (ICAO, RID)  # a code that everybody sets proves nothing
    assert seen(scene("DRN2"), 30)[-1].ids == (ICAO, RID)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"track_id": OTHER_ICAO, "callsign": "SWR1"}, id="another 24-bit address"),
        pytest.param({"track_id": "track:17", "callsign": "SWR2"}, id="another callsign"),
        pytest.param({"track_id": "track:17", "squawk": "4322"}, id="another squawk"),
        pytest.param({"track_id": "track:17", "party": "Red"}, id="another party"),
        pytest.param({"track_id": "track:17", "kind": TrackKind.HELICOPTER}, id="another kind"),
        pytest.param({"track_id": "track:17", "pressure_altitude_ft": 34_750.0}, id="250 ft lower"),
        pytest.param({"track_id": "track:17", "pressure_altitude_ft": np.nan}, id="no altitude"),
        pytest.param({"track_id": "track:17", "speed_mps": 212.0}, id="12 m/s faster"),
        pytest.param({"track_id": "track:17", "metres": 320.0}, id="320 m beside"),
        pytest.param({"track_id": "thing", "callsign": "SWR1"}, id="an id of no kind"),
    ],
)
def test_what_can_be_two_aircraft_stays_two(other: dict[str, Any]) -> None:
    first: dict[str, Any] = {
        "callsign": "SWR1",
        "squawk": "4321",
        "party": "Blue",
        "kind": TrackKind.AEROPLANE,
    }
    pictures = seen(
        lambda s: {"a": [flying(ICAO, s, **first)], "b": [beside(s, **{"metres": 40.0, **other})]}, 30
    )
    assert {len(picture) for picture in pictures} == {2}


def test_exact_positions_have_a_narrow_gate() -> None:
    pictures = seen(
        lambda s: {
            "a": [flying(ICAO, s, horizontal_error_m=5.0)],
            "drones": [radar(s, 50.0, horizontal_error_m=5.0)],
        },
        30,
    )
    assert {len(picture) for picture in pictures} == {2}


def test_what_hovers_side_by_side_stays_two() -> None:
    pictures = seen(lambda s: {"a": [flying(ICAO, s, speed_mps=0.0)], "radar": [radar(s, speed_mps=0.0)]}, 30)
    assert {len(picture) for picture in pictures} == {2}


def test_a_formation_in_one_source_is_never_merged() -> None:
    for first, second in ((ICAO, "track:17"), ("track:16", "track:17")):
        pictures = seen(lambda s: {"a": [flying(first, s), beside(s, 50.0, second)]}, 60)  # noqa: B023
        assert {len(picture) for picture in pictures} == {2}


@pytest.mark.parametrize("apart_m", [20.0, 50.0, 200.0, 600.0])
def test_a_formation_that_two_sources_see_is_never_merged(apart_m: float) -> None:
    pictures = seen(
        lambda s: {
            "adsb": [flying(ICAO, s), beside(s, apart_m, OTHER_ICAO)],
            "radar": [radar(s, 3.0, 17), radar(s, apart_m + 3.0, 18)],
        },
        60,
    )
    for picture in pictures:
        assert len(picture) == 4
        assert picture.twins == ((),) * 4


def test_two_that_pass_each_other_are_never_merged() -> None:
    pictures = seen(
        lambda s: {
            "adsb": [flying(ICAO, s)],
            "radar": [flying("track:17", 60.0 - s)._replace(at_ms=ms(s), track_deg=270.0)],
        },
        60,
    )
    assert {len(picture) for picture in pictures} == {2}


def test_what_parts_is_two_at_once() -> None:
    def scene(at_s: float) -> dict[str, Sequence[Report]]:
        apart_m = 40.0 + max(at_s - 30.0, 0.0) * 100.0
        return {"adsb": [flying(ICAO, at_s)], "radar": [radar(at_s, apart_m)]}

    pictures = seen(scene, 60)
    assert [len(picture) for picture in pictures[10:31]] == [1] * 21
    parted = [len(picture) for picture in pictures].index(2, 10)
    assert 31 <= parted <= 35  # at 540 m, beyond the gate by a half
    assert {len(picture) for picture in pictures[parted:]} == {2}


def test_what_climbs_away_is_two_at_once() -> None:
    pictures = seen(
        lambda s: {
            "adsb": [flying(ICAO, s)],
            "radar": [radar(s, pressure_altitude_ft=35_000.0 + max(s - 30.0, 0.0) * 100.0)],
        },
        60,
    )
    assert [len(picture) for picture in pictures][30] == 1
    assert {len(picture) for picture in pictures[36:]} == {2}


def test_a_number_that_a_radar_gives_to_another_aircraft_is_parted_at_once() -> None:
    table = TrackTable()
    seen(lambda s: {"adsb": [flying(ICAO, s)], "radar": [radar(s)]}, 20, table)
    seen(lambda s: {"adsb": [flying(ICAO, s)]}, 90, table, from_s=21)
    pictures = seen(lambda s: {"adsb": [flying(ICAO, s)], "radar": [radar(s, 6_000.0)]}, 92, table, from_s=91)
    assert {len(picture) for picture in pictures} == {2}


def test_three_sources_with_three_ids_become_one() -> None:
    pictures = seen(
        lambda s: {"adsb": [flying(ICAO, s)], "radar-1": [radar(s)], "radar-2": [radar(s, -40.0, 3)]}, 20
    )
    assert pictures[-1].ids == (ICAO,)
    assert pictures[-1].twins == (("radar-1/track:17", "radar-2/track:3"),)


def test_hearing_nothing_for_longer_than_a_few_seconds_begins_the_time_together_anew() -> None:
    table = TrackTable()
    for at_s in (0, 7, 14, 21):
        for source, row in (("adsb", flying(ICAO, at_s)), ("radar", radar(at_s))):
            table.take(gathered([row], source, received_s=at_s))
        assert len(table.picture(ms(at_s))) == 2


def test_asking_again_for_the_same_instant_does_not_count() -> None:
    table = TrackTable()
    for source, row in (("adsb", flying(ICAO, 0.0)), ("radar", radar(0.0))):
        table.take(gathered([row], source))
    assert {len(table.picture(ms(0.0))) for _ in range(50)} == {2}


def test_a_crowd_is_looked_at_quickly_and_merged_with_nothing() -> None:
    n = 500
    rows = {source: [radar(0.0, 0.001 * k, k, speed_mps=0.0) for k in range(n)] for source in ("a", "b")}
    table = TrackTable()
    for at_s in range(0, 20, 4):
        for source, told in rows.items():
            stamped = [row._replace(at_ms=ms(at_s)) for row in told]
            table.take(gathered(stamped, source, received_s=at_s))
        assert len(table.picture(ms(at_s))) == 2 * n
    assert n > CROWD_MAX


# -- the best source ----------------------------------------------------------------------------------


def test_words_that_the_best_does_not_tell_are_taken_from_the_next() -> None:
    (picture,) = seen(
        lambda s: {
            "a": [flying(ICAO, s, callsign="SWR1", horizontal_error_m=10.0)],
            "b": [flying(ICAO, s, callsign="OTHER", party="Blue", kind=TrackKind.AEROPLANE)],
        },
        0,
    )
    assert (picture.callsigns, picture.parties, picture.kinds) == (
        ("SWR1",),
        ("Blue",),
        (TrackKind.AEROPLANE,),
    )


def test_the_freshest_and_most_exact_is_the_best_and_a_little_noise_does_not_change_it() -> None:
    rng = np.random.default_rng(1)

    def scene(at_s: float) -> dict[str, Sequence[Report]]:
        errors_m = rng.uniform(50.0, 200.0, 2)
        return {
            source: [flying(ICAO, at_s, horizontal_error_m=float(error_m))]
            for source, error_m in zip(("a", "b"), errors_m, strict=True)
        }

    assert len({picture.sources[0][0] for picture in seen(scene, 60)}) == 1


def test_a_source_that_falls_behind_is_the_best_no_longer() -> None:
    table = TrackTable()
    seen(lambda s: {"a": [flying(ICAO, s, horizontal_error_m=10.0)], "b": [flying(ICAO, s)]}, 5, table)
    pictures = seen(lambda s: {"b": [flying(ICAO, s)]}, 20, table, from_s=6)
    best = [picture.sources[0][0] for picture in pictures]
    assert best[0] == "a"
    assert best[-1] == "b"
    assert best.index("b") == best.count("a") <= 5


def test_a_source_that_is_suspect_is_not_the_best() -> None:
    table = TrackTable()
    seen(lambda s: {"a": [flying(ICAO, s, horizontal_error_m=10.0)], "b": [flying(ICAO, s)]}, 5, table)
    (picture,) = seen(lambda s: {"a": [beside(s, 90_000.0)], "b": [flying(ICAO, s)]}, 6, table, from_s=6)
    assert picture.ids == (ICAO,)
    assert picture.sources == (("b", "a"),)
    assert not picture.is_suspect[0]


# -- laws ---------------------------------------------------------------------------------------------


@st.composite
def scenes(draw: st.DrawFn) -> list[dict[str, list[Report]]]:
    """Draw a few aircraft near each other, and what three sources tell of them, with gaps, in each second."""
    aircraft = [
        (
            draw(st.sampled_from((0.0, 50.0, 250.0, 1_000.0, 5_000.0))),
            draw(st.sampled_from((200.0, 205.0, 240.0))),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    tells = {
        (source, k): draw(st.sampled_from((None, f"icao:{k}", f"rid:{k}", f"track:{k}", "icao:x")))
        for source in ("a", "b", "c")
        for k in range(len(aircraft))
    }
    gaps = draw(st.sets(st.tuples(st.sampled_from(("a", "b", "c")), st.integers(0, 30)), max_size=20))
    scene = []
    for at_s in range(16):
        rows: dict[str, list[Report]] = {}
        for source in ("a", "b", "c"):
            rows[source] = []
            for k, (metres, speed_mps) in enumerate(aircraft):
                told = tells[source, k]
                if told and (source, at_s) not in gaps and told not in {row.id for row in rows[source]}:
                    rows[source].append(
                        beside(at_s, metres, told, speed_mps=speed_mps, operation=f"intent-{k}")
                    )
        scene.append(rows)
    return scene


@pytest.mark.slow
@given(scenes(), st.randoms(use_true_random=False))
def test_two_aircraft_are_never_one_row_whatever_the_order_of_the_sources(
    scene: list[dict[str, list[Report]]], random: Any
) -> None:
    one, other = TrackTable(), TrackTable()
    for at_s, rows in enumerate(scene):
        sources = list(rows)
        for table in (one, other):
            for source in sources:
                if rows[source]:
                    table.take(gathered(rows[source], source, received_s=at_s))
            random.shuffle(sources)
        left, right = one.picture(ms(at_s)), other.picture(ms(at_s))
        assert left.ids == right.ids
        assert (left.sources, left.twins) == (right.sources, right.twins)
        np.testing.assert_array_equal(left.latitude_deg, right.latitude_deg)
        assert list(left.ids) == sorted(set(left.ids))
        for row, name in enumerate(left.ids):
            kept = one.history(name)
            # Each source once, each kind of identity once.
            ids = {each.id for each in kept}
            assert len({(each.source, each.id) for each in kept}) == len({each.source for each in kept})
            assert len([told for told in ids if told.startswith("icao:")]) <= 1
            assert len(left.sources[row]) == len({each.source for each in kept})
        # Every track of every source is in exactly one row.
        assert sum(len(each) for each in left.sources) == len(one)
        # No two operations in one row, unless two sources tell one id near each other.
        for row, name in enumerate(left.ids):
            if not any("icao:x" in other_name for other_name in (name, *left.twins[row])):
                told = {each.id.partition(":")[2] for each in one.history(name)}
                assert len(told) == 1


def test_the_limits_fit_each_other() -> None:
    assert ALONE_M >= 2.0 * GATE_MAX_M
