"""Claimants: several tracks that say, or seem, to fly one operation."""

from __future__ import annotations

from typing import Final

import numpy as np

from keepclear.core.conformance_findings import AssignedBy
from keepclear.core.conformance_look import Look
from keepclear.core.conformance_signals import claimed_twice
from keepclear.core.geodesy import RADIUS_MAX_M, unit_vectors
from keepclear.core.packed import Ints

CLAIMANTS_MAX: Final = 16
"""Of the tracks that claim one operation, each is compared with so many of the others."""
SPEED_ASSUMED_MPS: Final = 300.0
"""Two reports of one aircraft that tells no speed may be so far apart for each second between them."""


def check_claimants(look: Look) -> None:
    """Find operations that tracks claim at several places, and those that several fit by place alone."""
    slots = np.array([flight.slot for flight in look.flights], dtype=np.int64)
    heard = look.in_flight & ~look.is_lost & ~look.picture.is_suspect & (slots >= 0)
    claims: dict[int, list[int]] = {}
    by_place: dict[int, list[int]] = {}
    for row in np.flatnonzero(heard).tolist():
        flight = look.flights[row]
        group = by_place if flight.by is AssignedBy.CONTAINMENT else claims
        group.setdefault(flight.slot, []).append(row)
    for slot, rows in sorted(claims.items()):
        if len(rows) > 1:
            _compare(look, slot, np.array(rows, dtype=np.int64))
    for slot, rows in sorted(by_place.items()):
        if len(rows) > 1:
            reason = f"{len(rows):,} tracks fit it by their place alone: which is its own cannot be told"
            look.cannot_tell("", look.scene.items[slot].id, reason)


def _compare(look: Look, slot: int, rows: Ints) -> None:
    """Tell of each track that claims an operation which others claim it at another place."""
    picture, held = look.picture, look.scene.items[slot]
    vectors = unit_vectors(picture.latitude_deg[rows], picture.longitude_deg[rows])
    error_m = look.points.error_m[rows]
    speed = picture.ground_speed_mps[rows]
    speed = np.where(np.isnan(speed), SPEED_ASSUMED_MPS, speed)
    at_s = picture.position_ms[rows] / 1000.0
    for k, row in enumerate(rows.tolist()):
        # The first ones, itself left out: so each of many is compared, in time that grows with their number.
        others = np.flatnonzero(np.arange(len(rows)) != k)[:CLAIMANTS_MAX]
        apart_m = np.linalg.norm(vectors[others] - vectors[k], axis=1) * RADIUS_MAX_M
        between_m = np.abs(at_s[others] - at_s[k]) * np.maximum(speed[others], speed[k])
        elsewhere = others[apart_m > error_m[others] + error_m[k] + between_m]
        if len(elsewhere):
            ids = [picture.ids[other] for other in rows[elsewhere].tolist()]
            since_ms = max(look.flights[each].said_ms for each in (row, int(rows[elsewhere[0]])))
            look.found.append(claimed_twice(look.sight(row), held, ids, since_ms))
