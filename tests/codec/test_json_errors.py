"""What does not fit is told, whatever the fields of a type are."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET, Struct, UnsetType

from keepclear.codec.json_errors import misfits


class Inner(Struct):
    """Something with fields of many kinds."""

    sizes: dict[str, int]
    fields: dict[str, Any] | UnsetType = UNSET
    anything: Any = None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"sizes": {"a": "1"}}, ["sizes: expected a whole number, got text"]),
        ({"sizes": []}, ["sizes: expected an object, got an array"]),
        ({"sizes": {}, "fields": 5, "anything": [1]}, ["fields: expected an object, got a whole number"]),
        ({"sizes": {}, "fields": {"x": None}, "anything": None}, []),
    ],
)
def test_objects_with_any_names_are_held_against_their_type(value: object, told: list[str]) -> None:
    assert [str(misfit) for misfit in misfits(value, Inner)] == told
