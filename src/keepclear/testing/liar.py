"""A party that lies: it has its own keys and everybody's messages, and signs whatever suits it.

It runs the same software as everybody else, once for each story that it tells. What no node would say is
said by a copy that is thrown away afterwards, or made out of a bundle by hand. No lie here is one that
nobody could ever find out, such as to say that one has not seen something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from random import Random
from typing import Final, NamedTuple

from keepclear.adapters.notary import Notary, origin_of, sign_deed
from keepclear.adapters.store.form import JsonForm
from keepclear.codec.bundle import encode_bundle
from keepclear.codec.checkpoints import Checkpoint
from keepclear.codec.notes import KeyKind, Note, VerifierKey, sign_note
from keepclear.codec.statements import encode_statement
from keepclear.core.bundles import Bundle, Cosignature, LogPart, Withheld
from keepclear.core.deeds import Acknowledgement, Answer, Deed, Heard, MessagesSeen
from keepclear.core.dialogues import Sent
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.merkle import HASH_BYTES, leaf_hash
from keepclear.core.messages import ANSWER_CODES, Code, Message, Priority, Step, Value, answers_to
from keepclear.core.statements import Head, ItemSaid, Signed, Statement, StatementKind
from keepclear.core.times import floor_ms
from keepclear.node.give import bundle_for
from keepclear.node.prove import Proving
from keepclear.node.take import ASIDE_MAX, Taken
from keepclear.testing.federation import SimulatedNode, proving_of
from keepclear.testing.scenario import CELLS, Act, Officers, item_at

FLOOD_STATEMENTS: Final = 20
"""So many statements come at once in a flood."""
_ALL: Final = 100_000
_FORM: Final = JsonForm()


class Lie(Enum):
    """What a liar does."""

    FORK = "tell different peers different stories"
    REPLAY_BUNDLE = "give an old bundle again"
    REPLAY_ENTRY = "put an old entry of its own into its log again"
    REPLAY_DEED = "put what its officer said into its log again"
    STEAL_DEED = "put what another party's officer said into its own log"
    EDIT_ENTRY = "change a byte of an entry"
    DROP_ENTRY = "leave out an entry in the middle"
    SWAP_ENTRIES = "swap two entries"
    WITHHOLD = "withhold entries that the receiver may read"
    LEAVE_GAP = "leave out the beginning"
    FLOOD = "say very much at once"
    FLOOD_ASIDE = "give very many parts that do not fit yet"
    BACKDATE = "say something with a date of long ago"
    REUSE_VERSION = "say something else under a version that was stated"
    WRONG_HEAD = "sign a head that is not of its log"
    SWAP_RECEIPTS = "give a receipt for another log, or of another witness"
    FALSE_RECEIPT = "sign that it received a log that never was"
    SPEAK_FOR_OTHERS = "sign as an officer of another party"
    FORGE_ENTRY = "state something in the name of another party"
    FORGE_OFFICER = "have its node sign as its officer"
    STRANGE_OFFICER = "have somebody sign who is no officer"
    REVOKED_OFFICER = "have an officer sign whose key is revoked"
    ACCEPT_OWN = "accept its own proposal"
    ANSWER_FOR_OTHERS = "answer a message that was sent to somebody else"
    ESCALATE_FOR_OTHERS = "say by its node what became of the message of another party"
    HEAR_FALSELY = "write down by voice what nobody said"
    BAD_SHAPE = "state an item that cannot be judged"
    GARBAGE = "give bytes that are no bundle"


MUST_BE_REFUSED: Final = frozenset(
    {
        Lie.REPLAY_ENTRY,
        Lie.STEAL_DEED,
        Lie.EDIT_ENTRY,
        Lie.DROP_ENTRY,
        Lie.SWAP_ENTRIES,
        Lie.FLOOD_ASIDE,
        Lie.WRONG_HEAD,
        Lie.SWAP_RECEIPTS,
        Lie.SPEAK_FOR_OTHERS,
        Lie.FORGE_ENTRY,
        Lie.FORGE_OFFICER,
        Lie.STRANGE_OFFICER,
        Lie.REVOKED_OFFICER,
        Lie.GARBAGE,
    }
)
"""What a node that is given it must refuse. The others are found out by what follows, or are harmless."""


class _Forged(NamedTuple):
    """A key that bears the name of another."""

    public: bytes
    kid: str
    sign: Callable[[bytes], bytes]


class Liar:
    """See the module.

    Args:
        node: Its node.
        officers: What officers do.
        random: Where all chance comes from.

    Attributes:
        stories: What it tells, one or two nodes with the same keys.
        told: Which story each peer is told.
    """

    def __init__(self, node: SimulatedNode, officers: Officers, random: Random) -> None:
        self.stories = [node]
        self.told: dict[PartyId, int] = {}
        self._officers, self._random = officers, random
        self._given: list[tuple[PartyId, bytes]] = []
        self._lies: dict[Lie, Callable[[PartyId], list[bytes]]] = {
            Lie.FORK: self._fork,
            Lie.REPLAY_BUNDLE: self._replay_bundle,
            Lie.REPLAY_ENTRY: self._replay_entry,
            Lie.REPLAY_DEED: self._replay_deed,
            Lie.STEAL_DEED: self._steal_deed,
            Lie.EDIT_ENTRY: self._edit_entry,
            Lie.DROP_ENTRY: self._drop_entry,
            Lie.SWAP_ENTRIES: self._swap_entries,
            Lie.WITHHOLD: self._withhold,
            Lie.LEAVE_GAP: self._leave_gap,
            Lie.FLOOD: self._flood,
            Lie.FLOOD_ASIDE: self._flood_aside,
            Lie.BACKDATE: self._backdate,
            Lie.REUSE_VERSION: self._reuse_version,
            Lie.WRONG_HEAD: self._wrong_head,
            Lie.SWAP_RECEIPTS: self._swap_receipts,
            Lie.FALSE_RECEIPT: self._false_receipt,
            Lie.SPEAK_FOR_OTHERS: self._speak_for_others,
            Lie.FORGE_ENTRY: self._forge_entry,
            Lie.FORGE_OFFICER: self._forge_officer,
            Lie.STRANGE_OFFICER: self._strange_officer,
            Lie.REVOKED_OFFICER: self._revoked_officer,
            Lie.ACCEPT_OWN: self._accept_own,
            Lie.ANSWER_FOR_OTHERS: self._answer_for_others,
            Lie.ESCALATE_FOR_OTHERS: self._escalate_for_others,
            Lie.HEAR_FALSELY: self._hear_falsely,
            Lie.BAD_SHAPE: self._bad_shape,
            Lie.GARBAGE: self._garbage,
        }

    @property
    def party(self) -> PartyId:
        """Who lies."""
        return self.stories[0].party

    @property
    def is_forked(self) -> bool:
        """Whether it tells two stories."""
        return len(self.stories) > 1

    def story(self, peer: PartyId) -> SimulatedNode:
        """Return what a peer is told."""
        return self.stories[self.told.get(peer, 0)]

    def give(self, peer: PartyId) -> bytes:
        """Return what an honest node would give, of the story that the peer is told."""
        data = encode_bundle(self.story(peer).give(peer))
        self._given.append((peer, data))
        return data

    def take(self, data: bytes) -> Taken:
        """Take what a peer gives, for all stories."""
        taken = [story.take(data) for story in self.stories]
        return taken[0]

    def act(self) -> Act:
        """Say something that an honest party could say, in one of the stories."""
        story = self._random.choice(self.stories)
        act = self._officers.act(story)
        story.make(act.making)
        return act

    def lie(self, lie: Lie, peer: PartyId) -> list[bytes]:
        """Lie to a peer; return the bundles that it is given, none where there is nothing to lie about."""
        return self._lies[lie](peer)

    # -- what is said ------------------------------------------------------------------------------

    def _say(self, node: SimulatedNode, *sayings: Callable[[Proving], object]) -> None:
        """Have a node say things that no use case would say."""
        for saying in sayings:
            node.make(lambda declaring, say=saying: _done(say(proving_of(declaring))))  # type: ignore[misc]

    def _in_passing(self, peer: PartyId, *sayings: Callable[[Proving], object]) -> list[bytes]:
        """Give a peer what a copy says that is thrown away: only the log of the liar itself."""
        story = self.story(peer)
        size = story.logs[self.party].tree.size
        copy = story.copy()
        self._say(copy, *sayings)
        if copy.logs[self.party].tree.size == size:
            return []
        return [encode_bundle(self._own_part(copy, peer))]

    def _own_part(self, node: SimulatedNode, peer: PartyId, first: int | None = None) -> Bundle:
        """Return a bundle with nothing but the liar's own log."""
        heads = dict(node.known_heads.get(peer, ()))
        if first is not None:
            heads[self.party] = first
        bundle = bundle_for(peer, sorted(heads.items()), node.logs, node.store, floor_ms(node.now()), _FORM)
        parts = tuple(part for part in bundle.parts if part.party == self.party)
        return replace(bundle, parts=parts, cosignatures=())

    def _changed(
        self,
        peer: PartyId,
        change: Callable[[LogPart], LogPart],
        least: int = 1,
        owner: PartyId | None = None,
    ) -> list[bytes]:
        """Give a peer a bundle of one log, of which something was changed."""
        story = self.story(peer)
        if owner is None:
            owner = self._random.choice([party for party in story.logs.parties if party != peer])
        size = story.logs[owner].tree.size
        known = dict(story.known_heads.get(peer, ())).get(owner, 0)
        first = min(known, max(0, size - least))
        bundle = bundle_for(peer, [(owner, first)], story.logs, story.store, floor_ms(story.now()), _FORM)
        parts = [part for part in bundle.parts if part.party == owner]
        if (
            not parts
            or len(parts[0].entries) < least
            or any(isinstance(e, Withheld) for e in parts[0].entries)
        ):
            return []
        return [encode_bundle(replace(bundle, parts=(change(parts[0]),), cosignatures=()))]

    def _deed(self, node: SimulatedNode, deed: Deed, **other: str) -> str:
        key = node.keys.officers[-1]
        party = PartyId(other.get("party", self.party))
        nonce = f"lie{self._random.getrandbits(32)}"
        return sign_deed(deed, key, party=party, person="Ann", at_ms=floor_ms(node.now()), nonce=nonce)

    def _acknowledgement(self, node: SimulatedNode) -> Acknowledgement | None:
        versions = node.logs.ledger.versions()
        return Acknowledgement(items=(self._random.choice(versions).ref,)) if versions else None

    def _deeds_of(self, node: SimulatedNode, party: PartyId) -> list[str]:
        found = []
        for entry in node.store.entries(party, 0, _ALL):
            if entry.jws is not None:
                statement, _ = self._notary(node).read(entry.jws)
                if statement.kind is StatementKind.DEED and isinstance(statement.body, Signed):
                    found.append(statement.body.jws)
        return found

    def _notary(self, node: SimulatedNode) -> Notary:
        return Notary(self.party, node.keys.node, node.verify)

    # -- the lies ----------------------------------------------------------------------------------

    def _fork(self, peer: PartyId) -> list[bytes]:
        if self.is_forked:
            return []
        honest = self.stories[0]
        self.stories.append(honest.copy())
        peers = [party for party in honest.cards if party != self.party]
        self.told = {party: self._random.randrange(2) for party in peers}
        self.told[peer] = 1
        if all(self.told.values()):
            self.told[next(party for party in peers if party != peer)] = 0
        for story in self.stories:  # two stories of one item, under one number, and one of another
            for act in (self._officers.amend(story), self._officers.declare(story)):
                if act is not None:
                    story.make(act.making)
        return [self.give(peer)]

    def _replay_bundle(self, peer: PartyId) -> list[bytes]:
        given = [data for to, data in self._given if to == peer]
        return [self._random.choice(given)] if given else []

    def _replay_entry(self, peer: PartyId) -> list[bytes]:
        def replay(part: LogPart) -> LogPart:
            story = self.story(peer)
            n = self._random.randrange(story.logs[self.party].tree.size)
            again = story.store.entries(self.party, n, 1)[0].jws
            assert again is not None
            tree = story.logs[self.party].tree.copy()
            tree.append(leaf_hash(again))
            note = self._notary(story).write_head(Head(tree.size, tree.root()))
            return replace(part, entries=(*part.entries, again), note=note)

        return self._changed(peer, replay, owner=self.party)

    def _replay_deed(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        deeds = self._deeds_of(story, self.party)
        if not deeds:
            return []
        jws = self._random.choice(deeds)
        self._say(story, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))
        return [self.give(peer)]

    def _steal_deed(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        others = [party for party in story.logs.parties if party != self.party]
        deeds = self._deeds_of(story, self._random.choice(others))
        if not deeds:
            return []
        jws = self._random.choice(deeds)
        return self._in_passing(peer, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))

    def _edit_entry(self, peer: PartyId) -> list[bytes]:
        def edit(part: LogPart) -> LogPart:
            k = self._random.randrange(len(part.entries))
            entry = part.entries[k]
            assert isinstance(entry, bytes)
            at = self._random.randrange(len(entry))
            other = entry[:at] + (b"A" if entry[at : at + 1] != b"A" else b"B") + entry[at + 1 :]
            return replace(part, entries=(*part.entries[:k], other, *part.entries[k + 1 :]))

        return self._changed(peer, edit)

    def _drop_entry(self, peer: PartyId) -> list[bytes]:
        return self._changed(
            peer, lambda part: replace(part, entries=(*part.entries[:-2], part.entries[-1])), 2
        )

    def _swap_entries(self, peer: PartyId) -> list[bytes]:
        return self._changed(
            peer,
            lambda part: replace(part, entries=(*part.entries[:-2], part.entries[-1], part.entries[-2])),
            2,
        )

    def _withhold(self, peer: PartyId) -> list[bytes]:
        def withhold(part: LogPart) -> LogPart:
            k = self._random.randrange(len(part.entries))
            leaves = [Withheld(leaf_hash(entry)) for entry in part.entries[k:] if isinstance(entry, bytes)]
            return replace(part, entries=(*part.entries[:k], *leaves))

        return self._changed(peer, withhold)

    def _leave_gap(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        size = story.logs[self.party].tree.size
        if dict(story.known_heads.get(peer, ())).get(self.party, 0) >= size - 1:
            return []
        return [encode_bundle(self._own_part(story, peer, size - 1))]

    def _flood(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        said = ItemSaid(id=ItemId("flood"), version=1, text=b'{"id":"flood","volumes":[]}', is_over=False)
        first = story.logs[self.party].tree.size

        def say(n: int) -> Callable[[Proving], object]:
            return lambda proving: proving.say(StatementKind.AMENDED, replace(said, version=first + n + 1))

        self._say(story, *(say(n) for n in range(FLOOD_STATEMENTS)))
        return [self.give(peer)]

    def _flood_aside(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        owner = self._random.choice([party for party in story.logs.parties if party != peer])
        head = story.store.heads(owner, 1, 1)
        if not head:
            return []
        parts = tuple(
            LogPart(party=owner, first=_ALL + k, entries=(b"x",), note=head[0].note)
            for k in range(ASIDE_MAX - 4)
        )
        return [encode_bundle(replace(self._own_part(story, peer), parts=parts))]

    def _backdate(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        story.offset_ms -= 86_400_000
        story.make(self._officers.declare(story).making)
        story.offset_ms += 86_400_000
        return [self.give(peer)]

    def _reuse_version(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        own = [v for v in story.logs.ledger.versions() if v.ref.party == self.party and not v.is_over]
        if not own:
            return []
        ref = self._random.choice(own).ref
        item = item_at(ref.id, self.party, self._random.randrange(CELLS), priority=7)
        said = ItemSaid(id=ref.id, version=ref.version, text=_FORM.write(item), is_over=False)
        self._say(story, lambda proving: proving.say(StatementKind.AMENDED, said))
        return [self.give(peer)]

    def _wrong_head(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        size = story.logs[self.party].tree.size
        head = Head(size + self._random.randrange(2), self._random.randbytes(HASH_BYTES))
        note = self._notary(story).write_head(head)
        first = min(dict(story.known_heads.get(peer, ())).get(self.party, 0), size)
        if first == size:
            return []  # there is nothing to sign a head for
        bundle = self._own_part(story, peer, first)
        parts = tuple(replace(part, note=note) for part in bundle.parts)
        return [encode_bundle(replace(bundle, parts=parts))]

    def _swap_receipts(self, peer: PartyId) -> list[bytes]:
        bundle = self.story(peer).give(peer)
        own = [
            each for each in bundle.cosignatures if each.witness == self.party and each.party != self.party
        ]
        if not own:
            return []
        receipt = self._random.choice(own)
        others = [
            party for party in self.stories[0].cards if party not in (receipt.party, receipt.witness, peer)
        ]
        swapped = replace(receipt, size=receipt.size + 1)
        if others and self._random.random() < 0.7:
            other = self._random.choice(others)
            swapped = self._random.choice([replace(receipt, party=other), replace(receipt, witness=other)])
        return [encode_bundle(replace(bundle, parts=(), cosignatures=(swapped,)))]

    def _false_receipt(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        party = self._random.choice([party for party in story.logs.parties if party != self.party])
        size = story.logs[party].tree.size
        if size < 2:
            return []
        root = self._random.randbytes(HASH_BYTES)
        key = self._notary(story)
        other = Notary(party, story.keys.node, story.verify)  # only to write the text
        note = other.write_head(Head(self._random.randint(1, size), root))
        receipt: Cosignature = key.cosign(party, note, floor_ms(story.now()) // 1_000)
        bundle = self._own_part(story, peer)
        return [encode_bundle(replace(bundle, cosignatures=(receipt,)))]

    def _speak_for_others(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        deed = self._acknowledgement(story)
        others = [party for party in story.logs.parties if party != self.party]
        if deed is None:
            return []
        jws = self._deed(story, deed, party=self._random.choice(others))
        return self._in_passing(peer, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))

    def _forge_entry(self, peer: PartyId) -> list[bytes]:
        """Put an entry after those that the peer has of another log; all but the private key is known."""
        story = self.story(peer)
        victim = self._random.choice([party for party in story.logs.parties if party != self.party])
        log = story.logs[victim]
        known = dict(story.known_heads.get(peer, ())).get(victim, 0)
        if log.tree.size == 0 or known != log.tree.size:
            return []
        item = self._officers.new_item(victim)
        body = ItemSaid(id=item.id, version=1, text=_FORM.write(item), is_over=False)
        at_ms = floor_ms(story.now())
        statement = Statement(kind=StatementKind.DECLARED, by=victim, n=known, at_ms=at_ms, body=body)
        ((kid, public), *_) = log.keys.node_keys_at(known).items()
        entry = encode_statement(statement, kid, story.keys.node.sign)
        tree = log.tree.copy()
        tree.append(leaf_hash(entry))
        text = Checkpoint(origin=origin_of(victim), size=tree.size, root=tree.root()).encode()
        signature = sign_note(
            text, VerifierKey(name=origin_of(victim), kind=KeyKind.LOG, public=public), story.keys.node.sign
        )
        note = Note(text=text, signatures=(signature,)).encode()
        part = LogPart(party=victim, first=known, entries=(entry,), note=note)
        return [encode_bundle(replace(self._own_part(story, peer), parts=(part,)))]

    def _forge_officer(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        deed = self._acknowledgement(story)
        if deed is None:
            return []
        forged = _Forged(story.keys.officers[-1].public, story.keys.officers[-1].kid, story.keys.node.sign)
        nonce = f"lie{self._random.getrandbits(32)}"
        jws = sign_deed(deed, forged, party=self.party, person="Ann", at_ms=0, nonce=nonce)
        return self._in_passing(peer, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))

    def _strange_officer(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        deed = self._acknowledgement(story)
        if deed is None:
            return []
        jws = sign_deed(deed, story.keys.node, party=self.party, person="Ann", at_ms=0, nonce="strange")
        return self._in_passing(peer, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))

    def _revoked_officer(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        deed = self._acknowledgement(story)
        if deed is None:
            return []
        jws = self._deed(story, deed)
        revoke = self._officers.revoke(story, story.keys.officers[-1].kid)
        copy = story.copy()
        copy.make(revoke.making)
        self._say(copy, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))
        return [encode_bundle(self._own_part(copy, peer))]

    def _accept_own(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        peers = [party for party in story.cards if party != self.party]
        waiting = [each for party in peers for each in story.logs.ledger.negotiations.open_for(party)]
        own = [each.proposal.id for each in waiting if each.proposal.by == self.party]
        if not own:
            return []
        jws = self._deed(story, Answer(proposal=self._random.choice(own), is_accepted=True))
        self._say(story, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))
        return [self.give(peer)]

    def _foreign_message(self, story: SimulatedNode) -> Sent | None:
        """Draw a message of another party that wants an answer; one to a third party where there is one."""
        asked = [
            sent
            for sent in story.logs.ledger.hotline.messages()
            if sent.ref.party != self.party and sent.wants_answer
        ]
        others = [sent for sent in asked if sent.message.to != self.party]
        return self._random.choice(others or asked) if asked else None

    def _answer_for_others(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        asked = self._foreign_message(story)
        if asked is None:
            return []
        answer = Message(
            code=answers_to(asked.message.code)[0],
            to=asked.ref.party,
            answers=asked.ref,
            priority=Priority.ROUTINE,
            valid_until_ms=floor_ms(story.now()) + 60_000,
            drill=asked.message.drill,
        )
        jws = [self._deed(story, said) for said in (answer, MessagesSeen(messages=(asked.ref,)))]
        for each in jws:
            self._say(story, lambda proving, jws=each: proving.say(StatementKind.DEED, Signed(jws=jws)))  # type: ignore[misc]
        return [self.give(peer)]

    def _escalate_for_others(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        asked = self._foreign_message(story)
        if asked is None:
            return []
        fields: tuple[tuple[str, Value], ...] = (("about", asked.ref),)
        code = self._random.choice([Code.TIMED_OUT, Code.ESCALATED])
        if code is Code.ESCALATED:
            fields += (("step", self._random.choice(list(Step))),)
        message = Message(
            code=code,
            to=asked.ref.party,
            fields=fields,
            priority=Priority.SAFETY,
            valid_until_ms=floor_ms(story.now()) + 60_000,
        )
        self._say(story, lambda proving: proving.say_message(message))
        return [self.give(peer)]

    def _hear_falsely(self, peer: PartyId) -> list[bytes]:
        """Say that another party corrected its message by voice, or answered, or sent one."""
        story = self.story(peer)
        victim = self._random.choice([party for party in story.logs.parties if party != self.party])
        messages = story.logs.ledger.hotline.messages()
        theirs = [each for each in messages if each.ref.party == victim and each.message.to == self.party]
        theirs = [each for each in theirs if each.person is not None]
        if not theirs:
            return []
        sent = self._random.choice(theirs)
        ours = [each for each in messages if each.ref.party == self.party and each.message.to == victim]
        ours = [each for each in ours if answers_to(each.message.code)]
        if sent.message.code not in ANSWER_CODES and self._random.random() < 0.5:
            message = replace(sent.message, corrects=sent.ref, answers=None)
        elif not ours:
            return []
        else:
            asked = self._random.choice(ours)
            message = Message(
                code=answers_to(asked.message.code)[0],
                to=self.party,
                answers=asked.ref,
                priority=Priority.ROUTINE,
                valid_until_ms=sent.message.valid_until_ms,
            )
        n = story.logs[victim].tree.size + self._random.randint(-1, 3)
        jws = self._deed(story, Heard(by=victim, n=n, at_ms=sent.at_ms, message=message))
        self._say(story, lambda proving: proving.say(StatementKind.DEED, Signed(jws=jws)))
        return [self.give(peer)]

    def _bad_shape(self, peer: PartyId) -> list[bytes]:
        story = self.story(peer)
        name = f"BAD-{self._random.getrandbits(32)}"
        text = f'{{"id":"{name}","volumes":[]}}'.encode()
        said = ItemSaid(id=ItemId(name), version=1, text=text, is_over=False)
        self._say(story, lambda proving: proving.say(StatementKind.DECLARED, said))
        return [self.give(peer)]

    def _garbage(self, peer: PartyId) -> list[bytes]:
        data = self.give(peer)
        at = self._random.randrange(len(data))
        return [
            self._random.choice([data[:at], data + b"x", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]])
        ]


def lies(random: Random) -> Lie:
    """Draw a lie."""
    return random.choice(list(Lie))


def _done(_: object) -> None:
    """Answer nothing."""
