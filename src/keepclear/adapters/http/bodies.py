"""From values to the bodies of answers, and from the bodies of requests to values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from keepclear.adapters.http import wire
from keepclear.codec.f3548 import wire as f3548
from keepclear.codec.properties import instant_of_text
from keepclear.codec.results import breach_fields, finding_fields
from keepclear.core.conflicts import Buffer, Finding
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.shifts import Limits
from keepclear.core.split import Breach
from keepclear.core.times import floor_ms, rfc3339
from keepclear.node.detect import Checked
from keepclear.node.ports import Record


def raw_entry(text: bytes) -> f3548.Entry:
    """Return the text of an item in place of the item: it is written out as it is."""
    return cast(f3548.Entry, msgspec.Raw(text))


def record_body(record: Record) -> wire.Record:
    """Return a version of an item."""
    return wire.Record(
        item=raw_entry(record.text),
        version=record.version,
        seq=record.seq,
        standing=record.standing.value,
        by=wire.By(party=record.actor.party, person=record.actor.person),
        at=rfc3339(record.at),
        withdrawn=record.is_withdrawn,
    )


def event_body(record: Record) -> wire.Event:
    """Return an entry of the log."""
    return wire.Event(seq=record.seq, kind=record.kind.value, record=record_body(record))


def finding_bodies(findings: Iterable[Finding]) -> list[wire.Finding]:
    """Return findings."""
    return [cast(wire.Finding, finding_fields(finding)) for finding in findings]


def breach_bodies(breaches: Iterable[Breach]) -> list[wire.Breach]:
    """Return breaches of altitude splits."""
    return [cast(wire.Breach, breach_fields(breach)) for breach in breaches]


def answer_body(checked: Checked, *, after: int = 0, assumptions: Iterable[str] = ()) -> wire.Answer:
    """Return what a check answers."""
    shown = after + len(checked.findings)
    return wire.Answer(
        answer=_answer(checked),
        findings=finding_bodies(checked.findings),
        total=checked.total,
        breaches=breach_bodies(checked.breaches),
        breach_total=checked.breach_total,
        checked=wire.CheckedAmong(
            operations=checked.operation_count,
            zones=checked.zone_count,
            seq=checked.seq,
            now=rfc3339(checked.now),
            buffer={
                "lateral_m": checked.buffer.lateral_m,
                "vertical_m": checked.buffer.vertical_m,
                "time_s": checked.buffer.time_s,
            },
            reason=checked.reason,
        ),
        next=shown if shown < checked.total else None,
        assumptions=sorted(set(assumptions)),
    )


def _answer(checked: Checked) -> Literal["clear", "conflict", "cannot_decide"]:
    if checked.total or checked.breach_total:
        return "conflict"
    return "clear" if checked.reason is None else "cannot_decide"


def buffer_of(body: wire.BufferBody | None) -> Buffer | None:
    """Return the gap that was asked for.

    Raises:
        InvalidValueError: A gap is too large.
    """
    if body is None:
        return None
    try:
        return Buffer(lateral_m=body.lateral_m, vertical_m=body.vertical_m, time_s=body.time_s)
    except InvalidValueError as error:
        raise error.within("buffer") from None


def limits_of(body: wire.LimitsBody | None) -> Limits:
    """Return how far to look for changes.

    Raises:
        InvalidValueError: A limit is negative, too large or no time.
    """
    if body is None:
        return Limits()
    try:
        return Limits(
            time_s=body.time_s,
            altitude_m=body.altitude_m,
            lateral_m=body.lateral_m,
            lowest_m=body.lowest_m,
            not_before=None if body.not_before is None else instant(body.not_before, "not_before"),
        )
    except InvalidValueError as error:
        raise error.within("limits") from None


def instant(text: str, field: str) -> datetime:
    """Return an instant.

    Raises:
        InvalidValueError: It is no time with a zone.
    """
    try:
        return instant_of_text(text)
    except InvalidValueError as error:
        raise error.within(field) from None


def report_of(body: wire.TrackBody) -> Report:
    """Return a position as a report; its numbers are not checked yet.

    Raises:
        InvalidValueError: Its time is none.
    """
    return Report(
        id=body.id,
        at_ms=floor_ms(instant(body.at, "at")),
        latitude_deg=body.lat,
        longitude_deg=body.lng,
        altitude_m=_number(body.altitude_m),
        pressure_altitude_ft=_number(body.pressure_altitude_ft),
        ground_speed_mps=_number(body.ground_speed_mps),
        track_deg=_number(body.track_deg),
        vertical_rate_mps=_number(body.vertical_rate_mps),
        horizontal_error_m=_number(body.horizontal_error_m),
        vertical_error_m=_number(body.vertical_error_m),
        on_ground=body.on_ground,
        kind=TrackKind(body.kind),
        callsign=body.callsign,
        squawk=body.squawk,
        party=body.party,
        operation=body.operation,
    )


def _number(told: float | None) -> float:
    return math.nan if told is None else told


def encode(body: Any) -> bytes:
    """Write a body as JSON."""
    return msgspec.json.encode(body)
