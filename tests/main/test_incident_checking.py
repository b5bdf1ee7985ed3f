"""Checking reports of incidents: each thing that a claimant could change or leave out is named."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.recording.reader import Recording
from keepclear.codec.incident_findings import encode_findings
from keepclear.codec.incidents import encode_incident
from keepclear.codec.jws import encode_jws
from keepclear.codec.manifests import (
    EVIDENCE,
    FINDINGS,
    MANIFEST,
    PAGE,
    REPORT_TYPE,
    SIGNATURE,
    Manifest,
    decode_manifest,
    digests_of,
    encode_manifest,
)
from keepclear.core.deeds import Acknowledgement
from keepclear.core.errors import InvalidValueError
from keepclear.core.incident_judge import judge_incident
from keepclear.core.incidents import Incident
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.recorded import RecordedEvent, RecordedNote
from keepclear.core.refs import ItemRef
from keepclear.core.rules import Level, Rule, RuleSet
from keepclear.core.times import TimeWindow, instant_of
from keepclear.main.incident_checking import Given, check_report
from keepclear.main.incident_making import Wanted, find_alert, make_incident, report_files, told_lines
from keepclear.main.incident_quotes import Check, Outcome
from tests.incidents import FIRST, SECOND, START_MS, record, straight
from tests.strategies import NOON, intent, square, volume
from tests.written_logs import WrittenLog

MINUTE = 60_000
REF = ItemRef(party=PartyId("alpha"), id=ItemId("A-1"), version=1)
SPAN = TimeWindow(
    start=instant_of(START_MS) - timedelta(hours=1), end=instant_of(START_MS) + timedelta(hours=1)
)
ITEM = intent("A-1", volume(square(35.4, 35.9, 4_000.0), SPAN), party="alpha")


@dataclass
class World:
    """Two parties with logs, alpha with a recording, and the report that alpha makes of it."""

    alpha: WrittenLog
    bravo: WrittenLog
    recording: Recording
    incident: Incident
    files: dict[str, bytes]

    @property
    def cards(self) -> tuple[Any, ...]:
        return self.alpha.card(NOON), self.bravo.card(NOON)

    def check(self, **given: Any) -> list[Check]:
        return list(check_report(self.files, Given(**{"cards": self.cards, **given})))

    def fails(self, **given: Any) -> list[str]:
        return [each.text for each in self.check(**given) if each.outcome is Outcome.FAILS]

    def texts(self, outcome: Outcome, **given: Any) -> list[str]:
        return [each.text for each in self.check(**given) if each.outcome is outcome]

    def resign(self) -> None:
        """Sign what is there as alpha: a claimant who lies."""
        rest = {name: data for name, data in self.files.items() if name not in {MANIFEST, SIGNATURE}}
        was = decode_manifest(self.files[MANIFEST])
        manifest = encode_manifest(replace(was, digests=digests_of(rest)))
        self.files[MANIFEST] = manifest
        key = self.alpha.node
        self.files[SIGNATURE] = encode_jws(REPORT_TYPE, key.kid, manifest, key.sign).encode()

    def lie(self, change: Callable[[Incident], Incident]) -> list[str]:
        """Have alpha report something else, computed and signed all the same; return what fails."""
        self.incident = change(self.incident)
        exports = {"alpha": self.alpha.exported(), "bravo": self.bravo.exported()}
        self.files = report_files(self.incident, exports, b"", self.alpha.node, NOON)
        return self.fails()


@pytest.fixture
def world(made: World) -> World:
    """Return a copy that a test may change."""
    logs = copy.deepcopy(made.alpha), copy.deepcopy(made.bravo)
    return World(*logs, made.recording, made.incident, dict(made.files))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    alpha, bravo = (
        WrittenLog("alpha", "Ann", START_MS - 120 * MINUTE),
        WrittenLog("bravo", "Boris", START_MS - 120 * MINUTE),
    )
    alpha.declare(ITEM, START_MS - 60 * MINUTE)
    bravo.sign(Acknowledgement(items=(REF,)), START_MS - 50 * MINUTE, alpha)
    own = straight(FIRST, 60.0, length_s=300, meets_s=150.0, party="alpha", operation="A-1")
    other = straight(SECOND, 300.0, length_s=300, meets_s=150.0, altitude_m=3_400.0, party="bravo")
    events = [
        happened(100, "alert", alert="A-000001", key=["encounter", SECOND, FIRST], change="opened",
                 urgency="warning", reason="too near"),
        happened(140, "acknowledgement", key=["encounter", SECOND, FIRST], person="Ann"),
        happened(200, "alert", alert="A-000001", key=["encounter", SECOND, FIRST], change="cleared",
                 urgency="warning", reason=""),
        happened(210, "alert", alert="A-000002", key=["lost", "icao:999999", ""], change="opened",
                 urgency="caution", reason="it is gone"),
    ]  # fmt: skip
    recording = Recording(record(tmp_path_factory.mktemp("alpha"), own, other, more=events))
    incident = make_incident(recording, logs_of(alpha, bravo), wanted(recording, alert="A-000001"))
    exports = {"alpha": alpha.exported(), "bravo": bravo.exported()}
    files = report_files(incident, exports, b"# the verifier", alpha.node, NOON)
    return World(alpha, bravo, recording, incident, files)


def logs_of(*logs: WrittenLog) -> list[Any]:
    from keepclear.codec.quoted import read_export

    return [read for log in logs for read in read_export(log.exported())]


def wanted(recording: Recording, *, alert: str, rules: str = "rule-of-threes") -> Wanted:
    aircraft, from_ms, to_ms = find_alert(recording, alert)
    return Wanted(
        aircraft=aircraft,
        from_ms=from_ms,
        to_ms=to_ms,
        claimant=PartyId("alpha"),
        rule_set=RULE_SETS[rules],
        alert=alert,
    )


def happened(at_s: int, what: str, **fields: object) -> RecordedEvent:
    return RecordedEvent(at_ms=START_MS + at_s * 1_000, what=what, text=json.dumps(fields).encode())


# -- making -----------------------------------------------------------------------------------------


def test_an_alert_tells_the_aircraft_and_the_time(world: World) -> None:
    assert find_alert(world.recording, "A-000001") == ((SECOND, FIRST), START_MS + 40_000, START_MS + 260_000)
    with pytest.raises(InvalidValueError, match="does not tell of it"):
        find_alert(world.recording, "A-000009")
    assert find_alert(world.recording, "A-000002")[0] == ("icao:999999",)


def test_an_incident_holds_reports_declarations_receipts_and_the_steps_of_its_alert(world: World) -> None:
    incident = world.incident
    assert [(each.id, each.party, each.report_count) for each in incident.aircraft] == [
        (SECOND, "bravo", 301),
        (FIRST, "alpha", 301),
    ]
    assert [flew.id for flew in incident.aircraft[1].flew] == ["A-1"]
    assert [(each.ref, each.n) for each in incident.declared] == [(REF, 2)]
    assert [(each.kind, each.person) for each in incident.receipts] == [("delivered", ""), ("seen", "Boris")]
    assert [each.change for each in incident.alerts] == ["opened", "acknowledged", "cleared"]
    assert incident.rule is not None
    told = list(told_lines(incident, "incident/", is_signed=False))
    assert told[0] == "incident/: SEPARATION LOST: ALERT"
    assert "  quoted: 1 declaration, 2 receipts, 0 messages" in told
    assert "  NOT SIGNED: nothing shows whose it is" in told


def test_an_aircraft_of_which_nothing_was_recorded_is_refused(world: World) -> None:
    none = replace(wanted(world.recording, alert="A-000001"), aircraft=("icao:ffffff",))
    with pytest.raises(InvalidValueError, match="there is no report of 'icao:ffffff' then"):
        make_incident(world.recording, (), none)


def test_the_number_of_a_radar_is_looked_for_behind_its_source(tmp_path: Path) -> None:
    tracks = straight("track:7", 0.0, length_s=20), straight("track:7", 90.0, length_s=20, source="radar-2")
    note = RecordedNote(at_ms=START_MS, text="hm")
    foreign = RecordedEvent(at_ms=START_MS, what="alert", text=b'{"alert": 7}')
    recording = Recording(record(tmp_path / "r", *tracks, more=[note, foreign]))
    one = Wanted(
        aircraft=("radar-2/track:7",),
        from_ms=START_MS,
        to_ms=START_MS + 20_000,
        claimant=PartyId("alpha"),
        rule_set=RULE_SETS["en-route"],
        flew=(("radar-2/track:7", PartyId("alpha"), ItemId("A-1")),),
    )
    incident = make_incident(recording, (), one)
    assert [each.source for each in incident.aircraft[0].sources] == ["radar-2"]
    assert incident.aircraft[0].report_count == 21
    assert incident.aircraft[0].flew[0].by.value == "claimed"
    assert incident.gaps == (
        "1 step of alerts left out, as not readable.",
        "The recording says: hm.",
    )
    assert incident.rule is None


def test_a_callsign_tells_which_operation_was_flown(tmp_path: Path) -> None:
    log = WrittenLog("bravo", "Boris", START_MS - 120 * MINUTE)
    log.declare(
        replace(ITEM, id=ItemId("B-7"), party=PartyId("bravo"), callsign="BRAVO 7"), START_MS - MINUTE
    )
    track = straight(FIRST, 0.0, length_s=20, callsign="BRAVO 7")
    recording = Recording(record(tmp_path / "r", track))
    one = Wanted(
        aircraft=(FIRST,),
        from_ms=START_MS,
        to_ms=START_MS + 20_000,
        claimant=PartyId("alpha"),
        rule_set=RULE_SETS["en-route"],
    )
    (flew,) = make_incident(recording, logs_of(log), one).aircraft[0].flew
    assert (flew.party, flew.id, flew.by.value) == ("bravo", "B-7", "callsign")


# -- what holds -------------------------------------------------------------------------------------


def test_a_report_that_nobody_changed_holds_and_its_claims_are_named(world: World) -> None:
    outcomes = {each.outcome for each in world.check()}
    assert outcomes == {Outcome.HOLDS, Outcome.CLAIMED}
    assert world.texts(Outcome.CLAIMED)[0].startswith("the 602 reports of where the aircraft were")
    assert "the 3 steps of alerts are told by 'alpha' alone" in world.texts(Outcome.CLAIMED)


def test_own_observations_are_put_beside_those_of_the_claimant(world: World, tmp_path: Path) -> None:
    beside = [
        straight(
            name, track, length_s=300, meets_s=150.0, beside_m=beside_m, source="own", altitude_m=3_000.0
        )
        for name, track, beside_m in ((FIRST, 60.0, 30.0), (SECOND, 300.0, 900.0))
    ]
    own = Recording(record(tmp_path / "own", *beside, party="bravo"))
    told = world.texts(Outcome.TOLD, recording=own)
    assert "30 m at most, within what both may be off" in told[1]
    assert "900 m in the middle" in told[0].replace("apart ", "")
    assert "BEYOND what both may be off at 221" in told[0]
    assert told[2].startswith("closest by their reports 0 m laterally, by yours ")
    assert "alert: certain by their reports, certain by yours" in told


# -- what does not hold -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [EVIDENCE, FINDINGS, PAGE, "proofs/alpha.json", "proofs/verify_export.py"])
def test_a_file_that_was_changed_is_named(world: World, name: str) -> None:
    data = world.files[name]
    world.files[name] = data + b" " if name != EVIDENCE else data.replace(b"too near", b"too far!")
    assert f"{name} was changed: its SHA-256 is not that of the manifest" in world.fails()


def test_a_file_that_was_added_or_taken_away_is_named(world: World) -> None:
    world.files["proofs/charlie.json"] = b"{}"
    del world.files[PAGE]
    found = world.fails()
    assert "proofs/charlie.json was added: it is not in the manifest" in found
    assert f"{PAGE} is missing: the manifest names it" in found
    assert "proofs/charlie.json is not the export of the log of 'charlie'" in found


def test_without_evidence_nothing_can_be_decided(world: World) -> None:
    del world.files[EVIDENCE]
    (check,) = world.check()
    assert check.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("name", [MANIFEST, EVIDENCE, FINDINGS])
@pytest.mark.parametrize("data", [b"", b"null", b"{}", b"\xff\xfe", b"[" * 10_000])
def test_a_file_that_is_none_is_bad_input_or_fails(world: World, name: str, data: bytes) -> None:
    world.files[name] = data
    with contextlib.suppress(InvalidValueError):
        assert world.fails()


def test_a_manifest_of_another_is_no_signature(world: World) -> None:
    manifest = world.files[MANIFEST]
    stranger = world.bravo.node
    world.files[SIGNATURE] = encode_jws(REPORT_TYPE, stranger.kid, manifest, stranger.sign).encode()
    assert "the signature is not that of the node of 'alpha', as its card has it" in world.fails()
    alpha = world.alpha.node
    world.files[SIGNATURE] = encode_jws(REPORT_TYPE, alpha.kid, manifest + b" ", alpha.sign).encode()
    assert "what is signed is not this manifest" in world.fails()
    world.files[SIGNATURE] = encode_jws("keepclear-deed", alpha.kid, manifest, alpha.sign).encode()
    assert any("the signature of the manifest is none" in each for each in world.fails())


def test_a_report_in_the_name_of_another_party_is_named(world: World) -> None:
    manifest = decode_manifest(world.files[MANIFEST])
    world.files[MANIFEST] = encode_manifest(replace(manifest, by="bravo"))
    bravo = world.bravo.node
    jws = encode_jws(REPORT_TYPE, bravo.kid, world.files[MANIFEST], bravo.sign)
    world.files[SIGNATURE] = jws.encode()
    assert "the manifest is of 'bravo', but the claim is of 'alpha'" in world.fails()


def test_a_key_that_the_log_has_granted_since_counts_too(world: World) -> None:
    from keepclear.adapters.signing import SigningKey
    from keepclear.core.statements import Signed, StatementKind

    renewed = SigningKey(b"r" * 32)
    world.alpha.say(
        StatementKind.KEY, Signed(jws=world.alpha._granting(renewed, None)), START_MS + 20 * MINUTE
    )
    exports = {"alpha": world.alpha.exported(), "bravo": world.bravo.exported()}
    world.files = report_files(world.incident, exports, b"", renewed, NOON)
    assert world.fails() == []


def test_a_key_that_the_log_has_revoked_signs_nothing_any_more(world: World) -> None:
    from keepclear.adapters.notary import sign_key_act
    from keepclear.adapters.signing import SigningKey
    from keepclear.core.parties import KeyAct, KeyDeed
    from keepclear.core.statements import Signed, StatementKind

    alpha, renewed = world.alpha, SigningKey(b"r" * 32)
    stolen = alpha.node
    alpha.say(StatementKind.KEY, Signed(jws=alpha._granting(renewed, None)), START_MS + 20 * MINUTE)
    revoked = KeyAct(party=alpha.party, act=KeyDeed.REVOKE, kid=stolen.kid)
    alpha.say(StatementKind.KEY, Signed(jws=sign_key_act(revoked, alpha.root)), START_MS + 20 * MINUTE)
    cards = world.cards  # as they were pinned, with the old key
    alpha.node = alpha._writer.node = renewed  # type: ignore[assignment]
    exports = {"alpha": alpha.exported(), "bravo": world.bravo.exported()}
    world.files = report_files(world.incident, exports, b"", stolen, NOON)
    assert world.fails(cards=cards) == ["it is signed with a key that the log of 'alpha' has revoked"]


def test_a_log_that_was_forged_is_named(world: World) -> None:
    export = json.loads(world.files["proofs/bravo.json"])
    del export["logs"][0]["entries"][-1]
    world.files["proofs/bravo.json"] = json.dumps(export).encode()
    world.resign()
    assert any(each.startswith("the log of 'bravo' does not hold: ") for each in world.fails())


def test_the_log_of_somebody_else_in_the_name_of_a_party_is_named(world: World) -> None:
    world.files["proofs/bravo.json"] = WrittenLog("bravo", "Eve", START_MS).exported()
    world.resign()
    other = WrittenLog("bravo", "Boris", START_MS)
    other.root = type(other.root)(b"z" * 32)
    found = world.check(cards=(world.alpha.card(NOON), other.card(NOON)))
    assert any("is none of those that you gave" in each.text for each in found)


def test_what_was_declared_cannot_be_changed_left_out_or_made_up(world: World) -> None:
    (version,) = world.incident.declared
    changed = (version.text or b"").replace(b'"priority":0', b'"priority":9')
    assert changed != version.text
    name = "declaration: alpha:A-1 version {} (entry {} of the log of 'alpha') is "
    assert world.lie(lambda was: replace(was, declared=(replace(version, text=changed),))) == [
        name.format(1, 2) + "quoted otherwise than the log says"
    ]
    assert world.lie(lambda was: replace(was, declared=())) == [
        name.format(1, 2) + "left out: the logs say so, and the report does not"
    ]
    made_up = replace(version, ref=replace(REF, version=7), n=3)
    found = world.lie(lambda was: replace(was, declared=(version, made_up)))
    assert found[0] == name.format(7, 3) + "quoted, and the logs do not say so"
    assert world.lie(lambda was: replace(was, declared=(version, version))) == [
        "declaration: something is quoted twice"
    ]


def test_receipts_cannot_be_changed_left_out_or_made_up(world: World) -> None:
    delivered, seen = world.incident.receipts
    (left_out,) = world.lie(lambda was: replace(was, receipts=(delivered,)))
    assert "A-1 version 1 seen at 'bravo' by Boris (entry 2 of its log) is left out" in left_out
    (changed,) = world.lie(
        lambda was: replace(was, receipts=(delivered, replace(seen, at_ms=seen.at_ms + MINUTE)))
    )
    assert "is quoted otherwise than the log says" in changed
    made_up = replace(seen, kind="objected")
    (added,) = world.lie(lambda was: replace(was, receipts=(delivered, seen, made_up)))
    assert "objected at 'bravo' by Boris (entry 2 of its log) is quoted, and the logs do not say so" in added


def test_findings_that_do_not_follow_from_the_evidence_are_named(world: World) -> None:
    findings = json.loads(world.files[FINDINGS])
    findings["levels"][1]["standing"] = "certain"
    world.files[FINDINGS] = json.dumps(findings).encode()
    world.resign()
    assert "finding: levels[1].standing is 'certain', and computed 'excluded'" in world.fails()


def test_a_page_that_says_something_else_is_named(world: World) -> None:
    world.files[PAGE] = world.files[PAGE].replace(b"SEPARATION LOST: ALERT", b"SEPARATION LOST: WAR")
    world.resign()
    assert world.fails() == [
        "report.html is not what this Keepclear makes of the evidence: do not rely on the page"
    ]


def test_a_page_of_another_version_is_not_compared(world: World) -> None:
    manifest = decode_manifest(world.files[MANIFEST])
    world.files[MANIFEST] = encode_manifest(
        Manifest(by=manifest.by, at_ms=manifest.at_ms, version="9.9", digests=manifest.digests)
    )
    world.resign()
    assert any("version '9.9'" in each for each in world.texts(Outcome.TOLD))


def test_a_rule_of_the_claimants_own_is_only_claimed(world: World) -> None:
    rule = Rule(name="mine", levels=(Level(name="alert", lateral_m=50_000.0, vertical_m=5_000.0),))
    assert world.lie(lambda was: replace(was, rule=rule, rule_set="mine")) == []
    assert any("is the claimant's own" in each for each in world.texts(Outcome.CLAIMED))
    assert RuleSet(name="mine", default=rule).rules == (rule,)


# -- what cannot be decided -------------------------------------------------------------------------


def test_without_a_card_whose_it_is_cannot_be_decided(world: World) -> None:
    found = world.texts(Outcome.UNDECIDED, cards=())
    assert found == [
        "whose the log of 'alpha' is: it agrees with itself, and its root key is not pinned (--card)",
        "whose the log of 'bravo' is: it agrees with itself, and its root key is not pinned (--card)",
        "whether 'alpha' signed it: give its card, as your node pinned it (--card)",
    ]


def test_a_log_that_is_missing_leaves_what_is_quoted_of_it_open_or_is_given(world: World) -> None:
    exports = {"alpha": world.alpha.exported()}
    world.files = report_files(world.incident, exports, b"", world.alpha.node, NOON)
    assert any("what is quoted of 'bravo'" in each for each in world.texts(Outcome.UNDECIDED))
    assert world.fails() == []
    own = [world.bravo.exported()]
    assert world.texts(Outcome.UNDECIDED, logs=own) == []
    assert world.texts(Outcome.TOLD, logs=own) == ["the log of 'bravo' is not in the report; yours is used"]


def test_a_log_that_goes_on_otherwise_than_the_one_that_is_held_is_named(world: World) -> None:
    other = WrittenLog("bravo", "Boris", START_MS - 119 * MINUTE)
    assert "the log of 'bravo' is another than the one you hold" in world.fails(logs=[other.exported()])


def test_what_is_withheld_is_told(world: World) -> None:
    world.bravo.withhold()
    exports = {"alpha": world.alpha.exported(), "bravo": world.bravo.exported()}
    world.files = report_files(world.incident, exports, b"", world.alpha.node, NOON)
    assert world.fails() == []
    assert any("1 entry of the log of 'bravo'" in each for each in world.texts(Outcome.CLAIMED))


def test_the_files_of_a_report_are_what_they_say(world: World) -> None:
    assert world.files[EVIDENCE] == encode_incident(world.incident)
    assert world.files[FINDINGS] == encode_findings(judge_incident(world.incident))
