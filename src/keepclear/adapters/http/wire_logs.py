"""The bodies of what is said between parties: cards, links, logs, receipts, negotiations, agreements.

What other parties wrote stands in them as plain values: nobody here vouches for their form.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from keepclear.adapters.http.wire import Breach, Given, Told
from keepclear.codec.cards import CARD_BYTES_MAX

LOG_PAGE_MAX = 100
"""So many items, entries or negotiations one answer about logs holds at most."""
JWS_CHARACTERS_MAX = 1_000_000
"""The longest signed text that is taken."""

Limit = Annotated[int, Meta(ge=1)]
Number = Annotated[int, Meta(ge=0, le=2**62)]
JwsText = Annotated[str, Meta(min_length=1, max_length=JWS_CHARACTERS_MAX)]
PartyName = Annotated[str, Meta(min_length=1, max_length=256)]


class Ref(Told):
    """A version of an item; `id` is what its owner calls it."""

    party: str
    id: str
    version: int


class Link(Told):
    """The link to the node of a party, by the clock of this node."""

    party: str
    state: Literal["up", "late", "cut"]
    switched_off: bool
    address: str | None
    last_heard: str | None
    clock_offset_ms: int | None
    clock_error_ms: int | None
    their_head: dict[str, int]
    ours_as_they_have_it: int | None
    error: str | None
    refused: list[str]


class Links(Told):
    """All links, sorted by party."""

    links: list[Link]


class LinkSwitch(Given):
    """Whether nothing is sent to a party, and what comes is refused."""

    switched_off: bool


class LogTold(Told):
    """How far a log is held; `frozen` says why nothing more of it is taken."""

    size: int
    root: str
    frozen: str | None
    withheld: int


class Party(Told):
    """A party that was pinned, with the words that stand for its card."""

    id: str
    name: str
    is_own: bool
    pinned_at: str
    words: list[str]
    log: LogTold | None
    link: Link | None


class Parties(Told):
    """All parties that were pinned, sorted by id."""

    parties: list[Party]


class PartyGiven(Given):
    """A card, and its words as the other side read them out."""

    card: Annotated[str, Meta(max_length=CARD_BYTES_MAX)]
    words: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=64)]
    replace: bool = False


class Card(Told, omit_defaults=True):
    """The card of a party, as it is carried to others."""

    form: str
    party: str
    name: str
    root: str
    node_key: str
    node_grant: str
    certificate: str
    address: str = ""


class Said(Told, omit_defaults=True):
    """Which officer said something, when by the officer's clock, and in which entry of the party's log."""

    person: str
    at: str
    n: int
    what: str = ""


class Receipt(Told):
    """What is known of one party and a version: delivered to its node, seen and answered by its officers.

    `since` is when it was stated, while a party whom it concerns has not seen it.
    """

    party: str
    concerned: bool
    delivered: bool
    delivered_at: str | None
    seen: Said | None
    answered: Said | None
    since: str | None


class Coordinated(Told):
    """How far the latest version of an item is coordinated."""

    id: str
    ref: Ref
    n: int
    state: Literal["coordinated", "waiting", "conflicting", "contested", "over"]
    stated_at: str
    receipts: list[Receipt]
    conflicts: list[str]
    open_conflicts: list[str]
    breaches: list[Breach]


class CoordinationPage(Told):
    """A page of items, sorted by id; `next` is the `after` of the page that follows."""

    coordination: list[Coordinated]
    next: str | None


class CoordinationQuery(Given):
    """Which items; `open` for those that are not coordinated, `include=over` for those that are over, too."""

    limit: Limit = LOG_PAGE_MAX
    after: str = ""
    party: str | None = None
    open: bool = False
    include: Literal["over"] | None = None


class HadQuery(Given):
    """Which party, and when."""

    party: PartyName
    at: str
    limit: Limit = LOG_PAGE_MAX
    after: str = ""


class Had(Told):
    """What a party had of an item at an instant."""

    id: str
    ref: Ref
    stated_at: str
    delivered_at: str | None
    seen: Said | None
    answered: Said | None


class HadPage(Told):
    """What a party had at an instant, sorted by id; `next` is the `after` of the page that follows."""

    party: str
    at: str
    items: list[Had]
    next: str | None


class SignedGiven(Given):
    """What a key of this party signed, a compact JWS."""

    jws: JwsText


class ItemAmended(Told):
    """An item of this party that an accepted proposal changed."""

    id: str
    version: int


class NotAmended(Told):
    """An item of this party that stays as it is although a proposal to change it was accepted."""

    id: str
    reason: str


class DeedTaken(Told):
    """Which entry of the log a deed became, and what it changed."""

    n: int
    kind: str
    amended: list[ItemAmended]
    not_amended: list[NotAmended]


class Silence(Told):
    """Why the node signs nothing at present, and whom it waits for; no reason: it signs."""

    reason: str | None
    waiting_for: list[str]


class KeyTaken(Told):
    """Which entry of the log an act on a key became."""

    n: int


class NegotiationsQuery(Given):
    """Which proposals; `open` for those that wait for an answer."""

    limit: Limit = LOG_PAGE_MAX
    after: str = ""
    open: bool = False


class NegotiatedChange(Told):
    """What an item becomes if the proposal is accepted."""

    item: Ref
    becomes: dict[str, Any]


class NegotiationAnswer(Told):
    """What the party that was asked said."""

    accepted: bool
    reason: str


class Negotiation(Told):
    """A proposal for a conflict, and where it stands; what of it this node has tried to do and could not."""

    id: str
    by: str
    to: str
    state: Literal["proposed", "countered", "accepted", "declined", "withdrawn", "superseded"]
    conflict: list[Ref]
    changes: list[NegotiatedChange]
    counters: str | None
    answer: NegotiationAnswer | None
    not_amended: list[NotAmended]


class Negotiations(Told):
    """A page of proposals, sorted by id; `next` is the `after` of the page that follows."""

    negotiations: list[Negotiation]
    next: str | None


class AgreementTold(Told):
    """An agreement that was proposed; `text` says what it means, `digest` is that of the text as proposed."""

    between: list[str]
    digest: str
    version: int
    in_force: bool
    ambiguous: bool
    accepted_by: list[str]
    declined_by: list[str]
    text: dict[str, Any]


class Agreements(Told):
    """All agreements, sorted by parties and version."""

    agreements: list[AgreementTold]


class Hold(Told):
    """A party that suspends the dialogue with another, and since when."""

    by: str
    peer: str
    reason: str
    since: str


class Holds(Told):
    """Who suspends the dialogue with whom, sorted."""

    holds: list[Hold]


class LogQuery(Given):
    """Entries of a log, from one on."""

    first: Number = msgspec.field(name="from", default=0)
    limit: Limit = LOG_PAGE_MAX


class EntryTold(Told):
    """An entry of a log; `jws` is null while it is withheld from this party."""

    n: int
    leaf: str
    jws: str | None
    taken_at: str


class LogPage(Told):
    """Entries of a log, in their order; `next` is the `from` of the page that follows."""

    party: str
    size: int
    entries: list[EntryTold]
    next: int | None


class ProofQuery(Given):
    """Which entry."""

    n: Number


class Export(Told):
    """What `verify_export.py` verifies."""

    format: Literal["keepclear-export/1"]
    logs: list[dict[str, Any]]


class BundleQuery(Given):
    """`from_start` for everything, whatever the party has shown that it has."""

    from_start: bool = False


class Span(Told):
    """Entries of a log that were taken: the first, and the one after the last."""

    party: str
    first: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")


class RefusedPart(Told):
    """A part that was not taken; `proof` says that it proves two stories of one party."""

    party: str
    reason: str
    proof: bool


class BundleTaken(Told):
    """What was taken of a bundle."""

    taken: list[Span]
    items: int
    refused: list[RefusedPart]
    receipts: int
    cosigned: int


class EvidenceTold(Told):
    """What proves that a party did not keep to its log: both sides of it."""

    id: int
    party: str
    reason: str
    at: str
    content: dict[str, Any]


class EvidenceQuery(Given):
    """A page: at most so many, after so many."""

    limit: Limit = LOG_PAGE_MAX
    after: Number = 0


class EvidencePage(Told):
    """A page of evidence; `next` is the `after` of the page that follows."""

    evidence: list[EvidenceTold]
    next: int | None
