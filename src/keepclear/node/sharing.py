"""Sharing: who may read what a party says of an operation, from when on, and what everybody else is told.

Agreements decide. Where none limits anything, everybody reads everything; zones are always shared. What is
withheld from anybody shows a coarse volume round it, so that whoever comes near knows to ask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np

from keepclear.core.agreements import AreaOfInterest, SharedKind, Sharing
from keepclear.core.altitudes import HEIGHT_MAX_M, AltitudeBand
from keepclear.core.bundles import Withheld
from keepclear.core.conflicts import Item
from keepclear.core.deeds import (
    Acknowledgement,
    Answer,
    Deed,
    Heard,
    MessagesSeen,
    Objection,
    Proposal,
    Withdrawal,
)
from keepclear.core.geodesy import LatLng, geodesic_inverse, position_of, unit_vectors
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.ledger import ItemVersion, Ledger
from keepclear.core.messages import Message, readers_of
from keepclear.core.picture import Picture
from keepclear.core.refs import ItemRef
from keepclear.core.shapes import Circle, rings_deg
from keepclear.core.statements import ItemSaid
from keepclear.core.times import TIME_MAX, TIME_MIN, TimeWindow, floor_ms, instant_of
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.logs import Logs
from keepclear.node.policy import span_ms
from keepclear.node.ports import Entry, ItemForm

COARSE_CENTRE_DIGITS: Final = 1
"""The centre of a coarse volume is rounded to so many decimal digits of a degree."""
COARSE_RADIUS_STEP_M: Final = 5_000.0
"""Its radius is rounded up to a multiple of this."""
COARSE_ALTITUDE_STEP_M: Final = 500.0
"""Its bounds of altitude are rounded outwards to multiples of this."""
COARSE_TIME_STEP_S: Final = 900.0
"""Its window is rounded outwards to multiples of this."""
OFFERED_EVERY_MS: Final = 60_000
"""So often what was held back is given again, until its operation is over."""
COARSE_NAME_CHARACTERS: Final = 16
"""The length of the name of a coarse volume, which tells nothing."""

_DISTANCE_ERROR_RATIO: Final = 1e-3  # far more than ring and distance are wrong by
_AREA: Final = ItemId("area")


def audience_of(item: Item, logs: Logs) -> tuple[PartyId, ...]:
    """Return who may read what this party says of an item, sorted; empty for everybody.

    Args:
        item: The item.
        logs: What is held; the agreements in force decide.
    """
    if not isinstance(item, OperationalIntent):
        return ()
    others = [party for party in logs.parties if party != logs.own]
    readers = [party for party in others if _is_shared(item, _sharing(logs.ledger, logs.own, party))]
    return () if readers == others else tuple(readers) or (logs.own,)


def audience_after(previous: ItemVersion | None, readers: tuple[PartyId, ...]) -> tuple[PartyId, ...]:
    """Return who may read a further version of an item: whoever knows of it hears what becomes of it.

    Args:
        previous: The version before; None for a new item.
        readers: Who may read it as it is now; empty for everybody.
    """
    if previous is None or previous.is_over or not readers:
        return readers
    return tuple(sorted({*readers, *previous.to})) if previous.to else ()


def audience_of_deed(deed: Deed, logs: Logs) -> tuple[PartyId, ...]:
    """Return who may read what an officer says, sorted; empty for everybody.

    What is said of an operation that is withheld from some is for those whom it is said to.
    """
    if isinstance(deed, Message):
        return audience_of_message(deed, logs.own)
    if isinstance(deed, MessagesSeen):
        return _audience_of_seen(deed, logs)
    if isinstance(deed, Heard):
        return tuple(sorted((logs.own, deed.by)))
    refs = _refs(deed, logs.ledger)
    versions = (logs.ledger.version(ref) for ref in refs)
    if not any(version is not None and version.to for version in versions):
        return ()
    return tuple(sorted({ref.party for ref in refs} | {logs.own}))


def audience_of_message(message: Message, own: PartyId) -> tuple[PartyId, ...]:
    """Return who may read a message, sorted; empty for everybody."""
    reader = readers_of(message)
    return () if reader is None else tuple(sorted((own, PartyId(reader))))


def _audience_of_seen(deed: MessagesSeen, logs: Logs) -> tuple[PartyId, ...]:
    """Return who may read that messages were read: whoever may read all of them."""
    sent = (logs.ledger.hotline.message(ref) for ref in deed.messages)
    if all(each is not None and readers_of(each.message) is None for each in sent):
        return ()
    return tuple(sorted({ref.party for ref in deed.messages} | {logs.own}))


def _refs(deed: Deed, ledger: Ledger) -> Sequence[ItemRef]:
    match deed:
        case Acknowledgement():
            return deed.items
        case Objection():
            return (deed.item,)
        case Proposal():
            return (*deed.conflict, *(change.item for change in deed.changes))
        case Answer() | Withdrawal():
            negotiation = ledger.negotiations.negotiation(deed.proposal)
            return () if negotiation is None else _refs(negotiation.proposal, ledger)
        case _:
            return ()


def _sharing(ledger: Ledger, owner: PartyId, peer: PartyId) -> Sharing | None:
    """Return what a party agreed to show another; None where nothing was agreed, and all is shown."""
    agreement = ledger.agreements.current(*sorted((owner, peer)))
    return None if agreement is None else agreement.terms_of(owner).sharing


def _is_shared(item: OperationalIntent, sharing: Sharing | None) -> bool:
    if sharing is None:
        return True
    if SharedKind.OPERATIONAL_INTENT not in sharing.kinds:
        return False
    bands = (volume.volume.altitude for volume in item.volumes)
    if sharing.altitude is not None and not any(_meet(band, sharing.altitude) for band in bands):
        return False
    return not sharing.areas or meets_areas(item, sharing.areas)


def _meet(a: AltitudeBand, b: AltitudeBand) -> bool:
    return a.lower_m <= b.upper_m and b.lower_m <= a.upper_m


def meets_areas(item: Item, areas: Sequence[AreaOfInterest]) -> bool:
    """Tell whether an item is in one of these areas at any time."""
    window = TimeWindow(
        start=min(volume.time.start for volume in item.volumes),
        end=max(volume.time.end for volume in item.volumes),
    )
    volumes = tuple(
        Volume4D(volume=Volume3D(outline=area.outline, altitude=area.altitude), time=window) for area in areas
    )
    area = OperationalIntent(id=_AREA, party=PartyId("area"), volumes=volumes)
    operation = OperationalIntent(id=ItemId("item"), party=PartyId("owner"), volumes=item.volumes)
    return bool(Picture([area]).findings_of(operation))


# -- embargoes --------------------------------------------------------------------------------------


def embargo_s(logs: Logs, owner: PartyId, peer: PartyId) -> float | None:
    """Return until how long before its start an operation of one party is held back from another."""
    sharing = None if peer == owner else _sharing(logs.ledger, owner, peer)
    return None if sharing is None else sharing.embargo_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a peer is told of entries, at an instant.

    Attributes:
        peer: Who is told.
        logs: What is held; the agreements in force decide.
        form: How items are written; None to hold back whatever may have to be.
        now_ms: What time it is.
    """

    peer: PartyId
    logs: Logs
    form: ItemForm | None
    now_ms: int

    def entries(self, entries: Sequence[Entry]) -> tuple[bytes | Withheld, ...]:
        """Return entries of one log, with those withheld that the peer may not read, or not yet."""
        return tuple([self._entry(entry) for entry in entries])

    def _entry(self, entry: Entry) -> bytes | Withheld:
        if entry.jws is None or not self.logs.is_readable(entry, self.peer) or self._is_held_back(entry):
            return Withheld(entry.leaf)
        return entry.jws

    def _is_held_back(self, entry: Entry) -> bool:
        held_s = embargo_s(self.logs, entry.party, self.peer)
        if held_s is None:
            return False
        statement = self.logs.read(entry)
        if statement is None or not isinstance(statement.body, ItemSaid):
            return False
        if self.form is None:
            return True
        body = statement.body
        n, text = _told_of(self.logs, statement.by, body.id, body.version, statement.n, body.text)
        span = None if text is None else _span(self.logs, statement.by, n, text, self.form)
        return span is not None and self.now_ms < span[0] - round(held_s * 1000.0)

    def opened(self, owner: PartyId, held: int) -> Iterator[int]:
        """Yield the entries that were held back until their time, which has come, and note it.

        Those of operations that are over are left out, and those that were given a moment ago.

        Args:
            owner: Whose log.
            held: How many entries of it the peer holds.
        """
        held_s = embargo_s(self.logs, owner, self.peer)
        if held_s is None or self.form is None:
            return
        for version in self.logs.ledger.versions():
            is_its = version.ref.party == owner and (not version.to or self.peer in version.to)
            if not is_its or version.is_over or version.text is None or version.n >= held:
                continue
            span = _span(self.logs, owner, version.n, version.text, self.form)
            if span is None:
                continue
            opening_ms = span[0] - round(held_s * 1000.0)
            offered_ms = self.logs.offered.get((self.peer, owner, version.n), opening_ms - OFFERED_EVERY_MS)
            is_due = self.now_ms - offered_ms >= OFFERED_EVERY_MS
            if is_due and version.at_ms < opening_ms <= self.now_ms <= span[1]:
                self.logs.offered[self.peer, owner, version.n] = self.now_ms
                yield version.n


def was_held_back(version: ItemVersion, peer: PartyId, logs: Logs, form: ItemForm) -> bool:
    """Tell whether a version was held back from a peer when it was stated, so that a hash was given first.

    Args:
        version: The version.
        peer: From whom; whoever may not read it at all is another matter.
        logs: What is held; the agreements in force decide.
        form: How items are written.
    """
    ref = version.ref
    held_s = embargo_s(logs, ref.party, peer)
    if held_s is None:
        return False
    n, text = _told_of(logs, ref.party, ref.id, ref.version, version.n, version.text)
    span = None if text is None else _span(logs, ref.party, n, text, form)
    return span is not None and version.at_ms < span[0] - round(held_s * 1000.0)


def _told_of(
    logs: Logs, owner: PartyId, item_id: ItemId, version: int, n: int, text: bytes | None
) -> tuple[int, bytes | None]:
    """Return the entry and the text that tell when an item is; of one that was taken back, those before.

    Who was not told of it is not told that it was taken back.
    """
    if text is not None:
        return n, text
    before = logs.ledger.version(ItemRef(party=owner, id=item_id, version=max(1, version - 1)))
    return (n, None) if before is None else (before.n, before.text)


def _span(logs: Logs, owner: PartyId, n: int, text: bytes, form: ItemForm) -> tuple[int, int] | None:
    """Return when an operation starts and ends; None for what is none, or cannot be judged."""
    known = logs.spans.get((owner, n))
    if known is not None:
        return known
    item = form.read_foreign(text, _AREA, owner).item
    if not isinstance(item, OperationalIntent):
        return None
    span = logs.spans[owner, n] = span_ms(item)
    return span


def is_withheld(item: Item, to: tuple[PartyId, ...], logs: Logs, now_ms: int) -> bool:
    """Tell whether what this party says of an item is withheld from anybody, for ever or for now."""
    if to or not isinstance(item, OperationalIntent):
        return bool(to)
    held = (embargo_s(logs, logs.own, party) for party in logs.parties)
    start_ms = span_ms(item)[0]
    return any(held_s is not None and now_ms < start_ms - round(held_s * 1000.0) for held_s in held)


# -- coarse volumes ---------------------------------------------------------------------------------


def coarse_name(leaf: bytes) -> ItemId:
    """Return the name of a coarse volume, which tells nothing of what it is round."""
    return ItemId(sha256(leaf).hexdigest()[:COARSE_NAME_CHARACTERS])


def coarse_of(item: Item, name: ItemId, party: PartyId) -> OperationalIntent:
    """Return an operation with one volume round all of an item, wider than need be, and nothing else of it.

    Raises:
        InvalidValueError: It reaches too far to be held by one circle.
    """
    start_ms, end_ms = span_ms(item)
    bands = [volume.volume.altitude for volume in item.volumes]
    volume = Volume4D(
        volume=Volume3D(
            outline=_circle_round(item),
            altitude=AltitudeBand(
                lower_m=_outwards(min(band.lower_m for band in bands), down=True),
                upper_m=_outwards(max(band.upper_m for band in bands), down=False),
            ),
        ),
        time=TimeWindow(
            start=instant_of(_stepped_ms(start_ms, down=True)),
            end=instant_of(_stepped_ms(end_ms, down=False)),
        ),
    )
    return OperationalIntent(id=name, party=party, state=IntentState.ACCEPTED, volumes=(volume,))


def _circle_round(item: Item) -> Circle:
    # Vertices suffice: a circle that is no larger than a hemisphere holds the geodesics between them.
    rings = rings_deg([volume.volume.outline for volume in item.volumes])
    points = np.concatenate([np.asarray(ring, dtype=np.float64) for ring in rings])
    middle = position_of(unit_vectors(*points.T).sum(axis=0))
    centre = LatLng(*(round(degrees, COARSE_CENTRE_DIGITS) for degrees in middle))
    distances_m, _ = geodesic_inverse(centre.lat_deg, centre.lng_deg, points[:, 0], points[:, 1])
    reach_m = float(np.max(distances_m)) * (1.0 + _DISTANCE_ERROR_RATIO)
    return Circle(
        center=centre, radius_m=math.ceil(reach_m / COARSE_RADIUS_STEP_M + 0.5) * COARSE_RADIUS_STEP_M
    )


def _outwards(altitude_m: float, *, down: bool) -> float:
    if not math.isfinite(altitude_m):
        return altitude_m
    steps = math.nextafter(altitude_m / COARSE_ALTITUDE_STEP_M, -math.inf if down else math.inf)
    rounded_m = (math.floor(steps) if down else math.ceil(steps)) * COARSE_ALTITUDE_STEP_M
    return max(-HEIGHT_MAX_M, min(HEIGHT_MAX_M, rounded_m))


def _stepped_ms(at_ms: int, *, down: bool) -> int:
    step_ms = round(COARSE_TIME_STEP_S * 1000.0)
    stepped_ms = at_ms // step_ms * step_ms if down else -(-at_ms // step_ms) * step_ms
    return max(floor_ms(TIME_MIN), min(floor_ms(TIME_MAX), stepped_ms))
