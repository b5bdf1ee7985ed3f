"""The page of an incident: what is claimed, computed and not known; nothing of others gets into the page."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final

import pytest

from keepclear.codec.drawing.incident_charts import separation_charts
from keepclear.codec.drawing.incident_map import incident_map
from keepclear.console.incident_report import incident_page
from keepclear.console.incident_words import headline
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
from keepclear.core.named_rules import WELL_CLEAR_DO_365B
from keepclear.core.recorded import joined
from keepclear.core.refs import ItemRef
from keepclear.core.times import TimeWindow, instant_of
from tests.incidents import FIRST, SECOND, START_MS, incident_of, straight
from tests.strategies import band, intent, square, volume

EVIL: Final = "</script><b onclick=x>&\"'\u202e"
ALPHA, BRAVO = PartyId("alpha"), PartyId("bravo")
WINDOW = TimeWindow(start=instant_of(START_MS), end=instant_of(START_MS + 600_000))


def page_of(incident: Incident, *, is_signed: bool = True) -> str:
    findings = judge_incident(incident)
    digests = {"evidence.json": "0" * 64}
    return incident_page(incident, findings, digests=digests, is_signed=is_signed, version="1.2").decode()


class Reader(HTMLParser):
    """Sees to it that every element is closed, and collects text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def near(beside_m: float = 3_000.0, *, altitude_m: float = 3_000.0) -> Incident:
    """Return an incident of two that fly side by side."""
    own = straight(FIRST, 60.0, speed_mps=60.0)
    other = straight(SECOND, 60.0, speed_mps=60.0, beside_m=beside_m, altitude_m=altitude_m)
    return incident_of(own, other)


def words(incident: Incident) -> str:
    return headline(judge_incident(incident))[0]


def test_the_answer_says_how_grave_it_is_and_never_that_anybody_kept_clear() -> None:
    assert words(near()) == "SEPARATION LOST: VIOLATION"
    assert words(incident_of(straight(FIRST, 60.0), straight(SECOND, 300.0))) == "SEPARATION LOST: ALERT"
    assert words(near(5_600.0)) == "CANNOT BE EXCLUDED"
    assert words(near(20_000.0)) == "NO LOSS IN WHAT WAS REPORTED"
    assert words(near(altitude_m=math.nan)) == "CANNOT BE EXCLUDED"
    far = incident_of(straight(FIRST, 0.0), straight(SECOND, 0.0, start_ms=START_MS + 10**7))
    assert words(far) == "NOTHING CAN BE SAID"
    assert words(replace(near(), rule=WELL_CLEAR_DO_365B)) == "NOT JUDGED"
    for incident in (near(), near(20_000.0)):
        assert "clear" not in page_of(incident).lower().replace("keepclear", "")


def test_a_page_is_well_formed_refers_to_nothing_outside_and_is_the_same_each_time() -> None:
    page = page_of(near())
    reader = read(page)
    for _, name, value in reader.attributes:
        assert name not in {"src", "onclick", "onload"}
        if name == "href":
            assert (value or "").startswith("#")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert page == page_of(near())


def test_what_is_claimed_computed_and_not_known_stand_apart() -> None:
    text = "".join(read(page_of(replace(near(), claim="They were too near."))).text)
    claimed, computed = text.index("What is claimed"), text.index("What is computed")
    unknown = text.index("What is not known")
    assert claimed < text.index("They were too near.") < computed
    assert computed < text.index("Laterally closest: 1.62 NM ± 100 m") < unknown
    assert unknown < text.index("no excursion can be found")


def test_an_unsigned_report_says_so_at_its_head() -> None:
    assert "It is NOT SIGNED" in page_of(near(), is_signed=False)
    assert "NOT SIGNED" not in page_of(near())


def full(text: str = "A-1") -> Incident:
    """Return an incident in which others have put a text wherever they can."""
    ref = ItemRef(party=ALPHA, id=ItemId(text), version=1)
    item = intent(text, volume(square(35.4, 35.9, 3_000.0), WINDOW, band(2_000.0, 4_000.0)), party="alpha")
    base = near()
    aircraft = tuple(
        ObservedAircraft(
            id=f"{text}{k}",
            party=PartyId(text),
            callsign=text,
            flew=(Flew(ALPHA, ref.id, FlewBy.CLAIMED),) if k == 0 else (),
            sources=tuple(replace(joined([reports]), source=text) for reports in each.sources),
        )
        for k, each in enumerate(base.aircraft)
    )
    message = Message(
        code=Code.FREE_TEXT,
        to=BRAVO,
        fields=(("text", text),),
        priority=Priority.ROUTINE,
        valid_until_ms=START_MS + 600_000,
    )
    return replace(
        base,
        claimant=PartyId(text),
        claim=text,
        rule_set=text,
        aircraft=aircraft,
        declared=(
            QuotedVersion(
                ref=ref, n=3, at_ms=START_MS - 5_000, what="declared", text=b"{}", item=item, remark=text
            ),
            QuotedVersion(
                ref=replace(ref, version=2),
                n=4,
                at_ms=START_MS + 400_000,
                what="withdrawn",
                text=None,
                item=None,
            ),
        ),
        receipts=(
            QuotedReceipt(
                ref=ref, party=PartyId(text), kind="seen", n=7, at_ms=START_MS + 9_000, person=text
            ),
        ),
        messages=(QuotedMessage(by=PartyId(text), n=5, at_ms=START_MS, person=text, message=message),),
        alerts=(
            AlertStep(
                alert=text, kind=text, a=text, b=text, at_ms=START_MS, change=text, urgency=text, cause=text
            ),
        ),
        gaps=(text,),
    )


def test_text_of_others_can_change_neither_the_page_nor_the_order_of_words() -> None:
    incident = full(EVIL.replace("\u202e", ""))
    page = page_of(incident)
    reader = read(page)
    assert not any(name.startswith("on") for _, name, _ in reader.attributes)
    assert "\u202e" not in page_of(replace(incident, gaps=(EVIL,), rule_set=EVIL))


def test_the_timeline_tells_what_was_said_alerted_and_computed_in_the_order_of_time() -> None:
    text = "".join(read(page_of(full())).text)
    part = text[text.index("No clock decides") : text.index("Quoted from the logs")]
    order = [
        "A-1 version 1 declared",
        "separation lost, violation",
        "seen by A-1",
        "A-1 version 2 withdrawn",
    ]
    assert [part.index(each) for each in order] == sorted(part.index(each) for each in order)
    assert "(after it began)" in text


def test_the_map_shows_what_was_declared_also_if_it_was_withdrawn_later() -> None:
    incident = full()
    assert "alpha:A-1" in incident_map(incident, judge_incident(incident))


def test_a_receipt_that_nobody_gave_is_pointed_out() -> None:
    assert "nobody is known to have received it" in page_of(replace(full(), receipts=()))


def test_an_incident_of_one_aircraft_has_no_separation() -> None:
    page = page_of(incident_of(straight(FIRST, 60.0)))
    assert 'id="separation"' not in page
    assert 'id="map"' in page


def test_pictures_are_drawn_of_little_and_of_nothing() -> None:
    gone = incident_of(straight(FIRST, 0.0, start_ms=START_MS + 10**7))
    assert "Nothing is known of where they were" in incident_map(gone, judge_incident(gone))
    assert separation_charts(judge_incident(gone)) == ""
    still = incident_of(straight(FIRST, 0.0, speed_mps=0.0), straight(SECOND, 0.0, speed_mps=0.0))
    for incident in (
        still,
        near(altitude_m=math.nan),
        incident_of(straight(FIRST, 0.0, length_s=1), to_s=0.0),
    ):
        findings = judge_incident(incident)
        assert "nan" not in incident_map(incident, findings)
        assert "nan" not in separation_charts(findings)
        assert "inf" not in separation_charts(findings)
    assert "not known" in separation_charts(judge_incident(near(altitude_m=math.nan)))


@pytest.mark.parametrize(
    "standing", ["SEPARATION LOST", "icao:4b1814", "minimum 3.00 NM", "minimum 3,000 ft"]
)
def test_the_pictures_name_what_they_show(standing: str) -> None:
    assert standing in page_of(near())
