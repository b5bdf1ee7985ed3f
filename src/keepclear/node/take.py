"""Take and witness: what others say goes into the logs and the picture, in one serial transaction.

A log is taken as a whole part or not at all: signatures by keys that count at that entry, entries that
follow each other, a tree that comes to the head its owner signed. What does not fit is refused by
name, and where it proves that the owner told two stories it is kept as evidence and the log is frozen.
What a peer declares is recorded whatever it says; a policy only refuses one's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Final

from keepclear.core.bundles import Bundle, Cosignature, LogPart, Withheld
from keepclear.core.conflicts import Item, label_of
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.merkle import Tree, leaf_hash
from keepclear.core.parties import PartyKeys
from keepclear.core.statements import (
    Head,
    ItemSaid,
    Signed,
    Statement,
    StatementKind,
)
from keepclear.core.times import instant_of
from keepclear.node.held import Held
from keepclear.node.logs import EVIDENCE_MAX, HeldLog, Logs
from keepclear.node.policy import span_ms
from keepclear.node.ports import (
    Actor,
    Cosigned,
    Entry,
    EventKind,
    Evidence,
    ItemForm,
    Notary,
    Record,
    SignedBy,
    SignedHead,
    Standing,
    Transaction,
)

ASIDE_MAX: Final = 64
"""So many parts of one log wait for a gap to be filled; more must be given again afterwards."""
ASIDE_BYTES_MAX: Final = 16_000_000
"""So much of one log waits for a gap to be filled; more must be given again afterwards."""

_NODE: Final = "node"
_EVENTS: Final = {
    StatementKind.DECLARED: EventKind.DECLARED,
    StatementKind.AMENDED: EventKind.AMENDED,
    StatementKind.STATE_CHANGED: EventKind.STATE_CHANGED,
    StatementKind.WITHDRAWN: EventKind.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A part of a bundle that was not taken.

    Attributes:
        party: Whose log.
        reason: Why, in words.
        is_proof: Whether it proves that the party told two stories.
    """

    party: PartyId
    reason: str
    is_proof: bool = False


@dataclass(slots=True, kw_only=True)
class Taken:
    """What was taken of a bundle.

    Attributes:
        records: The versions of items that were new.
        spans: Which entries of which log were new: party, first, end.
        refusals: What was not taken.
        cosigned: What this node signed for it as a witness.
        receipts: What others signed as witnesses, and was new.
    """

    records: list[Record] = field(default_factory=list)
    spans: list[tuple[PartyId, int, int]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    cosigned: list[Cosigned] = field(default_factory=list)
    receipts: list[Cosigned] = field(default_factory=list)


class _RefusedError(KeepclearError):
    """Why a part is not taken."""

    def __init__(self, reason: str, proof: dict[str, object] | None = None) -> None:
        self.reason, self.proof = reason, proof
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Takes bundles.

    Attributes:
        logs: What is held of the logs; the transaction must have been followed up to its end.
        held: What the node holds.
        transaction: The transaction that everything happens in.
        notary: Reads what others signed, and signs what was received.
        form: How items are written.
        now_ms: What time it is, milliseconds since 1970.
    """

    logs: Logs
    held: Held
    transaction: Transaction
    notary: Notary
    form: ItemForm
    now_ms: int

    def take(self, bundle: Bundle, *, heard: PartyId | None = None) -> Taken:
        """Take a bundle: what is known is passed over, what does not fit is refused by name.

        Args:
            bundle: The bundle.
            heard: Who gave it by a link that tells who it is; None for a carried file.
        """
        taken = Taken()
        self._note_own_end(bundle)
        for part in sorted(bundle.parts, key=lambda each: (each.party, each.first)):
            self._take_or_refuse(part, taken, heard)
            self._take_aside(part.party, taken)
        for cosignature in bundle.cosignatures:
            self._take_cosignature(cosignature, taken)
        if heard is not None:
            self._note_heard(heard, bundle, taken)
        return taken

    def _note_heard(self, peer: PartyId, bundle: Bundle, taken: Taken) -> None:
        """End the silence after a restore once every peer was heard, and gave what it held more."""
        own, read_by = self.logs[self.logs.own], self.logs.own_read_by
        read_by[peer] = max(read_by.get(peer, 0), dict(bundle.heads).get(own.party, 0))
        touched = {party for party, _, _ in taken.spans} | {refusal.party for refusal in taken.refusals}
        if own.party in touched and dict(bundle.heads).get(own.party) != own.tree.size:
            return  # there may be more of it: the peer is heard when it has nothing more to give
        self.logs.heard.add(peer)
        if self.logs.silence is not None and not self.logs.unheard():
            end_silence(self.logs, self.transaction)

    def _note_own_end(self, bundle: Bundle) -> None:
        own = self.logs.get(self.logs.own)
        if own is not None:
            # Only an end that its own key signed silences a node: anybody could say a number.
            signed = [part.end for part in bundle.parts if part.party == own.party and self._is_head(part)]
            own.longest = max([own.longest, *signed])

    def _is_head(self, part: LogPart) -> bool:
        log = self.logs[part.party]
        try:
            return self._head_of(log, part.note, log.keys).size == part.end
        except (_RefusedError, InvalidValueError):
            return False

    def _take_or_refuse(self, part: LogPart, taken: Taken, giver: PartyId | None = None) -> None:
        log = self.logs.get(part.party)
        if log is None:
            reason = f"the log of {part.party!r} is not taken: the party is not known here; pin its card"
            taken.refusals.append(Refusal(party=part.party, reason=reason))
            return
        try:
            if log.frozen is not None:
                raise _RefusedError(f"the log of {part.party!r} is frozen: {log.frozen}")
            self._take_part(log, part, taken)
            self._note_withheld(log, part, giver)
        except _RefusedError as refused:
            is_proof = refused.proof is not None
            taken.refusals.append(Refusal(party=part.party, reason=refused.reason, is_proof=is_proof))
            if refused.proof is not None:
                log.frozen = refused.reason
                self._keep_evidence(part.party, refused.reason, refused.proof)

    def _take_part(self, log: HeldLog, part: LogPart, taken: Taken) -> None:
        size = log.tree.size
        if part.first > size:
            self._put_aside(log, part)
            raise _RefusedError(
                f"entries {size} to {part.first - 1} of the log of {part.party!r} are missing; "
                f"{part.first} to {part.end - 1} wait until they come"
            )
        known = part.entries[: size - part.first]
        self._compare(log, part, known)
        if part.end <= size:
            self._compare_head(log, part)
        self._fill_in(log, part, known, taken)
        fresh = part.entries[size - part.first :]
        if not fresh:
            return
        statements, keys = self._read(log, size, fresh, log.keys)
        head = self._head_of(log, part.note, keys)
        leaves = [leaf_hash(each) if isinstance(each, bytes) else each.leaf for each in fresh]
        log.tree.extend(leaves)
        if (head.size, head.root) != (part.end, log.tree.root()):
            log.tree.truncate(size)
            raise _RefusedError(
                f"entries {size} to {part.end - 1} of the log of {part.party!r} are not those of the "
                "head that its owner signed: something was edited, dropped or swapped on the way"
            )
        self.transaction.append_entries(
            [
                Entry(
                    party=part.party,
                    n=size + number,
                    leaf=leaf,
                    jws=each if isinstance(each, bytes) else None,
                    taken_ms=self.now_ms,
                )
                for number, (each, leaf) in enumerate(zip(fresh, leaves, strict=True))
            ]
        )
        log.withheld.update(size + number for number, each in enumerate(fresh) if isinstance(each, Withheld))
        taken.spans.append((part.party, size, part.end))
        for statement in statements:
            self.logs.take(statement)
        self._apply(statements, taken)
        self.transaction.keep_head(
            SignedHead(party=part.party, size=part.end, note=part.note, taken_ms=self.now_ms)
        )
        self._compare_receipts(log, size, taken)
        if part.party != self.logs.own:
            self._witness(part, taken)

    def _note_withheld(self, log: HeldLog, part: LogPart, giver: PartyId | None) -> None:
        """Note what is withheld: by the owner, who decides it, or by somebody else, who may not know."""
        withheld = {n for n, each in enumerate(part.entries, start=part.first) if isinstance(each, Withheld)}
        if giver == log.party:
            log.unsure -= withheld
        else:
            log.unsure |= withheld & log.withheld

    def _put_aside(self, log: HeldLog, part: LogPart) -> None:
        waiting = {first: len(text) for first, text in self.transaction.quarantined(log.party)}
        text = self.form.write_part(part)
        room = ASIDE_BYTES_MAX - sum(size for first, size in waiting.items() if first != part.first)
        has_place = part.first in waiting or len(waiting) < ASIDE_MAX
        if has_place and len(text) <= room:
            self.transaction.put_aside(log.party, part.first, text, self.now_ms)

    def _take_aside(self, party: PartyId, taken: Taken) -> None:
        """Take the parts that waited for what was just taken."""
        log = self.logs.get(party)
        if log is None:
            return
        for first, text in self.transaction.quarantined(party):
            if first > log.tree.size:
                return
            self.transaction.take_back(party, first)
            self._take_or_refuse(self.form.read_part(text), taken)

    def _compare(self, log: HeldLog, part: LogPart, known: Sequence[bytes | Withheld]) -> None:
        """Refuse entries that are others than those held: if the owner signed both, that is a fork."""
        for number, each in enumerate(known):
            n = part.first + number
            leaf = leaf_hash(each) if isinstance(each, bytes) else each.leaf
            if leaf == log.tree.leaf(n):
                continue
            reason = f"entry {n} of the log of {part.party!r} is another than the one held"
            proof = self._proof_of_fork(log, part, n)
            if proof is None:
                raise _RefusedError(f"{reason}, and its owner did not sign it so: it was changed on the way")
            raise _RefusedError(f"{reason}: its owner signed both, and has forked its log", proof)

    def _proof_of_fork(self, log: HeldLog, part: LogPart, n: int) -> dict[str, object] | None:
        """Return both sides of a fork, where the other side is signed by the owner too."""
        try:
            head = self._head_of(log, part.note, log.keys)
        except (_RefusedError, InvalidValueError):
            head = None
        other = part.entries[n - part.first]
        is_signed = isinstance(other, bytes) and self._is_signed(log, other, n)
        tree = Tree([log.tree.leaf(k) for k in range(part.first)])
        tree.extend(leaf_hash(e) if isinstance(e, bytes) else e.leaf for e in part.entries)
        is_head = head is not None and head.size == part.end and head.root == tree.root()
        if not (is_signed or is_head):
            return None
        return self._both_sides(log, n, other, part.note)

    def _compare_head(self, log: HeldLog, part: LogPart) -> None:
        """Refuse the head of entries that are held if it is another than theirs: its owner signed two."""
        head = self._head_of(log, part.note, log.keys)
        if (head.size, head.root) == (part.end, log.tree.root(part.end)):
            return
        reason = f"the head of {head.size} entries of the log of {part.party!r} is not that of what it gives"
        if head.size > log.tree.size or head.root == log.tree.root(head.size):
            raise _RefusedError(reason)
        proof = self._both_sides(log, head.size - 1, None, part.note) if head.size else None
        raise _RefusedError(f"{reason}: its owner signed two stories, and has forked its log", proof)

    def _both_sides(
        self, log: HeldLog, n: int, other: bytes | Withheld | None, note: str
    ) -> dict[str, object]:
        held = self.transaction.entries(log.party, n, 1)[0]
        heads = self.transaction.heads(log.party, n + 1, 1)
        return {
            "entry": n,
            "held": None if held.jws is None else held.jws.decode(),
            "held_leaf": held.leaf.hex(),
            "held_head": heads[0].note if heads else None,
            "other": other.decode() if isinstance(other, bytes) else None,
            "other_head": note,
        }

    def _is_signed(self, log: HeldLog, entry: bytes, n: int) -> bool:
        try:
            statement, signed = self.notary.read(entry)
        except InvalidValueError:
            return False
        key = log.keys.node_key(signed.kid, n)
        is_its = statement.by == log.party and statement.n == n
        return is_its and key is not None and all(self.notary.verify([(key, signed)]))

    def _fill_in(self, log: HeldLog, part: LogPart, known: Sequence[bytes | Withheld], taken: Taken) -> None:
        """Take what was withheld before and is not any more; its hash fits already."""
        filled = {
            n: each
            for n, each in enumerate(known, start=part.first)
            if n in log.withheld and isinstance(each, bytes)
        }
        if not filled:
            return
        statements = [self._statement(log, n, each)[0] for n, each in filled.items()]
        keys = self._verify_filled(log, filled, statements)
        for n, each in filled.items():
            self.transaction.fill_in(log.party, n, each)
        self.logs.fill_in(log.party, keys, statements)
        is_own = log.party == self.logs.own  # what is withheld of its own follows from its order, too
        if is_own or any(statement.kind is StatementKind.DEED for statement in statements):
            self.logs.take_anew(self.transaction)
        self._apply([statement for statement in statements if self._is_current(statement)], taken)

    def _verify_filled(
        self, log: HeldLog, filled: Mapping[int, bytes], statements: Sequence[Statement]
    ) -> PartyKeys:
        """Verify entries that were withheld before; return the keys as all entries make them now."""
        if all(statement.kind is not StatementKind.KEY for statement in statements):
            for n, each in filled.items():
                self._read(log, n, [each], log.keys)
            return log.keys
        # What comes after a key that was withheld stands or falls with it, so all is read anew.
        whole = [
            filled.get(entry.n, Withheld(entry.leaf) if entry.jws is None else entry.jws)
            for entry in self.transaction.entries(log.party, 0, log.tree.size)
        ]
        return self._read(log, 0, whole, PartyKeys(log.root_key))[1]

    def _is_current(self, statement: Statement) -> bool:
        """Tell whether a statement that was withheld is not superseded by now."""
        body = statement.body
        if not isinstance(body, ItemSaid):
            return True
        current = self.logs.ledger.current(statement.by, body.id)
        return current is not None and current.n == statement.n

    def _read(
        self, log: HeldLog, first: int, fresh: Sequence[bytes | Withheld], keys: PartyKeys
    ) -> tuple[list[Statement], PartyKeys]:
        """Read entries and verify all their signatures; return what they say, and the keys after them."""
        keys = deepcopy(keys)
        statements, jobs = [], []
        for n, each in enumerate(fresh, start=first):
            if isinstance(each, Withheld):
                continue
            statement, signed = self._statement(log, n, each)
            if statement.kind is StatementKind.KEY:
                jobs.append(self._take_key(log, keys, n, statement))
            jobs.append((self._key(log, keys, signed, n), signed))
            if statement.kind is StatementKind.DEED:
                jobs.append(self._deed_job(log, keys, n, statement))
            statements.append(statement)
        self._verify(log, first, jobs)
        return statements, keys

    def _statement(self, log: HeldLog, n: int, entry: bytes) -> tuple[Statement, SignedBy]:
        try:
            statement, signed = self.notary.read(entry)
        except InvalidValueError as error:
            raise _RefusedError(f"entry {n} of the log of {log.party!r} cannot be read: {error}") from error
        if statement.by != log.party or statement.n != n:
            said = f"entry {statement.n} of {statement.by!r}"
            raise _RefusedError(
                f"entry {n} of the log of {log.party!r} is {said}: it was swapped or replayed"
            )
        return statement, signed

    def _take_key(
        self, log: HeldLog, keys: PartyKeys, n: int, statement: Statement
    ) -> tuple[bytes, SignedBy]:
        assert isinstance(statement.body, Signed), "the kind was checked"
        try:
            act, signed = self.notary.read_key(statement.body.jws)
            if act.party != log.party:
                raise InvalidValueError("party", f"it is of {act.party!r}")
            keys.take(n, act)
        except InvalidValueError as error:
            raise _RefusedError(f"entry {n} of the log of {log.party!r}: a key, and {error}") from error
        return log.root_key, signed

    def _deed_job(
        self, log: HeldLog, keys: PartyKeys, n: int, statement: Statement
    ) -> tuple[bytes, SignedBy]:
        assert isinstance(statement.body, Signed), "the kind was checked"
        where = f"entry {n} of the log of {log.party!r}"
        try:
            spoken, signed = self.notary.read_deed(statement.body.jws)
        except InvalidValueError as error:
            raise _RefusedError(f"{where} cannot be read: {error}") from error
        key = keys.officer_key(signed.kid, n, spoken.person)
        if key is None or spoken.party != log.party:
            raise _RefusedError(
                f"{where} is signed with {signed.kid}, no key of {spoken.person!r} of that party then"
            )
        return key, signed

    def _key(self, log: HeldLog, keys: PartyKeys, signed: SignedBy, n: int) -> bytes:
        key = keys.node_key(signed.kid, n)
        if key is None:
            raise _RefusedError(
                f"entry {n} of the log of {log.party!r} is signed with {signed.kid}, "
                "which is no key of its node at that place"
            )
        return key

    def _verify(self, log: HeldLog, first: int, jobs: Sequence[tuple[bytes, SignedBy]]) -> None:
        if not all(self.notary.verify(jobs)):
            raise _RefusedError(f"a signature in the log of {log.party!r} from entry {first} on is not right")

    def _head_of(self, log: HeldLog, note: str, keys: PartyKeys) -> Head:
        try:
            head, signatures = self.notary.read_head(log.party, note)
        except InvalidValueError as error:
            raise _RefusedError(
                f"the signed head of the log of {log.party!r} cannot be read: {error}"
            ) from error
        jobs = [
            (key, signed)
            for signed in signatures
            for key in keys.node_keys_at(max(0, head.size - 1)).values()
        ]
        if not any(self.notary.verify(jobs)):
            raise _RefusedError(f"the head of the log of {log.party!r} is not signed by its node")
        return head

    def _witness(self, part: LogPart, taken: Taken) -> None:
        """Sign that this log was received up to here; it is stored before anybody is answered."""
        cosignature = self.notary.cosign(part.party, part.note, self.now_ms // 1000)
        cosigned = self._kept(cosignature)
        self.transaction.keep_cosigned(cosigned)
        taken.cosigned.append(cosigned)

    def _kept(self, cosignature: Cosignature) -> Cosigned:
        return Cosigned(
            party=cosignature.party,
            witness=cosignature.witness,
            size=cosignature.size,
            at_s=cosignature.at_s,
            body=cosignature.body,
            line=cosignature.line,
            taken_ms=self.now_ms,
        )

    def _take_cosignature(self, cosignature: Cosignature, taken: Taken) -> None:
        witness, log = self.logs.get(cosignature.witness), self.logs.get(cosignature.party)
        if witness is None or log is None or cosignature.witness == self.logs.own:
            return
        if any(each.line == cosignature.line for each in self.transaction.cosigned(cosignature.party)):
            return  # it was verified when it was taken; the witness's key may be another by now
        try:
            head, signed = self.notary.read_cosignature(cosignature)
        except InvalidValueError as error:
            reason = f"a receipt of {cosignature.witness!r} cannot be read: {error}"
            taken.refusals.append(Refusal(party=cosignature.witness, reason=reason))
            return
        keys = witness.keys.node_keys_at(max(0, witness.tree.size - 1)).values()
        if not any(self.notary.verify([(key, signed) for key in keys])):
            reason = f"a receipt of {cosignature.witness!r} is not signed by its node"
            taken.refusals.append(Refusal(party=cosignature.witness, reason=reason))
            return
        if head.size <= log.tree.size and head.root != log.tree.root(head.size):
            self._doubt(cosignature, taken)
            return
        known = {each.witness: each.size for each in self.transaction.cosigned(cosignature.party)}
        if cosignature.size > known.get(cosignature.witness, -1):
            cosigned = self._kept(cosignature)
            self.transaction.keep_cosigned(cosigned)
            taken.receipts.append(cosigned)

    def _compare_receipts(self, log: HeldLog, since: int, taken: Taken) -> None:
        """Compare receipts that reached beyond what was held with what came since then."""
        for each in self.transaction.cosigned(log.party):
            if each.witness == self.logs.own or not since < each.size <= log.tree.size:
                continue
            head, _ = self.notary.read_cosignature(each.given)
            if head.root != log.tree.root(head.size):
                self._doubt(each.given, taken)

    def _doubt(self, cosignature: Cosignature, taken: Taken) -> None:
        """Keep a receipt for another log than the one held, once: whose lie it is, it does not tell."""
        reason = (
            f"{cosignature.witness!r} signed that it received another log of {cosignature.party!r} than "
            "this node holds: either tells two stories"
        )
        taken.refusals.append(Refusal(party=cosignature.party, reason=reason))
        kept = self.transaction.evidence(0, EVIDENCE_MAX)
        if any(each.party == cosignature.party and each.reason == reason for each in kept):
            return
        proof = {"cosignature": cosignature.line, "body": cosignature.body}
        self._keep_evidence(cosignature.party, reason, proof)

    def _keep_evidence(self, party: PartyId, reason: str, proof: Mapping[str, object]) -> None:
        content = json.dumps(proof)
        evidence = Evidence(id=0, party=party, reason=reason, content=content, taken_ms=self.now_ms)
        self.transaction.keep_evidence(evidence)

    def _apply(self, statements: Iterable[Statement], taken: Taken) -> None:
        """Bring what a party states of its items into the picture."""
        written: dict[ItemId, Record] = {}  # the latest of each, of this part
        changes: list[tuple[Record, Item]] = []
        for statement in statements:
            if isinstance(statement.body, ItemSaid):
                change = self._change(statement, statement.body, written)
                if change is not None:
                    changes.append(change)
                    written[change[0].label.id] = change[0]
        records = self.transaction.append_all(changes)
        self.held.take_all([(record, item) for record, (_, item) in zip(records, changes, strict=True)])
        taken.records.extend(records)

    def _change(
        self, statement: Statement, body: ItemSaid, written: Mapping[ItemId, Record]
    ) -> tuple[Record, Item] | None:
        """Return what is recorded of another party's item; None where there is nothing to draw."""
        local_id = self.logs.local_id(statement.by, body.id)
        old = written.get(local_id) or self.transaction.record(local_id)
        self.logs.unjudged.pop(local_id, None)
        if body.text is None:
            return None if old is None else self._withdrawn(statement, body, old)
        foreign = self.form.read_foreign(body.text, local_id, statement.by)
        if foreign.item is None:
            if not body.is_over:
                self.logs.unjudged[local_id] = foreign.window_ms
            return None if old is None else self._withdrawn(statement, body, old)
        return self._recorded(statement, body, old, foreign.item), foreign.item

    def _withdrawn(self, statement: Statement, body: ItemSaid, old: Record) -> tuple[Record, Item]:
        """Take out of the picture what was withdrawn, or cannot be judged any more."""
        item = self.form.read(old.text)
        record = self._recorded(statement, body, old, item)
        return replace(record, kind=EventKind.WITHDRAWN), item

    def _recorded(self, statement: Statement, body: ItemSaid, old: Record | None, item: Item) -> Record:
        """Record a version, whatever its number says: the log of its owner decides the order."""
        start_ms, end_ms = span_ms(item)
        return Record(
            seq=0,
            kind=_EVENTS[statement.kind],
            label=label_of(item),
            state=item.state if isinstance(item, OperationalIntent) else None,
            start_ms=start_ms,
            end_ms=end_ms,
            text=self.form.write(item),
            version=body.version if old is None else max(body.version, old.version + 1),
            standing=Standing.RECEIVED,
            actor=Actor(party=statement.by, person=_NODE),
            at=instant_of(statement.at_ms),
        )


def end_silence(logs: Logs, transaction: Transaction) -> None:
    """Sign again after a backup was put in place."""
    transaction.set_silence(None)
    logs.silence = None
