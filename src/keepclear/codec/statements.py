"""Statements as entries of logs: signed JSON (JWS), and back.

A statement has one spelling, the one written here. Any other (names in another order or twice, spaces,
needless escapes) is refused, so that no two readers differ in what was signed; only the items inside are
kept byte for byte, for `f3548.volumes.decode_item` to read. Whose key it is and whether the signature is
good is left to others.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from keepclear.codec.json_errors import decode_json, refuse_repeated_names
from keepclear.codec.jws import decode_jws, encode_jws
from keepclear.codec.messages import WireMessage, message_of, wire_message
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, IntentState, ItemId, PartyId
from keepclear.core.merkle import HASH_BYTES
from keepclear.core.messages import Message
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.statements import (
    PARTIES_MAX,
    Body,
    CoarseSaid,
    Head,
    ItemSaid,
    Signed,
    Statement,
    StatementKind,
)
from keepclear.core.times import TIME_MAX, floor_ms

ENTRY_BYTES_MAX: Final = 1_000_000
"""No entry of a log is longer."""
STATEMENT_TYPE: Final = "keepclear-statement"
"""The `typ` of the JWS of a statement."""
TIME_MS_MAX: Final = floor_ms(TIME_MAX)
"""No instant in a statement is later, milliseconds since 1970."""

_SIGNED: Final = (StatementKind.KEY, StatementKind.DEED, StatementKind.BREAK)
_FROM_URL: Final = str.maketrans("-_", "+/")
_TO_URL: Final = str.maketrans("+/", "-_")

_Text = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
_Size = Annotated[int, Meta(ge=0, le=LOG_ENTRIES_MAX)]
_Ms = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]


class SignedStatement(NamedTuple):
    """A statement, with what is needed to check its signature.

    Attributes:
        statement: What is said.
        kid: The id of the key that is named as the signer's.
        signing_input: The bytes that were signed.
        signature: The signature over them.
    """

    statement: Statement
    kid: str
    signing_input: bytes
    signature: bytes


class _Payload(Struct, forbid_unknown_fields=True, kw_only=True):
    v: Literal[1] = 1
    type: StatementKind
    by: _Text
    to: Annotated[list[_Text], Meta(max_length=PARTIES_MAX)] | UnsetType = UNSET
    n: _Size
    t: _Ms
    valid_until: _Ms | UnsetType = UNSET
    received: Annotated[dict[_Text, tuple[_Size, str]], Meta(max_length=PARTIES_MAX)] | UnsetType = UNSET
    body: Raw


class _Item(Struct, forbid_unknown_fields=True):
    id: _Text
    version: Annotated[int, Meta(ge=1, le=LOG_ENTRIES_MAX)]
    item: Raw | UnsetType = UNSET


class _Stated(Struct):
    state: Raw = Raw(b"")


class _Signed(Struct, forbid_unknown_fields=True):
    deed: Annotated[str, Meta(min_length=1)]


class _Coarse(Struct, forbid_unknown_fields=True):
    covers: _Size
    id: _Text
    item: Raw | UnsetType = UNSET


def encode_statement(statement: Statement, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a statement.

    Args:
        statement: What is said.
        kid: The id of the key.
        sign: Signs bytes with that key.

    Returns:
        The entry of the log: what `decode_statement` reads to an equal statement.

    Raises:
        InvalidValueError: A value cannot be written: a number or a text out of range, or an item that is
            no JSON object; or the entry would be too long.
    """
    try:
        payload = _payload_of(statement)
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidValueError("statement", f"it cannot be written: {error}") from None
    if _statement_of(payload) != statement:
        raise InvalidValueError("body", "the item is no plain JSON object, or is_over is not what it says")
    entry = encode_jws(STATEMENT_TYPE, kid, payload, sign).encode()
    _refuse_too_long(entry)
    return entry


def decode_statement(entry: bytes) -> SignedStatement:
    """Read an entry of a log; its signature is not checked here.

    Args:
        entry: The exact bytes of the entry.

    Raises:
        InvalidValueError: It is too long, no JWS of a statement, not spelled as `encode_statement` spells
            it, or a value in it is out of range.
    """
    _refuse_too_long(entry)
    jws = decode_jws(entry, STATEMENT_TYPE)
    return SignedStatement(_statement_of(jws.payload), jws.kid, jws.signing_input, jws.signature)


def _refuse_too_long(entry: bytes) -> None:
    if len(entry) > ENTRY_BYTES_MAX:
        raise InvalidValueError("", f"an entry of {len(entry)} bytes is over the limit of {ENTRY_BYTES_MAX}")


def _payload_of(statement: Statement) -> bytes:
    received: dict[str, tuple[int, str]] = {
        party: (size, _base64url(root)) for party, (size, root) in statement.received
    }
    return msgspec.json.encode(
        _Payload(
            type=statement.kind,
            by=statement.by,
            to=list(statement.to) or UNSET,
            n=statement.n,
            t=statement.at_ms,
            valid_until=UNSET if statement.valid_until_ms is None else statement.valid_until_ms,
            received=received or UNSET,
            body=Raw(msgspec.json.encode(_wire_body(statement.body))),
        )
    )


def _wire_body(body: Body) -> _Item | _Signed | _Coarse | WireMessage:
    if isinstance(body, Message):
        return wire_message(body)
    if isinstance(body, Signed):
        return _Signed(body.jws)
    item = UNSET if body.text is None else Raw(body.text)
    if isinstance(body, ItemSaid):
        return _Item(body.id, body.version, item)
    return _Coarse(body.covers, body.id, item)


def _statement_of(payload: bytes) -> Statement:
    try:
        payload.decode()  # what is inside an item is not looked at otherwise
        wired = decode_json(payload, _Payload)
        received = {} if wired.received is UNSET else wired.received
        statement = Statement(
            kind=wired.type,
            by=PartyId(wired.by),
            to=tuple([PartyId(_printable("to", party)) for party in wired.to or ()]),
            n=wired.n,
            at_ms=wired.t,
            valid_until_ms=None if wired.valid_until is UNSET else wired.valid_until,
            received=tuple(
                [
                    (PartyId(_printable("received", party)), _head(f"received.{party}", size, root))
                    for party, (size, root) in received.items()
                ]
            ),
            body=_body(wired),
        )
    except UnicodeDecodeError as error:
        raise InvalidValueError("", f"the statement is not UTF-8 (byte {error.start})") from None
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no statement: {error}") from None
    if _payload_of(statement) != payload:
        reason = "not spelled as statements are: names in order and once each, no spaces, no needless escapes"
        raise InvalidValueError("", reason)
    return statement


def _body(wired: _Payload) -> Body:
    if wired.type in _SIGNED:
        return Signed(jws=decode_json(bytes(wired.body), _Signed).deed)
    if wired.type is StatementKind.MESSAGE:
        try:
            return message_of(decode_json(bytes(wired.body), WireMessage))
        except InvalidValueError as error:
            raise error.within("body") from None
    if wired.type is StatementKind.COARSE:
        coarse = decode_json(bytes(wired.body), _Coarse)
        return CoarseSaid(covers=coarse.covers, id=_item_id(coarse.id), text=_text(coarse.item))
    said = decode_json(bytes(wired.body), _Item)
    if (said.item is UNSET) is not (wired.type is StatementKind.WITHDRAWN):
        raise InvalidValueError("body.item", "an item must stand here unless it is withdrawn, and not then")
    text = _text(said.item)
    is_over = text is None or _has_ended(text)
    return ItemSaid(id=_item_id(said.id), version=said.version, text=text, is_over=is_over)


def _text(item: Raw | UnsetType) -> bytes | None:
    if item is UNSET:
        return None
    text = bytes(item)
    if not text.startswith(b"{"):
        raise InvalidValueError("body.item", "it must be a JSON object")
    return text


def _has_ended(item: bytes) -> bool:
    state = bytes(decode_json(item, _Stated).state)
    if not state.startswith(b'"') or decode_json(state, str) != IntentState.ENDED.value:
        return False
    try:
        refuse_repeated_names(item)
    except InvalidValueError:
        return False  # which of two states counts is unsure, and what is unsure is not over
    return True


def _item_id(text: str) -> ItemId:
    return ItemId(_printable("body.id", text))


def _printable(field: str, text: str) -> str:
    if not text.isprintable():
        raise InvalidValueError(field, "it must be printable characters")
    return text


def _head(field: str, size: int, root: str) -> Head:
    try:
        decoded = a2b_base64(root.translate(_FROM_URL) + "=")
    except ValueError:
        decoded = b""
    if len(decoded) != HASH_BYTES:
        raise InvalidValueError(field, f"a root is {HASH_BYTES} bytes in base64url without padding")
    return Head(size, decoded)


def _base64url(root: bytes) -> str:
    return b2a_base64(root, newline=False).decode().rstrip("=").translate(_TO_URL)
