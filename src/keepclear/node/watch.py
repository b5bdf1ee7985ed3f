"""Watch: what is seen against what was said, and against what else is in the air, once a cycle.

It computes only: reports, items and the time come in, and the same in the same order always gives the same
out, live as in a replay. What is not seen, or cannot be judged, is told with the reason (`Cycle.blind`): no
alert means something only where that is empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from keepclear.core import encounter_signals
from keepclear.core.alert_book import AlertBook
from keepclear.core.alerts import Alert, AlertEvent, AlertSettings
from keepclear.core.conformance import Conformance
from keepclear.core.conformance_findings import (
    AssignedBy,
    Assignment,
    ConformanceCycle,
    ConformanceSettings,
    Coverage,
    Declared,
    Ignorance,
)
from keepclear.core.containment import Certainty
from keepclear.core.encounter_signals import EncounterPath
from keepclear.core.encounters import TooManyEncountersError
from keepclear.core.errors import KeepclearError
from keepclear.core.findings import Judged
from keepclear.core.foresight import Foreseen, NotPredicted, foresee
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId, OperationalIntent
from keepclear.core.level_off import declared_level_offs
from keepclear.core.lingering import lingering as find_lingering
from keepclear.core.notice import Seen
from keepclear.core.reports import Reports
from keepclear.core.rules import RuleSet
from keepclear.core.separation import judge
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency
from keepclear.core.track_intake import Taken
from keepclear.core.track_picture import Ageing, TrackPicture, TrackStatus
from keepclear.core.track_table import TRACKS_MAX, Forgotten, TrackTable, TrailPoint
from keepclear.node.blind_spots import Refusals, blind_spots, shortened

CLOCK_BACK_MS: Final = 5_000
"""When the clock steps back by more, all tracks are forgotten: beside the reports that come from now on they
would be the newer ones, and look fresh for as long."""


class NotWatchedError(KeepclearError):
    """Something was asked for that the watch does not know.

    Args:
        what: What was asked for, as a sentence without a full stop.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """By what a watch judges.

    Attributes:
        rule_set: Which separation is kept between whom.
        ageing: When a track is how old.
        alerts: How alerts are confirmed, eased and cleared.
        conformance: What counts against a declaration.
        tracks_max: So many tracks are held.
    """

    rule_set: RuleSet
    ageing: Ageing = field(default_factory=Ageing)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    conformance: ConformanceSettings = field(default_factory=ConformanceSettings)
    tracks_max: int = TRACKS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known of one cycle besides reports and items.

    Attributes:
        coverage: Whether a source that could see an operation is live, for all or by operation.
        blind: Why something may not be seen, such as a silent feed, as sentences without a full stop.
        noticed: Which operations were given notice of for which zones.
        contacts: How tracks stand with incidents, by the id of the aircraft.
        ignorance: What is declared, and cannot be read here.
    """

    coverage: Coverage | bool = False
    blind: tuple[str, ...] = ()
    noticed: AbstractSet[tuple[ItemId, ItemId]] = frozenset()
    contacts: Mapping[str, str] = field(default_factory=dict)
    ignorance: Sequence[Ignorance] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cycle:
    """What one cycle came to.

    Attributes:
        at_ms: The instant, milliseconds since 1970.
        picture: All tracks.
        foreseen: Which of them are predicted, and how.
        conformance: How they stand to what is declared.
        judged: What the rule set finds; None where there were too many encounters to tell.
        events: What happened to alerts.
        alerts: All alerts that have not ended, the most urgent first.
        unlisted_count: Signals that have no alert for want of room.
        forgotten: Tracks that are no longer shown from now on.
        blind: What is not seen, or cannot be judged, and why; at most `BLIND_LISTED_MAX`.
    """

    at_ms: int
    picture: TrackPicture
    foreseen: Foreseen
    conformance: ConformanceCycle
    judged: Judged | None
    events: tuple[AlertEvent, ...]
    alerts: tuple[Alert, ...]
    unlisted_count: int
    forgotten: tuple[Forgotten, ...]
    blind: tuple[str, ...]

    def seen_of(self, item_id: ItemId) -> list[Seen]:
        """Return where the aircraft of an operation are seen.

        Those that are lost, that may be elsewhere than they say, or that only fly where the operation may be,
        are told as well, as being nobody knows where: they may need longer than the others.
        """
        return [
            self._seen(assignment)
            for assignment in self.conformance.assignments.values()
            if assignment.item == item_id
        ]

    def _seen(self, assignment: Assignment) -> Seen:
        picture = self.picture
        row = picture.ids.index(assignment.track)
        speed_mps = float(picture.ground_speed_mps[row])
        error_m = float(picture.horizontal_error_m[row]) + float(picture.age_s[row]) * speed_mps
        is_vague = (
            picture.status[row] == TrackStatus.LOST.code
            or picture.is_suspect[row]
            or assignment.by is AssignedBy.CONTAINMENT
            or math.isnan(error_m)
        )
        return Seen(
            aircraft=assignment.track,
            position=LatLng(float(picture.latitude_deg[row]), float(picture.longitude_deg[row])),
            error_m=math.inf if is_vague else error_m,
            speed_mps=speed_mps,
            at_ms=self.at_ms,
            is_inside=assignment.where is Certainty.INSIDE,
        )

    def paths(self, alert: Alert) -> Mapping[str, Sequence[EncounterPath]]:
        """Return where both aircraft of an encounter are and will be, by their ids; else nothing."""
        if alert.key.kind is not SignalKind.ENCOUNTER:
            return {}
        return encounter_signals.encounter_paths(self.foreseen, alert.signal)


class Watch:
    """See the module. One thread at a time may use it.

    Args:
        rules: By what it judges.
    """

    def __init__(self, rules: WatchRules) -> None:
        self.rules = rules
        self._table = TrackTable(rules.ageing, tracks_max=rules.tracks_max)
        self._conformance = Conformance(rules.conformance)
        self._book = AlertBook(rules.alerts)
        self._items: dict[ItemId, Declared] = {}
        self._refusals = Refusals()
        self._cycle_ms: int | None = None
        self._newest_ms = 0

    def take(self, reports: Reports) -> Taken:
        """Take reports of one source, and tell what became of them."""
        taken = self._table.take(reports)
        old = reports.received_ms - reports.at_ms > self.rules.ageing.forget_s * 1000.0
        self._refusals.note(reports.source, taken, int(old.sum()))
        return taken

    def forget_tracks(self) -> None:
        """Forget all tracks, as before a recording begins anew; alerts end as those of what nobody sees."""
        self._table = TrackTable(self.rules.ageing, tracks_max=self.rules.tracks_max)

    def hold(self, declared: Declared) -> None:
        """Hold an item, in place of the one with the same id."""
        self._items[declared.item.id] = declared
        self._conformance.hold(declared)

    def drop(self, item_id: ItemId) -> None:
        """Hold an item no longer; nothing happens where there is none with this id."""
        self._items.pop(item_id, None)
        self._conformance.drop(item_id)

    def acknowledge(self, alert_id: str, person: str, now_ms: int) -> AlertEvent:
        """Note that a person has read an alert.

        Raises:
            UnknownAlertError: There is none with this id.
        """
        return self._book.acknowledge(alert_id, person, now_ms)

    def trail(self, aircraft: str) -> Sequence[TrailPoint]:
        """Return where an aircraft was, oldest first; empty where it is not known."""
        return self._table.trail(aircraft)

    def ended_alerts(self) -> list[Alert]:
        """Return the alerts that have ended and are kept, the newest first."""
        return self._book.recent()

    def alert(self, alert_id: str) -> Alert | None:
        """Return an alert, ended or not; None where it is not known."""
        return self._book.find(alert_id)

    def cycle(self, now_ms: int, sight: Sight) -> Cycle:
        """Judge everything as it is at an instant.

        Args:
            now_ms: The instant, milliseconds since 1970.
            sight: What is known besides.
        """
        blind = [*sight.blind, *self._clock_words(now_ms), *self._refusals.words(now_ms)]
        forgotten = tuple(self._table.forgotten(now_ms))
        picture = self._table.picture(now_ms)
        conformance = self._conformance.check(
            picture,
            now_ms,
            coverage=sight.coverage,
            noticed=sight.noticed,
            contacts=sight.contacts,
            ignorance=sight.ignorance,
        )
        level_off_m = declared_level_offs(picture, conformance.assignments, self._items)
        foreseen = foresee(picture, level_off_m=level_off_m, contacts=sight.contacts)
        seen = _seen(picture)
        signals = [*self._of_declarations(conformance, seen), *_of_tracks(picture, conformance)]
        judged: Judged | None = None
        lingering: Mapping[SignalKey, Urgency] = {}
        try:
            found = judge(foreseen.air, self.rules.rule_set)
            signals += encounter_signals.signals(
                found, foreseen, self.rules.rule_set, present_since=self._book.present_since()
            )
            lingering = find_lingering(foreseen, self.rules.rule_set, self._book.open(), self.rules.alerts)
            judged = found
        except TooManyEncountersError as error:
            blind.append(f"encounters cannot be told: {error}")
        blind += blind_spots(picture, foreseen, conformance)
        lingering = {**self._not_looked_for(sight.coverage, foreseen, picture, conformance), **lingering}
        events = self._book.update(
            now_ms,
            signals,
            seen=seen,
            tracked=frozenset(picture.ids),
            judged=foreseen.judged,
            lingering=lingering,
            is_complete=judged is not None,
        )
        if self._book.unlisted_count:
            blind.append(f"{self._book.unlisted_count:,} signals have no alert, for want of room")
        return Cycle(
            at_ms=now_ms,
            picture=picture,
            foreseen=foreseen,
            conformance=conformance,
            judged=judged,
            events=tuple(events),
            alerts=tuple(self._book.open()),
            unlisted_count=self._book.unlisted_count,
            forgotten=forgotten,
            blind=shortened(blind),
        )

    def _of_declarations(self, conformance: ConformanceCycle, seen: AbstractSet[str]) -> Iterator[Signal]:
        """Tell what contradicts declarations, of tracks that are heard: of others nothing new is found."""
        has_operations = any(isinstance(each.item, OperationalIntent) for each in self._items.values())
        for signal in conformance.signals:
            # Where nobody has declared an operation, it tells nothing that a track is not declared.
            tells = has_operations or signal.key.kind is not SignalKind.UNDECLARED
            if tells and (not signal.key.a or signal.key.a in seen):
                yield signal

    def _clock_words(self, now_ms: int) -> Iterator[str]:
        """Look whether the clock has stepped back, and tell for how long that delays alerts."""
        if self._cycle_ms is not None and self._cycle_ms - now_ms > CLOCK_BACK_MS:
            self.forget_tracks()
        self._cycle_ms, self._newest_ms = now_ms, max(now_ms, self._newest_ms)
        behind_s = (self._newest_ms - now_ms) / 1000.0
        if behind_s * 1000.0 > CLOCK_BACK_MS:
            yield (
                f"the clock has stepped back: for {behind_s:,.0f} s nothing is confirmed, so that only what "
                "is lost, or soon will be, makes new alerts"
            )

    def _not_looked_for(
        self,
        coverage: Coverage | bool,
        foreseen: Foreseen,
        picture: TrackPicture,
        conformance: ConformanceCycle,
    ) -> dict[SignalKey, Urgency]:
        """Return the alerts besides encounters that this cycle could not look for: they are not over."""
        untold = {(each.track, each.item) for each in conformance.undecided}
        vague = {
            picture.ids[row] for row, why in foreseen.not_predicted.items() if why is not NotPredicted.LOST
        }
        found: dict[SignalKey, Urgency] = {}
        for alert in self._book.open():
            kind, aircraft, item_id = alert.key
            if kind is SignalKind.NOT_SEEN and (declared := self._items.get(ItemId(item_id))) is not None:
                is_covered = coverage if isinstance(coverage, bool) else coverage(declared)
                is_told = is_covered and ("", item_id) not in untold
            else:
                is_told = not (kind is SignalKind.ZONE_ENTRY and aircraft in vague)
            if not is_told:
                found[alert.key] = alert.urgency
        return found


def _seen(picture: TrackPicture) -> frozenset[str]:
    lost = TrackStatus.LOST.code
    codes = picture.status.tolist()
    return frozenset(aircraft for aircraft, code in zip(picture.ids, codes, strict=True) if code != lost)


def _of_tracks(picture: TrackPicture, conformance: ConformanceCycle) -> Iterator[Signal]:
    """Tell of tracks that cannot be believed, and of operations whose track is heard no more."""
    lost = TrackStatus.LOST.code
    for row, aircraft in enumerate(picture.ids):
        suspicion = picture.suspicions[row]
        if suspicion is not None:
            yield Signal(
                key=SignalKey(SignalKind.SPOOFING, aircraft, ""),
                urgency=Urgency.CAUTION,
                is_present=True,
                cause=f"the position of {aircraft} may be false: {suspicion}",
            )
        if picture.status[row] == lost and aircraft in conformance.assignments and not picture.on_ground[row]:
            item = conformance.assignments[aircraft].item
            age_s = float(picture.age_s[row])
            yield Signal(
                key=SignalKey(SignalKind.LOST, aircraft, item),
                urgency=Urgency.CAUTION,
                is_present=True,
                item=item,
                facts={"age_s": age_s},
                cause=f"nothing is heard of {aircraft}, which flies {item}, for {age_s:,.0f} s",
            )
