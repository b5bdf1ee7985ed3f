"""What flies an operation, and how it is called: back to the same value in every format, clear errors."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import geojson
from keepclear.codec.f3548 import volumes as f3548
from keepclear.codec.f3548.foreign import read_foreign
from keepclear.codec.reading import ReadSettings
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import CALLSIGN_CHARACTERS_MAX, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from tests.codec.test_speeds import PLAIN, feature, items

CALLSIGNS = st.none() | st.text("ABCXYZ0189 ليмт-", min_size=1, max_size=CALLSIGN_CHARACTERS_MAX).filter(
    lambda text: text.isprintable()
)


@given(CALLSIGNS, st.sampled_from(TrackKind))
def test_both_come_back_from_every_form_that_is_written(callsign: str | None, kind: TrackKind) -> None:
    item = dataclasses.replace(PLAIN, callsign=callsign, aircraft_kind=kind)
    assert items(geojson.decode(geojson.encode([item]), "", ReadSettings())) == [item]
    text = f3548.encode_item(item)
    assert items(f3548.decode_item(text, "")) == [item]
    assert read_foreign(text, item.id, PartyId("a")).item == item


def test_what_states_neither_is_written_as_it_always_was() -> None:
    text = f3548.encode_item(PLAIN) + geojson.encode([PLAIN])
    assert b"callsign" not in text
    assert b"aircraft" not in text


@pytest.mark.parametrize("callsign", ["", "A" * (CALLSIGN_CHARACTERS_MAX + 1), "A\nB"])
def test_what_is_no_callsign_is_refused_with_its_name(callsign: str) -> None:
    with pytest.raises(InvalidValueError, match="callsign"):
        dataclasses.replace(PLAIN, callsign=callsign)
    reading = f3548.decode_item(
        json.dumps(json.loads(f3548.encode_item(PLAIN)) | {"callsign": callsign}).encode(), ""
    )
    assert [problem.field for problem in reading.problems] == ["callsign"]


def test_an_unknown_kind_of_aircraft_is_refused_and_a_zone_has_none() -> None:
    reading = geojson.decode(feature({"aircraft_kind": "B738"}), "", ReadSettings())
    assert [problem.field for problem in reading.problems] == ["aircraft_kind"]
    zone = {"kind": "constraint", "state": None, "callsign": "RELIEF1", "aircraft_kind": "drone"}
    told = [problem.field for problem in geojson.decode(feature(zone), "", ReadSettings()).problems]
    assert told == ["callsign", "aircraft_kind"]


@pytest.mark.parametrize(
    ("name", "value"), [("callsign", 5), ("callsign", "\x00"), ("aircraft_kind", "rocket")]
)
def test_of_another_party_what_cannot_be_used_is_left_out_and_told(name: str, value: object) -> None:
    fields = json.loads(f3548.encode_item(PLAIN)) | {name: value}
    item, remark, _ = read_foreign(json.dumps(fields).encode(), ItemId("a:A1"), PartyId("a"))
    assert isinstance(item, OperationalIntent)
    assert (item.callsign, item.aircraft_kind) == (None, TrackKind.UNKNOWN)
    assert remark is not None
