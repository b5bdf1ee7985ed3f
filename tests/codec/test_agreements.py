"""The text of an agreement: back to the same value, the same bytes for the same value, clear errors."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.agreements import decode, encode
from keepclear.core.agreements import (
    Agreement,
    AreaOfInterest,
    Clearing,
    Fallback,
    Minima,
    SharedKind,
    Sharing,
    Terms,
    Timers,
    digest,
)
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AGREEMENT_BYTES_MAX
from keepclear.core.errors import InvalidValueError
from keepclear.core.escalation import Deadlines, HotlineTimers
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import PartyId
from keepclear.core.shapes import Circle
from keepclear.core.split import Split
from tests.strategies import band, go, outlines, square

EXAMPLE = Path(__file__).parents[2] / "examples" / "agreement.json"

bands = st.sampled_from([AltitudeBand(), band(-0.0, 900.0), band(-math.inf, 100.5), band(0.0, math.inf)])
areas = st.lists(
    st.builds(
        AreaOfInterest, outline=outlines().filter(lambda o: not hasattr(o, "half_width_m")), altitude=bands
    ),
    max_size=2,
).map(tuple)
sharings = st.builds(
    Sharing,
    kinds=st.sampled_from([frozenset(SharedKind), frozenset({SharedKind.CONSTRAINT})]),
    areas=areas,
    altitude=st.none() | bands,
    embargo_s=st.none() | st.floats(0.0, 86_400.0),
)
gaps = st.floats(0.0, 10_000.0) | st.integers(0, 9)
minima_m = st.floats(1e-3, 10_000.0) | st.integers(1, 9)

clearings = st.just(Clearing()) | st.builds(
    Clearing, speed_mps=st.floats(1.0, 900.0) | st.integers(1, 9), reaction_s=st.floats(-0.0, 600.0)
)


@st.composite
def deadlines(draw: st.DrawFn) -> Deadlines:
    seconds = sorted(draw(st.lists(st.floats(1.0, 9_000.0) | st.integers(1, 9), min_size=3, max_size=3)))
    return Deadlines(
        delivered_s=seconds[0],
        seen_s=seconds[1],
        answered_s=draw(st.sampled_from([None, seconds[2]])),
        ladder_s=tuple(sorted(draw(st.lists(st.floats(1.0, 9_000.0), max_size=5)))),
    )


hotlines = st.just(HotlineTimers()) | st.builds(
    HotlineTimers, distress=deadlines(), safety=deadlines(), routine=deadlines()
)


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    parties = sorted(draw(st.sets(st.sampled_from(["north", "south", "relief"]), min_size=2, max_size=2)))
    first, second = (
        Terms(party=PartyId(party), areas=draw(areas), sharing=draw(sharings), clearing=draw(clearings))
        for party in parties
    )
    splits = st.builds(Split, below=st.sampled_from(parties), altitude_m=st.floats(-0.0, 9_000.0))
    seen_s = draw(st.integers(1, 600))
    return Agreement(
        version=draw(st.integers(1, 2**31 - 1)),
        terms=(first, second),
        minima=Minima(lateral_m=draw(minima_m), vertical_m=draw(minima_m), duration_s=draw(gaps)),
        buffer=Buffer(lateral_m=draw(gaps), vertical_m=draw(gaps), time_s=draw(gaps)),
        timers=Timers(seen_s=seen_s, answered_s=seen_s + draw(st.floats(0.0, 600.0))),
        fallback=Fallback(
            minima_factor=draw(st.floats(1.0, 9.0)),
            time_extra_s=draw(gaps),
            split=draw(st.none() | splits),
        ),
        catalogue=draw(st.sampled_from(["", "ab" * 32])),
        lead_s=draw(st.floats(1_000.0, 2_000.0)),
        lead_emergency_s=draw(st.floats(-0.0, 1_000.0)),
        hotline=draw(hotlines),
    )


@given(agreements())
def test_an_agreement_comes_back_as_it_was(agreement: Agreement) -> None:
    text = encode(agreement)
    assert decode(text) == agreement
    # Equal values have equal bytes, whether numbers were whole, negative zeros, or laid out otherwise.
    assert encode(decode(text)) == text
    assert encode(decode(json.dumps(json.loads(text), indent=2, sort_keys=True).encode())) == text


def test_equal_agreements_have_equal_digests() -> None:
    def made(zero: float, mile: float) -> bytes:
        area = AreaOfInterest(
            outline=Circle(center=LatLng(zero, zero), radius_m=mile), altitude=band(zero, 9)
        )
        return encode(
            Agreement(
                version=1,
                terms=(Terms(party=PartyId("a"), areas=(area,)), Terms(party=PartyId("b"))),
                minima=Minima(lateral_m=mile, vertical_m=300.0, duration_s=zero),
                buffer=Buffer(lateral_m=zero, vertical_m=zero, time_s=zero),
                timers=Timers(seen_s=1, answered_s=1.0),
            )
        )

    assert digest(made(0.0, 1852.0)) == digest(made(-0.0, 1852)) == digest(made(0, 1852.0))


def test_the_example_is_an_agreement_of_the_two_forces() -> None:
    agreement = decode(EXAMPLE.read_bytes())
    assert agreement.parties == ("coalition", "north-force")
    assert agreement.minima == Minima(lateral_m=5_556.0, vertical_m=914.4, duration_s=180.0)
    assert agreement.terms_of(PartyId("coalition")).sharing.embargo_s == 3_600.0
    assert agreement.terms_of(PartyId("north-force")).clearing == Clearing(speed_mps=40.0, reaction_s=180.0)
    assert agreement.fallback.split == Split(below=PartyId("north-force"), altitude_m=6_000.0)
    assert agreement.hotline.safety.seen_s == 90.0
    assert agreement.hotline.distress == HotlineTimers().distress
    assert decode(encode(agreement)) == agreement


SHORT: dict[str, Any] = {
    "version": 1,
    "terms": [{"party": "a"}, {"party": "b"}],
    "minima": {"lateral_m": 5556, "vertical_m": 914.4},
    "buffer": {"lateral_m": 0, "vertical_m": 0, "time_s": 0},
    "timers": {"seen_s": 120, "answered_s": 300},
}


def test_what_has_a_default_may_be_left_out() -> None:
    agreement = decode(json.dumps(SHORT).encode())
    assert agreement.fallback == Fallback()
    assert agreement.lead_s == 48 * 3_600.0
    assert agreement.terms_of(PartyId("a")) == Terms(party=PartyId("a"))
    assert encode(agreement).count(b"null") == 4
    assert agreement.hotline == HotlineTimers()
    assert agreement.fallback.split is None
    assert agreement.terms_of(PartyId("a")).clearing == Clearing(speed_mps=50.0, reaction_s=120.0)


SIGNED_EARLIER = (
    b'{"version":1,"terms":[{"party":"a","areas":[],"sharing":{"kinds":["constraint","operational_intent"],'
    b'"areas":[],"altitude":null,"embargo_s":null}},{"party":"b","areas":[],"sharing":{"kinds":["constraint",'
    b'"operational_intent"],"areas":[],"altitude":null,"embargo_s":null}}],"minima":{"lateral_m":5556.0,'
    b'"vertical_m":914.4,"duration_s":0.0},"buffer":{"lateral_m":0.0,"vertical_m":0.0,"time_s":0.0},'
    b'"timers":{"seen_s":120.0,"answered_s":300.0},"fallback":{"minima_factor":2.0,"time_extra_s":180.0},'
    b'"catalogue":"","lead_s":172800.0,"lead_emergency_s":86400.0}'
)


def test_a_text_signed_before_there_were_hotline_clearing_and_split_keeps_its_bytes() -> None:
    agreement = decode(SIGNED_EARLIER)
    assert agreement == decode(json.dumps(SHORT).encode())
    assert encode(agreement) == SIGNED_EARLIER
    assert digest(SIGNED_EARLIER).startswith("98589b96c72b")


def test_later_parts_that_say_what_counts_without_them_change_nothing() -> None:
    fields = json.loads(SIGNED_EARLIER)
    fields["hotline"] = {
        "routine": {"delivered_s": 120, "seen_s": 1800, "answered_s": None, "ladder_s": [120, 1800]}
    }
    fields["terms"][1]["clearing"] = {"reaction_s": 120}
    fields["fallback"]["split"] = None
    assert encode(decode(json.dumps(fields).encode())) == SIGNED_EARLIER


def changed(path: str, value: Any) -> bytes:
    """Return the short agreement with another value in one place; None takes the place out."""
    fields = json.loads(json.dumps(SHORT))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = fields
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(fields).encode()


CIRCLE = {"center": {"lat": 35.0, "lng": 36.0}, "radius_m": 1000.0}
LINE = [{"lat": 35.0, "lng": 36.0}, {"lat": 35.0, "lng": 37.0}]


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("version", None, "version", "missing"),
        ("version", 1.5, "version", "expected a whole number"),
        ("version", 0, "version", "count from 1"),
        ("targets", [], "targets", "unknown field"),
        ("terms", [{"party": "a"}], "terms", "two parties, not 1"),
        ("terms", [{"party": "b"}, {"party": "a"}], "terms", "sorted"),
        ("terms.0.party", "", "terms[0].party", "printable"),
        ("terms.0.partyy", "c", "terms[0].partyy", "did you mean 'party'"),
        ("terms.1.areas", [{}], "terms[1].areas[0]", "one of polygon and circle"),
        ("terms.1.areas", [{"circle": CIRCLE, "polygon": LINE}], "terms[1].areas[0]", "one of"),
        ("terms.1.areas", [{"polygon": LINE}], "terms[1].areas[0].polygon.vertices", "at least 3"),
        (
            "terms.1.areas",
            [{"circle": {**CIRCLE, "radius_m": 0.0}}],
            "terms[1].areas[0].circle.radius",
            "radius",
        ),
        (
            "terms.1.areas",
            [{"circle": CIRCLE, "altitude": {"lower_m": 2.0, "upper_m": 1.0}}],
            "terms[1].areas[0].altitude.altitude_lower",
            "above",
        ),
        ("terms.1.sharing", {"kinds": ["target"]}, "terms[1].sharing.kinds[0]", "unknown value 'target'"),
        ("terms.1.sharing", {"kinds": []}, "terms[1].sharing.kinds", "always shared"),
        ("terms.1.sharing", {"embargo_s": "1"}, "terms[1].sharing.embargo_s", "got text"),
        ("minima.lateral_m", -1.0, "minima.lateral_m", "not within"),
        ("buffer.lateral_m", 60_000.0, "fallback", "it takes buffer.lateral out of range"),
        ("buffer.time_s", -1.0, "buffer.time", "not a gap"),
        ("timers.seen_s", 301.0, "timers.answered_s", "due before"),
        ("fallback", {"minima_factor": 0.5}, "fallback.minima_factor", "not within"),
        ("fallback", {"split": {"below": "a"}}, "fallback.split.altitude_m", "missing"),
        ("fallback", {"split": {"below": "", "altitude_m": 1}}, "fallback.split.below", "printable"),
        ("fallback", {"split": {"below": "a", "altitude_m": 1e7}}, "fallback.split.altitude_m", "not within"),
        ("fallback", {"split": {"below": "c", "altitude_m": 1}}, "fallback.split.below", "no party"),
        ("terms.1.clearing", {"speed_mps": 0}, "terms[1].clearing.speed_mps", "not within"),
        ("terms.1.clearing", {"reaction_s": -1}, "terms[1].clearing.reaction_s", "not within"),
        ("hotline", {"urgent": {}}, "hotline.urgent", "unknown field"),
        ("hotline", {"safety": {"delivered_s": 1}}, "hotline.safety.seen_s", "missing"),
        (
            "hotline",
            {"safety": {"delivered_s": 9, "seen_s": 8, "answered_s": None, "ladder_s": []}},
            "hotline.safety.answered_s",
            "no earlier",
        ),
        (
            "hotline",
            {"distress": {"delivered_s": 1, "seen_s": 2, "answered_s": 3, "ladder_s": [1, 2, 3, 4, 5, 6]}},
            "hotline.distress.ladder_s",
            "the ladder has 5 steps",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: str, value: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode(changed(path, value))
    assert caught.value.field == field
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"{", "breaks off"),
        (b"[]", "an object"),
        (b'{"version":1,"version":2}', "stands twice"),
        (b"\xff\xfe", "UTF-16"),
        (b"[" * 100_000, "nests too deeply"),
        (b" " * (AGREEMENT_BYTES_MAX + 1), "over 250,000"),
        (b" " * AGREEMENT_BYTES_MAX, "empty"),
    ],
)
def test_what_is_no_agreement_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode(text)


def test_an_agreement_too_long_to_be_proposed_is_refused_when_it_is_written() -> None:
    ring = tuple(go(35.0, 36.0, 360.0 * k / 4_000, 50_000.0) for k in range(4_000))
    plain = decode(json.dumps(SHORT).encode())
    area = AreaOfInterest(outline=type(square(35.0, 36.0, 1.0))(vertices=ring))
    terms = (Terms(party=PartyId("a"), areas=(area, area)), plain.terms[1])
    long = Agreement(version=1, terms=terms, minima=plain.minima, buffer=plain.buffer, timers=plain.timers)
    with pytest.raises(InvalidValueError, match="use simpler areas"):
        encode(long)


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "agreements.md").read_text("utf-8")


def test_the_page_on_agreements_names_every_field_and_its_example_is_one() -> None:
    example = PAGE.partition("```json\n")[2].partition("```")[0]
    agreement = decode(example.encode())
    assert agreement.hotline == HotlineTimers(), "the page says that they are the defaults"
    full = dataclasses.replace(
        agreement,
        hotline=HotlineTimers(safety=dataclasses.replace(agreement.hotline.safety, seen_s=100.0)),
        terms=(dataclasses.replace(agreement.terms[0], sharing=Sharing(embargo_s=1.0)), agreement.terms[1]),
    )

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*(names(each) for each in value.values()))
        return set().union(*(names(each) for each in value)) if isinstance(value, list) else set()

    for name in names(json.loads(encode(full))) - {"lat", "lng", "center"}:
        assert re.search(rf"`(?:\w+\.)?{name}`", PAGE), name
