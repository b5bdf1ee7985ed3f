"""Reading what is asked of a DSS by ASTM F3411's interface, 22a (v2) and 19 (v1)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from keepclear.codec.f3411 import dss_wire as wire
from keepclear.codec.f3548.dss_reading import (
    base_url,
    check_open,
    decode,
    digest_of,
    id_of,
    instant_within,
    open_volume,
)
from keepclear.core.altitudes import UNBOUNDED, Altitude, AltitudeBand
from keepclear.core.dss_requests import PutIdentification
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.ovn import is_version
from keepclear.core.shapes import VERTICES_MAX, Polygon
from keepclear.core.volumes import Volume3D

PutBody = wire.PutIdentification | wire.PutAreaV1 | wire.PutSubscriptionV1
"""What creates or changes something."""

_NUMBER: Final = re.compile(r" *[-+]?[0-9]{1,20}(?:\.[0-9]{0,40})?(?:[eE][-+]?[0-9]{1,3})? *")


class Search(NamedTuple):
    """What is looked for.

    Attributes:
        space: Where, at any height.
        earliest: What ends before it is of no interest; None for now.
        latest: What starts after it is of no interest; None for no such time.
    """

    space: Volume3D
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentificationReader:
    """Reads what is to be created or changed.

    Attributes:
        allows_http: Whether base URLs may be of http too: for trying out, where nothing is secret.
    """

    allows_http: bool = False

    def put(self, data: bytes, kind: type[PutBody], entity_id: str, version: str | None) -> PutIdentification:
        """Read a service area or a subscription that is to be created (`version` None) or changed.

        Args:
            data: The body.
            kind: What the body holds.
            entity_id: Its id.
            version: The version to be replaced.

        Raises:
            InvalidValueError: Something in it is wrong.
        """
        entity_id = id_of(entity_id)
        if version is not None:
            version = version_of(version)
        body = decode(data, kind)
        if isinstance(body, wire.PutIdentification):
            space, start, end = open_volume(body.extents)
            url, field = body.uss_base_url, "uss_base_url"
        else:
            space, start, end = _volume_v1(body.extents)
            url, field = _url_v1(body)
        return PutIdentification(
            id=entity_id,
            version=version,
            space=space,
            start=start,
            end=end,
            uss_base_url=base_url(url, field, allows_http=self.allows_http),
            api=body.api,
            digest=digest_of(kind.__name__, entity_id, version, body),
        )


def version_of(text: str) -> str:
    """Return a version as the service gives them.

    Raises:
        InvalidValueError: It is none.
    """
    if not is_version(text):
        reason = f"{text[:60]!r} is no version; the path must end in the one that the service answered with"
        raise InvalidValueError("version", reason)
    return text


def search(query: Mapping[str, str]) -> Search:
    """Read what is looked for.

    Args:
        query: What the query says, by name: `area`, and perhaps `earliest_time` and `latest_time`.

    Raises:
        InvalidValueError: Something in it is wrong.
    """
    text = query.get("area")
    if text is None:
        raise InvalidValueError("area", "it is missing; give area=lat,lng,lat,lng,lat,lng")
    times = (
        None if (given := query.get(name)) is None else instant_within(given, name)
        for name in ("earliest_time", "latest_time")
    )
    return Search(Volume3D(outline=area_of(text), altitude=UNBOUNDED), *times)


def area_of(text: str) -> Polygon:
    """Read a polygon that is written as `lat,lng,lat,lng,...`; its last vertex is not its first.

    Raises:
        InvalidValueError: It is none.
    """
    count = text.count(",") + 1
    if count > 2 * VERTICES_MAX:
        raise InvalidValueError("area", f"{count:,} numbers are over the limit of {2 * VERTICES_MAX:,}")
    words = text.split(",")
    if len(words) % 2:
        raise InvalidValueError("area", f"{count} is an odd count of numbers; write lat,lng,lat,lng,...")
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise InvalidValueError("area", f"{word[:40]!r} is no number of degrees, such as 46.5")
    degrees = [float(word) for word in words]
    vertices = tuple(LatLng(lat, lng) for lat, lng in zip(degrees[::2], degrees[1::2], strict=True))
    try:
        return Polygon(vertices=vertices)
    except InvalidValueError as error:
        raise error.within("area") from None


def _volume_v1(wired: wire.VolumeV1) -> tuple[Volume3D, datetime | None, datetime | None]:
    path = "extents.spatial_volume"
    space = wired.spatial_volume
    try:
        outline = Polygon(vertices=tuple(LatLng(point.lat, point.lng) for point in space.footprint.vertices))
    except InvalidValueError as error:
        raise error.within(f"{path}.footprint") from None
    bounds_m = [-math.inf, math.inf]
    for side, (name, value) in enumerate(
        (("altitude_lo", space.altitude_lo), ("altitude_hi", space.altitude_hi))
    ):
        if value is not None:
            try:
                bounds_m[side] = Altitude(value=value).value_m
            except InvalidValueError as error:
                raise InvalidValueError(f"{path}.{name}", error.reason) from None
    try:
        band = AltitudeBand(lower_m=bounds_m[0], upper_m=bounds_m[1])
    except InvalidValueError as error:
        raise error.within(path) from None
    start, end = (
        None if text is None else instant_within(text, f"extents.{name}")
        for name, text in (("time_start", wired.time_start), ("time_end", wired.time_end))
    )
    volume = Volume3D(outline=outline, altitude=band)
    check_open(volume, start, end)
    return volume, start, end


def _url_v1(body: wire.PutAreaV1 | wire.PutSubscriptionV1) -> tuple[str, str]:
    if isinstance(body, wire.PutAreaV1):
        return body.flights_url, "flights_url"
    field = "callbacks.identification_service_area_url"
    return body.callbacks.identification_service_area_url, field
