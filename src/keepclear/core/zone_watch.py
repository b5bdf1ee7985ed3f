"""Zones: which tracks are in zones of others, or come into them, without what the zone asks.

A party's own tracks may be in its own zones. A notify-first zone is entered in order after notice; the rings
of a Fire Traffic Area ask for a clearance, and for contact. A track is of the party that it tells, or of the
party whose operation it says that it flies; where neither is known, every zone is of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.air_picture import contacts_of
from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.conformance_findings import AssignedBy
from keepclear.core.conformance_look import Look
from keepclear.core.conformance_signals import asked_by, in_zone, keep_out_urgency, will_enter
from keepclear.core.constraints import ConstraintRule
from keepclear.core.containment import Certainty
from keepclear.core.declared_volumes import Held
from keepclear.core.errors import InvalidValueError
from keepclear.core.foresight import LEVEL_RATE_MPS
from keepclear.core.geodesy import Floats
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.rules import Contact
from keepclear.core.signals import Urgency
from keepclear.core.zone_entry import Paths, entries

SPEED_MIN_MPS: Final = 0.5
"""What moves slower goes nowhere that could be told."""

_CLEARANCE, _NO_ENTRY = "/clearance", "/no-entry"
_RINGS: Final = ((_CLEARANCE, ConstraintRule.NOTIFY_FIRST), (_NO_ENTRY, ConstraintRule.KEEP_OUT))


class _Asked(NamedTuple):
    """What a zone asks of a track.

    Attributes:
        words: As a clause.
        urgency: How urgent it is once it is inside.
        is_keep_out: Whether an entry that comes soon is more urgent.
    """

    words: str
    urgency: Urgency
    is_keep_out: bool


class ZoneWatch:
    """Finds entries into zones in one cycle.

    Args:
        look: The cycle; what is found is put there.
        noticed: Which operations were given notice of for which zones, by both ids.
        contacts: How tracks stand with incidents, by the id of the aircraft.

    Raises:
        InvalidValueError: A contact is not valid.
    """

    def __init__(self, look: Look, noticed: Set[tuple[ItemId, ItemId]], contacts: Mapping[str, str]) -> None:
        self._look, self._noticed = look, noticed
        self._contacts: dict[str, Mapping[str | None, Contact]] = {}
        for track, told in contacts.items():
            try:
                self._contacts[track] = contacts_of(told)
            except InvalidValueError as error:
                raise error.within(f"contacts[{track}]") from None

    def check(self) -> None:
        """Find what is in zones now, then what comes into others."""
        within: dict[int, set[int]] = {}
        kept: dict[int, dict[ItemId, int]] = {}
        for row, place, asked, is_certain in self._present():
            within.setdefault(row, set()).add(place)
            held = self._look.scene.items[place]
            since_ms = self._since(kept, row, held)
            sight = self._look.sight(row)
            self._look.found.append(
                in_zone(sight, held, since_ms, asked.words, is_certain=is_certain, urgency=asked.urgency)
            )
        for row, place, asked, t_in_s, is_certain in self._coming(within):
            held = self._look.scene.items[place]
            since_ms = self._since(kept, row, held)
            urgency = keep_out_urgency(t_in_s) if asked.is_keep_out else Urgency.ADVISORY
            self._look.found.append(
                will_enter(
                    self._look.sight(row), held, since_ms, t_in_s, asked.words,
                    is_certain=is_certain, urgency=urgency,
                )
            )  # fmt: skip
        for row, flight in enumerate(self._look.flights):
            if (flight.zones or row in kept) and not self._look.is_lost[row]:
                flight.zones = kept.get(row, {})

    def _since(self, kept: dict[int, dict[ItemId, int]], row: int, held: Held) -> int:
        since_ms = self._look.flights[row].zones.get(held.id, self._look.at_ms[row])
        kept.setdefault(row, {})[held.id] = since_ms
        return since_ms

    def _present(self) -> Iterator[tuple[int, int, _Asked, bool]]:
        zoned = self._look.zoned
        in_flight = self._look.in_flight
        columns = (zoned.rows.tolist(), zoned.items.tolist(), zoned.codes.tolist())
        for row, place, code in zip(*columns, strict=True):
            if in_flight[row]:
                asked = self._asked(row, self._look.scene.items[place])
                if asked is not None:
                    yield row, place, asked, code == Certainty.INSIDE

    def _coming(self, within: dict[int, set[int]]) -> Iterator[tuple[int, int, _Asked, float, bool]]:
        """Find the first entry of each track into each zone that it is not in."""
        look = self._look
        picture, scene = look.picture, look.scene
        if look.settings.lookahead_s <= 0.0 or scene.zones.volumes.volume_count == 0:
            return
        judged = look.in_flight & ~look.is_lost & ~picture.is_suspect
        moves = (picture.ground_speed_mps >= SPEED_MIN_MPS) & ~np.isnan(picture.track_deg)
        untold = int(np.count_nonzero(judged & np.isnan(picture.ground_speed_mps + picture.track_deg)))
        if untold:
            reason = (
                f"{untold:,} tracks tell no speed or direction: whether they come into zones is not known"
            )
            look.cannot_tell("", "", reason)
        rows = np.flatnonzero(judged & moves)
        paths = Paths(picture.track_deg[rows], picture.ground_speed_mps[rows], self._rates()[rows])
        found = entries(look.points.taken(rows), paths, scene.zones, look.now_ms, look.settings.lookahead_s)
        first: dict[tuple[int, int], tuple[float, bool]] = {}
        places = scene.zone_owner[found.volumes].tolist()
        columns = (rows[found.points].tolist(), places, found.t_in_s.tolist(), found.is_certain.tolist())
        for row, place, t_in_s, is_certain in zip(*columns, strict=True):
            known = first.get((row, place))
            if known is None or (not is_certain, t_in_s) < (not known[1], known[0]):
                first[row, place] = t_in_s, is_certain
        for (row, place), (t_in_s, is_certain) in sorted(first.items()):
            if place not in within.get(row, ()):
                asked = self._asked(row, scene.items[place])
                if asked is not None:
                    yield row, place, asked, t_in_s, is_certain

    def _rates(self) -> Floats:
        """Return the vertical rates that the tracks go on with: as told, or from their own history."""
        picture = self._look.picture
        told = picture.vertical_rate_mps
        rate = np.nan_to_num(np.where(np.isnan(told), picture.vertical_slope_mps, told))
        return np.clip(np.where(np.abs(rate) < LEVEL_RATE_MPS, 0.0, rate), -HEIGHT_MAX_M, HEIGHT_MAX_M)

    def _asked(self, row: int, held: Held) -> _Asked | None:
        """Return what a zone asks of a track and has not got; None where the track may be in it."""
        zone = held.zone
        assert zone is not None, "only zones are looked at"
        flight = self._look.flights[row]
        operation = None
        if flight.slot >= 0 and flight.by is not AssignedBy.CONTAINMENT:
            operation = self._look.scene.items[flight.slot]
        party = self._look.picture.parties[row]
        if party is None and operation is not None:
            party = operation.party
        if party is not None and zone.party == PartyId(party):
            return None
        ring = next((end for end, rule in _RINGS if zone.rule is rule and zone.id.endswith(end)), None)
        if ring is not None:
            contact = self._contact(row, held, ring)
            if contact is None and operation is not None and (operation.id, zone.id) in self._noticed:
                contact = Contact.CONTACT  # whoever has acknowledged it knows of it; that clears nobody
            if contact is Contact.CLEARED or (contact is Contact.CONTACT and ring == _NO_ENTRY):
                return None
            if ring == _NO_ENTRY:
                return _Asked("no entry without contact", Urgency.WARNING, is_keep_out=True)
            return _Asked("clearance needed", Urgency.CAUTION, is_keep_out=False)
        words = asked_by(zone.rule)
        if zone.rule is ConstraintRule.KEEP_OUT:
            return _Asked(words, Urgency.WARNING, is_keep_out=True)
        if operation is not None and (operation.id, zone.id) in self._noticed:
            return None
        return _Asked(words, Urgency.ADVISORY, is_keep_out=False)

    def _contact(self, row: int, held: Held, ring: str) -> Contact | None:
        contacts = self._contacts.get(self._look.picture.ids[row])
        if contacts is None:
            return None
        names = (held.id.removesuffix(ring), held.bare_name.removesuffix(ring), None)
        return next((contacts[name] for name in names if name in contacts), None)
