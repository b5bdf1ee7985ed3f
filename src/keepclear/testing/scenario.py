"""What officers do in a simulation: they declare, look, answer, negotiate, and change keys.

The theatre has few places, bands of height and times, so that operations meet often. Everybody speaks
by what his own node shows, which may be old. All chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Final

from keepclear.adapters.notary import Key, sign_deed, sign_key_act
from keepclear.adapters.store.form import JsonForm
from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Minima, Terms, Timers
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import Buffer, Item
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.deeds import (
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Answer,
    Change,
    Deed,
    LineChange,
    Objection,
    Proposal,
    Withdrawal,
    proposal_id,
)
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.ledger import ItemVersion
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.refs import ItemRef
from keepclear.core.shapes import Polygon
from keepclear.core.times import TimeWindow, floor_ms
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.ports import Record, Wanted
from keepclear.node.prove import Proving
from keepclear.node.workbench import Change as Making
from keepclear.testing.federation import SimulatedNode, proving_of

START: Final = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
"""When every simulation begins."""
SITES: Final = 2
"""So many places there are, far from each other."""
BANDS: Final = 2
"""So many bands of height, 100 m from each other."""
SLOTS: Final = 2
"""So many windows of time, ten minutes from each other; none begins or ends during a simulation."""
CELLS: Final = SITES * BANDS * SLOTS
"""So many places, bands and windows together."""
HALF_DEG: Final = 0.01
"""Every footprint is a square that reaches so far in latitude and longitude."""
ACKNOWLEDGED_AT_ONCE: Final = 6
"""An officer looks at so many items at once, at most."""

_TRIES: Final = 4  # so often something is drawn that can be done at present
_FORM: Final = JsonForm()
_CORNERS: Final = (
    (-HALF_DEG, -HALF_DEG),
    (-HALF_DEG, HALF_DEG),
    (HALF_DEG, HALF_DEG),
    (HALF_DEG, -HALF_DEG),
)
_LISTED: Final = Wanted(limit=1_000)


def item_at(
    item_id: ItemId, party: PartyId, cell: int, *, priority: int = 0, rule: ConstraintRule | None = None
) -> Item:
    """Return an item in one cell of the theatre.

    Args:
        item_id: Its id.
        party: Whose it is.
        cell: Where and when, from 0; what differs in it meets nothing of the other.
        priority: Its priority.
        rule: The rule of a zone; None for an operation.
    """
    site, band, slot = cell % SITES, cell // SITES % BANDS, cell // SITES // BANDS % SLOTS
    begin = START + timedelta(hours=2 + slot)
    volume = Volume4D(
        volume=Volume3D(
            outline=Polygon(
                vertices=tuple(LatLng(35.0 + site + north, 36.0 + east) for north, east in _CORNERS)
            ),
            altitude=AltitudeBand(lower_m=100.0 + 500.0 * band, upper_m=500.0 + 500.0 * band),
        ),
        time=TimeWindow(start=begin, end=begin + timedelta(minutes=50)),
    )
    if rule is not None:
        return Constraint(id=item_id, party=party, volumes=(volume,), priority=priority, rule=rule)
    return OperationalIntent(id=item_id, party=party, volumes=(volume,), priority=priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that somebody does at a node.

    Attributes:
        word: What it is, in a word.
        making: The change of the node.
        deed: What an officer says by it; None where nobody signs.
    """

    word: str
    making: Making
    deed: Deed | None = None


class Officers:
    """What the officers of all parties do.

    Args:
        random: Where all chance comes from.
    """

    def __init__(self, random: Random, new_key: Callable[[], Key]) -> None:
        self._random, self._new_key = random, new_key
        self._numbers = count(1)
        self._kinds: dict[Callable[[SimulatedNode], Act | None], int] = {
            self.declare: 13,
            self._declare_zone: 4,
            self.amend: 10,
            self._withdraw: 5,
            self._change_state: 7,
            self._acknowledge: 26,
            self._object: 3,
            self._propose: 9,
            self._answer: 9,
            self._withdraw_proposal: 2,
            self._change_line: 3,
            self._propose_agreement: 2,
            self._answer_agreement: 3,
            self._change_officer: 2,
        }

    def add(self, kinds: dict[Callable[[SimulatedNode], Act | None], int]) -> None:
        """Have officers do more things, each so often."""
        self._kinds |= kinds

    def begin(self, node: SimulatedNode) -> Iterator[Act]:
        """Yield how a party begins: it grants the keys of its node and of its officer."""
        keys = node.keys
        yield self._key("grant node", node, KeyRole.NODE, keys.node)
        yield self._key("grant officer", node, KeyRole.OFFICER, keys.officers[-1])

    def act(self, node: SimulatedNode) -> Act:
        """Draw what is done next at a node."""
        kinds = list(self._kinds)
        for kind in self._random.choices(kinds, weights=list(self._kinds.values()), k=_TRIES):
            act = kind(node)
            if act is not None:
                return act
        return self.declare(node)

    # -- items ------------------------------------------------------------------------------------

    def new_item(self, party: PartyId, rule: ConstraintRule | None = None) -> Item:
        """Draw a new item of a party."""
        name = f"{'Z' if rule else 'OP'}-{next(self._numbers)}"
        cell = self._random.randrange(CELLS)
        return item_at(ItemId(name), party, cell, priority=self._random.randint(0, 3), rule=rule)

    def declare(self, node: SimulatedNode) -> Act:
        """Draw a new operation."""
        item = self.new_item(node.party)
        return Act(word=f"declare {item.id}", making=lambda declaring: declaring.declare(item))

    def _declare_zone(self, node: SimulatedNode) -> Act:
        item = self.new_item(node.party, self._random.choice(list(ConstraintRule)))
        return Act(word=f"declare {item.id}", making=lambda declaring: declaring.declare(item))

    def _own(self, node: SimulatedNode) -> Record | None:
        """Draw an item of the node's party that is not over."""
        wanted = replace(_LISTED, party=node.party)
        records = [record for record in node.store.records(wanted) if not record.is_over]
        return self._random.choice(records) if records else None

    def amend(self, node: SimulatedNode) -> Act | None:
        """Draw a new place for an item of the party; None where there is none."""
        record = self._own(node)
        if record is None:
            return None
        old = node.form.read(record.text)
        rule = old.rule if isinstance(old, Constraint) else None
        cell = self._random.randrange(CELLS)
        item = item_at(old.id, node.party, cell, priority=old.priority + 1, rule=rule)
        if isinstance(old, OperationalIntent) and isinstance(item, OperationalIntent):
            item = replace(item, state=old.state)
        return Act(
            word=f"amend {item.id} {record.version}",
            making=lambda declaring: declaring.amend(item, record.version),
        )

    def _withdraw(self, node: SimulatedNode) -> Act | None:
        record = self._own(node)
        if record is None:
            return None
        return Act(
            word=f"withdraw {record.label.id} {record.version}",
            making=lambda declaring: declaring.withdraw(record.label.id, record.version),
        )

    def _change_state(self, node: SimulatedNode) -> Act | None:
        record = self._own(node)
        if record is None or record.state is None:
            return None
        event = IntentEvent.ACTIVATE if record.state is IntentState.ACCEPTED else IntentEvent.END
        return Act(
            word=f"{event.value} {record.label.id} {record.version}",
            making=lambda declaring: declaring.change_state(record.label.id, event, record.version),
        )

    # -- what officers sign -----------------------------------------------------------------------

    def sign(self, node: SimulatedNode, deed: Deed, word: str, key: Key | None = None) -> Act:
        """Return that an officer of a party says something."""
        jws = sign_deed(
            deed,
            node.keys.officers[-1] if key is None else key,
            party=node.party,
            person="Ann",
            at_ms=floor_ms(node.now()),
            nonce=f"n{next(self._numbers)}",
        )
        return Act(word=word, making=lambda declaring: _said(proving_of(declaring), jws), deed=deed)

    def foreign(self, node: SimulatedNode) -> list[ItemVersion]:
        """Return the items of others that are not over, as the node has them."""
        return [v for v in node.logs.ledger.versions() if v.ref.party != node.party and not v.is_over]

    def _acknowledge(self, node: SimulatedNode) -> Act | None:
        seen = node.logs.ledger.seen
        refs = [v.ref for v in self.foreign(node) if node.party not in seen(v.ref)]
        if not refs:
            return None
        chosen = self._random.sample(refs, min(len(refs), ACKNOWLEDGED_AT_ONCE))
        names = " ".join(f"{ref.party}/{ref.id}/{ref.version}" for ref in sorted(chosen))
        return self.sign(node, Acknowledgement(items=tuple(sorted(chosen))), f"acknowledge {names}")

    def _object(self, node: SimulatedNode) -> Act | None:
        foreign = self.foreign(node)
        if not foreign:
            return None
        ref = self._random.choice(foreign).ref
        return self.sign(node, Objection(item=ref, reason="too close"), f"object {ref.party}/{ref.id}")

    def _propose(self, node: SimulatedNode) -> Act | None:
        versions = node.logs.ledger.versions()
        cells = {v.ref: _cells(node, v) for v in versions if not v.is_over}
        own = [ref for ref in cells if ref.party == node.party]
        others = [ref for ref in cells if ref.party != node.party]
        pairs = [(a, b) for a in own for b in others if cells[a] & cells[b]]
        if not pairs:
            return None
        mine, other = self._random.choice(pairs)
        return self._proposal(node, mine, other, None)

    def _proposal(
        self, node: SimulatedNode, mine: ItemRef, other: ItemRef, counters: str | None
    ) -> Act | None:
        version = node.logs.ledger.version(mine)
        if version is None or version.text is None:
            return None
        old = node.form.read_foreign(version.text, mine.id, mine.party).item
        if old is None:
            return None
        rule = old.rule if isinstance(old, Constraint) else None
        cell = self._random.randrange(CELLS)
        item = item_at(old.id, node.party, cell, priority=old.priority + 1, rule=rule)
        if isinstance(old, OperationalIntent) and isinstance(item, OperationalIntent):
            item = replace(item, state=old.state)
        first, second = sorted((mine, other))
        proposal = Proposal(
            id=proposal_id(node.party, f"p{next(self._numbers)}"),
            conflict=(first, second),
            changes=(Change(item=mine, becomes=_FORM.write(item)),),
            counters=counters,
        )
        return self.sign(node, proposal, f"propose {proposal.id}")

    def _answer(self, node: SimulatedNode) -> Act | None:
        waiting = node.logs.ledger.negotiations.open_for(node.party)
        if not waiting:
            return None
        proposal = self._random.choice(waiting).proposal
        word = self._random.choice(["accept", "accept", "decline", "counter"])
        if word == "counter":
            mine = next(ref for ref in proposal.conflict if ref.party == node.party)
            other = next(ref for ref in proposal.conflict if ref.party != node.party)
            return self._proposal(node, mine, other, proposal.id)
        answer = Answer(proposal=proposal.id, is_accepted=word == "accept")
        return self.sign(node, answer, f"{word} {proposal.id}")

    def _withdraw_proposal(self, node: SimulatedNode) -> Act | None:
        peers = [party for party in node.cards if party != node.party]
        negotiations = node.logs.ledger.negotiations
        made = [each for peer in peers for each in negotiations.open_for(peer)]
        own = [each.proposal.id for each in made if each.proposal.by == node.party]
        if not own:
            return None
        proposal = self._random.choice(own)
        return self.sign(node, Withdrawal(proposal=proposal), f"withdraw {proposal}")

    def _change_line(self, node: SimulatedNode) -> Act:
        peer = self._random.choice([party for party in node.cards if party != node.party])
        is_hold = not any(h.by == node.party and h.peer == peer for h in node.logs.ledger.holds())
        deed = LineChange(peer=peer, is_hold=is_hold, reason="on orders")
        return self.sign(node, deed, f"{'hold' if is_hold else 'resume'} {peer}")

    def _propose_agreement(self, node: SimulatedNode) -> Act:
        peer = self._random.choice([party for party in node.cards if party != node.party])
        first, second = sorted((node.party, peer))
        in_force = node.logs.ledger.agreements.current(first, second)
        # From 100 m on the bands of height meet, and what was clear conflicts.
        vertical_m = self._random.choice([50.0, 99.0, 101.0])
        agreement = Agreement(
            version=1 if in_force is None else in_force.version + 1,
            terms=(Terms(party=first), Terms(party=second)),
            minima=Minima(lateral_m=5_556.0, vertical_m=914.4),
            buffer=Buffer(lateral_m=500.0, vertical_m=vertical_m, time_s=60.0),
            timers=Timers(seen_s=120.0, answered_s=300.0),
        )
        deed = AgreementProposal(text=agreements.encode(agreement))
        return self.sign(node, deed, f"propose agreement {agreement.version} with {peer}, {vertical_m:g} m")

    def _answer_agreement(self, node: SimulatedNode) -> Act | None:
        proposed = [
            (peer, standing)
            for peer in sorted(node.cards)
            if peer != node.party
            for standing in node.logs.ledger.agreements.proposed(*sorted((node.party, peer)))
            if node.party not in standing.accepted_by
        ]
        if not proposed:
            return None
        peer, standing = self._random.choice(proposed)
        answer = AgreementAnswer(digest=standing.digest, is_accepted=True)
        return self.sign(node, answer, f"accept agreement {standing.agreement.version} with {peer}")

    # -- keys -------------------------------------------------------------------------------------

    def _change_officer(self, node: SimulatedNode) -> Act:
        """Draw a new officer, or the end of the one before."""
        kids = [each.kid for each in node.keys.officers[:-1]]
        own = node.logs[node.party]
        counting = [kid for kid in kids if own.keys.officer_key(kid, own.tree.size, "Ann") is not None]
        if counting:
            return self.revoke(node, counting[0])
        node.keys.officers.append(self._new_key())
        return self._key("grant officer", node, KeyRole.OFFICER, node.keys.officers[-1])

    def revoke(self, node: SimulatedNode, kid: str) -> Act:
        """Return that the root key revokes a key."""
        act = KeyAct(party=node.party, act=KeyDeed.REVOKE, kid=kid)
        return _key_act(f"revoke {kid}", node, act)

    def _key(self, word: str, node: SimulatedNode, role: KeyRole, key: Key) -> Act:
        person = "Ann" if role is KeyRole.OFFICER else None
        act = KeyAct(
            party=node.party, act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
        )
        return _key_act(word, node, act)


def _key_act(word: str, node: SimulatedNode, act: KeyAct) -> Act:
    jws = sign_key_act(act, node.keys.root)
    return Act(word=word, making=lambda declaring: proving_of(declaring).say_key(jws))


def _said(proving: Proving, jws: str) -> None:
    proving.say_deed(jws)


def _cells(node: SimulatedNode, version: ItemVersion) -> set[tuple[float, float]]:
    """Return where an item is and when, roughly: what shares none of it needs no talks."""
    if version.text is None:
        return set()
    foreign = node.form.read_foreign(version.text, version.ref.id, version.ref.party)
    if foreign.item is None:
        return set()
    return {
        (corner.lat_deg, volume.time.start_ms)
        for volume in foreign.item.volumes
        if isinstance(volume.volume.outline, Polygon)
        for corner in volume.volume.outline.vertices
    }
