"""What became of references, change by change, for those who look back: auditors, and the operator.

The history is a list that only grows at its end and is forgotten at its beginning. Whoever takes it page by
page, up to a time, and keeps the last entry of each reference has what was there at that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from keepclear.adapters.http.dss.endpoints import DssCall, DssEndpoint, Told
from keepclear.codec.f3548.dss_answers import DssWriter
from keepclear.codec.f3548.extents import encode_extent
from keepclear.core.errors import InvalidValueError
from keepclear.core.references import kind_of
from keepclear.core.times import rfc3339
from keepclear.node.dss.ports import HistoryEntry
from keepclear.node.dss.work import Work

SCOPE: Final = "keepclear.history.read"
"""What a token must grant to read the history."""
PAGE_MAX: Final = 1_000
"""So many entries are told at once."""
PAGE_VOLUMES_MAX: Final = 2_000
"""With so many volumes a page ends, whatever its entries: while it is made, everybody else waits."""
_READ_AT_ONCE: Final = 10
# Who knows these may act as if it knew the present state.
_HIDDEN: Final = ("ovn", "suffix_ms", "version", "change")


class Entry(Struct):
    """One change.

    Attributes:
        seq: Its number; of two the greater happened later.
        at: When, RFC 3339.
        issuer: Who issued the token of who did it; empty where the service did it itself.
        subject: Whom that token names.
        change: `put` or `removed`.
        kind: Of what kind the reference is.
        entity: It, after the change, or as it was; without what only those may know who act.
        extents: Where and when it is, as a list of F3548's Volume4D.
    """

    seq: int
    at: str
    issuer: str
    subject: str
    change: str
    kind: str
    entity: dict[str, Any]
    extents: Raw


class History(Struct):
    """A page of the history; after `last` there may be more, until a page is empty."""

    entries: list[Entry]
    last: int


def history_endpoints() -> Sequence[DssEndpoint]:
    """Return the endpoint that tells the history."""
    return [
        DssEndpoint(
            method="GET",
            path="/aux/v1/history",
            summary="Tell what became of references, change by change",
            scopes=(SCOPE,),
            read=_read,
            answer=History,
            query=(("after", False), ("limit", False)),
        )
    ]


def _read(call: DssCall) -> Told:
    after = _number(call, "after", 0, 2**62)
    limit = max(1, _number(call, "limit", PAGE_MAX, PAGE_MAX))

    def told(work: Work, _: DssWriter) -> History:
        entries: list[Entry] = []
        last, volume_count = after, 0
        while len(entries) < limit and volume_count < PAGE_VOLUMES_MAX:
            read = work.transaction.history(last, min(limit - len(entries), _READ_AT_ONCE))
            if not read:
                break
            entries += [_told(entry) for entry in read]
            last = read[-1].seq
            volume_count += sum(len(entry.extent.volumes) for entry in read)
        return History(entries=entries, last=last)

    return told


def _number(call: DssCall, name: str, usual: int, most: int) -> int:
    text = call.query.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):
        raise InvalidValueError(name, f"it must be a number from 0 to {most:,}")
    return int(text)


def _told(entry: HistoryEntry) -> Entry:
    entity = msgspec.to_builtins(entry.entity)
    return Entry(
        seq=entry.seq,
        at=rfc3339(entry.cause.at),
        issuer=entry.cause.issuer,
        subject=entry.cause.subject,
        change="removed" if entry.is_removal else "put",
        kind=kind_of(entry.entity).value,
        entity={name: value for name, value in entity.items() if name not in _HIDDEN},
        extents=Raw(encode_extent(entry.extent)),
    )
