"""The offline verifier: it believes a good export, and nothing that differs from it by a byte."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from keepclear import verify_export
from keepclear.codec.checkpoints import Checkpoint, LogProof
from keepclear.codec.notes import KeyKind, Note, VerifierKey, sign_note
from keepclear.core.merkle import Tree, leaf_hash
from keepclear.verify_export import Refused, Unreadable, main, verify


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Signing:
    """A private key made from a word."""

    def __init__(self, word: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(sha256(word.encode()).digest())
        self.public = self._private.public_key().public_bytes_raw()
        self.kid = sha256(self.public).hexdigest()[:16]
        self.sign = self._private.sign

    def jws(self, typ: str, payload: object, **header: object) -> str:
        head = {"alg": "Ed25519", "kid": self.kid, "typ": typ} | header
        parts = [head, payload]
        signed = ".".join(url_of(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        return f"{signed}.{url_of(self.sign(signed.encode()))}"


class Writer:
    """One party, that writes its log and exports it."""

    def __init__(self, party: str) -> None:
        self.party = party
        self.origin = f"keepclear/{party}/log"
        self.root, self.node, self.officer = (
            Signing(f"{party} {role}") for role in ("root", "node", "officer")
        )
        self.entries: list[dict[str, str]] = []
        self.tree = Tree()
        self.cosignatures: list[dict[str, str]] = []
        self.witness_keys: list[str] = []

    def say(self, type_: str, body: object, by: Signing | None = None, **other: object) -> None:
        """Append a statement; what is given as `other` replaces what would stand in it."""
        payload = {"v": 1, "type": type_, "by": self.party, "n": len(self.entries), "t": 1, "body": body}
        self.append((by or self.node).jws("keepclear-statement", payload | other))

    def append(self, jws: str) -> None:
        self.entries.append({"jws": jws})
        self.tree.append(leaf_hash(jws.encode()))

    def act(self, act: dict[str, object], by: Signing | None = None, root: Signing | None = None) -> None:
        deed = (root or self.root).jws("keepclear-key", {"v": 1, "party": self.party, **act}, kid="root")
        self.say("key", {"deed": deed}, by)

    def grant(self, key: Signing, role: str = "node", **options: Any) -> None:
        act = {"act": "grant", "kid": key.kid, "role": role, "key": url_of(key.public)}
        self.act(act | ({"person": "Ann"} if role == "officer" else {}), **options)

    def revoke(self, key: Signing, **options: Any) -> None:
        self.act({"act": "revoke", "kid": key.kid}, **options)

    def note(self, size: int | None = None, by: Signing | None = None) -> Note:
        size = self.tree.size if size is None else size
        text = Checkpoint(origin=self.origin, size=size, root=self.tree.root(size)).encode()
        key = VerifierKey(name=self.origin, kind=KeyKind.LOG, public=(by or self.node).public)
        return Note(text=text, signatures=(sign_note(text, key, (by or self.node).sign),))

    def cosign(self, witness: Signing, name: str, size: int, at_s: int = 1_700_000_000) -> None:
        key = VerifierKey(name=name, kind=KeyKind.WITNESS, public=witness.public)
        text = self.note(size).text
        line = sign_note(text, key, witness.sign, at_s).encode().removesuffix("\n")
        self.cosignatures.append({"checkpoint": text, "line": line})
        if key.encode() not in self.witness_keys:
            self.witness_keys.append(key.encode())

    def proof(self, index: int, size: int, extra: bytes = b"") -> str:
        path = tuple(self.tree.inclusion_proof(index, size))
        return LogProof(index=index, proof=path, note=self.note(size), extra=extra).encode()

    def exported(self, **other: object) -> dict[str, Any]:
        return {
            "party": self.party,
            "root_key": text_of(self.root.public),
            "entries": list(self.entries),
            "checkpoint": self.note().encode(),
            "cosignatures": list(self.cosignatures),
            "witness_keys": list(self.witness_keys),
        } | other


def export_of(*logs: dict[str, Any], **other: object) -> bytes:
    return json.dumps({"format": "keepclear-export/1", "logs": logs, **other}, ensure_ascii=False).encode()


def started(party: str = "alpha") -> Writer:
    writer = Writer(party)
    writer.grant(writer.node)
    writer.grant(writer.officer, "officer")
    return writer


def two_logs() -> tuple[Writer, Writer]:
    """Two parties that received from each other, with deeds, a withheld entry and a change of keys."""
    alpha, beta = started("alpha"), started("beta")
    head = [2, url_of(beta.tree.root())]
    alpha.say("declared", {"id": "A", "version": 1, "item": {}}, received={"beta": head}, to=["beta"])
    alpha.say("deed", {"deed": alpha.officer.jws("keepclear-deed", {"v": 1, "person": "Ann", "seen": ["B"]})})
    secret = leaf_hash(b"what nobody else may read")
    alpha.entries.append({"leaf": text_of(secret)})
    alpha.tree.append(secret)
    beta.say("withdrawn", {"id": "B", "version": 2}, received={"alpha": [5, url_of(alpha.tree.root())]})
    renewed = Signing("alpha node, renewed")
    alpha.grant(renewed)
    alpha.revoke(alpha.node)
    alpha.node = renewed
    alpha.say("declared", {"id": "C", "version": 1, "item": {}})
    alpha.cosign(beta.node, beta.origin, 5)
    alpha.cosign(Signing("neutral"), "example.org/witness", 8)
    return alpha, beta


def refusal(export: bytes, roots: tuple[str, ...] = ()) -> str:
    with pytest.raises(Refused) as caught:
        verify(export, roots)
    return str(caught.value)


# -- what is verified ---------------------------------------------------------------------------------


def test_a_good_export_is_verified_and_what_is_not_is_named() -> None:
    alpha, beta = two_logs()
    entry = alpha.entries[2]["jws"].encode()
    told = verify(export_of(alpha.exported(), beta.exported(), proofs=[alpha.proof(2, 8, entry)]))
    text = "\n".join(told)
    assert "log of 'alpha': 8 entries in order, 7 of them signed by its node" in text
    assert "4 acts on keys by the root key and 1 deeds of officers" in text
    assert f"fingerprint of the root key is {sha256(alpha.root.public).hexdigest()}" in text
    assert "witness 'keepclear/beta/log' had the first 5 entries by 2023-11-14 22:13:20+00:00" in text
    assert "the proof of entry 2 within the first 8" in text
    assert "Not verified: whether 'alpha' holds this root key" in text
    assert "Not verified: log of 'alpha': 1 entries are withheld" in text
    assert "Not verified: who holds the key of the witness 'example.org/witness'" in text
    assert "who holds the key of the witness 'keepclear/beta/log'" not in text  # it is in beta's log


def test_what_was_received_of_a_log_that_is_not_there_is_not_verified() -> None:
    alpha, _ = two_logs()
    assert any(
        "what it had received of others, 1 times, is not in this file" in line
        for line in verify(export_of(alpha.exported()))
    )


def test_each_log_must_rest_on_a_root_key_that_is_given() -> None:
    alpha, beta = two_logs()
    export = export_of(alpha.exported(), beta.exported())
    prints = [sha256(each.root.public).hexdigest() for each in (alpha, beta)]
    vkey = VerifierKey(name="alpha-root", kind=KeyKind.LOG, public=alpha.root.public).encode()
    for roots in (
        prints,
        [prints[0][:32].upper(), prints[1]],
        [vkey, prints[1]],
        [":".join(prints[0]), prints[1]],
    ):
        assert not any("root key;" in line for line in verify(export, roots))
    for roots in (prints[:1], [prints[0][:31], prints[1]], ["", "", prints[1]]):
        assert "is none of those that you gave" in refusal(export, tuple(roots))
    assert "a wrong character" in refusal(export, (vkey.replace("alpha", "alphb"),))
    assert "half a character" in refusal(export, ("\udcff" + vkey,))


def test_a_key_counts_from_the_entry_that_grants_it_to_the_one_that_revokes_it() -> None:
    writer = started()
    renewed = Signing("renewed")
    writer.say("declared", {}, renewed)
    assert "logs[0]: log of 'alpha': entry 2" in refusal(export_of(writer.exported()))
    writer = started()
    writer.grant(renewed, by=renewed)
    writer.revoke(writer.node, by=writer.node)  # its last
    assert verify(export_of(writer.exported(checkpoint=writer.note(by=renewed).encode())))
    assert verify(export_of(writer.exported(checkpoint=writer.note(by=writer.node).encode())))
    writer.say("declared", {}, writer.node)
    note = writer.note(by=renewed).encode()
    assert "is no node key that counts at entry 4" in refusal(export_of(writer.exported(checkpoint=note)))


def test_a_checkpoint_by_a_revoked_key_is_refused() -> None:
    alpha, _ = two_logs()
    note = alpha.note(by=Signing("alpha node")).encode()
    assert "no node key that counts at its last entry signed it" in refusal(
        export_of(alpha.exported(checkpoint=note, cosignatures=[]))
    )


def test_a_checkpoint_by_an_officer_or_of_another_log_is_refused() -> None:
    writer = started()
    by_officer = writer.note(by=writer.officer)
    other = Checkpoint(origin="keepclear/beta/log", size=2, root=writer.tree.root()).encode()
    key = VerifierKey(name=writer.origin, kind=KeyKind.LOG, public=writer.node.public)
    of_other = Note(text=other, signatures=(sign_note(other, key, writer.node.sign),))
    for note, reason in ((by_officer, "no node key that counts"), (of_other, "it is no checkpoint of")):
        assert reason in refusal(export_of(writer.exported(checkpoint=note.encode())))


def test_signatures_of_a_checkpoint_by_unknown_keys_are_passed_over_and_by_witnesses_verified() -> None:
    alpha, _ = two_logs()
    line = alpha.cosignatures[1]["line"] + "\n"
    strange = "\u2014 example.org/other AAAAAAAA\n"
    note = alpha.note().encode() + line + strange
    told = verify(export_of(alpha.exported(checkpoint=note, cosignatures=[])))
    assert any("witness 'example.org/witness' had the first 8 entries" in each for each in told)
    bad = note.replace(line, sign_changed(line))
    assert "'example.org/witness' is not good" in refusal(export_of(alpha.exported(checkpoint=bad)))


def sign_changed(line: str) -> str:
    """Change one character in the middle of the signature in a line."""
    at = len(line) - 30
    return line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]


# -- what is refused ----------------------------------------------------------------------------------


def changed_log(change: Callable[[Writer], object]) -> bytes:
    writer = started()
    change(writer)
    return export_of(writer.exported())


def officer_deed(writer: Writer, by: Signing, person: str = "Ann", **header: object) -> None:
    payload = {"v": 1, "person": person}
    writer.say("deed", {"deed": by.jws(str(header.pop("typ", "keepclear-deed")), payload, **header)})


def grant_with(writer: Writer, **other: object) -> None:
    key = Signing("new")
    writer.act({"act": "grant", "kid": key.kid, "role": "node", "key": url_of(key.public)} | other)


REFUSED: list[tuple[Callable[[Writer], object], str]] = [
    (lambda w: w.say("x", {}, by=Signing("stranger")), "entry 2: .* is no node key that counts at entry 2"),
    (lambda w: w.say("x", {}, by=w.officer), "is no node key that counts"),
    (lambda w: w.say("x", {}, by=w.root), "is no node key that counts"),
    (lambda w: w.append(Signing("stranger").jws("keepclear-statement", payload_of(w), kid=w.node.kid)),
     "entry 2: the signature is not good"),
    (lambda w: w.append(w.node.jws("keepclear-deed", payload_of(w))), "typ keepclear-statement"),
    (lambda w: w.append(w.node.jws("keepclear-statement", payload_of(w), alg="none")), "alg Ed25519"),
    (lambda w: w.append(w.node.jws("keepclear-statement", payload_of(w), crit=["x"])), "nothing else"),
    (lambda w: w.append(w.node.jws("keepclear-statement", [1])), "no JSON object"),
    (lambda w: w.append(w.entries[0]["jws"]), "entry 2: it says that n is 0; here it must be 2"),
    (lambda w: w.append("a.b"), "it is no compact JWS"),
    (lambda w: w.append("a.b.c.d"), "it is no compact JWS"),
    (lambda w: w.say("x", {}, v=2), "it says that v is 2"),
    (lambda w: w.say("x", {}, v=True), "'v' is missing or of another type"),
    (lambda w: w.say("x", {}, by=None, n=3), "it says that n is 3"),
    (lambda w: w.say("x", {}, t="now"), "'t' is missing"),
    (lambda w: w.say("x", {}, t=1.5), "'t' is missing"),
    (lambda w: w.say("x", "body"), "'body' is missing"),
    (lambda w: w.say("x", {}, to="beta"), "'to' is missing"),
    (lambda w: w.say("x", {}, received=[]), "'received' is missing"),
    (lambda w: w.say("x", {}, received={"alpha": 5}), "received of 'alpha': it must be a size and a root"),
    (lambda w: w.say("x", {}, received={"alpha": [-1, ""]}), "it must be a size and a root"),
    (lambda w: w.say("x", {}, received={"alpha": [True, ""]}), "it must be a size and a root"),
    (lambda w: w.say("x", {}, received={"alpha": [1, url_of(b"r" * 32)]}),
     "the first 1 entries that it had are not those"),
    (lambda w: w.say("key", {}), "'deed' is missing"),
    (lambda w: w.grant(Signing("new"), root=w.node), r"inside \(key\): the signature is not good"),
    (lambda w: w.say("key", {"deed": w.node.jws("keepclear-key", {})}), "must be signed with the root key"),
    (lambda w: w.say("key", {"deed": w.root.jws("keepclear-deed", {}, kid="root")}), "typ keepclear-key"),
    (lambda w: w.say("break", {"deed": w.node.jws("keepclear-break", {})}), "signed with the root key"),
    (lambda w: w.grant(w.officer, "officer"), "was granted before"),
    (lambda w: w.grant(w.root), "is the root key"),
    (lambda w: grant_with(w, kid="0" * 16), "is misnamed"),
    (lambda w: grant_with(w, party="beta"), "for 'beta'"),
    (lambda w: grant_with(w, v=2), "of version 2"),
    (lambda w: grant_with(w, role="captain"), "neither grants a key"),
    (lambda w: grant_with(w, act="lend"), "neither grants a key"),
    (lambda w: grant_with(w, key=None), "'key' is missing or of another type"),
    (lambda w: grant_with(w, key="AAAA"), "of another length"),
    (lambda w: grant_with(w, secret="x"), "'secret' is not known here"),
    (lambda w: w.revoke(Signing("new")), "nor revokes one that counts"),
    (lambda w: (w.revoke(w.officer), w.revoke(w.officer)), "entry 3: .* nor revokes one that counts"),
    (lambda w: (w.revoke(w.officer), w.grant(w.officer, "officer")), "entry 3: .* was granted before"),
    (lambda w: officer_deed(w, w.node), "is no officer key of 'Ann' that counts"),
    (lambda w: officer_deed(w, w.officer, "Boris"), "is no officer key of 'Boris' that counts"),
    (lambda w: officer_deed(w, Signing("stranger")), "is no officer key of 'Ann' that counts"),
    (lambda w: officer_deed(w, Signing("stranger"), kid=w.officer.kid), "the signature is not good"),
    (lambda w: officer_deed(w, w.officer, typ="keepclear-key"), "typ keepclear-deed"),
    (lambda w: (w.revoke(w.officer), officer_deed(w, w.officer)), "of 'Ann' that counts at entry 3"),
]  # fmt: skip


def payload_of(writer: Writer) -> dict[str, object]:
    return {"v": 1, "type": "x", "by": writer.party, "n": len(writer.entries), "t": 1, "body": {}}


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_an_entry_that_is_not_as_it_must_be_is_refused(
    change: Callable[[Writer], object], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        verify(changed_log(change))


def test_a_break_by_the_root_key_and_a_deed_by_an_officer_are_verified() -> None:
    writer = started()
    writer.say("statement", {})  # of a type that is not known here nothing but the signature is
    writer.say("break", {"deed": writer.root.jws("keepclear-break", {"v": 1})})
    officer_deed(writer, writer.officer)
    assert verify(export_of(writer.exported()))


Exported = dict[str, Any]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log["entries"].pop(), "checkpoint: it is no checkpoint .* over entries in this file"),
        (lambda log: log["entries"].pop(2), "entry 2: .* n is"),
        (lambda log: log["entries"].pop(4), "entry 4: .* n is 5"),
        (lambda log: log["entries"].insert(0, log["entries"].pop(1)), "entry 0: .* n is 1"),
        (lambda log: log["entries"].append({"leaf": text_of(b"l" * 32)}), "of 8 entries, but there are 9"),
        (lambda log: log["entries"].__setitem__(4, {"leaf": text_of(b"l" * 32)}), "the roots differ"),
        (lambda log: log["entries"].__setitem__(4, {"leaf": text_of(b"l" * 31)}), "of another length"),
        (lambda log: log["entries"].__setitem__(4, {"leaf": 1}), "what must be base64 is none"),
        (lambda log: log["entries"].__setitem__(4, {}), "'jws' is missing"),
        (lambda log: log["entries"].__setitem__(4, []), "no JSON object"),
        (lambda log: log["entries"][3].update(leaf=""), "'leaf' is not known here"),
        (lambda log: log["entries"][3].update(jws="a.\u0430.a"), "no compact JWS"),
        (lambda log: log.update(party="beta"), "by is 'alpha'; here it must be 'beta'"),
        (lambda log: log.update(party="\ud800"), "by is 'alpha'; here it must be"),
        (lambda log: log.update(root_key=text_of(b"k" * 32)), "inside .key.: the signature is not good"),
        (lambda log: log.update(checkpoint=""), "it is no checkpoint"),
        (lambda log: log.update(checkpoint=log["checkpoint"][:-1]), "1 to 32 signature lines"),
        (lambda log: log.update(checkpoint=log["checkpoint"] + "\n"), "it is no checkpoint"),
        (lambda log: log.update(checkpoint=log["checkpoint"] + "\u2014 \ud800 AAAAAAAA\n"), "half a char"),
        (lambda log: log.update(checkpoint=log["checkpoint"] + "\u2014 a AAAAAAAA\n" * 32), "1 to 32 sign"),
        (lambda log: log["cosignatures"][0].update(line="x"), "a signature line is none"),
        (lambda log: log["cosignatures"][0].update(checkpoint="x"), r"cosignature 0: it is no checkpoint"),
        (lambda log: log["cosignatures"].append(1), "cosignature 2: it is no JSON object"),
        (lambda log: log["witness_keys"].clear(), "no key of a witness 'keepclear/beta/log' with this id"),
        (lambda log: log["witness_keys"].append(1), "what must be base64 is none|verifier key"),
        (lambda log: log["witness_keys"].append("\ud800+00000000+BAAA"), "verifier key|half a char"),
        (lambda log: log.pop("cosignatures"), "'cosignatures' is missing"),
        (lambda log: log.update(more=1), "'more' is not known here"),
    ],
)  # fmt: skip
def test_a_log_that_is_not_as_it_must_be_is_refused(
    change: Callable[[Exported], object], reason: str
) -> None:
    log = two_logs()[0].exported()
    log["entries"] = [dict(entry) for entry in log["entries"]]
    log["cosignatures"] = [dict(each) for each in log["cosignatures"]]
    change(log)
    with pytest.raises(Refused, match=reason):
        verify(json.dumps({"format": "keepclear-export/1", "logs": [log]}).encode())


def test_a_history_written_and_signed_anew_is_refused_where_others_had_the_old_one() -> None:
    alpha, beta = two_logs()
    anew = started("alpha")
    for _ in range(6):
        anew.say("declared", {"id": "Z", "version": 1, "item": {}})
    assert verify(export_of(anew.exported()))
    export = anew.exported(cosignatures=alpha.cosignatures, witness_keys=alpha.witness_keys)
    assert "cosignature 0: the first 5 entries are not those that were signed" in refusal(export_of(export))
    reason = refusal(export_of(anew.exported(), beta.exported()))
    assert "log of 'beta', entry 2, received of 'alpha': the first 5 entries that it had are not" in reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda proof: proof.replace("index 2", "index 3"), "are not entry 3"),
        (lambda proof: proof.replace("index 2", "index 02"), "it is no proof"),
        (lambda proof: proof.replace("index 2", "index 8"), "beyond its checkpoint"),
        (lambda proof: proof.replace("@v1", "@v2"), "it is no proof"),
        (lambda proof: proof.replace("/alpha/", "/gamma/"), "it is no proof"),
        (lambda proof: proof.replace("\nextra ", "\nextra AAAA"), "are not entry 2"),
        (lambda proof: proof.replace("index 2\n", f"index 2\n{text_of(b'h' * 32)}\n"), "does not lead"),
        (lambda proof: "\n".join([*proof.split("\n")[:3], *proof.split("\n")[4:]]), "does not lead"),
        (lambda proof: proof.replace("\n\n", f"\n{text_of(b'h' * 32)}\n\n", 1), "does not lead"),
        (len, "it is no proof"),
        (lambda proof: proof[:0], "it is no proof"),
    ],
)  # fmt: skip
def test_a_proof_that_does_not_hold_is_refused(change: Callable[[str], object], reason: str) -> None:
    alpha, _ = two_logs()
    proof = alpha.proof(2, 8, alpha.entries[2]["jws"].encode())
    assert verify(export_of(alpha.exported(), proofs=[proof]))
    with pytest.raises(Refused, match=rf"proofs\[0\]: .*{reason}"):
        verify(export_of(alpha.exported(), proofs=[change(proof)]))


def test_every_proof_of_every_entry_holds() -> None:
    alpha, _ = two_logs()
    for size in (6, 7, 8):  # before the key that signs them counted, no checkpoint does
        proofs = [alpha.proof(index, size) for index in range(size)]
        assert verify(export_of(alpha.exported(), proofs=proofs))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[]",
        b"nothing",
        b"{",
        b'{"format": "keepclear-export/2", "logs": []}',
        b'{"format": "keepclear-export/1", "format": "keepclear-export/1", "logs": []}',
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
    ],
)
def test_what_is_no_export_is_unreadable(document: bytes) -> None:
    with pytest.raises(Unreadable):
        verify(document)


def test_an_export_without_a_log_or_with_two_of_one_party_is_refused() -> None:
    alpha, _ = two_logs()
    assert "there is no log in it" in refusal(export_of())
    assert "there are two of 'alpha'" in refusal(export_of(alpha.exported(), alpha.exported()))
    assert "'more' is not known here" in refusal(export_of(alpha.exported(), more=1))
    empty = Writer("alpha").exported()
    assert "no node key that counts at its last entry signed it" in refusal(export_of(empty))


@pytest.mark.parametrize("weak", [0, 1, 2**255 - 20, *sorted(verify_export.WEAK), 2**255 - 19, 2**255 - 1])
@pytest.mark.parametrize("sign_bit", [0, 2**255])
def test_no_key_is_believed_with_which_one_signature_fits_many_messages(weak: int, sign_bit: int) -> None:
    public = (weak + sign_bit).to_bytes(32, "little")
    # The neutral element as commitment and zero as response fit such a key, whatever the message.
    for first in (1).to_bytes(32, "little"), public:
        assert not verify_export._is_good(public, b"whatever", first + bytes(32))
    nacl = pytest.importorskip("nacl.bindings")
    if weak < 2**255 - 19:
        assert not nacl.crypto_core_ed25519_is_valid_point(public)


# -- any byte -----------------------------------------------------------------------------------------


def small_export() -> bytes:
    alpha = started()
    officer_deed(alpha, alpha.officer)
    secret = leaf_hash(b"secret")
    alpha.entries.append({"leaf": text_of(secret)})
    alpha.tree.append(secret)
    alpha.cosign(Signing("neutral"), "example.org/witness", 3)
    return export_of(alpha.exported(), proofs=[alpha.proof(1, 4)])


SMALL = small_export()
ROOT = sha256(Signing("alpha root").public).hexdigest()
TOLD = verify(SMALL, [ROOT])


def refused_or_the_same(changed: bytes) -> bool:
    """Tell whether an export is refused; one that is not must say the same in another form of JSON."""
    try:
        told = verify(changed, [ROOT])
    except Refused:
        return True
    assert told == TOLD
    assert json.loads(changed) == json.loads(SMALL)
    return False


@pytest.mark.slow
def test_no_byte_of_an_export_can_be_changed() -> None:
    changes = (SMALL[:at] + bytes([byte ^ 1]) + SMALL[at + 1 :] for at, byte in enumerate(SMALL))
    assert all(refused_or_the_same(changed) for changed in changes)  # a space ^ 1 is no white space


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 3), st.binary(max_size=2))
def test_no_bytes_of_an_export_can_be_left_out_or_put_in(at: int, length: int, new: bytes) -> None:
    changed = SMALL[:at] + new + SMALL[at + length :]
    refused_or_the_same(changed)


@given(st.integers(0, len(SMALL) - 1))
def test_an_export_that_breaks_off_is_unreadable(length: int) -> None:
    with pytest.raises(Unreadable):
        verify(SMALL[:length], [ROOT])


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_junk_in_any_place_is_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    document = json.loads(SMALL)
    place: Any = document
    while True:  # go down to anywhere
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    before, place[key] = place[key], data.draw(JUNK)
    is_left_out = place[key] == [] and key in {"cosignatures", "proofs"}  # evidence that need not be there
    if place[key] != before and not is_left_out:
        with pytest.raises(Refused):
            verify(json.dumps(document).encode(), [ROOT])


@given(JUNK, st.sampled_from(["payload", "header", "deed", "act"]))
def test_junk_that_is_signed_is_refused_or_plain(junk: Any, place: str) -> None:
    def change(writer: Writer) -> None:
        if place == "payload":
            writer.append(writer.node.jws("keepclear-statement", junk))
        elif place == "header":
            writer.append(writer.node.jws("keepclear-statement", payload_of(writer), kid=junk))
        elif place == "deed":
            writer.say("deed", {"deed": junk})
        else:
            writer.act({"act": "grant", "kid": junk, "role": junk, "key": junk})

    with pytest.raises(Refused):
        verify(changed_log(change))


# -- the command --------------------------------------------------------------------------------------


def test_the_command_says_verified_and_exits_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(SMALL)
    assert main([str(path), "--root", ROOT]) == 0
    assert capsys.readouterr().out.endswith("VERIFIED, but for what is named as not verified.\n")


def test_the_command_names_the_reason_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(SMALL)
    assert main([str(path), "--root", "0" * 32]) == 1
    said = "REFUSED: logs[0]: the root key of 'alpha' is none of those that you gave\n"
    assert capsys.readouterr().out == said


def test_the_command_exits_with_2_where_there_is_nothing_to_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "export.json"
    assert main([str(path)]) == 2
    assert "CANNOT BE READ: " in capsys.readouterr().out
    path.write_bytes(b"{}")
    assert main([str(path)]) == 2
    assert "it is not of the format keepclear-export/1" in capsys.readouterr().out
    path.write_bytes(SMALL)
    monkeypatch.setattr(verify_export, "EXPORT_BYTES_MAX", len(SMALL))
    assert main([str(path)]) == 0
    monkeypatch.setattr(verify_export, "EXPORT_BYTES_MAX", len(SMALL) - 1)
    assert main([str(path)]) == 2
    assert "it has over" in capsys.readouterr().out


@pytest.mark.slow
def test_the_file_runs_alone_without_keepclear(tmp_path: Path) -> None:
    script, export = tmp_path / "verify_export.py", tmp_path / "export.json"
    script.write_bytes(Path(verify_export.__file__).read_bytes())
    export.write_bytes(SMALL)
    blocked = f"import sys; sys.modules['keepclear'] = None; sys.argv = [{str(script)!r}, {str(export)!r}]\n"
    run = f"{blocked}import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", run], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "VERIFIED" in done.stdout


def test_the_file_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    lines = Path(verify_export.__file__).read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
