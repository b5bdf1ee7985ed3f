"""The bodies of the hotline: messages with their receipts and deadlines, channels, drills, drafts.

What other parties wrote stands in them as plain values. Sentences come in every language of the catalogue.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from keepclear.adapters.http.wire import BufferBody, Given, Name, Told
from keepclear.adapters.http.wire_logs import Hold, Limit, PartyName, Ref
from keepclear.core.messages import DRILL_CHARACTERS_MAX

MESSAGES_PAGE_MAX: Final = 100
"""So many messages one answer holds at most."""
CURSOR_CHARACTERS_MAX: Final = 600
"""The longest place in the list of messages that is taken."""

State = Literal["open", "standby", "timed_out", "closed", "corrected", "lapsed"]
ChannelWord = Literal["open", "degraded", "hold", "down", "unknown"]
PriorityWord = Literal["distress", "safety", "routine"]
WarningKind = Literal[
    "position_far",
    "notice_short",
    "notice_unknown",
    "notice_incomplete",
    "notice_late",
    "notice_emergency",
    "heard_differently",
    "answer_claimed",
    "answer_changed",
    "not_checked",
]
DrillName = Annotated[str, Meta(min_length=1, max_length=DRILL_CHARACTERS_MAX)]


class Texts(Told):
    """A sentence or a word in each language."""

    en: str
    ru: str
    ar: str


# -- the catalogue ----------------------------------------------------------------------------------


class CatalogueField(Told):
    """A field of a message: its kind says how its value is written."""

    name: str
    kind: str
    needed: bool
    labels: Texts


class CatalogueCode(Told):
    """What is true of all messages with a code; `answers` with what it is answered."""

    code: str
    speaker: Literal["officer", "node"]
    response: Literal["WU", "AN", "R", "N"]
    priority: PriorityWord
    humanitarian: bool
    valid_s: int
    fields: list[CatalogueField]
    answers: list[str]
    titles: Texts


class Catalogue(Told):
    """Everything that can be said; `words` are those of fixed sets, by set and word."""

    hash: str
    codes: list[CatalogueCode]
    words: dict[str, dict[str, Texts]]


# -- messages ---------------------------------------------------------------------------------------


class MessageRef(Told):
    """A message: its party, and its entry of the party's log."""

    party: str
    n: int


class Seen(Told):
    """Who read a message first at the party that was addressed, when, and in which entry of its log."""

    person: str
    at: str
    n: int


class Stood(Told):
    """The first standby."""

    person: str | None
    at: str
    ref: MessageRef


class Answered(Told):
    """The first answer that closes a dialogue."""

    person: str | None
    at: str
    code: str
    ref: MessageRef


class StepTaken(Told):
    """A step of the ladder that was taken while nobody had read a message."""

    step: Literal["second_path", "telephone", "next_officer", "senior", "third_party"]
    called: str | None
    at: str


class MessageDue(Told):
    """By when a message should be read and answered; null where it was, or need not be."""

    seen_at: str | None
    answered_at: str | None


class Affected(Told):
    """An operation that a notice meets, and whether it can get clear in time; null: it cannot be told.

    `aircraft` is its track, where it is seen: then the way from there counts.
    """

    id: str
    item: Ref | None
    party: str
    can_clear: bool | None
    needs_s: float | None
    given_s: float
    remaining_s: float
    distance_m: float | None
    aircraft: str | None = None


class Warned(Told, omit_defaults=True):
    """What is odd about a message."""

    kind: WarningKind
    texts: Texts
    field: str | None = None
    item: Ref | None = None
    distance_m: float | None = None
    bearing_deg: float | None = None
    affected: list[Affected] | None = None
    heard: Texts | None = None
    answer: Answered | None = None
    more: int | None = None


class Message(Told):
    """A message and what became of it; `state` is null where no answer is wanted."""

    ref: MessageRef
    number: str
    code: str
    to: str
    fields: dict[str, Any]
    answers: MessageRef | None
    corrects: MessageRef | None
    priority: PriorityWord
    valid_until: str
    drill: str | None
    sent_at: str
    person: str | None
    by_voice: bool
    titles: Texts
    texts: Texts
    state: State | None
    delivered: bool
    delivered_at: str | None
    seen: Seen | None
    stood_by: Stood | None
    answer: Answered | None
    replies: list[MessageRef]
    corrected_by: MessageRef | None
    steps: list[StepTaken]
    timed_out_at: str | None
    due: MessageDue
    late: bool
    delayed: bool
    expired: bool
    heard: bool | None
    ours: bool
    can_answer: list[str]
    warnings: list[Warned]


class Unnumbered(Told):
    """What somebody wrote down by voice without its number; `heard_by` and `n` say in which entry.

    Nobody knows which message it is, so it has no receipts and cannot be answered.
    """

    heard_by: str
    n: int
    person: str
    heard_at: str
    by: str
    to: str
    code: str
    fields: dict[str, Any]
    priority: PriorityWord
    valid_until: str
    expired: bool
    drill: str | None
    sent_at: str
    ours: bool
    titles: Texts
    texts: Texts
    warning: Texts


class Messages(Told):
    """Messages, the newest first; `next` is the `before` of the page that follows.

    On the first page stands, too, what was heard without a number, and how many more of that there are.
    """

    messages: list[Message]
    next: str | None
    unnumbered: list[Unnumbered]
    unnumbered_more: int


class MessagesQuery(Given):
    """Which messages; `open` for those that wait for somebody, `machine` for those of nodes too."""

    with_party: PartyName | None = field(name="with", default=None)
    open: bool = False
    drill: DrillName | None = None
    machine: bool = False
    before: Annotated[str, Meta(max_length=CURSOR_CHARACTERS_MAX)] | None = None
    limit: Limit = MESSAGES_PAGE_MAX


# -- drafts -----------------------------------------------------------------------------------------


class MessageDraft(Given):
    """A message; what is urgent by its code need not be said, nor until when it counts."""

    code: str
    to: PartyName
    fields: dict[str, Any] | UnsetType = UNSET
    answers: RefGiven | UnsetType = UNSET
    corrects: RefGiven | UnsetType = UNSET
    priority: str | UnsetType = UNSET
    valid_until: int | UnsetType = UNSET
    drill: str | UnsetType = UNSET


class RefGiven(Given):
    """A message: its party, and its entry of the party's log."""

    party: str
    n: int


class DraftGiven(Given):
    """What an officer wants to say: the kind of deed, who, and the fields of that kind."""

    kind: str
    person: Name
    items: list[Any] | UnsetType = UNSET
    item: Any | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    conflict: list[Any] | UnsetType = UNSET
    changes: list[Any] | UnsetType = UNSET
    counters: str | UnsetType = UNSET
    proposal: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    peer: str | UnsetType = UNSET
    message: MessageDraft | UnsetType = UNSET
    messages: list[RefGiven] | UnsetType = UNSET
    senior: bool | UnsetType = UNSET
    telephone: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    n: int | UnsetType | None = UNSET
    sent: int | UnsetType = UNSET


class Draft(Told):
    """The exact text to be signed, what it says, and what is odd about it."""

    payload: str
    typ: str
    texts: Texts | None
    warnings: list[Warned]


class SuggestionGiven(Given):
    """Which item is to change, and the one of the other party that it conflicts with."""

    item: Name
    other: Name


class Suggestion(Told):
    """A change that clears a conflict, and the fields of a draft that proposes it."""

    change: Literal["time", "altitude", "time_and_altitude", "lateral"]
    time_shift_s: float
    altitude_shift_m: float
    lateral_m: float
    bearing_deg: float | None
    is_smallest: bool
    reason: str | None
    propose: dict[str, Any]


class Suggestions(Told):
    """The smallest changes of an item that clear it, of each kind that there is one of."""

    suggestions: list[Suggestion]
    none_within: list[str]


# -- channels ---------------------------------------------------------------------------------------


class ChannelReason(Told):
    """Why a channel is as it is."""

    code: str
    texts: Texts


class ChannelSaid(Told):
    """What the node of the other party says of the channel."""

    state: ChannelWord
    at: str


class Split(Told):
    """Who stays below a height while fallback applies."""

    below: str
    altitude_m: float


class FallbackTold(Told):
    """What applies between the two parties while the line is held or cut."""

    applies: bool
    since: str | None
    buffer: BufferBody | None
    split: Split | None
    breaches: list[str]
    breach_total: int


class Holds(Told):
    """Who suspends the dialogue."""

    ours: Hold | None
    theirs: Hold | None


class MachineTest(Told):
    """The latest test of the line by the node itself; `ok` is null while its answer may still come."""

    at: str
    round_trip_s: float | None
    ok: bool | None


class HumanTest(Told):
    """The latest test of the line that people made and answered."""

    at: str
    person: str | None
    ref: MessageRef


class Duty(Told):
    """An officer on duty."""

    person: str
    since: str
    senior: bool
    telephone: str


class Rosters(Told):
    """Who is on duty, the one who came first at the front."""

    ours: list[Duty]
    theirs: list[Duty]


class ReceivedTold(Told):
    """How many entries of each log the other node has, as far as it showed."""

    ours_by_them: int | None
    theirs_by_us: int


class Waiting(Told):
    """What of the other party waits for somebody of this one, and how urgent the most urgent is."""

    count: int
    oldest_at: str | None
    priority: PriorityWord | None


class Channel(Told):
    """The channel to a party: what this node makes of it, and what the other says."""

    party: str
    state: ChannelWord
    since: str | None
    reasons: list[ChannelReason]
    theirs: ChannelSaid | None
    differs: bool
    link: Literal["up", "late", "cut", "off"] | None
    unheard_s: float | None
    hold: Holds
    fallback: FallbackTold
    machine_test: MachineTest | None
    human_test: HumanTest | None
    on_duty: Rosters
    received: ReceivedTold
    waiting: Waiting


class Channels(Told):
    """The channels to all other parties, sorted by party."""

    channels: list[Channel]


# -- drills -----------------------------------------------------------------------------------------


class DrillQuery(Given):
    """With whom."""

    with_party: PartyName = field(name="with")


class Drill(Told):
    """A drill that a message names; over once both parties ended it."""

    name: str
    between: list[str]
    started_at: str
    over: bool


class Drills(Told):
    """All drills, sorted by name and parties."""

    drills: list[Drill]


class DrillExchange(Told):
    """A message of a drill; how long it took, by the clocks of both sides; null while it did not happen."""

    message: Message
    seen_after_s: float | None
    answered_after_s: float | None
    missing: bool


class DrillSaid(Told):
    """A code that a party said."""

    party: str
    code: str


class DrillLine(Told):
    """What a drill was to hold and does not."""

    by: Literal["first", "second", "either"]
    code: str


class DrillEnding(Told):
    """That a party ended a drill; `same` tells whether its report is the one made here, or null."""

    ref: MessageRef
    person: str | None
    at: str
    symbols: str
    same: bool | None


class DrillReport(Told):
    """What two parties exercised. `symbols` stand for it, but not for when messages were delivered.

    `more` are the exchanges that are left out because there are too many.
    """

    name: str
    between: list[str]
    started_by: str | None
    started_at: str | None
    exchanges: list[DrillExchange]
    more: int
    said: list[DrillSaid]
    missing: list[DrillLine]
    endings: list[DrillEnding]
    symbols: str
