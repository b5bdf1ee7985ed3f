"""Parties with keys, each with a node of its own in memory, that give each other bundles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from keepclear.adapters.notary import Notary, sign_deed, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.memory import MemoryStore
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.bundles import Bundle, LogPart
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Acknowledgement, Deed
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.refs import ItemRef
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.coordinate import Coordinated, Coordinating
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.prove import Proving
from keepclear.node.take import Taken
from keepclear.node.workbench import Change, Voice, Workbench

T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HERE = LatLng(35.0, 36.0)


def operation(item_id: str, party: str, at: LatLng = HERE, start: datetime = NOON) -> OperationalIntent:
    """Return an hour within a kilometre."""
    space = Volume3D(
        outline=Circle(center=at, radius_m=1_000.0), altitude=AltitudeBand(lower_m=100.0, upper_m=500.0)
    )
    window = TimeWindow(start=start, end=start + timedelta(hours=1))
    return OperationalIntent(
        id=ItemId(item_id),
        party=PartyId(party),
        state=IntentState.ACCEPTED,
        volumes=(Volume4D(volume=space, time=window),),
    )


class Party:
    """A party with its keys and its node."""

    def __init__(self, name: str) -> None:
        self.name = PartyId(name)
        self.root, self.node_key, self.officer_key = (SigningKey.generate() for _ in range(3))
        self.store = MemoryStore()
        self.now = NOON - timedelta(hours=2)
        self.nonce = 0
        self.bench = self.opened()

    def opened(self) -> Workbench:
        return Workbench(
            self.store,
            JsonForm(),
            Policy(conflicts=ConflictPolicy.RECORD),
            lambda: self.now,
            voice=Voice(
                party=self.name,
                notary=Notary(self.name, self.node_key),
                root_key_of=lambda known: bytes.fromhex(known.card),
            ),
        )

    def restart(self) -> None:
        self.bench = self.opened()

    def begin(self) -> None:
        """State the keys, as the first entries of the log."""
        self.act(self.granted(self.node_key, KeyRole.NODE))
        self.act(self.granted(self.officer_key, KeyRole.OFFICER, "Ann"))

    def granted(self, key: SigningKey, role: KeyRole, person: str | None = None) -> KeyAct:
        return KeyAct(
            party=self.name, act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
        )

    def act(self, act: KeyAct) -> None:
        jws = sign_key_act(act, self.root)
        self.do(lambda declaring: proving_of(declaring).say_key(jws))

    def revoke(self, key: SigningKey) -> None:
        self.act(KeyAct(party=self.name, act=KeyDeed.REVOKE, kid=key.kid))

    def do(self, change: Change) -> object:
        """Make one change; raise what it was refused for."""
        (answer,) = self.bench.make([(Actor(party=self.name, person="op"), change)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def declare(self, item: Item) -> None:
        self.do(lambda declaring: declaring.declare(item))

    def amend(self, item: Item, version: int) -> None:
        self.do(lambda declaring: declaring.amend(item, version))

    def say(self, deed: Deed, key: SigningKey | None = None) -> None:
        self.nonce += 1
        jws = sign_deed(
            deed,
            key or self.officer_key,
            party=self.name,
            person="Ann",
            at_ms=round(self.now.timestamp() * 1000),
            nonce=f"nonce-{self.nonce}",
        )
        self.do(lambda declaring: proving_of(declaring).say_deed(jws))

    def acknowledge(self, *refs: ItemRef) -> None:
        self.say(Acknowledgement(items=refs))

    def bundle(self, other: Party, heads: dict[str, int] | None = None) -> Bundle:
        """Make a bundle of what another lacks, or of what comes after these heads."""
        assert other.bench.logs is not None
        assert self.bench.logs is not None
        lacking = other.bench.logs.heads() if heads is None else tuple(heads.items())
        return bundle_for(
            other.name,
            tuple((PartyId(party), size) for party, size in lacking),
            self.bench.logs,
            self.bench.store,
            0,
        )

    def take(self, bundle: Bundle, heard: Party | None = None) -> Taken:
        known = None if heard is None else heard.name
        taken = self.do(lambda declaring: proving_of(declaring).take(bundle, heard=known))
        assert isinstance(taken, Taken)
        return taken

    def size(self, other: Party) -> int:
        assert self.bench.logs is not None
        return self.bench.logs[other.name].tree.size

    def coordinated(self, local_id: str) -> Coordinated:
        assert self.bench.logs is not None
        return Coordinating(
            logs=self.bench.logs,
            picture=self.bench.held.picture,
            reading=self.bench.store,
            form=JsonForm(),
        ).of(local_id)


def proving_of(declaring: Declaring) -> Proving:
    assert declaring.proving is not None
    return declaring.proving


def paired(*names: str) -> list[Party]:
    """Return parties that know each other."""
    parties = [Party(name) for name in names]
    for party in parties:
        with party.store.transaction() as transaction:
            for other in parties:
                transaction.pin(
                    KnownParty(
                        id=other.name,
                        name=other.name,
                        card=other.root.public.hex(),
                        is_own=other is party,
                        pinned_ms=0,
                    )
                )
        party.restart()
        party.begin()
    return parties


def give(giver: Party, taker: Party) -> Taken:
    """Let one take what the other has more."""
    return taker.take(giver.bundle(taker), heard=giver)


def exchange(one: Party, other: Party) -> None:
    """Let both take all of each other, receipts included."""
    for giver, taker in ((one, other), (other, one), (one, other)):
        give(giver, taker)


def ref(party: str, item_id: str, version: int = 1) -> ItemRef:
    return ItemRef(party=PartyId(party), id=ItemId(item_id), version=version)


def part_of(bundle: Bundle, party: Party) -> LogPart:
    return next(part for part in bundle.parts if part.party == party.name)


def with_part(bundle: Bundle, part: LogPart) -> Bundle:
    """Return a bundle with another part in the place of that of the same party."""
    parts = tuple(part if each.party == part.party else each for each in bundle.parts)
    return replace(bundle, parts=parts)
