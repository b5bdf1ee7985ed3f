"""A client of what parties say to each other, as commands use it: logs, receipts, deeds, links, bundles.

A deed and a key are never sent twice: what was lost on the way may have been said. A bundle may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from keepclear.adapters.http.answers import Breach, Instant
from keepclear.adapters.http.client import NodeAnswerError, NodeClient
from keepclear.core.errors import InvalidValueError
from keepclear.core.times import rfc3339

_Key = str | int
_T = TypeVar("_T", bound=msgspec.Struct)


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an item; `id` is what its owner calls it."""

    party: str
    id: str
    version: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Which officer said something, and when by the officer's clock."""

    person: str
    at: Instant
    n: int
    what: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one party and a version; `since` while it has not been seen and should be."""

    party: str
    concerned: bool
    delivered: bool
    delivered_at: Instant | None = None
    seen: Said | None = None
    answered: Said | None = None
    since: Instant | None = None


class Coordinated(msgspec.Struct, frozen=True, kw_only=True):
    """How far the latest version of an item is coordinated."""

    id: str
    ref: Ref
    n: int
    state: str
    stated_at: Instant
    receipts: tuple[Receipt, ...]
    conflicts: tuple[str, ...] = ()
    open_conflicts: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()


class Had(msgspec.Struct, frozen=True, kw_only=True):
    """What a party had of an item at an instant."""

    id: str
    ref: Ref
    stated_at: Instant
    delivered_at: Instant | None = None
    seen: Said | None = None
    answered: Said | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The link to a party."""

    party: str
    state: str
    switched_off: bool
    last_heard: Instant | None = None
    clock_offset_ms: int | None = None
    clock_error_ms: int | None = None
    ours_as_they_have_it: int | None = None
    error: str | None = None
    address: str | None = None
    refused: tuple[str, ...] = ()


class LogHeld(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log is held."""

    size: int
    root: str
    frozen: str | None = None
    withheld: int = 0


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A party that was pinned."""

    id: str
    name: str
    is_own: bool
    pinned_at: Instant
    words: tuple[str, ...]
    log: LogHeld | None = None
    link: Link | None = None


class Amended(msgspec.Struct, frozen=True, kw_only=True):
    """An item that an accepted proposal changed."""

    id: str
    version: int


class NotAmended(msgspec.Struct, frozen=True, kw_only=True):
    """An item that stays as it is although a proposal to change it was accepted."""

    id: str
    reason: str


class DeedTold(msgspec.Struct, frozen=True, kw_only=True):
    """Which entry of the log a deed became, and what it changed."""

    n: int
    kind: str
    amended: tuple[Amended, ...] = ()
    not_amended: tuple[NotAmended, ...] = ()


class KeyTold(msgspec.Struct, frozen=True, kw_only=True):
    """Which entry of the log an act on a key became."""

    n: int


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What an item becomes; `becomes` is the item of the API."""

    item: Ref
    becomes: dict[str, Any]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the party that was asked said."""

    accepted: bool
    reason: str = ""


class Negotiation(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, and where it stands."""

    id: str
    by: str
    to: str
    state: str
    conflict: tuple[Ref, Ref]
    changes: tuple[Changed, ...]
    counters: str | None = None
    answer: Answered | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement that was proposed; `text` is what it says."""

    between: tuple[str, str]
    digest: str
    version: int
    in_force: bool
    ambiguous: bool
    accepted_by: tuple[str, ...]
    declined_by: tuple[str, ...]
    text: dict[str, Any]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A party that suspends the dialogue with another."""

    by: str
    peer: str
    reason: str
    since: Instant


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a log; without `jws` it is withheld from the one who asks."""

    n: int
    leaf: str
    jws: str | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a log: the first, and the one after the last."""

    party: str
    first: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")


class RefusedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a bundle that was not taken."""

    party: str
    reason: str
    proof: bool = False


class BundleTold(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken of a bundle."""

    taken: tuple[Span, ...]
    items: int
    refused: tuple[RefusedPart, ...]
    receipts: int
    cosigned: int


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Why the node signs nothing at present, and whom it waits for."""

    reason: str | None
    waiting_for: tuple[str, ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What proves that a party did not keep to its log."""

    id: int
    party: str
    reason: str
    at: Instant
    content: Any


class _Parties(msgspec.Struct, frozen=True):
    parties: tuple[Party, ...]


class _Links(msgspec.Struct, frozen=True):
    links: tuple[Link, ...]


class _Coordination(msgspec.Struct, frozen=True):
    coordination: tuple[Coordinated, ...]
    next: str | None = None


class _HadPage(msgspec.Struct, frozen=True):
    items: tuple[Had, ...]
    next: str | None = None


class _Negotiations(msgspec.Struct, frozen=True):
    negotiations: tuple[Negotiation, ...]
    next: str | None = None


class _Agreements(msgspec.Struct, frozen=True):
    agreements: tuple[Agreement, ...]


class _Holds(msgspec.Struct, frozen=True):
    holds: tuple[Hold, ...]


class _LogPage(msgspec.Struct, frozen=True):
    entries: tuple[LogEntry, ...]
    next: int | None = None


class _EvidencePage(msgspec.Struct, frozen=True):
    evidence: tuple[Evidence, ...]
    next: int | None = None


_JSON: Final = {"Content-Type": "application/json"}
_OCTETS: Final = {"Content-Type": "application/octet-stream"}


class TalkClient(NodeClient):
    """A client of one node that also knows what parties say to each other."""

    _party: str | None = None

    @property
    def party(self) -> str:
        """The party that one asks for."""
        if self._party is None:
            self._party = self.session().party
        return self._party

    # Every method raises NodeUnreachableError, NodeRefusedError and NodeAnswerError, as they say.

    def parties(self) -> Sequence[Party]:
        """Return who was pinned."""
        return self._read("/v1/parties", _Parties).parties

    def card(self) -> bytes:
        """Return the card of the node's own party."""
        return bytes(self._read("/v1/card", msgspec.Raw))

    def pin(self, card: str, words: Sequence[str], *, replace: bool = False) -> Party:
        """Pin a party by its card and the words that its people read out."""
        fields: dict[str, object] = {"card": card, "words": list(words)}
        if replace:
            fields["replace"] = True
        return self._send("POST", "/v1/parties", fields, Party)

    def links(self) -> Sequence[Link]:
        """Return the links."""
        return self._read("/v1/links", _Links).links

    def switch_link(self, party: str, *, is_off: bool) -> Link:
        """Switch a link off, or on again."""
        return self._send("PUT", f"/v1/links/{quoted(party)}", {"switched_off": is_off}, Link)

    def coordination(
        self, *, party: str | None = None, is_open: bool = False, with_over: bool = False
    ) -> Iterator[Coordinated]:
        """Yield how far each item is coordinated.

        Args:
            party: Only those of this party.
            is_open: Only those that are not coordinated.
            with_over: True for those that are over, too.
        """
        asked = {
            "party": party,
            "open": "true" if is_open else None,
            "include": "over" if with_over else None,
        }
        yield from self._pages("/v1/coordination", asked, _Coordination, lambda page: page.coordination)

    def coordinated(self, item_id: str) -> Coordinated:
        """Return how far an item is coordinated."""
        return self._read(f"/v1/coordination/{quoted(item_id)}", Coordinated)

    def had(self, party: str, at: datetime) -> Iterator[Had]:
        """Yield what a party had of each item at an instant."""
        asked = {"party": party, "at": rfc3339(at)}
        yield from self._pages("/v1/had", asked, _HadPage, lambda page: page.items)

    def say_deed(self, jws: str) -> DeedTold:
        """Say what an officer signed."""
        return self._send("POST", "/v1/deeds", {"jws": jws}, DeedTold)

    def say_key(self, jws: str) -> KeyTold:
        """Say what the root key signed of another key."""
        return self._send("POST", "/v1/keys", {"jws": jws}, KeyTold)

    def negotiations(self, *, is_open: bool = False) -> Iterator[Negotiation]:
        """Yield the proposals; only those that wait for an answer, if that is wanted."""
        asked = {"open": "true" if is_open else None}
        yield from self._pages("/v1/negotiations", asked, _Negotiations, lambda page: page.negotiations)

    def agreements(self) -> Sequence[Agreement]:
        """Return all agreements that were proposed."""
        return self._read("/v1/agreements", _Agreements).agreements

    def holds(self) -> Sequence[Hold]:
        """Return who suspends the dialogue with whom."""
        return self._read("/v1/holds", _Holds).holds

    def log_entries(self, party: str) -> Iterator[LogEntry]:
        """Yield the entries of a party's log."""
        path = f"/v1/logs/{quoted(party)}"
        yield from self._pages(path, {}, _LogPage, lambda page: page.entries, name="from")

    def export(self, party: str) -> bytes:
        """Return the export of a party's log, which `verify_export.py` verifies."""
        return bytes(self._read(f"/v1/logs/{quoted(party)}/export", msgspec.Raw))

    def proof(self, party: str, n: int) -> bytes:
        """Return the proof that an entry is in a party's log."""
        return self._read(f"/v1/logs/{quoted(party)}/proof", bytes, {"n": n})

    def bundle(self, party: str, *, from_start: bool) -> bytes:
        """Return what a party lacks, to be carried."""
        asked = {"from_start": "true" if from_start else None}
        return self._read(f"/v1/bundles/{quoted(party)}", bytes, asked)

    def take_bundle(self, data: bytes) -> BundleTold:
        """Give a bundle that was carried."""
        return self._call("POST", "/v1/bundles", BundleTold, body=data, headers=_OCTETS, is_repeatable=True)

    def silence(self) -> Silence:
        """Return why the node signs nothing at present, and whom it waits for."""
        return self._read("/v1/silence", Silence)

    def speak(self) -> Silence:
        """Have the node sign again after a restore, though not all witnesses were heard."""
        return self._call("POST", "/v1/speak", Silence)

    def evidence(self) -> Iterator[Evidence]:
        """Yield what proves that parties did not keep to their logs."""
        yield from self._pages("/v1/evidence", {}, _EvidencePage, lambda page: page.evidence)

    def _send(self, method: str, path: str, fields: dict[str, object], kind: type[_T]) -> _T:
        return self._call(method, path, kind, body=msgspec.json.encode(fields), headers=_JSON)

    def _pages(
        self,
        path: str,
        asked: Mapping[str, str | None],
        kind: type[Any],
        of_page: Callable[[Any], Sequence[Any]],
        name: str = "after",
    ) -> Iterator[Any]:
        """Yield what all pages hold."""
        after: _Key | None = None
        while True:
            page = self._read(path, kind, {**asked, name: after})
            yield from of_page(page)
            if page.next is None:
                return
            if page.next == after:
                raise NodeAnswerError(f"{self.url}{path}", "a page leads to itself")
            after = page.next


def quoted(name: str) -> str:
    """Return a name as a part of a path.

    Raises:
        InvalidValueError: It is none; an empty one would name all.
    """
    if not (name and name.isprintable()):
        raise InvalidValueError("id", "it must be printable characters, one or more")
    quoted = quote(name, safe="")
    # A name of dots alone would be taken for a step up the path.
    return quoted.replace(".", "%2E") if set(name) == {"."} else quoted
