"""The drawing of an encounter: whatever two tracks do, one well-formed picture that says it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.drawing.encounter import encounter_svg
from keepclear.codec.drawing.encounter_scene import scene_of
from keepclear.core.air_picture import AirPicture
from keepclear.core.motions import TrackArrays
from keepclear.core.named_rules import RULES
from keepclear.core.rules import Level, Rule

FIVE_MILES = Rule(name="minima", levels=(Level(name="loss", lateral_m=9_260.0, vertical_m=304.8),))
Row = tuple[float, float, float, float, float, float]
HEAD_ON: tuple[Row, Row] = ((0.0, 0.0, 9_000.0, 230.0, 90.0, 0.0), (0.0, 0.5, 9_000.0, 230.0, 270.0, 0.0))
SVG = "{http://www.w3.org/2000/svg}"


def picture(rows: tuple[Row, Row], ids: tuple[str, str] = ("ONE", "TWO"), off_m: float = 0.0) -> AirPicture:
    latitude, longitude, altitude, speed, track, rate = np.array(rows).T
    tracks = TrackArrays(
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_m=altitude,
        ground_speed_mps=speed,
        track_deg=track,
        vertical_rate_mps=rate,
        horizontal_error_m=np.full(2, off_m),
        vertical_error_m=np.where(np.isnan(altitude), np.inf, off_m),
    )
    return AirPicture(tracks=tracks, ids=ids)


def texts_of(svg: str) -> str:
    return " ".join("".join(each.itertext()) for each in ET.fromstring(svg).iter(f"{SVG}text"))


def test_it_says_from_when_to_when_and_how_close() -> None:
    told = texts_of(encounter_svg(picture(HEAD_ON), ("ONE", "TWO"), FIVE_MILES, "loss"))
    assert "Separation lost from 101 s to 141 s; closest 0 m and 0 ft in 121 s" in told
    assert "minima, loss" in told
    assert "minimum 5 NM" in told
    assert "minimum 1,000 ft" in told


def test_it_says_so_when_there_is_no_loss_or_it_cannot_be_excluded() -> None:
    one, two = HEAD_ON
    above = (*two[:2], 9_310.0, *two[3:])
    told = texts_of(encounter_svg(picture((one, above)), ("ONE", "TWO"), FIVE_MILES, "loss"))
    assert "No loss; closest 0 m and 1,017 ft in 121 s" in told
    told = texts_of(encounter_svg(picture((one, above), off_m=10.0), ("ONE", "TWO"), FIVE_MILES, "loss"))
    assert "A loss cannot be excluded from 101 s to 141 s" in told
    unknown = (*two[:2], math.nan, *two[3:])
    told = texts_of(encounter_svg(picture((one, unknown)), ("ONE", "TWO"), FIVE_MILES, "loss"))
    assert "A loss cannot be excluded from 101 s to 141 s; closest 0 m in 121 s" in told
    assert "the altitude of TWO is not known" in told


def test_well_clear_begins_by_time_before_the_distance_does() -> None:
    rule = RULES["do-365b"]
    scene = scene_of(picture(HEAD_ON), ("ONE", "TWO"), rule, "preventive")
    assert scene.lost_s is not None
    assert scene.apart_at(scene.lost_s[0]) > 5.0 * scene.lateral_m
    assert scene.apart_at(scene.lost_s[1]) == pytest.approx(scene.lateral_m, rel=0.01)
    assert "Not well clear from" in texts_of(
        encounter_svg(picture(HEAD_ON), ("ONE", "TWO"), rule, "preventive")
    )


def test_where_it_is_thick_is_where_they_are_too_near() -> None:
    scene = scene_of(picture(HEAD_ON), ("ONE", "TWO"), FIVE_MILES, "loss")
    assert scene.lost_s is not None
    for time_s in scene.lost_s:
        assert scene.apart_at(time_s) == pytest.approx(9_260.0, abs=20.0)


def test_names_are_escaped_and_cannot_steer() -> None:
    ids = ('<script>alert("1")</script>', "a&b\u202e")
    svg = encounter_svg(picture(HEAD_ON, ids), ids, FIVE_MILES, "loss")
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert '<script>alert("1")</script>' in texts_of(svg)


def rows() -> st.SearchStrategy[Row]:
    """Return tracks near one place; some stand, some have no altitude."""
    return st.tuples(
        st.sampled_from([0.0, 35.0, -89.99, 90.0]).flatmap(
            lambda lat: st.floats(max(-90.0, lat - 0.3), min(90.0, lat + 0.3))
        ),
        st.sampled_from([36.0, 180.0]).flatmap(lambda lng: st.floats(lng - 0.3, lng + 0.3)),
        st.one_of(st.floats(-100.0, 20_000.0), st.just(math.nan)),
        st.one_of(st.just(0.0), st.floats(0.0, 3_000.0)),
        st.floats(0.0, 360.0),
        st.one_of(st.just(0.0), st.floats(-3_000.0, 3_000.0)),
    )


@pytest.mark.slow
@given(rows(), rows(), st.sampled_from(sorted(RULES)), st.integers(0, 9), st.sampled_from([0.0, 300.0]))
@example(HEAD_ON[0], HEAD_ON[0], "en-route", 0, 0.0)
@example((35.0, 36.0, 0.0, 0.0, 0.0, 0.0), (35.0, 36.0, 0.0, 0.0, 0.0, 0.0), "drone-to-drone", 0, 0.0)
@example((90.0, 36.0, math.nan, 0.0, 0.0, 0.0), (-90.0, 36.0, math.nan, 9.0, 0.0, 0.0), "do-365b", 2, 0.0)
def test_whatever_they_do_it_is_a_picture_without_links(
    one: Row, two: Row, name: str, level: int, off_m: float
) -> None:
    rule = RULES[name]
    word = rule.level_names[level % len(rule.level_names)]
    svg = encounter_svg(picture((one, two), off_m=off_m), ("ONE", "TWO"), rule, word)
    root = ET.fromstring(svg)
    assert root.get("width") == "980"
    drawn = svg.partition("</style>")[2]
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert "http" not in drawn
    assert "url(" not in drawn
    assert len(svg) < 100_000
    scene = scene_of(picture((one, two), off_m=off_m), ("ONE", "TWO"), rule, word)
    assert 0.0 <= scene.cpa_s <= scene.end_s
