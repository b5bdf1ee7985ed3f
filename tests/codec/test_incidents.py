"""Incidents as JSON: equal when read again, one spelling, and a forger is refused or named."""

from __future__ import annotations

import contextlib
import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import incidents
from keepclear.codec.f3548.volumes import encode_item
from keepclear.codec.incident_findings import differences, encode_findings
from keepclear.codec.incidents import COLUMNS, decode_incident, encode_incident
from keepclear.codec.recorded_alerts import alert_steps
from keepclear.core.errors import InvalidValueError
from keepclear.core.incident_judge import judge_incident
from keepclear.core.incidents import (
    AlertStep,
    Flew,
    FlewBy,
    Incident,
    ObservedAircraft,
    QuotedMessage,
    QuotedReceipt,
    QuotedVersion,
)
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.named_rules import RULES
from keepclear.core.recorded import RecordedEvent
from keepclear.core.refs import ItemRef, MessageRef
from tests.incidents import FIRST, SECOND, START_MS, incident_of, straight
from tests.strategies import at, intent, square, volume
from tests.strategies_reports import batches, same_reports

ALPHA, BRAVO = PartyId("alpha"), PartyId("bravo")
REF = ItemRef(party=ALPHA, id=ItemId("A-1"), version=2)
ITEM = intent("A-1", volume(square(35.4, 35.9, 2_000.0)), party="alpha")


def example() -> Incident:
    """Return an incident with some of everything."""
    both = incident_of(straight(FIRST, 60.0, length_s=60), straight(SECOND, 300.0, length_s=60), to_s=60.0)
    first = replace(
        both.aircraft[0],
        party=ALPHA,
        callsign="ALPHA 1",
        flew=(Flew(ALPHA, REF.id, FlewBy.CALLSIGN),),
    )
    position = Message(
        code=Code.REQUEST_CONTACT,
        to=BRAVO,
        fields=(("call_sign", "BRAVO1"), ("frequency", 121_500)),
        priority=Priority.SAFETY,
        valid_until_ms=START_MS + 600_000,
    )
    return replace(
        both,
        claim="Zu nah, und zwar für lange.",
        aircraft=(first, both.aircraft[1]),
        declared=(
            QuotedVersion(
                ref=REF, n=4, at_ms=START_MS, what="declared", text=encode_item(ITEM), item=ITEM, remark=None
            ),
            QuotedVersion(
                ref=replace(REF, version=3), n=5, at_ms=START_MS, what="withdrawn", text=None, item=None
            ),
        ),
        receipts=(QuotedReceipt(ref=REF, party=BRAVO, kind="seen", n=7, at_ms=START_MS, person="Boris"),),
        messages=(
            QuotedMessage(by=ALPHA, n=8, at_ms=START_MS, person="Ann", message=position),
            QuotedMessage(
                by=BRAVO,
                n=9,
                at_ms=START_MS,
                person="Boris",
                message=None,
                seen=(MessageRef(party=ALPHA, n=8),),
            ),
        ),
        alerts=(
            AlertStep(
                alert="A-000001",
                kind="encounter",
                a=SECOND,
                b=FIRST,
                at_ms=START_MS,
                change="opened",
                urgency="warning",
                cause="too near",
            ),
        ),
        gaps=("The recording says: it had stopped.",),
    )


def same(a: Incident, b: Incident) -> bool:
    """Tell whether two incidents are equal, their reports bit for bit."""
    names = [name for name in Incident.__dataclass_fields__ if name != "aircraft"]
    if any(getattr(a, name) != getattr(b, name) for name in names) or len(a.aircraft) != len(b.aircraft):
        return False
    for one, other in zip(a.aircraft, b.aircraft, strict=True):
        words = ("id", "party", "kind", "callsign", "flew")
        if any(getattr(one, name) != getattr(other, name) for name in words):
            return False
        if not all(same_reports(x, y) for x, y in zip(one.sources, other.sources, strict=True)):
            return False
    return True


def test_evidence_that_was_written_is_read_to_the_same() -> None:
    incident = example()
    assert same(decode_incident(encode_incident(incident)), incident)


@pytest.mark.slow
@given(st.lists(batches(), min_size=1, max_size=3))
def test_law_reports_in_evidence_come_back_to_the_last_bit(sources: list[Any]) -> None:
    aircraft = ObservedAircraft(id="icao:abcdef", sources=tuple(sources))
    incident = replace(incident_of(straight(FIRST, 0.0, length_s=1), to_s=1.0), aircraft=(aircraft,))
    assert same(decode_incident(encode_incident(incident)), incident)


@pytest.mark.parametrize("rule", [*RULES.values(), None], ids=lambda rule: getattr(rule, "name", "none"))
def test_every_rule_that_is_shipped_comes_back(rule: Any) -> None:
    incident = replace(example(), rule=rule)
    assert decode_incident(encode_incident(incident)).rule == rule


def told() -> Any:
    return json.loads(encode_incident(example()))


def refusal(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    with pytest.raises(InvalidValueError) as caught:
        decode_incident(data if isinstance(data, bytes) else data.encode())
    return str(caught.value)


def test_evidence_of_another_spelling_is_refused() -> None:
    data = encode_incident(example())
    assert "not spelt as evidence is" in refusal(data.replace(b'"claim":', b'"claim": '))
    assert "not spelt as evidence is" in refusal(data.replace(b'"format"', b'"claim":"x","format"', 1))
    assert "no evidence of this version" in refusal(data.replace(b"evidence/1", b"evidence/2"))
    assert "no evidence of this version" in refusal(b"[]")
    assert "line 1" in refusal(b'{"format"')


def test_evidence_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "EVIDENCE_BYTES_MAX", 100)
    assert "over the limit of 100 bytes" in refusal(encode_incident(example()))


def test_a_report_with_values_that_cannot_be_is_refused_with_its_place() -> None:
    evidence = told()
    evidence["aircraft"][1]["sources"][0]["reports"][7][COLUMNS.index("lat")] = 91.0
    assert "aircraft[1].sources[0].reports[7]: latitude_deg 91 is not within -90..90" in refusal(evidence)
    evidence = told()
    evidence["to_ms"] = evidence["from_ms"] - 1
    assert "does not end before it begins" in refusal(evidence)
    evidence = told()
    for name in ("declared", "receipts", "messages", "alerts"):
        evidence = told()
        evidence[name][0]["at_ms"] = 2**62
        assert "at_ms" in refusal(evidence)
    evidence = told()
    evidence["rule"] = {"name": "mine", "lateral_tolerance_m": 0.0, "vertical_tolerance_m": 0.0}
    assert "no rule that this version knows" in refusal(evidence | {"to_ms": told()["to_ms"]})


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
def test_fuzz_evidence_that_was_changed_is_refused_or_is_evidence(chance: random.Random) -> None:
    data = bytearray(SMALL)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[place] = chance.choice(b'0123456789{}[]",:.-enulltrue')
        else:
            del data[place : place + chance.randint(1, 9)]
    try:
        incident = decode_incident(bytes(data))
    except InvalidValueError:
        return
    assert encode_incident(incident) == bytes(data)
    judge_incident(incident)


SMALL = encode_incident(
    replace(example(), aircraft=incident_of(straight(FIRST, 60.0, length_s=5)).aircraft, rule=None)
)


def test_findings_that_are_the_same_do_not_differ_and_those_that_are_not_are_named() -> None:
    findings = judge_incident(example())
    computed = encode_findings(findings)
    assert list(differences(computed, computed)) == []
    value = json.loads(computed)
    value["closest"]["lateral_m"] += 0.011  # another machine rounds the last digit otherwise
    assert list(differences(json.dumps(value).encode(), computed)) == []
    value["closest"]["lateral_m"] -= 1_000.0
    value["levels"][0]["standing"] = "certain?"
    del value["worst"]
    value["more"] = 1
    value["not_known"] = []
    named = list(differences(json.dumps(value).encode(), computed))
    assert [text.split(" ")[0] for text in named] == [
        "closest.lateral_m",
        "levels[0].standing",
        "more",
        "not_known",
        "worst",
    ]


@pytest.mark.parametrize("bad", [b"", b"null", b"[[[[", b'{"a":1}', b"\xff", b"[" * 100_000])
def test_findings_that_are_none_are_refused_or_differ(bad: bytes) -> None:
    computed = encode_findings(judge_incident(example()))
    with contextlib.suppress(InvalidValueError):
        assert list(differences(bad, computed))


def test_what_is_not_known_is_null_in_findings() -> None:
    incident = incident_of(straight(FIRST, 60.0), straight(SECOND, 300.0, altitude_m=math.nan))
    value = json.loads(encode_findings(judge_incident(incident)))
    assert value["closest"]["vertical_m"] is None
    assert value["closest"]["vertical_error_m"] is None


# -- alerts of a recording --------------------------------------------------------------------------


def happened(at_s: int, what: str, **fields: object) -> RecordedEvent:
    return RecordedEvent(at_ms=START_MS + at_s * 1_000, what=what, text=json.dumps(fields).encode())


KEY = ["encounter", FIRST, SECOND]


def test_steps_of_alerts_are_read_of_what_was_recorded_and_an_acknowledgement_is_of_the_newest() -> None:
    events = [
        happened(1, "alert", alert="A-000001", key=KEY, change="opened", urgency="caution", reason="near"),
        happened(2, "acknowledgement", key=KEY, person="Ann"),
        happened(3, "acknowledgement", key=["lost", FIRST, ""], person="Ann"),
        happened(4, "feed", name="radar", state="silent"),
        happened(5, "alert", alert=7),
        RecordedEvent(at_ms=START_MS, what="alert", text=b"no JSON"),
        happened(6, "alert", alert="A-000001", key=KEY, change="cleared", urgency="caution"),
    ]
    told = list(alert_steps(events))
    assert [number for number, each in enumerate(told) if each is None] == [2, 3]
    steps = [each for each in told if each is not None]
    assert [(each.change, each.person) for each in steps] == [
        ("opened", ""),
        ("acknowledged", "Ann"),
        ("cleared", ""),
    ]
    assert steps[1].alert == "A-000001"
    assert at(0).tzinfo is not None
