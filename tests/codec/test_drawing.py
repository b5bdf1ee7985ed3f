"""The pictures of a check: what they must show, and what they must never do."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import drawing, words
from keepclear.codec.drawing import check_svg, finding_svg, limits
from keepclear.codec.drawing.projection import from_plane, to_plane
from keepclear.codec.reading import Problem
from keepclear.codec.results import Answer, CheckResult
from keepclear.core.conflicts import Buffer, ConflictRule
from keepclear.core.constraints import ConstraintRule
from keepclear.core.errors import InvalidValueError, UnknownItemError
from keepclear.core.geodesy import LatLng, geodesic_inverse, unit_vectors
from keepclear.core.intents import IntentState
from keepclear.core.shapes import Circle
from keepclear.main import check
from tests.strategies import at, band, go, intent, pictures, square, volume, window, zone

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf", re.IGNORECASE)


def circle(lat: float, lng: float, radius_m: float) -> Circle:
    return Circle(center=LatLng(lat, lng), radius_m=radius_m)


def two_that_meet(lat: float = 35.0, lng: float = 36.0) -> CheckResult:
    first = intent("A", volume(circle(lat, lng, 3_000.0), band=band(0.0, 300.0)), party="north")
    east = go(lat, lng, 90.0, 4_000.0)
    second = intent("B", volume(circle(*east, 3_000.0), window(30, 90), band(200.0, 500.0)), party="south")
    return check([first, second])


def refused(**changes: bool) -> CheckResult:
    problem = Problem(source="north.json", item="item 2", field="volumes[0]", reason="it has no end")
    result = check([intent("A", volume(circle(35.0, 36.0, 3_000.0)))])
    fields = {name: getattr(result, name) for name in CheckResult.__dataclass_fields__}
    return CheckResult(**(fields | {"problems": (problem,)} | changes))


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def words_of(svg: str) -> str:
    return " ".join(texts(svg))


def svg_label(svg: str) -> str:
    return ET.fromstring(svg).get("aria-label", "")


def marks(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter(f"{SVG}text") if "kc-number" in e.get("class", "")]


def coordinates(svg: str) -> list[float]:
    """Return every number of every path and attribute that places something."""
    found: list[float] = []
    for element in ET.fromstring(svg).iter():
        for name in ("d", "x", "y", "cx", "cy", "width", "height", "transform"):
            found.extend(float(number) for number in NUMBER.findall(element.get(name, "")))
    return found


def areas(svg: str) -> list[str]:
    return [e.get("d", "") for e in ET.fromstring(svg).iter(f"{SVG}path") if e.get("class") == "kc-op"]


def assert_sound(svg: str) -> None:
    """Check that a picture parses, is finite, and refers to nothing outside itself."""
    root = ET.fromstring(svg)
    assert all(math.isfinite(number) and abs(number) < 1e6 for number in coordinates(svg))
    assert "://" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    for element in root.iter(f"{SVG}text"):
        assert -20.0 <= float(element.get("x", 0)) <= float(root.get("width", 0))
        assert -20.0 <= float(element.get("y", 0)) <= float(root.get("height", 0))
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {
        "svg",
        "style",
        "g",
        "path",
        "rect",
        "circle",
        "text",
        "tspan",
        "title",
        "defs",
        "pattern",
    }


# --- what the map shows ------------------------------------------------------------------------


def test_the_map_states_the_answer():
    svg = check_svg(two_that_meet())
    assert "1 CONFLICT" in words_of(svg)
    assert_sound(svg)


def test_marks_have_the_numbers_of_the_findings():
    result = check([intent(f"op {k}", volume(circle(35.0, 36.0 + k / 60, 2_000.0))) for k in range(5)])
    assert len(result.findings) == 7
    drawn = marks(check_svg(result))
    legend = ["1"]
    assert sorted(drawn) == sorted([*(str(n) for n in range(1, 8)), *legend])


def test_each_party_has_a_letter_of_its_own():
    result = check([intent(f"op {k}", volume(circle(35.0, 30.0 + k / 10, 2_000.0))) for k in range(60)])
    looks = drawing.looks_of(result.items)
    assert len({look.letter for look in looks.values()}) == 61  # one for items without a party
    assert looks[result.items[0].party].letter == "A"
    assert looks[result.items[26].party].letter == "AA"
    assert len({(look.colour, look.shape) for look in list(looks.values())[:56]}) == 56


def test_zones_differ_from_operations_by_their_fill_and_from_each_other():
    items = [
        zone("out", volume(square(35.0, 36.0, 3_000.0)), rule=ConstraintRule.KEEP_OUT),
        zone("ask", volume(square(35.0, 36.2, 3_000.0)), rule=ConstraintRule.NOTIFY_FIRST),
        intent("op", volume(square(35.0, 36.4, 3_000.0))),
    ]
    root = ET.fromstring(check_svg(check(items)))
    patterns = {e.get("id"): {child.get("class") for child in e} for e in root.iter(f"{SVG}pattern")}
    assert sorted(patterns.values(), key=sorted) == [{"kc-dots"}, {"kc-hatch"}]
    fills = [e.get("fill") for e in root.iter(f"{SVG}path") if e.get("class") == "kc-zone"]
    assert {f"url(#{name})" for name in patterns} == set(fills)
    assert len(areas(check_svg(check(items)))) == 1


def test_each_kind_of_finding_has_a_mark_of_its_own():
    items = [
        intent("A", volume(circle(35.0, 36.0, 2_000.0))),
        intent("B", volume(circle(35.0, 36.03, 2_000.0))),
        intent("C", volume(circle(35.0, 35.95, 2_000.0))),
        zone("Z", volume(circle(35.0, 36.077, 2_600.0)), rule=ConstraintRule.NOTIFY_FIRST),
    ]
    svg = check_svg(check(items, near=Buffer(lateral_m=2_000.0)))
    classes = {element.get("class") for element in ET.fromstring(svg).iter()}
    assert {"kc-disc", "kc-kite", "kc-ring"} <= classes
    assert {"conflict 1", "notice required 1", "near miss 1"} <= set(texts(svg))


def test_only_items_with_findings_are_named():
    alone = intent("far away", volume(circle(35.4, 36.0, 3_000.0)), party="north")
    shown = words_of(check_svg(check([*two_that_meet().items, alone])))
    assert " A " in shown
    assert "far away" not in shown


def test_marks_at_one_place_are_moved_apart():
    result = check([intent(f"op {k}", volume(circle(35.0, 36.0, 2_000.0))) for k in range(5)])
    root = ET.fromstring(check_svg(result))
    places = [
        (float(e.get("cx", "")), float(e.get("cy", "")))
        for e in root.iter(f"{SVG}circle")
        if e.get("class") == "kc-disc" and e.get("cx") != "0"
    ]
    assert len(places) == 10
    apart = [math.dist(p, q) for n, p in enumerate(places) for q in places[:n]]
    assert min(apart) > 17.0


def test_jupyter_shows_the_map_of_a_result():
    result = two_that_meet()
    assert result._repr_svg_() == check_svg(result)


@pytest.mark.parametrize("width", [600, 960, 3_000])
def test_a_map_can_have_any_usual_size(width: float):
    svg = check_svg(two_that_meet(), width=width, height=600)
    assert ET.fromstring(svg).get("width") == str(width)
    assert_sound(svg)


@pytest.mark.parametrize(("width", "height"), [(599, 700), (700, 10_001), (math.nan, 700)])
def test_a_size_out_of_range_is_refused(width: float, height: float):
    with pytest.raises(InvalidValueError):
        check_svg(two_that_meet(), width=width, height=height)


# --- nothing is left out silently --------------------------------------------------------------


def test_ended_operations_are_not_drawn_and_counted():
    ended = intent("old", volume(circle(35.0, 38.0, 3_000.0)), state=IntentState.ENDED)
    svg = check_svg(check([*two_that_meet().items, ended]))
    assert "Not drawn: 1 ended operation." in words_of(svg)
    assert "old" not in svg


def test_what_was_refused_is_told():
    assert "Not drawn: what could not be read (1 problem)." in words_of(check_svg(refused()))


def test_volumes_over_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "VOLUMES_MAX", 3)
    many = intent("C", *(volume(circle(34.9, 36.0 + k / 10, 900.0)) for k in range(6)))
    shown = words_of(check_svg(check([many, *two_that_meet().items])))
    assert "Not drawn: 5 of 8 volumes (0 items wholly)" in shown
    assert " A " in shown  # items with findings come first


def test_findings_over_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MARKS_MAX", 3)
    result = check([intent(f"op {k}", volume(circle(35.0, 36.0, 2_000.0))) for k in range(4)])
    assert "Marked are findings 1 to 3; 3 more are not." in words_of(check_svg(result))


@pytest.mark.slow
def test_names_and_numbers_without_room_are_counted():
    items = [intent(f"operation number {k}", volume(circle(35.0, 36.0, 2_000.0))) for k in range(20)]
    result = check(items)
    svg = check_svg(result)
    shown = words_of(svg)
    match = re.search(r"Too crowded for a number: (\d+) findings", shown)
    crowded = int(match[1]) if match else 0
    numbered = len(marks(svg)) - 1  # but for the legend
    assert numbered + crowded == len(result.findings) == 190
    assert crowded > 0


def test_volumes_beyond_what_a_panel_holds_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "PANEL_VOLUMES_MAX", 2)
    many = intent("A", *(volume(circle(35.0, 36.0 + k / 1000, 900.0)) for k in range(5)))
    result = check([many, intent("B", volume(circle(35.0, 36.0, 900.0)))])
    shown = words_of(finding_svg(result, result.findings[0]))
    assert "Volumes not drawn: chart, 3 of the first item; map, 3 of the first item." in shown


@pytest.mark.slow
def test_2000_volumes_make_a_map_of_fair_size():
    legs = [
        intent(f"op {n}", *(volume(circle(30.0 + n / 10 + k / 300, 36.0 + k / 90, 500.0)) for k in range(50)))
        for n in range(40)
    ]
    svg = check_svg(check(legs))
    assert len(svg) < 1_000_000
    assert_sound(svg)


def test_everything_that_can_be_told_has_room_in_the_smallest_map(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "VOLUMES_MAX", 60)
    monkeypatch.setattr(limits, "MARKS_MAX", 40)
    items = [intent(f"operation {k} of a long name", volume(circle(35.0, 36.0, 2_000.0))) for k in range(50)]
    items.append(intent("old", volume(circle(35.0, 36.0, 900.0)), state=IntentState.ENDED))
    items.append(intent("many", *(volume(circle(35.0, 36.0, 900.0)) for _ in range(20))))
    zones = [zone(f"Z{r.value}", volume(circle(35.0, 36.0, 900.0)), rule=r) for r in ConstraintRule]
    result = check(
        [*zones, *items, intent("near", volume(circle(35.0, 36.05, 2_000.0)))], near=Buffer(lateral_m=3_000.0)
    )
    fields = {name: getattr(result, name) for name in CheckResult.__dataclass_fields__}
    problem = Problem(source="north.json", reason="it is empty")
    svg = check_svg(
        CheckResult(**(fields | {"problems": (problem,), "is_partial": True})), width=600, height=600
    )
    assert_sound(svg)
    assert "scale true there." in words_of(svg)
    assert words_of(svg).count("Not drawn:") == 3


# --- the word "clear" --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (refused(), Answer.NO_VERDICT),
        (refused(is_partial=True), Answer.CANNOT_DECIDE),
        (check([]), Answer.CANNOT_DECIDE),
        (two_that_meet(), Answer.CONFLICT),
    ],
)
def test_clear_is_never_said_unless_it_is_the_answer(result: CheckResult, answer: Answer):
    assert result.answer is answer
    svg = check_svg(result)
    assert not re.search(r"\bclear\b", svg, re.IGNORECASE)
    assert answer.value.split("_")[-1].upper() in words_of(svg)
    assert "kc-good" not in svg.partition("</style>")[2]


def test_clear_is_said_if_it_is_the_answer():
    result = check([intent("A", volume(circle(35.0, 36.0, 900.0)))])
    assert "CLEAR" in words_of(check_svg(result))


# --- anywhere on earth -------------------------------------------------------------------------


@pytest.mark.parametrize("lat", [90.0, 89.99, -90.0, 0.0, 35.0, -60.0])
@pytest.mark.parametrize("lng", [0.0, 179.999, -180.0])
def test_a_picture_works_anywhere(lat: float, lng: float):
    result = two_that_meet(lat, lng)
    svg = check_svg(result)
    assert_sound(svg)
    assert len(areas(svg)) == 2
    assert_sound(finding_svg(result, result.findings[0]))


def test_the_antimeridian_changes_no_shape():
    here, there = two_that_meet(-17.0, 20.0), two_that_meet(-17.0, 179.98)
    for one, other in zip(areas(check_svg(here)), areas(check_svg(there)), strict=True):
        ours, theirs = (np.array([float(n) for n in NUMBER.findall(data)]) for data in (one, other))
        assert np.abs(ours.mean() - theirs.mean()) < 1.0
        assert np.abs(np.ptp(ours) - np.ptp(theirs)) < 1.0


def test_meridians_and_parallels_have_their_degrees():
    shown = texts(check_svg(two_that_meet(35.0, 36.0)))
    assert "35°00\u2032N" in shown
    assert "36°00\u2032E" in shown
    around = texts(check_svg(two_that_meet(-17.0, 179.98)))
    assert "180°00\u2032" in around
    assert any(text.endswith("\u2032W") for text in around)


@pytest.mark.slow
def test_items_all_over_the_earth_are_drawn():
    places = [(90.0, 0.0), (-88.0, 10.0), (0.0, 0.0), (0.0, 90.0), (0.0, 180.0), (0.0, -90.0)]
    result = check([intent(f"op {k}", volume(circle(*place, 900_000.0))) for k, place in enumerate(places)])
    svg = check_svg(result)
    assert_sound(svg)
    assert len(areas(svg)) == 6


def test_the_scale_is_true():
    result = check([intent("A", volume(square(60.0, 10.0, 50_000.0)))])
    svg = check_svg(result)
    xs = [float(n) for n in NUMBER.findall(areas(svg)[0])][::2]
    km = next(int(text.split()[0]) for text in texts(svg) if text.endswith(" km"))
    bar = next(e.get("d", "") for e in ET.fromstring(svg).iter(f"{SVG}path") if e.get("class") == "kc-rule")
    start, _, _, end, _ = (float(n) for n in NUMBER.findall(bar))
    assert (max(xs) - min(xs)) / (end - start) == pytest.approx(100.0 / km, rel=0.01)


@pytest.mark.slow
@given(lat=st.floats(-90.0, 90.0), lng=st.floats(-180.0, 180.0), azimuth=st.floats(0.0, 360.0))
def test_the_plane_is_true_from_its_centre_and_can_be_left_again(lat: float, lng: float, azimuth: float):
    centre = unit_vectors(np.array([lat]), np.array([lng]))[0]
    end = go(lat, lng, azimuth, 50_000.0)
    vector = unit_vectors(np.array([end.lat_deg]), np.array([end.lng_deg]))
    point = to_plane(centre, vector)
    distance_m, _ = geodesic_inverse(lat, lng, *end)
    assert float(np.hypot(*point[0])) == pytest.approx(float(distance_m), rel=1e-3)
    again, _ = from_plane(centre, point)
    assert np.abs(again - vector).max() < 1e-12


# --- text of others ----------------------------------------------------------------------------

HOSTILE = """<script>alert("1")</script>&amp;'"]]>"""


def test_text_of_others_is_escaped():
    first, second = two_that_meet().items
    items = [
        intent(HOSTILE, *first.volumes, party=HOSTILE),
        intent("B", *second.volumes, party='x" onload="y'),
    ]
    result = check(items)
    for svg in (check_svg(result), finding_svg(result, result.findings[0])):
        assert_sound(svg)
        assert "<script" not in svg
        assert not any("onload" in name for e in ET.fromstring(svg).iter() for name in e.attrib)
        assert HOSTILE in svg_label(svg) + " ".join(
            e.text or "" for e in ET.fromstring(svg).iter(f"{SVG}title")
        )


def test_text_that_runs_right_to_left_is_isolated():
    first, second = two_that_meet().items
    result = check([intent("\u0628\u062d\u0631", *first.volumes), intent("B", *second.volumes)])
    assert "\u2068\u0628\u062d\u0631\u2069" in check_svg(result)
    assert "\u2068\u0628\u062d\u0631\u2069" in finding_svg(result, result.findings[0])


def test_characters_that_steer_text_are_spelt_out():
    assert words.escaped("a\u202eb\x00c\n<") == "a\\u202eb\\u0000c\\u000a&lt;"


# --- always the same ---------------------------------------------------------------------------


def test_the_same_result_gives_the_same_picture():
    assert check_svg(two_that_meet()) == check_svg(two_that_meet())
    result = two_that_meet()
    assert finding_svg(result, result.findings[0]) == finding_svg(result, result.findings[0])


def test_ids_of_different_pictures_differ():
    zones = [zone(f"Z{k}", volume(square(35.0 + k, 36.0, 3_000.0))) for k in range(2)]
    ids = [re.findall(r'id="([^"]+)"', check_svg(check([one]))) for one in zones]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])


@pytest.mark.slow
@given(pictures())
def test_whatever_is_checked_can_be_drawn(items: list):
    result = check(items, near=Buffer(lateral_m=500.0, vertical_m=50.0, time_s=60.0))
    svg = check_svg(result)
    assert_sound(svg)
    for number, finding in enumerate(result.findings[:3], start=1):
        panel = finding_svg(result, finding)
        assert_sound(panel)
        assert marks(panel) == [str(number)]


# --- the panel of a finding --------------------------------------------------------------------


def panel_of(*items, **options) -> str:
    result = check(items, **options)
    assert len(result.findings) == 1
    svg = finding_svg(result, result.findings[0])
    assert_sound(svg)
    return words_of(svg)


def test_a_panel_tells_how_deep_the_two_overlap():
    result = two_that_meet()
    shown = words_of(finding_svg(result, result.findings[0]))
    assert "overlap 30 min" in shown
    assert "overlap 100.0 m (328 ft)" in shown
    assert re.search(r"overlap 2\.00 km wide", shown)


def test_a_panel_names_its_axes():
    result = two_that_meet()
    shown = texts(finding_svg(result, result.findings[0]))
    assert "m (W84)" in shown
    assert "ft" in shown
    assert "time, UTC, 2026-05-01" in shown
    assert {"200", "656", "12:30"} <= set(shown)


def test_a_panel_names_both_items_with_their_volumes():
    result = two_that_meet()
    shown = words_of(finding_svg(result, result.findings[0]))
    assert "A north, operation, volume 0 (1 in all): 0 to 300 m, 2026-05-01 12:00:00 to 13:00:00 UTC" in shown
    assert "B south, operation, volume 0 (1 in all): 200 to 500 m" in shown


def test_a_finding_of_another_check_is_refused():
    with pytest.raises(UnknownItemError):
        finding_svg(check([]), two_that_meet().findings[0])


def test_a_panel_tells_the_gaps_and_the_buffer():
    first = intent("A", volume(circle(35.0, 36.0, 900.0), window(0, 10), band(0.0, 100.0)))
    second = intent(
        "B", volume(circle(*go(35.0, 36.0, 0.0, 2_000.0), 900.0), window(11, 20), band(150.0, 300.0))
    )
    shown = panel_of(first, second, buffer=Buffer(lateral_m=500.0, vertical_m=60.0, time_s=90.0))
    assert re.search(r"gap (199|200)\.\d m, buffer 500\.0 m", shown)
    assert "gap 50.0 m (164 ft)" in shown
    assert "gap 1 min" in shown


def test_a_panel_tells_of_a_touch():
    first = intent("A", volume(square(35.0, 36.0, 900.0), window(0, 10), band(0.0, 100.0)))
    second = intent("B", volume(square(35.0, 36.0, 900.0), window(10, 20), band(100.0, 300.0)))
    shown = panel_of(first, second)
    assert "touch in time" in shown
    assert " touch " in shown


def test_a_panel_of_volumes_without_bounds_says_so():
    shown = panel_of(
        intent("A", volume(square(35.0, 36.0, 900.0))), intent("B", volume(square(35.0, 36.0, 9.0)))
    )
    assert "overlap unbounded" in shown
    assert "no bounds of altitude" in shown


@pytest.mark.parametrize("low", [-math.inf, 0.0])
@pytest.mark.parametrize("high", [math.inf, 50.0])
@pytest.mark.parametrize("minutes", [0, 1, 60 * 24 * 400])
def test_a_panel_holds_any_extent(low: float, high: float, minutes: int):
    one = volume(square(35.0, 36.0, 900.0), window(0, minutes), band(low, high))
    other = volume(square(35.0, 36.0, 900.0), window(0, 5), band(50.0, 50.0))
    panel_of(intent("A", one), intent("B", other))


def test_a_panel_by_the_rule_per_intent_shows_the_bounds_of_the_items():
    early = volume(square(35.0, 36.0, 900.0), window(0, 10), band(0.0, 100.0))
    late = volume(square(35.5, 36.0, 900.0), window(50, 60), band(300.0, 400.0))
    middle = volume(square(35.0, 36.0, 500.0), window(20, 40), band(150.0, 250.0))
    items = [intent("A", early, late), intent("B", middle)]
    assert not check(items).findings
    shown = panel_of(*items, rule=ConflictRule.PER_INTENT)
    assert "overlap 20 min" in shown
    assert "overlap 100.0 m (328 ft)" in shown


def test_instants_are_written_in_utc():
    assert words.instant_text(at(0.5)) == "2026-05-01 12:00:30 UTC"
    assert words.span_text(at(0), at(90)) == "2026-05-01 12:00:00 to 13:30:00 UTC"
    assert words.span_text(at(0), at(1440)) == "2026-05-01 12:00:00 to 2026-05-02 12:00:00 UTC"


@pytest.mark.parametrize(
    ("position", "decimal", "dms"),
    [
        (
            LatLng(35.41234, -36.5),
            "35.41234° N, 36.50000° W",
            "35°24\u203244.4\u2033 N, 36°30\u203200.0\u2033 W",
        ),
        (
            LatLng(-0.99999999, 179.99999999),
            "1.00000° S, 180.00000° E",
            "1°00\u203200.0\u2033 S, 180°00\u203200.0\u2033 E",
        ),
    ],
)
def test_positions_are_written_in_degrees_and_in_minutes_and_seconds(
    position: LatLng, decimal: str, dms: str
):
    assert words.position_text(position) == decimal
    assert words.dms_text(position) == dms


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.001, "0.001 s"),
        (59.9, "59.9 s"),
        (90.0, "1 min 30 s"),
        (7_500.0, "2 h 5 min"),
        (90_061.0, "1 d 1 h 1 min 1 s"),
    ],
)
def test_durations_are_written_in_fitting_units(seconds: float, text: str):
    assert words.duration_text(seconds) == text


@pytest.mark.parametrize(
    ("metres", "text"),
    [
        (0.0004, "0.4 mm"),
        (0.9999, "1.0 m"),
        (12.34, "12.3 m"),
        (4_560.0, "4.56 km"),
        (math.inf, "unbounded"),
        (0.0, "0.0 m"),
    ],
)
def test_lengths_are_written_in_fitting_units(metres: float, text: str):
    assert words.length_text(metres) == text
