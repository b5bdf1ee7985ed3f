"""Cursor on Target out: aircraft of a picture, for the maps of TAK clients.

Events say friend of one's own party, neutral of every other, unknown where it is not known whose it is. No
other word for a party can be written: `Relation` has none. Nor is it written whether an aircraft is military
or civil, as a node does not know; its kind stands in the remarks.

The time of an event is that of the position, not that of writing, so that nobody takes an old position for a
new one, and neither does Keepclear when it hears its own event again. An aircraft that is lost is not
written; what was written of it before goes stale by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from keepclear.codec.cot import CIRCULAR_SIGMAS, LINEAR_SIGMAS, OWN_ELEMENT, OWN_UID, UNKNOWN_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.kinds import TrackKind
from keepclear.core.refs import check_text
from keepclear.core.times import TIME_MAX, TIME_MIN, floor_ms, instant_of
from keepclear.core.track_picture import TrackPicture, TrackStatus

STALE_AFTER_MS: Final = 30_000
"""So long after its position an event goes stale: then the track would be lost here, too."""

HOW: Final = "m-f"
"""Put together by a machine from several sources."""
_ROUNDING: Final = 1e-6
"""What a division may add to a tenth of a metre."""


class Relation(Enum):
    """Whose an aircraft is, as seen from the party that writes; the value is the letter in the type."""

    OWN = "f"
    """One's own."""
    OTHER = "n"
    """That of another party that is known."""
    UNKNOWN = "u"
    """Not known whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CotTrack:
    """An aircraft as it is written.

    Attributes:
        id: Its id.
        relation: Whose it is.
        at_ms: When it was at its position, milliseconds since 1970.
        stale_ms: From when on the event is not to be believed any more.
        latitude_deg: Where, degrees.
        longitude_deg: Where, degrees.
        altitude_m: Height above the WGS84 ellipsoid; NaN where not known, as all that follows.
        pressure_altitude_ft: Pressure altitude, feet.
        horizontal_error_m: How far it may be from there (95 %).
        vertical_error_m: The same of its altitude; infinite or NaN where not known.
        ground_speed_mps: Speed over the ground.
        track_deg: Direction of motion from true north.
        kind: What it is.
        callsign: What it is called by radio; None where not known.
        party: Whose it is; None where not known.
        status: How fresh its position is.

    Raises:
        InvalidValueError: It is nowhere on earth, at no time, or a word is empty, too long or not printable.
    """

    id: str
    relation: Relation
    at_ms: int
    stale_ms: int
    latitude_deg: float
    longitude_deg: float
    altitude_m: float = math.nan
    pressure_altitude_ft: float = math.nan
    horizontal_error_m: float = math.nan
    vertical_error_m: float = math.nan
    ground_speed_mps: float = math.nan
    track_deg: float = math.nan
    kind: TrackKind = TrackKind.UNKNOWN
    callsign: str | None = None
    party: str | None = None
    status: TrackStatus = TrackStatus.CURRENT

    def __post_init__(self) -> None:
        if not (abs(self.latitude_deg) <= 90.0 and abs(self.longitude_deg) <= 180.0):  # catches NaN too
            raise InvalidValueError("latitude_deg", "it is nowhere on earth")
        if not floor_ms(TIME_MIN) <= self.at_ms <= self.stale_ms <= floor_ms(TIME_MAX):
            raise InvalidValueError("at_ms", "it is outside the years 1900 to 2199, or after stale_ms")
        for name, word in (("id", self.id), ("callsign", self.callsign), ("party", self.party)):
            if word is not None:
                check_text(name, word)


def cot_tracks(picture: TrackPicture, own_party: str | None) -> list[CotTrack]:
    """Return what is written of a picture.

    Args:
        picture: The picture.
        own_party: The party that writes; None for one that has no aircraft.

    Returns:
        The aircraft that are not lost, in the order of the picture.
    """
    tracks = []
    for row, party in enumerate(picture.parties):
        status = picture.status_of(row)
        if status is TrackStatus.LOST:
            continue
        relation = Relation.UNKNOWN if party is None else Relation.OTHER
        position_ms = int(picture.position_ms[row])
        tracks.append(
            CotTrack(
                id=picture.ids[row],
                relation=Relation.OWN if party is not None and party == own_party else relation,
                at_ms=position_ms,
                stale_ms=position_ms + STALE_AFTER_MS,
                latitude_deg=float(picture.latitude_deg[row]),
                longitude_deg=float(picture.longitude_deg[row]),
                altitude_m=float(picture.altitude_m[row]),
                pressure_altitude_ft=float(picture.pressure_altitude_ft[row]),
                horizontal_error_m=float(picture.horizontal_error_m[row]),
                vertical_error_m=float(picture.vertical_error_m[row]),
                ground_speed_mps=float(picture.ground_speed_mps[row]),
                track_deg=float(picture.track_deg[row]),
                kind=picture.kinds[row],
                callsign=picture.callsigns[row],
                party=party,
                status=status,
            )
        )
    return tracks


def encode_track(track: CotTrack) -> bytes:
    """Write an event of an aircraft in XML, without a declaration and without a line feed.

    Args:
        track: The aircraft.

    Returns:
        The event in UTF-8.
    """
    event = Element("event", version="2.0", uid=uid_of(track), type=type_of(track), how=HOW)
    put_times(event, track.at_ms, track.stale_ms)
    _put_point(
        event,
        LatLng(track.latitude_deg, track.longitude_deg),
        height_m_of(track),
        *errors_m_of(track),
    )
    detail = SubElement(event, "detail")
    SubElement(detail, "contact", callsign=track.callsign or track.id)
    if not (math.isnan(track.ground_speed_mps) or math.isnan(track.track_deg)):
        SubElement(
            detail, "track", speed=f"{track.ground_speed_mps:.2f}", course=f"{track.track_deg % 360.0:.2f}"
        )
    detail.append(own_element(track))
    SubElement(detail, "remarks").text = remarks_of(track)
    return tostring(event)


def uid_of(track: CotTrack) -> str:
    """Return what an aircraft's event goes under: never what another sender uses for it."""
    return OWN_UID + track.id


def type_of(track: CotTrack) -> str:
    """Return the type of an aircraft's event: in the air or on the ground, and whose."""
    return f"a-{track.relation.value}-{'G' if track.kind is TrackKind.VEHICLE else 'A'}"


def own_element(track: CotTrack) -> Element:
    """Return the element in which Keepclear tells what the format has no place for."""
    own = Element(OWN_ELEMENT, kind=track.kind.value, status=track.status.value)
    if not math.isnan(track.pressure_altitude_ft):
        own.set("pressure_altitude_ft", f"{track.pressure_altitude_ft:g}")
    return own


def remarks_of(track: CotTrack) -> str:
    """Return what a person reads of an aircraft."""
    words = [track.kind.value if track.kind is not TrackKind.UNKNOWN else "aircraft"]
    words.append("of a party that is not known" if track.party is None else f"of {track.party}")
    if track.status is not TrackStatus.CURRENT:
        words.append(f"({track.status.value})")
    return " ".join(words)


def height_m_of(track: CotTrack) -> float:
    """Return the height of an event: 9999999.0 where it is not known."""
    return track.altitude_m if math.isfinite(track.altitude_m) else UNKNOWN_M


def errors_m_of(track: CotTrack) -> tuple[float, float]:
    """Return both errors of an event, of one sigma, not smaller for being written with one decimal."""
    sigmas_m = (track.horizontal_error_m / CIRCULAR_SIGMAS, track.vertical_error_m / LINEAR_SIGMAS)
    circular_m, linear_m = (
        math.ceil(sigma_m * 10.0 - _ROUNDING) / 10.0 if math.isfinite(sigma_m) else UNKNOWN_M
        for sigma_m in sigmas_m
    )
    return circular_m, linear_m


def put_times(event: Element, at_ms: int, stale_ms: int) -> None:
    """Write since when an event holds, and until when."""
    for name, ms in (("time", at_ms), ("start", at_ms), ("stale", stale_ms)):
        event.set(name, instant_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def _put_point(event: Element, position: LatLng, height_m: float, circular_m: float, linear_m: float) -> None:
    SubElement(
        event,
        "point",
        lat=f"{position.lat_deg:.7f}",
        lon=f"{position.lng_deg:.7f}",
        hae=f"{height_m:.1f}",
        ce=f"{circular_m:.1f}",
        le=f"{linear_m:.1f}",
    )
