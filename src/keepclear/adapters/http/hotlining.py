"""A client of the hotline, as commands use it: messages, drafts, channels, drills, and what the stream tells.

What is signed is made by whoever signs; a draft only says what the node has against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx2
import msgspec

from keepclear.adapters.http.answers import Instant, ProblemAnswer
from keepclear.adapters.http.client import NodeAnswerError, NodeRefusedError, NodeUnreachableError
from keepclear.adapters.http.talking import Hold, Ref, TalkClient, quoted
from keepclear.codec.messages import wire_message
from keepclear.core.deeds import DeedKind
from keepclear.core.messages import Message

MESSAGES_ASKED: Final = 100
"""Messages asked for at once; a node may give fewer."""
SILENCE_S: Final = 10.0
"""A stream that is silent for so long is taken to be cut off; a node tells the time every 2 seconds."""
EVENT_BYTES_MAX: Final = 10_000_000
"""A longer event of a stream is not read to its end, and is a fault."""

Texts = dict[str, str]
"""A sentence by the code of its language."""


class MessageNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A message: its party, and its entry of the party's log."""

    party: str
    n: int


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Who read a message first at the party that was addressed."""

    person: str
    at: Instant
    n: int


class Stood(msgspec.Struct, frozen=True, kw_only=True):
    """The first standby."""

    at: Instant
    ref: MessageNumber
    person: str | None = None


class AnswerTold(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer that closes a dialogue."""

    at: Instant
    code: str
    ref: MessageNumber
    person: str | None = None


class StepTold(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the ladder that was taken."""

    step: str
    at: Instant
    called: str | None = None


class DueTold(msgspec.Struct, frozen=True, kw_only=True):
    """By when a message should be read and answered."""

    seen_at: Instant | None = None
    answered_at: Instant | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that a notice meets, and whether it can get clear in time."""

    id: str
    item: Ref | None = None
    party: str
    can_clear: bool | None = None
    needs_s: float | None = None
    given_s: float
    remaining_s: float
    distance_m: float | None = None
    aircraft: str | None = None


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """What is odd about a message."""

    kind: str
    texts: Texts
    field: str | None = None
    item: Ref | None = None
    distance_m: float | None = None
    bearing_deg: float | None = None
    affected: tuple[Affected, ...] = ()
    heard: Texts | None = None
    answer: AnswerTold | None = None


class MessageTold(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what became of it; `fields` as `codec.messages` has them."""

    ref: MessageNumber
    number: str
    code: str
    to: str
    fields: dict[str, Any]
    answers: MessageNumber | None = None
    corrects: MessageNumber | None = None
    priority: str
    valid_until: Instant
    drill: str | None = None
    sent_at: Instant
    person: str | None = None
    by_voice: bool
    titles: Texts
    texts: Texts
    state: str | None = None
    delivered: bool
    delivered_at: Instant | None = None
    seen: Read | None = None
    stood_by: Stood | None = None
    answer: AnswerTold | None = None
    replies: tuple[MessageNumber, ...] = ()
    corrected_by: MessageNumber | None = None
    steps: tuple[StepTold, ...] = ()
    timed_out_at: Instant | None = None
    due: DueTold
    late: bool
    delayed: bool
    expired: bool
    heard: bool | None = None
    ours: bool
    can_answer: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()


class UnnumberedTold(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote down by voice without its number: nobody knows which message it is."""

    heard_by: str
    n: int
    person: str
    heard_at: Instant
    by: str
    to: str
    code: str
    priority: str
    drill: str | None = None
    expired: bool
    sent_at: Instant
    texts: Texts
    warning: Texts


class UnnumberedPage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest of what was heard without a number, and how many more there are."""

    unnumbered: tuple[UnnumberedTold, ...] = ()
    unnumbered_more: int = 0


class CatalogueField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a message."""

    name: str
    kind: str
    needed: bool
    labels: Texts


class CatalogueCode(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of all messages with a code."""

    code: str
    speaker: str
    response: str
    priority: str
    humanitarian: bool
    valid_s: int
    fields: tuple[CatalogueField, ...]
    answers: tuple[str, ...]
    titles: Texts


class CatalogueTold(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be said."""

    hash: str
    codes: tuple[CatalogueCode, ...]
    words: dict[str, dict[str, Texts]]


class DraftTold(msgspec.Struct, frozen=True, kw_only=True):
    """The exact text to be signed, what it says, and what is odd about it."""

    payload: str
    typ: str
    texts: Texts | None = None
    warnings: tuple[Warned, ...] = ()


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A change that clears a conflict, and the fields of a draft that proposes it."""

    change: str
    time_shift_s: float
    altitude_shift_m: float
    lateral_m: float
    bearing_deg: float | None = None
    is_smallest: bool
    reason: str | None = None
    propose: dict[str, Any]


class ReasonTold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a channel is as it is."""

    code: str
    texts: Texts


class ChannelSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What the node of the other party says of the channel."""

    state: str
    at: Instant


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A gap that must be left."""

    lateral_m: float
    vertical_m: float
    time_s: float


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Who stays below a height while fallback applies."""

    below: str
    altitude_m: float


class FallbackTold(msgspec.Struct, frozen=True, kw_only=True):
    """What applies while the line is held or cut."""

    applies: bool
    since: Instant | None = None
    buffer: Gap | None = None
    split: Split | None = None
    breaches: tuple[str, ...] = ()
    breach_total: int = 0


class HoldsTold(msgspec.Struct, frozen=True, kw_only=True):
    """Who suspends the dialogue."""

    ours: Hold | None = None
    theirs: Hold | None = None


class MachineTest(msgspec.Struct, frozen=True, kw_only=True):
    """The latest test of the line by the node; `ok` is None while its answer may still come."""

    at: Instant
    round_trip_s: float | None = None
    ok: bool | None = None


class HumanTest(msgspec.Struct, frozen=True, kw_only=True):
    """The latest test of the line that people made and answered."""

    at: Instant
    person: str | None = None
    ref: MessageNumber


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """An officer on duty."""

    person: str
    since: Instant
    senior: bool
    telephone: str


class Rosters(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on duty, the one who came first at the front."""

    ours: tuple[Duty, ...] = ()
    theirs: tuple[Duty, ...] = ()


class ReceivedTold(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries of each log the other node has, as far as it showed."""

    ours_by_them: int | None = None
    theirs_by_us: int


class WaitingTold(msgspec.Struct, frozen=True, kw_only=True):
    """What of the other party waits for somebody of this one."""

    count: int
    oldest_at: Instant | None = None
    priority: str | None = None


class ChannelTold(msgspec.Struct, frozen=True, kw_only=True):
    """The channel to a party."""

    party: str
    state: str
    since: Instant | None = None
    reasons: tuple[ReasonTold, ...] = ()
    theirs: ChannelSaid | None = None
    differs: bool
    link: str | None = None
    unheard_s: float | None = None
    hold: HoldsTold
    fallback: FallbackTold
    machine_test: MachineTest | None = None
    human_test: HumanTest | None = None
    on_duty: Rosters
    received: ReceivedTold
    waiting: WaitingTold


class DrillNamed(msgspec.Struct, frozen=True, kw_only=True):
    """A drill that a message names."""

    name: str
    between: tuple[str, str]
    started_at: Instant
    over: bool


class ExchangeTold(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a drill, and how long it took until it was read and answered."""

    message: MessageTold
    seen_after_s: float | None = None
    answered_after_s: float | None = None
    missing: bool


class SaidTold(msgspec.Struct, frozen=True, kw_only=True):
    """A code that a party said."""

    party: str
    code: str


class LineTold(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill was to hold and does not."""

    by: str
    code: str


class EndingTold(msgspec.Struct, frozen=True, kw_only=True):
    """That a party ended a drill."""

    ref: MessageNumber
    at: Instant
    symbols: str
    person: str | None = None
    same: bool | None = None


class DrillTold(msgspec.Struct, frozen=True, kw_only=True):
    """What two parties exercised."""

    name: str
    between: tuple[str, str]
    started_by: str | None = None
    started_at: Instant | None = None
    exchanges: tuple[ExchangeTold, ...]
    more: int = 0
    said: tuple[SaidTold, ...]
    missing: tuple[LineTold, ...]
    endings: tuple[EndingTold, ...]
    symbols: str


class _Page(msgspec.Struct, frozen=True):
    messages: tuple[MessageTold, ...]
    next: str | None = None


class _Channels(msgspec.Struct, frozen=True):
    channels: tuple[ChannelTold, ...]


class _Drills(msgspec.Struct, frozen=True):
    drills: tuple[DrillNamed, ...]


class _Suggestions(msgspec.Struct, frozen=True):
    suggestions: tuple[Suggestion, ...]


class HotlineClient(TalkClient):
    """A client of one node that also knows the hotline."""

    # Every method raises NodeUnreachableError, NodeRefusedError and NodeAnswerError, as they say.

    def catalogue(self) -> CatalogueTold:
        """Return everything that can be said."""
        return self._read("/v1/catalogue", CatalogueTold)

    def messages(
        self,
        *,
        party: str | None = None,
        is_open: bool = False,
        drill: str | None = None,
        with_nodes: bool = False,
    ) -> Iterator[MessageTold]:
        """Yield messages, the newest first; pages are asked for as they are needed.

        Args:
            party: Only those from or to this party.
            is_open: Only those that wait for an answer, or for somebody of this party to read them.
            drill: Only those of this drill.
            with_nodes: True for those that nodes say by themselves, too.
        """
        asked = {
            "with": party,
            "open": "true" if is_open else None,
            "drill": drill,
            "machine": "true" if with_nodes else None,
            "limit": str(MESSAGES_ASKED),
        }
        yield from self._pages("/v1/messages", asked, _Page, lambda page: page.messages, name="before")

    def unnumbered(
        self, party: str | None = None, drill: str | None = None, *, is_open: bool = False
    ) -> UnnumberedPage:
        """Return what was written down by voice without its number, the newest first.

        Args:
            party: Only what is from or to this party.
            drill: Only what is of this drill.
            is_open: Only what still counts.
        """
        asked = {"with": party, "drill": drill, "open": "true" if is_open else None, "limit": 1}
        return self._read("/v1/messages", UnnumberedPage, asked)

    def message(self, party: str, n: int) -> MessageTold:
        """Return a message."""
        return self._read(f"/v1/messages/{quoted(party)}/{n}", MessageTold)

    def draft(self, kind: DeedKind, person: str, fields: Mapping[str, object]) -> DraftTold:
        """Return the text that an officer has to sign; nothing is said by that.

        Args:
            kind: What is done.
            person: Who will sign.
            fields: The fields of that kind, as `codec.deeds` has them.
        """
        return self._ask("/v1/drafts", {"kind": kind.value, "person": person, **fields}, DraftTold)

    def draft_message(self, person: str, message: Message) -> DraftTold:
        """Return the text that an officer has to sign to send a message, and what is odd about it."""
        fields = {"message": msgspec.to_builtins(wire_message(message))}
        return self.draft(DeedKind.SEND_MESSAGE, person, fields)

    def suggestions(self, item_id: str, other_id: str) -> Sequence[Suggestion]:
        """Return the smallest changes of an item that clear its conflict with another party's."""
        return self._ask("/v1/suggestions", {"item": item_id, "other": other_id}, _Suggestions).suggestions

    def channels(self) -> Sequence[ChannelTold]:
        """Return the channels to all other parties."""
        return self._read("/v1/channels", _Channels).channels

    def drills(self) -> Sequence[DrillNamed]:
        """Return all drills."""
        return self._read("/v1/drills", _Drills).drills

    def drill(self, name: str, party: str) -> DrillTold:
        """Return what was exercised in a drill with a party."""
        return self._read(f"/v1/drills/{quoted(name)}", DrillTold, {"with": party})

    def events(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the stream tells from now on: the kind of each event, and its data.

        It ends when the node ends it. `hotline` says that there is something to ask for.

        Raises:
            NodeUnreachableError: The node cannot be reached, or is silent.
            NodeRefusedError: The node refuses.
        """
        url = f"{self.url}/v1/stream"
        try:
            with self._client.stream("GET", url, timeout=SILENCE_S) as response:
                if response.status_code != httpx2.codes.OK:
                    raise _refusal(response)
                yield from _events_of(url, response)
        except httpx2.TimeoutException:
            raise NodeUnreachableError(self.url, "it is silent", is_outcome_unknown=False) from None
        except httpx2.TransportError as error:
            reason = f"the stream broke off: {error}"
            raise NodeUnreachableError(self.url, reason, is_outcome_unknown=False) from None


def _refusal(response: httpx2.Response) -> NodeRefusedError:
    try:
        detail = msgspec.json.decode(response.read(), type=ProblemAnswer).detail
    except msgspec.DecodeError:
        detail = ""
    return NodeRefusedError(response.status_code, detail or response.reason_phrase)


def _events_of(url: str, response: httpx2.Response) -> Iterator[tuple[str, bytes]]:
    """Yield events as they come: a kind and a line of data, with a blank line behind them."""
    kept = bytearray()
    for part in response.iter_bytes():
        kept += part
        while (end := kept.find(b"\n\n")) >= 0:
            lines = dict(line.partition(b": ")[::2] for line in bytes(kept[:end]).split(b"\n"))
            del kept[: end + 2]
            yield lines.get(b"event", b"message").decode(errors="replace"), lines.get(b"data", b"")
        if len(kept) > EVENT_BYTES_MAX:
            raise NodeAnswerError(url, f"an event is over the limit of {EVENT_BYTES_MAX:,} bytes")
