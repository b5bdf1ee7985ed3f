"""Checking a report of an incident that another party made, offline, and believing nothing of it.

Each check says one thing: it holds, it does not hold, it cannot be decided because a part is missing, or it
is a mere claim, which nobody but the claimant can vouch for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from keepclear.adapters.recording.reader import Recording
from keepclear.adapters.signing import verify
from keepclear.codec.cards import PartyCard
from keepclear.codec.incident_findings import DIFFERENCES_MAX, differences, encode_findings
from keepclear.codec.incidents import decode_incident
from keepclear.codec.jws import decode_jws
from keepclear.codec.manifests import (
    EVIDENCE,
    FINDINGS,
    MANIFEST,
    PAGE,
    REPORT_TYPE,
    SIGNATURE,
    VERIFIER,
    Manifest,
    decode_manifest,
    digests_of,
)
from keepclear.codec.words import count_text
from keepclear.console.incident_report import incident_page
from keepclear.core.errors import InvalidValueError
from keepclear.core.flown import flown
from keepclear.core.incident_findings import IncidentFindings
from keepclear.core.incident_judge import distances_m, judge_incident, sampled_ms
from keepclear.core.incidents import Incident
from keepclear.core.named_rules import RULES
from keepclear.core.parties import kid_of
from keepclear.core.rules import RuleSet
from keepclear.main.incident_making import Wanted, make_incident
from keepclear.main.incident_quotes import Check, CheckedLogs, Outcome, quotes_checked
from keepclear.version import VERSION

_V = TypeVar("_V")


class Given(NamedTuple):
    """What the verifier has.

    Attributes:
        cards: The cards that the verifier has pinned, of as many parties as are known.
        logs: Exports of logs that the verifier has made itself.
        recording: What the verifier has seen itself; None for nothing.
    """

    cards: Sequence[PartyCard] = ()
    logs: Sequence[bytes] = ()
    recording: Recording | None = None


def check_report(files: Mapping[str, bytes], given: Given) -> Iterator[Check]:
    """Check a report; yields each check as it is done.

    Args:
        files: The files of the report, by their names.
        given: What the verifier has.

    Raises:
        InvalidValueError: It is no report: a file cannot be read as what it must be.
    """
    for name in (MANIFEST, EVIDENCE, FINDINGS):
        if name not in files:
            yield Check(Outcome.UNDECIDED, f"{name} is missing, and without it nothing can be decided")
            return
    manifest = _read(MANIFEST, lambda: decode_manifest(files[MANIFEST]))
    incident = _read(EVIDENCE, lambda: decode_incident(files[EVIDENCE]))
    yield from _of_files(files, manifest)
    cards: dict[str, PartyCard] = {card.party: card for card in given.cards}
    logs = CheckedLogs(cards)
    proofs = [name for name in sorted(files) if name.startswith("proofs/") and name != VERIFIER]
    for name in proofs:
        yield from logs.take(name, files[name])
    yield from _of_signature(files, manifest, cards, logs)
    yield _of_claimant(manifest, incident)
    yield from logs.compare(given.logs)
    yield from quotes_checked(incident, logs, manifest.at_ms)
    yield _of_rule(incident)
    findings = judge_incident(incident)
    yield from _of_findings(files[FINDINGS], findings)
    yield from _of_page(files, manifest, incident, findings)
    yield from _claimed(incident)
    if given.recording is not None:
        yield from _beside(incident, findings, given.recording)


def _read(name: str, read: Callable[[], _V]) -> _V:
    try:
        return read()
    except InvalidValueError as error:
        raise error.within(name) if error.field else InvalidValueError(name, error.reason) from None


# -- files and signature ----------------------------------------------------------------------------


def _of_files(files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Check]:
    found = digests_of({name: data for name, data in files.items() if name not in {MANIFEST, SIGNATURE}})
    is_whole = True
    for name in sorted({*found, *manifest.digests}):
        if name not in manifest.digests:
            yield Check(Outcome.FAILS, f"{name} was added: it is not in the manifest")
        elif name not in found:
            yield Check(Outcome.FAILS, f"{name} is missing: the manifest names it")
        elif found[name] != manifest.digests[name]:
            yield Check(Outcome.FAILS, f"{name} was changed: its SHA-256 is not that of the manifest")
        else:
            continue
        is_whole = False
    if is_whole:
        yield Check(Outcome.HOLDS, f"the {len(found)} files are those of the manifest, each by its SHA-256")


def _of_signature(
    files: Mapping[str, bytes], manifest: Manifest, cards: Mapping[str, PartyCard], logs: CheckedLogs
) -> Iterator[Check]:
    signature = files.get(SIGNATURE)
    who = f"{manifest.by!r}"
    if signature is None:
        text = f"the report is not signed: nothing shows that it is of {who}, nor that nobody changed it"
        yield Check(Outcome.UNDECIDED, text)
        return
    try:
        jws = decode_jws(signature, REPORT_TYPE)
    except InvalidValueError as error:
        yield Check(Outcome.FAILS, f"the signature of the manifest is none: {error}")
        return
    if jws.payload != files[MANIFEST]:
        yield Check(Outcome.FAILS, "what is signed is not this manifest")
        return
    card = cards.get(manifest.by)
    if card is None:
        text = f"whether {who} signed it: give its card, as your node pinned it (--card)"
        yield Check(Outcome.UNDECIDED, text)
        return
    keys = [card.node_key] if kid_of(card.node_key) == jws.kid else logs.node_keys(manifest.by, jws.kid)
    if not any(verify(key, jws.signing_input, jws.signature) for key in keys):
        yield Check(Outcome.FAILS, f"the signature is not that of the node of {who}, as its card has it")
    elif logs.has_revoked(manifest.by, jws.kid):
        yield Check(Outcome.FAILS, f"it is signed with a key that the log of {who} has revoked")
    else:
        yield Check(Outcome.HOLDS, f"the node of {who} signed the manifest, with a key of the pinned card")


def _of_claimant(manifest: Manifest, incident: Incident) -> Check:
    if manifest.by != incident.claimant:
        text = f"the manifest is of {manifest.by!r}, but the claim is of {incident.claimant!r}"
        return Check(Outcome.FAILS, text)
    return Check(Outcome.HOLDS, f"who claims it is who says so: {incident.claimant!r}")


# -- what is computed -------------------------------------------------------------------------------


def _of_rule(incident: Incident) -> Check:
    if incident.rule is None:
        return Check(Outcome.HOLDS, "no rule is applied")
    shipped = RULES.get(incident.rule.name)
    if shipped == incident.rule:
        return Check(Outcome.HOLDS, f"the rule {incident.rule.name!r} is as this Keepclear has it")
    text = f"the rule {incident.rule.name!r} is the claimant's own; see its minima in the report"
    return Check(Outcome.CLAIMED, text)


def _of_findings(told: bytes, findings: IncidentFindings) -> Iterator[Check]:
    faults: list[str] = []
    for fault in _read(FINDINGS, lambda: list(differences(told, encode_findings(findings)))):
        faults.append(fault)
    for fault in faults[:DIFFERENCES_MAX]:
        yield Check(Outcome.FAILS, f"finding: {fault}")
    if len(faults) > DIFFERENCES_MAX:
        yield Check(Outcome.FAILS, f"finding: {len(faults) - DIFFERENCES_MAX:,} more values differ")
    if not faults:
        yield Check(Outcome.HOLDS, "the findings, computed again from the evidence, are those of the report")


def _of_page(
    files: Mapping[str, bytes], manifest: Manifest, incident: Incident, findings: IncidentFindings
) -> Iterator[Check]:
    if PAGE not in files:
        yield Check(Outcome.TOLD, f"{PAGE} is not there; what counts is in {EVIDENCE} and {FINDINGS}")
    elif manifest.version != VERSION:
        text = f"{PAGE} was made by version {manifest.version!r} of Keepclear and is not compared"
        yield Check(Outcome.TOLD, f"{text}; what counts is in {EVIDENCE} and {FINDINGS}")
    else:
        counted = {name: data for name, data in files.items() if name not in {PAGE, MANIFEST, SIGNATURE}}
        page = incident_page(
            incident,
            findings,
            digests=digests_of(counted),
            is_signed=SIGNATURE in files,
            version=VERSION,
        )
        if page == files[PAGE]:
            yield Check(Outcome.HOLDS, f"{PAGE} shows the evidence and the findings, and nothing else")
        else:
            text = f"{PAGE} is not what this Keepclear makes of the evidence: do not rely on the page"
            yield Check(Outcome.FAILS, text)


def _claimed(incident: Incident) -> Iterator[Check]:
    count = sum(each.report_count for each in incident.aircraft)
    yield Check(
        Outcome.CLAIMED,
        f"the {count:,} reports of where the aircraft were are {incident.claimant!r}'s own observations:"
        " nobody else can vouch for them",
    )
    if incident.alerts:
        steps = count_text(len(incident.alerts), "step")
        yield Check(Outcome.CLAIMED, f"the {steps} of alerts are told by {incident.claimant!r} alone")
    flew = [each for aircraft in incident.aircraft for each in aircraft.flew]
    if flew:
        yield Check(Outcome.CLAIMED, "which operation each aircraft flew rests on those reports")


# -- beside what the verifier has seen --------------------------------------------------------------


def _beside(incident: Incident, findings: IncidentFindings, recording: Recording) -> Iterator[Check]:
    """Compare the claimant's positions with the verifier's own."""
    at_ms = sampled_ms(incident)
    seen = []
    for each in incident.aircraft:
        try:
            own = make_incident(recording, (), _wanted(incident, each.id)).aircraft[0]
        except InvalidValueError:
            yield Check(Outcome.TOLD, f"{each.id}: your recording has no report of it then")
            continue
        seen.append(own)
        theirs = flown(each.sources, at_ms, incident.degraded_s)
        ours = flown(own.sources, at_ms, incident.degraded_s)
        both = theirs.is_known & ours.is_known
        if not both.any():
            yield Check(Outcome.TOLD, f"{each.id}: at no instant do both know where it was")
            continue
        apart_m = distances_m(theirs, ours, both)
        beyond = int((apart_m > theirs.error_m[both] + ours.error_m[both]).sum())
        agree = "within what both may be off" if not beyond else f"BEYOND what both may be off at {beyond:,}"
        yield Check(
            Outcome.TOLD,
            f"{each.id}: your {own.report_count:,} reports beside their {each.report_count:,}: at"
            f" {int(both.sum()):,} instants {np.median(apart_m):,.0f} m apart in the middle,"
            f" {apart_m.max():,.0f} m at most, {agree}",
        )
    if len(seen) == 2 and findings.closest is not None:
        mine = judge_incident(replace(incident, aircraft=tuple(seen)))
        if mine.closest is not None:
            theirs_m, ours_m = findings.closest.lateral_m, mine.closest.lateral_m
            yield Check(
                Outcome.TOLD,
                f"closest by their reports {theirs_m:,.0f} m laterally, by yours {ours_m:,.0f} m",
            )
        for told, own_level in zip(findings.levels, mine.levels, strict=True):
            yield Check(
                Outcome.TOLD,
                f"{told.level}: {told.standing.value} by their reports, {own_level.standing.value} by yours",
            )


def _wanted(incident: Incident, aircraft: str) -> Wanted:
    rule_set = RuleSet(name="none", default=RULES["en-route"])
    return Wanted(
        aircraft=(aircraft,),
        from_ms=incident.from_ms,
        to_ms=incident.to_ms,
        claimant=incident.claimant,
        rule_set=rule_set,
        degraded_s=incident.degraded_s,
    )
