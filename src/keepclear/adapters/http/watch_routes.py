"""The watch by the API: tracks, alerts, feeds, positions that are given, moments of the past."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import report_of
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.watch_bodies import (
    alert_body,
    alerts_body,
    state_body,
    tracks_body,
    trail_body,
)
from keepclear.adapters.http.wire_watch import (
    Acknowledging,
    AlertBody,
    Alerts,
    AlertsQuery,
    MomentQuery,
    Recordings,
    TrackDetail,
    WatchMoment,
    WatchState,
    WatchTracks,
)
from keepclear.adapters.watching.rounds import CycleFailedError, Rounds
from keepclear.codec.properties import instant_of_text
from keepclear.core.alerts import Alert, UnknownAlertError
from keepclear.core.errors import InvalidValueError
from keepclear.core.reports import Report, gather
from keepclear.core.signals import Urgency
from keepclear.core.times import floor_ms
from keepclear.core.tracks import AGE_MAX_S, FUTURE_MAX_S
from keepclear.node.access import Role
from keepclear.node.outcomes import StateRefusedError
from keepclear.node.watch import NotWatchedError

_OK = HTTPStatus.OK
_MISSING: Final = (HTTPStatus.NOT_FOUND,)
_NOT_TAKEN: Final = ("duplicates", "stale", "from_future", "no_room", "jumps")
"""Why a position that can be what it says changes nothing; see `Taken`."""


class WatchRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._one_moment = asyncio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        officer = Role.DUTY_OFFICER
        return [
            Endpoint(method="GET", path="/v1/watch", handler=self._state,
                     summary="What the watch sees, what it does not, and how its feeds are.",
                     answers={_OK: WatchState}),
            Endpoint(method="GET", path="/v1/tracks", handler=self._tracks,
                     summary="The latest positions, and how they stand to what is declared.",
                     answers={_OK: WatchTracks}),
            Endpoint(method="POST", path="/v1/tracks", handler=self._take, role=officer,
                     summary="Give positions.", answers={_OK: wire.TracksTaken}, body=wire.TracksBody,
                     media_types=(JSON,)),
            Endpoint(method="GET", path="/v1/tracks/{id}", handler=self._track,
                     summary="One aircraft, with its trail.", answers={_OK: TrackDetail}, refusals=_MISSING),
            Endpoint(method="GET", path="/v1/alerts", handler=self._alerts,
                     summary="Alerts, the most urgent first.", answers={_OK: Alerts}, query=AlertsQuery),
            Endpoint(method="GET", path="/v1/alerts/{alert}", handler=self._alert,
                     summary="One alert, with its history.", answers={_OK: AlertBody}, refusals=_MISSING),
            Endpoint(method="POST", path="/v1/alerts/{alert}/acknowledgement", handler=self._acknowledge,
                     role=officer, summary="Acknowledge an alert.", answers={_OK: AlertBody},
                     body=Acknowledging, media_types=(JSON,),
                     refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)),
            Endpoint(method="GET", path="/v1/recordings", handler=self._recordings,
                     summary="Of which times there is a recording.", answers={_OK: Recordings}),
            Endpoint(method="GET", path="/v1/moments", handler=self._moment,
                     summary="Everything as it was known at an instant of the past.",
                     answers={_OK: WatchMoment}, query=MomentQuery, refusals=_MISSING),
        ]  # fmt: skip

    async def _state(self, _: Call) -> Reply:
        done = await self._node.watched()
        return Reply(body=state_body(done, self._node.rule_set))

    async def _tracks(self, _: Call) -> Reply:
        done = await self._node.watched()
        return Reply(body=await asyncio.to_thread(tracks_body, done.cycle))

    async def _track(self, call: Call) -> Reply:
        aircraft = call.path
        done = await self._node.watched()
        picture = done.cycle.picture
        if aircraft not in picture.ids:
            raise NotWatchedError(f"nobody tells of {aircraft!r}; GET /v1/tracks lists what is seen")
        row = picture.ids.index(aircraft)
        trail = await asyncio.wrap_future(
            self._node.watching.ask(lambda rounds: rounds.watch.trail(aircraft))
        )
        body = tracks_body(done.cycle).tracks[row]
        return Reply(body=TrackDetail(track=body, trail=trail_body(trail), twins=list(picture.twins[row])))

    async def _take(self, call: Call) -> Reply:
        bodies = call.body.positions
        limit = self._node.settings.limits.tracks
        if len(bodies) > limit:
            raise InvalidValueError("positions", f"{len(bodies)} are over the limit of {limit}")
        reports, places, ignored = [], [], []
        now_ms = floor_ms(self._node.clock())
        for place, body in enumerate(bodies):
            try:
                reports.append(_checked(body, now_ms))
                places.append(place)
            except InvalidValueError as error:
                ignored.append(wire.Ignored(index=place, reason=str(error)))
        gathered = gather(f"api:{call.granted.actor.person}", reports, now_ms)
        ignored += [wire.Ignored(index=places[one.row], reason=one.reason) for one in gathered.refused]
        ignored.sort(key=lambda one: one.index)
        taken = await asyncio.wrap_future(
            self._node.watching.ask(lambda rounds: rounds.give(gathered.reports))
        )
        not_taken = {name: getattr(taken, name) for name in _NOT_TAKEN if getattr(taken, name)}
        return Reply(body=wire.TracksTaken(accepted=taken.taken, ignored=ignored, not_taken=not_taken))

    async def _alerts(self, call: Call) -> Reply:
        done = await self._node.watched()
        ended: Sequence[Alert] = ()
        if call.query.ended:
            ended = await asyncio.wrap_future(
                self._node.watching.ask(lambda rounds: rounds.watch.ended_alerts())
            )
        return Reply(body=alerts_body(done.cycle, ended, call.query.limit))

    async def _alert(self, call: Call) -> Reply:
        return Reply(body=await self._found(call.path))

    async def _found(self, alert_id: str) -> AlertBody:
        found = await asyncio.wrap_future(
            self._node.watching.ask(lambda rounds: rounds.watch.alert(alert_id))
        )
        if found is None:
            raise UnknownAlertError(alert_id)
        done = await self._node.watched()
        return alert_body(found, done.cycle.paths(found))

    async def _acknowledge(self, call: Call) -> Reply:
        alert_id, person, read = call.path, call.granted.actor.person, Urgency(call.body.urgency)

        def acknowledged(rounds: Rounds) -> None:
            alert = rounds.watch.alert(alert_id)
            if alert is not None and alert.urgency.rank > read.rank:
                raise StateRefusedError(
                    f"{alert_id} is a {alert.urgency.value} by now; look at it, and acknowledge it as that"
                )
            rounds.acknowledge(alert_id, person)
            with contextlib.suppress(CycleFailedError):  # it is acknowledged; the fault is told elsewhere
                rounds.round()  # so that every screen shows it at once

        await asyncio.wrap_future(self._node.watching.ask(acknowledged))
        return Reply(body=await self._found(alert_id))

    async def _recordings(self, _: Call) -> Reply:
        return Reply(body=await asyncio.to_thread(self._node.past.recordings))

    async def _moment(self, call: Call) -> Reply:
        at_ms = floor_ms(instant_of_text(call.query.at))
        async with self._one_moment:  # they would wait in all threads of the loop, and everything behind them
            return Reply(body=await asyncio.to_thread(self._node.past.moment, at_ms))


def _checked(body: wire.TrackBody, now_ms: int) -> Report:
    """Return a position as a report; the time of what is given by the API must be about now.

    Raises:
        InvalidValueError: Its time is none, or too far from now.
    """
    report = report_of(body)
    if report.at_ms - now_ms > FUTURE_MAX_S * 1000.0:
        raise InvalidValueError("at", f"it is more than {FUTURE_MAX_S:g} s in the future")
    if now_ms - report.at_ms > AGE_MAX_S * 1000.0:
        raise InvalidValueError("at", f"it is older than {AGE_MAX_S:g} s")
    return report
