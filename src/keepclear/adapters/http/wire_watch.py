"""The bodies of the watch: tracks as they are judged, alerts, feeds, the whole at an earlier moment."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from keepclear.adapters.http.wire import Given, Told, TrackKind
from keepclear.codec.f3548 import wire as f3548

TrackStatusWord = Literal["current", "coasting", "degraded", "lost"]
UrgencyWord = Literal["advisory", "caution", "warning"]
StandingWord = Literal[
    "inside", "excursion", "contingent", "undeclared", "early", "late", "on_ground", "not_judged"
]
AlertStateWord = Literal["open", "fading", "unseen", "cleared", "ended_unseen", "crowded_out"]
FeedStateWord = Literal["connecting", "live", "silent", "waiting", "ended", "failed"]
ALERTS_PAGE_MAX: Final = 500
"""So many alerts one answer holds at most."""


class WatchTrack(Told, omit_defaults=True):
    """One aircraft: where it was reported last, and how much that can be relied on.

    Degrees, metres, metres a second. `at` is when it was there; `error_m` grows with age. `standing` is how
    it stands to what is declared, `operation` which item it was found to fly.
    """

    id: str
    at: str
    lat: float
    lng: float
    status: TrackStatusWord
    age_s: float
    error_m: float
    altitude_m: float | None = None
    pressure_altitude_ft: float | None = None
    ground_speed_mps: float | None = None
    track_deg: float | None = None
    vertical_rate_mps: float | None = None
    party: str | None = None
    kind: TrackKind = "unknown"
    callsign: str | None = None
    squawk: str | None = None
    sources: tuple[str, ...] = ()
    on_ground: bool = False
    is_frozen: bool = False
    suspicion: str | None = None
    operation: str | None = None
    standing: StandingWord = "not_judged"


class WatchTracks(Told):
    """All aircraft, sorted by id, as of `now`: what the stream tells as `tracks`."""

    now: str
    tracks: list[WatchTrack]


class TrailPoint(Told):
    """Where an aircraft was."""

    at: str
    lat: float
    lng: float
    altitude_m: float | None


class TrackDetail(Told):
    """One aircraft with its trail, oldest first, and the other ids that were taken for it."""

    track: WatchTrack
    trail: list[TrailPoint]
    twins: list[str]


class AlertStep(Told):
    """Something that happened to an alert."""

    at: str
    change: str
    urgency: UrgencyWord
    cause: str
    by: str | None = None


class PathPoint(Told):
    """Where an aircraft of an encounter is, or will be; `t_s` from `now`."""

    lat: float
    lng: float
    altitude_m: float | None
    t_s: float


class AlertBody(Told):
    """An alert with its history, oldest first.

    `kind` is one of docs/reference/alerts.md; `a` and `b` are ids of aircraft, or `b` that of an item.
    `state` is `open`; `fading` (found no more, not for long enough to say that it is over); `unseen` (nothing
    is heard any more of one of them: not the same as cleared); or one of the ends: `cleared`, `ended_unseen`,
    `crowded_out`. `facts` are numbers whose names end in their unit. `paths` are drawn, by ids of aircraft:
    where both of an encounter are now, when the loss begins, and when they are closest.
    """

    id: str
    kind: str
    a: str
    b: str
    state: AlertStateWord
    urgency: UrgencyWord
    peak_urgency: UrgencyWord
    is_present: bool
    t_in_s: float
    opened: str
    changed: str
    ended: str | None
    unseen_since: str | None
    present_since: str | None
    present_s: float
    rule: str | None
    level: str | None
    item: str | None
    item_version: int | None
    facts: dict[str, float]
    cause: str
    is_acknowledged: bool
    climbed: int
    history: list[AlertStep]
    paths: dict[str, list[PathPoint]]


class Alerts(Told):
    """Alerts, the most urgent first: what the stream tells as `alerts`, then only those that have not ended.

    `unlisted_count` are alerts for which there was no room.
    """

    now: str
    alerts: list[AlertBody]
    unlisted_count: int = 0


class FeedBody(Told):
    """How a feed is."""

    name: str
    address: str
    format: str
    state: FeedStateWord
    since: str
    last_received: str | None
    last_report: str | None
    report_count: int
    refused_count: int
    malformed_count: int
    dropped_count: int
    reconnect_count: int
    last_problem: str | None


class WatchState(Told):
    """What the watch does and does not see: what the stream tells as `watch`.

    `is_watching` is false where no feed is configured and nobody gave positions: then no alert means nothing.
    `blind` says in sentences what cannot be judged now.
    """

    now: str
    is_watching: bool
    rule_set: str
    cycle_took_ms: float
    feeds: list[FeedBody]
    by_status: dict[str, int]
    track_count: int
    pairs_cannot_exclude: int
    not_predicted_count: int
    blind: list[str]


class WatchMoment(Told):
    """Everything as it was known at an instant of the past: tracks with trails, alerts, items, feeds."""

    at: str
    tracks: list[WatchTrack]
    trails: dict[str, list[TrailPoint]]
    alerts: list[AlertBody]
    watch: WatchState
    items: list[f3548.Entry]


class RecordedSpan(Told):
    """A time of which there is a recording."""

    start: str
    end: str
    report_count: int
    bytes_count: int


class Recordings(Told):
    """What is recorded, the oldest first."""

    spans: list[RecordedSpan]


class MomentQuery(Given):
    """Which moment."""

    at: str


class AlertsQuery(Given):
    """Which alerts: also those that have ended."""

    ended: bool = False
    limit: Annotated[int, Meta(ge=1, le=ALERTS_PAGE_MAX)] = 100


class Acknowledging(Given):
    """An acknowledgement of an alert as urgent as it was read; refused where it is more urgent by now."""

    urgency: UrgencyWord = "warning"
