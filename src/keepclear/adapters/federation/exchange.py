"""What both ends of an exchange do at the desk, and the form of a request.

A request is the length of a signed greeting in 4 bytes, the greeting, and a bundle unless it is left out;
the answer is a bundle. The heads in a greeting name the logs that the asker wants; what they leave out is
not sent: the log of a party that it does not know, one that is frozen, or one of which a part that this
very peer gave was refused a moment ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.links import Heads
from keepclear.adapters.notary import Notary
from keepclear.codec.bundle import BUNDLE_BYTES_MAX, decode_bundle, encode_bundle
from keepclear.codec.hello import HELLO_BYTES_MAX
from keepclear.core.bundles import Bundle, Cosignature
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.logs import Logs
from keepclear.node.ports import Actor, Clock
from keepclear.node.take import Taken
from keepclear.node.workbench import Workbench

REQUEST_BYTES_MAX: Final = 4 + HELLO_BYTES_MAX + BUNDLE_BYTES_MAX
"""No request is longer."""
PATH: Final = "/v1/sync"
"""Where a node is asked."""
MEDIA_TYPE: Final = "application/octet-stream"
REFUSED_FOR_S: Final = 60.0
"""So long a log is not asked of a peer that gave a part of it which was refused."""
RECEIPTS_AGAIN_S: Final = 60.0
"""So long receipts that were taken are not taken again while nothing else comes."""

_LENGTH_BYTES: Final = 4
_T = TypeVar("_T")


def encode_request(greeting: bytes, bundle: bytes) -> bytes:
    """Write the body of a request."""
    return len(greeting).to_bytes(_LENGTH_BYTES, "big") + greeting + bundle


def decode_request(body: bytes) -> tuple[bytes, bytes]:
    """Return the greeting in the body of a request, and the bundle, empty where there is none.

    Raises:
        InvalidValueError: It is cut off, or its length is over the limit.
    """
    if len(body) < _LENGTH_BYTES:
        raise InvalidValueError("", f"a request begins with {_LENGTH_BYTES} bytes of length")
    length = int.from_bytes(body[:_LENGTH_BYTES], "big")
    if length > HELLO_BYTES_MAX:
        raise InvalidValueError("", f"a greeting of {length} bytes is over the limit of {HELLO_BYTES_MAX}")
    end = _LENGTH_BYTES + length
    if len(body) < end:
        raise InvalidValueError("", f"the greeting is cut off: {len(body)} bytes of {end} came")
    return body[_LENGTH_BYTES:end], body[end:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a peer lacks, as far as it told.

    Attributes:
        bundle: It; its heads name the logs that this node wants.
        data: The same, written.
    """

    bundle: Bundle
    data: bytes


class KeysHeld(NamedTuple):
    """The keys of a peer's node that count at the end of its log as it is held.

    Attributes:
        held: How many entries are held.
        keys: The public keys by their names.
    """

    held: int
    keys: Mapping[str, bytes]


class Exchange:
    """See the module.

    Args:
        desk: The desk of this node.
        notary: Signs for it, and reads.
        clock: What time it is.
        monotonic: Seconds that never step back.

    Attributes:
        own: The party of this node.
    """

    def __init__(self, desk: Desk, notary: Notary, clock: Clock, monotonic: Callable[[], float]) -> None:
        self.own = notary.party
        self._desk, self._clock, self._monotonic = desk, clock, monotonic
        self._actor = Actor(party=notary.party, person="node")
        self._receipts: dict[PartyId, tuple[int | None, tuple[Cosignature, ...], float]] = {}
        self._refused: dict[tuple[PartyId, PartyId], float] = {}

    @property
    def now_ms(self) -> int:
        """What time it is, milliseconds since 1970."""
        return floor_ms(self._clock())

    async def offer(self, peer: PartyId, heads: Heads) -> Offer:
        """Make a bundle of what a peer lacks.

        Args:
            peer: Which.
            heads: How far it holds the logs that it wants.

        Raises:
            KeepclearError: The desk cannot tell at present, or an entry is too long to be sent.
        """
        now_s = self._monotonic()
        resting = {
            log for (giver, log), until_s in self._refused.items() if giver == peer and until_s > now_s
        }
        bundle = await self._ask(lambda bench: _bundle(bench, peer, heads, resting, self.now_ms))
        return await asyncio.to_thread(_written, bundle)

    async def is_behind(self, heads: Heads) -> bool:
        """Tell whether a peer that told these heads lacks entries."""
        held = dict(await self._ask(lambda bench: _logs(bench).heads()))
        return any(held.get(party, 0) > size for party, size in heads)

    async def keys(self, peer: PartyId) -> KeysHeld:
        """Return the keys of a peer's node."""

        def keys_of(bench: Workbench) -> KeysHeld:
            log = _logs(bench).get(peer)
            if log is None:
                return KeysHeld(0, {})
            return KeysHeld(log.tree.size, log.keys.node_keys_at(log.tree.size))

        return await self._ask(keys_of)

    async def take(self, peer: PartyId, bundle: Bundle) -> Taken:
        """Take what a peer gave.

        Raises:
            KeepclearError: The desk cannot take anything at present.
        """
        now_s = self._monotonic()
        told = dict(bundle.heads).get(self.own)
        had, receipts, again_s = self._receipts.get(peer, (None, (), now_s))
        if not bundle.parts and (told, bundle.cosignatures) == (had, receipts) and now_s < again_s:
            return Taken()  # the same as the last time: not worth a transaction
        is_heard = False

        def take(declaring: Declaring) -> Taken:
            nonlocal is_heard
            proving = declaring.proving
            assert proving is not None, "a node with links has keys"
            # One that holds more of this node's log, or does not say, has not given all that it has of it:
            # a node that was restored must not speak yet. It may know of nothing to give, as it pushes by
            # what it was told before.
            is_heard = told is not None and told <= proving.logs[self.own].tree.size
            return proving.take(bundle, heard=peer if is_heard else None)

        taken = await asyncio.wrap_future(self._desk.change(self._actor, take))
        if is_heard and not taken.refusals:
            self._receipts[peer] = told, bundle.cosignatures, now_s + RECEIPTS_AGAIN_S
        until_s = now_s + REFUSED_FOR_S
        fresh = {party for party, _, _ in taken.spans}
        refused = {refusal.party for refusal in taken.refusals} & {part.party for part in bundle.parts}
        self._refused.update({(peer, party): until_s for party in refused - fresh})
        return taken

    async def follow(self) -> None:
        """Have the desk notice who was pinned, and take again what was passed over before."""
        self._receipts.clear()
        self._refused.clear()
        await asyncio.wrap_future(self._desk.change(self._actor, lambda _: None))

    async def _ask(self, question: Callable[[Workbench], _T]) -> _T:
        return await asyncio.wrap_future(self._desk.ask(question))


async def read_bundle(data: bytes, *, by: PartyId, to: PartyId) -> Bundle:
    """Read a bundle that one node made for another.

    Raises:
        InvalidValueError: It is none, or somebody else's.
    """
    bundle = await asyncio.to_thread(decode_bundle, data)
    if bundle.by != by or bundle.to != to:
        reason = f"it was made by {bundle.by!r} for {bundle.to!r}, not by {by!r} for {to!r}"
        raise InvalidValueError("bundle", reason)
    return bundle


def _bundle(
    bench: Workbench, peer: PartyId, heads: Heads, resting: Collection[PartyId], now_ms: int
) -> Bundle:
    logs = _logs(bench)
    unwanted = set(logs.parties) - {party for party, _ in heads}
    told = (*heads, *[(party, LOG_ENTRIES_MAX) for party in sorted(unwanted)])
    bundle = bundle_for(peer, told, logs, bench.store, now_ms, bench.form)
    wanted = [each for each in bundle.heads if logs[each[0]].frozen is None and each[0] not in resting]
    return replace(bundle, heads=tuple(wanted))


def _written(bundle: Bundle) -> Offer:
    """Write a bundle, with fewer logs where all are too much at once; the rest goes with the next."""
    while True:
        try:
            return Offer(bundle=bundle, data=encode_bundle(bundle))
        except InvalidValueError:
            if len(bundle.parts) < 2:
                raise
            bundle = replace(bundle, parts=bundle.parts[: len(bundle.parts) // 2])


def _logs(bench: Workbench) -> Logs:
    assert bench.logs is not None, "a node with links has keys"
    return bench.logs
