"""Making a report of an incident: from a recording and logs to files that the other party can verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from keepclear.adapters.recording.reader import Recording
from keepclear.adapters.signing import SigningKey
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
    VERIFIER,
    Manifest,
    digests_of,
    encode_manifest,
)
from keepclear.codec.quoted import ReadLog, quote, version_of
from keepclear.codec.recorded_alerts import alert_steps
from keepclear.codec.words import count_text
from keepclear.console.incident_report import incident_page
from keepclear.console.incident_words import headline
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, unit_vectors
from keepclear.core.incident_judge import judge_incident
from keepclear.core.incidents import (
    MARGIN_S,
    QUOTED_MAX,
    WINDOW_MAX_S,
    AlertStep,
    Flew,
    FlewBy,
    Incident,
    ObservedAircraft,
)
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.recorded import RecordedEvent, RecordedNote, joined, taken_rows
from keepclear.core.reports import Reports
from keepclear.core.rules import AnyRule, RuleSet
from keepclear.core.separation_search import tables_of
from keepclear.core.statements import ItemSaid, Statement
from keepclear.core.times import TIME_MAX, floor_ms, instant_of, rfc3339
from keepclear.version import VERSION

OPENED_TOLD_MAX: Final = 5
"""Of alerts with one id, the times of so many are told, the newest."""
AROUND_ALERT_MS: Final = 60_000
"""The incident of an alert is from so long before it was told until so long after it ended."""
LATE_MS: Final = 60_000
"""Positions that were received so much later than they were measured are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which incident is reported.

    Attributes:
        aircraft: The ids of one aircraft or two, as the watch calls them.
        from_ms: When it begins, milliseconds since 1970.
        to_ms: When it ends.
        claimant: Who reports it.
        claim: What is claimed, in a sentence; may be empty.
        rule_set: By what it is judged.
        degraded_s: So long after a report a position is still known.
        flew: Operations that the claimant says the aircraft flew, by the id of the aircraft.
        alert: The alert that it is about; None for none.
    """

    aircraft: tuple[str, ...]
    from_ms: int
    to_ms: int
    claimant: PartyId
    claim: str = ""
    rule_set: RuleSet
    degraded_s: float = 30.0
    flew: tuple[tuple[str, PartyId, ItemId], ...] = ()
    alert: str | None = None


def find_alert(
    recording: Recording, alert: str, within_ms: tuple[int, int] | None = None
) -> tuple[tuple[str, ...], int, int]:
    """Find which aircraft an alert was about, and when, by what is recorded of it.

    Args:
        recording: The recording.
        alert: The id of the alert. A watch that begins anew counts anew.
        within_ms: Between which instants it is looked for, milliseconds since 1970.

    Returns:
        The ids of one aircraft or two; from and until when, milliseconds since 1970.

    Raises:
        InvalidValueError: The recording does not know it, knows several, or not of which aircraft it is.
    """
    events = (each for each in recording.read(with_reports=False) if isinstance(each, RecordedEvent))
    least_ms, most_ms = within_ms or (0, floor_ms(TIME_MAX))
    steps = [
        step
        for step in alert_steps(events)
        if step is not None and step.alert == alert and least_ms <= step.at_ms <= most_ms
    ]
    if not steps:
        known = f"{recording.path} does not tell of it"
        raise InvalidValueError(
            "alert", f"{known}; look at the console or GET /v1/alerts, or name --aircraft, --from and --to"
        )
    opened = [step.at_ms for step in steps if step.change == "opened"]
    if len(opened) > 1:
        times = ", ".join(rfc3339(instant_of(ms)) for ms in opened[-OPENED_TOLD_MAX:])
        reason = (
            f"{len(opened)} alerts had this id, as a watch that begins anew counts anew; opened at {times};"
            " name one by --from and --to"
        )
        raise InvalidValueError("alert", reason)
    newest = [step for step in steps if (step.a, step.b) == (steps[-1].a, steps[-1].b)]
    first = next(k for k in range(len(newest) - 1, -1, -1) if k == 0 or newest[k].change == "opened")
    last = newest[-1]
    aircraft = tuple(each for each in ((last.a, last.b) if last.kind == "encounter" else (last.a,)) if each)
    if not aircraft:
        raise InvalidValueError("alert", f"{alert} is about no aircraft; there is nothing to report")
    from_ms = newest[first].at_ms - AROUND_ALERT_MS
    to_ms = min(last.at_ms + AROUND_ALERT_MS, from_ms + round(WINDOW_MAX_S * 1_000.0))
    return aircraft, from_ms, to_ms


def make_incident(recording: Recording, logs: Sequence[ReadLog], wanted: Wanted) -> Incident:
    """Put together what is known of an incident.

    Args:
        recording: What was seen.
        logs: What was said, of each party.
        wanted: Which incident.

    Raises:
        InvalidValueError: There is no report of an aircraft then, an operation is claimed of another one, or
            there is too much of something.
    """
    for name, _, _ in wanted.flew:
        if name not in wanted.aircraft:
            raise InvalidValueError("flew", f"{name!r} is none of the aircraft of this report")
    margin_ms = round(MARGIN_S * 1_000.0)
    from_ms, to_ms = wanted.from_ms - margin_ms, wanted.to_ms + margin_ms
    parts: dict[str, dict[str, list[Reports]]] = {each: {} for each in wanted.aircraft}
    events: list[RecordedEvent] = []
    gaps: list[str] = []
    for entry in recording.read(from_ms, to_ms + LATE_MS):
        if isinstance(entry, Reports):
            _add(parts, entry, from_ms, to_ms)
        elif isinstance(entry, RecordedEvent):
            events.append(entry)
        elif isinstance(entry, RecordedNote):
            gaps.append(f"The recording says: {entry.text}.")
    gaps += [f"The recording is damaged: {each}." for each in recording.damages if not each.is_torn]
    told = list(alert_steps(events))
    steps = tuple(step for step in told if step is not None and _is_wanted(step, wanted))
    if unread := told.count(None):
        gaps.insert(0, f"{count_text(unread, 'step')} of alerts left out, as not readable.")
    if len(steps) > QUOTED_MAX:
        gaps.insert(
            0, f"The last {len(steps) - QUOTED_MAX:,} steps of alerts are left out: there are too many."
        )
    if len(gaps) > QUOTED_MAX:
        rest = len(gaps) - QUOTED_MAX + 1
        gaps[QUOTED_MAX - 1 :] = [f"The recording has {rest:,} more notes and damaged parts."]
    aircraft = tuple(_aircraft(each, parts[each], wanted, logs) for each in wanted.aircraft)
    quoted = quote(
        logs,
        wanted.from_ms,
        wanted.to_ms,
        places_of(aircraft),
        {(flew.party, flew.id) for each in aircraft for flew in each.flew},
    )
    return Incident(
        claimant=wanted.claimant,
        claim=wanted.claim,
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        aircraft=aircraft,
        rule_set=wanted.rule_set.name,
        rule=_rule_between(wanted.rule_set, aircraft),
        degraded_s=wanted.degraded_s,
        declared=quoted.declared,
        receipts=quoted.receipts,
        messages=quoted.messages,
        alerts=steps[:QUOTED_MAX],
        gaps=tuple(gaps),
    )


def _add(parts: dict[str, dict[str, list[Reports]]], reports: Reports, from_ms: int, to_ms: int) -> None:
    for aircraft, by_source in parts.items():
        name = aircraft
        if aircraft.startswith(f"{reports.source}/"):
            name = aircraft.removeprefix(f"{reports.source}/")
        elif aircraft not in reports.ids:
            continue
        rows = np.array([row for row, each in enumerate(reports.ids) if each == name], dtype=np.int64)
        times = reports.at_ms[rows]
        rows = rows[(times >= from_ms) & (times <= to_ms)]
        if len(rows):
            by_source.setdefault(reports.source, []).append(taken_rows(reports, rows))


def _aircraft(
    name: str, by_source: dict[str, list[Reports]], wanted: Wanted, logs: Sequence[ReadLog]
) -> ObservedAircraft:
    if not by_source:
        raise InvalidValueError("aircraft", f"there is no report of {name!r} then; see the id and the times")
    sources = tuple(joined(by_source[source]) for source in sorted(by_source))
    party = _usual(word for each in sources for word in each.parties)
    callsign = _usual(word for each in sources for word in each.callsigns)
    kind = _usual(
        each.value for reports in sources for each in reports.kinds if each is not TrackKind.UNKNOWN
    )
    operations = sorted({word for each in sources for word in each.operations if word is not None})
    return ObservedAircraft(
        id=name,
        party=None if party is None else PartyId(party),
        kind=TrackKind.UNKNOWN if kind is None else TrackKind(kind),
        callsign=callsign,
        flew=tuple(_flew(name, operations, callsign, wanted, logs)),
        sources=sources,
    )


def _usual(words: Iterable[str | None]) -> str | None:
    """Return the word that is told most often; None if none is."""
    counted = Counter(word for word in words if word is not None)
    return min(counted, key=lambda word: (-counted[word], word), default=None)


def _flew(
    name: str, operations: Sequence[str], callsign: str | None, wanted: Wanted, logs: Sequence[ReadLog]
) -> list[Flew]:
    """Return which operations an aircraft is said to have flown, and by what."""
    found: dict[tuple[PartyId, ItemId], FlewBy] = {}
    for log in logs:
        for statement in log.statements:
            if not isinstance(statement.body, ItemSaid):
                continue
            key = log.party, statement.body.id
            if statement.body.id in operations or f"{log.party}:{statement.body.id}" in operations:
                found[key] = FlewBy.REPORTED
            elif callsign is not None and _has_callsign(statement, callsign, wanted):
                found.setdefault(key, FlewBy.CALLSIGN)
    for aircraft, party, item_id in wanted.flew:
        if aircraft == name:
            found.setdefault((party, item_id), FlewBy.CLAIMED)
    return [Flew(*key, found[key]) for key in sorted(found)]


def _has_callsign(statement: Statement, callsign: str, wanted: Wanted) -> bool:
    """Tell whether a statement is of an operation with a callsign that is about then."""
    item = version_of(statement).item
    return (
        isinstance(item, OperationalIntent)
        and item.callsign == callsign
        and any(
            each.time.start_ms <= wanted.to_ms and each.time.end_ms >= wanted.from_ms for each in item.volumes
        )
    )


def places_of(aircraft: Sequence[ObservedAircraft]) -> Floats:
    """Return the unit vectors of all positions reported, shape (n, 3)."""
    sources = [reports for each in aircraft for reports in each.sources]
    lat = np.concatenate([each.latitude_deg for each in sources] or [np.empty(0)])
    lng = np.concatenate([each.longitude_deg for each in sources] or [np.empty(0)])
    return unit_vectors(lat, lng)


def _rule_between(rule_set: RuleSet, aircraft: Sequence[ObservedAircraft]) -> AnyRule | None:
    """Return the rule that applies between two aircraft; None for one, or where none does."""
    if len(aircraft) != 2:
        return None
    kinds = [None if each.kind is TrackKind.UNKNOWN else each.kind.value for each in aircraft]
    tables = tables_of(rule_set, [each.party for each in aircraft], kinds)
    number = int(tables.in_force[tables.of_track[0], tables.of_track[1]])
    return rule_set.rules[number] if number >= 0 else None


def _is_wanted(step: AlertStep, wanted: Wanted) -> bool:
    about = {step.a, step.b} & set(wanted.aircraft)
    is_pair = step.kind == "encounter" and len(wanted.aircraft) == 2
    return step.alert == wanted.alert or (len(about) == 2 if is_pair else bool(about))


def needed_parties(incident: Incident) -> set[str]:
    """Return whose logs a report needs: of who is quoted, of the claimant, and whose the aircraft are.

    The others are left out: what they said is not the business of whoever gets the report.
    """
    quoted = {each.ref.party for each in incident.declared} | {each.party for each in incident.receipts}
    whose = {each.party for each in incident.aircraft if each.party is not None}
    return {incident.claimant, *quoted, *whose, *(each.by for each in incident.messages)}


# -- the files --------------------------------------------------------------------------------------


def report_files(
    incident: Incident, proofs: Mapping[str, bytes], verifier: bytes, key: SigningKey | None, now: datetime
) -> dict[str, bytes]:
    """Make the files of a report.

    Args:
        incident: What is claimed.
        proofs: The exports of logs that are quoted, by party.
        verifier: The program that verifies them.
        key: The key of the claimant's node; None to leave the report unsigned.
        now: What time it is.

    Returns:
        The files, by their names.
    """
    findings = judge_incident(incident)
    evidence = encode_incident(incident)
    files = {
        EVIDENCE: evidence,
        FINDINGS: encode_findings(findings),
        **{f"proofs/{party}.json": data for party, data in proofs.items()},
    }
    if proofs:
        files[VERIFIER] = verifier
    page = incident_page(
        incident, findings, digests=digests_of(files), is_signed=key is not None, version=VERSION
    )
    files[PAGE] = page
    manifest = encode_manifest(
        Manifest(by=incident.claimant, at_ms=floor_ms(now), version=VERSION, digests=digests_of(files))
    )
    files[MANIFEST] = manifest
    if key is not None:
        files[SIGNATURE] = encode_jws(REPORT_TYPE, key.kid, manifest, key.sign).encode()
    return files


def told_lines(incident: Incident, path: str, *, is_signed: bool) -> Iterator[str]:
    """Yield what a report comes to, for who makes it."""
    word, sentence, _ = headline(judge_incident(incident))
    yield f"{path}: {word}"
    yield f"  {sentence}"
    for each in incident.aircraft:
        sources = count_text(len(each.sources), "source")
        yield f"  {each.id}: {count_text(each.report_count, 'report')} of {sources}"
    quoted = (
        (incident.declared, "declaration"),
        (incident.receipts, "receipt"),
        (incident.messages, "message"),
    )
    yield f"  quoted: {', '.join(count_text(len(some), what) for some, what in quoted)}"
    if not is_signed:
        yield "  NOT SIGNED: nothing shows whose it is"
    yield "The other party verifies it with:"
    yield f"  keepclear report verify {path} --card {incident.claimant}.card"
