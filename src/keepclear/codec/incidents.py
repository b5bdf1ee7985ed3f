"""Incidents as JSON: the evidence, with one spelling.

`evidence.json` holds what is claimed and what it rests on; `decode_incident(encode_incident(x))` is equal
to x, and any other spelling is refused, so that no two readers see two things.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from keepclear.codec.f3548.foreign import read_foreign
from keepclear.codec.json_errors import decode_json
from keepclear.codec.messages import WireMessage, WireMessageRef, message_of, wire_message
from keepclear.codec.statements import TIME_MS_MAX
from keepclear.core.errors import InvalidValueError
from keepclear.core.incidents import (
    QUOTED_MAX,
    RECEIPTS_MAX,
    REPORTS_MAX,
    SOURCES_MAX,
    AlertStep,
    Flew,
    FlewBy,
    Incident,
    ObservedAircraft,
    QuotedMessage,
    QuotedReceipt,
    QuotedVersion,
    ReceiptKind,
)
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.named_rules import RULES
from keepclear.core.refs import LOG_ENTRIES_MAX, ItemRef, MessageRef
from keepclear.core.reports import Report, Reports, gather
from keepclear.core.rules import AnyRule, Contact, Level, Rule

EVIDENCE_FORMAT: Final = "keepclear-evidence/1"
EVIDENCE_BYTES_MAX: Final = 100_000_000
"""No evidence is longer."""

_Text = Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)]
_Ms = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
_Number = Annotated[int, Meta(ge=0, le=LOG_ENTRIES_MAX)]
_Long = Annotated[str, Meta(max_length=2_000)]


class _Flew(Struct, forbid_unknown_fields=True):
    party: _Text
    id: _Text
    by: FlewBy


class _Row(Struct, array_like=True, forbid_unknown_fields=True):
    """A report; `COLUMNS` names what stands where."""

    received_ms: int
    id: _Text
    at_ms: int
    lat: float
    lng: float
    altitude_m: float | None
    pressure_altitude_ft: float | None
    ground_speed_mps: float | None
    track_deg: float | None
    vertical_rate_mps: float | None
    horizontal_error_m: float | None
    vertical_error_m: float | None
    selected_altitude_ft: float | None
    on_ground: bool
    kind: TrackKind
    callsign: _Text | None
    squawk: _Text | None
    party: _Text | None
    operation: _Text | None


COLUMNS: Final = _Row.__struct_fields__
"""What stands where in a report of the evidence."""


class _Source(Struct, forbid_unknown_fields=True):
    source: _Text
    reports: Annotated[list[_Row], Meta(max_length=REPORTS_MAX)]


class _Aircraft(Struct, forbid_unknown_fields=True):
    id: _Text
    party: _Text | None
    kind: TrackKind
    callsign: _Text | None
    flew: Annotated[list[_Flew], Meta(max_length=QUOTED_MAX)]
    sources: Annotated[list[_Source], Meta(max_length=SOURCES_MAX)]


class _Level(Struct, forbid_unknown_fields=True):
    name: _Text
    lateral_m: float
    vertical_m: float | None
    lookahead_s: float
    lasting_s: float
    waived_by: list[Contact]


class _Rule(Struct, forbid_unknown_fields=True):
    name: _Text
    lateral_tolerance_m: float = 0.0
    vertical_tolerance_m: float = 0.0
    levels: list[_Level] | UnsetType = UNSET


class _Version(Struct, forbid_unknown_fields=True):
    party: _Text
    id: _Text
    version: _Number
    n: _Number
    at_ms: _Ms
    what: _Text
    item: Raw | UnsetType = UNSET


class _Receipt(Struct, forbid_unknown_fields=True):
    party: _Text
    id: _Text
    version: _Number
    to: _Text
    kind: ReceiptKind
    n: _Number
    at_ms: _Ms
    person: _Text


class _Said(Struct, forbid_unknown_fields=True):
    by: _Text
    n: _Number
    at_ms: _Ms
    person: _Text
    message: WireMessage | None
    seen: Annotated[list[WireMessageRef], Meta(max_length=QUOTED_MAX)]


class _Step(Struct, forbid_unknown_fields=True):
    alert: _Text
    kind: _Text
    a: _Text
    b: _Text
    at_ms: _Ms
    change: _Text
    urgency: _Text
    cause: _Long
    person: _Text = ""


class _Evidence(Struct, forbid_unknown_fields=True):
    format: Literal["keepclear-evidence/1"]
    claimant: _Text
    claim: _Long
    from_ms: _Ms
    to_ms: _Ms
    rule_set: _Text
    rule: _Rule | None
    degraded_s: float
    report_columns: list[str]
    aircraft: Annotated[list[_Aircraft], Meta(max_length=2)]
    declared: Annotated[list[_Version], Meta(max_length=QUOTED_MAX)]
    receipts: Annotated[list[_Receipt], Meta(max_length=RECEIPTS_MAX)]
    messages: Annotated[list[_Said], Meta(max_length=QUOTED_MAX)]
    alerts: Annotated[list[_Step], Meta(max_length=QUOTED_MAX)]
    gaps: Annotated[list[_Long], Meta(max_length=QUOTED_MAX)]


# -- evidence ---------------------------------------------------------------------------------------


def encode_incident(incident: Incident) -> bytes:
    """Write what is claimed and what it rests on."""
    return msgspec.json.encode(
        _Evidence(
            format=EVIDENCE_FORMAT,
            claimant=incident.claimant,
            claim=incident.claim,
            from_ms=incident.from_ms,
            to_ms=incident.to_ms,
            rule_set=incident.rule_set,
            rule=None if incident.rule is None else _wire_rule(incident.rule),
            degraded_s=incident.degraded_s,
            report_columns=list(COLUMNS),
            aircraft=[_wire_aircraft(each) for each in incident.aircraft],
            declared=[_wire_version(each) for each in incident.declared],
            receipts=[_wire_receipt(each) for each in incident.receipts],
            messages=[_wire_said(each) for each in incident.messages],
            alerts=[_wire_step(each) for each in incident.alerts],
            gaps=list(incident.gaps),
        )
    )


def decode_incident(data: bytes) -> Incident:
    """Read what is claimed and what it rests on.

    Raises:
        InvalidValueError: It is no evidence, spelt otherwise than `encode_incident` spells it, or a value in
            it is out of range.
    """
    if len(data) > EVIDENCE_BYTES_MAX:
        raise InvalidValueError("", f"it is over the limit of {EVIDENCE_BYTES_MAX:,} bytes")
    try:
        told: _Evidence = decode_json(data, _Evidence)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no evidence of this version of Keepclear: {error}") from None
    try:
        incident = _incident(told)
    except OverflowError as error:
        raise InvalidValueError("", f"a number is out of range: {error}") from None
    if encode_incident(incident) != data:
        raise InvalidValueError("", "it is not spelt as evidence is: nothing may stand twice or elsewhere")
    return incident


def _incident(told: _Evidence) -> Incident:
    return Incident(
        claimant=PartyId(told.claimant),
        claim=told.claim,
        from_ms=told.from_ms,
        to_ms=told.to_ms,
        aircraft=tuple(_aircraft(each, f"aircraft[{k}]") for k, each in enumerate(told.aircraft)),
        rule_set=told.rule_set,
        rule=None if told.rule is None else _rule(told.rule),
        degraded_s=told.degraded_s,
        declared=tuple(_version(each) for each in told.declared),
        receipts=tuple(_receipt(each) for each in told.receipts),
        messages=tuple(_said(each) for each in told.messages),
        alerts=tuple(AlertStep(**msgspec.structs.asdict(each)) for each in told.alerts),
        gaps=tuple(told.gaps),
    )


def _wire_aircraft(each: ObservedAircraft) -> _Aircraft:
    return _Aircraft(
        id=each.id,
        party=each.party,
        kind=each.kind,
        callsign=each.callsign,
        flew=[_Flew(*flew) for flew in each.flew],
        sources=[_Source(reports.source, _wire_rows(reports)) for reports in each.sources],
    )


def _aircraft(told: _Aircraft, path: str) -> ObservedAircraft:
    return ObservedAircraft(
        id=told.id,
        party=None if told.party is None else PartyId(told.party),
        kind=told.kind,
        callsign=told.callsign,
        flew=tuple(Flew(PartyId(each.party), ItemId(each.id), each.by) for each in told.flew),
        sources=tuple(_reports(each, f"{path}.sources[{k}]") for k, each in enumerate(told.sources)),
    )


_NUMBERS: Final = (
    "altitude_m", "pressure_altitude_ft", "ground_speed_mps", "track_deg", "vertical_rate_mps",
    "horizontal_error_m", "vertical_error_m", "selected_altitude_ft",
)  # fmt: skip


def _wire_rows(reports: Reports) -> list[_Row]:
    columns: list[Sequence[Any]] = [
        reports.received_ms.tolist(),
        reports.ids,
        reports.at_ms.tolist(),
        reports.latitude_deg.tolist(),
        reports.longitude_deg.tolist(),
        *([_told(value) for value in getattr(reports, name).tolist()] for name in _NUMBERS),
        reports.on_ground.tolist(),
        reports.kinds,
        reports.callsigns,
        reports.squawks,
        reports.parties,
        reports.operations,
    ]
    return [_Row(*row) for row in zip(*columns, strict=True)]


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value


def _reports(told: _Source, path: str) -> Reports:
    rows = [
        Report(
            each.id,
            each.at_ms,
            each.lat,
            each.lng,
            **{name: math.nan if getattr(each, name) is None else getattr(each, name) for name in _NUMBERS},
            on_ground=each.on_ground,
            kind=each.kind,
            callsign=each.callsign,
            squawk=each.squawk,
            party=each.party,
            operation=each.operation,
        )
        for each in told.reports
    ]
    gathered = gather(told.source, rows, 0)
    if gathered.refused:
        row, reason = gathered.refused[0]
        raise InvalidValueError(f"{path}.reports[{row}]", reason)
    received = np.array([each.received_ms for each in told.reports], dtype=np.int64)
    return replace(gathered.reports, received_ms=received)


def _wire_rule(rule: AnyRule) -> _Rule:
    if not isinstance(rule, Rule):
        return _Rule(rule.name)
    levels = [
        _Level(
            name=level.name,
            lateral_m=level.lateral_m,
            vertical_m=None if math.isinf(level.vertical_m) else level.vertical_m,
            lookahead_s=level.lookahead_s,
            lasting_s=level.lasting_s,
            waived_by=list(level.waived_by),
        )
        for level in rule.levels
    ]
    return _Rule(rule.name, rule.lateral_tolerance_m, rule.vertical_tolerance_m, levels)


def _rule(told: _Rule) -> AnyRule:
    if told.levels is UNSET:
        shipped = RULES.get(told.name)
        if shipped is None or isinstance(shipped, Rule):
            raise InvalidValueError("rule.name", f"{told.name!r} is no rule that this version knows")
        return shipped
    levels = tuple(
        Level(
            name=level.name,
            lateral_m=level.lateral_m,
            vertical_m=math.inf if level.vertical_m is None else level.vertical_m,
            lookahead_s=level.lookahead_s,
            lasting_s=level.lasting_s,
            waived_by=tuple(level.waived_by),
        )
        for level in told.levels
    )
    return Rule(
        name=told.name,
        levels=levels,
        lateral_tolerance_m=told.lateral_tolerance_m,
        vertical_tolerance_m=told.vertical_tolerance_m,
    )


def _wire_version(each: QuotedVersion) -> _Version:
    item = UNSET if each.text is None else Raw(each.text)
    return _Version(each.ref.party, each.ref.id, each.ref.version, each.n, each.at_ms, each.what, item)


def _version(told: _Version) -> QuotedVersion:
    ref = ItemRef(party=PartyId(told.party), id=ItemId(told.id), version=told.version)
    text = None if told.item is UNSET else bytes(told.item)
    item, remark = None, None
    if text is not None:
        item, remark, _ = read_foreign(text, ref.id, ref.party)
    return QuotedVersion(
        ref=ref, n=told.n, at_ms=told.at_ms, what=told.what, text=text, item=item, remark=remark
    )


def _wire_receipt(each: QuotedReceipt) -> _Receipt:
    ref = each.ref
    kind = ReceiptKind(each.kind)
    return _Receipt(ref.party, ref.id, ref.version, each.party, kind, each.n, each.at_ms, each.person)


def _receipt(told: _Receipt) -> QuotedReceipt:
    return QuotedReceipt(
        ref=ItemRef(party=PartyId(told.party), id=ItemId(told.id), version=told.version),
        party=PartyId(told.to),
        kind=told.kind.value,
        n=told.n,
        at_ms=told.at_ms,
        person=told.person,
    )


def _wire_said(each: QuotedMessage) -> _Said:
    return _Said(
        by=each.by,
        n=each.n,
        at_ms=each.at_ms,
        person=each.person,
        message=None if each.message is None else wire_message(each.message),
        seen=[WireMessageRef(ref.party, ref.n) for ref in each.seen],
    )


def _said(told: _Said) -> QuotedMessage:
    return QuotedMessage(
        by=PartyId(told.by),
        n=told.n,
        at_ms=told.at_ms,
        person=told.person,
        message=None if told.message is None else message_of(told.message),
        seen=tuple(MessageRef(party=PartyId(ref.party), n=ref.n) for ref in told.seen),
    )


def _wire_step(each: AlertStep) -> _Step:
    return _Step(**{name: getattr(each, name) for name in _Step.__struct_fields__})
