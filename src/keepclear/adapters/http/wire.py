"""The bodies of requests and answers, as they are on the wire; the OpenAPI description is made of them.

Items, findings and the volumes of areas are those of `codec`. A field that is not known is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from keepclear.codec.f3548 import wire as f3548

Role = Literal["viewer", "duty_officer", "administrator"]
Kind = Literal["operational_intent", "constraint"]
State = Literal["Accepted", "Activated", "Nonconforming", "Contingent", "Ended"]
StateEvent = Literal["activate", "leave volumes", "return", "declare contingency", "end"]
TrackKind = Literal["aeroplane", "helicopter", "drone", "vehicle", "unknown"]
Gap = Annotated[float, Meta(ge=0.0)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
TokenText = Annotated[str, Meta(min_length=1, max_length=200)]


class Given(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of what a request gives."""


class Told(msgspec.Struct, kw_only=True):
    """The base of what an answer tells."""


class Problem(Told):
    """What is wrong with a request: where, and the way out."""

    field: str
    reason: str


class By(Told):
    """Who made a version."""

    party: str
    person: str


class Record(Told):
    """One version of an item. `standing` is how it was judged when it was made."""

    item: f3548.Entry
    version: int
    seq: int
    standing: Literal["clear", "conflicting", "received"]
    by: By
    at: str
    withdrawn: bool


class Side(Told):
    """One of the two items of a finding; `volume` is the one that the witness lies in."""

    id: str
    party: str | None
    priority: int
    kind: Kind
    volume: int


class Witness(Told):
    """Where, when and how deep two items meet. A null is infinite."""

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


class Finding(Told):
    """Two items that meet."""

    verdict: Literal["conflict", "notice_required", "near_miss"]
    a: Side
    b: Side
    witness: Witness
    volume_pairs: list[tuple[int, int]]


class Breach(Told):
    """An operation that is on the other party's side of an altitude split while that applies.

    Its party `stays` below or above the altitude; `volumes` reach beyond it, by `reach_m` at most (null:
    without a bound).
    """

    id: str
    party: str
    peer: str
    stays: Literal["below", "above"]
    altitude_m: float
    reach_m: float | None
    volumes: list[int]
    time_start: str
    time_end: str


class ProblemDetails(Told, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    problems: list[Problem] = []
    findings: list[Finding] | None = None
    breaches: list[Breach] | None = None
    record: Record | None = None


class Changed(Told):
    """What a change came to: the item as it stands, what it meets, what was taken for what is missing."""

    record: Record
    findings: list[Finding] = []
    breaches: list[Breach] = []
    assumptions: list[str] = []


class ItemsQuery(Given):
    """Which items a list shows; `include=ended` shows those that are over too."""

    limit: Annotated[int, Meta(ge=1)] = 100
    after: str = ""
    kind: Kind | None = None
    party: str | None = None
    state: State | None = None
    include: Literal["ended"] | None = None


class PageQuery(Given):
    """A page: at most so many, after so many."""

    limit: Annotated[int, Meta(ge=1)] = 100
    after: Annotated[int, Meta(ge=0, le=2**62)] = 0


class StreamQuery(Given):
    """From which entry of the log a stream goes on; the header `Last-Event-ID` counts more."""

    after: Annotated[int, Meta(ge=0, le=2**62)] | None = None


class ReadQuery(Given):
    """The name of a file; its ending tells the format."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]


class NoQuery(Given):
    """Nothing may be given in the query."""


class Items(Told):
    """A page of items, sorted by id; `next` is the `after` of the page that follows."""

    items: list[Record]
    next: str | None
    seq: int
    now: str


class History(Told):
    """Versions of an item, oldest first; `next` is the `after` of the page that follows."""

    versions: list[Record]
    next: int | None


class Event(Told):
    """An entry of the log."""

    seq: int
    kind: Literal["declared", "amended", "state_changed", "withdrawn"]
    record: Record


class Events(Told):
    """A page of the log; `next` is the `after` of the page that follows."""

    events: list[Event]
    next: int | None


class StateChange(Given):
    """What changes the state of an operation."""

    event: StateEvent


class BufferBody(Given):
    """The gap to leave, instead of the one that the node keeps."""

    lateral_m: Gap = 0.0
    vertical_m: Gap = 0.0
    time_s: Gap = 0.0


class AreaQuery(Given):
    """A volume during a window of time, and how many items to tell of it at most."""

    area: f3548.Volume4D
    limit: Annotated[int, Meta(ge=1)] = 100


class Found(Told):
    """What is in an area, sorted by id."""

    items: list[Record]
    truncated: bool
    seq: int
    now: str


class CheckBody(Given):
    """An item to judge, declared or not; nothing is stored."""

    item: f3548.Entry
    buffer: BufferBody | None = None


class CheckedAmong(Told):
    """What a check looked at. `reason` says why it cannot decide."""

    operations: int
    zones: int
    seq: int
    now: str
    buffer: dict[str, float]
    reason: str | None = None


class Answer(Told):
    """What a check answers."""

    answer: Literal["clear", "conflict", "cannot_decide"]
    findings: list[Finding]
    total: int
    checked: CheckedAmong
    breaches: list[Breach] = []
    breach_total: int = 0
    next: int | None = None
    assumptions: list[str] = []


class LimitsBody(Given):
    """How far to look for changes."""

    time_s: float = 7_200.0
    altitude_m: float = 600.0
    lateral_m: float = 20_000.0
    lowest_m: float | None = None
    not_before: str | None = None


class ResolveBody(Given):
    """The item to clear: a declared one by its id, or one that is given."""

    id: Name | None = None
    item: f3548.Entry | None = None
    limits: LimitsBody | None = None
    buffer: BufferBody | None = None


class ForcedBy(Told):
    """The pair of volumes that forbids a smaller change."""

    id: str
    own_volume: int
    other_volume: int


class Change(Told):
    """A change that clears an item, and the item as it would have it; `reason` as of the item itself."""

    change: str
    time_shift_s: float
    altitude_shift_m: float
    lateral_m: float
    bearing_deg: float | None
    is_smallest: bool
    forced_by: list[ForcedBy]
    item: f3548.Entry
    reason: str | None


class Undecided(Told):
    """A kind of change that was not fully looked for, and why."""

    change: str
    reason: str


class Resolved(Told):
    """The changes that clear an item; `reason` says why it cannot be told whether anything is in the way."""

    id: str
    clear: bool
    conflicts: list[Finding]
    changes: list[Change]
    none_within: list[str]
    undecided: list[Undecided]
    limits: dict[str, float]
    reason: str | None


class Assumption(Told):
    """What a file leaves open, and what was taken for it."""

    item: str
    text: str


class FileProblem(Told):
    """What is wrong in a file."""

    item: str
    field: str
    reason: str


class ReadAnswer(Told):
    """What a file holds; nothing is stored."""

    items: list[f3548.Entry]
    problems: list[FileProblem]
    assumptions: list[Assumption]


class SessionBody(Given):
    """The token to sign in with; a demonstration node needs none."""

    token: TokenText | None = None


class NodeTold(Told):
    """Whose node it is, and what it decides."""

    party: str
    name: str
    conflicts: Literal["refuse", "record"]
    is_demonstration: bool
    version: str


class SessionTold(Told):
    """Who is signed in, and what time it is at the node. `csrf` is only for cookies."""

    party: str
    person: str
    role: Role
    csrf: str | None
    node: NodeTold
    now: str
    speed: float
    seq: int


class TrackBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Where something was at an instant: degrees, metres above the ellipsoid, metres a second."""

    id: str
    at: str
    lat: float
    lng: float
    altitude_m: float | None = None
    ground_speed_mps: float | None = None
    track_deg: float | None = None
    vertical_rate_mps: float | None = None
    party: str | None = None
    kind: TrackKind = "unknown"
    pressure_altitude_ft: float | None = None
    horizontal_error_m: float | None = None
    vertical_error_m: float | None = None
    on_ground: bool = False
    callsign: str | None = None
    squawk: str | None = None
    operation: str | None = None


class TracksBody(Given):
    """Positions, at most as many as the node holds tracks."""

    positions: list[TrackBody]


class Ignored(Told):
    """A position that was not taken, and why."""

    index: int
    reason: str


class TracksTaken(Told):
    """What became of positions; `not_taken` counts why some that were not ignored change nothing."""

    accepted: int
    ignored: list[Ignored]
    not_taken: dict[str, int]


class TokenIssue(Given):
    """For whom a token is, and for how long; without a party, for the one of the administrator."""

    person: Name
    role: Role
    party: Name | None = None
    days: Annotated[float, Meta(gt=0.0, le=366.0)] = 90.0


class TokenTold(Told):
    """A token without its secret."""

    id: str
    party: str
    person: str
    role: Role
    created: str
    expires: str
    revoked: str | None


class TokenIssued(TokenTold):
    """A token with its secret, which is told this once."""

    token: str


class Tokens(Told):
    """All tokens, the newest first."""

    tokens: list[TokenTold]


class Health(Told):
    """Whether the node works; `reason` says why not."""

    status: Literal["ok", "failing"]
    reason: str | None = None
    service: Literal["keepclear"] = "keepclear"


OpenApi = dict[str, Any]
