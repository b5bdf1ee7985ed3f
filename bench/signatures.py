"""What it costs to sign and to verify, beside joserfc and cryptography, which must agree to the byte.

All sign the same payload of 273 bytes with the same key. `statement` is all that a node does with one:
it writes and checks the payload too. The JWS alone is what joserfc does, the signature alone what
cryptography does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from bench import measure
from bench.measure import Row, Times
from bench.parties import NOW_MS
from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey, verify, verify_many
from keepclear.codec.jws import decode_jws, encode_jws
from keepclear.codec.statements import STATEMENT_TYPE
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.statements import ItemSaid, Statement, StatementKind

COUNT: Final = 2_000
"""So many signatures are made and verified in a run."""
PAYLOAD_BYTES: Final = 273
"""A payload has so many bytes."""

_SEED: Final = bytes(range(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Peer:
    """Another way to do the same.

    Attributes:
        name: Whose.
        sign: What it is given to sign comes to what ours comes to.
        verify: Raises for what is not good.
    """

    name: str
    sign: Callable[[bytes], Any]
    verify: Callable[[Any], object]


def bench_signatures(rows: list[Row], *, count: int = COUNT, quick: bool = False) -> None:
    """Measure signing and verifying, and append the rows.

    Args:
        rows: Where the rows go.
        count: How many signatures a run has.
        quick: Few signatures.
    """
    if quick:
        count = 50
    key = SigningKey(_SEED)
    notary = Notary(PartyId("alpha"), key)
    statements = [_statement(number, notary) for number in range(count)]
    entries = [notary.write(statement) for statement in statements]
    read = [decode_jws(entry, STATEMENT_TYPE) for entry in entries]
    payloads = [jws.payload for jws in read]
    assert {len(payload) for payload in payloads} == {PAYLOAD_BYTES}
    jobs = [(key.public, jws.signing_input, jws.signature) for jws in read]

    def read_statement(entry: bytes) -> bool:
        _, signed = notary.read(entry)
        return verify(key.public, signed.message, signed.signature)

    def read_jws(entry: bytes) -> bool:
        jws = decode_jws(entry, STATEMENT_TYPE)
        return verify(key.public, jws.signing_input, jws.signature)

    def write_jws(payload: bytes) -> str:
        return encode_jws(STATEMENT_TYPE, key.kid, payload, key.sign)

    rows.append(_row("statement: write and sign", measure.calls(notary.write, statements)))
    rows.append(_row("statement: read and verify", measure.calls(read_statement, entries)))
    _compare(rows, "JWS", _joserfc(key), write_jws, read_jws, payloads, [e.decode() for e in entries])
    _compare(
        rows,
        "signature",
        _cryptography(key),
        key.sign,
        lambda job: verify(*job),
        [message for _, message, _ in jobs],
        jobs,
    )
    many = measure.whole(lambda: verify_many(jobs))
    each = Times(p50_s=many.p50_s / count, p95_s=None, cpu_s=many.cpu_s / count)
    good = "" if all(verify_many(jobs)) else f"{measure.BROKEN}: one is not good"
    rows.append(
        _row(f"signature: verify {count:,} at once", each, good, "times of one, threads where they pay")
    )


def _statement(number: int, notary: Notary) -> Statement:
    """Return a statement whose payload has as many bytes as all have."""
    body = ItemSaid(id=ItemId(f"item-{number:05}"), version=1, text=b'{"name":""}', is_over=False)
    statement = Statement(
        kind=StatementKind.DECLARED, by=notary.party, n=10_000 + number, at_ms=NOW_MS, body=body
    )
    short = PAYLOAD_BYTES - len(decode_jws(notary.write(statement), STATEMENT_TYPE).payload)
    return replace(statement, body=replace(body, text=b'{"name":"%s"}' % (b"x" * short)))


def _compare(
    rows: list[Row],
    what: str,
    peer: _Peer | str,
    sign: Callable[[bytes], Any],
    verify_one: Callable[[Any], bool],
    messages: list[bytes],
    signed: list[Any],
) -> None:
    """Measure ours and a peer, which must sign as ours does, and take what ours signed."""
    signing, verifying = measure.calls(sign, messages), measure.calls(verify_one, signed)
    rows.append(_row(f"{what}: sign", signing))
    rows.append(_row(f"{what}: verify", verifying))
    if isinstance(peer, str):
        rows.append(Row(what=peer, note="not available: it is not installed"))
        return
    same = (
        "same"
        if [peer.sign(each) for each in messages] == [sign(each) for each in messages]
        else measure.DIFFERENT
    )
    theirs = measure.calls(peer.sign, messages)
    rows.append(_row(f"{peer.name}: sign, {what}", theirs, same, measure.ratio(signing, theirs)))
    theirs = measure.calls(peer.verify, signed)
    rows.append(_row(f"{peer.name}: verify, {what}", theirs, "", measure.ratio(verifying, theirs)))


def _joserfc(key: SigningKey) -> _Peer | str:
    try:
        from joserfc import jws
        from joserfc.jwk import OKPKey
    except ImportError:
        return "joserfc"

    def url(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    theirs = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": url(key.public), "d": url(key.seed)})
    header = {"alg": "Ed25519", "kid": key.kid, "typ": STATEMENT_TYPE}
    return _Peer(
        name="joserfc",
        sign=lambda payload: jws.serialize_compact(header, payload, theirs, algorithms=["Ed25519"]),
        verify=lambda text: jws.deserialize_compact(text, theirs, algorithms=["Ed25519"]),
    )


def _cryptography(key: SigningKey) -> _Peer | str:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        return "cryptography"

    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    public = private.public_key()
    return _Peer(name="cryptography", sign=private.sign, verify=lambda job: public.verify(job[2], job[1]))


def _row(what: str, times: Times, answer: str = "", note: str = "") -> Row:
    return Row(
        what=what,
        p50_s=times.p50_s,
        p95_s=times.p95_s,
        cpu_s=times.cpu_s,
        answer=answer,
        note=note or f"a payload of {PAYLOAD_BYTES} bytes",
    )
