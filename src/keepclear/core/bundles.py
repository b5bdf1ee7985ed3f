"""Bundles: what one node gives another, by a link or as a carried file; it is the same either way."""

from __future__ import annotations

from dataclasses import dataclass

from keepclear.core.intents import PartyId


@dataclass(frozen=True, slots=True)
class Withheld:
    """An entry that the receiver may not read.

    Attributes:
        leaf: Its hash in the tree, 32 bytes.
    """

    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """Entries of a log that follow each other.

    Attributes:
        party: Whose log.
        first: Which entry is the first, from 0.
        entries: The signed statements, or what stands for them.
        note: The head after the last of them, as the owner signed it.
    """

    party: PartyId
    first: int
    entries: tuple[bytes | Withheld, ...]
    note: str

    @property
    def end(self) -> int:
        """How long the log is with them."""
        return self.first + len(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """What a witness signed of the head of a log.

    Attributes:
        party: Whose log.
        witness: Who had received it.
        size: How many entries.
        at_s: When, by the witness's clock, seconds since 1970.
        body: The head that was signed.
        line: The signature line.
    """

    party: PartyId
    witness: PartyId
    size: int
    at_s: int
    body: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What one node gives another.

    Attributes:
        by: Whose node made it. Nothing in it is believed for that: every statement is signed.
        to: For whose node it was made.
        at_ms: When, by the maker's clock, milliseconds since 1970.
        heads: How far the maker holds each log, sorted by party.
        parts: Parts of logs.
        cosignatures: What witnesses signed.
    """

    by: PartyId
    to: PartyId
    at_ms: int
    heads: tuple[tuple[PartyId, int], ...] = ()
    parts: tuple[LogPart, ...] = ()
    cosignatures: tuple[Cosignature, ...] = ()
