"""The types of ASTM F3548-21's public interface that files use, spelled as there.

Numbers are numbers: no text, no NaN. A field that the interface does not know is refused, so that
a misspelt bound is never taken for no bound.
"""

from __future__ import annotations

import msgspec


class LatLngPoint(msgspec.Struct, forbid_unknown_fields=True):
    """A position on WGS84, degrees."""

    lng: float
    lat: float


class Radius(msgspec.Struct, forbid_unknown_fields=True):
    """The radius of a circle."""

    value: float
    units: str


class Circle(msgspec.Struct, forbid_unknown_fields=True):
    """A circle round a centre."""

    center: LatLngPoint
    radius: Radius


class Polygon(msgspec.Struct, forbid_unknown_fields=True):
    """A polygon whose edges are shortest paths; the last vertex joins the first."""

    vertices: list[LatLngPoint]


class Corridor(msgspec.Struct, forbid_unknown_fields=True):
    """A leg of a corridor: all that is within half its width of the shortest path; ours, not F3548's."""

    start: LatLngPoint
    end: LatLngPoint
    half_width_m: float


class Altitude(msgspec.Struct, forbid_unknown_fields=True):
    """A height above a datum."""

    value: float
    reference: str
    units: str


class Time(msgspec.Struct, forbid_unknown_fields=True):
    """An instant."""

    value: str
    format: str


class Volume3D(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One outline between two heights."""

    outline_circle: Circle | None = None
    outline_polygon: Polygon | None = None
    outline_corridor: Corridor | None = None
    altitude_lower: Altitude | None = None
    altitude_upper: Altitude | None = None


class Volume4D(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A volume during a window of time."""

    volume: Volume3D
    time_start: Time | None = None
    time_end: Time | None = None


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One operational intent or constraint of a file.

    `id`, `volumes`, `priority`, `party` and `kind` make the form of the file; `state`, `speed_mps`,
    `callsign` and `aircraft_kind` (of an operational intent; all but the first ours, not F3548's) and `rule`
    (of a constraint) may be added.
    """

    id: str
    volumes: list[Volume4D]
    priority: int | None = None
    party: str | None = None
    kind: str | None = None
    state: str | None = None
    rule: str | None = None
    speed_mps: float | None = None
    callsign: str | None = None
    aircraft_kind: str | None = None
