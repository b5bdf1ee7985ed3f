"""What a node tells, back to values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.f3548.volumes import encode_item
from keepclear.codec.json_errors import decode_json
from keepclear.codec.resolutions import resolution_fields
from keepclear.codec.results import finding_fields
from keepclear.codec.told import finding_of, item_of, resolution_of
from keepclear.core.conflicts import Buffer
from keepclear.core.errors import InvalidValueError
from keepclear.core.picture import Picture
from keepclear.core.resolution import Resolution, resolve
from tests.strategies import intent, pictures, square, volume

WIDE = Buffer(lateral_m=500.0, vertical_m=100.0, time_s=60.0)


@given(pictures(), st.sampled_from([Buffer(), WIDE]))
def test_what_was_found_comes_back_as_it_was(items: list[Any], buffer: Buffer) -> None:
    for finding in Picture(items).findings(buffer=buffer):
        assert finding_of(finding_fields(finding)) == finding
    for item in items:
        assert item_of(decode_json(encode_item(item))) == item


def told(resolution: Resolution) -> dict[str, Any]:
    """Return a resolution as a node tells it: with items of the API."""
    fields = resolution_fields(resolution)
    for change, each in zip(fields["changes"], resolution.changes, strict=True):
        change["item"] = decode_json(encode_item(each.item))
    return fields


@given(pictures())
def test_a_resolution_comes_back_as_it_was(items: list[Any]) -> None:
    resolution = resolve(Picture(items), items[0])
    assert resolution_of(told(resolution)) == resolution


def test_half_an_answer_is_refused() -> None:
    a, b = (intent(name, volume(square(35.0, 36.0, 500.0))) for name in "ab")
    (finding,) = Picture([a, b]).findings()
    fields = finding_fields(finding)
    for name in fields:
        with pytest.raises(InvalidValueError):
            finding_of({key: value for key, value in fields.items() if key != name})
    with pytest.raises(InvalidValueError, match="time"):
        finding_of({**fields, "witness": {**fields["witness"], "time": "noon"}})
    assert finding_of({**fields, "of a newer node": 1}) == finding
    with pytest.raises(InvalidValueError, match="id"):
        item_of({"volumes": []})
