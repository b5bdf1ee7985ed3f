"""The state of each link: when a peer was heard last, what it holds, and what went wrong.

A link is transport only: what people make of it is the channel. A peer that was never heard is cut. Every
time comes in as an argument; the monotonic clock tells how long ago, the wall clock is only shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from keepclear.core.channel import CUT_AFTER_S
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId

LATE_AFTER_S: Final = 15.0
"""A peer unheard for so long is late."""
OFFSET_KEPT_S: Final = 60.0
"""So long a measured clock offset stands against one that was measured less well."""
REASON_CHARACTERS_MAX: Final = 500
"""So much is kept of what went wrong; a peer may have written it."""
REASONS_MAX: Final = 16
"""So many refusals of one bundle are kept."""

Heads = tuple[tuple[PartyId, int], ...]
"""How many entries of each log a node says it holds."""


class LinkState(Enum):
    """How a link is."""

    UP = "up"
    LATE = "late"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The node of another party, as people pinned it.

    Attributes:
        party: Whose it is.
        certificate_pem: The certificate that it shows, PEM.
        address: Where it listens, `host:port`; None for one that can only call here.
    """

    party: PartyId
    certificate_pem: str
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """How far the clock of a peer is ahead.

    Attributes:
        ms: Milliseconds; below zero where it is behind.
        uncertainty_ms: It is wrong by no more: half of the round trip, and the rounding.
        measured_s: When it was measured, by the monotonic clock.
    """

    ms: int
    uncertainty_ms: int
    measured_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The link to one peer.

    Attributes:
        peer: Whose node is at the other end.
        address: Where it listens; None for one that can only call here.
        heard_s: When it was heard last, by the monotonic clock; None for never.
        heard_ms: The same by the wall clock, milliseconds since 1970.
        offset: How far its clock is ahead; None while it was not measured.
        heads: How far it holds each log, as it told; None while it did not tell.
        error: Why the last exchange that this node began failed, in words; None where it did not.
        failure_count: How many of them failed since the last that did not.
        refusals: What was not taken of what it last gave, in words.
        is_switched_off: Whether nothing is sent, and what comes is refused.
        bytes_in: What it has sent, since this node started.
        bytes_out: What was sent to it.
    """

    peer: PartyId
    address: str | None
    heard_s: float | None = None
    heard_ms: int | None = None
    offset: ClockOffset | None = None
    heads: Heads | None = None
    error: str | None = None
    failure_count: int = 0
    refusals: tuple[str, ...] = ()
    is_switched_off: bool = False
    bytes_in: int = 0
    bytes_out: int = 0

    def state(self, now_s: float) -> LinkState:
        """Tell how the link is."""
        if self.heard_s is None or now_s - self.heard_s >= CUT_AFTER_S:
            return LinkState.CUT
        return LinkState.LATE if now_s - self.heard_s >= LATE_AFTER_S else LinkState.UP

    def holds(self, party: str) -> int | None:
        """Return how many entries of a party's log the peer holds; None where it did not tell."""
        return None if self.heads is None else dict(self.heads).get(PartyId(party))

    def heard(self, now_s: float, now_ms: int, heads: Heads) -> Link:
        """Return the link after the peer was heard."""
        return replace(self, heard_s=now_s, heard_ms=now_ms, heads=heads)

    def answered(self) -> Link:
        """Return the link after an exchange that went well."""
        return replace(self, error=None, failure_count=0)

    def failed(self, reason: str) -> Link:
        """Return the link after an exchange that failed."""
        return replace(self, error=_short(reason), failure_count=self.failure_count + 1)

    def refused(self, reasons: Sequence[str]) -> Link:
        """Return the link after a bundle of the peer was taken but for some of it."""
        return replace(self, refusals=tuple([_short(reason) for reason in reasons[:REASONS_MAX]]))

    def moved(self, *, bytes_in: int = 0, bytes_out: int = 0) -> Link:
        """Return the link after bytes came or went."""
        return replace(self, bytes_in=self.bytes_in + bytes_in, bytes_out=self.bytes_out + bytes_out)

    def switched(self, *, is_off: bool) -> Link:
        """Return the link switched off or on; one that is switched on is tried at once."""
        return replace(self, is_switched_off=is_off, error=None, failure_count=0)

    def measured(self, *, sent_ms: int, received_ms: int, peer_ms: int, now_s: float) -> Link:
        """Return the link after the clock of the peer was read between sending and receiving.

        Args:
            sent_ms: When it was asked, by the clock of this node.
            received_ms: When the answer came.
            peer_ms: What the clock of the peer showed in between.
            now_s: What time it is, by the monotonic clock.
        """
        if received_ms < sent_ms:
            return self  # this node's clock was set back in between
        offset = ClockOffset(
            ms=peer_ms - (sent_ms + received_ms) // 2,
            uncertainty_ms=(received_ms - sent_ms) // 2 + 1,
            measured_s=now_s,
        )
        kept = self.offset
        if kept is not None and now_s - kept.measured_s < OFFSET_KEPT_S:
            offset = min(offset, kept, key=lambda each: each.uncertainty_ms)
        return replace(self, offset=offset)


class Links:
    """The links of a node, for every thread to look at and to switch."""

    def __init__(self) -> None:
        self._links: dict[PartyId, Link] = {}
        self._door = threading.Lock()

    def keep(self, peers: Sequence[Peer]) -> None:
        """Have a link to each of these peers and to nobody else."""
        with self._door:
            self._links = {
                peer.party: replace(
                    self._links.get(peer.party, Link(peer=peer.party, address=None)), address=peer.address
                )
                for peer in sorted(peers, key=lambda each: each.party)
            }

    def all(self) -> Sequence[Link]:
        """Return the links, sorted by peer."""
        return list(self._links.values())

    def get(self, peer: str) -> Link | None:
        """Return the link to a peer; None where there is none."""
        return self._links.get(PartyId(peer))

    def change(self, peer: PartyId, change: Callable[[Link], Link]) -> Link:
        """Change the link to a peer.

        Raises:
            InvalidValueError: There is none.
        """
        with self._door:
            link = self._links.get(peer)
            if link is None:
                raise InvalidValueError("peer", f"there is no link to {peer!r}; pin its card first")
            self._links[peer] = link = change(link)
            return link


def _short(reason: str) -> str:
    printable = "".join(each if each.isprintable() else " " for each in reason[:REASON_CHARACTERS_MAX])
    return printable if len(reason) <= REASON_CHARACTERS_MAX else f"{printable[:-3]}..."
