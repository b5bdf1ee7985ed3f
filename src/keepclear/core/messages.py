"""Messages of the hotline: a code and typed fields, so that each side reads them in its own language.

The table `MESSAGES` says of each code who sends it, what it holds, how it is answered and how urgent it is.
Positions and volumes are items that were declared or coordinates, never text; free text is no answer and
closes nothing. What becomes of a message is told by `hotline`, its sentence by `codec.catalogue`.

Source:
    The response classes are those of controller-pilot data link messages (ICAO Doc 10037); the order of
    priorities is that of ICAO Annex 10, volume II.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, assert_never

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.refs import ItemRef, MessageRef, check_text
from keepclear.core.times import TIME_MAX, floor_ms

DEGREE_STEPS: Final = 100_000
"""A position is told in so many steps a degree: 1.1 m of latitude, as people can read it out."""
FREE_TEXT_CHARACTERS_MAX: Final = 500
"""The most characters of free text."""
CALL_SIGN_CHARACTERS_MAX: Final = 16
"""The most characters of a call sign."""
PERSON_CHARACTERS_MAX: Final = 100
"""The most characters of a person's name in a message."""
DRILL_CHARACTERS_MAX: Final = 64
"""The most characters of the name of a drill."""
VALID_MAX_MS: Final = 31 * 86_400_000
"""No message counts for longer than this after it was sent."""


class Code(Enum):
    """What a message says. Its value stands in statements and on paper and never changes."""

    NOTICE_OPERATION = "notice_operation"
    NOTICE_CHANGE = "notice_change"
    NOTICE_END = "notice_end"
    NOTICE_ZONE = "notice_zone"
    CONFLICT_NOTICE = "conflict_notice"
    REQUEST_LATER = "request_later"
    REQUEST_LEVEL = "request_level"
    REQUEST_KEEP_CLEAR = "request_keep_clear"
    REQUEST_STOP = "request_stop"
    REQUEST_RESUME = "request_resume"
    REQUEST_POSITION = "request_position"
    POSITION_REPORT = "position_report"
    REQUEST_IDENTITY = "request_identity"
    IDENTITY_REPORT = "identity_report"
    REQUEST_CONTACT = "request_contact"
    IS_YOURS = "is_yours"
    UNANSWERED_CALL = "unanswered_call"
    FLIGHT_PARAMETERS = "flight_parameters"
    DISTRESS = "distress"
    LOST_AIRCRAFT = "lost_aircraft"
    PERSONS_AT = "persons_at"
    SEARCH_AREA = "search_area"
    DISTRESS_OVER = "distress_over"
    SITE_NOTICE = "site_notice"
    MOVEMENT_NOTICE = "movement_notice"
    LEG_START = "leg_start"
    LEG_END = "leg_end"
    MOVEMENT_DELAYED = "movement_delayed"
    WILL_COMPLY = "will_comply"
    UNABLE = "unable"
    STANDBY = "standby"
    ROGER = "roger"
    AFFIRM = "affirm"
    NEGATIVE = "negative"
    SAY_AGAIN = "say_again"
    LINE_TEST = "line_test"
    HANDOVER = "handover"
    TELEPHONE_CALL = "telephone_call"
    PICTURE_CHECKED = "picture_checked"
    DRILL_START = "drill_start"
    DRILL_END = "drill_end"
    FREE_TEXT = "free_text"
    MACHINE_TEST = "machine_test"
    MACHINE_TEST_ANSWER = "machine_test_answer"
    ESCALATED = "escalated"
    TIMED_OUT = "timed_out"
    CHANNEL = "channel"


class Response(Enum):
    """How a message is to be answered."""

    COMPLY = "WU"
    """Will comply, unable, or first standby."""
    AFFIRM = "AN"
    """Affirm, negative, or first standby."""
    ROGER = "R"
    """Roger: read and understood."""
    NONE = "N"
    """Not at all."""


class Priority(Enum):
    """How urgent a message is, most urgent first."""

    DISTRESS = "distress"
    SAFETY = "safety"
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return _RANKS[self]


_RANKS: Final = {priority: rank for rank, priority in enumerate(Priority)}


class Speaker(Enum):
    """Who sends a message."""

    OFFICER = "officer"
    """A duty officer, who signs it with a key of their own."""
    NODE = "node"
    """The node, by itself."""


class Reason(Enum):
    """Why a party is unable."""

    TOO_LATE = "too_late"
    WEATHER = "weather"
    FUEL = "fuel"
    TRAFFIC = "traffic"
    PERSONS_AT_RISK = "persons_at_risk"
    NO_CONTACT = "no_contact"
    NOT_OURS = "not_ours"
    NOT_PERMITTED = "not_permitted"
    OTHER = "other"


class Nature(Enum):
    """What is the matter with an aircraft or with people."""

    ENGINE = "engine"
    FIRE = "fire"
    FUEL = "fuel"
    MEDICAL = "medical"
    NO_RADIO = "no_radio"
    UNDER_THREAT = "under_threat"
    DOWN = "down"
    UNKNOWN = "unknown"


class CallResult(Enum):
    """What came of a call by telephone or radio."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CONTACT_AWAY = "contact_away"
    CUT_OFF = "cut_off"


class Step(Enum):
    """A step of the ladder that a message climbs while nobody has seen it."""

    SECOND_PATH = "second_path"
    TELEPHONE = "telephone"
    NEXT_OFFICER = "next_officer"
    SENIOR = "senior"
    THIRD_PARTY = "third_party"


class ChannelState(Enum):
    """How the channel between the people of two parties is; the link between their nodes is another thing."""

    OPEN = "open"
    """What is said is seen in time."""
    DEGRADED = "degraded"
    """A path is lost, or people are late."""
    HOLD = "hold"
    """A party suspends the dialogue; distress, zones, humanitarian notices and receipts go on."""
    DOWN = "down"
    """Nothing comes through."""
    UNKNOWN = "unknown"
    """It was not tried yet."""


class Unit(Enum):
    """In which unit a height was given."""

    METRES = "m"
    FEET = "ft"


class HeightAbove(Enum):
    """What a height is measured from."""

    ELLIPSOID = "W84"
    """The WGS84 ellipsoid."""
    SEA = "MSL"
    """Mean sea level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place, to the step in which people read it out.

    Attributes:
        latitude_e5: Degrees north, times `DEGREE_STEPS`.
        longitude_e5: Degrees east, times `DEGREE_STEPS`, from -180 to below 180 degrees.

    Raises:
        InvalidValueError: It is no place.
    """

    latitude_e5: int
    longitude_e5: int

    def __post_init__(self) -> None:
        if not -90 * DEGREE_STEPS <= self.latitude_e5 <= 90 * DEGREE_STEPS:
            raise InvalidValueError("latitude", f"{self.latitude_e5 / DEGREE_STEPS} is not within -90..90")
        if not -180 * DEGREE_STEPS <= self.longitude_e5 < 180 * DEGREE_STEPS:
            raise InvalidValueError("longitude", f"{self.longitude_e5 / DEGREE_STEPS} is not in -180..180")

    @property
    def latitude_deg(self) -> float:
        """Degrees north."""
        return self.latitude_e5 / DEGREE_STEPS

    @property
    def longitude_deg(self) -> float:
        """Degrees east."""
        return self.longitude_e5 / DEGREE_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Height:
    """A height as it was given.

    Attributes:
        value: How much, in the unit.
        unit: The unit.
        above: What it is measured from.

    Raises:
        InvalidValueError: It is out of range.
    """

    value: int
    unit: Unit
    above: HeightAbove

    def __post_init__(self) -> None:
        if not -5_000 <= self.value <= 400_000:
            raise InvalidValueError("value", f"{self.value} is no height of an aircraft")


class FieldKind(Enum):
    """What a field of a message holds."""

    ITEM = "item"
    """A version of an item: an `ItemRef`."""
    MESSAGE = "message"
    """A message: a `MessageRef`."""
    PARTY = "party"
    """A party: text."""
    POSITION = "position"
    """A place: a `Position`."""
    HEIGHT = "height"
    """A height: a `Height`."""
    INSTANT = "instant"
    """An instant: milliseconds since 1970, whole seconds."""
    DURATION = "duration"
    """A time span: whole seconds, 0 to 31 days."""
    DISTANCE = "distance"
    """A distance: whole metres, up to 1,000 km."""
    SPEED = "speed"
    """A speed: whole metres per second, up to 5,000."""
    TRACK = "track"
    """A direction of flight: whole degrees true, 0 to 359."""
    FREQUENCY = "frequency"
    """A radio frequency: whole kilohertz."""
    COUNT = "count"
    """How many: 0 to 1,000,000."""
    CALL_SIGN = "call_sign"
    """A call sign: capitals, digits and strokes."""
    PERSON = "person"
    """A person's name: text."""
    REASON = "reason"
    """A `Reason`."""
    NATURE = "nature"
    """A `Nature`."""
    RESULT = "result"
    """A `CallResult`."""
    STEP = "step"
    """A `Step`."""
    STATE = "state"
    """A `ChannelState`."""
    SYMBOLS = "symbols"
    """Check symbols: capitals and digits as `core.symbols` has them."""
    DRILL = "drill"
    """The name of a drill: text."""
    TEXT = "text"
    """Free text."""


Value = (
    ItemRef | MessageRef | Position | Height | Reason | Nature | CallResult | Step | ChannelState | int | str
)
"""What a field holds."""

WORDS: Final[dict[FieldKind, type[Enum]]] = {
    FieldKind.REASON: Reason,
    FieldKind.NATURE: Nature,
    FieldKind.RESULT: CallResult,
    FieldKind.STEP: Step,
    FieldKind.STATE: ChannelState,
}
"""Kinds of fields that hold one of a fixed set of words."""
_NUMBERS: Final[dict[FieldKind, tuple[int, int]]] = {
    FieldKind.INSTANT: (0, floor_ms(TIME_MAX)),
    FieldKind.DURATION: (0, 31 * 86_400),
    FieldKind.DISTANCE: (0, 1_000_000),
    FieldKind.SPEED: (0, 5_000),
    FieldKind.TRACK: (0, 359),
    FieldKind.FREQUENCY: (1, 10_000_000),
    FieldKind.COUNT: (0, 1_000_000),
}
_TEXTS: Final[dict[FieldKind, int]] = {
    FieldKind.PARTY: 256,
    FieldKind.CALL_SIGN: CALL_SIGN_CHARACTERS_MAX,
    FieldKind.PERSON: PERSON_CHARACTERS_MAX,
    FieldKind.SYMBOLS: 32,
    FieldKind.DRILL: DRILL_CHARACTERS_MAX,
    FieldKind.TEXT: FREE_TEXT_CHARACTERS_MAX,
}
_VALUES: Final[dict[FieldKind, type]] = {
    FieldKind.ITEM: ItemRef,
    FieldKind.MESSAGE: MessageRef,
    FieldKind.POSITION: Position,
    FieldKind.HEIGHT: Height,
    **WORDS,
}
_CALL_SIGN_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/")
_SYMBOL_CHARACTERS: Final = frozenset("ABCDEFGHJKMNPQRSTVWXYZ0123456789")


class Field(NamedTuple):
    """A field of a kind of message.

    Attributes:
        name: Its name, unique in the message.
        kind: What it holds.
        is_needed: Whether it must be there.
    """

    name: str
    kind: FieldKind
    is_needed: bool = True


class MessageType(NamedTuple):
    """What is true of all messages with a code.

    Attributes:
        response: How it is answered.
        priority: How urgent it is; a sender may raise it.
        fields: What it holds, in the order in which it is written, shown and read out.
        valid_s: How long it counts unless the sender says otherwise, seconds.
        speaker: Who sends it.
        reports: Further messages that answer it, and close the dialogue.
        is_humanitarian: Whether it goes on while the dialogue is suspended, as distress does.
    """

    response: Response
    priority: Priority
    fields: tuple[Field, ...]
    valid_s: int
    speaker: Speaker = Speaker.OFFICER
    reports: tuple[Code, ...] = ()
    is_humanitarian: bool = False


_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_WU, _AN, _R, _N = Response.COMPLY, Response.AFFIRM, Response.ROGER, Response.NONE
_SS, _FF, _GG = Priority.DISTRESS, Priority.SAFETY, Priority.ROUTINE
_K = FieldKind


def _optional(name: str, kind: FieldKind) -> Field:
    return Field(name, kind, is_needed=False)


MESSAGES: Final[dict[Code, MessageType]] = {
    # -- what is going to happen ----------------------------------------------------------------
    Code.NOTICE_OPERATION: MessageType(
        _R, _FF, (Field("item", _K.ITEM), Field("begins", _K.INSTANT)), _DAY_S
    ),
    Code.NOTICE_CHANGE: MessageType(_R, _FF, (Field("item", _K.ITEM),), _DAY_S),
    Code.NOTICE_END: MessageType(_R, _GG, (Field("item", _K.ITEM),), _DAY_S),
    Code.NOTICE_ZONE: MessageType(_R, _FF, (Field("item", _K.ITEM),), _DAY_S, is_humanitarian=True),
    # -- conflicts ------------------------------------------------------------------------------
    Code.CONFLICT_NOTICE: MessageType(
        _R, _FF, (Field("ours", _K.ITEM), Field("yours", _K.ITEM)), _DAY_S
    ),
    Code.REQUEST_LATER: MessageType(
        _WU, _FF, (Field("item", _K.ITEM), Field("later", _K.DURATION)), _DAY_S
    ),
    Code.REQUEST_LEVEL: MessageType(
        _WU, _FF, (Field("item", _K.ITEM), Field("lower", _K.HEIGHT), Field("upper", _K.HEIGHT)), _DAY_S
    ),
    Code.REQUEST_KEEP_CLEAR: MessageType(
        _WU, _FF, (Field("item", _K.ITEM), Field("until", _K.INSTANT)), _DAY_S
    ),
    Code.REQUEST_STOP: MessageType(
        _WU, _SS, (Field("at", _K.POSITION), Field("radius", _K.DISTANCE), Field("nature", _K.NATURE)),
        _HOUR_S, is_humanitarian=True,
    ),
    Code.REQUEST_RESUME: MessageType(_WU, _GG, (), _DAY_S),
    # -- who is where ---------------------------------------------------------------------------
    Code.REQUEST_POSITION: MessageType(
        _WU, _FF, (Field("call_sign", _K.CALL_SIGN),), _HOUR_S, reports=(Code.POSITION_REPORT,)
    ),
    Code.POSITION_REPORT: MessageType(
        _R, _FF,
        (Field("call_sign", _K.CALL_SIGN), Field("at", _K.POSITION), Field("height", _K.HEIGHT, False),
         Field("seen_at", _K.INSTANT)),
        _HOUR_S,
    ),
    Code.REQUEST_IDENTITY: MessageType(
        _WU, _FF,
        (Field("at", _K.POSITION), _optional("height", _K.HEIGHT), Field("seen_at", _K.INSTANT)),
        _HOUR_S, reports=(Code.IDENTITY_REPORT,),
    ),
    Code.IDENTITY_REPORT: MessageType(
        _R, _FF, (Field("call_sign", _K.CALL_SIGN), _optional("item", _K.ITEM)), _HOUR_S
    ),
    Code.REQUEST_CONTACT: MessageType(
        _WU, _FF, (Field("call_sign", _K.CALL_SIGN), Field("frequency", _K.FREQUENCY)), _HOUR_S
    ),
    Code.IS_YOURS: MessageType(_AN, _FF, (Field("call_sign", _K.CALL_SIGN),), _HOUR_S),
    Code.UNANSWERED_CALL: MessageType(
        _R, _FF,
        (_optional("call_sign", _K.CALL_SIGN), Field("at", _K.POSITION), Field("frequency", _K.FREQUENCY),
         Field("calls", _K.COUNT), Field("since", _K.INSTANT)),
        _HOUR_S,
    ),
    Code.FLIGHT_PARAMETERS: MessageType(
        _R, _FF,
        (Field("call_sign", _K.CALL_SIGN), Field("at", _K.POSITION), Field("height", _K.HEIGHT),
         Field("track", _K.TRACK), Field("speed", _K.SPEED)),
        _HOUR_S,
    ),
    # -- people in danger -----------------------------------------------------------------------
    Code.DISTRESS: MessageType(
        _R, _SS,
        (Field("call_sign", _K.CALL_SIGN), Field("nature", _K.NATURE), Field("at", _K.POSITION),
         _optional("height", _K.HEIGHT), _optional("persons", _K.COUNT)),
        _DAY_S, is_humanitarian=True,
    ),
    Code.LOST_AIRCRAFT: MessageType(
        _R, _SS,
        (Field("call_sign", _K.CALL_SIGN), Field("last_at", _K.POSITION), Field("last_seen", _K.INSTANT),
         _optional("persons", _K.COUNT)),
        _DAY_S, is_humanitarian=True,
    ),
    Code.PERSONS_AT: MessageType(
        _R, _SS,
        (Field("at", _K.POSITION), Field("radius", _K.DISTANCE), _optional("persons", _K.COUNT),
         Field("nature", _K.NATURE)),
        _DAY_S, is_humanitarian=True,
    ),
    Code.SEARCH_AREA: MessageType(
        _WU, _SS, (Field("item", _K.ITEM), Field("until", _K.INSTANT)), _DAY_S, is_humanitarian=True
    ),
    Code.DISTRESS_OVER: MessageType(
        _R, _SS, (Field("about", _K.MESSAGE),), _DAY_S, is_humanitarian=True
    ),
    # -- humanitarian notices -------------------------------------------------------------------
    Code.SITE_NOTICE: MessageType(_R, _FF, (Field("item", _K.ITEM),), 7 * _DAY_S, is_humanitarian=True),
    Code.MOVEMENT_NOTICE: MessageType(
        _R, _FF,
        (Field("item", _K.ITEM), Field("begins", _K.INSTANT), Field("legs", _K.COUNT),
         _optional("persons", _K.COUNT)),
        3 * _DAY_S, is_humanitarian=True,
    ),
    Code.LEG_START: MessageType(
        _R, _FF, (Field("item", _K.ITEM), Field("leg", _K.COUNT), Field("at", _K.INSTANT)), _DAY_S,
        is_humanitarian=True,
    ),
    Code.LEG_END: MessageType(
        _R, _GG, (Field("item", _K.ITEM), Field("leg", _K.COUNT), Field("at", _K.INSTANT)), _DAY_S,
        is_humanitarian=True,
    ),
    Code.MOVEMENT_DELAYED: MessageType(
        _R, _FF, (Field("item", _K.ITEM), Field("leg", _K.COUNT), Field("begins", _K.INSTANT)), _DAY_S,
        is_humanitarian=True,
    ),
    # -- answers --------------------------------------------------------------------------------
    Code.WILL_COMPLY: MessageType(_N, _GG, (), _DAY_S),
    Code.UNABLE: MessageType(_N, _GG, (Field("reason", _K.REASON),), _DAY_S),
    Code.STANDBY: MessageType(_N, _GG, (), _DAY_S),
    Code.ROGER: MessageType(_N, _GG, (), _DAY_S),
    Code.AFFIRM: MessageType(_N, _GG, (), _DAY_S),
    Code.NEGATIVE: MessageType(_N, _GG, (), _DAY_S),
    Code.SAY_AGAIN: MessageType(_N, _GG, (), _DAY_S),
    # -- the line itself ------------------------------------------------------------------------
    Code.LINE_TEST: MessageType(_R, _GG, (), _HOUR_S),
    Code.HANDOVER: MessageType(
        _R, _GG, (Field("from", _K.PERSON), Field("by", _K.PERSON)), _HOUR_S
    ),
    Code.TELEPHONE_CALL: MessageType(
        _N, _GG, (Field("called", _K.PERSON), Field("result", _K.RESULT), _optional("about", _K.MESSAGE)),
        _DAY_S,
    ),
    Code.PICTURE_CHECKED: MessageType(
        _N, _FF, (Field("ours", _K.SYMBOLS), Field("heard", _K.SYMBOLS), _optional("differs", _K.ITEM)),
        _DAY_S,
    ),
    Code.DRILL_START: MessageType(_R, _GG, (Field("drill", _K.DRILL),), _DAY_S),
    Code.DRILL_END: MessageType(_R, _GG, (Field("drill", _K.DRILL), Field("report", _K.SYMBOLS)), _DAY_S),
    Code.FREE_TEXT: MessageType(_R, _GG, (Field("text", _K.TEXT),), _DAY_S),
    # -- what nodes say by themselves -----------------------------------------------------------
    Code.MACHINE_TEST: MessageType(_N, _GG, (), _HOUR_S, Speaker.NODE),
    Code.MACHINE_TEST_ANSWER: MessageType(
        _N, _GG, (Field("about", _K.MESSAGE),), _HOUR_S, Speaker.NODE
    ),
    Code.ESCALATED: MessageType(
        _N, _GG, (Field("about", _K.MESSAGE), Field("step", _K.STEP), _optional("called", _K.PERSON)),
        _DAY_S, Speaker.NODE,
    ),
    Code.TIMED_OUT: MessageType(_N, _GG, (Field("about", _K.MESSAGE),), _DAY_S, Speaker.NODE),
    Code.CHANNEL: MessageType(_N, _GG, (Field("state", _K.STATE),), _DAY_S, Speaker.NODE),
}  # fmt: skip
"""Every code; there are no other messages."""

CLOSING: Final[dict[Response, tuple[Code, ...]]] = {
    Response.COMPLY: (Code.WILL_COMPLY, Code.UNABLE),
    Response.AFFIRM: (Code.AFFIRM, Code.NEGATIVE),
    Response.ROGER: (Code.ROGER,),
    Response.NONE: (),
}
"""Which answers close a dialogue."""
ANSWER_CODES: Final[frozenset[Code]] = frozenset(
    {*(code for codes in CLOSING.values() for code in codes), Code.STANDBY, Code.SAY_AGAIN}
)
"""Messages that only make sense as an answer."""


def answers_to(code: Code) -> tuple[Code, ...]:
    """Return the messages with which a message can be answered, those that close the dialogue first."""
    of = MESSAGES[code]
    if of.response is Response.NONE:
        return ()
    waiting = (Code.STANDBY,) if of.response in (Response.COMPLY, Response.AFFIRM) else ()
    return (*CLOSING[of.response], *of.reports, *waiting, Code.SAY_AGAIN)


def closes(answer: Code, asked: Code) -> bool:
    """Tell whether an answer closes the dialogue that a message opened."""
    of = MESSAGES[asked]
    return answer in CLOSING[of.response] or answer in of.reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message from one party to another.

    Attributes:
        code: What it says.
        to: To whom; nobody else is asked for an answer.
        fields: What it says it of, by name, in the order of `MESSAGES`.
        answers: The message that it answers; None where it opens a dialogue.
        corrects: An earlier message of the same party and code that it takes the place of.
        priority: How urgent it is, at least as urgent as its code.
        valid_until_ms: Until when it counts, milliseconds since 1970.
        drill: Of which drill it is a part, and no more than an exercise; None where it is meant.

    Raises:
        InvalidValueError: A field is missing, unknown or out of range, an answer answers nothing, or it is
            less urgent than its code.
    """

    code: Code
    to: PartyId
    fields: tuple[tuple[str, Value], ...] = ()
    answers: MessageRef | None = None
    corrects: MessageRef | None = None
    priority: Priority
    valid_until_ms: int
    drill: str | None = None

    def __post_init__(self) -> None:
        check_text("to", self.to)
        of = MESSAGES[self.code]
        _check_fields(of, self.fields)
        if self.code in ANSWER_CODES and self.answers is None:
            raise InvalidValueError("answers", f"{self.code.value!r} answers a message; name which")
        if self.answers is not None and self.answers.party != self.to:
            raise InvalidValueError("answers", f"it is no message of {self.to!r}, to whom this one goes")
        if self.corrects is not None and self.corrects.party == self.to:
            raise InvalidValueError("corrects", "only who sent a message corrects it")
        if of.speaker is Speaker.NODE and (self.answers is not None or self.corrects is not None):
            raise InvalidValueError("answers", "what a node says by itself answers and corrects nothing")
        if self.priority.rank > of.priority.rank:
            raise InvalidValueError("priority", f"{self.code.value!r} is at least {of.priority.value!r}")
        if not 0 <= self.valid_until_ms <= floor_ms(TIME_MAX):
            raise InvalidValueError("valid_until", f"{self.valid_until_ms} is no instant")
        if self.drill is not None:
            check_text("drill", self.drill, DRILL_CHARACTERS_MAX)

    @property
    def values(self) -> Mapping[str, Value]:
        """What it says, by field."""
        return dict(self.fields)

    @property
    def type(self) -> MessageType:
        """What is true of all messages with its code."""
        return MESSAGES[self.code]


def _check_fields(of: MessageType, fields: tuple[tuple[str, Value], ...]) -> None:
    given = dict(fields)
    for field in of.fields:
        if field.name in given:
            check_value(field, given[field.name])
        elif field.is_needed:
            raise InvalidValueError(f"fields.{field.name}", "it is needed")
    order = [field.name for field in of.fields if field.name in given]
    unknown = [name for name, _ in fields if name not in order]
    if unknown:
        raise InvalidValueError(f"fields.{unknown[0]}", "this message has no such field")
    if [name for name, _ in fields] != order:
        raise InvalidValueError("fields", "each stands once, in the order of the catalogue")


def check_value(field: Field, value: Value) -> None:
    """Refuse a value that a field cannot hold.

    Raises:
        InvalidValueError: That is so.
    """
    name, kind = f"fields.{field.name}", field.kind
    if kind in _NUMBERS:
        least, most = _NUMBERS[kind]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValueError(name, f"{value!r} is not a whole number within {least}..{most}")
        if kind is FieldKind.INSTANT and value % 1_000:
            raise InvalidValueError(name, "an instant in a message is a whole second")
    elif kind in _TEXTS:
        if not isinstance(value, str):
            raise InvalidValueError(name, "it must be text")
        check_text(name, value, _TEXTS[kind])
        allowed = {_K.CALL_SIGN: _CALL_SIGN_CHARACTERS, _K.SYMBOLS: _SYMBOL_CHARACTERS}.get(kind)
        if allowed is not None and not set(value) <= allowed:
            raise InvalidValueError(name, "it may have capitals and digits only; write it as it is spelled")
    elif not isinstance(value, _VALUES[kind]):
        raise InvalidValueError(name, f"it must be a {kind.value}")


def readers_of(message: Message) -> str | None:
    """Return the only party, besides the sender, that may read a message; None where everybody may.

    Everybody may hear of people in danger and of what safety asks, and any party that stands between two
    others can hand it on; what is routine is between the two.
    """
    match message.priority:
        case Priority.DISTRESS | Priority.SAFETY:
            return None
        case Priority.ROUTINE:
            return message.to
        case _:
            assert_never(message.priority)
