"""Reading what is asked of a DSS: JSON of ASTM F3548-21's interface becomes requests, or is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import numpy as np

from keepclear.codec.f3548 import dss_wire as wire
from keepclear.codec.properties import instant_of_text
from keepclear.core.altitudes import UNBOUNDED, Altitude, AltitudeBand
from keepclear.core.dss_requests import NewSubscription, PutConstraint, PutIntent, PutSubscription
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.geodesy import Floats, LatLng, unit_vectors
from keepclear.core.intents import IntentState
from keepclear.core.references import Availability
from keepclear.core.shapes import Circle, Outline, Polygon
from keepclear.core.times import TIME_MAX, TIME_MIN, TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D

AREA_MAX_KM2: Final = 2_500.0
"""No footprint is larger: of a larger one everybody would hear everything."""
AREA_TOTAL_MAX_KM2: Final = 25_000.0
"""All footprints of a request together are no larger."""
VERTICES_TOTAL_MAX: Final = 10_000
"""All polygons of a request together have no more vertices (OiMaxVertices)."""
URL_CHARACTERS_MAX: Final = 1_024
"""A base URL is no longer."""

_T = TypeVar("_T")
_MEAN_RADIUS_KM: Final = 6_371.0088
_STATES: Final = {state.value: state for state in IntentState if state is not IntentState.ENDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class DssReader:
    """See the module.

    Attributes:
        allows_http: Whether base URLs may be of http too: for trying out, where nothing is secret.
    """

    allows_http: bool = False

    def intent(self, data: bytes, entity_id: str, ovn: str | None) -> PutIntent:
        """Read an intent that is to be created (`ovn` None) or changed.

        Raises:
            InvalidValueError: Something in it is wrong.
        """
        entity_id = id_of(entity_id)
        body = decode(data, wire.PutIntent)
        state = _STATES.get(body.state)
        if state is None:
            known = ", ".join(_STATES)
            raise InvalidValueError("state", f"unknown state {body.state[:40]!r}; known are {known}")
        if body.subscription_id is not None and body.new_subscription is not None:
            raise InvalidValueError("subscription_id", "give it or new_subscription, not both")
        new = body.new_subscription
        return PutIntent(
            id=entity_id,
            ovn=ovn,
            extent=_extent(body.extents, needs_altitudes=True),
            state=state,
            uss_base_url=self._url(body.uss_base_url, "uss_base_url"),
            key=frozenset(body.key or ()),
            subscription_id=None
            if body.subscription_id is None
            else id_of(body.subscription_id, "subscription_id"),
            new_subscription=None
            if new is None
            else NewSubscription(
                self._url(new.uss_base_url, "new_subscription.uss_base_url"), new.notify_for_constraints
            ),
            ovn_suffix=body.requested_ovn_suffix,
            digest=digest_of("intent", entity_id, ovn, body),
        )

    def constraint(self, data: bytes, entity_id: str, ovn: str | None) -> PutConstraint:
        """Read a constraint that is to be created (`ovn` None) or changed.

        Raises:
            InvalidValueError: Something in it is wrong.
        """
        entity_id = id_of(entity_id)
        body = decode(data, wire.PutConstraint)
        return PutConstraint(
            id=entity_id,
            ovn=ovn,
            extent=_extent(body.extents, needs_altitudes=False),
            uss_base_url=self._url(body.uss_base_url, "uss_base_url"),
            digest=digest_of("constraint", entity_id, ovn, body),
        )

    def subscription(self, data: bytes, subscription_id: str, version: str | None) -> PutSubscription:
        """Read a subscription that is to be created (`version` None) or changed.

        Raises:
            InvalidValueError: Something in it is wrong.
        """
        subscription_id = id_of(subscription_id)
        body = decode(data, wire.PutSubscription)
        space, start, end = open_volume(body.extents)
        if not (body.notify_for_operational_intents or body.notify_for_constraints):
            raise InvalidValueError(
                "notify_for_operational_intents",
                "it or notify_for_constraints must be true: nothing else is told",
            )
        return PutSubscription(
            id=subscription_id,
            version=version,
            space=space,
            start=start,
            end=end,
            uss_base_url=self._url(body.uss_base_url, "uss_base_url"),
            wants_intents=body.notify_for_operational_intents,
            wants_constraints=body.notify_for_constraints,
            digest=digest_of("subscription", subscription_id, version, body),
        )

    def _url(self, text: str, field: str) -> str:
        return base_url(text, field, allows_http=self.allows_http)


def area(data: bytes) -> Extent:
    """Read the area of a query; bounds that are missing are open.

    Raises:
        InvalidValueError: Something in it is wrong.
    """
    return _extent([decode(data, wire.AreaQuery).area_of_interest], needs_altitudes=False, needs_times=False)


def availability(data: bytes) -> tuple[Availability, str]:
    """Read what is said of a party's service, and the version that it replaces.

    Raises:
        InvalidValueError: Something in it is wrong.
    """
    body = decode(data, wire.PutAvailability)
    for known in Availability:
        if body.availability.lower() == known.value.lower():
            return known, body.old_version
    names = ", ".join(each.value for each in Availability)
    raise InvalidValueError("availability", f"unknown value {body.availability[:40]!r}; known are {names}")


def base_url(text: str, field: str, *, allows_http: bool) -> str:
    """Return a base URL that can be one.

    Raises:
        InvalidValueError: It is none, or not of https.
    """
    schemes = ("https", "http") if allows_http else ("https",)
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not text.isprintable() or " " in text or len(text) > URL_CHARACTERS_MAX:
        reason = f"{text[:60]!r} is no base URL; it must begin with https:// and name a host"
        raise InvalidValueError(field, reason)
    return text


def id_of(text: str, field: str = "id") -> str:
    """Return an id as it is kept: a UUID of version 4, in lower case with dashes; they may be left out.

    Raises:
        InvalidValueError: It is none.
    """
    try:
        uuid = UUID(text) if len(text) in {32, 36} else None
    except ValueError:
        uuid = None
    if uuid is None or uuid.version != 4 or uuid.hex != text.lower().replace("-", ""):
        raise InvalidValueError(field, f"{text[:60]!r} is no UUID of version 4 (RFC 4122)")
    return str(uuid)


def decode(data: bytes, kind: type[_T]) -> _T:
    """Decode a body.

    Raises:
        InvalidValueError: It is no JSON, or not of that type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise InvalidValueError(path.rstrip("`").lstrip("."), reason) from None
    except msgspec.DecodeError as error:
        raise InvalidValueError("", f"the body is not JSON: {error}") from None
    except (RecursionError, UnicodeDecodeError):
        raise InvalidValueError("", "the body nests too deeply, or is not UTF-8") from None


def open_volume(extents: wire.Volume4D) -> tuple[Volume3D, datetime | None, datetime | None]:
    """Read the extents of a subscription: where, from when and until when; times may be missing.

    Raises:
        InvalidValueError: Something in it is wrong, or the area is too large.
    """
    space = _space(extents.volume, "extents.volume")
    start = _instant(extents.time_start, "extents.time_start")
    end = _instant(extents.time_end, "extents.time_end")
    check_open(space, start, end)
    return space, start, end


def check_open(space: Volume3D, start: datetime | None, end: datetime | None) -> None:
    """Refuse extents whose area is too large, or that would end before they start.

    Raises:
        InvalidValueError: They are so.
    """
    _check_areas([space])
    if start is not None and end is not None and start > end:
        raise InvalidValueError("extents.time_start", "it is after time_end")


def digest_of(what: str, entity_id: str, version: str | None, body: Any) -> str:
    """Return the SHA-256 of what is asked, so that it is known when it is asked again."""
    return sha256(msgspec.json.encode((what, entity_id, version, body))).hexdigest()


def _extent(volumes: Sequence[wire.Volume4D], *, needs_altitudes: bool, needs_times: bool = True) -> Extent:
    """Read volumes; one that lacks a bound that others have takes the bounds of all."""
    name = "extents" if needs_times else "area_of_interest"
    spaces, starts, ends = [], [], []
    for number, volume in enumerate(volumes):
        path = f"{name}[{number}]" if needs_times else name
        spaces.append(_space(volume.volume, f"{path}.volume"))
        start = _instant(volume.time_start, f"{path}.time_start")
        end = _instant(volume.time_end, f"{path}.time_end")
        if start is not None and end is not None and start > end:
            raise InvalidValueError(f"{path}.time_start", "it is after time_end")
        starts.append(start)
        ends.append(end)
    _check_areas(spaces)
    first = min((each for each in starts if each is not None), default=None)
    last = max((each for each in ends if each is not None), default=None)
    if needs_times and (first is None or last is None):
        raise InvalidValueError(name, "time_start and time_end are missing")
    bands = [space.altitude for space in spaces]
    lower_m = min((band.lower_m for band in bands if band.lower_m > -math.inf), default=-math.inf)
    upper_m = max((band.upper_m for band in bands if band.upper_m < math.inf), default=math.inf)
    if needs_altitudes and (math.isinf(lower_m) or math.isinf(upper_m)):
        raise InvalidValueError(name, "altitude_lower and altitude_upper are missing")
    found = []
    for space, start, end in zip(spaces, starts, ends, strict=True):
        begin = start or min(first or TIME_MIN, end or TIME_MAX)
        until = end or max(last or TIME_MAX, begin)
        try:
            window = TimeWindow(start=begin, end=until)
            band = AltitudeBand(
                lower_m=space.altitude.lower_m if space.altitude.lower_m > -math.inf else lower_m,
                upper_m=space.altitude.upper_m if space.altitude.upper_m < math.inf else upper_m,
            )
        except InvalidValueError as error:
            raise error.within(name) from None
        found.append(Volume4D(volume=Volume3D(outline=space.outline, altitude=band), time=window))
    return Extent(tuple(found))


def _space(wired: wire.Volume3D, path: str) -> Volume3D:
    try:
        return Volume3D(outline=_outline(wired), altitude=_band(wired))
    except InvalidValueError as error:
        raise error.within(path) from None


def _outline(wired: wire.Volume3D) -> Outline:
    circle, polygon = wired.outline_circle, wired.outline_polygon
    if (circle is None) == (polygon is None):
        raise InvalidValueError("", "give one of outline_circle and outline_polygon")
    if polygon is not None:
        try:
            return Polygon(vertices=tuple([LatLng(point.lat, point.lng) for point in polygon.vertices]))
        except InvalidValueError as error:
            raise error.within("outline_polygon") from None
    assert circle is not None
    if circle.radius.units != "M":
        raise InvalidValueError("outline_circle.radius.units", f"it must be 'M', not {circle.radius.units!r}")
    try:
        return Circle(center=LatLng(circle.center.lat, circle.center.lng), radius_m=circle.radius.value)
    except InvalidValueError as error:
        raise error.within("outline_circle") from None


def _band(wired: wire.Volume3D) -> AltitudeBand:
    if wired.altitude_lower is None and wired.altitude_upper is None:
        return UNBOUNDED
    bounds_m = [-math.inf, math.inf]
    for side, (name, altitude) in enumerate(
        (("altitude_lower", wired.altitude_lower), ("altitude_upper", wired.altitude_upper))
    ):
        if altitude is None:
            continue
        if altitude.reference != "W84" or altitude.units != "M":
            raise InvalidValueError(name, "it must be given with reference 'W84' and units 'M'")
        try:
            bounds_m[side] = Altitude(value=altitude.value).value_m
        except InvalidValueError as error:
            raise error.within(name) from None
    return AltitudeBand(lower_m=bounds_m[0], upper_m=bounds_m[1])


def _instant(wired: wire.Time | None, path: str) -> datetime | None:
    if wired is None:
        return None
    if wired.format != "RFC3339":
        raise InvalidValueError(f"{path}.format", f"it must be 'RFC3339', not {wired.format[:40]!r}")
    return instant_within(wired.value, f"{path}.value")


def instant_within(text: str, path: str) -> datetime:
    """Read an instant of the years that are kept.

    Raises:
        InvalidValueError: It is none.
    """
    try:
        instant = instant_of_text(text)
    except InvalidValueError as error:
        raise error.within(path) from None
    if not TIME_MIN <= instant <= TIME_MAX:
        raise InvalidValueError(path, "it is outside the years 1900 to 2199")
    return instant


def _check_areas(spaces: Sequence[Volume3D]) -> None:
    vertex_count = sum(len(s.outline.vertices) for s in spaces if isinstance(s.outline, Polygon))
    if vertex_count > VERTICES_TOTAL_MAX:
        reason = f"{vertex_count:,} vertices are over the limit of {VERTICES_TOTAL_MAX:,}"
        raise InvalidValueError("extents", reason)
    areas = areas_km2([space.outline for space in spaces])
    if max(areas) > AREA_MAX_KM2:
        reason = f"the area of {max(areas):,.0f} km2 is too large; the limit is {AREA_MAX_KM2:,.0f} km2"
        raise InvalidValueError("extents", reason)
    if sum(areas) > AREA_TOTAL_MAX_KM2:
        reason = f"the areas of {sum(areas):,.0f} km2 together are too large; the limit is"
        raise InvalidValueError("extents", f"{reason} {AREA_TOTAL_MAX_KM2:,.0f} km2")


def areas_km2(outlines: Sequence[Outline]) -> list[float]:
    """Return the areas of outlines, square kilometres, to a hundredth of each."""
    found = []
    for outline in outlines:
        if isinstance(outline, Circle):
            found.append(math.pi * outline.radius_m**2 / 1e6)
            continue
        ring = np.asarray(outline.vertices if isinstance(outline, Polygon) else outline.ring_deg())
        found.append(_ring_km2(ring))
    return found


def _ring_km2(ring_deg: Floats) -> float:
    # Triangles between the middle and each edge, with a sign: poles and long edges are as any other place.
    ends = unit_vectors(ring_deg[:, 0], ring_deg[:, 1])
    nexts = np.roll(ends, -1, axis=0)
    middle = ends.sum(axis=0)
    middle /= np.linalg.norm(middle)
    across = np.cross(ends, nexts) @ middle
    along = 1.0 + (ends * nexts).sum(axis=1) + ends @ middle + nexts @ middle
    return abs(float(2.0 * np.arctan2(across, along).sum())) * _MEAN_RADIUS_KM**2
