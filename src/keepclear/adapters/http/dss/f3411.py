"""The endpoints of ASTM F3411: 22a, which is version 2 of the interface, and 19, which is version 1.

Both tell of the same areas and subscriptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from keepclear.adapters.http.dss.endpoints import DssCall, DssEndpoint, Told, scopes
from keepclear.codec.f3411 import dss_answers, dss_reading
from keepclear.codec.f3411 import dss_wire as wire
from keepclear.codec.f3411.dss_reading import IdentificationReader, PutBody, Search, version_of
from keepclear.codec.f3548.dss_reading import AREA_MAX_KM2, areas_km2, id_of
from keepclear.node.dss import identification
from keepclear.node.dss.callers import Scope
from keepclear.node.dss.identification import AreaChanged, AreaSubscribed
from keepclear.node.dss.refusals import TooLargeError

_CONFLICT: Final = HTTPStatus.CONFLICT
_NOT_FOUND: Final = HTTPStatus.NOT_FOUND
_TOO_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS
_AREA: Final = ("area", True)
_TIMES: Final = (("earliest_time", False), ("latest_time", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """What the two versions do differently.

    Attributes:
        api: How it is called.
        prefix: Where its paths begin.
        provides: The scope of who tells where flights are.
        displays: The scope of who shows them.
        reads_area: The scopes with which an area is read by its id.
        put_area: What the body of an area is.
        put_subscription: What the body of a subscription is.
        area: How an area is told.
        subscription: How a subscription is told.
    """

    api: str
    prefix: str
    provides: Scope
    displays: Scope
    reads_area: tuple[str, ...]
    put_area: type[PutBody]
    put_subscription: type[PutBody]
    area: Any
    subscription: Any


_V2: Final = _Interface(
    api=wire.V2,
    prefix="/rid/v2/dss",
    provides=Scope.SERVICE_PROVIDER,
    displays=Scope.DISPLAY_PROVIDER,
    reads_area=scopes(Scope.DISPLAY_PROVIDER, Scope.SERVICE_PROVIDER),
    put_area=wire.PutIdentification,
    put_subscription=wire.PutIdentification,
    area=wire.ServiceArea,
    subscription=wire.AreaSubscription,
)
_V1: Final = _Interface(
    api=wire.V1,
    prefix="/v1/dss",
    provides=Scope.WRITE_AREAS,
    displays=Scope.READ_AREAS,
    reads_area=scopes(Scope.READ_AREAS),
    put_area=wire.PutAreaV1,
    put_subscription=wire.PutSubscriptionV1,
    area=wire.ServiceAreaV1,
    subscription=wire.AreaSubscriptionV1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class F3411Endpoints:
    """See the module.

    Attributes:
        allows_http: Whether base URLs may be of http too.
    """

    allows_http: bool = False

    def endpoints(self) -> Sequence[DssEndpoint]:
        """Return all of them; those of the newer version come first."""
        reader = IdentificationReader(allows_http=self.allows_http)
        return [
            each for face in (_V2, _V1) for each in (*_areas(face, reader), *_subscriptions(face, reader))
        ]


def _areas(face: _Interface, reader: IdentificationReader) -> Sequence[DssEndpoint]:
    path = f"{face.prefix}/identification_service_areas"

    def put(call: DssCall) -> Told:
        asked = reader.put(call.body, face.put_area, call.path["id"], call.path.get("version"))
        return lambda work, _: _changed(identification.put_area(work, asked), face)

    def delete(call: DssCall) -> Told:
        area_id, version = id_of(call.path["id"]), version_of(call.path["version"])
        return lambda work, _: _changed(identification.delete_area(work, area_id, version), face)

    def get(call: DssCall) -> Told:
        area_id = id_of(call.path["id"])
        return lambda work, _: wire.AreaAnswer(
            dss_answers.area(identification.get_area(work, area_id), face.api)
        )

    def find(call: DssCall) -> Told:
        asked = _search(call.query)
        return lambda work, _: wire.AreasAnswer(
            [dss_answers.area(each, face.api) for each in identification.query_areas(work, *asked)]
        )

    return [
        DssEndpoint(
            method="GET",
            path=path,
            summary="Find identification service areas in an area",
            scopes=scopes(face.displays),
            read=find,
            query=(_AREA, *_TIMES),
            answer=_of(wire.AreasAnswer, face.area),
            refusals=(_TOO_LARGE,),
        ),
        DssEndpoint(
            method="PUT",
            path=f"{path}/{{id}}",
            summary="Create an identification service area",
            scopes=scopes(face.provides),
            read=put,
            body=face.put_area,
            answer=_of(wire.AreaChanged, face.area),
            refusals=(_CONFLICT,),
        ),
        DssEndpoint(
            method="GET",
            path=f"{path}/{{id}}",
            summary="Read an identification service area",
            scopes=face.reads_area,
            read=get,
            answer=_of(wire.AreaAnswer, face.area),
            refusals=(_NOT_FOUND,),
        ),
        DssEndpoint(
            method="PUT",
            path=f"{path}/{{id}}/{{version}}",
            summary="Change an identification service area",
            scopes=scopes(face.provides),
            read=put,
            body=face.put_area,
            answer=_of(wire.AreaChanged, face.area),
            refusals=(_CONFLICT,),
        ),
        DssEndpoint(
            method="DELETE",
            path=f"{path}/{{id}}/{{version}}",
            summary="Remove an identification service area",
            scopes=scopes(face.provides),
            read=delete,
            answer=_of(wire.AreaChanged, face.area),
            refusals=(_NOT_FOUND, _CONFLICT),
        ),
    ]


def _subscriptions(face: _Interface, reader: IdentificationReader) -> Sequence[DssEndpoint]:
    path = f"{face.prefix}/subscriptions"

    def put(call: DssCall) -> Told:
        asked = reader.put(call.body, face.put_subscription, call.path["id"], call.path.get("version"))
        return lambda work, _: _subscribed(identification.put_area_subscription(work, asked), face)

    def delete(call: DssCall) -> Told:
        name, version = id_of(call.path["id"]), version_of(call.path["version"])
        return lambda work, _: wire.AreaSubscriptionAnswer(
            dss_answers.subscription(identification.delete_area_subscription(work, name, version), face.api)
        )

    def get(call: DssCall) -> Told:
        name = id_of(call.path["id"])
        return lambda work, _: wire.AreaSubscriptionAnswer(
            dss_answers.subscription(identification.get_area_subscription(work, name), face.api)
        )

    def find(call: DssCall) -> Told:
        space = _search(call.query).space
        return lambda work, _: wire.AreaSubscriptionsAnswer(
            [
                dss_answers.subscription(each, face.api)
                for each in identification.query_area_subscriptions(work, space)
            ]
        )

    return [
        DssEndpoint(
            method="GET",
            path=path,
            summary="Find one's own subscriptions to service areas in an area",
            scopes=scopes(face.displays),
            read=find,
            query=(_AREA,),
            answer=_of(wire.AreaSubscriptionsAnswer, face.subscription),
            refusals=(_TOO_LARGE,),
        ),
        DssEndpoint(
            method="PUT",
            path=f"{path}/{{id}}",
            summary="Create a subscription to service areas",
            scopes=scopes(face.displays),
            read=put,
            body=face.put_subscription,
            answer=_of(wire.AreaSubscriptionChanged, face.subscription, face.area),
            refusals=(_CONFLICT, _TOO_MANY),
        ),
        DssEndpoint(
            method="GET",
            path=f"{path}/{{id}}",
            summary="Read a subscription to service areas",
            scopes=scopes(face.displays, face.provides),
            read=get,
            answer=_of(wire.AreaSubscriptionAnswer, face.subscription),
            refusals=(_NOT_FOUND,),
        ),
        DssEndpoint(
            method="PUT",
            path=f"{path}/{{id}}/{{version}}",
            summary="Change a subscription to service areas",
            scopes=scopes(face.displays),
            read=put,
            body=face.put_subscription,
            answer=_of(wire.AreaSubscriptionChanged, face.subscription, face.area),
            refusals=(_CONFLICT, _TOO_MANY),
        ),
        DssEndpoint(
            method="DELETE",
            path=f"{path}/{{id}}/{{version}}",
            summary="Remove a subscription to service areas",
            scopes=scopes(face.displays),
            read=delete,
            answer=_of(wire.AreaSubscriptionAnswer, face.subscription),
            refusals=(_NOT_FOUND, _CONFLICT),
        ),
    ]


def _of(kind: Any, *held: Any) -> Any:
    """Return a kind of answer that holds what one version of the interface has."""
    return kind[held]


def _search(query: Mapping[str, str]) -> Search:
    asked = dss_reading.search(query)
    size_km2 = areas_km2([asked.space.outline])[0]
    if size_km2 > AREA_MAX_KM2:
        raise TooLargeError(
            f"the area of {size_km2:,.0f} km2 is too large; the limit is {AREA_MAX_KM2:,.0f} km2,"
            " so ask in parts"
        )
    return asked


def _changed(changed: AreaChanged, face: _Interface) -> Any:
    told = dss_answers.subscribers(changed.notified)
    return wire.AreaChanged(dss_answers.area(changed.area, face.api), told)


def _subscribed(subscribed: AreaSubscribed, face: _Interface) -> Any:
    areas = [dss_answers.area(each, face.api) for each in subscribed.areas]
    return wire.AreaSubscriptionChanged(dss_answers.subscription(subscribed.subscription, face.api), areas)
