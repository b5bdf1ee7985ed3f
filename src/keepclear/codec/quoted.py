"""What exports of logs say about an incident: declarations, receipts and messages, as they stood.

What is quoted follows from the logs, the time and the reports alone, so whoever holds the logs finds the
same: what a report leaves out is noticed as much as what it adds. Whether an export is genuine is the
matter of `verify_export`; here it is only read.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from keepclear.codec.deeds import decode_deed
from keepclear.codec.f3548.foreign import read_foreign
from keepclear.codec.json_errors import decode_json
from keepclear.codec.jws import decode_jws
from keepclear.codec.key_acts import KEY_ACT_TYPE, decode_key_act
from keepclear.codec.statements import decode_statement
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Acknowledgement, MessagesSeen, Objection, SignedDeed
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import RADIUS_MIN_M, Floats
from keepclear.core.incidents import QuotedMessage, QuotedReceipt, QuotedVersion, ReceiptKind
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId
from keepclear.core.messages import Code, Message
from keepclear.core.packed import pack
from keepclear.core.parties import PartyKeys
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import PARTIES_MAX, ItemSaid, Signed, Statement, StatementKind

NEAR_M: Final = 20_000.0
"""Quoted is what is declared within this of the reports, and what an aircraft is said to have flown."""
RECEIPTS_AFTER_MS: Final = 1_800_000
"""Receipts and messages are quoted until so long after the end of an incident."""
MESSAGES_BEFORE_MS: Final = 1_800_000
"""Messages are quoted from so long before the beginning of an incident."""
_DEED_TYPE: Final = "keepclear-deed"
_MACHINE_CODES: Final = frozenset({Code.MACHINE_TEST, Code.MACHINE_TEST_ANSWER})


class _Entry(Struct, forbid_unknown_fields=True):
    jws: str | UnsetType = UNSET
    leaf: str | UnsetType = UNSET


class _Log(Struct):
    party: Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
    root_key: Annotated[str, Meta(max_length=64)]
    entries: list[_Entry]


class _Export(Struct):
    format: Literal["keepclear-export/1"]
    logs: Annotated[list[_Log], Meta(min_length=1, max_length=PARTIES_MAX)]


class SaidByOfficer(NamedTuple):
    """What an officer signed, and the statement by which it is in the log."""

    statement: Statement
    signed: SignedDeed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """A party's log, as an export has it.

    Attributes:
        party: Whose.
        size: How many entries.
        root_key: The key that everything of the party rests on.
        statements: Those that can be read, in their order.
        deeds: What officers signed, in that order.
        keys: Which keys count from which entry to which.
        withheld: The entries of which only the hash is there.
    """

    party: PartyId
    size: int
    root_key: bytes
    statements: tuple[Statement, ...]
    deeds: tuple[SaidByOfficer, ...]
    keys: PartyKeys
    withheld: tuple[int, ...]

    @property
    def last_ms(self) -> int | None:
        """When the last statement was made, by the party's clock; None where none can be read."""
        return self.statements[-1].at_ms if self.statements else None


class Quoted(NamedTuple):
    """What logs say about an incident."""

    declared: tuple[QuotedVersion, ...]
    receipts: tuple[QuotedReceipt, ...]
    messages: tuple[QuotedMessage, ...]


def read_export(data: bytes) -> list[ReadLog]:
    """Read an export of logs.

    Raises:
        InvalidValueError: It is none, or an entry of it cannot be read.
    """
    try:
        export: _Export = decode_json(data, _Export)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no export of logs: {error}") from None
    return [_log(log) for log in export.logs]


def _log(log: _Log) -> ReadLog:
    try:
        root_key = b64decode(log.root_key, validate=True)
        keys = PartyKeys(root_key)
    except (ValueError, InvalidValueError):
        raise InvalidValueError(f"log of {log.party}", "its root key is none") from None
    statements: list[Statement] = []
    deeds: list[SaidByOfficer] = []
    withheld: list[int] = []
    for n, entry in enumerate(log.entries):
        if entry.jws is UNSET:
            withheld.append(n)
            continue
        try:
            statement = decode_statement(entry.jws.encode("utf-8", "surrogatepass")).statement
            if (statement.by, statement.n) != (log.party, n):
                raise InvalidValueError("n", f"it says that it is entry {statement.n} of {statement.by!r}")
            _take(statement, keys, deeds)
        except InvalidValueError as error:
            raise InvalidValueError(f"log of {log.party}, entry {n}", str(error)) from None
        statements.append(statement)
    return ReadLog(
        party=PartyId(log.party),
        size=len(log.entries),
        root_key=root_key,
        statements=tuple(statements),
        deeds=tuple(deeds),
        keys=keys,
        withheld=tuple(withheld),
    )


def _take(statement: Statement, keys: PartyKeys, deeds: list[SaidByOfficer]) -> None:
    body = statement.body
    if not isinstance(body, Signed):
        return
    if statement.kind is StatementKind.KEY:
        keys.take(statement.n, decode_key_act(decode_jws(body.jws, KEY_ACT_TYPE).payload))
    elif statement.kind is StatementKind.DEED:
        try:
            signed = decode_deed(decode_jws(body.jws, _DEED_TYPE).payload)
        except InvalidValueError:
            return  # it was said, and means nothing
        deeds.append(SaidByOfficer(statement, signed))


# -- what is quoted ---------------------------------------------------------------------------------


def quote(
    logs: Sequence[ReadLog],
    from_ms: int,
    to_ms: int,
    places: Floats,
    flew: AbstractSet[tuple[PartyId, ItemId]],
) -> Quoted:
    """Return what logs say about an incident.

    Args:
        logs: The logs, at most one of each party.
        from_ms: When the incident begins, milliseconds since 1970.
        to_ms: When it ends.
        places: Unit vectors of the positions reported, shape (n, 3).
        flew: The operations that the aircraft are said to have flown, by party and id.

    Returns:
        The versions of items that counted then, by party, id and version; who had received and seen them;
        what was said about then.
    """
    declared = [
        version
        for log in logs
        for versions in _versions(log)
        for version in _standing(versions, from_ms, to_ms, places, flew)
    ]
    declared.sort(key=lambda version: version.ref)
    return Quoted(
        declared=tuple(declared),
        receipts=tuple(sorted(_receipts(logs, declared, to_ms + RECEIPTS_AFTER_MS))),
        messages=tuple(_messages(logs, from_ms - MESSAGES_BEFORE_MS, to_ms + RECEIPTS_AFTER_MS)),
    )


def _versions(log: ReadLog) -> list[list[Statement]]:
    """Return what a log says of each item, in its order."""
    by_item: dict[ItemId, list[Statement]] = {}
    for statement in log.statements:
        if isinstance(statement.body, ItemSaid):
            by_item.setdefault(statement.body.id, []).append(statement)
    return list(by_item.values())


def _standing(
    statements: Sequence[Statement],
    from_ms: int,
    to_ms: int,
    places: Floats,
    flew: AbstractSet[tuple[PartyId, ItemId]],
) -> Iterator[QuotedVersion]:
    """Yield the versions of an item that counted at some instant, if it was near, or was flown."""
    earlier = [each for each in statements if each.at_ms <= from_ms]
    within = [each for each in statements if from_ms < each.at_ms <= to_ms]
    counted = [version_of(each) for each in (*earlier[-1:], *within)]
    is_flown = any((each.ref.party, each.ref.id) in flew for each in counted)
    if is_flown or any(_is_near(each, from_ms, to_ms, places) for each in counted):
        yield from counted


def version_of(statement: Statement) -> QuotedVersion:
    """Return what a statement of an item says, as it is quoted."""
    body = statement.body
    assert isinstance(body, ItemSaid), "a statement of an item"
    item, remark = None, None
    if body.text is not None:
        item, remark, _ = read_foreign(body.text, body.id, statement.by)
    return QuotedVersion(
        ref=ItemRef(party=statement.by, id=body.id, version=body.version),
        n=statement.n,
        at_ms=statement.at_ms,
        what=statement.kind.value,
        text=body.text,
        item=item,
        remark=remark,
    )


def _is_near(version: QuotedVersion, from_ms: int, to_ms: int, places: Floats) -> bool:
    if version.text is None:
        return False
    return version.item is None or comes_near(version.item, from_ms, to_ms, places, NEAR_M)


def comes_near(item: Item, from_ms: int, to_ms: int, places: Floats, near_m: float) -> bool:
    """Tell whether an item is about then, and within a distance of some places.

    Args:
        item: The item.
        from_ms: From when on, milliseconds since 1970.
        to_ms: Until when.
        places: Unit vectors, shape (n, 3).
        near_m: The distance; measured to a circle round each footprint, so never too few are found.
    """
    volumes = [each for each in item.volumes if each.time.start_ms <= to_ms and each.time.end_ms >= from_ms]
    if not volumes or not len(places):
        return False
    zeros = [0] * len(volumes)
    packed = pack(volumes, zeros, zeros, [False] * len(volumes))
    angle = np.arccos(np.clip(packed.centre @ places.T, -1.0, 1.0)).min(axis=1)
    return bool((angle <= packed.radius_rad + near_m / RADIUS_MIN_M).any())


def _receipts(
    logs: Sequence[ReadLog], declared: Sequence[QuotedVersion], until_ms: int
) -> Iterator[QuotedReceipt]:
    """Yield who had received, seen and objected to what: the first of each."""
    for log in logs:
        for version in declared:
            if version.ref.party == log.party:
                continue
            for statement in log.statements:
                if statement.at_ms <= until_ms and statement.received_of(version.ref.party) > version.n:
                    yield _receipt(version.ref, log.party, ReceiptKind.DELIVERED, statement)
                    break
            told: set[ReceiptKind] = set()
            for said in log.deeds:
                kind = _said_of(said.signed, version.ref)
                if kind is not None and kind not in told and said.statement.at_ms <= until_ms:
                    told.add(kind)
                    yield _receipt(version.ref, log.party, kind, said.statement, said.signed.person)


def _receipt(
    ref: ItemRef, party: PartyId, kind: ReceiptKind, statement: Statement, person: str = ""
) -> QuotedReceipt:
    return QuotedReceipt(
        ref=ref, party=party, kind=kind.value, n=statement.n, at_ms=statement.at_ms, person=person
    )


def _said_of(signed: SignedDeed, ref: ItemRef) -> ReceiptKind | None:
    match signed.deed:
        case Acknowledgement(items=items) if ref in items:
            return ReceiptKind.SEEN
        case Objection(item=item) if item == ref:
            return ReceiptKind.OBJECTED
        case _:
            return None


def _messages(logs: Sequence[ReadLog], from_ms: int, to_ms: int) -> list[QuotedMessage]:
    found: list[QuotedMessage] = []
    for log in logs:
        said: list[tuple[Statement, str, object]] = [
            (each, "", each.body) for each in log.statements if isinstance(each.body, Message)
        ]
        said += [(each.statement, each.signed.person, each.signed.deed) for each in log.deeds]
        for statement, person, body in said:
            if not from_ms <= statement.at_ms <= to_ms:
                continue
            if isinstance(body, Message) and body.code not in _MACHINE_CODES:
                message: Message | None = body
                seen: tuple[MessageRef, ...] = ()
            elif isinstance(body, MessagesSeen):
                message, seen = None, body.messages
            else:
                continue
            found.append(
                QuotedMessage(
                    by=log.party,
                    n=statement.n,
                    at_ms=statement.at_ms,
                    person=person,
                    message=message,
                    seen=seen,
                )
            )
    return sorted(found, key=lambda each: (each.at_ms, each.by, each.n))
