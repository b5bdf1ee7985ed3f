"""Deeds: what officers of a party say to another party, each signed by the officer's own key.

A deed that exists is well formed. What it leads to is told by `negotiation` and `agreements`; who may
sign it, and how it travels in the party's log, is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn, assert_never

from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.messages import Message, Speaker
from keepclear.core.refs import ItemRef, MessageRef, check_text
from keepclear.core.times import TIME_MAX, floor_ms

ACKNOWLEDGED_MAX: Final = 1_000
"""So many versions of items one acknowledgement names at most."""
CHANGES_MAX: Final = 8
"""So many items one proposal changes at most."""
CHANGES_BYTES_MAX: Final = 400_000
"""What all items of one proposal become takes at most so many bytes."""
REASON_CHARACTERS_MAX: Final = 500
"""The most characters of a reason."""
PROPOSAL_ID_CHARACTERS_MAX: Final = ID_CHARACTERS_MAX + 65
"""The most characters of the id of a proposal: the party, a stroke, and 64 for the rest."""
NONCE_CHARACTERS_MAX: Final = 64
"""The most characters of what makes a deed one of its kind."""
AGREEMENT_BYTES_MAX: Final = 250_000
"""The most bytes of the text of an agreement."""
TELEPHONE_CHARACTERS_MAX: Final = 40
"""The most characters of a telephone number."""
_DIGEST_CHARACTERS: Final = 64


class DeedKind(Enum):
    """What an officer does by a deed."""

    ACKNOWLEDGE = "acknowledge"
    OBJECT = "object"
    PROPOSE = "propose"
    COUNTER = "counter"
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW_PROPOSAL = "withdraw_proposal"
    PROPOSE_AGREEMENT = "propose_agreement"
    ACCEPT_AGREEMENT = "accept_agreement"
    DECLINE_AGREEMENT = "decline_agreement"
    HOLD = "hold"
    RESUME = "resume"
    SEND_MESSAGE = "send_message"
    SEE_MESSAGES = "see_messages"
    GO_ON_DUTY = "go_on_duty"
    GO_OFF_DUTY = "go_off_duty"
    HEAR_BY_VOICE = "hear_by_voice"


class Refusal(Enum):
    """Why a deed is out of place."""

    NOT_YOURS = "not yours"
    """It speaks for a party that does not say it."""
    NOT_ADDRESSED = "not addressed"
    """It answers what was proposed to somebody else."""
    REPEATED = "repeated"
    """It was said before."""
    ANSWERED = "answered"
    """The party has answered already; its first answer counts."""
    UNKNOWN = "unknown"
    """It refers to what has not been proposed, as far as is known here."""
    CLOSED = "closed"
    """What it refers to is withdrawn, superseded, declined or countered."""
    ON_HOLD = "on hold"
    """The dialogue is suspended, and this is none of what goes on."""


class OutOfPlaceError(KeepclearError):
    """A deed does not fit what was said before; nothing was changed.

    Attributes:
        refusal: Why.
        reason: The same in words, as a clause without a full stop.
    """

    def __init__(self, refusal: Refusal, reason: str) -> None:
        self.refusal = refusal
        self.reason = reason
        super().__init__(f"{refusal.value}: {reason}")


def refuse(refusal: Refusal, reason: str) -> NoReturn:
    """Refuse a deed.

    Raises:
        OutOfPlaceError: Always.
    """
    raise OutOfPlaceError(refusal, reason)


def _check_each_once(field: str, named: Iterable[ItemRef | MessageRef], count_max: int) -> None:
    refs = list(named)
    if not 1 <= len(refs) <= count_max:
        raise InvalidValueError(field, f"{len(refs)} are not within 1 to {count_max:,}")
    if len(set(refs)) < len(refs):
        raise InvalidValueError(field, "it must name each once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A person saw these versions: what makes them *seen*.

    Attributes:
        items: The versions, each once.

    Raises:
        InvalidValueError: There are none or too many, or one stands twice.
    """

    items: tuple[ItemRef, ...]

    def __post_init__(self) -> None:
        _check_each_once("items", self.items, ACKNOWLEDGED_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A party does not agree with a version of an item.

    Attributes:
        item: The version.
        reason: Why.

    Raises:
        InvalidValueError: There is no reason, or it is too long.
    """

    item: ItemRef
    reason: str

    def __post_init__(self) -> None:
        check_text("reason", self.reason, REASON_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an item will be if the proposal is accepted.

    Attributes:
        item: The version that is changed.
        becomes: The item as the API has it (`codec.f3548.volumes.encode_item`).
    """

    item: ItemRef
    becomes: bytes


def proposal_id(party: PartyId, name: str) -> str:
    """Return the id of a proposal: its party and a name that the party uses once.

    So that no party can take the id of another's proposal.

    Args:
        party: Who proposes.
        name: Up to 64 characters without a stroke.
    """
    return f"{party}/{name}"


def proposer_of(proposal: str) -> PartyId:
    """Return who proposes, from the id of the proposal."""
    return PartyId(proposal.rpartition("/")[0])


def _check_proposal_id(field: str, proposal: str) -> None:
    check_text(field, proposal, PROPOSAL_ID_CHARACTERS_MAX)
    party, _, name = proposal.rpartition("/")
    if not party or not name:
        raise InvalidValueError(field, "it must be the party that proposes, a stroke and a name: north/1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """How a conflict of two items could be cleared: one of the parties asks the other.

    Attributes:
        id: Its id, as `proposal_id` makes it.
        conflict: The versions that conflict, sorted, of two parties.
        changes: What items of the two parties will become.
        counters: The proposal of the other party that it answers; None for none.

    Raises:
        InvalidValueError: It is not between two parties, changes an item of a third one, nothing, too
            much or an item twice, or its id names another party.
    """

    id: str
    conflict: tuple[ItemRef, ItemRef]
    changes: tuple[Change, ...]
    counters: str | None = None

    def __post_init__(self) -> None:
        _check_proposal_id("id", self.id)
        first, second = self.conflict
        parties = {first.party, second.party}
        if not first < second or len(parties) < 2:
            raise InvalidValueError("conflict", "it must be items of two parties, sorted")
        _check_each_once("changes", (change.item for change in self.changes), CHANGES_MAX)
        for index, change in enumerate(self.changes):
            if change.item.party not in parties:
                reason = f"{change.item.party!r} is no party of the conflict; ask it in a proposal of its own"
                raise InvalidValueError(f"changes[{index}].item.party", reason)
        if sum(len(change.becomes) for change in self.changes) > CHANGES_BYTES_MAX:
            raise InvalidValueError("changes", f"they are over the limit of {CHANGES_BYTES_MAX:,} bytes")
        if self.by not in parties:
            raise InvalidValueError("id", f"{self.by!r} is no party of the conflict")
        if self.counters is not None:
            _check_proposal_id("counters", self.counters)
            if proposer_of(self.counters) != self.to:
                raise InvalidValueError("counters", f"it is no proposal of {self.to!r}")

    @property
    def by(self) -> PartyId:
        """Who proposes."""
        return proposer_of(self.id)

    @property
    def to(self) -> PartyId:
        """Who is asked."""
        first, second = self.conflict
        return second.party if self.by == first.party else first.party


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whoever was asked accepts or declines a proposal.

    Attributes:
        proposal: The id of the proposal.
        is_accepted: Whether it is accepted.
        reason: Why; may be empty.

    Raises:
        InvalidValueError: The id cannot be one, or the reason is too long.
    """

    proposal: str
    is_accepted: bool
    reason: str = ""

    def __post_init__(self) -> None:
        _check_proposal_id("proposal", self.proposal)
        check_text("reason", self.reason, REASON_CHARACTERS_MAX, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Whoever proposed takes a proposal back.

    Attributes:
        proposal: The id of the proposal.

    Raises:
        InvalidValueError: The id cannot be one.
    """

    proposal: str

    def __post_init__(self) -> None:
        _check_proposal_id("proposal", self.proposal)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementProposal:
    """A party proposes an agreement.

    Attributes:
        text: The agreement, as `codec.agreements` writes it.

    Raises:
        InvalidValueError: It is empty, too long or no text.
    """

    text: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.text) <= AGREEMENT_BYTES_MAX:
            raise InvalidValueError("text", f"it must be 1 to {AGREEMENT_BYTES_MAX:,} bytes")
        try:
            self.text.decode()
        except UnicodeDecodeError:
            raise InvalidValueError("text", "it is not UTF-8") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementAnswer:
    """The other party accepts or declines an agreement.

    Attributes:
        digest: The SHA-256 of its text, 64 hexadecimal digits in lower case.
        is_accepted: Whether it is accepted.
        reason: Why; may be empty.

    Raises:
        InvalidValueError: The digest is none, or the reason is too long.
    """

    digest: str
    is_accepted: bool
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.digest) != _DIGEST_CHARACTERS or not set(self.digest) <= set("0123456789abcdef"):
            raise InvalidValueError("digest", "it must be 64 hexadecimal digits in lower case")
        check_text("reason", self.reason, REASON_CHARACTERS_MAX, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """A party suspends the dialogue with another, or takes it up again; safety statements go on.

    Attributes:
        peer: With whom.
        is_hold: Whether it is suspended.
        reason: Why; may be empty when it is taken up again.

    Raises:
        InvalidValueError: The peer cannot be a party, or the reason is missing or too long.
    """

    peer: PartyId
    is_hold: bool
    reason: str = ""

    def __post_init__(self) -> None:
        check_text("peer", self.peer)
        check_text("reason", self.reason, REASON_CHARACTERS_MAX, least=int(self.is_hold))


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesSeen:
    """A person read these messages: what makes them *seen*.

    Attributes:
        messages: The messages, each once.

    Raises:
        InvalidValueError: There are none or too many, or one stands twice.
    """

    messages: tuple[MessageRef, ...]

    def __post_init__(self) -> None:
        _check_each_once("messages", self.messages, ACKNOWLEDGED_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyChange:
    """Whoever signs goes on duty, or off.

    Attributes:
        is_on: Whether on duty.
        is_senior: Whether the one to be called when others do not answer.
        telephone: Where the person is reached; may be empty.

    Raises:
        InvalidValueError: The number is too long, or not printable.
    """

    is_on: bool
    is_senior: bool = False
    telephone: str = ""

    def __post_init__(self) -> None:
        check_text("telephone", self.telephone, TELEPHONE_CHARACTERS_MAX, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message that a party read out by voice, as it was written down and checked here.

    Attributes:
        by: Who said it.
        n: Its reference number; None where the form had none.
        at_ms: When it was sent, as the form says, milliseconds since 1970.
        message: What was heard.

    Raises:
        InvalidValueError: The party cannot be one, or a number is out of range.
    """

    by: PartyId
    n: int | None
    at_ms: int
    message: Message

    def __post_init__(self) -> None:
        check_text("by", self.by)
        if self.n is not None:
            MessageRef(party=self.by, n=self.n)
        if not 0 <= self.at_ms <= floor_ms(TIME_MAX):
            raise InvalidValueError("at", f"{self.at_ms} is no instant")


Deed = (
    Acknowledgement
    | Objection
    | Proposal
    | Answer
    | Withdrawal
    | AgreementProposal
    | AgreementAnswer
    | LineChange
    | Message
    | MessagesSeen
    | DutyChange
    | Heard
)


def kind_of(deed: Deed) -> DeedKind:
    """Tell what an officer does by a deed."""
    match deed:
        case Acknowledgement():
            return DeedKind.ACKNOWLEDGE
        case Objection():
            return DeedKind.OBJECT
        case Proposal():
            return DeedKind.PROPOSE if deed.counters is None else DeedKind.COUNTER
        case Answer():
            return DeedKind.ACCEPT if deed.is_accepted else DeedKind.DECLINE
        case Withdrawal():
            return DeedKind.WITHDRAW_PROPOSAL
        case AgreementProposal():
            return DeedKind.PROPOSE_AGREEMENT
        case AgreementAnswer():
            return DeedKind.ACCEPT_AGREEMENT if deed.is_accepted else DeedKind.DECLINE_AGREEMENT
        case LineChange():
            return DeedKind.HOLD if deed.is_hold else DeedKind.RESUME
        case Message():
            return DeedKind.SEND_MESSAGE
        case MessagesSeen():
            return DeedKind.SEE_MESSAGES
        case DutyChange():
            return DeedKind.GO_ON_DUTY if deed.is_on else DeedKind.GO_OFF_DUTY
        case Heard():
            return DeedKind.HEAR_BY_VOICE
        case _:
            assert_never(deed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDeed:
    """A deed with who does it and when: what the officer's key signs.

    Attributes:
        party: For which party.
        person: Which officer of it.
        at_ms: When, by the officer's clock, milliseconds since 1970.
        nonce: What makes it one of its kind.
        deed: What is done.

    Raises:
        InvalidValueError: A name or the instant is out of range, or the deed speaks for another party.
    """

    party: PartyId
    person: str
    at_ms: int
    nonce: str
    deed: Deed

    def __post_init__(self) -> None:
        check_text("party", self.party)
        check_text("person", self.person)
        check_text("nonce", self.nonce, NONCE_CHARACTERS_MAX)
        if not 0 <= self.at_ms <= floor_ms(TIME_MAX):
            raise InvalidValueError("t", f"{self.at_ms} is no instant from 1970 to {TIME_MAX.year}")
        match self.deed:
            case Proposal() if self.deed.by != self.party:
                raise InvalidValueError("id", f"{self.party!r} cannot propose for {self.deed.by!r}")
            case LineChange() if self.deed.peer == self.party:
                raise InvalidValueError("peer", "a party has no line to itself")
            case Message() if self.deed.to == self.party:
                raise InvalidValueError("to", "a party sends no message to itself")
            case Message() if self.deed.type.speaker is not Speaker.OFFICER:
                raise InvalidValueError("code", f"{self.deed.code.value!r} is said by nodes, not by people")
            case Message() if self.deed.corrects is not None and self.deed.corrects.party != self.party:
                raise InvalidValueError("corrects", "only who sent a message corrects it")
            case Heard() if self.deed.by == self.party or self.deed.message.to != self.party:
                raise InvalidValueError("by", "it must be a message of another party to this one")
            case Heard() if self.deed.message.type.speaker is not Speaker.OFFICER:
                code = self.deed.message.code.value
                raise InvalidValueError("message.code", f"{code!r} is said by nodes, which read nothing out")
