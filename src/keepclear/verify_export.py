"""Verify an export of Keepclear's logs. This one file needs Python 3.11 and the package `cryptography`.

    python verify_export.py EXPORT.json [--root FINGERPRINT_OR_VKEY]...

It shows what was signed with whose keys, that no entry was changed, dropped, added or moved, and which
witness had seen how much of the log when. It does not show that what was said is true. It exits with 0
if all is verified, 1 if something is refused, 2 if the file cannot be read. With `--root` each log must
rest on a root key that is given: the SHA-256 of the key in hex (32 digits or more), or a verifier key.
The tree is that of RFC 9162; checkpoints, cosignatures and proofs are those of C2SP (c2sp.org).
"""

from __future__ import annotations

import argparse
import base64
import functools
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "keepclear-export/1"
EXPORT_BYTES_MAX = 500_000_000
SIGNATURES_MAX = 32
REASON_CHARACTERS_MAX = 2_000
YEAR_10000_S = 253_402_300_800
LOG_KEY, WITNESS_KEY = b"\x01", b"\x04"  # C2SP's bytes for signed notes and timestamped cosignatures
P = 2**255 - 19
ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
WEAK = {0, 1, P - 1, ORDER_8, P - ORDER_8}  # y of points with which one signature fits many messages


class Refused(Exception):  # noqa: N818  # it stands in the code of others, and says what happens
    """Something in the export is not as it must be; the text tells what and where."""


class Unreadable(Refused):
    """It is no export."""


@dataclass
class Key:
    """A key that the root granted; it counts from one entry to another, both included."""

    role: str
    public: bytes
    first: int
    person: str | None = None
    last: float = float("inf")


@dataclass
class Log:
    """The log of one party, filled while it is verified."""

    party: str
    origin: str  # its name in checkpoints
    root_key: bytes
    witnesses: dict[tuple[str, bytes], bytes]  # by name and id
    keys: dict[str, Key] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=lambda: [sha256(b"").digest()])  # after so many entries
    received: list[tuple[int, str, Any]] = field(default_factory=list)  # entry, of whom, size and root
    signed: dict[str, int] = field(default_factory=lambda: {"statement": 0, "deed": 0, "key": 0, "break": 0})
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # witness: size, minus seconds


def verify(export: bytes, roots: Sequence[str] = ()) -> list[str]:
    """Verify the content of an export; say in plain words what was verified and what could not be.

    Raises:
        Refused: Something in it is not as it must be.
        Unreadable: It is no export.
    """
    try:
        document = _json(export)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise Refused(f"it is not of the format {FORMAT}")
    except Refused as error:
        raise Unreadable(str(error)) from None
    _fields(document, {"format": str, "logs": list}, {"proofs": list})
    logs: dict[str, Log] = {}
    for number, value in enumerate(document["logs"]):
        with _at(f"logs[{number}]"):
            log = _log(value)
            if log.party in logs:
                raise Refused(f"there are two of {log.party!r}")
            if roots and not any(_is_root(log.root_key, given) for given in roots):
                raise Refused(f"the root key of {log.party!r} is none of those that you gave")
            logs[log.party] = log
    if not logs:
        raise Refused("there is no log in it")
    lines = [line for log in logs.values() for line in _told(log, logs, is_pinned=bool(roots))]
    for number, text in enumerate(document.get("proofs", [])):
        with _at(f"proofs[{number}]"):
            lines.append(_proof(text, logs))
    return lines


def _log(value: Any) -> Log:
    lists: dict[str, type] = {"entries": list, "cosignatures": list, "witness_keys": list}
    _fields(value, {"party": str, "root_key": str, "checkpoint": str, **lists})
    witnesses = {(n, i): public for n, i, public in (_vkey(v, WITNESS_KEY) for v in value["witness_keys"])}
    party = value["party"]
    log = Log(party, f"keepclear/{party}/log", _base64(value["root_key"], 32), witnesses)
    with _at(f"log of {party!r}"):
        for n, entry in enumerate(value["entries"]):
            with _at(f"entry {n}"):
                log.leaves.append(_leaf(log, n, entry))
        log.roots += _roots(log.leaves)
        with _at("checkpoint"):
            size = _checkpoint(log, value["checkpoint"])
            if size != len(log.leaves):
                raise Refused(f"it is of {size} entries, but there are {len(log.leaves)}")
        for number, cosignature in enumerate(value["cosignatures"]):
            with _at(f"cosignature {number}"):
                _fields(cosignature, {"checkpoint": str, "line": str})
                signature = _signature(cosignature["line"].removesuffix("\n"))
                if not _cosigned(log, cosignature["checkpoint"], *signature):
                    raise Refused(f"no key of a witness {signature[0]!r} with this id is in the file")
    return log


def _leaf(log: Log, n: int, entry: Any) -> bytes:
    """Verify one entry and return the hash that the tree is over."""
    if isinstance(entry, dict) and set(entry) == {"leaf"}:
        return _base64(entry["leaf"], 32)
    _fields(entry, {"jws": str})
    kid, said, is_good = _jws(entry["jws"], "statement")
    kinds = {"v": int, "type": str, "by": str, "n": int, "t": int, "body": dict}
    _fields(said, kinds, {"to": list, "received": dict}, others=True)
    for name, wanted in (("v", 1), ("by", log.party), ("n", n)):
        if said[name] != wanted:
            raise Refused(f"it says that {name} is {said[name]!r}; here it must be {wanted!r}")
    kind = said["type"]
    if kind in {"key", "deed", "break"}:
        _fields(said["body"], {"deed": str})
        with _at(f"what is signed inside ({kind})"):
            inner_kid, deed, inner_is_good = _jws(said["body"]["deed"], kind)
            if kind != "deed" and inner_kid not in {"root", _kid(log.root_key)}:
                raise Refused(f"it must be signed with the root key, not with {inner_kid!r}")
            public = (
                _key(log, inner_kid, "officer", n, deed.get("person")) if kind == "deed" else log.root_key
            )
            if not inner_is_good(public):
                raise Refused(f"the signature is not good for the key {inner_kid!r}")
            if kind == "key":
                _take_key(log, n, deed)
            log.signed[kind] += 1
    if not is_good(_key(log, kid, "node", n)):
        raise Refused(f"the signature is not good for the key {kid!r}")
    log.signed["statement"] += 1
    log.received += [(n, party, head) for party, head in said.get("received", {}).items()]
    return sha256(b"\x00" + entry["jws"].encode()).digest()


def _take_key(log: Log, n: int, act: dict[str, Any]) -> None:
    optional = {"role": str, "person": str, "key": str}
    _fields(act, {"v": int, "party": str, "act": str, "kid": str}, optional)
    known, kid = log.keys.get(act["kid"]), act["kid"]
    if (act["v"], act["party"]) != (1, log.party):
        raise Refused(f"it is of version {act['v']!r}, for {act['party']!r}")
    if act["act"] == "grant" and act.get("role") in {"node", "officer"}:
        public = _base64(act.get("key"), 32, is_url=True)
        if known or public == log.root_key or kid != _kid(public):
            raise Refused(f"key {kid!r} was granted before, is the root key, or is misnamed")
        log.keys[kid] = Key(act["role"], public, n, act.get("person"))
    elif act["act"] == "revoke" and known and known.last > n:
        known.last = n
    else:
        raise Refused(f"it neither grants a key, with its role, nor revokes one that counts: {kid!r}")


def _key(log: Log, kid: str, role: str, n: int, person: str | None = None) -> bytes:
    key = log.keys.get(kid)
    if key is None or (key.role, key.person) != (role, person) or not key.first <= n <= key.last:
        raise Refused(
            f"{kid!r} is no {role} key{f' of {person!r}' if person else ''} that counts at entry {n}"
        )
    return key.public


def _told(log: Log, logs: dict[str, Log], *, is_pinned: bool) -> Iterator[str]:
    """Say what was verified of a log, after comparing what it says of the others with them."""
    who, size, signed = f"log of {log.party!r}", len(log.leaves), log.signed
    unseen = 0
    for n, party, head in log.received:
        with _at(f"{who}, entry {n}, received of {party!r}"):
            if not isinstance(head, list) or len(head) != 2 or type(head[0]) is not int or head[0] < 0:
                raise Refused("it must be a size and a root")
            root = _base64(head[1], 32, is_url=True)
            if party not in logs or head[0] > len(logs[party].leaves):
                unseen += 1
            elif root != logs[party].roots[head[0]]:
                raise Refused(f"the first {head[0]} entries that it had are not those in this file")
    yield f"Verified: {who}: {size} entries in order, {signed['statement']} of them signed by its node,"
    yield f"    with {signed['key']} acts on keys by the root key and {signed['deed']} deeds of officers."
    yield f"    The fingerprint of the root key is {sha256(log.root_key).hexdigest()}."
    for name, (up_to, minus_s) in sorted(log.seen.items()):
        at = datetime.fromtimestamp(-minus_s, UTC) if -minus_s < YEAR_10000_S else f"second {-minus_s}"
        yield f"Verified: {who}: the witness {name!r} had the first {up_to} entries by {at} of its clock."
    if not is_pinned:
        yield f"Not verified: whether {log.party!r} holds this root key; compare its fingerprint (--root)."
    if size > signed["statement"]:
        yield f"Not verified: {who}: {size - signed['statement']} entries are withheld, only their hashes are"
        yield "    here; if one of them revokes a key, what is signed with it after that does not count."
    granted = {key.public for other in logs.values() for key in other.keys.values()}
    for (name, _), public in sorted(log.witnesses.items()):
        if public not in granted:
            yield f"Not verified: who holds the key of the witness {name!r}: {public.hex()}."
    if unseen:
        yield f"Not verified: {who}: what it had received of others, {unseen} times, is not in this file."


def _checkpoint(log: Log, note: str) -> int:
    """Verify a signed checkpoint, which a node key that counts at its last entry must have signed."""
    text, _, lines = note.rpartition("\n\n")
    body, is_signed = text + "\n", False
    size = _size(log, body)
    if not lines.endswith("\n") or lines.count("\n") > SIGNATURES_MAX:
        raise Refused(f"it must end with 1 to {SIGNATURES_MAX} signature lines")
    for line in lines[:-1].split("\n"):
        name, key_id, signature = _signature(line)
        for key in log.keys.values():
            counts = key.role == "node" and key.first < size <= key.last + 1
            if counts and (name, key_id) == (log.origin, _key_id(name, LOG_KEY, key.public)):
                if not _is_good(key.public, body.encode(), signature):
                    raise Refused("the signature of the log is not good")
                is_signed = True
        _cosigned(log, body, name, key_id, signature)
    if not is_signed:
        raise Refused("no node key that counts at its last entry signed it")
    return size


def _size(log: Log, body: str) -> int:
    """Return the size in a checkpoint, whose root must be that of the entries here."""
    found = re.fullmatch(r"(.+)\n(0|[1-9][0-9]{0,18})\n(.+)\n", body)
    if not found or found[1] != log.origin or int(found[2]) > len(log.leaves):
        raise Refused(f"it is no checkpoint of {log.origin} over entries in this file")
    if _base64(found[3], 32) != log.roots[int(found[2])]:
        raise Refused(f"the first {found[2]} entries are not those that were signed: the roots differ")
    return int(found[2])


def _cosigned(log: Log, body: str, name: str, key_id: bytes, signature: bytes) -> bool:
    """Verify what a witness signed; False if no key of this name and id is known."""
    public, size = log.witnesses.get((name, key_id)), _size(log, body)
    if public is None:
        return False
    at_s = int.from_bytes(signature[:8], "big")
    if not _is_good(public, f"cosignature/v1\ntime {at_s}\n{body}".encode(), signature[8:]):
        raise Refused(f"the signature of the witness {name!r} is not good")
    log.seen[name] = max(log.seen.get(name, (0, -at_s)), (size, -at_s))
    return True


def _proof(text: Any, logs: dict[str, Log]) -> str:
    """Verify a C2SP tlog-proof of one entry; its extra data, if there are any, are the entry."""
    head, _, note = text.partition("\n\n") if isinstance(text, str) else ("", "", "")
    form = r"c2sp\.org/tlog-proof@v1\n(?:extra (.+)\n)?index (0|[1-9][0-9]{0,18})((?:\n.+)*)"
    found = re.fullmatch(form, head)
    log = next((log for log in logs.values() if note.startswith(log.origin + "\n")), None)
    if found is None or log is None:
        raise Refused("it is no proof of an entry of a log in this file")
    size, index = _checkpoint(log, note), int(found[2])
    if index >= size:
        raise Refused(f"entry {index} is beyond its checkpoint, which has {size}")
    node, here, last = log.leaves[index], index, size - 1
    if found[1] and sha256(b"\x00" + _base64(found[1])).digest() != node:
        raise Refused(f"its extra data are not entry {index}")
    path = [_base64(line, 32) for line in found[3].split("\n")[1:]]
    while last:
        if here & 1 or here < last:  # else it is alone on its level
            sibling = path.pop(0) if path else b""
            node = _node(sibling, node) if here & 1 else _node(node, sibling)
        here, last = here >> 1, last >> 1
    if path or node != log.roots[size]:
        raise Refused("it does not lead to the root of its checkpoint")
    return f"Verified: log of {log.party!r}: the proof of entry {index} within the first {size}."


def _roots(leaves: list[bytes]) -> Iterator[bytes]:
    peaks: list[bytes] = []  # the roots of full trees, large to small
    for n, leaf in enumerate(leaves):
        peak = leaf
        for _ in range((~n & (n + 1)).bit_length() - 1):  # as many as n has ones at its end
            peak = _node(peaks.pop(), peak)
        peaks.append(peak)
        yield functools.reduce(lambda right, left: _node(left, right), reversed(peaks))


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _kid(public: bytes) -> str:
    return sha256(public).hexdigest()[:16]


def _key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def _is_root(root_key: bytes, given: str) -> bool:
    if "+" in given:
        return _vkey(given, LOG_KEY)[2] == root_key
    digits = re.sub(r"[\s:-]", "", given).lower()
    return len(digits) >= 32 and sha256(root_key).hexdigest().startswith(digits)


def _vkey(text: Any, kind: bytes) -> tuple[str, bytes, bytes]:
    name, hex_id, key = text.split("+", 2) if isinstance(text, str) and text.count("+") > 1 else ("", "", "")
    public = _base64(key)[1:]
    if _base64(key)[:1] != kind or len(public) != 32 or _key_id(name, kind, public).hex() != hex_id:
        raise Refused("a verifier key is of another kind, or has a wrong character")
    return name, _key_id(name, kind, public), public


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014":
        raise Refused("a signature line is none or breaks off")
    return parts[1], _base64(parts[2])[:4], _base64(parts[2])[4:]


def _jws(text: str, typ: str) -> tuple[str, dict[str, Any], functools.partial[bool]]:
    """Take a compact JWS apart: the name of its key, its payload, and what verifies it with a key."""
    if not text.isascii() or text.count(".") != 2:
        raise Refused("it is no compact JWS")
    header, payload, signature = (_base64(part, is_url=True) for part in text.split("."))
    head, said = _json(header), _json(payload)
    kid = head.get("kid") if isinstance(head, dict) else None
    if not isinstance(kid, str) or head != {"alg": "Ed25519", "kid": kid, "typ": f"keepclear-{typ}"}:
        raise Refused(f"its header must be alg Ed25519, a kid, typ keepclear-{typ}, and nothing else")
    if not isinstance(said, dict):
        raise Refused("its payload is no JSON object")
    signed = text.rpartition(".")[0].encode()
    return kid, said, functools.partial(_is_good, message=signed, signature=signature)


def _is_good(public: bytes, message: bytes, signature: bytes) -> bool:
    points = [int.from_bytes(point, "little") % 2**255 for point in (public, signature[:32])]
    if any(y >= P or y in WEAK for y in points):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _base64(text: Any, size: int | None = None, *, is_url: bool = False) -> bytes:
    """Decode base64, which must have its one spelling; that of URLs is without padding."""
    altchars, end = (b"-_", "=") if is_url else (b"+/", "")
    try:
        data = base64.b64decode(text + end * (-len(text) % 4), altchars)
    except (ValueError, TypeError):
        raise Refused("what must be base64 is none") from None
    if base64.b64encode(data, altchars).decode().rstrip(end) != text or size not in {None, len(data)}:
        raise Refused("what must be base64 is spelt another way, or of another length")
    return data


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refused(f"it is no JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Refused("a name stands twice in one JSON object")
    return dict(pairs)


def _fields(value: Any, kinds: Any, optional: Any = (), *, others: bool = False) -> None:
    """Refuse what is no JSON object with these fields, or has others and must not."""
    if not isinstance(value, dict):
        raise Refused("it is no JSON object")
    known = kinds | dict(optional)
    for name, kind in known.items():
        if (name in kinds or name in value) and type(value.get(name)) is not kind:
            raise Refused(f"{name!r} is missing or of another type")
    for name in value:
        if name not in known and not others:
            raise Refused(f"{name!r} is not known here")


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Refused(f"{where}: {error}") from None
    except UnicodeEncodeError:
        raise Refused(f"{where}: a text has half a character (a lone surrogate)") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the file that is named on the command line."""
    parser = argparse.ArgumentParser(description="Verify an export of Keepclear's logs.")
    parser.add_argument("export", help="the file, JSON")
    parser.add_argument("--root", action="append", default=[], help="a root key that you trust; repeatable")
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with Path(given.export).open("rb") as file:
            data = file.read(EXPORT_BYTES_MAX + 1)
        if len(data) > EXPORT_BYTES_MAX:
            raise Unreadable(f"it has over {EXPORT_BYTES_MAX:,} bytes")
        print("\n".join([*verify(data, given.root), "VERIFIED, but for what is named as not verified."]))
    except (OSError, Unreadable) as error:
        print(f"CANNOT BE READ: {error}"[:REASON_CHARACTERS_MAX])
        return 2
    except Refused as error:
        print(f"REFUSED: {error}"[:REASON_CHARACTERS_MAX])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
