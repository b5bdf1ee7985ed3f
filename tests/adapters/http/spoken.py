"""Parties with keys, for tests: one has a served node, the others nodes in memory that give it bundles."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2

from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.federation.links import ClockOffset, Link, LinkState
from keepclear.adapters.keys import make_tls
from keepclear.adapters.notary import Notary, sign_deed, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.memory import MemoryStore
from keepclear.codec.bundle import decode_bundle, encode_bundle
from keepclear.codec.cards import PartyCard, decode_card, encode_card, fingerprint
from keepclear.core.bundles import Bundle
from keepclear.core.check_words import words_of
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Acknowledgement, Deed
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.refs import ItemRef
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.prove import Proving
from keepclear.node.take import Taken
from keepclear.node.workbench import Change, Voice, Workbench
from keepclear.testing.clock import ManualClock
from tests.adapters.http.served import OTHER, PARTY, Described, Served, serving
from tests.strategies import NOON

BYTES: Final = {"Content-Type": "application/octet-stream"}
OFFICER: Final = "Ann"
_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Keys:
    """The keys of a party, and what its officer signs with them."""

    party: PartyId
    root: SigningKey = field(default_factory=SigningKey.generate)
    node: SigningKey = field(default_factory=SigningKey.generate)
    officer: SigningKey = field(default_factory=SigningKey.generate)
    nonces: Iterator[int] = field(default_factory=itertools.count)

    def granted(self, key: SigningKey, person: str | None = None) -> str:
        role = KeyRole.NODE if person is None else KeyRole.OFFICER
        act = KeyAct(
            party=self.party, act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
        )
        return sign_key_act(act, self.root)

    def revoked(self, key: SigningKey) -> str:
        return sign_key_act(KeyAct(party=self.party, act=KeyDeed.REVOKE, kid=key.kid), self.root)

    def deed(
        self, deed: Deed, *, key: SigningKey | None = None, person: str = OFFICER, at: datetime = NOON
    ) -> str:
        return sign_deed(
            deed,
            key or self.officer,
            party=self.party,
            person=person,
            at_ms=floor_ms(at),
            nonce=f"{self.party}-{next(self.nonces)}",
        )

    def card(self, address: str = "127.0.0.1:8431") -> PartyCard:
        if not hasattr(self, "_certificate"):
            self._certificate = make_tls(self.party, ["127.0.0.1"], _MADE).certificate_pem
        return PartyCard(
            party=self.party,
            name=self.party.title(),
            root=self.root.public,
            node_key=self.node.public,
            node_grant=self.granted(self.node),
            certificate=self._certificate,
            address=address,
        )

    def known(self, *, is_own: bool = False) -> KnownParty:
        card = self.card()
        return KnownParty(
            id=self.party, name=card.name, card=encode_card(card), is_own=is_own, pinned_ms=floor_ms(NOON)
        )

    @property
    def voice(self) -> Voice:
        return Voice(
            party=self.party,
            notary=Notary(self.party, self.node),
            root_key_of=lambda known: decode_card(known.card).root,
        )


def words(card: PartyCard) -> list[str]:
    return list(words_of(fingerprint(card)))


class Peer:
    """Another party with its node."""

    def __init__(self, keys: Keys, *others: Keys) -> None:
        self.keys, self.clock = keys, ManualClock(NOON)
        store = MemoryStore()
        with store.transaction() as transaction:
            transaction.pin(self.keys.known(is_own=True))
            for other in others:
                transaction.pin(other.known())
        self.bench = Workbench(
            store,
            JsonForm(),
            Policy(conflicts=ConflictPolicy.RECORD),
            self.clock.now,
            voice=self.keys.voice,
        )
        self.do(lambda declaring: proving_of(declaring).say_key(self.keys.granted(self.keys.node)))
        self.do(
            lambda declaring: proving_of(declaring).say_key(self.keys.granted(self.keys.officer, OFFICER))
        )

    def do(self, change: Change) -> object:
        (answer,) = self.bench.make([(Actor(party=self.keys.party, person=OFFICER), change)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def declare(self, item: Item) -> None:
        self.do(lambda declaring: declaring.declare(item))

    def say(self, deed: Deed) -> None:
        jws = self.keys.deed(deed, at=self.clock.now())
        self.do(lambda declaring: proving_of(declaring).say_deed(jws))

    def acknowledge(self, *refs: ItemRef) -> None:
        self.say(Acknowledgement(items=refs))

    def take(self, bundle: Bundle) -> Taken:
        taken = self.do(lambda declaring: proving_of(declaring).take(bundle))
        assert isinstance(taken, Taken)
        return taken

    def bundle(self, to: str = PARTY, heads: Sequence[tuple[str, int]] = ()) -> Bundle:
        assert self.bench.logs is not None
        told = [(PartyId(party), size) for party, size in heads]
        return bundle_for(PartyId(to), told, self.bench.logs, self.bench.store, floor_ms(self.clock.now()))


def proving_of(declaring: Declaring) -> Proving:
    assert declaring.proving is not None
    return declaring.proving


class Links:
    """Links that tests set as they are."""

    def __init__(self) -> None:
        self.views: list[LinkView] = []
        self.woken = 0

    def put(self, party: str, state: LinkState, *, heard: bool = True) -> None:
        link = Link(
            peer=PartyId(party),
            address="127.0.0.1:9",
            heard_s=1.0 if heard else None,
            heard_ms=floor_ms(NOON) if heard else None,
            offset=ClockOffset(ms=-40, uncertainty_ms=7, measured_s=0.0),
            heads=((PartyId(PARTY), 3),),
        )
        others = [view for view in self.views if view.link.peer != party]
        self.views = [*others, LinkView(link=link, state=state, unheard_s=None)]

    def links(self) -> Sequence[LinkView]:
        return self.views

    def switch(self, peer: PartyId, *, is_off: bool) -> None:
        for place, view in enumerate(self.views):
            if view.link.peer == peer:
                link = view.link.switched(is_off=is_off)
                self.views[place] = LinkView(link=link, state=view.state, unheard_s=view.unheard_s)
                return
        raise InvalidValueError("peer", "there is none")

    def wake(self) -> None:
        self.woken += 1

    async def run(self) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A served node with keys, and another party."""

    served: Served
    keys: Keys
    peer: Peer
    links: Links

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        return self.served.ask(method, path, **given)

    def told(self, path: str, **query: Any) -> Any:
        """Return what the node tells."""
        response = self.served.ask("GET", path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def say(self, deed: Deed) -> httpx2.Response:
        jws = self.keys.deed(deed, at=self.served.clock.now())
        return self.ask("POST", "/v1/deeds", json={"jws": jws})

    def pass_s(self, time_s: float) -> None:
        """Let time pass on both sides."""
        self.served.clock.advance(time_s)
        self.peer.clock.advance(time_s)

    def give(self) -> Any:
        """Have the node take what the other party has more."""
        heads = [(each["id"], each["log"]["size"]) for each in self.told("/v1/parties")["parties"]]
        data = encode_bundle(self.peer.bundle(heads=heads))
        response = self.ask("POST", "/v1/bundles", content=data, headers=BYTES)
        assert response.status_code == 200, response.text
        return response.json()

    def fetch(self) -> Taken:
        """Have the other party take what the node has more."""
        response = self.ask("GET", f"/v1/bundles/{OTHER}")
        assert response.status_code == 200, response.text
        return self.peer.take(decode_bundle(response.content))

    def exchange(self) -> None:
        self.fetch()
        self.give()
        self.fetch()


@contextlib.contextmanager
def talking(folder: Path, described: Described, **given: Any) -> Iterator[Talk]:
    """Serve a node with keys and an officer, which knows another party."""
    keys = Keys(PartyId(PARTY))
    peer = Peer(Keys(PartyId(OTHER)), keys)
    links = Links()
    pinned = [keys.known(is_own=True), peer.keys.known()]
    with serving(
        folder, described, voice=keys.voice, pinned=pinned, linked=lambda _: links, **given
    ) as served:
        talk = Talk(served=served, keys=keys, peer=peer, links=links)
        begin(talk)
        yield talk


def begin(talk: Talk) -> None:
    """State the keys."""
    for jws in (talk.keys.granted(talk.keys.node), talk.keys.granted(talk.keys.officer, OFFICER)):
        response = talk.ask("POST", "/v1/keys", json={"jws": jws}, role=Role.ADMINISTRATOR)
        assert response.status_code == 200, response.text


def ref(party: str, item_id: str, version: int = 1) -> ItemRef:
    return ItemRef(party=PartyId(party), id=ItemId(item_id), version=version)
