"""Positions as people say and type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.messages import DEGREE_STEPS, Position
from keepclear.core.positions import POSITION_CHARACTERS_MAX, degrees_text, minutes_text, read_position

HERE = Position(latitude_e5=3_540_000, longitude_e5=3_590_000)
POSITIONS = st.builds(
    Position,
    latitude_e5=st.integers(-90 * DEGREE_STEPS, 90 * DEGREE_STEPS),
    longitude_e5=st.integers(-180 * DEGREE_STEPS, 180 * DEGREE_STEPS - 1),
)


@pytest.mark.parametrize(
    "text",
    [
        "35.40000 N 35.90000 E",
        "35.9E 35.4N",
        "n35.4,e35.9",
        "35.4 N; 35.9 E",
        "35°24.000' N 35°54.000' E",
        "N 35° 24′ 00″ E 35º 54’ 00.00”",  # noqa: RUF001  # people type them so
        "35 24 N 35 54 E",
        "35 24 00.000 N, 035 54 00 E",
        "3524N03554E",
        "352400N 0355400E",
        "N3524.0 E03554.00",
        "35 degrees 24 minutes north, 35 deg 54 min 0 sec east",
        "35 decimal 4 north 35 point 9 east",
        "  35.4\tN\n35.9 E ",
        "35°24'00''N 35°54'00''E",
    ],
)
def test_a_position_is_read_in_every_form_that_names_its_hemispheres(text: str) -> None:
    assert read_position(text) == HERE


def test_the_southern_and_the_western_hemisphere_are_below_zero() -> None:
    read = read_position("0°30' S 179°59'59.99\" W")
    assert read == Position(latitude_e5=-50_000, longitude_e5=-18_000_000)  # the nearest step
    assert read_position("90 N 0 E").latitude_e5 == 90 * DEGREE_STEPS
    assert read_position("90 S 180 E") == Position(latitude_e5=-9_000_000, longitude_e5=-18_000_000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it needs degrees"),
        ("35.4 35.9", "it needs degrees with N or S"),
        ("35.4 N 35.9", "it needs degrees with N or S"),
        ("-35.4 N 35.9 E", "it has a sign"),
        ("35.4, 35.9", "a comma"),
        ("35,4 N 35,9 E", "a comma"),
        ("35.4 N 35.9 N", "one of E and W"),
        ("35.4 E 35.9 E", "one of N and S"),
        ("N 35.4 E 35.9 E", "it needs degrees"),
        ("35.4 N 35.9 E 1", "it needs degrees"),
        ("35.4 N,, 35.9 E", "a comma"),
        ("35 24 0 0 N 35 E", "it needs degrees"),
        ("35 60 N 35 E", "the latitude has 60 minutes"),
        ("35 24 60.0 N 35 E", "the latitude has 60.0 seconds"),
        ("35 N 35.5 30 E", "only the last number of the longitude"),
        ("90.00001 N 35 E", "the latitude has over 90"),
        ("35 N 180 0 1 E", "the longitude has over 180"),
        ("035 N 35 E", "too many digits of degrees"),
        ("35 N 3554 E", "too many digits of degrees"),
        ("3524 10 N 35 E", "too many digits of degrees"),
        ("3524° N 35 E", "too many digits of degrees"),
        ("35' N 35 E", "the latitude has ' where ° belongs"),
        ('35° 24" N 35 E', "the latitude has \" where ' belongs"),
        ("35. N 35 E", "'.' is out of place"),
        ("٣٥ N 35 E", "'٣' is out of place"),
        ("35.4 NE 35.9 E", "it needs degrees"),
        ("somewhere", "is out of place"),
        ("35.4 SORTH 35.9 EAST", "is out of place"),
        ("1e5 N 3 E", "it needs degrees"),
        ("9" * (POSITION_CHARACTERS_MAX + 1), "characters"),
    ],
)
def test_what_cannot_be_read_without_guessing_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read_position(text)
    assert caught.value.field == "position"
    assert why in caught.value.reason
    assert "35.40000 N 35.90000 E" in caught.value.reason, "the way out is told"


@given(POSITIONS)
def test_what_is_written_in_degrees_is_read_back_the_same(position: Position) -> None:
    assert read_position(degrees_text(position)) == position


@given(POSITIONS)
def test_what_is_written_in_minutes_is_read_back_within_a_step(position: Position) -> None:
    read = read_position(minutes_text(position))
    assert abs(read.latitude_e5 - position.latitude_e5) <= 1
    assert abs(read.longitude_e5 - position.longitude_e5) % (360 * DEGREE_STEPS - 1) <= 1


@given(st.text("0123456789.,°'\" NSEW-nordegpoint", max_size=40))
def test_any_text_is_either_a_position_or_refused(text: str) -> None:
    try:
        read = read_position(text)
    except InvalidValueError:
        return
    assert read_position(degrees_text(read)) == read


def test_positions_are_written_as_people_read_them_out() -> None:
    assert degrees_text(HERE) == "35.40000 N 35.90000 E"
    assert minutes_text(HERE) == "35°24.000' N 35°54.000' E"
    corner = Position(latitude_e5=-9_000_000, longitude_e5=-18_000_000)
    assert degrees_text(corner) == "90.00000 S 180.00000 W"
    assert minutes_text(corner) == "90°00.000' S 180°00.000' W"
    assert minutes_text(Position(latitude_e5=99_999, longitude_e5=-5)) == "0°59.999' N 0°00.003' W"
