"""Tracks: where something was seen last, and the latest position of each.

A position is a value as its source reported it. `LatestTracks` holds one position for each id and says
why when it does not take one: it is held already in a newer state, comes from the future, is too old,
or there is no room. Comparing tracks with what was declared, and with each other, is left to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.shapes import check_position
from keepclear.core.times import TIME_MAX, TIME_MIN

TRACKS_MAX: Final = 20_000
"""So many tracks are held at once; a new one is refused then."""
FUTURE_MAX_S: Final = 5.0
"""A position that claims to be farther in the future is not taken."""
AGE_MAX_S: Final = 300.0
"""A position that is older is neither taken nor shown."""
SPEED_MAX_MPS: Final = 3_000.0
"""No speed is greater, over the ground or up or down."""


class TrackKind(Enum):
    """What is moving."""

    AEROPLANE = "aeroplane"
    HELICOPTER = "helicopter"
    DRONE = "drone"
    VEHICLE = "vehicle"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPosition:
    """Where something was at one instant, and how it moved.

    Attributes:
        id: Its id, the same in all its positions.
        at: When it was there, aware.
        position: Where.
        altitude_m: Height above the WGS84 ellipsoid, metres; None if not known.
        ground_speed_mps: Speed over the ground, metres per second; None if not known.
        track_deg: Direction of motion over the ground from true north, 0..360 without 360; None if
            not known.
        vertical_rate_mps: Metres per second, up when positive; None if not known.
        party: Whose it is; None if not known.
        kind: What it is.

    Raises:
        InvalidValueError: An id is empty or too long, the time has no zone or is out of range, or a
            number is not finite or out of range.
    """

    id: str
    at: datetime
    position: LatLng
    altitude_m: float | None = None
    ground_speed_mps: float | None = None
    track_deg: float | None = None
    vertical_rate_mps: float | None = None
    party: PartyId | None = None
    kind: TrackKind = TrackKind.UNKNOWN

    def __post_init__(self) -> None:
        for field, text in (("id", self.id), ("party", self.party)):
            if text is not None and not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
                raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        if self.at.utcoffset() is None:
            raise InvalidValueError("at", "a time needs a zone; write 2026-01-31T12:00:00Z")
        if not TIME_MIN <= self.at <= TIME_MAX:
            raise InvalidValueError("at", f"{self.at.isoformat()} is outside the years 1900 to 2199")
        check_position(self.position, "")
        for field, value, least, greatest in (
            ("altitude_m", self.altitude_m, -HEIGHT_MAX_M, HEIGHT_MAX_M),
            ("ground_speed_mps", self.ground_speed_mps, 0.0, SPEED_MAX_MPS),
            ("vertical_rate_mps", self.vertical_rate_mps, -SPEED_MAX_MPS, SPEED_MAX_MPS),
        ):
            if value is not None and not least <= value <= greatest:  # also catches NaN
                raise InvalidValueError(field, f"{value!r} is not within {least:g}..{greatest:g}")
        if self.track_deg is not None and not 0.0 <= self.track_deg < 360.0:
            raise InvalidValueError("track_deg", f"{self.track_deg!r} is not within 0..360 (without 360)")


class LatestTracks:
    """The latest position of each track.

    Args:
        tracks_max: So many tracks are held at most.
    """

    def __init__(self, tracks_max: int = TRACKS_MAX) -> None:
        self._tracks_max = tracks_max
        self._by_id: dict[str, TrackPosition] = {}
        # Nothing held is older than this; known after a look at all of it. It saves further looks.
        self._none_before: datetime | None = None

    def __len__(self) -> int:
        """Return how many tracks are held, those that have become too old included."""
        return len(self._by_id)

    def take(self, position: TrackPosition, now: datetime) -> str | None:
        """Hold a position in place of the one with the same id.

        Args:
            position: The position. One of the same instant as the one that is held replaces it.
            now: The present instant, aware.

        Returns:
            None if it was taken; else why not, as a clause without a full stop.
        """
        if position.at - now > timedelta(seconds=FUTURE_MAX_S):
            return f"it is more than {FUTURE_MAX_S:g} s in the future"
        if now - position.at > timedelta(seconds=AGE_MAX_S):
            return f"it is older than {AGE_MAX_S:g} s"
        held = self._by_id.get(position.id)
        if held is not None and position.at < held.at:
            return "a newer position of it is held"
        if held is None and len(self._by_id) >= self._tracks_max:
            self._forget_old(now)
            if len(self._by_id) >= self._tracks_max:
                return f"{self._tracks_max:,} tracks are held already, which is the limit"
        self._by_id[position.id] = position
        if self._none_before is not None:
            self._none_before = min(self._none_before, position.at)
        return None

    def at(self, now: datetime) -> list[TrackPosition]:
        """Return the positions that are not older than `AGE_MAX_S`, sorted by id."""
        oldest = now - timedelta(seconds=AGE_MAX_S)
        return [
            self._by_id[track_id] for track_id in sorted(self._by_id) if self._by_id[track_id].at >= oldest
        ]

    def _forget_old(self, now: datetime) -> None:
        """Make room: drop what is too old to be shown, looking only when there may be any."""
        oldest = now - timedelta(seconds=AGE_MAX_S)
        if self._none_before is not None and self._none_before >= oldest:
            return
        self._by_id = {track_id: held for track_id, held in self._by_id.items() if held.at >= oldest}
        self._none_before = min((held.at for held in self._by_id.values()), default=None)
