"""What a node tells, back to values: findings and resolutions as `results` and `resolutions` write them.

Fields that are not known are passed over: the node may be newer. What is missing or cannot be is refused,
so that half an answer is never taken for a whole one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from keepclear.codec.f3548.volumes import decode_item
from keepclear.codec.properties import instant_of_text
from keepclear.codec.reading import Item
from keepclear.core.conflicts import Finding, Side, Verdict, Witness
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.resolution import Change, ChangeKind, ForcedBy, Resolution
from keepclear.core.shifts import Limits

_T = TypeVar("_T")


class _Side(msgspec.Struct):
    id: str
    party: str | None
    priority: int
    kind: str
    volume: int


class _Witness(msgspec.Struct):
    lat: float
    lng: float
    altitude_m: float
    time: str
    lateral_overlap_m: float
    overlap_area_m2: float
    vertical_overlap_m: float | None
    time_overlap_s: float
    lateral_gap_m: float
    vertical_gap_m: float
    time_gap_s: float


class _Finding(msgspec.Struct):
    verdict: Verdict
    a: _Side
    b: _Side
    witness: _Witness
    volume_pairs: tuple[tuple[int, int], ...]


class _ForcedBy(msgspec.Struct):
    id: str
    own_volume: int
    other_volume: int


class _Change(msgspec.Struct):
    change: ChangeKind
    time_shift_s: float
    altitude_shift_m: float
    lateral_m: float
    bearing_deg: float | None
    is_smallest: bool
    forced_by: tuple[_ForcedBy, ...]
    item: dict[str, Any]


class _Undecided(msgspec.Struct):
    change: ChangeKind
    reason: str


class _Reach(msgspec.Struct):
    time_s: float
    altitude_m: float
    lateral_m: float


class _Resolution(msgspec.Struct):
    id: str
    conflicts: tuple[dict[str, Any], ...]
    changes: tuple[_Change, ...]
    none_within: tuple[ChangeKind, ...]
    undecided: tuple[_Undecided, ...]
    limits: _Reach


def finding_of(fields: Mapping[str, Any]) -> Finding:
    """Return the finding of plain values as `results.finding_fields` makes them.

    Raises:
        InvalidValueError: Something is missing, or cannot be.
    """
    told = _converted(fields, _Finding)
    witness = told.witness
    overlap_m = math.inf if witness.vertical_overlap_m is None else witness.vertical_overlap_m
    return Finding(
        verdict=told.verdict,
        a=_side(told.a),
        b=_side(told.b),
        witness=Witness(
            position=LatLng(witness.lat, witness.lng),
            altitude_m=witness.altitude_m,
            time=instant_of_text(witness.time),
            lateral_overlap_m=witness.lateral_overlap_m,
            overlap_area_m2=witness.overlap_area_m2,
            vertical_overlap_m=overlap_m,
            time_overlap_s=witness.time_overlap_s,
            lateral_gap_m=witness.lateral_gap_m,
            vertical_gap_m=witness.vertical_gap_m,
            time_gap_s=witness.time_gap_s,
        ),
        volume_pairs=told.volume_pairs,
    )


def resolution_of(fields: Mapping[str, Any]) -> Resolution:
    """Return the resolution of plain values as a node tells them.

    Raises:
        InvalidValueError: Something is missing, or cannot be.
    """
    told = _converted(fields, _Resolution)
    return Resolution(
        item_id=ItemId(told.id),
        conflicts=tuple(finding_of(finding) for finding in told.conflicts),
        changes=tuple(_change(change) for change in told.changes),
        none_within=told.none_within,
        undecided=tuple((each.change, each.reason) for each in told.undecided),
        limits=Limits(
            time_s=told.limits.time_s, altitude_m=told.limits.altitude_m, lateral_m=told.limits.lateral_m
        ),
    )


def item_of(fields: Mapping[str, Any]) -> Item:
    """Return the item of plain values as a node tells them.

    Raises:
        InvalidValueError: It cannot be an item.
    """
    reading = decode_item(msgspec.json.encode(fields), "")
    if reading.problems:
        problem = reading.problems[0]
        raise InvalidValueError(problem.field, f"{problem.item}: {problem.reason}".removeprefix(": "))
    return reading.placed[0].item


def _converted(fields: Mapping[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", str(error)) from None


def _side(told: _Side) -> Side:
    return Side(
        id=ItemId(told.id),
        party=None if told.party is None else PartyId(told.party),
        priority=told.priority,
        is_zone=told.kind == "constraint",
        volume=told.volume,
    )


def _change(told: _Change) -> Change:
    return Change(
        kind=told.change,
        item=item_of(told.item),
        time_shift_s=told.time_shift_s,
        altitude_shift_m=told.altitude_shift_m,
        lateral_m=told.lateral_m,
        bearing_deg=told.bearing_deg,
        is_smallest=told.is_smallest,
        forced_by=tuple(ForcedBy(ItemId(by.id), by.own_volume, by.other_volume) for by in told.forced_by),
    )
